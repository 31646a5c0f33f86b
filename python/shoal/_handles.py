"""How handles travel through queues: by the persistent ids that C++ writes, too.

Each is a tuple: the class, the index of the descriptor, and what that class needs to find its
object behind it. Condition and Barrier add their own to that.
"""

from __future__ import annotations

import functools
import io
import pickle
from collections.abc import Callable
from multiprocessing import context, reduction
from typing import Any

from . import _core


class Shipped:
    """A descriptor that travels beside a pickle; stands where `reduction.DupFd` does otherwise."""

    def __init__(self, index: int) -> None:
        self.index = index

    def detach(self) -> int:
        return _core._unship(self.index)


def departing(handle: Any, descriptor: int) -> Any:
    """What stands for a descriptor of `handle` in a pickle, for a queue or a new process."""
    index = _core._ship(handle, descriptor)
    if index is not None:
        return Shipped(index)
    context.assert_spawning(handle)
    return reduction.DupFd(descriptor)


def _place(handle: Any) -> tuple[Any, ...]:
    descriptor, in_slab, offset = handle._place()
    return _core._ship(handle, descriptor), in_slab, offset


def _condition(condition: Any) -> tuple[Any, ...]:
    place = _place(condition)
    return place if condition._own_lock else (*place, condition._lock)


def _barrier(barrier: Any) -> tuple[Any, ...] | None:
    if barrier._action is not None:
        return None  # a function of Python: pickled as any object
    timeout = barrier._timeout
    return _place(barrier) if timeout is None else (*_place(barrier), round(timeout * 1e9))


def _queue(queue: Any) -> tuple[Any, ...]:
    indices = [_core._ship(queue, descriptor) for descriptor in queue.descriptors()]
    return tuple(indices) if len(indices) == 3 else (*indices, None, None)


def _at_place(handle: Any, index: int, in_slab: bool, offset: int) -> None:
    handle._attach(_core._unship(index), in_slab, offset)


def _with_lock(condition: Any, index: int, in_slab: bool, offset: int, lock: Any = None) -> None:
    condition.__setstate__(((Shipped(index), in_slab, offset), lock))


def _with_timeout(
    barrier: Any, index: int, in_slab: bool, offset: int, timeout: int | None = None
) -> None:
    seconds = None if timeout is None else timeout / 1e9
    barrier.__setstate__(((Shipped(index), in_slab, offset), None, seconds))


def _with_hold(queue: Any, *indices: int | None) -> None:
    queue.__setstate__(tuple(Shipped(index) for index in indices if index is not None))


Form = tuple[str, Callable[[Any], "tuple[Any, ...] | None"], Callable[..., None]]


@functools.cache
def _forms() -> dict[type, Form]:
    from . import queues, synchronize

    forms: dict[type, Form] = {
        cls: (f"shoal.{cls.__name__}", _place, _at_place)
        for cls in (
            synchronize.Lock,
            synchronize.RLock,
            synchronize.Semaphore,
            synchronize.BoundedSemaphore,
            synchronize.Event,
        )
    }
    forms[synchronize.Condition] = "shoal.Condition", _condition, _with_lock
    forms[synchronize.Barrier] = "shoal.Barrier", _barrier, _with_timeout
    forms[queues.Queue] = "shoal.Queue", _queue, _with_hold
    return forms


@functools.cache
def _classes() -> dict[str, tuple[Any, Callable[..., None]]]:
    return {name: (cls, arrive) for cls, (name, _, arrive) in _forms().items()}


class _Pickler(reduction.ForkingPickler):
    """Writes handles as persistent ids; of a class derived from theirs, as objects of Python."""

    def persistent_id(self, obj: Any) -> Any:
        form = _forms().get(type(obj))
        if form is None:
            return None
        name, depart, _ = form
        parts = depart(obj)
        return None if parts is None else (name, *parts)


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        try:
            name, *parts = pid
            cls, arrive = _classes()[name]
        except (TypeError, ValueError, KeyError):
            raise pickle.UnpicklingError(f"this is no handle of shoal: {pid!r}") from None
        handle: Any = cls.__new__(cls)
        arrive(handle, *parts)
        return handle


def dumps(obj: Any) -> memoryview:
    """`obj` as the queue writes it when there are handles in it."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(obj)
    return buffer.getbuffer()


def loads(data: memoryview) -> Any:
    """What `dumps`, or C++, has written."""
    return _Unpickler(io.BytesIO(data)).load()
