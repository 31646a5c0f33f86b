"""The C++ program as one worker or as the collector, with the surface of a shoal.Process."""

import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

from logs.escape import unescape
from logs.inputs import Task

_PROGRAM = "examples/log_collector/log_collector"


def find_program() -> str:
    """$SHOAL_LOG_COLLECTOR, else what was built last; FileNotFoundError where nothing was."""
    if program := os.environ.get("SHOAL_LOG_COLLECTOR"):
        return program
    build = Path(__file__).resolve().parents[3] / "build"
    built = sorted(build.glob(f"*/{_PROGRAM}"), key=lambda path: path.stat().st_mtime)
    if not built:
        raise FileNotFoundError(f"build/*/{_PROGRAM} is not built: run `make build`")
    return str(built[-1])


class CppProcess:
    """A run of the C++ program."""

    def __init__(self, *arguments: str | bytes) -> None:
        self._command = [find_program(), *arguments]
        self._program: Any = None

    def start(self) -> None:
        self._program = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)

    @property
    def pid(self) -> int | None:
        return None if self._program is None else self._program.pid

    @property
    def exitcode(self) -> int | None:
        return None if self._program is None else self._program.poll()

    def join(self, timeout: float | None = None) -> None:
        try:
            self._program.wait(timeout)
        except subprocess.TimeoutExpired:
            pass

    def terminate(self) -> None:
        self._program.terminate()

    def kill(self) -> None:
        self._program.kill()


class CppCollector(CppProcess):
    def __init__(self, name: str, output: str, timeout: float, pause_for: str) -> None:
        super().__init__(
            *("--collect", name, "--output", output, "--timeout", str(timeout)),
            *("--pause-for", pause_for),
        )


class CppWorker(CppProcess):
    """The program starts the worker, by its own start method, says its id, waits for it and ends as
    it ended; `pid` and `exitcode` are the worker's, and `kill` kills the worker."""

    def __init__(self, queue: str, name: str, tasks: list[Task], options: Any) -> None:
        what: list[str | bytes] = ["--demo", "--seconds", str(options.seconds)]
        if not options.demo:
            what = ["--", *(b"%d:%s" % (skip, unescape(file)) for file, skip in tasks)]
        super().__init__(
            *("--join", queue, "--name", name, "--start-method", options.start_method), *what
        )
        self._pid: int | None = None
        self._pidfd: int | None = None

    def start(self) -> None:
        self._program = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        with self._program.stdout as stdout:
            self._pid = int(stdout.readline() or 0)
        try:
            self._pidfd = os.pidfd_open(self._pid) if self._pid else None
        except ProcessLookupError:  # it has ended already
            pass

    @property
    def pid(self) -> int | None:
        return self._pid

    @property
    def exitcode(self) -> int | None:
        code = super().exitcode
        if code is None:
            return None
        if code < 0:  # the program itself was killed: its worker must not go on unseen
            self.kill()
            if self._pidfd is not None:
                select.select([self._pidfd], [], [])
        return code if code < 128 else 128 - code  # as shells have it

    def kill(self) -> None:
        if self._pidfd is None:
            return
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def __del__(self) -> None:
        if getattr(self, "_pidfd", None) is not None:
            os.close(self._pidfd)
