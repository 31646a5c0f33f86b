"""Locks, semaphores, conditions, events and barriers that processes share.

The surface of each is that of its namesake in :mod:`multiprocessing`. All of them are sent to a
process that is being started, under every start method; with a `name` they are also opened by
unrelated programs of this user, and live until `unlink`. Threads, processes and forks may use them
at any time; the death of any process leaves them usable.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from multiprocessing import context, process
from threading import BrokenBarrierError, current_thread
from typing import Any, Literal, Self, TypeVar, cast

from . import _core
from ._handles import Shipped, departing, detached, may_travel

KINDS = ("Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "RLock", "Semaphore")

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "BrokenBarrierError",
    "Condition",
    "Event",
    "Lock",
    "RLock",
    "Semaphore",
]

SEM_VALUE_MAX = 2**31 - 1
RECURSIVE_MUTEX, SEMAPHORE = 0, 1  # kinds of a SemLock

OnOwnerDeath = Literal["warn", "raise"]
OnPartyDeath = Literal["break", "shrink"]

T = TypeVar("T")
Place = tuple[Any, bool, int]


def _departing(handle: Any) -> Place:
    descriptor, in_slab, offset = handle._place()
    return departing(handle, descriptor), in_slab, offset


def _is_place(value: object) -> bool:
    match value:
        case (descriptor, bool(), int() as offset):
            return 0 <= offset < 2**64 and hasattr(descriptor, "detach")
    return False


def _unpicklable(handle: Any) -> pickle.UnpicklingError:
    name = type(handle).__name__
    article = "an" if name[0] in "AEIOU" else "a"
    return pickle.UnpicklingError(f"this is not what {article} {name} was pickled as")


def _arrived(handle: Any, place: Place) -> tuple[int, bool, int]:
    if not _is_place(place):
        raise _unpicklable(handle)
    descriptor, in_slab, offset = place
    return detached(descriptor)[0], in_slab, offset


class _Shared:
    """What the handles of all classes have in common: names, and how they are pickled."""

    @classmethod
    def open(cls, name: str) -> Self:
        """The object of that name.

        FileNotFoundError, PermissionError (another user's), TypeError (another kind of object) or
        `shoal.SegmentError`.
        """
        handle = cls.__new__(cls)
        cast(Any, handle)._open(name)
        return handle

    @classmethod
    def unlink(cls, name: str) -> None:
        """Remove the name; those who have it keep it. FileNotFoundError where it is free."""
        cast(Any, cls)._unlink(name)

    def __getstate__(self) -> Any:
        return _departing(self)

    def __setstate__(self, state: Any) -> None:
        cast(Any, self)._attach(*_arrived(self, state))

    # The parts in an item of a queue that stand for a state, and the other way round.
    @staticmethod
    def _parts_of(state: Any) -> tuple[Any, ...]:
        shipped, in_slab, offset = state
        return shipped.index, in_slab, offset

    @staticmethod
    def _state_of(parts: tuple[Any, ...]) -> Any:
        return Shipped(parts[0]), *parts[1:]


def _named(handle: Any) -> str:
    return f", name={handle.name!r}" if handle.name else ""


def _one_of(what: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{what} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    return value


class _SemLock:
    """What the standard library reaches for inside its locks."""

    def __init__(self, handle: Any, kind: int, maxvalue: int) -> None:
        self._handle = handle
        self.kind = kind
        self.maxvalue = maxvalue
        self.name = handle.name
        self.handle = handle._place()[0]
        self.acquire = handle.acquire
        self.release = handle.release

    def _count(self) -> int:
        return int(self._handle._count())

    def _is_mine(self) -> bool:
        return bool(self._handle._is_mine())

    def _get_value(self) -> int:
        return int(self._handle._get_value())

    def _is_zero(self) -> bool:
        return self._get_value() == 0

    def __enter__(self) -> Any:
        return self._handle.__enter__()

    def __exit__(self, *exc_info: object) -> None:
        self._handle.__exit__(*exc_info)


class _LockParts:
    """What Lock and RLock have in common beside their C types."""

    _semlock_kind = SEMAPHORE

    # Of the C types.
    _is_mine: Callable[[], bool]
    _count: Callable[[], int]
    locked: Callable[[], bool]
    owner: Callable[[], int | None]

    @property
    def _semlock(self) -> _SemLock:
        return _SemLock(self, self._semlock_kind, 1)

    def _get_value(self) -> int:
        return 0 if self.locked() else 1

    def _holder_name(self) -> str:
        owner = self.owner()
        if owner is None:
            return "None"
        if self._is_mine():
            thread = current_thread().name
            name = process.current_process().name
            return name if thread == "MainThread" else f"{name}|{thread}"
        mine = owner == process.current_process().pid
        return "SomeOtherThread" if mine else "SomeOtherProcess"


class Lock(_core.Lock, _LockParts, _Shared):
    """A non-recursive lock, held by a process and released by any process.

    When the holder dies, killed or by a normal exit, the next `acquire` has the lock and issues
    `OwnerDiedWarning`; made with ``on_owner_death="raise"`` it raises `OwnerDiedError` instead and
    leaves the lock as it is, until somebody has put in order what it guards and calls `release`.
    Where nobody has acquired it since, another process may release it, as with the standard
    library's. It stays held when only the thread that acquired it ends.
    """

    def __init__(
        self,
        *,
        ctx: context.BaseContext | None = None,
        name: str | None = None,
        on_owner_death: OnOwnerDeath = "warn",
    ) -> None:
        choice = _one_of("on_owner_death", on_owner_death, ("warn", "raise"))
        super().__init__(name, choice == "raise")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(owner={self._holder_name()}{_named(self)})>"


class RLock(_core.RLock, _LockParts, _Shared):
    """A recursive lock, held by a thread, which may acquire it again and releases it as often.

    AssertionError where another thread releases it. When its thread ends or its process dies, the
    next `acquire` has the lock and is told, as with `Lock`. A forked child does not hold what its
    parent held.
    """

    _semlock_kind = RECURSIVE_MUTEX

    def __init__(
        self,
        *,
        ctx: context.BaseContext | None = None,
        name: str | None = None,
        on_owner_death: OnOwnerDeath = "warn",
    ) -> None:
        choice = _one_of("on_owner_death", on_owner_death, ("warn", "raise"))
        super().__init__(name, choice == "raise")

    def __repr__(self) -> str:
        holder = self._holder_name()
        count: int | str = self._count()
        if holder.startswith("SomeOther"):
            count = "nonzero"
        return f"<{type(self).__name__}({holder}, {count}{_named(self)})>"


class Semaphore(_core.Semaphore, _Shared):
    """A number of permits.

    With ``track_holders=True`` the permits of a process that died are given back; without it
    nobody knows who has them, and they stay taken. `release` of a semaphore that does not track
    may be called in a signal handler.
    """

    _bound = False

    def __init__(
        self,
        value: int = 1,
        *,
        ctx: context.BaseContext | None = None,
        name: str | None = None,
        track_holders: bool = False,
    ) -> None:
        super().__init__(value, self._bound, track_holders, name)

    @classmethod
    def open(cls, name: str) -> Self:
        """The semaphore of that name; errors as `Lock.open`."""
        semaphore = super().open(name)
        semaphore._check_bound()
        return semaphore

    def _check_bound(self) -> None:
        if self._bound and not self._bounded:
            raise TypeError(f"semaphore {self.name!r} is not bounded, a bounded one was asked for")

    @property
    def _semlock(self) -> _SemLock:
        return _SemLock(self, SEMAPHORE, self._most)

    # A semaphore has no owner: as in the standard library, these speak of this process's own
    # acquisitions only as far as the value tells.
    def _count(self) -> int:
        return 0

    def _is_mine(self) -> bool:
        return False

    def _get_value(self) -> int:
        return self.get_value()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(value={self.get_value()}{_named(self)})>"


class BoundedSemaphore(Semaphore):
    """A semaphore whose `release` raises ValueError beyond the value it was made with."""

    _bound = True

    def __repr__(self) -> str:
        value = self.get_value()
        return f"<{type(self).__name__}(value={value}, maxvalue={self._most}{_named(self)})>"


class Event(_core.Event, _Shared):
    """A flag to wait for. `set` may be called in a signal handler, and wakes at once."""

    def __init__(self, *, ctx: context.BaseContext | None = None, name: str | None = None) -> None:
        super().__init__(name)

    def __repr__(self) -> str:
        state = "set" if self.is_set() else "unset"
        return f"<{type(self).__name__} at {id(self):#x} {state}>"


class _Count:
    """A number that the standard library keeps in a semaphore."""

    def __init__(self, get_value: Callable[[], int]) -> None:
        self.get_value = get_value


class Condition(_core.Condition, _Shared):
    """Waiting until another process says that something has changed; up to 400 at a time.

    `lock`: a shoal `Lock` or `RLock`; an RLock of its own for None. `notify` wakes exactly those
    who waited when it was called. A notification whose receiver dies before `wait` returns goes to
    another of those who waited then.
    """

    def __init__(
        self,
        lock: Lock | RLock | None = None,
        *,
        ctx: context.BaseContext | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(lock, name)
        self._lock = self._borrowed_lock() if lock is None else lock

    def _borrowed_lock(self) -> RLock:
        lock = RLock.__new__(RLock)
        self._lend_lock(lock)
        return lock

    @classmethod
    def open(cls, name: str) -> Self:
        """The condition of that name; errors as `Lock.open`."""
        condition = super().open(name)
        condition._lock = condition._borrowed_lock()
        return condition

    def wait_for(self, predicate: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until `predicate` is true, for `timeout` seconds at most; what it said last."""
        result = predicate()
        end = None if timeout is None else time.monotonic() + timeout
        while not result:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    @property
    def _sleeping_count(self) -> _Count:
        return _Count(lambda: sum(self._counts()))

    @property
    def _woken_count(self) -> _Count:
        return _Count(lambda: self._counts()[1])

    @property
    def _wait_semaphore(self) -> _Count:
        return _Count(lambda: 0)

    @staticmethod
    def _parts_of(state: Any) -> tuple[Any, ...]:
        place, lock = state
        return (*_Shared._parts_of(place), *(() if lock is None else (lock,)))

    @staticmethod
    def _state_of(parts: tuple[Any, ...]) -> Any:
        return _Shared._state_of(parts[:3]), *(parts[3:] or (None,))

    def __getstate__(self) -> tuple[Place, Any]:
        return _departing(self), None if self._own_lock else self._lock

    def __setstate__(self, state: tuple[Place, Any]) -> None:
        if not (isinstance(state, tuple) and len(state) == 2):
            raise _unpicklable(self)
        place, lock = state
        self._attach(*_arrived(self, place), lock)
        self._lock = self._borrowed_lock() if lock is None else lock

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._lock}, {self._counts()[0]}{_named(self)})>"


