"""The contract of queues between processes, under each start method.

Tests that take `context` run for shoal and for the standard library; those that take
`shoal_context` are about what only shoal promises.
"""

from __future__ import annotations

import itertools
import os
import threading
from typing import Any

import pytest

import queue_targets as targets
import shoal
from children import ended_well, finish, killed, run, running, wait_until_asleep
from waiting import DEADLINE, wait_until

# Python warns of a fork beside threads; here that is what is tested.
BESIDE_THREADS = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def test_items_go_to_a_child_and_back_in_order(context: Any) -> None:
    requests, replies = context.Queue(), context.Queue(10)
    items = [*range(300), "text", b"bytes" * 30_000, {"a": [1, None]}, 2.5, 2**70]
    with running(context, targets.echo, requests, replies) as process:
        for item in [*items, None]:
            requests.put(item)
        assert [replies.get(timeout=DEADLINE) for _ in items] == items
        ended_well(process)
    finish(requests)


@pytest.mark.parametrize("maxsize", [0, 1, 7])
def test_each_item_arrives_once_and_each_producers_in_order(context: Any, maxsize: int) -> None:
    work, taken = context.Queue(maxsize), context.Queue()
    producers, consumers, count = 3, 2, 150
    makers = [
        context.Process(target=targets.put_numbers, args=(work, i, count)) for i in range(producers)
    ]
    takers = [
        context.Process(target=targets.take_until_none, args=(work, taken))
        for _ in range(consumers)
    ]
    for process in makers + takers:
        process.start()
    ended_well(*makers)
    for _ in takers:
        work.put(None)
    lists = [taken.get(timeout=DEADLINE) for _ in takers]
    ended_well(*takers)
    for one in lists:
        for i in range(producers):
            numbers = [number for producer, number in one if producer == i]
            assert numbers == sorted(numbers)
    put = [(i, number) for i in range(producers) for number in range(count)]
    assert sorted(itertools.chain(*lists)) == put
    finish(work)


@pytest.mark.parametrize("size", [1 << 20, 64 << 20])
def test_large_items_go_to_a_child_and_back(context: Any, size: int) -> None:
    requests, replies = context.Queue(), context.Queue()
    item = os.urandom(1 << 20) * (size >> 20)
    with running(context, targets.echo, requests, replies) as process:
        requests.put(item)
        assert replies.get(timeout=DEADLINE) == item
        requests.put(None)
        ended_well(process)
    finish(requests)


def test_threads_of_several_processes_share_a_queue(context: Any) -> None:
    work = context.Queue(5)
    with (
        running(context, targets.put_from_threads, work, 3, 50) as first,
        running(context, targets.put_from_threads, work, 3, 50) as second,
    ):
        items = [work.get(timeout=DEADLINE) for _ in range(300)]
        ended_well(first, second)
    assert sorted(items) == sorted([(i, n) for i in range(3) for n in range(50)] * 2)


