"""The two ends of a queue as the connections that programs look for in `_reader` and `_writer`.

The standard library's executors and pools use those of a queue that they were given. They take
from the queue and put into it; there is no pipe behind them.
"""

from __future__ import annotations

import pickle
from multiprocessing.reduction import ForkingPickler
from typing import Any

from . import _core
from ._core import ShutDown


class _View:
    """One end, which a process can close by itself. What it remembers is the queue's."""

    readable = False
    writable = False
    _end = ""

    def __init__(self, queue: _core.Queue) -> None:
        self._queue = queue

    @property
    def closed(self) -> bool:
        return self._queue._closed or f"_{self._end}_closed" in vars(self._queue)

    def close(self) -> None:
        vars(self._queue)[f"_{self._end}_closed"] = True

    def fileno(self) -> int:
        self._check_open()
        return self._queue.fileno()

    @property
    def lock(self) -> Any:
        """What `_rlock` and `_wlock` are: nobody needs them to put or get."""
        from .synchronize import Lock

        return vars(self._queue).setdefault(f"_{self._end}_lock", Lock())

    def _check_open(self) -> None:
        if self.closed:
            raise OSError(f"the {self._end} of {self._queue!r} is closed")

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class Reader(_View):
    """The end that items are taken from."""

    readable = True
    _end = "reader"

    def recv(self) -> Any:
        """The next item; EOFError where the queue is shut down and empty."""
        self._check_open()
        try:
            lock = vars(self._queue).get("_reader_lock")
            if lock is not None and lock._is_mine():
                return self._drained()
            return self._queue.get()
        except ShutDown:
            raise EOFError from None

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """The next item as a pickle."""
        if maxlength is not None and maxlength < 0:
            raise ValueError(f"the length of an item is not negative: {maxlength}")
        pickled = bytes(ForkingPickler.dumps(self.recv()))
        if maxlength is not None and len(pickled) > maxlength:
            raise OSError(f"an item of {len(pickled)} bytes, more than {maxlength}")
        return pickled

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Whether there is an item within `timeout` seconds; None waits for one."""
        self._check_open()
        return self._queue._poll(timeout)

    def _drained(self) -> Any:
        """Who holds `_rlock`, as a pool at its end, takes what `poll` saw, unless it is gone."""
        from queue import Empty

        try:
            return self._queue.get_nowait()
        except Empty:
            return None


class Writer(_View):
    """The end that items are put into."""

    writable = True
    _end = "writer"

    def send(self, obj: Any) -> None:
        self._check_open()
        try:
            self._queue.put(obj)
        except ShutDown as error:
            raise BrokenPipeError(str(error)) from None

    def send_bytes(self, buf: Any, offset: int = 0, size: int | None = None) -> None:
        """Puts what the pickle in `buf` stands for."""
        view = memoryview(buf).cast("B")
        if size is None:
            size = len(view) - offset
        if offset < 0 or size < 0 or offset + size > len(view):
            raise ValueError(f"no {size} bytes from {offset} in a buffer of {len(view)}")
        self.send(pickle.loads(view[offset : offset + size]))
