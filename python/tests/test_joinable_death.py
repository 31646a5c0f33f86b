"""Joinable queues whose consumers die: join says who, and how much is lost."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import (
    killed,
    run,
    running,
    wait_until_asleep,
    when_this_thread_sleeps,
)
from shoal.queues import JoinableQueue
from waiting import DEADLINE, wait_until


@contextmanager
def holding(context: Any, jobs: Any, count: int) -> Iterator[Any]:
    """A child with so many items in hand."""
    ready, gate = context.Pipe(duplex=False)
    with ready, gate, running(context, targets.hold, jobs, gate, count) as process:
        assert ready.poll(DEADLINE)
        assert ready.recv() == process.pid
        yield process


def joinable(*items: Any) -> Any:
    jobs = JoinableQueue()
    for item in items:
        jobs.put(item)
    return jobs


# ---------------------------------------------------------------- death


def test_a_consumer_that_was_killed_before_join_is_named(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(3))
    with holding(shoal_context, jobs, 2) as victim:
        assert jobs.join(0) is False  # who holds them is alive
        killed(victim)
        for timeout in (None, DEADLINE):
            with pytest.raises(shoal.ConsumerDiedError, match="2 items") as caught:
                jobs.join(timeout)
            assert (caught.value.pid, caught.value.items) == (victim.pid, 2)
    jobs.get()
    jobs.task_done()
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    assert caught.value.items == 2


def test_a_consumer_that_is_killed_while_join_waits_is_named(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put(1)
    with holding(shoal_context, jobs, 1) as victim:
        with (
            when_this_thread_sleeps(lambda: os.kill(victim.pid, signal.SIGKILL)),
            pytest.raises(shoal.ConsumerDiedError, match=f"process {victim.pid} died") as caught,
        ):
            jobs.join()
        assert (caught.value.pid, caught.value.items) == (victim.pid, 1)
        assert isinstance(caught.value, RuntimeError)


def test_join_goes_on_when_all_was_done_for_the_dead(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(3))
    with holding(shoal_context, jobs, 3) as victim:
        pid = victim.pid
        killed(victim)
    for left in (3, 2, 1):
        with pytest.raises(shoal.ConsumerDiedError) as caught:
            jobs.join(DEADLINE)
        assert (caught.value.pid, caught.value.items) == (pid, left)
        jobs.task_done()
    assert jobs.join(0) is True
    with pytest.raises(ValueError, match="too many times"):
        jobs.task_done()
    jobs.put("next")
    assert jobs.join(0) is False
    jobs.get()
    jobs.task_done()
    assert jobs.join(0) is True


def test_another_process_may_do_it_for_the_dead(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(2))
    with holding(shoal_context, jobs, 2) as victim:
        killed(victim)
    run(shoal_context, targets.do_for_others, jobs, 2)
    assert jobs.join(0) is True


def test_several_dead_are_counted_together(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(6))
    with ExitStack() as stack:
        victims = [stack.enter_context(holding(shoal_context, jobs, i)) for i in (1, 2, 3)]
        pids = [victim.pid for victim in victims]
        for victim, items in zip(victims, (1, 3, 6), strict=True):
            killed(victim)
            with pytest.raises(shoal.ConsumerDiedError) as caught:
                jobs.join(DEADLINE)
            assert caught.value.items == items
            assert caught.value.pid in pids
    for _ in range(6):
        jobs.task_done()
    assert jobs.join(0) is True


def test_a_consumer_that_ends_with_items_in_hand_is_dead_as_well(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(4))
    run(shoal_context, targets.take_and_leave, jobs, 4)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    assert caught.value.items == 4


def test_a_consumer_that_had_done_all_is_not_missed(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(3))
    ready, gate = shoal_context.Pipe(duplex=False)
    with ready, gate, running(shoal_context, targets.do_and_hold, jobs, gate, 2) as victim:
        assert ready.poll(DEADLINE)
        killed(victim)
    assert jobs.join(0.05) is False
    jobs.get()
    jobs.task_done()
    assert jobs.join() is True


def test_a_consumer_that_waits_for_an_item_has_none_in_hand(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    ready, gate = shoal_context.Pipe(duplex=False)
    with ready, gate, running(shoal_context, targets.hold, jobs, gate, 1) as victim:
        wait_until_asleep(victim.pid)
        killed(victim)
    jobs.put(1)
    assert jobs.join(0.05) is False
    jobs.get()
    jobs.task_done()
    assert jobs.join() is True


def test_a_batch_in_the_hand_of_the_dead_is_missed_as_a_whole(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(50))
    ready, gate = shoal_context.Pipe(duplex=False)
    with ready, gate, running(shoal_context, targets.hold_batch, jobs, gate, 20) as victim:
        assert ready.poll(DEADLINE)
        assert ready.recv() == list(range(20))
        pid = victim.pid
        killed(victim)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    assert (caught.value.pid, caught.value.items) == (pid, 20)
    assert jobs.get_many(100) == list(range(20, 50))


def test_what_the_living_end_of_their_own_does_not_hide_the_dead(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(6))
    with holding(shoal_context, jobs, 1) as victim:
        pid = victim.pid
        killed(victim)
    for _ in range(5):
        jobs.get()
        jobs.task_done()
        with pytest.raises(shoal.ConsumerDiedError) as caught:
            jobs.join(DEADLINE)
        assert (caught.value.pid, caught.value.items) == (pid, 1)
    jobs.task_done()
    assert jobs.join(0) is True


def test_an_item_that_was_done_for_the_living_hides_none_of_the_dead(shoal_context: Any) -> None:
    """One takes, another ends: that says nothing of a third, who dies afterwards."""
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(2))
    with holding(shoal_context, jobs, 1) as first:
        jobs.task_done()  # what the first has
        killed(first)
    assert jobs.join(0.05) is False
    with holding(shoal_context, jobs, 1) as second:
        pid = second.pid
        killed(second)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join(DEADLINE)
    assert (caught.value.pid, caught.value.items) == (pid, 1)


def test_all_who_join_learn_of_the_death(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put(1)
    told: list[Any] = []

    def join() -> None:
        try:
            jobs.join()
        except shoal.ConsumerDiedError as error:
            told.append((error.pid, error.items))

    with holding(shoal_context, jobs, 1) as victim:
        threads = [threading.Thread(target=join) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            wait_until_asleep(os.getpid(), thread.native_id)
        killed(victim)
        wait_until(lambda: len(told) == 4)
        for thread in threads:
            thread.join(DEADLINE)
        assert told == [(victim.pid, 1)] * 4


def test_the_death_of_who_joins_stops_nobody(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put(1)
    here, there = shoal_context.Pipe()
    with here, there, running(shoal_context, targets.join_and_tell, jobs, there) as victim:
        assert here.poll(DEADLINE)
        wait_until_asleep(here.recv())
        killed(victim)
    jobs.get()
    with when_this_thread_sleeps(jobs.task_done):
        assert jobs.join(DEADLINE) is True


def test_a_dead_producer_is_no_consumer(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    run(shoal_context, targets.put_all, jobs, 1, 2)
    assert jobs.join(0.05) is False
    for _ in range(2):
        jobs.get()
        jobs.task_done()
    assert jobs.join() is True


# ---------------------------------------------------------------- forks


def test_a_fork_holds_nothing_of_what_its_parent_took() -> None:
    jobs = joinable(1, 2)
    for _ in range(2):
        jobs.get()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert jobs.join(0.05) is False  # this process lives and has them
    pid = os.fork()
    if pid == 0:
        try:
            jobs.task_done()
            jobs.task_done()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert jobs.join(0) is True


def test_what_a_fork_takes_is_its_own() -> None:
    jobs = joinable(1, 2)
    jobs.get()
    pid = os.fork()
    if pid == 0:
        try:
            jobs.get()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    assert (caught.value.pid, caught.value.items) == (pid, 1)


def test_the_death_of_a_holder_that_has_forked_is_noticed(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(2))
    here, there = shoal_context.Pipe()
    with here, running(shoal_context, targets.hold_and_fork, jobs, there, 2) as victim:
        there.close()
        assert here.poll(DEADLINE)
        assert here.recv() == "forked"
        killed(victim)
        with pytest.raises(shoal.ConsumerDiedError) as caught:
            jobs.join()
        assert (caught.value.pid, caught.value.items) == (victim.pid, 2)
        here.send("do it")
        assert here.poll(DEADLINE)
        assert here.recv() == "done"
        assert jobs.join(DEADLINE) is True
        assert here.poll(DEADLINE)
        with pytest.raises(EOFError):
            here.recv()  # the fork has ended


# ---------------------------------------------------------------- the error


def test_the_error_can_be_pickled(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put(1)
    run(shoal_context, targets.take_and_leave, jobs, 1)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    same = pickle.loads(pickle.dumps(caught.value))
    assert type(same) is shoal.ConsumerDiedError is shoal.queues.ConsumerDiedError
    assert (str(same), same.pid, same.items) == (str(caught.value), caught.value.pid, 1)
