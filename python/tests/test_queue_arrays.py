"""array.array in a queue: it travels as the numbers alone, and comes as what it was."""

from __future__ import annotations

import subprocess
import sys
from array import array
from collections.abc import Iterator
from typing import Any

import pytest

import queue_targets as targets
import shoal
from children import ended_well, running, when_this_thread_sleeps
from shoal.queues import JoinableQueue, Queue, SimpleQueue
from waiting import DEADLINE

NUMBERS: list[array[Any]] = [
    *(array(code, [0, 1, 127]) for code in "bBhHiIlLqQfd"),
    array("b", [-128]),
    array("Q", [2**64 - 1]),
    array("l", [-(2**63)]),
    array("d", [1e308, float("inf"), -0.0]),
    array("i"),
    array("i", range(100_000)),
]


class Derived(array):  # type: ignore[type-arg]
    """Not an array itself: pickled, so that it comes as one of its class."""


@pytest.fixture(params=[Queue, JoinableQueue, SimpleQueue])
def queue(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield request.param()
    request.node.funcargs.clear()  # type: ignore[attr-defined]  # the last test's live on


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a.typecode == b.typecode and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("numbers", NUMBERS, ids=lambda a: f"{a.typecode}{len(a)}")
def test_an_array_comes_as_it_went(queue: Any, numbers: array[Any]) -> None:
    queue.put(numbers)
    came = queue.get()
    assert same(came, numbers)
    came.append(1)  # it is its taker's own
    assert len(came) == len(numbers) + 1


def test_arrays_come_in_batches(queue: Any) -> None:
    queue.put_many(NUMBERS)
    came = queue.get_many(len(NUMBERS))
    assert all(map(same, came, NUMBERS))


def test_it_takes_no_more_room_than_its_numbers() -> None:
    queue: Any = Queue(max_bytes=1008)
    queue.put(array("d", bytes(1000)))
    assert queue.full()
    with pytest.raises(ValueError, match="max_bytes"):
        queue.put(array("b", bytes(1001)))


@pytest.mark.filterwarnings("ignore:.*'u'.*:DeprecationWarning")
def test_other_arrays_are_pickled(queue: Any) -> None:
    for odd in (array("u", "text"), Derived("i", [1, 2]), [array("i", [1])]):
        queue.put(odd)
        came = queue.get()
        assert came == odd
        assert type(came) is type(odd)


def test_an_array_can_grow_when_it_was_put(queue: Any) -> None:
    numbers = array("i", [1, 2])
    queue.put(numbers)
    queue.put_many([numbers])
    numbers.append(3)
    assert queue.get_many(2) == [array("i", [1, 2])] * 2


def test_an_array_that_found_no_room_can_grow() -> None:
    queue: Any = Queue(1)
    numbers = array("i", [1, 2])
    queue.put(numbers)
    with pytest.raises(shoal.queues.Full):
        queue.put(numbers, timeout=0.01)
    numbers.append(3)


def test_put_waits_for_room() -> None:
    queue: Any = Queue(1)
    queue.put(0)
    taken: list[Any] = []
    with when_this_thread_sleeps(lambda: taken.append(queue.get())):
        queue.put(array("d", range(1000)))
    assert queue.get() == array("d", range(1000))


def test_who_never_imported_array_can_take_one() -> None:
    queue: Any = Queue()
    queue.put(array("h", [1, 2]))
    program = (
        "import sys, shoal\n"
        "queue = shoal.queues.Queue.attach(int(sys.argv[1]))\n"
        "assert queue.get().tolist() == [1, 2]\n"
    )
    descriptor = queue.descriptor()
    subprocess.run(
        [sys.executable, "-c", program, str(descriptor)],
        pass_fds=[descriptor],
        check=True,
        timeout=DEADLINE,
    )


def test_arrays_go_to_a_child_and_back(shoal_context: Any) -> None:
    requests, replies = shoal_context.Queue(), shoal_context.Queue(3)
    with running(shoal_context, targets.echo, requests, replies) as process:
        requests.put_many([*NUMBERS, None])
        for numbers in NUMBERS:
            assert same(replies.get(timeout=DEADLINE), numbers)
        ended_well(process)
