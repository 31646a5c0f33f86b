"""The start method forkserver, as the process that asks for the child sees it.

The child is the server's: the server reaps it and reports its exit code. A child whose server was
killed is watched through its pidfd all the same; when it ends its exit code is 255, as in
``multiprocessing``, because nobody can know it.
"""

from __future__ import annotations

import os
import time
from typing import Any

from . import forkserver, popen_spawn
from .popen_fork import wait_readable
from .popen_spawn import pickle_for_child
from .process import open_report

__all__ = ["Popen"]

_UNKNOWN = 255
# Seconds that poll() gives the server to reap a child that has ended: microseconds are needed,
# unless the server is stopped.
_REAPING_TIME = 1.0


class _DupFd:
    """A descriptor on its way to a child, which finds it at an index of what it inherited."""

    def __init__(self, index: int) -> None:
        self.index = index

    def detach(self) -> int:
        return forkserver.get_inherited_fds()[self.index]


class Popen(popen_spawn.Popen):
    """A child of the fork server."""

    method = "forkserver"
    DupFd = _DupFd  # type: ignore[assignment]

    def duplicate_for_child(self, fd: int) -> int:
        if fd not in self._fds:
            self._fds.append(fd)
        return self._fds.index(fd)

    def _wait_for_code(self, deadline: float | None) -> None:
        wait_readable(self._status, None if deadline is None else deadline - time.monotonic())

    def _launch(self, process_obj: Any) -> None:
        self._fds: list[int] = []
        data = pickle_for_child(self, process_obj)
        forkserver.check_number(len(self._fds))
        pipe, pipe_writer = map(self._keep, os.pipe())
        parent = self._keep(os.pidfd_open(os.getpid()))
        report, report_writer = map(self._keep, open_report())
        child = forkserver.start_child(report_writer, pipe, parent, self._fds)
        self.pid = child.pid
        self.sentinel = self._keep(child.pidfd)
        self._status = self._keep(child.status)
        self._report = report
        self._drop(pipe, parent, report_writer)
        self._send(pipe_writer, data)

    def _reap(self) -> int | None:
        if not wait_readable(self.sentinel, 0) or not wait_readable(self._status, _REAPING_TIME):
            return None
        code = forkserver.receive_exitcode(self._status)
        return _UNKNOWN if code is None else code
