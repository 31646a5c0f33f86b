"""The start method spawn, as the parent sees it."""

from __future__ import annotations

import io
import os
from multiprocessing import reduction, util
from multiprocessing.context import set_spawning_popen
from typing import Any

from . import popen_fork, spawn
from .process import open_report

__all__ = ["Popen"]


class _DupFd:
    """A descriptor on its way to a child, which finds it under the same number."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def detach(self) -> int:
        return self.fd


class Popen(popen_fork.Popen):
    """A child in a fresh interpreter."""

    method = "spawn"
    DupFd = _DupFd

    def duplicate_for_child(self, fd: int) -> int:
        self._for_child.add(fd)
        return fd

    def _launch(self, process_obj: Any) -> None:
        self._for_child: set[int] = set()
        data = pickle_for_child(self, process_obj)
        tracker = spawn.resource_tracker_fd()
        pipe, pipe_writer = map(self._keep, os.pipe())
        parent = self._keep(os.pidfd_open(os.getpid()))
        report, report_writer = map(self._keep, open_report())
        command = spawn.get_command_line(
            pipe_handle=pipe,
            parent_handle=parent,
            report_handle=report_writer,
            tracker_fd=tracker,
        )
        passed = self._for_child | {pipe, parent, report_writer}
        if tracker is not None:
            passed.add(tracker)
        pid = util.spawnv_passfds(command[0], command, list(passed))
        self._adopt(pid, report)
        self._drop(pipe, parent, report_writer)
        self._send(pipe_writer, data)

    def _send(self, pipe_writer: int, data: memoryview) -> None:
        """Writes the pickled process; a child that cannot be told all is ended."""
        try:
            write_all(pipe_writer, data)
            self._drop(pipe_writer)
        except BaseException:
            self.kill()
            self.wait()
            raise


def pickle_for_child(popen: Any, process_obj: Any) -> memoryview:
    """Preparation data and process object; descriptors in them are handed to `popen`."""
    prepared = spawn.get_preparation_data(process_obj._name)
    stream = io.BytesIO()
    set_spawning_popen(popen)
    try:
        reduction.dump(prepared, stream)
        reduction.dump(process_obj, stream)
    finally:
        set_spawning_popen(None)
    return stream.getbuffer()


def write_all(pipe: int, data: memoryview) -> None:
    """Writes everything; a reader that is gone is no error: its exit code tells."""
    try:
        while data:
            data = data[os.write(pipe, data) :]
    except BrokenPipeError:
        pass
