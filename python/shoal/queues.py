"""Queues that processes share."""

from __future__ import annotations

import os
import traceback
from multiprocessing import context
from queue import Empty, Full
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import _core
from ._handles import Shipped, departing, detached, dumps, may_travel

if TYPE_CHECKING:
    from multiprocessing.queues import JoinableQueue, SimpleQueue

__all__ = ["Empty", "Full", "JoinableQueue", "Queue", "SimpleQueue"]

T = TypeVar("T")


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """`JoinableQueue` and `SimpleQueue` are the standard library's, imported when asked for."""
        if name not in ("JoinableQueue", "SimpleQueue"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from multiprocessing import queues

        return getattr(queues, name)


class Queue(_core.Queue, Generic[T]):
    """First in, first out, for any number of producers and consumers, in Python and in C++.

    The surface is that of :class:`multiprocessing.Queue`, without its feeder thread: `put` pickles
    in the caller and has appended the item when it returns, so `get_nowait` finds it at once,
    `qsize` is exact and exit never waits. An item whose `put` returned is delivered exactly once,
    whoever dies; only the one item that a killed consumer had just taken is lost with it.

    `maxsize`: most items in it, 0 or less for no limit but memory. `name`: makes it reachable by
    unrelated programs of this user; it then lives until `unlink`.
    """

    def __init__(
        self,
        maxsize: int = 0,
        *,
        ctx: context.BaseContext | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(maxsize, name)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_on_queue_feeder_error" not in cls.__dict__:
            return
        if not hasattr(cls.put, "reports"):
            cls.put = _put_with_hook(cls.put)  # type: ignore[method-assign]
        if cls.put_nowait is _core.Queue.put_nowait:
            cls.put_nowait = _put_nowait  # type: ignore[method-assign]

    @classmethod
    def open(cls, name: str) -> Queue[T]:
        """The queue of that name.

        FileNotFoundError, PermissionError (another user's), TypeError (not a queue) or
        `shoal.SegmentError`.
        """
        queue = cls.__new__(cls)
        queue._open(name)
        return queue

    @classmethod
    def attach(cls, descriptor: int, *sockets: int) -> Queue[T]:
        """The queue behind a descriptor that this program inherited; takes it over.

        With all of `descriptors`, handles can travel through it; else only other objects.
        """
        queue = cls.__new__(cls)
        queue._attach(descriptor, *sockets)
        return queue

    @staticmethod
    def unlink(name: str) -> None:
        """Remove the name; those who have the queue keep it. FileNotFoundError where it is free."""
        _core.Queue._unlink(name)

    def descriptor(self) -> int:
        """The descriptor of its memory, for a program that inherits it and calls `attach`.

        It stays the queue's, and is closed on exec unless passed on (``pass_fds``).
        """
        return self._descriptor()

    def descriptors(self) -> tuple[int, ...]:
        """`descriptor`, and those of the sockets through which handles travel, for `attach`.

        Of a queue that has none, with a name or attached without them, the first alone.
        """
        return self._descriptors()

    def join_thread(self) -> None:
        """Nothing to wait for: there is no feeder thread. AssertionError before `close`."""
        assert self._closed, f"Queue {self!r} not closed"

    def cancel_join_thread(self) -> None:
        """Nothing to cancel: there is no feeder thread, and nothing is lost."""

    @staticmethod
    def _on_queue_feeder_error(e: BaseException, obj: Any) -> None:
        """Called by `put` of a subclass that overrides it, instead of raising what pickling raised.

        Here so that programs written for the standard library's queue work; `Queue` itself raises.
        """
        traceback.print_exception(e)

    def __getstate__(self) -> Any:
        return tuple(departing(self, descriptor) for descriptor in self.descriptors())

    @staticmethod
    def _parts_of(state: Any) -> tuple[Any, ...]:
        indices = tuple(part.index for part in state)
        return indices if len(indices) == 3 else (*indices, None, None)

    @staticmethod
    def _state_of(parts: tuple[Any, ...]) -> Any:
        return tuple(Shipped(index) for index in parts if index is not None)

    def __setstate__(self, state: Any) -> None:
        descriptors = detached(*state)
        try:
            self._attach(*descriptors)
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        limit = f" of {self.maxsize}" if self.maxsize else ""
        state = "closed" if self._closed else f"{self.qsize()}{limit} items"
        return f"<{type(self).__name__}{name}: {state}>"


def _put_with_hook(put: Any) -> Any:
    """`put` of a subclass whose own `_on_queue_feeder_error` gets what pickling raises."""

    def put_or_report(
        self: Any, obj: Any, block: bool = True, timeout: float | None = None
    ) -> None:
        try:
            dumps(obj)
        except Exception as error:
            if self._closed:
                raise ValueError(f"Queue {self!r} is closed") from None
            self._on_queue_feeder_error(error, obj)
        else:
            put(self, obj, block, timeout)

    put_or_report.reports = True  # type: ignore[attr-defined]
    return put_or_report


def _put_nowait(self: Any, obj: Any) -> None:
    self.put(obj, False)


may_travel(Queue)
