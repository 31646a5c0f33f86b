"""Processes that do nothing: start and join, under each start method."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any

from sample import Figure, Options, rate

import shoal

PEERS: dict[str, Any] = {"shoal": shoal, "stock": multiprocessing}
METHODS = ("fork", "forkserver", "spawn")


def nothing() -> None:
    pass


def start_and_join(options: Options, peer: str, method: str) -> list[Figure]:
    context = PEERS[peer].get_context(method)

    def step() -> None:
        process = context.Process(target=nothing)
        process.start()
        process.join()
        if process.exitcode != 0:
            raise AssertionError(f"a child ended with {process.exitcode}")

    step()  # starts the fork server
    return [(f"process-{method}", 1e9 / rate(options, step), "ns")]


def workloads() -> Iterator[tuple[str, str, Callable[[Options], list[Figure]]]]:
    """Name, peer and function of each."""

    def of_method(peer: str, method: str) -> Callable[[Options], list[Figure]]:
        return lambda options: start_and_join(options, peer, method)

    for peer in PEERS:
        for method in METHODS:
            yield f"process-{method}", peer, of_method(peer, method)
