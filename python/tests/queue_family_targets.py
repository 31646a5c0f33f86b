"""What the children of the tests of joinable and simple queues, of their end and of batches run.

Importable, as spawn needs it.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import time
from multiprocessing.connection import Connection
from queue import Empty
from typing import Any

import shoal
import shoal.queues


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_death() -> None:
    while True:
        signal.pause()


# ---------------------------------------------------------------- items that cannot travel


class Unpicklable:
    def __reduce__(self) -> Any:
        raise LookupError("cannot be pickled")


class BreaksWhenUnpickled:
    """Its unpickling raises `error`; `padding` bytes make it larger."""

    def __init__(self, error: BaseException, padding: int = 0) -> None:
        self.error, self.padding = error, padding

    def __reduce__(self) -> Any:
        return throw, (self.error, b"p" * self.padding)


def throw(error: BaseException, _: bytes) -> None:
    raise error


# ---------------------------------------------------------------- joinable queues


def do_until_none(jobs: Any) -> None:
    while True:
        item = jobs.get()
        jobs.task_done()
        if item is None:
            return


def do_and_report_until_none(jobs: Any, reports: Any) -> None:
    """The report of each item is there before it is done."""
    while True:
        item = jobs.get()
        reports.put(item)
        jobs.task_done()
        if item is None:
            return


def take_and_do_when_told(jobs: Any, channel: Connection) -> None:
    jobs.get()
    channel.send("taken")
    channel.recv()
    channel.send("done")
    jobs.task_done()


def hold(jobs: Any, ready: Connection, count: int) -> None:
    """Dies with so many items in hand."""
    for _ in range(count):
        jobs.get()
    ready.send(os.getpid())
    wait_for_death()


def hold_batch(jobs: Any, ready: Connection, most: int) -> None:
    ready.send(jobs.get_many(most))
    wait_for_death()


def do_but_die_of_deadly(jobs: Any, reports: Any, most: int) -> None:
    """Dies of an item "deadly", unless it comes for the time `most`."""
    while True:
        item, count = jobs.get_delivery()
        if item == "deadly":
            if count < most:
                die()
            reports.put((item, count))
        jobs.task_done()


def take_and_leave(jobs: Any, count: int) -> None:
    for _ in range(count):
        jobs.get()


def do_and_hold(jobs: Any, ready: Connection, done: int) -> None:
    for _ in range(done):
        jobs.get()
        jobs.task_done()
    ready.send(os.getpid())
    wait_for_death()


def do_for_others(jobs: Any, count: int) -> None:
    for _ in range(count):
        jobs.task_done()


def join_and_tell(jobs: Any, channel: Connection) -> None:
    channel.send(os.getpid())
    jobs.join()
    channel.send("joined")


def hold_and_fork(jobs: Any, channel: Connection, count: int) -> None:
    """The fork outlives the holder, and does the items when it is told to."""
    for _ in range(count):
        jobs.get()
    if os.fork() == 0:
        try:
            channel.send("forked")
            channel.recv()
            for _ in range(count):
                jobs.task_done()
            channel.send("done")
        finally:
            os._exit(0)
    wait_for_death()


def do_by_grandchild(jobs: Any, method: str) -> None:
    jobs.get()
    process = shoal.get_context(method).Process(target=do_for_others, args=(jobs, 1))
    process.start()
    process.join()
    assert process.exitcode == 0


def use_what_comes(queues: Any, answers: Any) -> None:
    """Takes one item of each queue that comes, until None comes."""
    for queue in iter(queues.get, None):
        item = queue.get()
        if hasattr(queue, "task_done"):
            queue.task_done()
        answers.put((type(queue).__name__, item))


# ---------------------------------------------------------------- simple queues


def echo(requests: Any, replies: Any) -> None:
    for item in iter(requests.get, None):
        replies.put(item)


def echo_by_name(name: str, replies: Any) -> None:
    """Waits for each item by the descriptor that it has itself."""
    queue: Any = shoal.queues.Queue.open(name)
    queue.fileno()
    replies.put("waits")
    while True:
        select.select([queue], [], [])
        try:
            item = queue.get_nowait()
        except Empty:
            continue
        if item is None:
            return
        replies.put(item)


def put_all(queue: Any, *items: Any) -> None:
    for item in items:
        queue.put(item)


def put_each(queue: Any, items: Any) -> None:
    for item in items:
        queue.put(item)


def count_bytes(queue: Any, results: Any) -> None:
    count = 0
    try:
        while True:
            count += len(queue.get())
    except shoal.ShutDown:
        results.put(count)


def put_pairs(queue: Any, who: int, count: int) -> None:
    for i in range(count):
        queue.put((who, i))


def put_and_take(queue: Any, taken: Any, who: int, count: int) -> None:
    """Takes as many items as it puts, whosever they are."""
    items = []
    for i in range(count):
        queue.put((who, i))
        items.append(queue.get())
    taken.put(items)


def take_until_none(queue: Any, taken: Any) -> None:
    taken.put(list(iter(queue.get, None)))


def put_and_wait(queue: Any, gate: Connection) -> None:
    queue.put("from the child")
    gate.poll(None)


def close_and_tell(queue: Any, answers: Any) -> None:
    queue.close()
    try:
        queue.put(1)
    except (OSError, ValueError):
        answers.put("refused")


def through_the_views(requests: Any, replies: Any) -> None:
    """As the standard library's pool does it: what is not used is closed, and methods are kept."""
    requests._writer.close()
    replies._reader.close()
    get, put = requests._reader.recv, replies._writer.send
    for item in iter(get, None):
        put(item)


