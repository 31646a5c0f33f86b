"""Many processes, many and large messages, and processes that are stopped, at one queue."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

import queue_family_targets as targets
from children import ended_well, running, wait_until_asleep
from waiting import DEADLINE

# Python warns of a fork beside threads; here that is what is tested.
BESIDE_THREADS = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")

# As long to copy as an item among others can be.
PADDING = b"x" * 90_000


# ---------------------------------------------------------------- many


@pytest.mark.parametrize("maxsize", [0, 5])
def test_many_processes_take_each_item_once(shoal_context: Any, maxsize: int) -> None:
    queue, taken = shoal_context.Queue(maxsize), shoal_context.Queue()
    with ExitStack() as stack:
        consumers = [
            stack.enter_context(running(shoal_context, targets.take_until_shut, queue, taken))
            for _ in range(12)
        ]
        producers = [
            stack.enter_context(running(shoal_context, targets.put_pairs, queue, who, 200))
            for who in range(12)
        ]
        ended_well(*producers)
        queue.shutdown()
        lists = [taken.get(timeout=DEADLINE) for _ in consumers]
        ended_well(*consumers)
    assert all(in_order(items) for items in lists)
    assert Counter(itertools.chain(*lists)) == {
        (who, i): 1 for who in range(12) for i in range(200)
    }


def in_order(items: list[tuple[int, int]]) -> bool:
    """Those of each producer."""
    of_each: dict[int, list[int]] = {}
    for who, i in items:
        of_each.setdefault(who, []).append(i)
    return all(numbers == sorted(numbers) for numbers in of_each.values())


def test_memory_stays_as_it_is_over_many_messages(shoal_context: Any) -> None:
    queue = shoal_context.Queue(1000)
    with running(shoal_context, targets.put_pairs, queue, 0, 100_000) as process:
        for i in range(100_000):
            assert queue.get(timeout=DEADLINE) == (0, i)
            if i % 10_000 == 0:
                assert os.fstat(queue.descriptor()).st_blocks * 512 < 4 << 20
        ended_well(process)
    assert queue.empty()


def test_messages_are_as_small_and_as_large_as_one_likes(shoal_context: Any) -> None:
    requests, replies = shoal_context.Queue(), shoal_context.Queue()
    with running(shoal_context, targets.echo, requests, replies) as process:
        for size in (0, 1, 255, 256, 4095, 65_535, 65_536, 1 << 20, 50 << 20):
            item = bytes(i % 251 for i in range(min(size, 1000))) + b"y" * max(0, size - 1000)
            requests.put(item)
            assert replies.get(timeout=DEADLINE) == item
        requests.put(None)
        ended_well(process)


# ---------------------------------------------------------------- stopped


@contextmanager
def stopped(process: Any) -> Iterator[None]:
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def test_one_that_is_stopped_while_it_waits_for_an_item_keeps_none_from_others(
    shoal_context: Any,
) -> None:
    """Nor where the news of an item came to it."""
    requests, replies = shoal_context.Queue(), shoal_context.Queue()
    with (
        running(shoal_context, targets.echo, requests, replies) as first,
        running(shoal_context, targets.echo, requests, replies) as second,
    ):
        for process in (first, second):
            wait_until_asleep(process.pid)
        for process in (first, second):
            with stopped(process):
                for i in range(20):
                    requests.put(i)
                    assert replies.get(timeout=DEADLINE) == i
        for _ in range(2):
            requests.put(None)
        ended_well(first, second)


def test_one_that_is_stopped_while_it_waits_for_room_keeps_none_from_others(
    shoal_context: Any,
) -> None:
    queue = shoal_context.Queue(1)
    queue.put("in the way")
    with (
        running(shoal_context, targets.put_pairs, queue, 1, 1) as first,
        running(shoal_context, targets.put_pairs, queue, 2, 20) as second,
    ):
        for process in (first, second):
            wait_until_asleep(process.pid)
        with stopped(first):
            assert queue.get() == "in the way"
            assert [queue.get(timeout=DEADLINE) for _ in range(20)] == [(2, i) for i in range(20)]
            ended_well(second)
        assert queue.get(timeout=DEADLINE) == (1, 0)
        ended_well(first)


def test_a_consumer_that_is_away_for_long_finds_all_in_order(shoal_context: Any) -> None:
    queue, taken = shoal_context.Queue(), shoal_context.Queue()
    items = [(i, PADDING) for i in range(300)]
    with running(shoal_context, targets.take_until_none, queue, taken) as process:
        wait_until_asleep(process.pid)
        with stopped(process):
            for item in items:
                queue.put(item)
            queue.put(None)
        assert taken.get(timeout=DEADLINE) == items
        ended_well(process)
    assert queue.empty()


# ---------------------------------------------------------------- threads and forks


@BESIDE_THREADS
def test_children_that_start_in_the_middle_of_traffic_lose_and_double_nothing(
    shoal_context: Any,
) -> None:
    queue, taken = shoal_context.Queue(), shoal_context.Queue()
    threads = [
        threading.Thread(target=targets.put_and_take, args=(queue, taken, who, 3000))
        for who in range(3)
    ]
    with ExitStack() as stack:
        for thread in threads:
            thread.start()
        processes = [
            stack.enter_context(
                running(shoal_context, targets.put_and_take, queue, taken, who, 1000)
            )
            for who in range(3, 9)
        ]
        lists = [taken.get(timeout=DEADLINE) for _ in range(9)]
        ended_well(*processes)
        for thread in threads:
            thread.join(DEADLINE)
    expected = {(who, i): 1 for who in range(9) for i in range(3000 if who < 3 else 1000)}
    assert Counter(itertools.chain(*lists)) == expected
    assert queue.empty()
