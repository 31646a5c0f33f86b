"""Locks whose holders or waiters die, under each start method: what only shoal promises."""

from __future__ import annotations

import os
from typing import Any

import pytest

import lock_targets as targets
import shoal
from children import ended_well, killed, run, running, wait_until_asleep, when_this_thread_sleeps
from waiting import DEADLINE


@pytest.mark.parametrize("args", [(), (False,), (True, 0), (True, DEADLINE)])
@pytest.mark.parametrize("target", [targets.acquire_and_die, targets.acquire])
def test_the_next_has_a_dead_holders_lock_and_is_warned(
    shoal_context: Any, target: Any, args: Any
) -> None:
    lock = shoal_context.Lock()
    with running(shoal_context, target, lock) as process:
        process.join(DEADLINE)
        pid = process.pid
    assert (lock.locked(), lock.owner()) == (True, pid)
    with pytest.warns(shoal.OwnerDiedWarning, match="half changed"):
        assert lock.acquire(*args) is True
    assert lock.owner() == os.getpid()
    lock.release()
    assert lock.acquire(False)  # told once
    lock.release()


def test_a_warning_made_an_error_leaves_the_lock_free() -> None:
    context = shoal.get_context("fork")
    lock = context.Lock()
    run(context, targets.acquire, lock)
    with pytest.raises(shoal.OwnerDiedWarning):  # the tests' filters make it one
        lock.acquire()
    assert lock.owner() is None


def test_who_waits_for_a_killed_holder_goes_on(shoal_context: Any) -> None:
    lock = shoal_context.Lock()
    here, there = shoal_context.Pipe()
    with here, there, running(shoal_context, targets.hold, lock, there) as holder:
        assert here.poll(DEADLINE)
        assert here.recv() == lock.owner() == holder.pid
        with (
            pytest.warns(shoal.OwnerDiedWarning),
            when_this_thread_sleeps(lambda: killed(holder)),
        ):
            assert lock.acquire()
    assert lock.owner() == os.getpid()
    lock.release()


def test_a_killed_waiter_stops_nobody(shoal_context: Any) -> None:
    lock = shoal_context.Lock()
    here, there = shoal_context.Pipe()
    lock.acquire()
    with (
        here,
        there,
        running(shoal_context, targets.acquire_and_answer, lock, there) as victim,
        running(shoal_context, targets.acquire_and_answer, lock, there) as survivor,
    ):
        for _ in (victim, survivor):
            assert here.poll(DEADLINE)
            assert here.recv() == "waiting"
        wait_until_asleep(victim.pid)
        wait_until_asleep(survivor.pid)
        killed(victim)
        lock.release()
        assert here.poll(DEADLINE)
        assert here.recv() is True
        assert lock.owner() == survivor.pid
        here.send(None)
        ended_well(survivor)
    assert lock.acquire(False)
    lock.release()
