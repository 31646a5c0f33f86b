#!/usr/bin/env python3
"""check_leftovers.py -- command...: runs the command and checks that it leaves nothing behind.

Looked for are processes (living ones, and zombies whose parent lives) and files of shoal in
/dev/shm. The command's orphans are handed to this process, so that none escapes and those of other
programs are not mistaken for them; for the same purpose each carries SHOAL_TEST_RUN in its
environment. The exit status is the command's, or 1 if it was 0 and something was left.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
GRACE = 3.0  # seconds in which what is ending may end


def stat_of(pid: int) -> tuple[str, int, str] | None:
    """Name, parent and state of a process."""
    try:
        head, _, tail = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
    except OSError:
        return None
    state, parent = tail.split()[:2]
    return head.partition("(")[2], int(parent), state


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def marked(pid: int, run: str) -> bool:
    try:
        return f"SHOAL_TEST_RUN={run}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def processes_left(run: str) -> dict[int, str]:
    """Descendants of this process and whatever carries the mark of this run, with a description."""
    table = {pid: stat for pid in pids() if (stat := stat_of(pid))}
    left: dict[int, str] = {}
    for pid, (name, _, state) in table.items():
        ancestor = pid
        while ancestor in table and ancestor != os.getpid():
            ancestor = table[ancestor][1]
        if pid != os.getpid() and (ancestor == os.getpid() or marked(pid, run)):
            left[pid] = f"process {pid} ({name}), state {state}, parent {table[pid][1]}"
    return left


def shared_files() -> set[Path]:
    return set(Path("/dev/shm").glob("shoal*"))


def in_use(path: Path) -> bool:
    """Whether a process that is not this run's may still need the file: another run's, say."""
    for pid in pids():
        with contextlib.suppress(OSError):
            if str(path) in Path(f"/proc/{pid}/maps").read_text(errors="replace"):
                return True
    return False


def reap() -> None:
    """Takes the status of orphans that have ended, as init does."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def run_command(command: list[str], run: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    child = subprocess.Popen(command, env={**os.environ, "SHOAL_TEST_RUN": run})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command gets it too, and decides
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            code = os.waitstatus_to_exitcode(status)
            child.returncode = code
            return code if code >= 0 else 128 - code


def main() -> int:
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        print(__doc__, file=sys.stderr)
        return 2
    run = uuid.uuid4().hex
    files_before = shared_files()
    status = run_command(sys.argv[2:], run)

    deadline = time.monotonic() + GRACE
    while True:
        reap()
        left = processes_left(run)
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    left_files = [path for path in sorted(shared_files() - files_before) if not in_use(path)]

    for line in [*left.values(), *map(str, left_files)]:
        print(f"left behind: {line}", file=sys.stderr)
    if left or left_files:
        return status or 1
    print("left behind: nothing (processes, /dev/shm)")
    return status


if __name__ == "__main__":
    sys.exit(main())
