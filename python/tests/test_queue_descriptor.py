"""The descriptor of queues, for select and epoll: readable while something can be taken."""

from __future__ import annotations

import asyncio
import os
import select
import selectors
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import ended_well, running
from shoal.queues import JoinableQueue, Queue, SimpleQueue
from waiting import DEADLINE, descriptors, wait_until


@pytest.fixture(params=[Queue, JoinableQueue, SimpleQueue])
def queue(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield request.param()
    request.node.funcargs.clear()  # type: ignore[attr-defined]  # the last test's live on


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4()}"
    yield name
    Queue.unlink(name)


@contextmanager
def by_select(queue: Any) -> Iterator[Callable[[float], bool]]:
    yield lambda timeout: bool(select.select([queue], [], [], timeout)[0])


@contextmanager
def by_poll(queue: Any) -> Iterator[Callable[[float], bool]]:
    poll = select.poll()
    poll.register(queue, select.POLLIN)
    yield lambda timeout: bool(poll.poll(timeout * 1000))


@contextmanager
def by_epoll(queue: Any) -> Iterator[Callable[[float], bool]]:
    with select.epoll() as epoll:
        epoll.register(queue.fileno(), select.EPOLLIN)
        yield lambda timeout: bool(epoll.poll(timeout))


@contextmanager
def by_selector(queue: Any) -> Iterator[Callable[[float], bool]]:
    with selectors.DefaultSelector() as selector:
        selector.register(queue, selectors.EVENT_READ)
        yield lambda timeout: bool(selector.select(timeout))


EACH_WAY = pytest.mark.parametrize("way", [by_select, by_poll, by_epoll, by_selector])


@EACH_WAY
def test_it_is_readable_exactly_while_something_can_be_taken(queue: Any, way: Any) -> None:
    queue.put("before it was asked for")
    with way(queue) as readable:
        assert readable(0)
        assert queue.get() == "before it was asked for"
        for count in (1, 2, 300):
            assert not readable(0)
            for i in range(count):
                queue.put(i)
            for i in range(count):
                assert readable(0)
                assert queue.get_nowait() == i
        assert not readable(0)
        queue.put_many(range(300))
        assert readable(0)
        assert queue.get_many(299) == list(range(299))
        assert readable(0)
        assert queue.get_many(5) == [299]
        assert not readable(0)
        assert not readable(0.01)


@EACH_WAY
def test_it_is_readable_for_ever_after_shutdown(queue: Any, way: Any) -> None:
    with way(queue) as readable:
        assert not readable(0)
        queue.put("last")
        queue.shutdown()
        assert readable(0)
        assert queue.get() == "last"
        for _ in range(3):
            assert readable(0)
            with pytest.raises(shoal.ShutDown):
                queue.get_nowait()


@EACH_WAY
def test_it_becomes_readable_when_it_is_shut_while_empty_or_at_once(way: Any) -> None:
    queues: list[Any] = [Queue(), Queue()]
    queues[1].put_many(range(10))
    for queue in queues:
        with way(queue) as readable:
            queue.shutdown(immediate=True)
            assert readable(0)
            with pytest.raises(shoal.ShutDown):
                queue.get_nowait()
            assert readable(0)


def test_one_that_was_shut_before_it_was_asked_for_is_readable() -> None:
    queue: Any = Queue()
    queue.shutdown()
    assert select.select([queue], [], [], 0)[0] == [queue]


def test_looking_takes_nothing(queue: Any) -> None:
    queue.put(1)
    for _ in range(5):
        assert select.select([queue], [], [], 0)[0] == [queue]
    assert queue.get_nowait() == 1
    assert select.select([queue], [], [], 0)[0] == []


def test_the_descriptor_stays_the_same_and_is_the_queues(queue: Any) -> None:
    descriptor = queue.fileno()
    assert queue.fileno() == descriptor
    assert descriptor in descriptors()
    assert not os.get_inheritable(descriptor)
    queue.put(1)
    assert queue.fileno() == descriptor


