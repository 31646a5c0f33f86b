"""Queues that processes share."""

from __future__ import annotations

import os
import traceback
from multiprocessing import context
from queue import Empty, Full
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from . import _core
from ._core import ConsumerDiedError, ShutDown
from ._handles import Shipped, departing, detached, dumps, may_travel
from ._views import Reader, Writer

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "ConsumerDiedError",
    "Delivery",
    "Empty",
    "Full",
    "JoinableQueue",
    "Queue",
    "ShutDown",
    "SimpleQueue",
]

T = TypeVar("T")

# Where no descriptor tells, a thread waits for a task of asyncio: for a while, so that it does not
# outlive one that is cancelled for long.
_A_WHILE = 0.1  # seconds
_NOTHING: Any = object()


class Delivery(NamedTuple):
    """What `JoinableQueue.get_delivery` returns."""

    item: Any
    count: int  # type: ignore[assignment]  # how often it was delivered, with this time


class _Shared(_core.Queue):
    """What all queues have: how they are found, sent and looked at."""

    @classmethod
    def open(cls, name: str) -> Any:
        """The queue of that name.

        FileNotFoundError, PermissionError (another user's), TypeError (not such a queue) or
        `shoal.SegmentError`.
        """
        queue = cls.__new__(cls)
        queue._open(name)
        queue._check()
        return queue

    @classmethod
    def attach(cls, descriptor: int, *sockets: int) -> Any:
        """The queue behind a descriptor that this program inherited; takes it over.

        With all of `descriptors`, handles can travel through it; else only other objects.
        """
        queue = cls.__new__(cls)
        queue._attach(descriptor, *sockets)
        queue._check()
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

    async def get_async(self, *, copy: bool = True) -> Any:
        """`get` for asyncio: other tasks of the event loop run while it waits.

        A task that is cancelled has taken nothing.
        """
        while (item := self._get_or(_NOTHING, copy)) is _NOTHING:
            await _readable(self)
        return item

    async def put_async(self, obj: Any) -> None:
        """`put` for asyncio: other tasks of the event loop run while it waits.

        A task that is cancelled has put nothing.
        """
        prepared = self._prepare(obj)
        try:
            if self._put_prepared(prepared):
                return
            import asyncio

            while not self._put_prepared(prepared):
                await asyncio.to_thread(self._poll_room, prepared, _A_WHILE)
        finally:
            self._drop(prepared)  # a thread, or a traceback, may keep it for longer

    def _check(self) -> None:
        """TypeError where the object behind a name is not of this class."""

    @property
    def _reader(self) -> Reader:
        return Reader(self)

    @property
    def _writer(self) -> Writer:
        return Writer(self)

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


async def _readable(queue: _core.Queue) -> None:
    """Returns when there may be something to take."""
    import asyncio  # here, as it takes longer to import than all of shoal

    if queue._redelivers:  # the descriptor does not tell of the dead
        await asyncio.to_thread(queue._poll, _A_WHILE)
        return
    try:
        descriptor = os.dup(queue.fileno())  # one each: an event loop knows a descriptor once
    except (ValueError, OSError):  # it has none, or there is none left
        await asyncio.to_thread(queue._poll, _A_WHILE)
        return
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    try:
        loop.add_reader(descriptor, _finish, ready)
        await ready
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _finish(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


class Queue(_Shared, Generic[T]):
    """First in, first out, for any number of producers and consumers, in Python and in C++.

    The surface is that of :class:`multiprocessing.Queue`, without its feeder thread: `put` pickles
    in the caller and has appended the item when it returns, so `get_nowait` finds it at once,
    `qsize` is exact and exit never waits. An item whose `put` returned is delivered exactly once,
    whoever dies; only the one item that a killed consumer had just taken is lost with it.

    `maxsize`: most items in it; `max_bytes`: most bytes of them, as they travel; 0 or less for no
    limit but half of the memory that is left, beyond which `put` raises MemoryError. `name`: makes
    it reachable by unrelated programs of this user; it then lives until `unlink`.
    """

    def __init__(
        self,
        maxsize: int = 0,
        *,
        ctx: context.BaseContext | None = None,
        name: str | None = None,
        max_bytes: int = 0,
    ) -> None:
        super().__init__(maxsize, name, False, max_bytes)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_on_queue_feeder_error" not in cls.__dict__:
            return
        if not hasattr(cls.put, "reports"):
            cls.put = _put_with_hook(cls.put)  # type: ignore[method-assign]
        if cls.put_nowait is _core.Queue.put_nowait:
            cls.put_nowait = _put_nowait  # type: ignore[method-assign]

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

    # What the standard library's executors set and call on queues of this name.
    _ignore_epipe = False

    def _terminate_broken(self) -> None:
        self.close()


class JoinableQueue(Queue[T]):
    """A queue that also knows which of its items are done.

    Who has taken an item and finished with it calls `task_done`; `join` waits until that was done
    for all that were put. Where a process dies with items in hand, `join` raises
    `ConsumerDiedError` instead of waiting for ever; `task_done`, once for each of them, makes it
    go on.

    With `redeliver=True` these items go to who gets next, before those in the queue, and `join`
    waits for that. So an item is delivered at least once, and again only after a death:
    `get_delivery` tells how often. Such a queue always copies, refuses items with shoal's objects
    among them (ValueError), and raises MemoryError in `get` where some 1,024 items are in hand.
    """

    def __init__(
        self,
        maxsize: int = 0,
        *,
        ctx: context.BaseContext | None = None,
        name: str | None = None,
        max_bytes: int = 0,
        redeliver: bool = False,
    ) -> None:
        _core.Queue.__init__(self, maxsize, name, True, max_bytes, redeliver)

    def get_delivery(self, block: bool = True, timeout: float | None = None) -> Delivery:
        """`get`, with how often the item was delivered: ``Delivery(item, count)``.

        The count is 1 for the first time, and always without `redeliver`.
        """
        return Delivery(*self._get_delivery(block, timeout))

    def task_done(self) -> None:
        """An item that was taken, by whomever, is done. ValueError where all are.

        With `redeliver`: the oldest that this thread has taken, else that this process has taken;
        ValueError where it has none in hand.
        """
        self._task_done()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until all items are done; False where some are not after `timeout` seconds.

        `ConsumerDiedError` where that cannot be, but not with `redeliver`.
        """
        return self._join(timeout)

    def _check(self) -> None:
        self._check_joinable()


class SimpleQueue(_Shared, Generic[T]):
    """The queue of :class:`multiprocessing.SimpleQueue`: without a limit.

    It has the other methods of `Queue`, too.
    """

    def __init__(self, *, ctx: context.BaseContext | None = None, name: str | None = None) -> None:
        super().__init__(0, name)

    @property
    def _rlock(self) -> Any:
        return self._reader.lock

    @property
    def _wlock(self) -> Any:
        return self._writer.lock


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


for _class in (Queue, JoinableQueue, SimpleQueue):
    may_travel(_class)
