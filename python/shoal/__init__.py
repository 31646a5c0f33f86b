"""Python's ``multiprocessing``, re-made over shared memory that survives the death of processes.

``import shoal as multiprocessing``: the names, signatures and exceptions are those of
:mod:`multiprocessing`. shoal's own are

* `Process` and the start methods (`get_context`, `set_start_method`, …): fork, spawn and
  forkserver without a resource tracker, and `Process.exception`, what ended the child;
* `Lock`, `RLock`, `Semaphore`, `BoundedSemaphore`, `Condition`, `Event`, `Barrier`, `Queue`,
  `JoinableQueue` and `SimpleQueue`, also by name between unrelated processes.

Everything else is still the standard library's, made for shoal's contexts: `Array`, `Manager`,
`Pipe`, `Pool`, `RawArray`, `RawValue`, `Value`; the modules `shoal.connection`, `shoal.dummy`,
`shoal.heap`, `shoal.managers`, `shoal.pool`, `shoal.reduction`, `shoal.resource_sharer`,
`shoal.resource_tracker`, `shoal.shared_memory`, `shoal.sharedctypes` and `shoal.util` are those of
`multiprocessing`.
"""

from __future__ import annotations

import sys
from multiprocessing.context import (
    AuthenticationError,
    BufferTooShort,
    ProcessError,
    TimeoutError,
)
from multiprocessing.process import active_children, current_process, parent_process
from typing import TYPE_CHECKING, Any, Literal, overload

from . import context
from .process import Process

if TYPE_CHECKING:  # at run time: __getattr__, below
    from multiprocessing import connection as connection
    from multiprocessing import dummy as dummy
    from multiprocessing import heap as heap
    from multiprocessing import managers as managers
    from multiprocessing import pool as pool
    from multiprocessing import reduction as reduction
    from multiprocessing import resource_sharer as resource_sharer
    from multiprocessing import resource_tracker as resource_tracker
    from multiprocessing import shared_memory as shared_memory
    from multiprocessing import sharedctypes as sharedctypes
    from multiprocessing import util as util

    from . import forkserver as forkserver
    from . import process as process
    from . import queues as queues
    from . import spawn as spawn
    from . import synchronize as synchronize
    from ._core import ConsumerDiedError as ConsumerDiedError
    from ._core import Loan as Loan
    from ._core import OwnerDiedError as OwnerDiedError
    from ._core import OwnerDiedWarning as OwnerDiedWarning
    from ._core import SegmentError as SegmentError
    from ._core import ShutDown as ShutDown

__all__ = [
    "Array",
    "AuthenticationError",
    "Barrier",
    "BoundedSemaphore",
    "BufferTooShort",
    "Condition",
    "Event",
    "JoinableQueue",
    "Lock",
    "Manager",
    "Pipe",
    "Pool",
    "Process",
    "ProcessError",
    "Queue",
    "RLock",
    "RawArray",
    "RawValue",
    "Semaphore",
    "SimpleQueue",
    "TimeoutError",
    "Value",
    "active_children",
    "allow_connection_pickling",
    "cpu_count",
    "current_process",
    "freeze_support",
    "get_all_start_methods",
    "get_context",
    "get_logger",
    "get_start_method",
    "log_to_stderr",
    "parent_process",
    "reducer",
    "set_executable",
    "set_forkserver_preload",
    "set_start_method",
]

SUBDEBUG = 5  # levels of the logger of multiprocessing
SUBWARNING = 25

_default = context._default_context

Array = _default.Array
Barrier = _default.Barrier
BoundedSemaphore = _default.BoundedSemaphore
Condition = _default.Condition
Event = _default.Event
JoinableQueue = _default.JoinableQueue
Lock = _default.Lock
Manager = _default.Manager
Pipe = _default.Pipe
Pool = _default.Pool
Queue = _default.Queue
RLock = _default.RLock
RawArray = _default.RawArray
RawValue = _default.RawValue
Semaphore = _default.Semaphore
SimpleQueue = _default.SimpleQueue
Value = _default.Value
allow_connection_pickling = _default.allow_connection_pickling
cpu_count = _default.cpu_count
freeze_support = _default.freeze_support
get_all_start_methods = _default.get_all_start_methods
if TYPE_CHECKING:

    @overload
    def get_context(method: None = None) -> context.DefaultContext: ...
    @overload
    def get_context(method: Literal["fork"]) -> context.ForkContext: ...
    @overload
    def get_context(method: Literal["spawn"]) -> context.SpawnContext: ...
    @overload
    def get_context(method: Literal["forkserver"]) -> context.ForkServerContext: ...
    @overload
    def get_context(method: str | None) -> Any: ...
    def get_context(method: str | None = None) -> Any: ...

else:
    get_context = _default.get_context
get_logger = _default.get_logger
get_start_method = _default.get_start_method
log_to_stderr = _default.log_to_stderr
reducer = _default.reducer
set_executable = _default.set_executable
set_forkserver_preload = _default.set_forkserver_preload
set_start_method = _default.set_start_method

# Objects of a script that uses only shoal are pickled by this name, as multiprocessing does it.
if "__main__" in sys.modules:
    sys.modules.setdefault("__mp_main__", sys.modules["__main__"])

_STANDARD = {
    "connection",
    "dummy",
    "heap",
    "managers",
    "pool",
    "reduction",
    "resource_sharer",
    "resource_tracker",
    "shared_memory",
    "sharedctypes",
    "util",
}
_OWN = {"forkserver", "process", "queues", "spawn", "synchronize"}
_CORE = {
    "ConsumerDiedError",
    "Loan",
    "OwnerDiedError",
    "OwnerDiedWarning",
    "SegmentError",
    "ShutDown",
}

if not TYPE_CHECKING:  # type checkers are to see misspelt names

    def __getattr__(name: str) -> Any:
        """Submodules and the extension are imported when they are first asked for."""
        import importlib

        if name in _STANDARD:
            value: Any = importlib.import_module(f"multiprocessing.{name}")
        elif name in _OWN:
            value = importlib.import_module(f"{__name__}.{name}")
        elif name in _CORE:
            value = getattr(importlib.import_module(f"{__name__}._core"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value
