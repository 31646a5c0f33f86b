"""Workers that the tests of death kill at any moment, and the record of what they did.

A record is one write() to a file that all append to: it is whole or not there.
"""

from __future__ import annotations

import mmap
import os
import random
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import shoal


class Record(NamedTuple):
    """Something that a worker has done."""

    worker: int
    producer: int
    number: int


# Of a size that divides a page: the kernel writes page by page, and a kill may come in between.
LAYOUT = struct.Struct("qqq8x")


class Log:
    """A file of records; also says when the workers shall end."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, worker: int) -> int:
        """To be called by each worker when it begins."""
        self.start_of(worker).touch()
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def records(self) -> Iterator[Record]:
        if self.path.exists():
            yield from map(Record._make, LAYOUT.iter_unpack(self.path.read_bytes()))

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def start_of(self, worker: int) -> Path:
        return self.path.with_suffix(f".{worker}")

    @property
    def end(self) -> Path:
        return self.path.with_suffix(".end")


def item(producer: int, number: int, largest: int) -> tuple[int, int, bytes]:
    """Mostly small, now and then large, and one can see whether it is whole."""
    size = random.choice([0, 10, 100, 100, 1000, largest])
    return producer, number, bytes([number % 256]) * size


def produce(queue: Any, largest: int, log: Log, producer: int) -> None:
    """Notes each put that has returned."""
    file = log.open(producer)
    number = 0
    while not log.end.exists():
        queue.put(item(producer, number, largest))
        os.write(file, LAYOUT.pack(producer, producer, number))
        number += 1


def consume(queue: Any, log: Log, consumer: int) -> None:
    """Notes each item that it took, until None comes."""
    file = log.open(consumer)
    for producer, number, content in iter(queue.get, None):
        assert content == bytes([number % 256]) * len(content)
        os.write(file, LAYOUT.pack(consumer, producer, number))


def guard(lock: Any, shared: mmap.mmap, log: Log, worker: int) -> None:
    """Notes, under the lock, whether another worker was under it, too."""
    warnings.simplefilter("ignore", shoal.OwnerDiedWarning)
    file = log.open(worker)
    words = memoryview(shared).cast("q")
    while not log.end.exists():
        with lock:
            words[0] = worker
            alone = all(words[0] == worker for _ in range(20))
            os.write(file, LAYOUT.pack(worker, int(alone), 0))
    words.release()
