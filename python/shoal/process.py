"""Process objects: the standard library's bookkeeping over shoal's own start-up code.

What derives from :class:`multiprocessing.process.BaseProcess` keeps its rules (names, daemons,
`active_children`, `sentinel`, `exitcode`, …), so standard and shoal processes may be mixed.  New
here: `Process.exception`, the uncaught exception that ended the child.
"""

from __future__ import annotations

import os
import struct
import traceback
from multiprocessing import process as _standard
from multiprocessing.process import (  # type: ignore[attr-defined]
    ORIGINAL_DIR,
    AuthenticationString,
    BaseProcess,
    active_children,
    current_process,
    parent_process,
)
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .popen_fork import Popen

__all__ = [
    "ORIGINAL_DIR",
    "AuthenticationString",
    "BaseProcess",
    "ExceptionReport",
    "ForkProcess",
    "ForkServerProcess",
    "Process",
    "SpawnProcess",
    "active_children",
    "current_process",
    "parent_process",
]


class ExceptionReport(NamedTuple):
    """An uncaught exception of a child, as text: the exception itself may not travel."""

    message: str
    """Type and message as the last line of a traceback has them: ``ValueError: no such user``."""
    traceback: str
    """The traceback as Python prints it; the beginning is left out where it is too long."""

    def __str__(self) -> str:
        return self.message


class _StartedProcess(BaseProcess):
    """What shoal's process classes have in common.

    Like standard process objects, these are for the process that made them; any thread of it may
    wait. A child that is killed leaves no report.
    """

    _popen: Popen | None
    _report_fd: int | None = None  # in the child: where its uncaught exception is written

    @property
    def exception(self) -> ExceptionReport | None:
        """The uncaught exception that ended the child; not part of ``multiprocessing``.

        None while it runs and where it ended otherwise: by return, by SystemExit, by a signal or
        by `os._exit`. ValueError once the process object is closed.
        """
        self._check_closed()  # type: ignore[attr-defined]
        if self._popen is None or self._popen.poll() is None:
            return None
        return self._popen.exception

    def _bootstrap(self, parent_sentinel: int | None = None) -> int:
        """In the child: runs it and returns its exit code."""
        if self._start_method is not None:  # type: ignore[attr-defined]
            from . import context

            context._force_start_method(self._start_method)  # type: ignore[attr-defined]
        return BaseProcess._bootstrap(_Bootstrapping(self), parent_sentinel)  # type: ignore[attr-defined, no-any-return]


class _Bootstrapping:
    """Stands for a process object while BaseProcess runs it: what `run` raises passes by here.

    The object itself is left alone, whatever its `run` is: method, property or attribute.
    """

    def __init__(self, process: _StartedProcess) -> None:
        self._process = process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)

    def _after_fork(self) -> None:
        """The last that BaseProcess calls before `run`; it has taken this one for the process."""
        _standard._current_process = self._process  # type: ignore[attr-defined]
        self._process._after_fork()  # type: ignore[attr-defined]

    def run(self) -> None:
        pid = os.getpid()
        try:
            self._process.run()
        except BaseException as error:
            if os.getpid() == pid:  # else: a bare os.fork() came through here
                send_report(self._process._report_fd, error)
            raise


class ForkProcess(_StartedProcess):
    """A process started by fork."""

    _start_method = "fork"

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:
        from .popen_fork import Popen

        return Popen(process_obj)


class SpawnProcess(_StartedProcess):
    """A process started in a fresh interpreter."""

    _start_method = "spawn"

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:
        from .popen_spawn import Popen

        return Popen(process_obj)

    @staticmethod
    def _after_fork() -> None:
        """Nothing was inherited, so nothing is to be put right."""


class ForkServerProcess(_StartedProcess):
    """A process started by the fork server."""

    _start_method = "forkserver"

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:
        from .popen_forkserver import Popen

        return Popen(process_obj)


class Process(_StartedProcess):
    """A process started by the default context's method."""

    _start_method = None

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:
        return _default_process_class()._Popen(process_obj)  # type: ignore[no-any-return]

    @staticmethod
    def _after_fork() -> None:
        _default_process_class()._after_fork()


def _default_process_class() -> Any:
    from . import context

    return context._default_context.get_context().Process


# The report: two lengths, then message and traceback in UTF-8, in one write to a pipe that is
# empty and never blocks. Whatever is missing at its end (a child killed in mid-write cannot be:
# one write; a pipe of less than 64 KiB can) shortens the traceback.

_LENGTHS = struct.Struct("<II")
_REPORT_LIMIT = 64 * 1024  # bytes; the usual capacity of a pipe
_MESSAGE_LIMIT = 16 * 1024


def open_report() -> tuple[int, int]:
    """A pipe for one report: descriptors of the parent's and of the child's end."""
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    return reader, writer


def send_report(fd: int | None, error: BaseException) -> None:
    """Writes `error` for the parent to find; SystemExit is no report, and nothing is raised."""
    if fd is None or isinstance(error, SystemExit):
        return
    try:
        lines = traceback.format_exception_only(type(error), error)
        # A syntax error is preceded by its place, other exceptions are followed by their notes.
        message = next((line for line in lines if not line.startswith(" ")), lines[-1])
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        head = message.strip().encode(errors="backslashreplace")[:_MESSAGE_LIMIT]
        body = text.encode(errors="backslashreplace")
        body = body[-(_REPORT_LIMIT - _LENGTHS.size - len(head)) :]
        os.write(fd, _LENGTHS.pack(len(head), len(body)) + head + body)
    except Exception:  # a report must not stand in the way of the exception itself
        pass


def receive_report(fd: int) -> ExceptionReport | None:
    """The report of a child that has ended, or None; never blocks."""
    data = b""
    try:
        while part := os.read(fd, _REPORT_LIMIT):
            data += part
            if len(data) > _REPORT_LIMIT:
                return None
    except BlockingIOError:  # a grandchild has the other end
        pass
    if len(data) < _LENGTHS.size:
        return None
    head, body = _LENGTHS.unpack_from(data)
    data = data[_LENGTHS.size :]
    return ExceptionReport(
        data[:head].decode(errors="replace"), data[head : head + body].decode(errors="replace")
    )
