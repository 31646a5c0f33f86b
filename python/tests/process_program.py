"""Programs that test_process.py starts: ``python process_program.py IMPLEMENTATION METHOD NAME``.

Each runs as a main process of its own, where Ctrl-C, exit and standard streams can be tried.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import Any

package = importlib.import_module(sys.argv[1])
context = package.get_context(sys.argv[2])


def report(text: str) -> None:
    sys.stdout.write(text + "\n")  # in one write: several processes share the pipe
    sys.stdout.flush()


def child_that_raises() -> None:
    raise ZeroDivisionError("in the child")


def child_that_waits() -> None:
    report(f"child {os.getpid()}")
    time.sleep(3600)


def child_that_outlives_its_parent(path: str) -> None:
    report(f"child {os.getpid()}")
    package.parent_process().join(30)
    with open(path, "w") as file:
        file.write(f"orphan, parent alive: {package.parent_process().is_alive()}")


def child_that_prints_without_newline() -> None:
    sys.stdout.write("buffered")
    sys.stderr.write("error")


def raising() -> None:
    process = context.Process(target=child_that_raises, name="Unlucky")
    process.start()
    process.join()
    report(f"exitcode {process.exitcode}")


def interrupted() -> None:
    process = context.Process(target=child_that_waits)
    process.start()
    try:
        report("joining")
        process.join()
    except KeyboardInterrupt:
        report(f"interrupted, child alive: {process.is_alive()}")
    process.terminate()
    process.join()
    report(f"exitcode {process.exitcode}")


def daemon() -> None:
    context.Process(target=child_that_waits, daemon=True).start()
    sys.stdin.readline()


def orphaned() -> None:
    context.Process(target=child_that_outlives_its_parent, args=(sys.argv[4],)).start()
    if sys.argv[2] == "forkserver":
        report(f"server {server_pid()}")
    time.sleep(3600)


def server_pid() -> Any:
    server: Any = importlib.import_module(f"{sys.argv[1]}.forkserver")._forkserver
    return server._pid if hasattr(server, "_pid") else server._forkserver_pid


def printing() -> None:
    process = context.Process(target=child_that_prints_without_newline)
    process.start()
    process.join()


def names() -> None:
    package.set_start_method(sys.argv[2])
    first, second = package.Process(), package.Process(name="mine")
    report(f"{first.name} {second.name} {package.Process().name}")
    process = package.Process(target=names_of_children)
    process.start()
    process.join()


def names_of_children() -> None:
    report(f"{package.current_process().name} {package.Process().name} {package.Process().name}")


def tracker() -> None:
    """Which helpers run after some starts, seen from outside."""
    for _ in range(2):
        process = context.Process(target=grandchild)
        process.start()
        process.join()
    from multiprocessing import resource_tracker

    helpers = [
        line.replace("\0", " ")
        for line in command_lines()
        if "resource_tracker" in line and "process_program" not in line
    ]
    report(f"fd {resource_tracker._resource_tracker._fd} helpers {helpers}")  # type: ignore[attr-defined]


def grandchild() -> None:
    process = context.Process(target=os.getpid)
    process.start()
    process.join()
    from multiprocessing import resource_tracker

    report(f"child fd {resource_tracker._resource_tracker._fd}")  # type: ignore[attr-defined]


def command_lines() -> list[str]:
    """Of the processes of this program's session."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(pid)) == os.getsid(0):
                with open(f"/proc/{pid}/cmdline") as file:
                    found.append(file.read())
        except OSError:
            pass
    return found


def start_methods() -> None:
    report(f"{package.get_start_method(allow_none=True)} {package.get_start_method()}")
    try:
        package.set_start_method(sys.argv[2])
    except RuntimeError as error:
        report(str(error))
    package.set_start_method(sys.argv[2], force=True)
    report(package.get_start_method())
    package.set_start_method(None, force=True)
    report(str(package.get_start_method(allow_none=True)))


if sys.argv[3] == "unguarded":
    unguarded = context.Process(target=child_that_prints_without_newline)
    unguarded.start()
    unguarded.join()
    report(f"exitcode {unguarded.exitcode}")
elif __name__ == "__main__":
    globals()[sys.argv[3]]()
