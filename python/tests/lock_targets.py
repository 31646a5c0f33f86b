"""What the children of the tests of locks run; importable, as spawn needs it."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from typing import Any


def count_up(lock: Any, counter: Any, times: int) -> None:
    """Adds to the counter in two steps: they add up only under the lock."""
    for _ in range(times):
        with lock:
            counter.value = counter.value + 1


def acquire(lock: Any) -> None:
    assert lock.acquire()


def try_acquire(lock: Any, answer: Connection) -> None:
    answer.send(lock.acquire(False))


def release(lock: Any) -> None:
    lock.release()


def acquire_and_answer(lock: Any, channel: Connection) -> None:
    """Says "waiting", then whether it has the lock, and gives it up when told so."""
    channel.send("waiting")
    channel.send(lock.acquire())
    channel.recv()
    lock.release()


def acquire_and_die(lock: Any) -> None:
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def hold(lock: Any, channel: Connection) -> None:
    """Holds the lock until something comes, or the end."""
    with lock:
        channel.send(os.getpid())
        channel.recv()


def describe(lock: Any, answer: Connection) -> None:
    answer.send((repr(lock), lock.locked(), lock.owner()))


class Keeper:
    """Holds a lock and has a method that runs in a process."""

    def __init__(self, context: Any) -> None:
        self.lock = context.Lock()
        self.counter = context.RawValue("i", 0)

    def count(self) -> None:
        count_up(self.lock, self.counter, 100)


def count_up_twice(lock: Any, counter: Any, times: int) -> None:
    """The same with a recursive lock, twice inside of itself."""
    for _ in range(times):
        with lock:
            count_up(lock, counter, 2)
