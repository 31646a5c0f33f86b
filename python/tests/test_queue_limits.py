"""Limits of bytes: `max_bytes`, and memory that is given back."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Full
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import ended_well, killed, running
from shoal.queues import JoinableQueue, Queue
from waiting import DEADLINE, wait_until

LITTLE = 5 << 20  # what is kept in any case, as fresh memory is slow


@pytest.fixture(params=[Queue, JoinableQueue])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4()}"
    yield name
    Path(f"/dev/shm/shoal.{name}").unlink(missing_ok=True)


def taken_bytes(queue: Any) -> int:
    return os.fstat(queue.descriptor()).st_blocks * 512


def test_no_more_bytes_go_in_than_max_bytes(kind: Any) -> None:
    queue = kind(max_bytes=80)
    assert (queue.maxsize, queue.max_bytes) == (0, 80)
    for _ in range(100):
        for number in range(10):  # of 8 bytes each
            assert not queue.full()
            queue.put_nowait(number)
        assert queue.full()
        with pytest.raises(Full):
            queue.put_nowait(10)
        with pytest.raises(Full):
            queue.put(10, timeout=0.001)
        assert queue.get() == 0
        queue.put_nowait(10)
        assert queue.get_many(20) == list(range(1, 11))


def test_items_count_as_they_travel() -> None:
    queue: Any = Queue(max_bytes=1000)
    queue.put(b"x" * 500)
    with pytest.raises(Full):
        queue.put_nowait(b"x" * 500)  # and a few bytes that make it a pickle
    queue.put_nowait(b"x" * 400)


def test_an_item_of_more_than_that_is_refused(kind: Any) -> None:
    queue = kind(max_bytes=1000)
    for call in (queue.put, queue.put_nowait, lambda item: queue.put(item, timeout=0)):
        with pytest.raises(ValueError, match=r"too large for a nameless queue.*max_bytes, 1000"):
            call("x" * 1000)
    with pytest.raises(ValueError, match="max_bytes") as caught:
        queue.put_many([1, "x" * 1000, 2])
    assert caught.value.items_put == 1  # type: ignore[attr-defined]
    assert queue.get_many(5) == [1]


@pytest.mark.parametrize("max_bytes", [0, -1])
def test_none_or_fewer_bytes_are_no_limit(kind: Any, max_bytes: int) -> None:
    queue = kind(max_bytes=max_bytes)
    assert queue.max_bytes == 0
    queue.put(b"x" * 1_000_000)
    assert not queue.full()
    queue.get()


def test_what_is_no_number_is_refused(kind: Any) -> None:
    for wrong in ("1000", 1.5, None):
        with pytest.raises(TypeError):
            kind(max_bytes=wrong)
    with pytest.raises(OverflowError):
        kind(max_bytes=2**70)
    with pytest.raises(TypeError):
        shoal.SimpleQueue(max_bytes=1000)  # type: ignore[call-arg]


def test_it_limits_items_as_well(kind: Any) -> None:
    queue = kind(2, max_bytes=1000)
    queue.put_many([1, 2])
    with pytest.raises(Full):
        queue.put_nowait(3)


def test_it_is_the_queues_wherever_it_is_opened(shoal_context: Any, name: str) -> None:
    queue = shoal_context.Queue(max_bytes=16, name=name)
    other: Any = Queue.open(name)
    assert other.max_bytes == 16
    other.put_many([1, 2])
    with pytest.raises(Full):
        queue.put_nowait(3)


def test_a_producer_waits_for_room(shoal_context: Any) -> None:
    queue = shoal_context.Queue(max_bytes=1000)
    items = [b"x" * size for size in (900, 10, 500, 600, 0, 990 - 10, 1, 400, 400, 400)]
    with running(shoal_context, targets.put_each, queue, items) as producer:
        assert [queue.get(timeout=DEADLINE) for _ in items] == items
        ended_well(producer)


def test_a_producer_that_is_killed_while_it_waits_takes_no_room(shoal_context: Any) -> None:
    queue = shoal_context.Queue(max_bytes=80)
    for _ in range(3):
        with running(shoal_context, targets.put_each, queue, range(1000)) as producer:
            wait_until(queue.full)
            killed(producer)
        assert queue.get_many(100) == list(range(10))
    queue.put_many(range(10))
    assert queue.full()


def test_put_async_waits_for_as_much_as_it_needs() -> None:
    queue: Any = Queue(max_bytes=1000)

    async def main() -> None:
        queue.put(b"x" * 300)
        queue.put(b"x" * 300)
        task = asyncio.ensure_future(queue.put_async(b"y" * 900))
        polls = 0
        poll_room = queue._poll_room

        def counted(*args: Any) -> Any:
            nonlocal polls
            polls += 1
            return poll_room(*args)

        queue._poll_room = counted
        await asyncio.to_thread(wait_until, lambda: polls == 1)
        queue.get()
        await asyncio.to_thread(wait_until, lambda: polls == 3)
        assert not task.done()
        queue.get()
        await asyncio.wait_for(task, DEADLINE)
        assert queue.get_nowait() == b"y" * 900

    asyncio.run(main())


# ---------------------------------------------------------------- memory that is given back


def test_what_a_drained_queue_had_is_given_back(kind: Any) -> None:
    queue = kind()
    for _ in range(2):
        queue.put_many([b"x" * 1_000_000] * 30)
        assert taken_bytes(queue) > 30_000_000
        assert len(queue.get_many(30)) == 30

        def is_small() -> bool:
            with pytest.raises(Empty):
                queue.get_nowait()
            return taken_bytes(queue) < LITTLE

        wait_until(is_small)


def test_it_is_given_back_by_one_that_waits_and_taken_again(shoal_context: Any) -> None:
    queue, results = shoal_context.Queue(), shoal_context.Queue()
    with running(shoal_context, targets.count_bytes, queue, results) as consumer:
        for _ in range(2):
            for _ in range(50):
                queue.put(b"x" * 1_000_000)
            wait_until(lambda: queue.empty() and taken_bytes(queue) < LITTLE)
        queue.shutdown()
        assert results.get(timeout=DEADLINE) == 100_000_000
        ended_well(consumer)


def test_threads_put_and_get_while_it_is_given_back() -> None:
    """Growing, draining and giving back, again and again, beside one that looks all the time."""
    queue: Any = Queue()
    stop = threading.Event()

    seen = set()

    def look() -> None:
        while not stop.is_set():
            seen.add((queue.qsize(), queue.full()))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for size in (6_000_000, 9_000_000):
            queue.put(b"x" * size)
            assert len(queue.get()) == size
            wait_until(lambda: _is_drained(queue))
            queue.put("goes on")
            assert queue.get() == "goes on"
    finally:
        stop.set()
        looking.join()
    assert seen == {(0, False), (1, False)}


def _is_drained(queue: Any) -> bool:
    with pytest.raises(Empty):
        queue.get(timeout=0.01)
    return taken_bytes(queue) < LITTLE
