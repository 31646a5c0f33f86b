"""Contexts: one namespace of factories for each start method.

Each class derives from its namesake in :mod:`multiprocessing.context`, so that whatever takes a
standard context (``ProcessPoolExecutor(mp_context=...)``, ``Manager``, ``Pool``) takes these.
``Process``, the three queues and everything of :mod:`shoal.synchronize` are shoal's own; every
other factory still makes the standard library's object, over the standard library's locks where it
reaches into them.

The rules of start methods are those of :mod:`multiprocessing`: the default method is the running
Python's, it is fixed by its first use, and `set_start_method` may be called once unless forced.
"""

from __future__ import annotations

import multiprocessing.context as _standard
import sys
from multiprocessing.context import (
    AuthenticationError,
    BaseContext,
    BufferTooShort,
    ProcessError,
    TimeoutError,
    assert_spawning,
    get_spawning_popen,
    set_spawning_popen,
)
from typing import TYPE_CHECKING, Any

from . import process as _process
from .process import ForkProcess, ForkServerProcess, Process, SpawnProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from .queues import JoinableQueue, Queue, SimpleQueue
    from .synchronize import (
        Barrier,
        BoundedSemaphore,
        Condition,
        Event,
        Lock,
        OnOwnerDeath,
        OnPartyDeath,
        RLock,
        Semaphore,
    )

__all__ = [
    "AuthenticationError",
    "BaseContext",
    "BufferTooShort",
    "DefaultContext",
    "ForkContext",
    "ForkProcess",
    "ForkServerContext",
    "ForkServerProcess",
    "Process",
    "ProcessError",
    "SpawnContext",
    "SpawnProcess",
    "TimeoutError",
    "assert_spawning",
    "get_spawning_popen",
    "set_spawning_popen",
]

process = _process
reduction = _standard.reduction  # type: ignore[attr-defined]


