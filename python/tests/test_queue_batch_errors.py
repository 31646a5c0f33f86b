"""Errors in the middle of batches: what was put or taken before them is told, and not lost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Full
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from queue_family_targets import BreaksWhenUnpickled, Unpicklable
from shoal.queues import JoinableQueue, Queue, SimpleQueue
from waiting import DEADLINE, descriptors

LARGE = b"large" * 40_000  # more than one hold of the lock may copy


@pytest.fixture(params=[Queue, JoinableQueue, SimpleQueue])
def queue(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield request.param()
    request.node.funcargs.clear()  # type: ignore[attr-defined]  # the last test's live on


# ---------------------------------------------------------------- errors of items


@pytest.mark.parametrize("place", [0, 1, 127, 128, 200, 299])
def test_those_before_one_that_cannot_be_pickled_are_put(queue: Any, place: int) -> None:
    items: list[Any] = list(range(300))
    items[place] = Unpicklable()
    with pytest.raises(LookupError, match="cannot be pickled") as caught:
        queue.put_many(items)
    assert caught.value.items_put == place  # type: ignore[attr-defined]
    assert queue.qsize() == place
    if place:
        assert queue.get_many(300) == list(range(place))
    queue.put_many(items[place + 1 :])
    assert queue.qsize() == 299 - place


def test_one_that_cannot_be_pickled_behind_those_that_find_no_room() -> None:
    queue: Any = Queue(2)
    with pytest.raises((Full, LookupError)) as caught:
        queue.put_many([0, 1, 2, Unpicklable()], block=False)
    assert caught.value.items_put == 2  # type: ignore[attr-defined]
    assert queue.get_many(5) == [0, 1]


def test_the_others_are_told_where_one_cannot_be_unpickled(queue: Any) -> None:
    queue.put_many([1, 2, BreaksWhenUnpickled(LookupError("not here")), 3, 4])
    with pytest.raises(LookupError, match="not here") as caught:
        queue.get_many(10)
    assert caught.value.items == [1, 2, 3, 4]  # type: ignore[attr-defined]
    assert queue.empty()


def test_the_first_of_several_that_cannot_be_unpickled_is_told() -> None:
    queue: Any = Queue()
    queue.put_many([BreaksWhenUnpickled(LookupError(str(i)), i * 50_000) for i in range(4)])
    queue.put_many(["good", BreaksWhenUnpickled(KeyError("last")), LARGE])
    with pytest.raises(LookupError, match=r"^0$") as caught:
        queue.get_many(7)
    assert caught.value.items == ["good", LARGE]  # type: ignore[attr-defined]
    queue.put_many([BreaksWhenUnpickled(LookupError("alone")), "next"])
    with pytest.raises(LookupError, match="alone") as caught:
        queue.get_many(1)
    assert caught.value.items == []  # type: ignore[attr-defined]
    assert queue.get_many(9) == ["next"]


@pytest.mark.parametrize("padding", [0, 200_000], ids=["small", "large"])
@pytest.mark.parametrize("error", [Empty(), Full(), shoal.ShutDown()], ids=repr)
def test_errors_of_queues_are_no_different_when_unpickling_raises_them(
    error: Any, padding: int
) -> None:
    queue: Any = Queue()
    queue.put_many([1, BreaksWhenUnpickled(error, padding), 2])
    with pytest.raises(type(error)) as caught:
        queue.get_many(3)
    assert caught.value.items == [1, 2]


def test_a_large_item_of_which_unpickling_raises_empty_is_not_taken_for_none() -> None:
    queue: Any = Queue()
    queue.put_many([BreaksWhenUnpickled(Empty(), 200_000), "next"])
    with pytest.raises(Empty) as caught:
        queue.get_many(2, block=False)
    assert caught.value.items == ["next"]  # type: ignore[attr-defined]


def test_pickling_may_use_the_queue_in_batches() -> None:
    queue: Any = Queue()

    class PutsMany:
        def __reduce__(self) -> Any:
            queue.put_many(["inside", "inside too"])
            return str, ("outside",)

    queue.put_many([1, PutsMany(), 2])
    assert queue.get_many(2) == ["inside", "inside too"]
    assert queue.get_many(9) == [1, "outside", 2]


def no_memory(content: bytes) -> None:
    raise MemoryError(len(content))


class NoMemory:
    """A large one that finds no memory where it is unpickled."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __reduce__(self) -> Any:
        return no_memory, (bytes(self.size),)


def put_again() -> str:
    PutsAgain.queue.put(PutsAgain())
    return "again"


class PutsAgain:
    queue: Any = None

    def __reduce__(self) -> Any:
        return put_again, ()


def test_get_many_takes_what_was_there_however_quick_producers_are() -> None:
    PutsAgain.queue = queue = Queue[Any]()
    try:
        queue.put_many([PutsAgain()] * 3)
        assert queue.get_many(sys.maxsize) == ["again"] * 6
        assert queue.qsize() == 3
    finally:
        PutsAgain.queue = None


class GetsMany:
    queue: Any = None

    def __reduce__(self) -> Any:
        return get_many_inside, ()


def get_many_inside() -> Any:
    return GetsMany.queue.get_many(2)


def test_unpickling_may_use_the_queue_in_batches() -> None:
    GetsMany.queue = queue = Queue[Any]()
    try:
        queue.put_many([1, GetsMany(), 2, LARGE, "rest"])
        assert queue.get_many(2) == [1, [2, LARGE]]
    finally:
        GetsMany.queue = None
    assert queue.get_many(9) == ["rest"]


# ---------------------------------------------------------------- errors of the next item


def test_what_is_wrong_with_an_item_that_was_taken_by_itself_is_told(queue: Any) -> None:
    queue.put_many([1, NoMemory(200_000), 2])
    with pytest.raises(MemoryError) as caught:
        queue.get_many(10)
    assert getattr(caught.value, "items", None) == [1, 2]
    assert queue.empty()


def test_what_was_taken_is_not_lost_where_the_next_item_has_no_room_for_its_handles() -> None:
    """The item with handles stays; those before it, which were taken, are returned."""
    queue: Any = Queue()
    queue.put_many([1, 2, shoal.Queue(), 3])
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    end = max(descriptors()) + 1
    taken = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (end, limits[1]))
        with suppress(OSError):
            while True:  # no gaps below
                taken.append(os.open("/dev/null", os.O_RDONLY))
        try:
            got = queue.get_many(4)
        except OSError as error:
            got = getattr(error, "items", [])
        assert got == [1, 2]
        with pytest.raises(OSError, match="Too many open files"):
            queue.get_many(4)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for fd in taken:
            os.close(fd)
    assert type(queue.get()) is Queue
    assert queue.get() == 3


def test_what_was_taken_is_not_lost_where_the_next_item_cannot_be_taken_here() -> None:
    """A program that was given one descriptor alone gets no handles: the item stays for others."""
    queue: Any = Queue()
    queue.put_many([1, 2, shoal.Event(), 3])
    said = subprocess.run(
        [sys.executable, "-c", targets.ATTACHES_BY_ONE_DESCRIPTOR, str(queue.descriptor())],
        pass_fds=[queue.descriptor()],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert not queue.get().is_set()
    assert queue.get() == 3
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[0] == "[1, 2]"
    assert "it stays for others" in lines[1]
