"""Queues and pipes: one way between two processes, four to one, and there and back."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from itertools import repeat as times
from typing import Any

from sample import Figure, Options, partners, percentiles, rate

import shoal

Put = Callable[[Any], object]
Get = Callable[[], Any]
BOUND = 100  # items in a bounded stock queue
MEMORY = 8 << 20  # of a peer with a fixed size; larger than what any workload leaves in a queue


def shoal_queue() -> tuple[Put, Get]:
    queue: Any = shoal.Queue()
    return queue.put, queue.get


def stock_queue(maxsize: int = 0) -> tuple[Put, Get]:
    queue: Any = multiprocessing.get_context("fork").Queue(maxsize)
    queue.cancel_join_thread()  # the end must not wait for a partner that was killed
    return queue.put, queue.get


def bounded_stock_queue() -> tuple[Put, Get]:
    return stock_queue(BOUND)


def stock_pipe() -> tuple[Put, Get]:
    reader, writer = multiprocessing.Pipe(duplex=False)
    return writer.send, reader.recv


def faster_fifo_queue() -> tuple[Put, Get]:
    import faster_fifo

    queue = faster_fifo.Queue(MEMORY)
    return queue.put, queue.get


PEERS: dict[str, Callable[[], tuple[Put, Get]]] = {
    "shoal": shoal_queue,
    "stock": stock_queue,
    "bounded": bounded_stock_queue,
    "pipe": stock_pipe,
    "faster-fifo": faster_fifo_queue,
}
NO_PEER_OF_MANY = {"pipe"}  # two producers on one pipe need a lock, which is what Queue is

ITEMS: dict[str, Any] = {
    "int": 12345,
    "100B": b"x" * 100,
    "dict": {"id": 7, "name": "worker", "x": 1.5, "ok": True, "tags": [1, 2, 3]},
    "64KiB": bytes(64 << 10),
    "1MiB": bytes(1 << 20),
}


def _produce(put: Put, item: Any) -> None:
    while True:
        put(item)


def _echo(get: Get, put: Put) -> None:
    while True:
        put(get())


def one_way(options: Options, peer: str, kind: str, producers: int) -> float:
    """Items per second, counted where they arrive, while the producers never stop."""
    item = ITEMS[kind]
    size = len(item) if isinstance(item, bytes) else 8
    batch = max(1, min(64, (64 << 10) // size))
    put, get = PEERS[peer]()

    def take_batch() -> None:
        for _ in times(None, batch):
            get()

    with partners(options, _produce, put, item, count=producers):
        if get() != item:
            raise AssertionError("another item came out")
        return rate(options, take_batch) * batch


def round_trip(options: Options, peer: str) -> list[Figure]:
    put, get_there = PEERS[peer]()
    put_back, get = PEERS[peer]()
    item = ITEMS["int"]

    def trip() -> None:
        put(item)
        get()

    with partners(options, _echo, get_there, put_back):
        p50, p99 = percentiles(options, trip)
    return [("round-trip-p50", p50, "ns"), ("round-trip-p99", p99, "ns")]


def workloads() -> Iterator[tuple[str, str, Callable[[Options], list[Figure]]]]:
    """Name, peer and function of each."""

    def figures(name: str, peer: str, kind: str, producers: int) -> Callable[..., list[Figure]]:
        def run(options: Options) -> list[Figure]:
            items = one_way(options, peer, kind, producers)
            if kind.endswith("iB"):
                return [(name, items * len(ITEMS[kind]), "B/s")]
            return [(name, items, "msg/s")]

        return run

    def round_trip_of(peer: str) -> Callable[[Options], list[Figure]]:
        return lambda options: round_trip(options, peer)

    for peer in PEERS:
        for kind in ITEMS:
            name = f"queue-{kind}"
            yield name, peer, figures(name, peer, kind, 1)
        if peer not in NO_PEER_OF_MANY:
            yield "queue-int-4to1", peer, figures("queue-int-4to1", peer, "int", 4)
        yield "round-trip", peer, round_trip_of(peer)