def test_a_grandchild_has_the_queue_too(
    context: Any, implementation: str, start_method: str
) -> None:
    answers = context.Queue()
    run(context, targets.put_by_grandchild, implementation, start_method, answers, 1, "two")
    assert [answers.get(timeout=DEADLINE) for _ in range(2)] == [1, "two"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_grandchild_may_start_by_another_method(shoal_context: Any, method: str) -> None:
    answers = shoal_context.Queue()
    run(shoal_context, targets.put_by_grandchild, "shoal", method, answers, "hello")
    assert answers.get_nowait() == "hello"


def test_queues_and_locks_in_self_travel_with_a_bound_method(context: Any) -> None:
    relay = targets.Relay(context)
    with (
        running(context, relay.produce, 20) as producer,
        running(context, relay.consume) as consumer,
    ):
        pid = consumer.pid
        assert relay.results.get(timeout=DEADLINE) == ([str(i) for i in range(20)], pid)
        ended_well(producer, consumer)


def test_a_child_sees_what_its_parent_sees(shoal_context: Any) -> None:
    limited, answers = shoal_context.Queue(2), shoal_context.Queue()
    limited.put(1)
    limited.put(2)
    run(shoal_context, targets.put_what_is_known, limited, answers)
    assert answers.get_nowait() == (2, True, False, "Queue")


def test_close_concerns_one_process_only(context: Any) -> None:
    numbers, answers = context.Queue(), context.Queue()
    run(context, targets.close_and_try, numbers, answers)
    assert answers.get(timeout=DEADLINE) == "refused"
    numbers.put(1)
    assert numbers.get(timeout=DEADLINE) == 1
    finish(numbers)


def test_a_connection_travels_through_a_queue(context: Any) -> None:
    channels = context.Queue()
    here, there = context.Pipe()
    with running(context, targets.receive_and_answer, channels) as process, here:
        with there:
            channels.put(there)
            assert here.poll(DEADLINE)
            assert here.recv() == "over what came in the queue"
        ended_well(process)
    finish(channels)


# ---------------------------------------------------------------- death


def test_what_was_put_outlives_its_producer(shoal_context: Any) -> None:
    work = shoal_context.Queue()
    ready, gate = shoal_context.Pipe(duplex=False)
    items = [1, "two", b"3" * 3_000_000]
    with ready, gate, running(shoal_context, targets.put_and_die, work, gate, *items) as process:
        assert ready.poll(DEADLINE)
        assert [work.get_nowait() for _ in items] == items
        process.join(DEADLINE)
        assert process.exitcode == -9
        assert work.empty()


def test_a_death_while_waiting_for_an_item_stops_nobody(shoal_context: Any) -> None:
    work, replies = shoal_context.Queue(), shoal_context.Queue()
    ready, gate = shoal_context.Pipe(duplex=False)
    with (
        ready,
        gate,
        running(shoal_context, targets.announce_and_get, work, gate) as first,
        running(shoal_context, targets.announce_and_get, work, gate) as second,
        running(shoal_context, targets.echo, work, replies) as survivor,
    ):
        for _ in range(2):
            assert ready.poll(DEADLINE)
            wait_until_asleep(ready.recv())
        killed(first)
        killed(second)
        for i in range(100):
            work.put(i)
        assert [replies.get(timeout=DEADLINE) for _ in range(100)] == list(range(100))
        work.put(None)
        ended_well(survivor)


def test_a_death_while_waiting_for_room_stops_nobody(shoal_context: Any) -> None:
    work = shoal_context.Queue(1)
    work.put("first")
    ready, gate = shoal_context.Pipe(duplex=False)
    with (
        ready,
        gate,
        running(shoal_context, targets.announce_and_put, work, gate, "lost") as victim,
        running(shoal_context, targets.put_numbers, work, 0, 100) as survivor,
    ):
        assert ready.poll(DEADLINE)
        wait_until_asleep(ready.recv())
        killed(victim)
        assert work.get(timeout=DEADLINE) == "first"
        assert [work.get(timeout=DEADLINE) for _ in range(100)] == [(0, n) for n in range(100)]
        ended_well(survivor)
        assert work.empty()


def test_a_dead_consumer_loses_no_more_than_what_it_had_in_hand(shoal_context: Any) -> None:
    work = shoal_context.Queue()
    for i in range(10):
        work.put(i)
    with running(shoal_context, targets.take_and_die, work) as process:
        process.join(DEADLINE)
        assert process.exitcode == -9
    assert work.qsize() == 9
    assert [work.get_nowait() for _ in range(9)] == list(range(1, 10))


# ---------------------------------------------------------------- threads and forks


@BESIDE_THREADS
def test_a_fork_in_the_middle_of_traffic_harms_neither_side(shoal_context: Any) -> None:
    """Whatever a thread is doing to the queue when its process forks, the child can use it."""
    traffic, from_children = shoal_context.Queue(50), shoal_context.Queue()
    count, stop = 20_000, threading.Event()
    received: list[Any] = []

    def consume() -> None:
        received.extend(iter(traffic.get, None))

    def make_queues() -> None:
        while not stop.is_set():
            shoal_context.Queue().put(shoal_context.Lock().acquire())

    threads = [
        threading.Thread(target=targets.put_numbers, args=(traffic, i, count)) for i in range(2)
    ]
    others = [threading.Thread(target=consume), threading.Thread(target=make_queues)]
    for thread in threads + others:
        thread.start()
    children = []
    for i in range(10):
        children.append(shoal_context.Process(target=targets.put_numbers, args=(traffic, 2 + i, 9)))
        children.append(shoal_context.Process(target=targets.put_items, args=(from_children, i)))
        for child in children[-2:]:
            child.start()
    ended_well(*children)
    for thread in threads:
        thread.join(DEADLINE)
    stop.set()
    traffic.put(None)
    wait_until(lambda: not any(thread.is_alive() for thread in threads + others))
    assert sorted(from_children.get_nowait() for _ in range(10)) == list(range(10))
    expected = [(i, n) for i in range(2) for n in range(count)]
    expected += [(2 + i, n) for i in range(10) for n in range(9)]
    assert sorted(received) == expected


def test_a_queue_that_the_parent_has_closed_is_open_in_a_child(shoal_context: Any) -> None:
    queue, other = shoal_context.Queue(), shoal_context.Queue()
    queue.close()
    run(shoal_context, targets.put_if_closed_in_the_parent, queue, other)
    assert queue._closed
    assert queue.qsize() == 1
    with pytest.raises(ValueError, match="closed"):
        queue.get_nowait()
    assert not other._closed


def test_a_queue_closed_before_a_bare_fork_is_open_in_the_child() -> None:
    queue = shoal.Queue()
    queue.close()
    pid = os.fork()
    if pid == 0:
        try:
            queue.put("by the child")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert queue.qsize() == 1