# ---------------------------------------------------------------- pools and executors


def square(number: int) -> int:
    return number * number


def fail(message: str) -> None:
    raise LookupError(message)


def end_at_once() -> None:
    os._exit(3)


def pid_of(_: Any) -> int:
    return os.getpid()


# ---------------------------------------------------------------- the end of queues


def call_and_tell(queue: Any, method: str, args: tuple[Any, ...], channel: Connection) -> None:
    """Calls, and tells what was raised."""
    channel.send(os.getpid())
    try:
        channel.send(("returned", getattr(queue, method)(*args)))
    except Exception as error:
        channel.send(("raised", type(error).__name__))


def shut(queue: Any, immediate: bool) -> None:
    queue.shutdown(immediate)


def shut_and_die(queue: Any, immediate: bool) -> None:
    queue.shutdown(immediate=immediate)
    die()


def shut_one_after_another(queues: list[Any], immediate: bool) -> None:
    for queue in queues:
        queue.shutdown(immediate)
    wait_for_death()


def take_until_shut(queue: Any, taken: Any) -> None:
    items = []
    try:
        while True:
            items.append(queue.get())
    except shoal.ShutDown:
        taken.put(items)


# ---------------------------------------------------------------- batches


def put_batches(queue: Any, who: int, batches: int, size: int) -> None:
    for batch in range(batches):
        queue.put_many((who, batch * size + i) for i in range(size))


def take_batches(queue: Any, most: int, taken: Any) -> None:
    """Ends with the last item, which is None, and leaves one for the others."""
    items: list[Any] = []
    while None not in items:
        items += queue.get_many(most)
    queue.put_many([None] * items.count(None))
    taken.put([item for item in items if item is not None])


def take_batch_and_die(queue: Any, most: int) -> None:
    queue.get_many(most)
    die()


def put_batches_for_ever(queue: Any, ready: Connection) -> None:
    """Its numbers go up without a gap; its batches are of several sizes."""
    number = size = 0
    ready.send(os.getpid())
    while True:
        size = size % 50 + 1
        queue.put_many(range(number, number + size))
        number += size


def take_batches_for_ever(queue: Any, ready: Connection) -> None:
    ready.send(os.getpid())
    while True:
        queue.get_many(20)


# ---------------------------------------------------------------- asyncio


def get_in_a_loop(queue: Any, channel: Connection, count: int) -> None:
    async def main() -> list[Any]:
        channel.send(os.getpid())
        return [await queue.get_async() for _ in range(count)]

    channel.send(asyncio.run(main()))


def put_in_a_loop(queue: Any, *items: Any) -> None:
    async def main() -> None:
        for item in items:
            await queue.put_async(item)

    asyncio.run(main())


def take_by_descriptor(queue: Any, count: int, taken: Any) -> None:
    import select
    from queue import Empty

    items = []
    end = time.monotonic() + 20
    while len(items) < count and time.monotonic() < end:
        select.select([queue], [], [], 1)
        try:
            items.append(queue.get_nowait())
        except Empty:
            pass  # another was quicker
    taken.put(items)


# ---------------------------------------------------------------- a program of its own

ATTACHES_BY_ONE_DESCRIPTOR = """if True:
    import sys
    from shoal.queues import Queue
    queue = Queue.attach(int(sys.argv[1]))
    print(queue.get_many(10))
    try:
        queue.get_many(10)
    except ValueError as error:
        print("ValueError", error)
"""
