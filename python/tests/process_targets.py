"""What the children of test_process.py run; importable, as spawn needs it."""

from __future__ import annotations

import functools
import importlib
import multiprocessing
import os
import signal
import sys
from multiprocessing import reduction
from multiprocessing.connection import Connection, wait
from typing import Any

import shoal
from shoal.process import ForkProcess, ForkServerProcess, SpawnProcess


def nothing() -> None:
    pass


def wait_for(gate: Connection) -> None:
    """Until the parent sends something or is gone."""
    wait([gate])


def announce_and_wait(ready: Connection, gate: Connection) -> None:
    ready.send(os.getpid())
    wait([gate])


def send(channel: Connection, *values: Any, **named: Any) -> None:
    channel.send((values, named))


def leave(how: str, value: Any) -> None:
    if how == "sys.exit":
        sys.exit(value)
    if how == "os._exit":
        os._exit(value)
    if how == "signal":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), value)
        signal.pause()
    raise AssertionError(how)


def fail(message: str, size: int = 0) -> None:
    raise LookupError(message + "." * size)


def fail_with_notes() -> None:
    error = KeyError("first")
    error.add_note("second")
    raise error


def fail_in_a_bare_fork() -> None:
    if os.fork() == 0:
        try:
            fail("the grandchild")
        finally:
            sys.stderr = None  # type: ignore[assignment]
    else:
        os.wait()


class Worker:
    """State that travels with a bound method."""

    def __init__(self, channel: Connection) -> None:
        self.channel = channel

    def work(self, number: int) -> None:
        self.channel.send(number * 2)

    def __call__(self) -> None:
        self.channel.send("called")


class BreaksWhenUnpickled:
    def __reduce__(self) -> Any:
        return int, ("not a number",)

    def __call__(self) -> None:
        pass


class Descriptors:
    """Holds descriptors and takes them along into a child."""

    def __init__(self, fds: list[int]) -> None:
        self.fds = fds

    def __reduce__(self) -> Any:
        return _rebuild, ([reduction.DupFd(fd) for fd in self.fds],)  # type: ignore[arg-type]

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)


def _rebuild(handles: list[Any]) -> Descriptors:
    return Descriptors([handle.detach() for handle in handles])


def send_first_bytes(channel: Connection, descriptors: Descriptors) -> None:
    channel.send([os.pread(fd, 1, 0) for fd in descriptors.fds])


def describe(implementation: str, channel: Connection) -> None:
    """Sends what a child knows of itself and of its parent."""
    package = importlib.import_module(implementation)
    current, parent = package.current_process(), package.parent_process()
    channel.send(
        {
            "name": current.name,
            "pid": current.pid,
            "daemon": current.daemon,
            "authkey": bytes(current.authkey),
            "parent": (parent.name, parent.pid, parent.is_alive()),
            "children": package.active_children(),
            "start_method": package.get_start_method(),
        }
    )


def start_two_children(implementation: str, method: str, channel: Connection) -> None:
    context = importlib.import_module(implementation).get_context(method)
    children = [context.Process(target=nothing) for _ in range(2)]
    try:
        for child in children:
            child.start()
    except AssertionError as error:
        channel.send(str(error))
        return
    for child in children:
        child.join()
    channel.send([(child.name, child.exitcode) for child in children])


def start_of_parent(process: Any, channel: Connection) -> None:
    """Tries to start and to join an object that the parent made."""
    said = []
    for action in (process.start, process.join, process.is_alive):
        try:
            action()
        except AssertionError as error:
            said.append(str(error))
    channel.send(said)


def is_current(channel: Connection) -> None:
    """Whether `run` finds the object that it belongs to, of its own class."""
    current = shoal.current_process()
    channel.send((type(current), current.run.__self__ is current))  # type: ignore[attr-defined]


class SendsInheritedChildren:
    """Sends, while it is unpickled, what this process takes for its children."""

    def __init__(self, channel: Connection) -> None:
        self.channel = channel

    def __call__(self) -> None:
        pass

    def __getstate__(self) -> Any:
        return self.channel

    def __setstate__(self, channel: Connection) -> None:
        known = multiprocessing.process._children  # type: ignore[attr-defined]
        channel.send(len(known))


def square(number: int) -> int:
    return number * number


def is_imported(module: str, channel: Connection) -> None:
    channel.send(module in sys.modules)


def use_objects(objects: dict[str, Any]) -> None:
    with objects["rlock"], objects["lock"]:
        objects["value"].value = 7
    objects["array"][1] = 8
    objects["simple_queue"].put(objects["joinable_queue"].get())
    objects["joinable_queue"].task_done()
    with objects["condition"]:
        objects["condition"].notify_all()
    objects["semaphore"].release()
    objects["barrier"].wait(10)
    objects["event"].set()


def leave_a_grandchild(gate: Any) -> None:
    if os.fork() == 0:
        wait_for(gate)
    os._exit(0)


def send_server_of_grandchild(channel: Any) -> None:
    process = shoal.get_context("forkserver").Process(target=send_parent, args=(channel,))
    process.start()
    process.join()


def send_parent(channel: Any) -> None:
    channel.send(os.getppid())


class Runs:
    """A process that defines run()."""

    def __init__(self, channel: Connection) -> None:
        super().__init__()
        self.channel = channel

    def run(self) -> None:
        self.channel.send((type(self).__name__, self.name))  # type: ignore[attr-defined]


class RunsByProperty:
    """A process whose run is computed."""

    def __init__(self, channel: Connection) -> None:
        super().__init__()
        self.channel = channel

    @property
    def run(self) -> Any:
        return functools.partial(self.channel.send, (type(self).__name__, self.name))  # type: ignore[attr-defined]


class RunsGuarded(Runs):
    """A process that lets nobody replace its run."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "run":
            raise AttributeError("run is not to be replaced")
        super().__setattr__(name, value)


class ForkRunsByProperty(RunsByProperty, ForkProcess):  # type: ignore[misc]
    pass


class SpawnRunsByProperty(RunsByProperty, SpawnProcess):  # type: ignore[misc]
    pass


class ForkServerRunsByProperty(RunsByProperty, ForkServerProcess):  # type: ignore[misc]
    pass


class ForkRunsGuarded(RunsGuarded, ForkProcess):
    pass


class SpawnRunsGuarded(RunsGuarded, SpawnProcess):
    pass


class ForkServerRunsGuarded(RunsGuarded, ForkServerProcess):
    pass


class ForkRuns(Runs, ForkProcess):
    pass


class SpawnRuns(Runs, SpawnProcess):
    pass


class ForkServerRuns(Runs, ForkServerProcess):
    pass
