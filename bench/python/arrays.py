"""Arrays of 64 MiB through queues: copied out, read where they stand, and handed over in a loan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy
from sample import Figure, Options, partners, rate

BYTES = 64 << 20
LIMIT = 3  # arrays in the queue: an unbounded one would fill the machine


def _queue_of(peer: str) -> Any:
    if peer == "shoal":
        import shoal

        return shoal.Queue(LIMIT)
    import multiprocessing

    return multiprocessing.get_context("fork").Queue(LIMIT)


def _array() -> numpy.ndarray[Any, Any]:
    return numpy.arange(BYTES // 8, dtype="i8")


def _produce(queue: Any) -> None:
    array = _array()
    while True:
        queue.put(array)


def _produce_in_loans(queue: Any) -> None:
    """Writes a number at each end; what the rest would cost is the program's own affair."""
    while True:
        loan = queue.loan(BYTES)
        array = numpy.frombuffer(loan, dtype="i8")
        array[0], array[-1] = 0, BYTES // 8 - 1
        queue.put(array)
        del array, loan


def _bytes_per_second(
    options: Options, queue: Any, produce: Callable[[Any], None], **how: bool
) -> float:
    with partners(options, produce, queue):

        def take() -> None:
            array = queue.get(**how)
            if array[0] != 0 or array[-1] != BYTES // 8 - 1:
                raise AssertionError("another array came out")

        take()
        return rate(options, take) * BYTES


Run = Callable[[Options], list[Figure]]


def workloads() -> Iterator[tuple[str, str, Run]]:
    def figure(name: str, peer: str, produce: Callable[[Any], None], **how: bool) -> Run:
        def run(options: Options) -> list[Figure]:
            return [(name, _bytes_per_second(options, _queue_of(peer), produce, **how), "B/s")]

        return run

    for name in ("array-copied", "array-view", "array-loan"):
        yield name, "stock", figure(name, "stock", _produce)
    yield "array-copied", "shoal", figure("array-copied", "shoal", _produce)
    yield "array-view", "shoal", figure("array-view", "shoal", _produce, copy=False)
    yield "array-loan", "shoal", figure("array-loan", "shoal", _produce_in_loans, copy=False)
