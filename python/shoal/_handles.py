"""How handles of queues, locks and the like are pickled: for a queue, a new process, or a pipe.

In the items of queues each is a call of `arrive`, in which the indices of its descriptors stand
for them. That is what C++ writes and reads, too (src/channel/handles.cpp).
"""

from __future__ import annotations

import functools
import io
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import context, reduction
from typing import Any

from . import _core


class Shipped:
    """A descriptor that travels beside an item; stands where `reduction.DupFd` does otherwise."""

    def __init__(self, index: int) -> None:
        self.index = index

    def detach(self) -> int:
        """A descriptor of the caller's own."""
        return _core._unship(self.index)


class _Way(threading.local):
    """What this thread asks a handle for its state for: a queue's pickler, a pipe, or neither."""

    pickler: Pickler | None = None
    pipe = False


_way = _Way()


@contextmanager
def _on_the_way(pickler: Pickler | None, pipe: bool) -> Iterator[None]:
    before = _way.pickler, _way.pipe
    _way.pickler, _way.pipe = pickler, pipe
    try:
        yield
    finally:
        _way.pickler, _way.pipe = before


def departing(handle: Any, descriptor: int) -> Any:
    """What stands for a descriptor of `handle` in its state."""
    if _way.pickler is not None:
        return _way.pickler.ship(handle, descriptor)
    if not _way.pipe:
        context.assert_spawning(handle)
    return reduction.DupFd(descriptor)


def detached(*parts: Any) -> list[int]:
    """The descriptors for which `parts` stand, all of them or none."""
    descriptors: list[int] = []
    try:
        for part in parts:
            descriptors.append(part.detach())
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return descriptors


# ---------------------------------------------------------------- through queues

_HANDLES = (
    _core.Barrier,
    _core.Condition,
    _core.Event,
    _core.Lock,
    _core.Queue,
    _core.RLock,
    _core.Semaphore,
)


@functools.cache
def _names() -> dict[type, str]:
    from . import queues, synchronize

    classes: list[type] = [getattr(synchronize, name) for name in synchronize.KINDS]
    classes += [queues.Queue, queues.JoinableQueue, queues.SimpleQueue]
    return {cls: f"shoal.{cls.__name__}" for cls in classes}


@functools.cache
def _classes() -> dict[str, Any]:
    return {name: cls for cls, name in _names().items()}


class Pickler(reduction.ForkingPickler):
    """Pickles an item of a queue, and gathers the descriptors of the handles in it."""

    def __init__(self, file: io.BytesIO, out_of_band: Callable[[Any], bool]) -> None:
        super().__init__(file, 5, True, out_of_band)
        self.indices: dict[int, int] = {}
        self.handles: list[Any] = []  # kept until the item is sent: the descriptors are theirs

    def ship(self, handle: Any, descriptor: int) -> Shipped:
        self.handles.append(handle)
        return Shipped(self.indices.setdefault(descriptor, len(self.indices)))

    def reducer_override(self, obj: Any) -> Any:
        cls: Any = type(obj)
        if not issubclass(cls, _HANDLES):
            return NotImplemented
        with _on_the_way(self, False):
            state = obj.__getstate__()
        name = _names().get(cls)
        if name is None:  # derived from one of them: goes to Python only
            return rebuild, (cls, state)
        return arrive, (name, *cls._parts_of(state))


# Buffers of so many bytes travel beside the pickle, smaller ones in it.
_OUT_OF_BAND_FROM = 16 * 1024


def dumps(obj: Any) -> Any:
    """The pickle of an item, or a tuple of four.

    The pickle, its descriptors, what keeps them open, and the buffers that are not in the pickle.
    """
    buffer = io.BytesIO()
    buffers: list[memoryview] = []

    def out_of_band(part: Any) -> bool:  # not a method, which would lead back to the pickler
        try:
            raw: memoryview = part.raw()
        except BufferError:  # in pieces
            return True
        if raw.nbytes < _OUT_OF_BAND_FROM:
            return True
        buffers.append(raw)
        return False

    pickler = Pickler(buffer, out_of_band)
    try:
        pickler.dump(obj)
        handles, indices = pickler.handles, pickler.indices
    finally:
        # Tracebacks that an item keeps lead here, and early releases of Python 3.11 free no pickler
        # in such a circle.
        del pickler
    if handles or buffers:
        return buffer.getbuffer(), tuple(indices), handles, buffers
    return buffer.getbuffer()


def buffer(data: Any) -> Any:
    """What a loan is where it arrives: its bytes."""
    return data


def arrive(name: str, *parts: Any) -> Any:
    """The handle of the class `name` for which these parts stand in an item."""
    try:
        cls = _classes()[name]
        state = cls._state_of(parts)
    except (IndexError, KeyError, TypeError, ValueError):
        raise pickle.UnpicklingError(f"this is no handle of shoal: {(name, *parts)!r}") from None
    return rebuild(cls, state)


def rebuild(cls: Any, state: Any) -> Any:
    handle = cls.__new__(cls)
    handle.__setstate__(state)
    return handle


# ---------------------------------------------------------------- through pipes


def _reduce(handle: Any) -> Any:
    with _on_the_way(None, True):
        return rebuild, (type(handle), handle.__getstate__())


def may_travel(cls: type) -> None:
    """Lets handles of this class through the standard library's pipes, as its connections are.

    They are served by a thread of their sender, which must live until they have arrived.
    """
    reduction.ForkingPickler.register(cls, _reduce)
