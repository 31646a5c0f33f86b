"""The contract of locks, for shoal and for the standard library, under each start method.

Tests that take `shoal_context`, or make a `shoal.Lock` themselves, are about what only shoal
promises.
"""

from __future__ import annotations

import os
import pickle
import threading
from typing import Any

import pytest

import lock_targets as targets
import shoal
from children import (
    PACKAGES,
    ended_well,
    run,
    running,
    wait_until_asleep,
    when_this_thread_sleeps,
)
from waiting import DEADLINE


@pytest.fixture
def lock(implementation: str) -> Any:
    return PACKAGES[implementation].get_context("fork").Lock()


def ask_child(context: Any, target: Any, lock: Any) -> Any:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        run(context, target, lock, writer)
        assert reader.poll(DEADLINE)
        return reader.recv()


# ---------------------------------------------------------------- in one process


def test_acquire_says_whether_it_has_the_lock(lock: Any) -> None:
    assert lock.acquire() is True
    assert lock.acquire(False) is False
    lock.release()
    assert lock.acquire(block=False) is True
    lock.release()


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((False,), {}),
        ((), {"block": False}),
        ((False, 5), {}),
        ((True, 0), {}),
        ((True, -1), {}),
        ((True, 0.01), {}),
        ((), {"timeout": 0}),
        ((), {"timeout": -0.5}),
        ((), {"timeout": 0.01, "block": True}),
        ((1, 0.01), {}),
    ],
)
def test_acquire_gives_up_on_a_lock_that_is_held(lock: Any, args: Any, kwargs: Any) -> None:
    with lock:
        assert lock.acquire(*args, **kwargs) is False
    assert lock.acquire(*args, **kwargs) is True
    lock.release()


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((True, None, 1), {}),
        ((), {"blocking": True}),
        ((True,), {"block": True}),
        ((True, "soon"), {}),
    ],
)
def test_wrong_arguments_are_type_errors(lock: Any, args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError):
        lock.acquire(*args, **kwargs)
    assert lock.acquire(False)
    lock.release()


def test_a_timeout_is_a_number_and_may_be_endless() -> None:
    lock = shoal.Lock()
    with pytest.raises(ValueError, match="NaN"):
        lock.acquire(timeout=float("nan"))
    for timeout in (float("inf"), 1e300, 2**64):
        lock.acquire()
        with when_this_thread_sleeps(lock.release):
            assert lock.acquire(timeout=timeout)
        lock.release()


def test_release_of_a_free_lock_is_a_value_error(lock: Any) -> None:
    with pytest.raises(ValueError, match="released too many times"):
        lock.release()
    lock.acquire()
    lock.release()
    with pytest.raises(ValueError, match="released too many times"):
        lock.release()
    assert lock.acquire(False)
    lock.release()


def test_a_with_block_gives_the_lock_up_however_it_ends(lock: Any) -> None:
    with lock as held:
        assert held is True
        assert not lock.acquire(False)
    with pytest.raises(ZeroDivisionError), lock:
        raise ZeroDivisionError
    assert lock.acquire(False)
    lock.release()


@pytest.mark.parametrize("timeout", [None, DEADLINE])
def test_acquire_waits_for_the_release(lock: Any, timeout: Any) -> None:
    lock.acquire()
    with when_this_thread_sleeps(lock.release):
        assert lock.acquire(timeout=timeout)
    lock.release()


def test_threads_exclude_each_other(lock: Any) -> None:
    counter = PACKAGES["shoal"].RawValue("i", 0)
    threads = [
        threading.Thread(target=targets.count_up, args=(lock, counter, 500)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert counter.value == 2000


def test_a_lock_outlives_the_thread_that_took_it(lock: Any) -> None:
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    thread.join()
    assert not lock.acquire(False)
    lock.release()
    assert lock.acquire(False)
    lock.release()


def test_a_lock_tells_who_holds_it() -> None:
    lock = shoal.Lock()
    assert (lock.locked(), lock.owner(), repr(lock)) == (False, None, "<Lock(owner=None)>")
    with lock:
        assert (lock.locked(), lock.owner()) == (True, os.getpid())
        assert repr(lock) == "<Lock(owner=MainProcess)>"
    assert not lock.locked()


def test_a_lock_is_pickled_only_for_a_child(lock: Any) -> None:
    with pytest.raises(RuntimeError, match="should only be shared between processes"):
        pickle.dumps(lock)


# ---------------------------------------------------------------- between processes


def test_processes_exclude_each_other(context: Any) -> None:
    lock, counter = context.Lock(), context.RawValue("i", 0)
    workers = [
        context.Process(target=targets.count_up, args=(lock, counter, 500)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    targets.count_up(lock, counter, 500)
    ended_well(*workers)
    assert counter.value == 2000


def test_a_lock_in_self_travels_with_a_bound_method(context: Any) -> None:
    keeper = targets.Keeper(context)
    with running(context, keeper.count) as first, running(context, keeper.count) as second:
        ended_well(first, second)
    assert keeper.counter.value == 200


def test_a_child_cannot_take_what_its_parent_holds(context: Any) -> None:
    lock = context.Lock()
    with lock:
        assert ask_child(context, targets.try_acquire, lock) is False
    assert lock.acquire(False)
    lock.release()


def test_any_process_may_release(context: Any) -> None:
    lock = context.Lock()
    lock.acquire()
    run(context, targets.release, lock)
    assert lock.acquire(False)
    lock.release()


def test_a_release_wakes_a_waiting_process(context: Any) -> None:
    lock = context.Lock()
    here, there = context.Pipe()
    lock.acquire()
    with here, there, running(context, targets.acquire_and_answer, lock, there) as process:
        assert here.recv() == "waiting"
        wait_until_asleep(process.pid)
        lock.release()
        assert here.poll(DEADLINE)
        assert here.recv() is True
        assert not lock.acquire(False)
        here.send(None)
        ended_well(process)
    assert lock.acquire(False)
    lock.release()


def test_a_lock_may_be_passed_like_a_baton(context: Any) -> None:
    """A child takes it and ends; its parent gives it up."""
    lock = context.Lock()
    for _ in range(3):
        run(context, targets.acquire, lock)
        lock.release()
    with pytest.raises(ValueError, match="too many times"):
        lock.release()
    assert lock.acquire(False)
    lock.release()


def test_others_are_told_apart_by_pid(shoal_context: Any) -> None:
    lock = shoal_context.Lock()
    with lock:
        said, locked, owner = ask_child(shoal_context, targets.describe, lock)
    assert (said, locked, owner) == ("<Lock(owner=SomeOtherProcess)>", True, os.getpid())
