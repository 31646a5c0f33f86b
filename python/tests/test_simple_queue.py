"""Simple queues, and what the standard library does with them: views, pools and executors.

Tests that take `context` or `queue` run for shoal and for the standard library.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from queue import Empty, Full
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import PACKAGES, ended_well, killed, run, running, when_this_thread_sleeps
from shoal.queues import JoinableQueue, Queue, SimpleQueue
from waiting import DEADLINE, wait_until

# Python warns of a fork beside threads; pools and executors have threads.
BESIDE_THREADS = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@pytest.fixture
def queue(request: pytest.FixtureRequest, implementation: str) -> Iterator[Any]:
    queue = PACKAGES[implementation].get_context("fork").SimpleQueue()
    yield queue
    queue.close()
    del queue
    request.node.funcargs.clear()  # type: ignore[attr-defined]  # the last test's live on


@pytest.fixture(params=[Queue, JoinableQueue, SimpleQueue])
def any_queue(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield request.param()
    request.node.funcargs.clear()  # type: ignore[attr-defined]  # the last test's live on


# ---------------------------------------------------------------- in one process


def test_items_come_in_the_order_in_which_they_were_put(queue: Any) -> None:
    items = [*range(100), "text", None, b"bytes", {"a": [1]}]
    for item in items:
        queue.put(item)
    assert [queue.get() for _ in items] == items


def test_empty_tells_whether_there_is_an_item(queue: Any) -> None:
    assert queue.empty() is True
    queue.put(None)
    assert queue.empty() is False
    queue.get()
    assert queue.empty() is True


def test_get_waits_for_an_item(queue: Any) -> None:
    with when_this_thread_sleeps(lambda: queue.put("at last")):
        assert queue.get() == "at last"


def test_threads_share_it(queue: Any) -> None:
    got: list[int] = []
    threads = [threading.Thread(target=lambda: got.append(queue.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for i in range(8):
        queue.put(i)
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(got) == list(range(8))


def test_what_cannot_be_pickled_raises_in_put_and_leaves_no_trace(queue: Any) -> None:
    for item in (targets.Unpicklable(), [1, targets.Unpicklable()]):
        with pytest.raises(LookupError, match="cannot be pickled"):
            queue.put(item)
    assert queue.empty()
    queue.put("next")
    assert queue.get() == "next"


def test_what_cannot_be_unpickled_raises_in_get_and_is_gone(queue: Any) -> None:
    queue.put(targets.BreaksWhenUnpickled(LookupError("not here")))
    queue.put("next")
    with pytest.raises(LookupError, match="not here"):
        queue.get()
    assert queue.get() == "next"


def test_a_closed_one_refuses_put_and_get(queue: Any) -> None:
    queue.put(1)
    queue.close()
    queue.close()
    for call in (queue.get, lambda: queue.put(2)):
        with pytest.raises((OSError, ValueError), match="closed"):
            call()


def test_pickling_it_anywhere_is_refused(queue: Any) -> None:
    with pytest.raises(RuntimeError, match="only be shared between processes through inher"):
        pickle.dumps(queue)


def test_it_has_no_limit_that_could_be_given(implementation: str, start_method: str) -> None:
    with pytest.raises(TypeError):
        PACKAGES[implementation].get_context(start_method).SimpleQueue(3)


# ---------------------------------------------------------------- between processes


def test_items_go_to_a_child_and_back_in_order(context: Any) -> None:
    requests, replies = context.SimpleQueue(), context.SimpleQueue()
    items = [*range(100), "text", b"bytes" * 100_000, {"a": [1, None]}, 2.5, 2**70]
    with running(context, targets.echo, requests, replies) as process:
        for item in items:
            requests.put(item)
            assert replies.get() == item
        requests.put(None)
        ended_well(process)


def test_each_item_arrives_once_and_each_producers_in_order(context: Any) -> None:
    work, taken = context.SimpleQueue(), context.SimpleQueue()
    with (
        running(context, targets.put_pairs, work, 0, 150) as one,
        running(context, targets.put_pairs, work, 1, 150) as other,
        running(context, targets.take_until_none, work, taken) as first,
        running(context, targets.take_until_none, work, taken) as second,
    ):
        ended_well(one, other)
        for _ in range(2):
            work.put(None)
        lists = [taken.get() for _ in range(2)]
        ended_well(first, second)
    for took in lists:
        for who in range(2):
            numbers = [number for producer, number in took if producer == who]
            assert numbers == sorted(numbers)
    assert sorted(lists[0] + lists[1]) == [
        (who, number) for who in range(2) for number in range(150)
    ]


def test_close_concerns_one_process_only(context: Any) -> None:
    queue, answers = context.SimpleQueue(), context.SimpleQueue()
    run(context, targets.close_and_tell, queue, answers)
    assert answers.get() == "refused"
    queue.put(1)
    assert queue.get() == 1


# ---------------------------------------------------------------- what only shoal has


def test_it_has_the_other_methods_of_a_queue() -> None:
    queue: Any = SimpleQueue()
    assert repr(queue) == "<SimpleQueue: 0 items>"
    assert (queue.maxsize, queue.full(), queue.name) == (0, False, None)
    for call in (queue.get_nowait, lambda: queue.get(False), lambda: queue.get(timeout=0.01)):
        with pytest.raises(Empty):
            call()
    queue.put(1, block=False)
    queue.put(2, timeout=0)
    queue.put_nowait(3)
    queue.put_many([4, 5])
    assert queue.qsize() == 5
    assert queue.get_many(10) == [1, 2, 3, 4, 5]


def test_more_than_a_pipe_holds_needs_no_reader() -> None:
    queue: Any = SimpleQueue()
    item = b"x" * 1_000_000
    for _ in range(5):
        queue.put(item)
    assert [queue.get() for _ in range(5)] == [item] * 5


def test_it_has_a_name(shoal_context: Any) -> None:
    name = f"test-{uuid.uuid4()}"
    queue = shoal_context.SimpleQueue(name=name)
    try:
        assert type(queue) is SimpleQueue
        queue.put("by name")
        same = SimpleQueue.open(name)
        assert repr(same) == f"<SimpleQueue '{name}': 1 items>"
        assert same.get() == "by name"
        with pytest.raises(ValueError, match="handles cannot travel"):
            same.put(shoal.Lock())
    finally:
        SimpleQueue.unlink(name)


def test_it_travels_through_itself() -> None:
    queue: Any = SimpleQueue()
    queue.put([queue, "and more"])
    same, more = queue.get()
    assert type(same) is SimpleQueue
    same.put(more)
    assert queue.get() == "and more"


# ---------------------------------------------------------------- _reader and _writer


def test_the_views_take_and_put(queue: Any) -> None:
    assert not queue._reader.poll()
    queue._writer.send(["through the writer"])
    assert queue._reader.poll()
    assert queue._reader.poll(DEADLINE)
    assert queue.get() == ["through the writer"]
    queue.put({"a": 1})
    assert queue._reader.recv() == {"a": 1}
    queue._writer.send_bytes(pickle.dumps("as bytes"))
    assert queue.get() == "as bytes"
    queue.put("as bytes")
    assert pickle.loads(queue._reader.recv_bytes()) == "as bytes"
    assert not queue._reader.poll(0.01)
    assert queue.empty()


def test_send_bytes_may_send_a_part(queue: Any) -> None:
    pickled = pickle.dumps("a part")
    queue._writer.send_bytes(b"..." + pickled + b"....", 3, len(pickled))
    assert queue.get() == "a part"
    queue._writer.send_bytes(memoryview(b"..." + pickled), 3)
    assert queue.get() == "a part"


@pytest.mark.parametrize(("offset", "size"), [(-1, None), (0, -1), (5, 0), (1, 4), (0, 5), (2, 9)])
def test_send_bytes_refuses_what_is_not_in_the_buffer(queue: Any, offset: int, size: Any) -> None:
    with pytest.raises(ValueError):
        queue._writer.send_bytes(b"1234", offset, size)
    assert queue.empty()


def test_recv_bytes_refuses_a_negative_length(queue: Any) -> None:
    queue.put("stays")
    with pytest.raises(ValueError):
        queue._reader.recv_bytes(-1)
    assert queue.get() == "stays"


def test_the_views_are_of_one_direction(queue: Any) -> None:
    assert (queue._reader.readable, queue._reader.writable) == (True, False)
    assert (queue._writer.readable, queue._writer.writable) == (False, True)
    for use in (lambda: queue._reader.send(1), lambda: queue._writer.recv()):
        with pytest.raises((OSError, AttributeError)):
            use()


def test_poll_waits_for_an_item(queue: Any) -> None:
    with when_this_thread_sleeps(lambda: queue.put("at last")):
        assert queue._reader.poll(None)
    assert queue.get() == "at last"


def test_recv_waits_for_an_item(queue: Any) -> None:
    with when_this_thread_sleeps(lambda: queue._writer.send("at last")):
        assert queue._reader.recv() == "at last"


@pytest.mark.parametrize("end", ["_reader", "_writer"])
def test_one_end_is_closed_by_itself(queue: Any, end: str) -> None:
    view, other = getattr(queue, end), {"_reader": "_writer", "_writer": "_reader"}[end]
    assert view.closed is False
    view.close()
    view.close()
    assert view.closed is True
    assert getattr(queue, end).closed is True
    assert getattr(queue, other).closed is False
    for use in (lambda: view.fileno(), view.poll if end == "_reader" else lambda: view.send(1)):
        with pytest.raises(OSError, match="closed"):
            use()


def test_a_view_is_closed_by_with_and_with_its_queue(queue: Any) -> None:
    with queue._writer as writer:
        writer.send(1)
    assert writer.closed
    assert queue.get() == 1
    queue.close()
    assert queue._reader.closed


def test_the_locks_are_there(queue: Any) -> None:
    for lock in (queue._rlock, queue._wlock):
        with lock:
            assert not lock.acquire(False)
        assert lock.acquire(timeout=DEADLINE)
        lock.release()
    assert queue._rlock is queue._rlock


def test_wait_tells_of_items_and_of_deaths(context: Any) -> None:
    """As the standard library's executor waits: for the results and for the workers' ends."""
    queue = context.SimpleQueue()
    gate, end = context.Pipe(duplex=False)
    with gate, end, running(context, targets.put_and_wait, queue, gate) as process:
        reader = queue._reader
        assert wait([reader, process.sentinel], DEADLINE) == [reader]
        assert reader.recv() == "from the child"
        assert wait([reader], 0) == []
        killed(process)
        assert wait([reader, process.sentinel], DEADLINE) == [process.sentinel]


def test_views_go_on_where_an_end_is_closed_in_a_child(context: Any) -> None:
    requests, replies = context.SimpleQueue(), context.SimpleQueue()
    with running(context, targets.through_the_views, requests, replies) as process:
        for item in [1, "two", b"3" * 100_000]:
            requests.put(item)
            assert replies.get() == item
        assert not requests._writer.closed
        requests.put(None)
        ended_well(process)


def test_any_of_the_queues_has_views(any_queue: Any) -> None:
    assert not any_queue._reader.poll()
    any_queue._writer.send(1)
    with selectors.DefaultSelector() as selector:
        selector.register(any_queue._reader, selectors.EVENT_READ)
        assert len(selector.select(DEADLINE)) == 1
        assert any_queue._reader.recv() == 1
        assert selector.select(0) == []
    any_queue._reader.close()
    assert any_queue._reader.closed
    with pytest.raises(OSError, match=r"the reader of .* is closed"):
        any_queue._reader.recv()


def test_closing_an_end_is_a_matter_of_this_object_alone(any_queue: Any) -> None:
    any_queue._reader.close()
    any_queue.put(any_queue)
    same = any_queue.get()
    assert not same._reader.closed


def test_recv_bytes_refuses_what_is_too_long() -> None:
    queue: Any = SimpleQueue()
    queue.put("0123456789")
    with pytest.raises(OSError, match="more than 5"):
        queue._reader.recv_bytes(5)


def test_the_views_tell_of_shutdown_as_a_pipe_tells_of_its_end(any_queue: Any) -> None:
    any_queue.put("last")
    any_queue.shutdown()
    assert any_queue._reader.poll()
    assert any_queue._reader.recv() == "last"
    assert any_queue._reader.poll()
    with pytest.raises(EOFError):
        any_queue._reader.recv()
    with pytest.raises(EOFError):
        any_queue._reader.recv_bytes()
    with pytest.raises(BrokenPipeError, match="shut down"):
        any_queue._writer.send(1)


def test_held_locks_keep_nobody_from_the_queue() -> None:
    queue: Any = SimpleQueue()
    with queue._rlock, queue._wlock:
        queue.put(1)
        assert queue.get() == 1
        queue._writer.send(2)
        assert queue._reader.recv() == 2
        assert queue._reader.recv() is None  # who drains it does not wait


# ---------------------------------------------------------------- pools


@contextmanager
def pool_of(context: Any, size: int = 2) -> Iterator[Any]:
    pool = context.Pool(size)
    try:
        yield pool
    finally:
        pool.terminate()
        pool.join()


@BESIDE_THREADS
def test_a_pool_works(context: Any) -> None:
    with pool_of(context) as pool:
        assert pool.map(targets.square, range(50)) == [i * i for i in range(50)]
        assert list(pool.imap(targets.square, range(5), 2)) == [0, 1, 4, 9, 16]
        assert pool.apply_async(targets.square, (7,)).get(DEADLINE) == 49
        with pytest.raises(LookupError, match="told to"):
            pool.apply(targets.fail, ("told to",))
        with pytest.raises(LookupError, match="cannot be pickled"):
            pool.apply(targets.square, (targets.Unpicklable(),))
        large = b"x" * 300_000
        assert pool.apply(bytes, (large,)) == large
        pool.close()
        pool.join()


@BESIDE_THREADS
def test_a_pool_is_made_of_simple_queues_and_ends_with_work_left(shoal_context: Any) -> None:
    with pool_of(shoal_context) as pool:
        assert type(pool._inqueue) is type(pool._outqueue) is SimpleQueue
        pool.map_async(targets.square, range(20_000), chunksize=1)


@BESIDE_THREADS
def test_a_pool_goes_on_when_its_waiting_workers_are_killed(shoal_context: Any) -> None:
    """With the standard library's queues the killed one holds their lock, and all wait."""
    with pool_of(shoal_context) as pool:
        before = {worker.pid for worker in pool._pool}
        assert pool.map(targets.square, range(10)) == [i * i for i in range(10)]
        for pid in before:
            os.kill(pid, signal.SIGKILL)

        def is_full_again() -> bool:
            pids = {worker.pid for worker in list(pool._pool)}
            return len(pids) == 2 and not before & pids

        wait_until(is_full_again)
        pids = pool.map_async(targets.pid_of, range(10)).get(DEADLINE)
        assert not before & set(pids)


