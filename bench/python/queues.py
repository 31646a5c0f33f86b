"""Queues and pipes: one way between two processes, one by one and in batches, four to one, and
there and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat as times
from typing import Any

import channels
from channels import BATCH, Channel
from iceoryx import Iceoryx2
from sample import Figure, Options, partners, percentiles, rate, repeat
from zeromq import ZeroMq

PEERS: dict[str, Callable[[Any], Channel]] = {
    "shoal": channels.shoal_queue,
    "stock": channels.stock_queue,
    "bounded": channels.bounded_stock_queue,
    "pipe": channels.Pipe,
    "faster-fifo": channels.faster_fifo_queue,
    "zeromq": ZeroMq,
    "iceoryx2": Iceoryx2,
}
OF_MANY = ("shoal", "stock", "bounded", "faster-fifo", "zeromq")  # take from several producers
IN_BATCHES = ("shoal", "stock", "bounded", "faster-fifo")  # the stock ones one by one
SIMPLE: dict[str, Callable[[Any], Channel]] = {
    "shoal": channels.shoal_simple_queue,
    "stock": channels.stock_simple_queue,
}
JOINABLE: dict[str, Callable[[Any], Channel]] = {
    "shoal": channels.shoal_joinable_queue,
    "stock": channels.stock_joinable_queue,
    "bounded": channels.bounded_stock_joinable_queue,
}

ITEMS: dict[str, Any] = {
    "int": 12345,
    "100B": b"x" * 100,
    "dict": {"id": 7, "name": "worker", "x": 1.5, "ok": True, "tags": [1, 2, 3]},
    "64KiB": bytes(64 << 10),
    "1MiB": bytes(1 << 20),
}


def _produce(channel: Channel, item: Any) -> None:
    put = channel.sender()
    while True:
        put(item)


def _produce_batches(channel: Channel, item: Any) -> None:
    put, items = channel.batch_sender(), [item] * BATCH
    while True:
        put(items)


def _echo(there: Channel, back: Channel) -> None:
    get, put = there.receiver(), back.sender()
    while True:
        put(get())


def one_way(options: Options, channel: Channel, item: Any, producers: int = 1) -> float:
    """Items per second, counted where they arrive, while the producers never stop."""
    size = len(item) if isinstance(item, bytes) else 8
    some = max(1, min(64, (64 << 10) // size))

    with partners(options, _produce, channel, item, count=producers):
        get = channel.receiver()

        def take_some() -> None:
            for _ in times(None, some):
                get()

        if get() != item:
            raise AssertionError("another item came out")
        return rate(options, take_some) * some


def in_batches(options: Options, channel: Channel, item: Any) -> float:
    """The same, in batches."""
    taken = 0
    with partners(options, _produce_batches, channel, item):
        get = channel.batch_receiver()

        def take_some() -> None:
            nonlocal taken
            taken += len(get())

        if any(other != item for other in get()):
            raise AssertionError("another item came out")
        repeat(options.warm_up, take_some)
        taken = 0
        seconds = repeat(options.sample, take_some)[1]
        return taken / seconds


def round_trip(options: Options, there: Channel, back: Channel, item: Any) -> list[Figure]:
    with partners(options, _echo, there, back):
        get, put = back.receiver(), there.sender()

        def trip() -> None:
            put(item)
            get()

        p50, p99 = percentiles(options, trip)
    return [("round-trip-p50", p50, "ns"), ("round-trip-p99", p99, "ns")]


Run = Callable[[Options], list[Figure]]


def workloads() -> Iterator[tuple[str, str, Run]]:
    """Name, peer and function of each."""

    def figure(name: str, make: Callable[[Any], Channel], kind: str, body: Any) -> Run:
        item = ITEMS[kind]

        def run(options: Options) -> list[Figure]:
            items = body(options, make(item), item)
            if kind.endswith("iB"):
                return [(name, items * len(item), "B/s")]
            return [(name, items, "msg/s")]

        return run

    def four_to_one(options: Options, channel: Channel, item: Any) -> float:
        return one_way(options, channel, item, producers=4)

    def there_and_back(make: Callable[[Any], Channel]) -> Run:
        item = ITEMS["int"]
        return lambda options: round_trip(options, make(item), make(item), item)

    for peer, make in PEERS.items():
        for kind in ITEMS:
            name = f"queue-{kind}"
            yield name, peer, figure(name, make, kind, one_way)
        if peer in IN_BATCHES:
            name = "queue-int-batched"
            yield name, peer, figure(name, make, "int", in_batches)
        if peer in OF_MANY:
            yield "queue-int-4to1", peer, figure("queue-int-4to1", make, "int", four_to_one)
        yield "round-trip", peer, there_and_back(make)
    for family, peers in (("simple", SIMPLE), ("joinable", JOINABLE)):
        for peer, make in peers.items():
            for kind in ITEMS:
                name = f"{family}-{kind}"
                yield name, peer, figure(name, make, kind, one_way)