class _Factories(_standard.BaseContext):
    """What shoal's contexts have in common."""

    def Lock(  # type: ignore[override]
        self, *, name: str | None = None, on_owner_death: OnOwnerDeath = "warn"
    ) -> Lock:
        """A shoal lock. `name`: makes it reachable by unrelated processes of this machine.

        FileExistsError where the name is taken.
        """
        from .synchronize import Lock

        return Lock(name=name, on_owner_death=on_owner_death, ctx=self.get_context())

    def RLock(  # type: ignore[override]
        self, *, name: str | None = None, on_owner_death: OnOwnerDeath = "warn"
    ) -> RLock:
        """A shoal recursive lock; `name` as for `Lock`."""
        from .synchronize import RLock

        return RLock(name=name, on_owner_death=on_owner_death, ctx=self.get_context())

    def Semaphore(  # type: ignore[override]
        self, value: int = 1, *, name: str | None = None, track_holders: bool = False
    ) -> Semaphore:
        """A shoal semaphore of `value` permits; `name` as for `Lock`."""
        from .synchronize import Semaphore

        return Semaphore(value, name=name, track_holders=track_holders, ctx=self.get_context())

    def BoundedSemaphore(  # type: ignore[override]
        self, value: int = 1, *, name: str | None = None, track_holders: bool = False
    ) -> BoundedSemaphore:
        """A shoal semaphore that is released no more often than acquired."""
        from .synchronize import BoundedSemaphore

        return BoundedSemaphore(
            value, name=name, track_holders=track_holders, ctx=self.get_context()
        )

    def Event(self, *, name: str | None = None) -> Event:  # type: ignore[override]
        """A shoal event; `name` as for `Lock`."""
        from .synchronize import Event

        return Event(name=name, ctx=self.get_context())

    def Condition(  # type: ignore[override]
        self, lock: Any = None, *, name: str | None = None
    ) -> Condition:
        """A shoal condition over `lock`, a shoal Lock or RLock, or an RLock of its own.

        TypeError for another lock; `name` as for `Lock`.
        """
        from .synchronize import Condition

        return Condition(lock, name=name, ctx=self.get_context())

    def Barrier(  # type: ignore[override]
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        *,
        name: str | None = None,
        on_party_death: OnPartyDeath = "break",
    ) -> Barrier:
        """A shoal barrier of `parties`; `name` as for `Lock`."""
        from .synchronize import Barrier

        return Barrier(
            parties,
            action,
            timeout,
            name=name,
            on_party_death=on_party_death,
            ctx=self.get_context(),
        )

    def Queue(  # type: ignore[override]
        self, maxsize: int = 0, *, name: str | None = None, max_bytes: int = 0
    ) -> Queue[Any]:
        """A shoal queue of at most `maxsize` items and `max_bytes` of them; 0 or less: no bound
        but half of the memory that is left.

        `name`: makes it reachable by unrelated processes of this machine; FileExistsError where
        it is taken.
        """
        from .queues import Queue

        return Queue(maxsize, name=name, max_bytes=max_bytes, ctx=self.get_context())

    def JoinableQueue(  # type: ignore[override]
        self,
        maxsize: int = 0,
        *,
        name: str | None = None,
        max_bytes: int = 0,
        redeliver: bool = False,
    ) -> JoinableQueue[Any]:
        """A shoal queue that knows which of its items are done; arguments as for `Queue`.

        `redeliver`: what a dead consumer had taken and not done goes to another.
        """
        from .queues import JoinableQueue

        return JoinableQueue(
            maxsize,
            name=name,
            max_bytes=max_bytes,
            redeliver=redeliver,
            ctx=self.get_context(),
        )

    def SimpleQueue(  # type: ignore[override]
        self, *, name: str | None = None
    ) -> SimpleQueue[Any]:
        """A shoal queue without a bound; `name` as for `Queue`."""
        from .queues import SimpleQueue

        return SimpleQueue(name=name, ctx=self.get_context())

    def set_forkserver_preload(self, module_names: list[str]) -> None:
        """Modules that the next fork server imports before it serves; a hint, as in Python."""
        from .forkserver import set_forkserver_preload

        set_forkserver_preload(module_names)

    def freeze_support(self) -> None:
        """First line of the main module of a frozen program: spawned children end in it."""
        if getattr(sys, "frozen", False):
            from .spawn import freeze_support

            freeze_support()

    def get_context(self, method: str | None = None) -> Any:
        """The context of `method`, this one for None; ValueError for an unknown method."""
        if method is None:
            return super().get_context()
        try:
            context = _concrete_contexts[method]
        except KeyError:
            raise ValueError(f"cannot find context for {method!r}") from None
        context._check_available()
        return context


class ForkContext(_Factories, _standard.ForkContext):
    """Children are copies of the calling process."""

    Process = _process.ForkProcess  # type: ignore[assignment]


class SpawnContext(_Factories, _standard.SpawnContext):
    """Children are fresh interpreters."""

    Process = _process.SpawnProcess  # type: ignore[assignment]


class ForkServerContext(_Factories, _standard.ForkServerContext):
    """Children are copies of a small server process, which is started with the first of them."""

    Process = _process.ForkServerProcess  # type: ignore[assignment]


class DefaultContext(_Factories, _standard.DefaultContext):
    """The context behind shoal's module-level names; its start method is chosen once."""

    Process = _process.Process  # type: ignore[assignment]


_concrete_contexts: dict[str, Any] = {
    "fork": ForkContext(),
    "spawn": SpawnContext(),
    "forkserver": ForkServerContext(),
}
# The running Python's choice: fork up to 3.13, forkserver from 3.14.
_default_context = DefaultContext(
    _concrete_contexts[_standard._default_context._default_context._name]  # type: ignore[attr-defined]
)


def _force_start_method(method: str) -> None:
    """In a child: its default method is the one that it was started with."""
    _default_context._actual_context = _concrete_contexts[method]  # type: ignore[attr-defined]
