"""What the children of the tests of queues run; importable, as spawn needs it."""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any


def echo(requests: Any, replies: Any) -> None:
    """Sends back what comes, until None comes."""
    for item in iter(requests.get, None):
        replies.put(item)


def put_numbers(queue: Any, producer: int, count: int) -> None:
    for i in range(count):
        queue.put((producer, i))


def put_if_closed_in_the_parent(queue: Any, other: Any) -> None:
    """Uses both and closes one; closing counts for this process alone."""
    assert not queue._closed
    queue.put("by the child")
    other.close()
    assert other._closed


def put_items(queue: Any, *items: Any) -> None:
    for item in items:
        queue.put(item)


def put_and_die(queue: Any, ready: Connection, *items: Any) -> None:
    """Dies without any farewell when its puts have returned."""
    put_items(queue, *items)
    ready.send(None)
    os.kill(os.getpid(), signal.SIGKILL)


def take_until_none(queue: Any, taken: Any) -> None:
    """Sends all that it took in one list."""
    taken.put(list(iter(queue.get, None)))


def take_and_die(queue: Any) -> None:
    queue.get()
    os.kill(os.getpid(), signal.SIGKILL)


def announce_and_get(queue: Any, ready: Connection) -> None:
    ready.send(os.getpid())
    queue.get()


def announce_and_put(queue: Any, ready: Connection, item: Any) -> None:
    ready.send(os.getpid())
    queue.put(item)


def put_from_threads(queue: Any, threads: int, count: int) -> None:
    makers = [threading.Thread(target=put_numbers, args=(queue, i, count)) for i in range(threads)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()


def put_by_grandchild(implementation: str, method: str, queue: Any, *items: Any) -> None:
    context = importlib.import_module(implementation).get_context(method)
    process = context.Process(target=put_items, args=(queue, *items))
    process.start()
    process.join()
    assert process.exitcode == 0


def put_what_is_known(queue: Any, answers: Any) -> None:
    answers.put((queue.qsize(), queue.full(), queue.empty(), type(queue).__name__))


def close_and_try(queue: Any, answers: Any) -> None:
    queue.close()
    try:
        queue.put(1)
    except ValueError:
        answers.put("refused")


def receive_and_answer(channels: Any) -> None:
    """Answers over a connection that arrives in the queue."""
    with channels.get() as channel:
        channel.send("over what came in the queue")


class Relay:
    """Holds queues and locks, and has methods that run in processes."""

    def __init__(self, context: Any) -> None:
        self.queue = context.Queue(2)
        self.results = context.Queue()
        self.lock = context.Lock()
        self.names: list[str] = []

    def produce(self, count: int) -> None:
        for i in range(count):
            with self.lock:
                self.queue.put(i)
        self.queue.put(None)

    def consume(self) -> None:
        for item in self.items():
            self.names.append(str(item))
        self.results.put((self.names, os.getpid()))

    def items(self) -> Iterator[int]:
        return iter(self.queue.get, None)
