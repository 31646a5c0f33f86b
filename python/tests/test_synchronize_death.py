"""Holders and waiters that die: nobody waits for them. What only shoal promises."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

import pytest

import lock_targets
import shoal
from children import when_this_thread_sleeps
from peers import Peer, in_another_thread
from waiting import DEADLINE


@pytest.fixture(params=["Lock", "RLock"])
def noun(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def is_free(lock: Any) -> bool:
    if not lock.acquire(False):
        return False
    lock.release()
    return True


# ---------------------------------------------------------------- locks


@pytest.mark.parametrize("target", [lock_targets.acquire_and_die, lock_targets.acquire])
def test_the_next_has_a_dead_holders_rlock_once_and_is_warned(
    shoal_context: Any, target: Any
) -> None:
    lock = shoal_context.RLock()
    run_to_its_end(shoal_context, target, lock)
    assert lock.locked()
    with pytest.warns(shoal.OwnerDiedWarning, match="half changed") as warned:
        assert lock.acquire() is True
    assert len(warned) == 1
    assert (lock._count(), lock.owner()) == (1, os.getpid())
    assert lock.acquire()  # no further warning
    lock.release()
    lock.release()
    assert in_another_thread(lambda: is_free(lock))


def run_to_its_end(context: Any, target: Any, *args: Any) -> int:
    process = context.Process(target=target, args=args)
    process.start()
    process.join(DEADLINE)
    pid = process.pid
    process.close()
    return int(pid)


def test_a_dead_holders_depth_goes_with_it(shoal_context: Any) -> None:
    lock = shoal_context.RLock()
    with Peer(shoal_context, lock) as peer:
        for _ in range(3):
            peer.do("acquire")
        with pytest.warns(shoal.OwnerDiedWarning), when_this_thread_sleeps(peer.kill):
            assert lock.acquire()
    assert lock._count() == 1
    lock.release()
    assert in_another_thread(lambda: is_free(lock))


def test_a_child_is_warned_as_well(shoal_context: Any, noun: str) -> None:
    lock = getattr(shoal_context, noun)()
    with Peer(shoal_context, lock) as victim, Peer(shoal_context, lock) as peer:
        victim.do("acquire")
        peer.sleep_in("acquire")
        victim.kill()
        assert peer.answer() is True
        assert peer.warned == ["OwnerDiedWarning"]
        peer.do("release")
        assert (peer.do("acquire"), peer.warned) == (True, [])
        peer.do("release")
        peer.end()


def test_a_lock_that_raises_stays_the_dead_holders_until_released(
    shoal_context: Any, noun: str
) -> None:
    lock = getattr(shoal_context, noun)(on_owner_death="raise")
    with Peer(shoal_context, lock) as peer:
        pid = peer.pid
        peer.do("acquire")
        with (
            when_this_thread_sleeps(peer.kill),
            pytest.raises(shoal.OwnerDiedError, match=f"held by process {pid}, which has died"),
        ):
            lock.acquire()
    for call in (lambda: lock.acquire(False), lambda: lock.acquire(timeout=1), lock.__enter__):
        with pytest.raises(shoal.OwnerDiedError, match=str(pid)):
            call()
    assert (lock.locked(), lock.owner(), lock._is_mine()) == (True, pid, False)
    lock.release()  # once it is put in order
    assert not lock.locked()
    assert is_free(lock)
    with pytest.raises((ValueError, AssertionError), match=r"too many times|not owned"):
        lock.release()


def test_a_lock_that_raises_does_so_in_a_child(shoal_context: Any, noun: str) -> None:
    lock = getattr(shoal_context, noun)(on_owner_death="raise")
    run_to_its_end(shoal_context, lock_targets.acquire_and_die, lock)
    with Peer(shoal_context, lock) as peer:
        with pytest.raises(shoal.OwnerDiedError):
            peer.do("acquire")
        peer.do("release")
        assert peer.do("acquire") is True
        peer.do("release")
        peer.end()
    assert is_free(lock)


@pytest.mark.parametrize("choice", ["ignore", "", None, 1])
def test_another_choice_is_refused(noun: str, choice: Any) -> None:
    with pytest.raises(ValueError, match="on_owner_death must be one of 'warn', 'raise'"):
        getattr(shoal, noun)(on_owner_death=choice)
    with pytest.raises(ValueError, match="on_party_death must be one of 'break', 'shrink'"):
        shoal.Barrier(2, on_party_death=choice)


# ---------------------------------------------------------------- semaphores and events


@pytest.mark.parametrize("what", ["RLock", "Semaphore", "tracked Semaphore"])
def test_a_killed_waiter_takes_nothing_with_it(shoal_context: Any, what: str) -> None:
    made = {
        "RLock": shoal_context.RLock,
        "Semaphore": shoal_context.Semaphore,
        "tracked Semaphore": lambda: shoal_context.Semaphore(track_holders=True),
    }[what]()
    made.acquire()
    with Peer(shoal_context, made) as victim, Peer(shoal_context, made) as survivor:
        for peer in (victim, survivor):
            peer.sleep_in("acquire")
        victim.kill()
        made.release()
        assert survivor.answer() is True
        survivor.do("release")
        survivor.end()
    assert in_another_thread(lambda: is_free(made))


@pytest.mark.parametrize("noun", ["Semaphore", "BoundedSemaphore"])
@pytest.mark.parametrize("target", [lock_targets.acquire_and_die, lock_targets.acquire])
def test_who_tracks_holders_gets_the_permits_of_the_dead_back(
    shoal_context: Any, noun: str, target: Any
) -> None:
    semaphore = getattr(shoal_context, noun)(2, track_holders=True)
    for _ in range(4):
        run_to_its_end(shoal_context, target, semaphore)
    assert semaphore.acquire(False)
    assert semaphore.acquire(timeout=DEADLINE)
    assert not semaphore.acquire(False)
    semaphore.release()
    semaphore.release()
    assert semaphore.get_value() == 2


def test_a_permit_of_the_dead_goes_to_who_waits(shoal_context: Any) -> None:
    semaphore = shoal_context.BoundedSemaphore(1, track_holders=True)
    with Peer(shoal_context, semaphore) as holder:
        holder.do("acquire")
        with when_this_thread_sleeps(holder.kill):
            assert semaphore.acquire(timeout=DEADLINE)
    semaphore.release()
    with pytest.raises(ValueError, match="too many times"):
        semaphore.release()


def test_without_tracking_permits_of_the_dead_are_gone(shoal_context: Any) -> None:
    semaphore = shoal_context.BoundedSemaphore(2)
    run_to_its_end(shoal_context, lock_targets.acquire_and_die, semaphore)
    assert semaphore.get_value() == 1
    semaphore.release()  # by somebody who knows
    assert semaphore.get_value() == 2


def test_the_death_of_a_waiter_does_not_keep_an_event_from_others(shoal_context: Any) -> None:
    event = shoal_context.Event()
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(shoal_context, event)) for _ in range(3)]
        for peer in peers:
            peer.sleep_in("wait")
        peers[0].kill()
        assert [who[0] for who in event.waiters()] == [peer.pid for peer in peers[1:]]
        event.set()
        for peer in peers[1:]:
            assert peer.answer() is True
            peer.end()
