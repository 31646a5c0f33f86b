"""Shutdown of joinable queues: what join then waits for."""

from __future__ import annotations

from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import (
    run,
    when_this_thread_sleeps,
)
from shoal.queues import JoinableQueue
from waiting import DEADLINE


def test_join_after_an_immediate_one_has_nothing_to_wait_for() -> None:
    jobs: Any = JoinableQueue()
    jobs.put_many(range(10_000))
    jobs.shutdown(immediate=True)
    assert jobs.join(0) is True
    assert jobs.join() is True
    with pytest.raises(ValueError, match="too many times"):
        jobs.task_done()


def test_join_that_waits_ends_by_an_immediate_one() -> None:
    jobs: Any = JoinableQueue()
    jobs.put_many(range(10))
    with when_this_thread_sleeps(lambda: jobs.shutdown(True)):
        assert jobs.join(DEADLINE) is True


def test_what_is_in_hand_is_still_to_be_done() -> None:
    jobs: Any = JoinableQueue()
    jobs.put_many(range(3))
    jobs.get()
    jobs.shutdown(immediate=True)
    assert jobs.join(0.01) is False
    with when_this_thread_sleeps(jobs.task_done):
        assert jobs.join() is True


def test_join_waits_for_what_is_left_by_one_that_is_not_immediate() -> None:
    jobs: Any = JoinableQueue()
    jobs.put(1)
    jobs.shutdown()
    assert jobs.join(0.01) is False
    assert jobs.get() == 1
    jobs.task_done()
    assert jobs.join() is True


def test_the_dead_are_missed_after_shutdown(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(5))
    run(shoal_context, targets.take_and_leave, jobs, 2)
    jobs.shutdown(immediate=True)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    assert caught.value.items == 2
    jobs.task_done()
    jobs.task_done()
    assert jobs.join() is True
