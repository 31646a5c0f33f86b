"""The contract of queues inside one process, for shoal and for the standard library.

Tests that make a `shoal.Queue` themselves are about what only shoal promises.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Empty, Full
from typing import Any

import pytest

import shoal
from children import PACKAGES, finish, when_this_thread_sleeps
from waiting import DEADLINE, wait_until


@pytest.fixture
def make_queue(implementation: str) -> Iterator[Any]:
    """Makes queues of each implementation."""
    made = []

    def make(*args: Any, **kwargs: Any) -> Any:
        made.append(PACKAGES[implementation].get_context("fork").Queue(*args, **kwargs))
        return made[-1]

    yield make
    for queue in made:
        finish(queue)


@pytest.fixture
def queue(make_queue: Any) -> Any:
    return make_queue()


@pytest.fixture
def full_queue(make_queue: Any) -> Any:
    queue = make_queue(1)
    queue.put("only")
    return queue


# ---------------------------------------------------------------- order and bounds


def test_items_come_in_the_order_in_which_they_were_put(queue: Any) -> None:
    for i in range(1000):
        queue.put(i)
    assert [queue.get() for _ in range(1000)] == list(range(1000))


@pytest.mark.parametrize("maxsize", [1, 2, 100])
def test_no_more_than_maxsize_items_fit(make_queue: Any, maxsize: int) -> None:
    queue = make_queue(maxsize)
    for i in range(maxsize):
        assert not queue.full()
        queue.put(i, block=False)
    assert queue.full()
    with pytest.raises(Full):
        queue.put("one too many", block=False)
    assert queue.get(timeout=DEADLINE) == 0
    assert not queue.full()
    queue.put("room again", block=False)
    items = [queue.get(timeout=DEADLINE) for _ in range(maxsize)]
    assert items == [*range(1, maxsize), "room again"]


@pytest.mark.parametrize("maxsize", [0, -1, -1000])
def test_without_a_positive_maxsize_there_is_no_limit(make_queue: Any, maxsize: int) -> None:
    queue = make_queue(maxsize)
    for i in range(5000):
        queue.put_nowait(i)
    assert not queue.full()
    assert queue.qsize() == 5000
    assert [queue.get() for _ in range(5000)] == list(range(5000))


def test_maxsize_may_be_given_by_name(make_queue: Any) -> None:
    queue = make_queue(maxsize=1)
    queue.put(1)
    assert queue.full()
    queue.get()


@pytest.mark.parametrize("maxsize", ["1", 1.5, [1]])
def test_a_maxsize_that_is_no_integer_is_refused(make_queue: Any, maxsize: Any) -> None:
    with pytest.raises(TypeError):
        make_queue(maxsize)


def test_qsize_counts_what_was_put_and_not_yet_taken(queue: Any) -> None:
    for i in range(10):
        assert queue.qsize() == i
        queue.put(i)
    for i in range(10):
        queue.get()
        assert queue.qsize() == 9 - i


def test_empty_tells_whether_there_is_an_item(queue: Any) -> None:
    assert queue.empty()
    queue.put(None)
    assert wait_until(lambda: not queue.empty())
    queue.get()
    assert queue.empty()


def test_an_item_is_there_when_its_put_returns() -> None:
    queue = shoal.Queue()
    for i in range(1000):
        queue.put(i)
        assert not queue.empty()
        assert queue.get_nowait() == i
        assert queue.empty()


# ---------------------------------------------------------------- waiting


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((False,), {}),
        ((), {"block": False}),
        ((False, 5), {}),
        ((False, None), {}),
        ((True, 0), {}),
        ((True, -1), {}),
        ((True, 0.01), {}),
        ((), {"timeout": 0}),
        ((), {"timeout": 0.0}),
        ((), {"timeout": -0.5}),
        ((), {"timeout": 0.01}),
        ((1,), {"timeout": 0.01}),
    ],
)
def test_get_of_an_empty_queue_and_put_to_a_full_one_give_up(
    queue: Any, full_queue: Any, args: Any, kwargs: Any
) -> None:
    with pytest.raises(Empty):
        queue.get(*args, **kwargs)
    with pytest.raises(Full):
        full_queue.put("item", *args, **kwargs)
    assert full_queue.qsize() == 1
    assert full_queue.get(timeout=DEADLINE) == "only"


def test_nowait_gives_up_at_once(queue: Any, full_queue: Any) -> None:
    with pytest.raises(Empty):
        queue.get_nowait()
    with pytest.raises(Full):
        full_queue.put_nowait("item")


@pytest.mark.parametrize("timeout", [-1, 0.0, 0.5, 10, None])
def test_a_timeout_does_not_matter_where_nobody_has_to_wait(queue: Any, timeout: Any) -> None:
    queue.put("item", True, timeout)
    assert wait_until(lambda: not queue.empty())
    assert queue.get(True, timeout) == "item"


def test_the_item_may_be_given_by_name(queue: Any) -> None:
    queue.put(obj=1)
    queue.put(timeout=None, block=True, obj=2)
    queue.put_nowait(obj=3)
    assert [queue.get() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("method", "args", "kwargs"),
    [
        ("put", (), {}),
        ("put", (), {"block": True}),
        ("put", (1, True, None, 1), {}),
        ("put", (1,), {"obj": 1}),
        ("put", (1,), {"item": 1}),
        ("put_nowait", (), {}),
        ("put_nowait", (1, 2), {}),
        ("put_nowait", (), {"item": 1}),
        ("get", (True, None, 1), {}),
        ("get", (True,), {"block": True}),
        ("get", (), {"obj": 1}),
        ("get", (True, "soon"), {}),
        ("get_nowait", (1,), {}),
    ],
)
def test_wrong_arguments_are_type_errors(queue: Any, method: str, args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError):
        getattr(queue, method)(*args, **kwargs)
    assert queue.qsize() == 0


def test_a_timeout_must_be_a_number() -> None:
    queue = shoal.Queue()
    for bad in ("1", [1], object()):
        with pytest.raises(TypeError):
            queue.put("item", True, bad)
        with pytest.raises(TypeError):
            queue.get(timeout=bad)
    for call in (queue.get, lambda timeout: queue.put("item", timeout=timeout)):
        with pytest.raises(ValueError, match="NaN"):
            call(timeout=float("nan"))
    assert queue.qsize() == 0


@pytest.mark.parametrize("timeout", [float("inf"), 1e300, 10**12, 2**63])
def test_an_endless_timeout_is_none(timeout: float) -> None:
    queue = shoal.Queue()
    with when_this_thread_sleeps(lambda: queue.put("at last")):
        assert queue.get(timeout=timeout) == "at last"
    with pytest.raises(Empty):
        queue.get(timeout=float("-inf"))


@pytest.mark.parametrize("timeout", [None, DEADLINE])
def test_get_waits_for_an_item(queue: Any, timeout: Any) -> None:
    with when_this_thread_sleeps(lambda: queue.put("at last")):
        assert queue.get(timeout=timeout) == "at last"


@pytest.mark.parametrize("timeout", [None, DEADLINE])
def test_put_waits_for_room(full_queue: Any, timeout: Any) -> None:
    with when_this_thread_sleeps(full_queue.get):
        full_queue.put("second", timeout=timeout)
    assert full_queue.get() == "second"


def test_a_waiting_get_lets_other_threads_run(queue: Any) -> None:
    items: list[Any] = []
    threads = [
        threading.Thread(target=lambda: items.append(queue.get(timeout=DEADLINE))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for i in range(8):  # the main thread goes on while eight wait
        queue.put(i)
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(items) == list(range(8))


def test_a_waiting_put_lets_other_threads_run(full_queue: Any) -> None:
    threads = [threading.Thread(target=full_queue.put, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    items = [full_queue.get(timeout=DEADLINE) for _ in range(9)]
    for thread in threads:
        thread.join(DEADLINE)
    assert items[0] == "only"
    assert sorted(items[1:]) == list(range(8))


# ---------------------------------------------------------------- the end


def test_a_closed_queue_refuses_put_and_get(make_queue: Any) -> None:
    queue = make_queue()
    queue.put(1)
    queue.close()
    queue.close()
    for call in (queue.get, queue.get_nowait, lambda: queue.put(2), lambda: queue.put_nowait(2)):
        with pytest.raises(ValueError, match="closed"):
            call()
    queue.cancel_join_thread()
    queue.join_thread()


def test_join_thread_comes_after_close(make_queue: Any) -> None:
    queue = make_queue()
    with pytest.raises(AssertionError, match="not closed"):
        queue.join_thread()


def test_a_closed_queue_still_says_what_is_in_it() -> None:
    queue = shoal.Queue()
    queue.put(1)
    queue.close()
    assert queue.qsize() == 1
    assert not queue.empty()
    assert not queue.full()
    assert "closed" in repr(queue)


def test_repr_tells_name_limit_and_items() -> None:
    queue = shoal.Queue(7)
    queue.put(1)
    assert repr(queue) == "<Queue: 1 of 7 items>"
    assert repr(shoal.Queue()) == "<Queue: 0 items>"
