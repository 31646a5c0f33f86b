"""What handles of queues and locks cost and give back."""

from __future__ import annotations

import gc
import os
import pickle
import threading
from typing import Any

import pytest

import queue_targets as targets
import shoal
import shoal.queues
import shoal.synchronize
from children import run
from programs import run_program
from waiting import descriptors


def mappings() -> int:
    with open("/proc/self/maps") as file:
        return sum("memfd:shoal" in line for line in file)


def use(handle: Any) -> None:
    if isinstance(handle, shoal.queues.Queue):
        handle.put(b"x" * 100)
        assert handle.get() == b"x" * 100
    else:
        with handle:
            pass


@pytest.mark.parametrize("make", [shoal.Queue, shoal.Lock], ids=["Queue", "Lock"])
def test_thousands_made_and_dropped_leave_no_descriptor_or_mapping(make: Any) -> None:
    gc.collect()
    before, mapped = descriptors(), mappings()
    for _ in range(2000):
        use(make())
    gc.collect()
    assert descriptors() == before
    assert mappings() == mapped


def test_a_queue_that_has_grown_gives_all_of_it_back() -> None:
    before, mapped = descriptors(), mappings()
    for _ in range(5):
        queue = shoal.Queue()
        for _ in range(20):
            queue.put(b"x" * 3_000_000)
    del queue
    assert descriptors() == before
    assert mappings() == mapped


@pytest.mark.parametrize("make", [shoal.Queue, shoal.Lock], ids=["Queue", "Lock"])
def test_garbage_in_cycles_is_given_back(make: Any) -> None:
    gc.collect()
    before = descriptors()
    for _ in range(100):
        handle = make()
        handle.itself = handle
    del handle
    gc.collect()
    assert descriptors() == before


def test_ten_thousand_locks_cost_few_descriptors() -> None:
    before = len(descriptors())
    locks = [shoal.Lock() for _ in range(10_000)]
    assert len(descriptors()) - before < 200
    for lock in locks:
        assert lock.acquire(False)
    assert not any(lock.acquire(False) for lock in locks)
    for lock in locks[::2]:
        lock.release()
    assert [lock.locked() for lock in locks] == [False, True] * 5000


def test_threads_may_make_locks_together() -> None:
    made: list[Any] = []
    threads = [
        threading.Thread(target=lambda: made.extend(shoal.Lock() for _ in range(1000)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(lock.acquire(False) for lock in made)  # no two of them are one


def put_all(queue: Any, *handles: Any) -> None:
    for handle in handles:
        use(handle)
        queue.put(type(handle).__name__)


def test_many_handles_travel_to_one_child(shoal_context: Any) -> None:
    answers = shoal_context.Queue()
    handles = [shoal_context.Queue() for _ in range(20)] + [shoal_context.Lock() for _ in range(60)]
    run(shoal_context, put_all, answers, *handles)
    names = [answers.get_nowait() for _ in handles]
    assert names == ["Queue"] * 20 + ["Lock"] * 60


def test_a_handle_passed_twice_is_one_object_in_the_child(shoal_context: Any) -> None:
    queue, lock = shoal_context.Queue(), shoal_context.Lock()
    run(shoal_context, put_twice, queue, queue, lock, lock)
    assert [queue.get_nowait() for _ in range(3)] == ["first", "second", False]


def put_twice(first: Any, second: Any, lock: Any, same_lock: Any) -> None:
    first.put("first")
    second.put("second")
    with lock:
        first.put(same_lock.acquire(False))


def test_children_leave_no_descriptor_in_their_parent(shoal_context: Any) -> None:
    run(shoal_context, targets.put_items, shoal_context.Queue(), 1)  # a fork server stays
    gc.collect()
    before = descriptors()
    for _ in range(3):
        queue, lock = shoal_context.Queue(), shoal_context.Lock()
        run(shoal_context, put_all, queue, lock)
        assert queue.get_nowait() == "Lock"
    del queue, lock
    gc.collect()
    assert descriptors() == before


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_handles_are_pickled_only_for_a_child(protocol: int) -> None:
    for handle in (shoal.Queue(), shoal.Lock()):
        with pytest.raises(RuntimeError, match="should only be shared between processes"):
            pickle.dumps(handle, protocol)


@pytest.mark.parametrize("kind", [shoal.queues.Queue, shoal.synchronize.Lock])
def test_a_handle_that_was_never_initialised_says_so(kind: Any) -> None:
    handle = kind.__new__(kind)
    names = ["get", "qsize", "close"] if "Queue" in kind.__name__ else ["acquire", "release"]
    for name in names:
        with pytest.raises(ValueError, match="never initialised"):
            getattr(handle, name)()


def test_a_queue_may_be_attached_by_its_descriptor() -> None:
    queue = shoal.Queue(3)
    queue.put("item")
    other = shoal.queues.Queue.attach(os.dup(queue.descriptor()))
    assert other.maxsize == 3
    assert other.get_nowait() == "item"
    assert other.descriptor() == queue.descriptor()  # mapped once


def test_a_queue_that_cannot_be_attached_leaves_the_descriptor_to_the_caller() -> None:
    queue, other = shoal.Queue(), shoal.Queue()
    before = descriptors()
    with pytest.raises(RuntimeError, match="already initialised"):
        queue._attach(other.descriptor())
    assert descriptors() == before
    other.put(1)
    assert other.get_nowait() == 1


def test_a_descriptor_of_something_else_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"no queue" * 1000)
    before = descriptors()
    for content in (b"no queue" * 1000, b"", b"short"):
        path.write_bytes(content)
        file = os.open(path, os.O_RDWR)
        with pytest.raises(shoal.SegmentError):
            shoal.queues.Queue.attach(file)
        os.close(file)  # it is still the caller's
    with pytest.raises(OSError, match="Bad file descriptor"):
        shoal.queues.Queue.attach(1_000_000)
    assert descriptors() == before


@pytest.mark.parametrize(
    "call",
    [
        "queue.get(timeout=0.001)",
        "full.put(1, timeout=0.001)",
        "lock.acquire(timeout=0.001)",
        "full.get() or full.put(0)",
    ],
)
def test_threads_that_wait_do_not_disturb_the_end_of_a_program(call: str) -> None:
    program = f"""if True:
        import shoal, threading
        queue, full, lock = shoal.Queue(), shoal.Queue(1), shoal.Lock()
        full.put(0)
        lock.acquire()

        def wait():
            while True:
                try:
                    {call}
                except Exception:
                    pass

        for _ in range(20):
            threading.Thread(target=wait, daemon=True).start()
        print("end")
    """
    for _ in range(5):
        assert run_program(program) == "end\n"
