"""A child as its parent sees it, and the start method fork.

The sentinel is a pidfd: it becomes readable when the child ends, whatever the child's own
children have inherited, and signals and waits through it cannot hit a reused pid. Starting a
process starts nothing else: no resource tracker.
"""

from __future__ import annotations

import atexit
import math
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import util
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

from .process import ExceptionReport, open_report, receive_report

__all__ = ["Popen"]

# From 3.13 a child runs the functions that it registered with atexit itself.
_RUNS_ATEXIT = sys.version_info >= (3, 13)
_PAUSE = 0.005  # seconds between two looks at a child whose exit code is held back by a tracer
_LONGEST_POLL = 24 * 3600.0  # seconds; poll() takes an int of milliseconds


class Popen:
    """A started child, used by its process object; ends nothing when it is collected.

    Any thread may poll and wait. An object inherited over fork can still send signals; its
    `poll` says what was known at the fork, since only the parent can learn more.
    """

    method = "fork"

    pid: int
    sentinel: int
    """Descriptor that is readable once the child has ended."""

    def __init__(self, process_obj: BaseProcess) -> None:
        util._flush_std_streams()  # type: ignore[attr-defined]
        self.returncode: int | None = None
        self.exception: ExceptionReport | None = None
        self._maker = os.getpid()
        self._lost = False  # someone else took the exit code
        self._report: int | None = None
        self._open: list[int] = []  # descriptors to close in the end
        self._reaping = threading.RLock()  # a signal handler may poll, too
        self.finalizer = util.Finalize(self, _close_all, (self._open,))
        try:
            self._launch(process_obj)
        except BaseException:
            self.close()
            raise

    def duplicate_for_child(self, fd: int) -> int:
        """Makes `fd` valid in the child, where it goes by the returned number."""
        return fd

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        """The exit code, negative for a signal, or None while the child runs.

        None for ever where someone else reaped the child, as in ``multiprocessing``.
        """
        if flag != os.WNOHANG:
            return self.wait()
        if self._may_learn_more():
            with self._reaping:
                if self._may_learn_more():
                    self._learn()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Waits for the end, at most `timeout` seconds; the exit code or None."""
        started = time.monotonic()
        if self.returncode is None:
            if not wait_readable(self.sentinel, timeout):
                return None
            self._wait_for_code(None if timeout is None else started + timeout)
        return self.poll()

    def _wait_for_code(self, deadline: float | None) -> None:
        """The child has ended; waits until its exit code is known or never will be.

        A child that is traced has ended for all to see before its parent may reap it: its tracer
        comes first.
        """
        while self.poll() is None and self._may_learn_more():
            left = _PAUSE if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _PAUSE))

    def _may_learn_more(self) -> bool:
        # SUBTLE: asked before `_reaping` is taken, which another thread may have held at a fork.
        return self.returncode is None and not self._lost and os.getpid() == self._maker

    def _learn(self) -> None:
        try:
            code = self._reap()
        except ChildProcessError:
            self._lost = True
            return
        if code is not None:
            self._take_report()
            self.returncode = code

    def terminate(self) -> None:
        self._send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self._send_signal(signal.SIGKILL)

    def interrupt(self) -> None:
        self._send_signal(signal.SIGINT)

    def close(self) -> None:
        """Gives the descriptors back; may be called twice."""
        if self.finalizer.still_active():
            self.finalizer()

    def _launch(self, process_obj: Any) -> None:
        parent = self._keep(os.pidfd_open(os.getpid()))
        report, report_writer = map(self._keep, open_report())
        pid = os.fork()
        if pid == 0:
            os.close(report)
            process_obj._report_fd = report_writer
            run_and_exit(lambda: process_obj._bootstrap(parent_sentinel=parent))
        self._drop(parent, report_writer)
        self._adopt(pid, report)

    def _adopt(self, pid: int, report: int) -> None:
        """Takes over a child of this process."""
        self.pid = pid
        self._report = report
        try:
            self.sentinel = self._keep(os.pidfd_open(pid))
        except ProcessLookupError:  # reaped already: SIGCHLD is ignored, or a handler reaps
            self.sentinel = self._keep(os.eventfd(1))
        except OSError:  # no descriptor left
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise

    def _reap(self) -> int | None:
        """The exit code of a child that has ended, None where it is not to be had yet.

        Never blocks. ChildProcessError where someone else reaped it.
        """
        try:
            return reap(self.sentinel)
        except OSError as error:  # its sentinel is no pidfd: it was gone before there was one
            raise ChildProcessError(*error.args) from None

    def _take_report(self) -> None:
        if self._report is not None:
            self.exception = receive_report(self._report)
            self._drop(self._report)
            self._report = None

    def _send_signal(self, number: int) -> None:
        if self.returncode is None:
            try:
                signal.pidfd_send_signal(self.sentinel, number)
            except ProcessLookupError:
                pass
            except OSError:
                if self.wait(timeout=0.1) is None:
                    raise

    def _keep(self, fd: int) -> int:
        self._open.append(fd)
        return fd

    def _drop(self, *fds: int) -> None:
        for fd in fds:
            self._open.remove(fd)
            os.close(fd)


def _close_all(fds: list[int]) -> None:
    while fds:
        os.close(fds.pop())


def run_and_exit(bootstrap: Callable[[], int]) -> NoReturn:
    """In a forked child: runs it to its end, which is `os._exit`, as in ``multiprocessing``."""
    code = 1
    try:
        if _RUNS_ATEXIT:
            atexit._clear()
            atexit.register(util._exit_function)  # type: ignore[attr-defined]
        code = bootstrap()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        try:
            if _RUNS_ATEXIT:
                atexit._run_exitfuncs()
            util._flush_std_streams()  # type: ignore[attr-defined]
        finally:
            os._exit(code)


def reap(pidfd: int, options: int = os.WNOHANG) -> int | None:
    """The exit code, negative for a signal, of a child that has ended; None while it runs.

    None, too, while a tracer of the child has not seen its end. ChildProcessError where it is no
    child of this process, or reaped already.
    """
    ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | options)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def wait_readable(fd: int, timeout: float | None) -> bool:
    """Sleeps until `fd` is readable or hung up, at most `timeout` seconds; signals are handled."""
    if timeout is not None:
        if math.isnan(timeout):
            raise ValueError("timeout is not a number")
        deadline = time.monotonic() + timeout
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    while True:
        left = _LONGEST_POLL
        if timeout is not None:
            left = min(left, max(0.0, deadline - time.monotonic()))
        if poller.poll(math.ceil(left * 1000)):
            return True
        if timeout is not None and time.monotonic() >= deadline:
            return False
