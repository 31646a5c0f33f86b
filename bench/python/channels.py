"""The peers: each is a channel from one process to another, in its makers' own way.

A channel is made, for items like the one given, before the processes are forked. The one that puts
then asks it for `sender()`, the one that gets for `receiver()`: functions as quick as the peer
allows. Batches are the same with `batch_sender()`, of a function that puts a list, and
`batch_receiver()`, of one that returns a list of at most `BATCH` items.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from itertools import repeat
from typing import Any

import shoal

Put = Callable[[Any], object]
Get = Callable[[], Any]
BATCH = 100  # items of one put_many, and the most of one get_many
BOUND = 100  # items in a bounded stock queue
MEMORY = 8 << 20  # of a peer with a fixed size; larger than what any workload leaves in a queue


class Channel:
    """What all have: nothing is known of batches, so that they are put and taken one by one."""

    def sender(self) -> Put:
        raise NotImplementedError

    def receiver(self) -> Get:
        raise NotImplementedError

    def batch_sender(self) -> Put:
        put = self.sender()

        def put_all(items: list[Any]) -> None:
            for item in items:
                put(item)

        return put_all

    def batch_receiver(self) -> Get:
        get = self.receiver()
        return lambda: [get() for _ in repeat(None, BATCH)]


class QueueChannel(Channel):
    """Whatever has `put` and `get`, and works after a fork."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    def sender(self) -> Put:
        put: Put = self.queue.put
        return put

    def receiver(self) -> Get:
        get: Get = self.queue.get
        return get


class Batched(QueueChannel):
    """And `put_many` and `get_many`; `most` is how the latter calls its limit."""

    def __init__(self, queue: Any, most: str) -> None:
        super().__init__(queue)
        self.most = {most: BATCH}

    def batch_sender(self) -> Put:
        put_many: Put = self.queue.put_many
        return put_many

    def batch_receiver(self) -> Get:
        get_many, most = self.queue.get_many, self.most
        return lambda: get_many(**most)


class Joinable(QueueChannel):
    """Each item that was taken is also said to be done."""

    def receiver(self) -> Get:
        get, task_done = self.queue.get, self.queue.task_done

        def take() -> Any:
            item = get()
            task_done()
            return item

        return take


def shoal_queue(_item: object) -> Channel:
    return Batched(shoal.Queue(), "max")


def shoal_simple_queue(_item: object) -> Channel:
    return QueueChannel(shoal.SimpleQueue())


def shoal_joinable_queue(_item: object) -> Channel:
    return Joinable(shoal.JoinableQueue())


def _unwaited(queue: Any) -> Any:
    queue.cancel_join_thread()  # the end must not wait for a partner that was killed
    return queue


def stock_queue(_item: object, maxsize: int = 0) -> Channel:
    return QueueChannel(_unwaited(multiprocessing.get_context("fork").Queue(maxsize)))


def bounded_stock_queue(item: object) -> Channel:
    return stock_queue(item, BOUND)


def stock_simple_queue(_item: object) -> Channel:
    return QueueChannel(multiprocessing.get_context("fork").SimpleQueue())


def stock_joinable_queue(_item: object, maxsize: int = 0) -> Channel:
    return Joinable(_unwaited(multiprocessing.get_context("fork").JoinableQueue(maxsize)))


def bounded_stock_joinable_queue(item: object) -> Channel:
    return stock_joinable_queue(item, BOUND)


class Pipe(Channel):
    def __init__(self, _item: object) -> None:
        self.reader, self.writer = multiprocessing.Pipe(duplex=False)

    def sender(self) -> Put:
        return self.writer.send

    def receiver(self) -> Get:
        return self.reader.recv


def faster_fifo_queue(_item: object) -> Channel:
    import faster_fifo

    return Batched(faster_fifo.Queue(MEMORY), "max_messages_to_get")