class Barrier(_core.Barrier, _Shared):
    """Where `parties` (1 to 400) wait until all have come.

    The last one runs `action`, with no lock held, before all go on. When a party dies while it
    waits, the others get BrokenBarrierError, which names it; with ``on_party_death="shrink"`` the
    barrier goes on with one party less.
    """

    def __init__(
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        ctx: context.BaseContext | None = None,
        name: str | None = None,
        on_party_death: OnPartyDeath = "break",
    ) -> None:
        choice = _one_of("on_party_death", on_party_death, ("break", "shrink"))
        super().__init__(parties, choice == "shrink", name)
        self._action = action
        self._timeout = timeout

    @classmethod
    def open(
        cls,
        name: str,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
    ) -> Self:
        """The barrier of that name; errors as `Lock.open`. `action` and `timeout` are its own."""
        barrier = super().open(name)
        barrier._action = action
        barrier._timeout = timeout
        return barrier

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the other parties; which of them this one was, from 0.

        BrokenBarrierError where it is or gets broken, also by `timeout` seconds passing.
        """
        return self._wait(self._timeout if timeout is None else timeout, self._action)

    @staticmethod
    def _parts_of(state: Any) -> tuple[Any, ...]:
        place, action, timeout = state
        more = (None if timeout is None else round(timeout * 1e9), action)  # nanoseconds
        return (*_Shared._parts_of(place), *(more if action else more[: timeout is not None]))

    @staticmethod
    def _state_of(parts: tuple[Any, ...]) -> Any:
        timeout, action = (*parts[3:], None, None)[:2]
        return _Shared._state_of(parts[:3]), action, None if timeout is None else timeout / 1e9

    def __getstate__(self) -> tuple[Place, Any, float | None]:
        return _departing(self), self._action, self._timeout

    def __setstate__(self, state: tuple[Place, Any, float | None]) -> None:
        if not (isinstance(state, tuple) and len(state) == 3):
            raise _unpicklable(self)
        place, action, timeout = state
        self._attach(*_arrived(self, place))
        self._action, self._timeout = action, timeout

    def __repr__(self) -> str:
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        state = "broken" if self.broken else f"waiters={self.n_waiting}/{self.parties}"
        return f"<{kind} at {id(self):#x}: {state}>"


for _kind in KINDS:
    may_travel(globals()[_kind])