# ---------------------------------------------------------------- executors


@contextmanager
def executor_of(context: Any) -> Iterator[ProcessPoolExecutor]:
    executor = ProcessPoolExecutor(2, mp_context=context)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@BESIDE_THREADS
def test_an_executor_works(shoal_context: Any) -> None:
    with executor_of(shoal_context) as executor:
        assert type(executor._result_queue) is SimpleQueue  # type: ignore[attr-defined]
        assert list(executor.map(targets.square, range(30), chunksize=3)) == [
            i * i for i in range(30)
        ]
        failed = executor.submit(targets.fail, "told to")
        assert isinstance(failed.exception(DEADLINE), LookupError)
        unpicklable = executor.submit(targets.square, targets.Unpicklable())  # type: ignore[arg-type]
        with pytest.raises(LookupError, match="cannot be pickled"):
            unpicklable.result(DEADLINE)
        assert executor.submit(targets.square, 5).result(DEADLINE) == 25
        large = b"x" * 300_000
        assert executor.submit(bytes, large).result(DEADLINE) == large


@BESIDE_THREADS
@pytest.mark.parametrize("end", [targets.end_at_once, targets.die], ids=["exit", "killed"])
def test_a_worker_that_ends_breaks_its_executor(shoal_context: Any, end: Any) -> None:
    with executor_of(shoal_context) as executor:
        assert executor.submit(targets.square, 2).result(DEADLINE) == 4
        broken = executor.submit(end)
        with pytest.raises(BrokenProcessPool, match="terminated abruptly"):
            broken.result(DEADLINE)
        with pytest.raises(BrokenProcessPool):
            executor.submit(targets.square, 2)


@BESIDE_THREADS
def test_a_worker_that_is_killed_while_it_waits_breaks_its_executor(shoal_context: Any) -> None:
    with executor_of(shoal_context) as executor:
        pid = executor.submit(targets.pid_of, None).result(DEADLINE)
        os.kill(pid, signal.SIGKILL)
        # Not by submit: one that comes while it breaks may end the standard library's thread.
        wait_until(lambda: executor._broken)  # type: ignore[attr-defined]
        with pytest.raises(BrokenProcessPool):
            executor.submit(targets.square, 2)


def test_the_parts_that_executors_look_for_are_there() -> None:
    queue: Any = Queue(1)
    queue._ignore_epipe = True
    queue.put(1)
    with pytest.raises(Full):
        queue.put_nowait(2)
    queue._terminate_broken()
    assert queue._closed
