"""The child's side of spawn and of the fork server: from a fresh process to a running target.

Preparing a child (sys.path, the main module, authkey, logging) is the standard library's:
:mod:`multiprocessing.spawn`. `freeze_support`, `set_executable` and `get_executable` are as there.
"""

from __future__ import annotations

import os
import pickle
import site
import subprocess
import sys
from multiprocessing import process as _process
from multiprocessing import resource_tracker
from multiprocessing import spawn as _standard
from multiprocessing.spawn import (
    get_executable,
    import_main_path,
    is_forking,
    prepare,
    set_executable,
)
from typing import Any

from . import context
from .popen_fork import wait_readable
from .process import send_report

__all__ = [
    "freeze_support",
    "get_command_line",
    "get_executable",
    "get_preparation_data",
    "import_main_path",
    "is_forking",
    "prepare",
    "set_executable",
    "spawn_main",
]


def get_command_line(**arguments: int | None) -> list[Any]:
    """The command that starts a child which calls ``spawn_main(**arguments)``."""
    if getattr(sys, "frozen", False):
        pairs = [f"{name}={value!r}" for name, value in arguments.items()]
        return [sys.executable, "--multiprocessing-fork", *pairs]
    call = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return [*interpreter_command("spawn", f"spawn_main({call})"), "--multiprocessing-fork"]


def interpreter_command(module: str, call: str) -> list[Any]:
    """A command line of this interpreter that makes `call` to a function of ``shoal.<module>``."""
    function = call.partition("(")[0]
    code = f"from shoal.{module} import {function}; {call}"
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not _is_found_by_new_interpreters(home):
        code = f"from sys import path; path.append({home!r}); {code}"
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [get_executable(), *flags, "-c", code]


def _is_found_by_new_interpreters(folder: str) -> bool:
    """Whether modules in `folder` are found without what this process did to its sys.path."""
    known = [*site.getsitepackages(), site.getusersitepackages()]
    if not sys.flags.ignore_environment:
        known += map(os.path.abspath, filter(None, os.environ.get("PYTHONPATH", "").split(":")))
    return folder in known


def freeze_support() -> None:
    """In a frozen program that was started as a child: runs the child and exits."""
    if is_forking(sys.argv):
        pairs = (argument.split("=") for argument in sys.argv[2:])
        arguments: dict[str, Any] = {
            name: None if value == "None" else int(value) for name, value in pairs
        }
        spawn_main(**arguments)


def get_preparation_data(name: str) -> dict[str, Any]:
    """What a child named `name` needs to know of this process before its object is unpickled.

    RuntimeError in a process that is itself still importing its main module.
    """
    default = _standard_default_context()
    chosen = default._actual_context
    try:
        data: dict[str, Any] = _standard.get_preparation_data(name)
    finally:
        default._actual_context = chosen  # asking for it fixed the standard library's method
    if chosen is None:
        del data["start_method"]
    data["shoal_start_method"] = context._default_context.get_start_method(allow_none=True)
    return data


def _standard_default_context() -> Any:
    import multiprocessing.context

    return multiprocessing.context._default_context


def spawn_main(
    pipe_handle: int, parent_handle: int, report_handle: int, tracker_fd: int | None = None
) -> None:
    """Entry of a spawned child; ends the process.

    `pipe_handle`: two pickles, preparation data and process object. `parent_handle`: the parent's
    pidfd. `report_handle`: where an uncaught exception goes. `tracker_fd`: the standard resource
    tracker's pipe, where the parent uses one.
    """
    if not is_forking(sys.argv):
        raise RuntimeError("spawn_main() is the entry of spawned children only")
    handles = (pipe_handle, parent_handle, report_handle, tracker_fd)
    for fd in handles:
        if fd is not None:
            os.set_inheritable(fd, False)
    join_resource_tracker(tracker_fd)
    sys.exit(run(pipe_handle, parent_handle, report_handle))


def join_resource_tracker(fd: int | None) -> None:
    """Standard objects of this process are tracked where the parent's are, if anywhere."""
    resource_tracker._resource_tracker._fd = fd  # type: ignore[attr-defined]


def resource_tracker_fd() -> int | None:
    """The pipe of the standard resource tracker, where something else has started one."""
    return resource_tracker._resource_tracker._fd  # type: ignore[attr-defined, no-any-return]


def run(pipe: int, parent_sentinel: int, report: int) -> int:
    """Unpickles the process object that comes through `pipe` and runs it; its exit code."""
    try:
        process_obj = _receive_process(pipe)
    except BaseException as error:
        if _is_cut_short(error) and wait_readable(parent_sentinel, 0):
            return 1  # the parent was killed while it wrote; nobody is left to be told
        send_report(report, error)
        raise
    process_obj._report_fd = report
    return process_obj._bootstrap(parent_sentinel)  # type: ignore[no-any-return]


def _receive_process(pipe: int) -> Any:
    current: Any = _process.current_process()
    with open(pipe, "rb") as stream:
        current._inheriting = True  # starting processes is refused until main is imported
        try:
            data = pickle.load(stream)
            _standard.prepare(data)
            if (method := data["shoal_start_method"]) is not None:
                context._default_context.set_start_method(method, force=True)
            return pickle.load(stream)
        finally:
            del current._inheriting


def _is_cut_short(error: BaseException) -> bool:
    return isinstance(error, (EOFError, pickle.UnpicklingError))
