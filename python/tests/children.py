"""Starting children in tests, and seeing that they sleep."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import shoal
from waiting import DEADLINE, wait_until

PACKAGES: dict[str, Any] = {"shoal": shoal, "multiprocessing": multiprocessing}


@contextmanager
def running(context: Any, target: Callable[..., Any], *args: Any) -> Iterator[Any]:
    """A child that is killed at the end of the block, if it still runs."""
    process = context.Process(target=target, args=args)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(DEADLINE)
        process.close()


def run(context: Any, target: Callable[..., Any], *args: Any) -> None:
    """A child that has to end by itself, and well."""
    with running(context, target, *args) as process:
        ended_well(process)


def ended_well(*processes: Any) -> None:
    for process in processes:
        process.join(DEADLINE)
        assert process.exitcode == 0


def killed(process: Any) -> None:
    """The death of a child, as it comes to those who cannot be asked."""
    os.kill(process.pid, signal.SIGKILL)
    process.join(DEADLINE)
    assert process.exitcode == -signal.SIGKILL


TRACER = """if True:
    import ctypes, sys
    PTRACE_SEIZE = 0x4206
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, int(sys.argv[1]), None, None) != 0:
        sys.exit(f"errno {ctypes.get_errno()}")
    print("tracing", flush=True)
    sys.stdin.read()
"""


@contextmanager
def traced(pid: int) -> Iterator[Callable[[], None]]:
    """A tracer has `pid`: when that ends, its parent may not reap it until the tracer is gone.

    Gives the function that ends the tracer.
    """
    with subprocess.Popen(
        [sys.executable, "-c", TRACER, str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as tracer:
        assert tracer.stdin is not None
        assert tracer.stdout is not None
        assert tracer.stderr is not None
        if tracer.stdout.readline() != "tracing\n":
            pytest.skip(f"processes cannot be traced here: {tracer.stderr.read()}")
        yield tracer.stdin.close


def is_asleep(task: str) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{task}/stat").read_text().rpartition(")")[2].split()[0] == "S"
    return False


def wait_until_asleep(pid: int, tid: int | None = None) -> None:
    """Until a thread (the main one) of a process was seen asleep at many looks in a row."""
    task = f"{pid}/task/{pid if tid is None else tid}"
    looks = 0

    def often_enough() -> bool:
        nonlocal looks
        looks = looks + 1 if is_asleep(task) else 0
        return looks >= 15

    wait_until(often_enough)


@contextmanager
def when_this_thread_sleeps(action: Callable[[], Any]) -> Iterator[None]:
    """Runs `action` in another thread as soon as the caller's sleeps."""
    caller = threading.get_native_id()

    def act() -> None:
        wait_until_asleep(os.getpid(), caller)
        action()

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join(2 * DEADLINE)
        assert not thread.is_alive()


def finish(queue: Any) -> None:
    """Ends this process's use of a queue: the standard one has a thread."""
    queue.close()
    queue.join_thread()
