"""Shutdown of the three queues: who puts, gets and waits learns of it, whoever dies."""

from __future__ import annotations

import asyncio
import os
import pickle
import queue as standard
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from queue import Full
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import (
    ended_well,
    killed,
    run,
    running,
    wait_until_asleep,
    when_this_thread_sleeps,
)
from shoal.queues import JoinableQueue, Queue, SimpleQueue
from waiting import DEADLINE, wait_until

# Python warns of a fork beside threads; here that is what is tested.
BESIDE_THREADS = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
KINDS = pytest.mark.parametrize("kind", [Queue, JoinableQueue, SimpleQueue])
IMMEDIATE = pytest.mark.parametrize("immediate", [False, True], ids=["drained", "immediate"])


@pytest.fixture(params=[Queue, JoinableQueue, SimpleQueue])
def queue(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield request.param()
    request.node.funcargs.clear()  # type: ignore[attr-defined]  # the last test's live on


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4()}"
    yield name
    Queue.unlink(name)


def refuses_all(queue: Any) -> None:
    """Nothing can be put into it, and nothing is left in it."""
    for call in (
        lambda: queue.put(1),
        lambda: queue.put(1, False),
        lambda: queue.put(1, timeout=0.01),
        lambda: queue.put_nowait(1),
        lambda: queue.put(b"x" * 200_000),
        lambda: queue.put(shoal.Event()),
        lambda: queue.put_many([1, 2]),
        lambda: queue.put_many([1, 2], block=False),
        queue.get,
        queue.get_nowait,
        lambda: queue.get(False),
        lambda: queue.get(timeout=0.01),
        lambda: queue.get_many(3),
        lambda: queue.get_many(3, False),
        lambda: queue.get_many(3, timeout=0),
        lambda: asyncio.run(queue.get_async()),
        lambda: asyncio.run(queue.put_async(1)),
    ):
        with pytest.raises(shoal.ShutDown, match="is shut down"):
            call()
    assert queue.qsize() == 0
    assert queue.empty()


# ---------------------------------------------------------------- in one process


def test_after_shutdown_nothing_can_be_put_and_nothing_be_got(queue: Any) -> None:
    queue.shutdown()
    refuses_all(queue)


def test_what_was_put_before_comes_in_its_order(queue: Any) -> None:
    items = [1, "two", b"3" * 200_000, {"four": [4]}]
    for item in items:
        queue.put(item)
    queue.shutdown()
    with pytest.raises(shoal.ShutDown):
        queue.put("too late")
    assert queue.qsize() == 4
    assert not queue.empty()
    assert [queue.get(), queue.get_nowait(), queue.get(timeout=1), queue.get(False)] == items
    refuses_all(queue)


def test_get_many_takes_what_is_left(queue: Any) -> None:
    queue.put_many(range(500))
    queue.shutdown()
    got = []
    with pytest.raises(shoal.ShutDown):
        while True:
            got += queue.get_many(70)
    assert got == list(range(500))


def test_get_async_takes_what_is_left(queue: Any) -> None:
    async def drain() -> list[int]:
        got = []
        try:
            while True:
                got.append(await queue.get_async())
        except shoal.ShutDown:
            return got

    queue.put_many(range(5))
    queue.shutdown()
    assert asyncio.run(drain()) == list(range(5))


def test_an_immediate_one_drops_what_is_there(queue: Any) -> None:
    queue.put_many([*range(10_000), b"x" * 200_000])
    queue.put([shoal.Event(), "with a handle"])
    queue.shutdown(immediate=True)
    refuses_all(queue)


@IMMEDIATE
def test_it_may_be_repeated(queue: Any, immediate: bool) -> None:
    queue.put(1)
    queue.shutdown(immediate)
    queue.shutdown(immediate)
    if not immediate:
        assert queue.get() == 1
    queue.shutdown(immediate)
    refuses_all(queue)


def test_an_immediate_one_may_follow_and_is_not_taken_back(queue: Any) -> None:
    queue.put_many(range(3))
    queue.shutdown()
    assert queue.get() == 0
    queue.shutdown(immediate=True)
    refuses_all(queue)
    queue.shutdown(False)
    refuses_all(queue)


@KINDS
def test_arguments_that_are_none(kind: Any) -> None:
    queue = kind()
    for call in (lambda: queue.shutdown(1, 2), lambda: queue.shutdown(now=True)):
        with pytest.raises(TypeError):
            call()
    queue.put("still open")
    assert queue.get() == "still open"


@pytest.mark.parametrize("kind", [Queue, JoinableQueue])
def test_a_full_one_says_that_it_is_shut_down(kind: Any) -> None:
    queue = kind(1)
    queue.put(1)
    with pytest.raises(Full):
        queue.put(2, timeout=0)
    queue.shutdown()
    for call in (queue.put, queue.put_nowait, lambda item: queue.put(item, timeout=0)):
        with pytest.raises(shoal.ShutDown):
            call(2)
    assert queue.full()
    assert queue.get() == 1


