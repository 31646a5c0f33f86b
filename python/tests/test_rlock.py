"""The contract of recursive locks, for shoal and for the standard library.

Tests that take `shoal_context`, or make a `shoal.RLock` themselves, are about what only shoal
promises.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

import lock_targets as targets
import shoal
from children import PACKAGES, ended_well, when_this_thread_sleeps
from peers import Peer, held_by_a_thread, in_another_thread
from waiting import DEADLINE

NOT_OWNED = "attempt to release recursive lock not owned by thread"


@pytest.fixture
def lock(implementation: str) -> Any:
    return PACKAGES[implementation].get_context("fork").RLock()


def is_free(lock: Any) -> bool:
    """For another thread, which gives it back."""

    def attempt() -> bool:
        if not lock.acquire(False):
            return False
        lock.release()
        return True

    return bool(in_another_thread(attempt))


# ---------------------------------------------------------------- in one process


def test_its_thread_acquires_it_again_and_releases_it_as_often(lock: Any) -> None:
    for depth in range(1, 5):
        assert lock.acquire() is True
        assert lock._semlock._count() == depth
    for depth in range(4, 0, -1):
        assert not is_free(lock)
        assert lock._semlock._count() == depth
        assert lock.release() is None
    assert is_free(lock)
    assert lock._semlock._count() == 0


def test_with_blocks_may_be_nested(lock: Any) -> None:
    with lock as outer, lock as inner:
        assert (outer, inner) == (True, True)
        with pytest.raises(ZeroDivisionError), lock:
            raise ZeroDivisionError
        assert lock._semlock._count() == 2
    assert is_free(lock)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((False,), {}),
        ((), {"block": False}),
        ((True, 0), {}),
        ((True, -1), {}),
        ((True, float("-inf")), {}),
        ((), {"timeout": 0.01}),
        ((False, 5), {}),
    ],
)
def test_acquire_gives_up_on_what_another_thread_holds(lock: Any, args: Any, kwargs: Any) -> None:
    with held_by_a_thread(lock):
        assert lock.acquire(*args, **kwargs) is False
    assert lock.acquire(*args, **kwargs) is True
    assert lock.acquire(*args, **kwargs) is True  # it never waits for itself
    lock.release()
    lock.release()
    assert is_free(lock)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((True, None, 1), {}), ((), {"blocking": True}), ((True, "soon"), {})],
)
def test_wrong_arguments_are_type_errors(lock: Any, args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError):
        lock.acquire(*args, **kwargs)
    with pytest.raises(TypeError):
        lock.release(1)
    assert is_free(lock)


@pytest.mark.parametrize("timeout", [None, DEADLINE])
def test_acquire_waits_for_the_release(lock: Any, timeout: Any) -> None:
    with (
        held_by_a_thread(lock) as holder,
        when_this_thread_sleeps(holder.give_up),  # type: ignore[attr-defined]
    ):
        assert lock.acquire(timeout=timeout) is True
    assert lock._semlock._count() == 1
    lock.release()


def test_a_timeout_is_a_number_and_may_be_endless() -> None:
    lock = shoal.RLock()
    with pytest.raises(ValueError, match="NaN"):
        lock.acquire(timeout=float("nan"))
    assert is_free(lock)
    for timeout in (float("inf"), 1e300):
        with (
            held_by_a_thread(lock) as holder,
            when_this_thread_sleeps(holder.give_up),  # type: ignore[attr-defined]
        ):
            assert lock.acquire(timeout=timeout)
        lock.release()


def test_release_by_who_does_not_hold_it_is_an_assertion_error(lock: Any) -> None:
    with pytest.raises(AssertionError, match=NOT_OWNED):
        lock.release()
    with held_by_a_thread(lock):
        with pytest.raises(AssertionError, match=NOT_OWNED):
            lock.release()
        assert not lock.acquire(False)
    lock.acquire()
    lock.release()
    with pytest.raises(AssertionError, match=NOT_OWNED):
        lock.release()
    assert is_free(lock)


def test_threads_exclude_each_other(lock: Any) -> None:
    counter = shoal.RawValue("i", 0)
    threads = [
        threading.Thread(target=targets.count_up, args=(lock, counter, 300)) for _ in range(4)
    ]
    with lock:
        for thread in threads:
            thread.start()
        assert counter.value == 0
    for thread in threads:
        thread.join(DEADLINE)
    assert counter.value == 1200


def test_its_repr_names_thread_and_depth(lock: Any) -> None:
    assert repr(lock) == "<RLock(None, 0)>"
    with lock, lock:
        assert repr(lock) == "<RLock(MainProcess, 2)>"
        assert in_another_thread(lambda: repr(lock)) == "<RLock(SomeOtherThread, nonzero)>"

    def in_a_thread() -> str:
        with lock:
            return repr(lock)

    assert in_another_thread(in_a_thread) == "<RLock(MainProcess|Another, 1)>"


def test_what_the_standard_library_reaches_for_is_there(lock: Any) -> None:
    inside = lock._semlock
    assert (inside.kind, inside.maxvalue) == (0, 1)
    assert isinstance(inside.handle, int)
    assert (inside._get_value(), inside._is_zero(), inside._is_mine(), inside._count()) == (
        (1, False, False, 0)
    )
    with inside:
        inside.acquire()
        assert (inside._get_value(), inside._is_zero(), inside._is_mine(), inside._count()) == (
            (0, True, True, 2)
        )
        assert in_another_thread(lambda: lock._semlock._is_mine()) is False
        inside.release()
    assert is_free(lock)


def test_it_tells_who_holds_it() -> None:
    lock = shoal.RLock()
    assert (lock.locked(), lock.owner(), lock.holder()) == (False, None, None)
    with held_by_a_thread(lock) as thread:
        assert (lock.locked(), lock.owner()) == (True, os.getpid())
        assert lock.holder()[:2] == (os.getpid(), thread.native_id)
    assert not lock.locked()


def test_who_comes_after_a_thread_that_ended_with_it_is_told() -> None:
    lock = shoal.RLock()
    in_another_thread(lambda: lock.acquire() and lock.acquire())
    with pytest.warns(shoal.OwnerDiedWarning):
        assert lock.acquire()
    assert lock._count() == 1
    lock.release()
    assert is_free(lock)


# ---------------------------------------------------------------- between processes


def test_processes_exclude_each_other(context: Any) -> None:
    lock, counter = context.RLock(), context.RawValue("i", 0)
    workers = [
        context.Process(target=targets.count_up_twice, args=(lock, counter, 200)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    targets.count_up_twice(lock, counter, 200)
    ended_well(*workers)
    assert counter.value == 1200


def test_a_child_does_not_hold_what_its_parent_holds(context: Any) -> None:
    lock = context.RLock()
    with lock, lock, Peer(context, lock) as peer:
        assert peer.do("acquire", False) is False
        assert peer.do("_semlock._is_mine") is False
        assert peer.do("_semlock._count") == 0
        assert peer.do("repr") == "<RLock(SomeOtherProcess, nonzero)>"
        with pytest.raises(AssertionError, match=NOT_OWNED):
            peer.do("release")
        assert lock._semlock._count() == 2
        peer.end()
    assert is_free(lock)


def test_a_childs_depth_is_its_own(context: Any) -> None:
    lock = context.RLock()
    with Peer(context, lock) as peer:
        with lock, lock:
            peer.sleep_in("acquire")
            lock.release()
            lock.acquire()
            assert not peer.has_answered()
        assert peer.answer() is True
        assert peer.do("acquire") is True
        assert peer.do("_semlock._count") == 2
        assert lock.acquire(False) is False
        assert lock._semlock._count() == 0
        with pytest.raises(AssertionError, match=NOT_OWNED):
            lock.release()
        peer.do("release")
        assert lock.acquire(False) is False
        peer.do("release")
        assert lock.acquire(False) is True
        lock.release()
        peer.end()


def test_its_holder_and_waiters_are_told_by_pid_and_thread(shoal_context: Any) -> None:
    lock = shoal_context.RLock()
    with Peer(shoal_context, lock) as peer, Peer(shoal_context, lock) as waiter:
        peer.do("acquire")
        assert lock.owner() == peer.pid
        assert lock.holder()[:2] == (peer.pid, peer.pid)  # its main thread
        assert lock.waiters() == []
        waiter.sleep_in("acquire")
        assert [who[:2] for who in lock.waiters()] == [(waiter.pid, waiter.pid)]
        peer.do("release")
        assert waiter.answer() is True
        assert lock.waiters() == []
        waiter.do("release")
