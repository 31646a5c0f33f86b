"""Locks that processes share."""

from __future__ import annotations

from multiprocessing import context, process, reduction
from typing import Any

from . import _core

__all__ = ["Lock"]


class Lock(_core.Lock):
    """A non-recursive lock, held by a process and released by any process.

    The surface is that of :class:`multiprocessing.Lock`. A Lock is sent to a process that is being
    started, under every start method; with a `name` it is also opened by unrelated programs of
    this user, and lives until `unlink`.

    When the holder dies, killed or by a normal exit, the next `acquire` has the lock and issues
    `OwnerDiedWarning`; where nobody has acquired it since, another process may release it, as with
    the standard library's. Threads, processes and forks may use it at any time.
    """

    def __init__(self, *, ctx: context.BaseContext | None = None, name: str | None = None) -> None:
        super().__init__(name)

    @classmethod
    def open(cls, name: str) -> Lock:
        """The lock of that name.

        FileNotFoundError, PermissionError (another user's), TypeError (not a lock) or
        `shoal.SegmentError`.
        """
        lock = cls.__new__(cls)
        lock._open(name)
        return lock

    @staticmethod
    def unlink(name: str) -> None:
        """Remove the name; those who have the lock keep it. FileNotFoundError where it is free."""
        _core.Lock._unlink(name)

    def __getstate__(self) -> tuple[Any, bool, int]:
        context.assert_spawning(self)
        descriptor, in_slab, index = self._place()
        return reduction.DupFd(descriptor), in_slab, index

    def __setstate__(self, state: tuple[Any, bool, int]) -> None:
        descriptor, in_slab, index = state
        self._attach(descriptor.detach(), in_slab, index)

    def __repr__(self) -> str:
        owner = self.owner()
        if owner is None:
            holder = "None"
        elif owner == process.current_process().pid:
            holder = process.current_process().name
        else:
            holder = f"process {owner}"
        name = f", name={self.name!r}" if self.name else ""
        return f"<{type(self).__name__}(owner={holder}{name})>"