def test_a_closed_one_can_be_shut_down_for_the_others() -> None:
    queue: Any = Queue()
    queue.put(queue)
    queue.get()
    queue.close()
    queue.shutdown()
    with pytest.raises(ValueError, match="closed"):
        queue.put(1)
    with pytest.raises(shoal.ShutDown):
        put_in_a_fork(queue)


def put_in_a_fork(queue: Any) -> None:
    """Raises ShutDown where a child of this process, in which it is open, gets that."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            queue.put(1)
        except shoal.ShutDown:
            code = 0
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0:
        raise shoal.ShutDown


def test_shutdown_is_seen_through_every_handle(queue: Any) -> None:
    queue.put(queue)
    other = queue.get()
    assert type(other) is type(queue)
    other.put("last")
    other.shutdown()
    with pytest.raises(shoal.ShutDown):
        queue.put(1)
    assert queue.get() == "last"
    refuses_all(queue)


def test_a_named_one_stays_shut_for_who_opens_it_later(name: str) -> None:
    queue: Any = Queue(name=name)
    queue.put("last")
    queue.shutdown()
    later: Any = Queue.open(name)
    assert later.get() == "last"
    with pytest.raises(shoal.ShutDown, match=name):
        later.get()
    with pytest.raises(shoal.ShutDown, match=name):
        later.put(1)


def test_the_error_is_the_standard_librarys_where_that_has_it() -> None:
    assert shoal.ShutDown is shoal.queues.ShutDown
    if sys.version_info >= (3, 13):
        assert shoal.ShutDown is standard.ShutDown
    else:
        assert not hasattr(standard, "ShutDown")
        assert issubclass(shoal.ShutDown, Exception)
    same = pickle.loads(pickle.dumps(shoal.ShutDown("why")))
    assert type(same) is shoal.ShutDown
    assert str(same) == "why"


# ---------------------------------------------------------------- those who wait


@IMMEDIATE
@pytest.mark.parametrize("get", ["get", "get_many", "recv"])
def test_a_waiting_get_of_this_process_ends(queue: Any, get: str, immediate: bool) -> None:
    calls = {"get": queue.get, "get_many": lambda: queue.get_many(2), "recv": queue._reader.recv}
    error = EOFError if get == "recv" else shoal.ShutDown
    with when_this_thread_sleeps(lambda: queue.shutdown(immediate)), pytest.raises(error):
        calls[get]()


@IMMEDIATE
def test_a_waiting_put_of_this_process_ends(immediate: bool) -> None:
    queue: Any = Queue(1)
    queue.put(1)
    for put in (lambda: queue.put(2), lambda: queue.put_many([2, 3])):
        with (
            when_this_thread_sleeps(lambda: queue.shutdown(immediate)),
            pytest.raises(shoal.ShutDown),
        ):
            put()
    assert queue.qsize() == (0 if immediate else 1)


def test_a_put_many_that_is_shut_in_the_middle_says_how_many_were_put() -> None:
    queue: Any = Queue(3)
    with when_this_thread_sleeps(queue.shutdown), pytest.raises(shoal.ShutDown) as caught:
        queue.put_many(range(10))
    assert caught.value.items_put == 3  # type: ignore[attr-defined]
    assert queue.get_many(10) == [0, 1, 2]


@IMMEDIATE
@pytest.mark.parametrize("noun", ["Queue", "JoinableQueue", "SimpleQueue"])
def test_waiting_getters_of_other_processes_end(
    shoal_context: Any, noun: str, immediate: bool
) -> None:
    queue = getattr(shoal_context, noun)()
    calls = [("get", ()), ("get", (True, 60)), ("get_many", (5,))]
    all_are_told(shoal_context, queue, calls, immediate)


@IMMEDIATE
def test_waiting_putters_of_other_processes_end(shoal_context: Any, immediate: bool) -> None:
    queue = shoal_context.Queue(1)
    queue.put("only")
    calls = [("put", ("more",)), ("put", ("more", True, 60)), ("put_many", ([1, 2],))]
    all_are_told(shoal_context, queue, calls, immediate)
    if not immediate:
        assert queue.get() == "only"
    refuses_all(queue)


def all_are_told(context: Any, queue: Any, calls: list[Any], immediate: bool) -> None:
    with ExitStack() as stack:
        waiting = []
        for method, args in calls:
            here, there = context.Pipe()
            stack.enter_context(here)
            stack.enter_context(there)
            process = stack.enter_context(
                running(context, targets.call_and_tell, queue, method, args, there)
            )
            waiting.append((process, here))
        for _, here in waiting:
            assert here.poll(DEADLINE)
            wait_until_asleep(here.recv())
        queue.shutdown(immediate)
        for process, here in waiting:
            assert here.poll(DEADLINE)
            assert here.recv() == ("raised", "ShutDown")
            ended_well(process)


@IMMEDIATE
def test_another_process_shuts_it(shoal_context: Any, immediate: bool) -> None:
    queue = shoal_context.Queue()
    queue.put("last")
    run(shoal_context, targets.shut, queue, immediate)
    if not immediate:
        assert queue.get() == "last"
    refuses_all(queue)


def test_consumers_need_no_sentinels(shoal_context: Any) -> None:
    queue, taken = shoal_context.Queue(10), shoal_context.Queue()
    with (
        running(shoal_context, targets.take_until_shut, queue, taken) as first,
        running(shoal_context, targets.take_until_shut, queue, taken) as second,
    ):
        for i in range(500):
            queue.put(i)
        queue.shutdown()
        ended_well(first, second)
    assert sorted(taken.get_nowait() + taken.get_nowait()) == list(range(500))


def test_one_that_was_shut_before_a_child_starts_is_so_there(shoal_context: Any) -> None:
    queue = shoal_context.Queue()
    here, there = shoal_context.Pipe()
    queue.shutdown()
    with here, there:
        run(shoal_context, targets.call_and_tell, queue, "get", (), there)
        assert isinstance(here.recv(), int)
        assert here.recv() == ("raised", "ShutDown")


def test_a_task_that_waits_is_told() -> None:
    async def main() -> None:
        empty, full = Queue[int](), Queue[int](1)
        await full.put_async(1)
        tasks = [
            asyncio.create_task(empty.get_async()),
            asyncio.create_task(empty.get_async()),
            asyncio.create_task(full.put_async(2)),
        ]
        for _ in range(5):
            await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
        empty.shutdown()
        full.shutdown()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), DEADLINE)
        assert [type(result) for result in results] == [shoal.ShutDown] * 3
        assert await full.get_async() == 1

    asyncio.run(main())


# ---------------------------------------------------------------- death


@IMMEDIATE
@pytest.mark.parametrize("noun", ["Queue", "JoinableQueue", "SimpleQueue"])
def test_the_death_of_who_has_shut_it_changes_nothing(
    shoal_context: Any, noun: str, immediate: bool
) -> None:
    queue = getattr(shoal_context, noun)()
    queue.put_many(range(3))
    with running(shoal_context, targets.shut_and_die, queue, immediate) as process:
        process.join(DEADLINE)
        assert process.exitcode == -9
    if not immediate:
        assert queue.get_many(10) == [0, 1, 2]
    refuses_all(queue)


@IMMEDIATE
@pytest.mark.parametrize("length", [1, 300])
def test_one_whose_shutter_was_killed_is_shut_or_is_not(
    shoal_context: Any, immediate: bool, length: int
) -> None:
    """Killed while it shuts one full queue after another."""
    queues = [shoal_context.JoinableQueue(length) for _ in range(60)]
    for queue in queues:
        queue.put_many(range(length))
    with running(shoal_context, targets.shut_one_after_another, queues, immediate) as process:
        wait_until(lambda: is_shut(queues[9]))
        killed(process)
    shut = [is_shut(queue) for queue in queues]
    assert shut == sorted(shut, reverse=True)
    for queue, is_end in zip(queues, shut, strict=True):
        if not is_end:
            assert queue.get_many(length + 1) == [*range(length)]
            for _ in range(length):
                queue.task_done()
            assert queue.join(0) is True
            queue.put("goes on")
            assert queue.get() == "goes on"
        elif not immediate:
            assert [queue.get() for _ in range(length)] == list(range(length))
            with pytest.raises(shoal.ShutDown):
                queue.get()
        else:
            with pytest.raises(shoal.ShutDown):
                queue.get_nowait()
            assert queue.qsize() == 0


def is_shut(queue: Any) -> bool:
    """Tells by a batch of which nothing can be put anyway."""
    try:
        queue.put_many([b"large" * 20_000, 1], block=False)
    except shoal.ShutDown:
        return True
    except Full:
        return False
    raise AssertionError("more was put than there is room for")


@BESIDE_THREADS
@IMMEDIATE
def test_who_waits_when_the_shutter_dies_is_told(shoal_context: Any, immediate: bool) -> None:
    queue = shoal_context.Queue()
    told: list[str] = []

    def wait() -> None:
        try:
            queue.get()
        except shoal.ShutDown:
            told.append("shut down")

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        wait_until_asleep(os.getpid(), thread.native_id)
    with running(shoal_context, targets.shut_and_die, queue, immediate) as process:
        process.join(DEADLINE)
    for thread in threads:
        thread.join(DEADLINE)
    assert told == ["shut down"] * 3
