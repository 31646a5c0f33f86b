"""Queues in event loops: get_async and put_async."""

from __future__ import annotations

import asyncio
import gc
import itertools
import pickle
import select
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from queue import Empty, Full
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import ended_well, killed, run, running, wait_until_asleep
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


@pytest.fixture(params=["nameless", "named"])
def either_queue(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes queues that have a descriptor to wait for, or none."""
    named = []

    def make(maxsize: int = 0) -> Any:
        if request.param == "nameless":
            return Queue(maxsize)
        named.append(f"test-{uuid.uuid4()}")
        return Queue(maxsize, name=named[-1])

    yield make
    for name in named:
        Queue.unlink(name)


def in_a_loop(main: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(within(main))


async def within(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, DEADLINE)


async def until_waiting(*tasks: asyncio.Task[Any]) -> None:
    """They have had several turns, and are not done."""
    for _ in range(10):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


# ---------------------------------------------------------------- get_async and put_async


def test_what_is_there_is_got_and_where_there_is_room_is_put(queue: Any) -> None:
    async def main() -> None:
        for item in (1, "two", b"3" * 200_000, shoal.Event()):
            assert await queue.put_async(item) is None
        assert queue.qsize() == 4
        assert [await queue.get_async() for _ in range(3)] == [1, "two", b"3" * 200_000]
        assert not (await queue.get_async()).is_set()

    in_a_loop(main())


def test_other_tasks_run_while_one_waits(either_queue: Any) -> None:
    async def main() -> None:
        queue = either_queue()
        getting = asyncio.create_task(queue.get_async())
        await until_waiting(getting)
        await queue.put_async("at last")
        assert await within(getting) == "at last"

    in_a_loop(main())


def test_put_async_waits_for_room(either_queue: Any) -> None:
    async def main() -> None:
        queue = either_queue(1)
        await queue.put_async(1)
        putting = asyncio.create_task(queue.put_async(2))
        await until_waiting(putting)
        assert queue.qsize() == 1
        assert await queue.get_async() == 1
        await within(putting)
        assert await queue.get_async() == 2

    in_a_loop(main())


def test_several_tasks_wait_at_one_queue(either_queue: Any) -> None:
    async def main() -> None:
        queue = either_queue()
        tasks = [asyncio.create_task(queue.get_async()) for _ in range(12)]
        await until_waiting(*tasks)
        queue.put_many(range(12))
        assert sorted(await within(asyncio.gather(*tasks))) == list(range(12))
        assert queue.empty()

    in_a_loop(main())


def test_getting_and_putting_tasks_share_a_bounded_queue() -> None:
    async def main() -> None:
        queue: Any = Queue(2)

        async def put(who: int) -> None:
            for i in range(20):
                await queue.put_async((who, i))

        async def get() -> list[Any]:
            return [await queue.get_async() for _ in range(20)]

        results = await within(asyncio.gather(*(put(i) for i in range(3)), *(get() for _ in "abc")))
        got = results[3:]
        for one in got:
            for who in range(3):
                numbers = [number for producer, number in one if producer == who]
                assert numbers == sorted(numbers)
        assert sorted(itertools.chain(*got)) == [(who, i) for who in range(3) for i in range(20)]

    in_a_loop(main())


def test_tasks_of_two_queues_do_not_mix() -> None:
    async def main() -> None:
        queues: list[Any] = [Queue() for _ in range(5)]
        tasks = [asyncio.create_task(queue.get_async()) for queue in queues]
        await until_waiting(*tasks)
        queues[3].put("three")
        assert await within(tasks[3]) == "three"
        assert [task.done() for task in tasks] == [False, False, False, True, False]
        for i, queue in enumerate(queues):
            queue.put(i)
        assert await within(asyncio.gather(*(tasks[:3] + tasks[4:]))) == [0, 1, 2, 4]

    in_a_loop(main())


def test_a_cancelled_get_has_taken_nothing(either_queue: Any) -> None:
    async def main() -> None:
        queue = either_queue()
        first, second = (asyncio.create_task(queue.get_async()) for _ in range(2))
        await until_waiting(first, second)
        first.cancel()
        queue.put("item")
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await within(second) == "item"
        third = asyncio.create_task(queue.get_async())
        await until_waiting(third)
        queue.put("next")
        third.cancel()  # after the item came, and before the task has run
        with pytest.raises(asyncio.CancelledError):
            await third
        assert queue.get_nowait() == "next"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(queue.get_async(), 0.02)
        queue.put("last")
        assert queue.qsize() == 1

    in_a_loop(main())


def test_a_cancelled_put_has_put_nothing(either_queue: Any) -> None:
    async def main() -> None:
        queue = either_queue(1)
        queue.put(1)
        putting = asyncio.create_task(queue.put_async(2))
        await until_waiting(putting)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        assert queue.get_nowait() == 1
        assert queue.empty()
        await queue.put_async(3)
        assert queue.get_nowait() == 3

    in_a_loop(main())


def fill_the_sockets(queue: Any, event: Any) -> int:
    """Puts handles until there is no room for one more on the way. As many as went in."""
    count = 0
    with suppress(Full):
        while True:
            queue.put([event, count], False)
            count += 1
    return count


def test_put_async_of_handles_waits_where_the_sockets_are_full(queue: Any) -> None:
    event = shoal.Event()
    event.set()

    async def main() -> None:
        count = fill_the_sockets(queue, event)
        putting = asyncio.create_task(queue.put_async([event, count]))
        await until_waiting(putting)
        assert queue.qsize() == count
        for i in range(count + 1):
            same, number = await within(queue.get_async())
            assert (same.is_set(), number) == (True, i)
        await within(putting)
        assert queue.empty()

    in_a_loop(main())


def test_a_cancelled_put_of_handles_has_put_nothing(queue: Any) -> None:
    async def main() -> None:
        count = fill_the_sockets(queue, shoal.Event())
        putting = asyncio.create_task(queue.put_async([shoal.Event(), "cancelled"]))
        await until_waiting(putting)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        for i in range(count):
            assert queue.get_nowait()[1] == i
        await within(queue.put_async([shoal.Event(), "last"]))
        assert queue.get_nowait()[1] == "last"
        assert queue.empty()

    in_a_loop(main())


def test_what_cannot_be_pickled_or_unpickled_raises(queue: Any) -> None:
    async def main() -> None:
        with pytest.raises(LookupError, match="cannot be pickled"):
            await queue.put_async(targets.Unpicklable())
        assert queue.empty()
        queue.put(targets.BreaksWhenUnpickled(LookupError("not here")))
        with pytest.raises(LookupError, match="not here"):
            await queue.get_async()
        assert queue.empty()

    in_a_loop(main())


def test_an_error_of_queues_that_unpickling_raises_is_no_reason_to_wait(queue: Any) -> None:
    queue.put(targets.BreaksWhenUnpickled(Empty("inside")))

    async def main() -> None:
        with pytest.raises(Empty, match="inside"):
            await within(queue.get_async())

    in_a_loop(main())


def test_put_async_pickles_once_however_long_it_waits() -> None:
    queue: Any = shoal.Queue(1)
    pickled = []

    class Counts:
        def __reduce__(self) -> Any:
            pickled.append(1)
            return str, ("arrived",)

    async def main() -> None:
        queue.put("first")
        task = asyncio.ensure_future(queue.put_async(Counts()))
        await until_waiting(task)
        await asyncio.to_thread(wait_until_polled_twice)
        assert queue.get_nowait() == "first"
        await within(task)
        assert await within(queue.get_async()) == "arrived"

    polls = []
    poll_room = queue._poll_room

    def counted(prepared: Any, timeout: Any) -> Any:
        polls.append(timeout)
        return poll_room(prepared, timeout)

    def wait_until_polled_twice() -> None:
        wait_until(lambda: len(polls) >= 2)

    queue._poll_room = counted
    in_a_loop(main())
    assert len(pickled) == 1


def test_a_closed_queue_refuses_tasks(either_queue: Any) -> None:
    async def main() -> None:
        queue = either_queue()
        queue.close()
        for call in (queue.get_async(), queue.put_async(1)):
            with pytest.raises(ValueError, match="closed"):
                await call

    in_a_loop(main())


def test_no_descriptor_stays_open() -> None:
    async def main() -> None:
        queue: Any = Queue()
        queue.fileno()
        gc.collect()  # those of other tests
        before = descriptors()
        for _ in range(20):
            task = asyncio.create_task(queue.get_async())
            await until_waiting(task)
            queue.put(1)
            assert await within(task) == 1
        task = asyncio.create_task(queue.get_async())
        await until_waiting(task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gc.collect()
        assert descriptors() == before

    in_a_loop(main())


def test_several_loops_after_one_another_use_a_queue(queue: Any) -> None:
    async def main(item: Any) -> Any:
        getting = asyncio.create_task(queue.get_async())
        await until_waiting(getting)
        queue.put(item)
        return await getting

    for i in range(3):
        assert in_a_loop(main(i)) == i


# ---------------------------------------------------------------- between processes


@pytest.mark.parametrize("noun", ["Queue", "JoinableQueue", "SimpleQueue"])
def test_a_producer_of_another_process_wakes_a_task(shoal_context: Any, noun: str) -> None:
    queue = getattr(shoal_context, noun)()

    async def main() -> list[int]:
        return [await queue.get_async() for _ in range(100)]

    with running(shoal_context, targets.put_all, queue, *range(100)) as process:
        assert in_a_loop(main()) == list(range(100))
        ended_well(process)


def test_a_producer_of_another_process_wakes_a_task_at_a_named_queue(
    shoal_context: Any, name: str
) -> None:
    queue = shoal_context.Queue(name=name)

    async def main() -> list[int]:
        return [await queue.get_async() for _ in range(20)]

    with running(shoal_context, targets.put_all, queue, *range(20)) as process:
        assert in_a_loop(main()) == list(range(20))
        ended_well(process)


def test_a_task_of_another_process_waits_for_this_one(shoal_context: Any) -> None:
    queue = shoal_context.Queue()
    here, there = shoal_context.Pipe()
    with here, there, running(shoal_context, targets.get_in_a_loop, queue, there, 3) as process:
        assert here.poll(DEADLINE)
        for item in ("one", "two", "three"):
            wait_until_asleep(process.pid)
            queue.put(item)
        assert here.recv() == process.pid
        assert here.poll(DEADLINE)
        assert here.recv() == ["one", "two", "three"]
        ended_well(process)


def test_a_task_of_another_process_puts_as_there_is_room(shoal_context: Any) -> None:
    queue = shoal_context.Queue(1)
    with running(shoal_context, targets.put_in_a_loop, queue, *range(5)) as process:
        assert [queue.get(timeout=DEADLINE) for _ in range(5)] == list(range(5))
        ended_well(process)


def test_the_death_of_a_waiting_task_stops_nobody(shoal_context: Any) -> None:
    queue = shoal_context.Queue()
    here, there = shoal_context.Pipe()

    async def main() -> Any:
        getting = asyncio.create_task(queue.get_async())
        await until_waiting(getting)
        queue.put("item")
        return await getting

    with here, there, running(shoal_context, targets.get_in_a_loop, queue, there, 1) as victim:
        assert here.poll(DEADLINE)
        wait_until_asleep(victim.pid)
        killed(victim)
        assert in_a_loop(main()) == "item"
        run(shoal_context, targets.put_all, queue, "next")
        assert select.select([queue], [], [], DEADLINE)[0] == [queue]
        assert queue.get_nowait() == "next"


def test_the_errors_are_not_those_of_asyncio() -> None:
    queue: Any = Queue()
    queue.shutdown()

    async def main() -> None:
        with pytest.raises(shoal.ShutDown) as caught:
            await queue.get_async()
        assert type(pickle.loads(pickle.dumps(caught.value))) is shoal.ShutDown

    in_a_loop(main())
