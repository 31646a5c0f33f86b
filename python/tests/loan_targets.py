"""What the tests of loans and views share, and what their children run; importable for spawn."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from typing import Any

import numpy

LARGE = 300_000
SIZES = [0, 1, 1000, 20_000, LARGE]  # of bytes: in the pickle, beside it, outside of the ring


def memory_of(queue: Any) -> int:
    return os.fstat(queue.descriptor()).st_blocks * 512


def array_of(size: int, dtype: str = "u1") -> numpy.ndarray[Any, Any]:
    return (numpy.arange(size) % 251).astype(dtype)


def double_in_place(requests: Any, replies: Any) -> None:
    """Sends back twice what comes, changed where it stands, until None comes."""
    while (array := requests.get(copy=False)) is not None:
        array *= 2
        replies.put(array)


def write_into_loans(queue: Any, count: int, size: int) -> None:
    for i in range(count):
        loan = queue.loan(size)
        numpy.frombuffer(loan, dtype=numpy.uint8)[:] = i
        queue.put(loan)


def hold_a_view(queue: Any, ready: Connection) -> None:
    """Takes an item, and keeps it until it is killed."""
    view = queue.get(copy=False)
    ready.send(bytes(view[:4]))
    signal.pause()


def hold_a_loan(queue: Any, ready: Connection, size: int) -> None:
    loan = queue.loan(size)
    memoryview(loan)[:4] = b"loan"
    ready.send(len(loan))
    signal.pause()


def put_a_loan_and_die(queue: Any, size: int) -> None:
    loan = queue.loan(size)
    memoryview(loan)[:] = b"x" * size
    queue.put(loan)
    os.kill(os.getpid(), signal.SIGKILL)


def sum_of(queue: Any, sums: Any) -> None:
    for array in iter(lambda: queue.get(copy=False), None):
        sums.put(int(array.sum()))