def test_handles_among_the_items_do_not_disturb_it(queue: Any) -> None:
    """They go through the same socket."""
    queue.fileno()
    for _ in range(3):
        queue.put_many([shoal.Event(), 1, shoal.Lock()])
        for _ in range(3):
            assert select.select([queue], [], [], 0)[0] == [queue]
            queue.get_nowait()
        assert select.select([queue], [], [], 0)[0] == []
    queue.put([shoal.Event()])
    queue.put(2)
    queue.get()
    assert select.select([queue], [], [], 0)[0] == [queue]
    assert queue.get() == 2
    assert select.select([queue], [], [], 0)[0] == []


def test_an_item_that_cannot_be_unpickled_does_not_leave_it_readable() -> None:
    queue: Any = Queue()
    queue.fileno()
    queue.put(targets.BreaksWhenUnpickled(LookupError("not here")))
    assert select.select([queue], [], [], 0)[0] == [queue]
    with pytest.raises(LookupError):
        queue.get()
    assert select.select([queue], [], [], 0)[0] == []


def test_several_queues_are_waited_for_at_once(shoal_context: Any) -> None:
    queues = [shoal_context.Queue() for _ in range(3)]
    left = list(queues)
    for queue in queues:
        queue.fileno()
    with (
        running(shoal_context, targets.put_all, queues[0], "item") as one,
        running(shoal_context, targets.put_all, queues[2], "item") as other,
    ):
        while len(left) > 1:
            ready = select.select(left, [], [], DEADLINE)[0]
            assert ready
            for queue in ready:
                with suppress(Empty):  # it is told a moment before the item is there
                    assert queue.get_nowait() == "item"
                    left.remove(queue)
        ended_well(one, other)
    assert left == [queues[1]]


def test_consumers_that_wait_by_descriptor_take_each_item_once(shoal_context: Any) -> None:
    queue, taken = shoal_context.Queue(), shoal_context.Queue()
    with (
        running(shoal_context, targets.take_by_descriptor, queue, 100, taken) as first,
        running(shoal_context, targets.take_by_descriptor, queue, 100, taken) as second,
    ):
        for i in range(0, 200, 5):
            queue.put(i)
            queue.put_many(range(i + 1, i + 5))
        lists = [taken.get(timeout=DEADLINE) for _ in range(2)]
        ended_well(first, second)
    assert sorted(lists[0] + lists[1]) == list(range(200))
    wait_until(lambda: not select.select([queue], [], [], 0)[0])


def test_it_is_asked_for_in_one_process_and_raised_in_another(shoal_context: Any) -> None:
    """The child had the queue before anybody asked for the descriptor."""
    queue, replies = shoal_context.Queue(), shoal_context.Queue()
    with running(shoal_context, targets.echo, queue, replies) as process:
        queue.put("first")
        assert replies.get(timeout=DEADLINE) == "first"
        replies.fileno()
        queue.put("second")
        assert select.select([replies], [], [], DEADLINE)[0] == [replies]
        assert replies.get(timeout=DEADLINE) == "second"
        wait_until(lambda: not select.select([replies], [], [], 0)[0])
        queue.put(None)
        ended_well(process)


ATTACHED_BY_ONE = """
import select, sys
from shoal.queues import Queue

queue = Queue.attach(int(sys.argv[1]))
for ask in (queue.fileno, queue._reader.fileno, lambda: select.select([queue], [], [], 0)):
    try:
        ask()
    except ValueError as error:
        print(error)
assert not queue._reader.poll()
queue.put(1)
assert queue._reader.poll()
assert queue.get() == 1
"""


