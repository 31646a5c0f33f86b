"""Locks that nobody else wants."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from itertools import repeat as times
from typing import Any

from sample import Figure, Options, rate

import shoal

PEERS: dict[str, Callable[[], Any]] = {"shoal": shoal.Lock, "stock": multiprocessing.Lock}
BATCH = 200


def pair(options: Options, peer: str) -> list[Figure]:
    lock = PEERS[peer]()
    acquire, release = lock.acquire, lock.release

    def step() -> None:
        for _ in times(None, BATCH):
            acquire()
            release()

    return [("lock-pair", 1e9 / (rate(options, step) * BATCH), "ns")]


def with_statement(options: Options, peer: str) -> list[Figure]:
    lock = PEERS[peer]()

    def step() -> None:
        for _ in times(None, BATCH):
            with lock:
                pass

    return [("lock-with", 1e9 / (rate(options, step) * BATCH), "ns")]


def workloads() -> Iterator[tuple[str, str, Callable[[Options], list[Figure]]]]:
    """Name, peer and function of each."""

    def of_peer(function: Any, peer: str) -> Callable[[Options], list[Figure]]:
        return lambda options: function(options, peer)

    for peer in PEERS:
        yield "lock-pair", peer, of_peer(pair, peer)
        yield "lock-with", peer, of_peer(with_statement, peer)
