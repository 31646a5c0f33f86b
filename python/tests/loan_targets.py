"""What the children of the tests of loans and views run; importable, as spawn needs it."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from typing import Any

import numpy


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