def test_a_nameless_queue_of_one_descriptor_has_none_to_wait_for() -> None:
    queue: Any = shoal.Queue()
    descriptor = queue._descriptor()
    command = [sys.executable, "-c", ATTACHED_BY_ONE, str(descriptor)]
    output = subprocess.run(
        command, pass_fds=[descriptor], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert output.count("no descriptor to wait for") == 3


def test_a_queue_with_a_name_has_one_in_each_process(name: str, shoal_context: Any) -> None:
    queue: Any = Queue(name=name)
    assert not select.select([queue], [], [], 0)[0]
    replies = shoal_context.Queue()
    with running(shoal_context, targets.echo_by_name, name, replies) as process:
        assert replies.get(timeout=DEADLINE) == "waits"
        queue.put("first")
        assert replies.get(timeout=DEADLINE) == "first"
        with pytest.raises(Empty):  # the other was quicker
            queue.get_nowait()
        assert not select.select([queue, queue._reader], [], [], 0)[0]
        queue.put(None)
        ended_well(process)


def test_an_event_loop_waits_for_a_queue_with_a_name(name: str) -> None:
    queue: Any = Queue(name=name)

    async def take() -> list[Any]:
        taker = asyncio.create_task(queue.get_async())
        await asyncio.sleep(0)  # it waits by now
        queue.put("one")
        first = await taker
        queue.put("two")
        return [first, await queue.get_async()]

    assert asyncio.run(take()) == ["one", "two"]
    assert not select.select([queue], [], [], 0)[0]


@pytest.mark.parametrize("look", ["empty", "qsize", "get_nowait"])
def test_it_is_readable_until_this_process_looks(name: str, look: str) -> None:
    """Another took the item: an event loop whose handler asks in whatever way does not spin."""
    queue: Any = Queue(name=name)
    assert not select.select([queue], [], [], 0)[0]
    command = [sys.executable, "-c", PUTS_AND_TAKES, name]
    subprocess.run(command, check=True, timeout=DEADLINE)
    assert select.select([queue], [], [], 0)[0]
    with suppress(Empty):
        assert not getattr(queue, look)() or look == "empty"
    assert not select.select([queue], [], [], 0)[0]
    queue.put(1)
    assert select.select([queue], [], [], 0)[0]


PUTS_AND_TAKES = """
import sys
from shoal.queues import Queue

queue = Queue.open(sys.argv[1])
queue.put("an item")
assert queue.get() == "an item"
"""


@pytest.fixture
def removed() -> Any:
    """A queue that was asked for its descriptor, and then lost its name."""
    name = f"test-{uuid.uuid4()}"
    queue = Queue(name=name)
    queue.fileno()
    Queue.unlink(name)
    return queue


@EACH_WAY
def test_it_outlives_the_name(removed: Any, way: Any) -> None:
    with way(removed) as readable:
        for count in (0, 1, 2):
            for i in range(count):
                removed.put(i)
                assert readable(0)
            assert [removed.get() for _ in range(count)] == list(range(count))
            with pytest.raises(Empty):
                removed.get_nowait()
            assert not readable(0)
        removed.shutdown()
        assert readable(0)


def test_children_go_on_without_the_name(removed: Any, shoal_context: Any) -> None:
    """By fork they have this process's descriptor, else one of their own."""
    taken = shoal_context.Queue()
    with (
        running(shoal_context, targets.take_by_descriptor, removed, 50, taken) as first,
        running(shoal_context, targets.take_by_descriptor, removed, 50, taken) as second,
    ):
        for i in range(100):
            removed.put(i)
        lists = [taken.get(timeout=DEADLINE) for _ in range(2)]
        ended_well(first, second)
    assert sorted(lists[0] + lists[1]) == list(range(100))
    assert removed.empty()
    assert not select.select([removed], [], [], 0)[0]


def test_an_event_loop_goes_on_without_the_name(name: str) -> None:
    queue: Any = Queue(name=name)

    async def take() -> list[Any]:
        takers = [asyncio.create_task(queue.get_async()) for _ in range(2)]
        await asyncio.sleep(0)  # they wait by now
        Queue.unlink(name)
        await asyncio.sleep(0)
        queue.put("one")
        await asyncio.wait(takers, return_when=asyncio.FIRST_COMPLETED, timeout=DEADLINE)
        queue.put("two")
        return sorted(await asyncio.wait_for(asyncio.gather(*takers), DEADLINE))

    try:
        assert asyncio.run(take()) == ["one", "two"]
    finally:
        Queue(name=name)  # for the fixture to remove


def test_a_closed_queue_has_no_descriptor_to_wait_for(queue: Any) -> None:
    queue.close()
    with pytest.raises(ValueError, match="closed"):
        queue.fileno()
