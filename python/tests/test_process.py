"""The contract of processes, for shoal and for the standard library, under each start method.

Tests that take `shoal_context` are about what only shoal has.
"""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import connection
from pathlib import Path
from typing import Any

import pytest

import process_targets as targets
import shoal
import shoal.forkserver
from waiting import DEADLINE, descriptors, wait_until

PROGRAM = Path(__file__).with_name("process_program.py")


@contextmanager
def waiting_child(context: Any, **options: Any) -> Iterator[Any]:
    """A running child that ends when the block does."""
    ready, ready_writer = context.Pipe(duplex=False)
    gate, gate_writer = context.Pipe(duplex=False)
    process = context.Process(
        target=targets.announce_and_wait, args=(ready_writer, gate), **options
    )
    process.start()
    try:
        assert ready.poll(DEADLINE)
        assert ready.recv() == process.pid
        yield process
    finally:
        gate_writer.send(None)
        process.join(DEADLINE)
        for end in (ready, ready_writer, gate, gate_writer):
            end.close()


def run_child(context: Any, target: Any, *args: Any, **kwargs: Any) -> Any:
    """A child that has ended."""
    process = context.Process(target=target, args=args, kwargs=kwargs)
    process.start()
    process.join(DEADLINE)
    assert not process.is_alive()
    return process


def ask_child(context: Any, target: Any, *args: Any) -> Any:
    """What a child sends over the connection that it gets as its last argument."""
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        process = run_child(context, target, *args, writer)
        assert process.exitcode == 0
        assert reader.poll(0)
        return reader.recv()


@contextmanager
def start_program(implementation: str, method: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A main process of its own; what is left of it afterwards is killed."""
    with subprocess.Popen(
        [sys.executable, PROGRAM, implementation, method, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        try:
            yield program
        finally:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


def run_program(implementation: str, method: str, *args: str) -> tuple[str, str]:
    """Its standard output and error."""
    with start_program(implementation, method, *args) as program:
        return program.communicate(timeout=3 * DEADLINE)


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


# ---------------------------------------------------------------- how a child ends


def test_a_child_that_returns_has_exit_code_zero(context: Any) -> None:
    assert run_child(context, targets.nothing).exitcode == 0


@pytest.mark.parametrize(
    ("how", "value", "code"),
    [
        ("sys.exit", None, 0),
        ("sys.exit", 0, 0),
        ("sys.exit", True, 1),
        ("sys.exit", 42, 42),
        ("sys.exit", 300, 300 & 255),
        ("sys.exit", -1, 255),
        ("sys.exit", "a message", 1),
        ("sys.exit", (1, 2), 1),
        ("os._exit", 9, 9),
        ("signal", signal.SIGKILL, -signal.SIGKILL),
        ("signal", signal.SIGTERM, -signal.SIGTERM),
    ],
)
def test_the_exit_code_tells_how_a_child_left(
    context: Any, how: str, value: Any, code: int
) -> None:
    assert run_child(context, targets.leave, how, value).exitcode == code


def test_an_exception_gives_exit_code_one_and_a_traceback_on_stderr(
    implementation: str, start_method: str
) -> None:
    out, err = run_program(implementation, start_method, "raising")
    assert out == "exitcode 1\n"
    assert "Process Unlucky:\nTraceback" in err
    assert err.endswith("ZeroDivisionError: in the child\n")


def test_a_killed_child_has_exit_code_minus_nine(context: Any) -> None:
    with waiting_child(context) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.join(DEADLINE)
        assert process.exitcode == -signal.SIGKILL
        assert not process.is_alive()
        process.kill()
        process.terminate()
        assert "stopped exitcode=-SIGKILL" in repr(process)


@pytest.mark.parametrize(
    ("method", "number"), [("kill", signal.SIGKILL), ("terminate", signal.SIGTERM)]
)
def test_kill_and_terminate_end_a_child(context: Any, method: str, number: int) -> None:
    with waiting_child(context) as process:
        getattr(process, method)()
        process.join(DEADLINE)
        assert process.exitcode == -number


def test_a_child_may_be_killed_before_it_runs(context: Any) -> None:
    for _ in range(10):
        process = context.Process(target=targets.nothing)
        process.start()
        process.kill()
        process.join(DEADLINE)
        assert process.exitcode in (0, -signal.SIGKILL)


def test_streams_are_flushed_when_a_child_ends(implementation: str, start_method: str) -> None:
    assert run_program(implementation, start_method, "printing") == ("buffered", "error")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_reaped_by_others_has_no_exit_code(implementation: str, method: str) -> None:
    context = {"shoal": shoal, "multiprocessing": multiprocessing}[implementation].get_context(
        method
    )
    process = context.Process(target=targets.nothing)
    process.start()
    os.waitpid(process.pid, 0)
    process.join(DEADLINE)
    assert process.exitcode is None
    multiprocessing.process._children.discard(process)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- waiting for it


@pytest.mark.parametrize("timeout", [0, 0.0, -1, 0.05])
def test_join_gives_up_at_its_timeout(context: Any, timeout: float) -> None:
    with waiting_child(context) as process:
        process.join(timeout)
        assert process.is_alive()
        assert process.exitcode is None
    assert process.exitcode == 0


def test_join_without_end_returns_when_the_child_ends(context: Any) -> None:
    with waiting_child(context) as process:
        threading.Timer(0.01, process.terminate).start()
        process.join()
        assert process.exitcode == -signal.SIGTERM


def test_join_accepts_any_length_of_time(shoal_context: Any) -> None:
    for timeout in (1e12, float("inf")):
        process = shoal_context.Process(target=targets.nothing)
        process.start()
        process.join(timeout)
        assert process.exitcode == 0
    process = shoal_context.Process(target=targets.nothing)
    process.start()
    with pytest.raises(ValueError, match="not a number"):
        process.join(float("nan"))
    process.join()


def test_threads_may_join_a_child_together(shoal_context: Any) -> None:
    codes = []

    def join() -> None:
        process.join(DEADLINE)
        codes.append(process.exitcode)

    with waiting_child(shoal_context) as process:
        threads = [threading.Thread(target=join) for _ in range(4)]
        for thread in threads:
            thread.start()
        process.terminate()
        for thread in threads:
            thread.join()
    assert codes == [-signal.SIGTERM] * 4


def test_ctrl_c_interrupts_join_and_not_the_child(implementation: str, start_method: str) -> None:
    with start_program(implementation, start_method, "interrupted") as program:
        assert program.stdout is not None
        lines = {program.stdout.readline(), program.stdout.readline()}
        assert "joining\n" in lines
        os.kill(program.pid, signal.SIGINT)
        assert program.stdout.readline() == "interrupted, child alive: True\n"
        assert program.stdout.readline() == f"exitcode {-signal.SIGTERM}\n"


def test_the_sentinel_is_readable_when_the_child_has_ended(context: Any) -> None:
    with waiting_child(context) as process:
        assert isinstance(process.sentinel, int)
        assert connection.wait([process.sentinel], 0) == []
        assert select.select([process.sentinel], [], [], 0)[0] == []
        process.terminate()
        assert connection.wait([process.sentinel], DEADLINE) == [process.sentinel]
        process.join(DEADLINE)
        assert process.exitcode == -signal.SIGTERM


def test_the_exit_code_is_known_as_soon_as_the_sentinel_is_readable(shoal_context: Any) -> None:
    for _ in range(10):  # the standard sentinel of fork comes a little before the end
        with waiting_child(shoal_context) as process:
            process.kill()
            assert connection.wait([process.sentinel], DEADLINE)
            assert process.exitcode == -signal.SIGKILL


def test_the_sentinel_does_not_wait_for_grandchildren(shoal_context: Any) -> None:
    gate, gate_writer = shoal_context.Pipe(duplex=False)
    with gate, gate_writer:
        process = shoal_context.Process(target=targets.leave_a_grandchild, args=(gate,))
        process.start()
        assert connection.wait([process.sentinel], DEADLINE)
        assert process.exitcode == 0
        gate_writer.send(None)


def test_active_children_are_those_that_run(context: Any) -> None:
    before = set(multiprocessing.active_children())
    with waiting_child(context) as first, waiting_child(context) as second:
        assert set(shoal.active_children()) - before == {first, second}
        first.kill()
        first.join(DEADLINE)
        assert set(shoal.active_children()) - before == {second}
    assert set(shoal.active_children()) == before


# ---------------------------------------------------------------- the life of the object


def test_an_unstarted_process_has_no_pid_exitcode_or_sentinel(context: Any) -> None:
    process = context.Process(target=targets.nothing)
    assert (process.pid, process.exitcode, process.is_alive()) == (None, None, False)
    assert "initial" in repr(process)
    with pytest.raises(ValueError, match="not started"):
        _ = process.sentinel
    with pytest.raises(AssertionError, match="can only join a started process"):
        process.join()


def test_a_process_starts_once(context: Any) -> None:
    process = run_child(context, targets.nothing)
    with pytest.raises(AssertionError, match="cannot start a process twice"):
        process.start()


def test_only_its_maker_may_start_or_join_a_process(implementation: str) -> None:
    context = {"shoal": shoal, "multiprocessing": multiprocessing}[implementation].get_context(
        "fork"
    )
    said = ask_child(context, targets.start_of_parent, context.Process(target=targets.nothing))
    assert said == [
        "can only start a process object created by current process",
        "can only join a child process",
        "can only test a child process",
    ]


def test_a_running_process_cannot_be_closed(context: Any) -> None:
    with waiting_child(context) as process, pytest.raises(ValueError, match="still running"):
        process.close()


def test_a_closed_process_refuses_everything(context: Any) -> None:
    process = run_child(context, targets.nothing)
    process.close()
    process.close()
    for name in ("is_alive", "join", "kill", "start", "terminate"):
        with pytest.raises(ValueError, match="closed"):
            getattr(process, name)()
    for name in ("exitcode", "pid", "sentinel"):
        with pytest.raises(ValueError, match="closed"):
            getattr(process, name)
    assert "closed" in repr(process)


def test_close_gives_every_descriptor_back(context: Any) -> None:
    run_child(context, targets.nothing).close()  # what stays for all: a fork server
    before = descriptors()
    for target in (targets.nothing, targets.fail_with_notes):
        run_child(context, target).close()
    assert descriptors() == before


def test_a_failed_start_leaves_no_descriptor(shoal_context: Any, start_method: str) -> None:
    if start_method == "fork":
        pytest.skip("fork pickles nothing")
    gc.collect()  # what earlier tests have left is not to go meanwhile
    before = descriptors()
    with pytest.raises((AttributeError, TypeError), match=r"pickle|local object"):
        shoal_context.Process(target=lambda: None).start()
    assert descriptors() == before


# ---------------------------------------------------------------- what a child is given


def test_arguments_reach_the_target(context: Any) -> None:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        run_child(context, targets.send, writer, 1, "two", three=[3])
        assert reader.recv() == ((1, "two"), {"three": [3]})


def test_a_large_argument_reaches_the_target(context: Any) -> None:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        process = context.Process(target=targets.send, args=(writer, b"x" * 1_000_000))
        process.start()
        assert reader.recv() == ((b"x" * 1_000_000,), {})
        process.join()


def test_a_bound_method_may_be_the_target(context: Any) -> None:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        run_child(context, targets.Worker(writer).work, 21)
        assert reader.recv() == 42


def test_objects_and_partials_may_be_the_target(context: Any) -> None:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        run_child(context, targets.Worker(writer))
        run_child(context, functools.partial(targets.Worker(writer).work, 4))
        assert (reader.recv(), reader.recv()) == ("called", 8)


@pytest.mark.parametrize(
    "kind",
    [
        targets.ForkRuns,
        targets.SpawnRuns,
        targets.ForkServerRuns,
        targets.ForkRunsByProperty,
        targets.SpawnRunsByProperty,
        targets.ForkServerRunsByProperty,
        targets.ForkRunsGuarded,
        targets.SpawnRunsGuarded,
        targets.ForkServerRunsGuarded,
    ],
)
def test_a_subclass_may_define_run(kind: Any) -> None:
    reader, writer = shoal.Pipe(duplex=False)
    with reader, writer:
        process = kind(writer)
        process.start()
        process.join(DEADLINE)
        assert process.exitcode == 0
        assert reader.recv() == (kind.__name__, process.name)


def test_a_run_set_on_the_object_is_what_runs(context: Any) -> None:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        process = context.Process(target=targets.fail, args=("the target",))
        process.run = functools.partial(targets.send, writer, "mine")
        process.start()
        process.join(DEADLINE)
        assert process.exitcode == 0
        assert reader.recv() == (("mine",), {})


def test_a_child_knows_itself_and_its_parent(
    context: Any, implementation: str, start_method: str
) -> None:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        process = context.Process(
            target=targets.describe, args=(implementation, writer), name="Ada", daemon=True
        )
        process.start()
        process.join(DEADLINE)
        known = reader.recv()
    assert known == {
        "name": "Ada",
        "pid": process.pid,
        "daemon": True,
        "authkey": bytes(shoal.current_process().authkey),
        "parent": ("MainProcess", os.getpid(), True),
        "children": [],
        "start_method": start_method,
    }


def test_the_current_process_is_the_process_object_itself(shoal_context: Any) -> None:
    kind, is_bound = ask_child(shoal_context, targets.is_current)
    assert (kind, is_bound) == (shoal_context.Process, True)


def test_children_have_children_whose_names_count(
    context: Any, implementation: str, start_method: str
) -> None:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        process = run_child(
            context, targets.start_two_children, implementation, start_method, writer
        )
        names = reader.recv()
    assert re.fullmatch(rf"{type(process).__name__}-\d+", process.name)
    assert names == [(f"{process.name}:1", 0), (f"{process.name}:2", 0)]


def test_default_names_count_from_one(implementation: str, start_method: str) -> None:
    out, _ = run_program(implementation, start_method, "names")
    assert out == "Process-1 mine Process-3\nProcess-4 Process-4:1 Process-4:2\n"


def test_daemons_have_no_children(context: Any, implementation: str, start_method: str) -> None:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        process = context.Process(
            target=targets.start_two_children,
            args=(implementation, start_method, writer),
            daemon=True,
        )
        process.start()
        process.join(DEADLINE)
        assert reader.recv() == "daemonic processes are not allowed to have children"


def test_daemon_is_settled_by_start(context: Any) -> None:
    with (
        waiting_child(context) as process,
        pytest.raises(AssertionError, match="process has already started"),
    ):
        process.daemon = True


def test_daemons_end_with_their_parent(implementation: str, start_method: str) -> None:
    with start_program(implementation, start_method, "daemon") as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline().removeprefix("child "))
        assert not is_gone(pid)
        program.communicate("\n", timeout=DEADLINE)
    wait_until(lambda: is_gone(pid))


def test_a_child_learns_that_its_parent_was_killed(
    implementation: str, start_method: str, tmp_path: Path
) -> None:
    note = tmp_path / "note"
    with start_program(implementation, start_method, "orphaned", str(note)) as program:
        assert program.stdout is not None
        pids = [int(program.stdout.readline().split()[1])]
        if start_method == "forkserver":
            pids += [int(program.stdout.readline().split()[1])]
        program.kill()
        wait_until(note.exists)
        wait_until(lambda: note.read_text() == "orphan, parent alive: False")
        wait_until(lambda: all(map(is_gone, pids)))


def test_starting_in_the_main_module_without_a_guard_is_refused(
    implementation: str, start_method: str
) -> None:
    out, err = run_program(implementation, start_method, "unguarded")
    if start_method == "fork":
        assert "exitcode 0" in out
    else:
        assert "exitcode 1" in out
        assert "before the\n        current process has finished its bootstrapping phase" in err


# ---------------------------------------------------------------- what only shoal has


def test_starting_processes_starts_no_resource_tracker(start_method: str) -> None:
    out, err = run_program("shoal", start_method, "tracker")
    assert (out, err) == ("child fd None\n" * 2 + "fd None helpers []\n", "")


def test_the_exception_that_ended_a_child_is_known(shoal_context: Any) -> None:
    process = run_child(shoal_context, targets.fail, "no such user\n(asked twice)")
    assert process.exception.message == "LookupError: no such user\n(asked twice)"
    assert str(process.exception) == process.exception.message
    assert process.exception.traceback.startswith("Traceback (most recent call last):\n")
    assert "in fail\n" in process.exception.traceback
    process.close()
    with pytest.raises(ValueError, match="closed"):
        _ = process.exception


def test_the_exception_of_a_run_set_on_the_object_is_known(shoal_context: Any) -> None:
    process = shoal_context.Process()
    process.run = functools.partial(targets.fail, "in my own run")
    process.start()
    process.join(DEADLINE)
    assert process.exitcode == 1
    assert process.exception.message == "LookupError: in my own run"


def test_an_exception_that_the_parent_handles_meanwhile_is_not_the_childs(
    shoal_context: Any,
) -> None:
    try:
        raise KeyError("the parent's")
    except KeyError:
        assert run_child(shoal_context, targets.nothing).exception is None
        failed = run_child(shoal_context, targets.fail, "the child's")
    assert failed.exception.message == "LookupError: the child's"


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_while_another_thread_polls_leaves_nothing_locked() -> None:
    context = shoal.get_context("fork")
    held, end = threading.Event(), threading.Event()

    def hold(popen: Any) -> None:
        with popen._reaping:
            held.set()
            end.wait(DEADLINE)

    with waiting_child(context) as process:
        thread = threading.Thread(target=hold, args=(process._popen,))
        thread.start()
        assert held.wait(DEADLINE)
        child = os.fork()  # starting a process would poll first
        if child == 0:
            os._exit(0 if (process._popen.poll(), process.exception) == (None, None) else 1)
        try:
            ended = wait_until(lambda: os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG))
            assert ended.si_status == 0
        except AssertionError:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            end.set()
            thread.join()


def test_notes_are_in_the_traceback_only(shoal_context: Any) -> None:
    exception = run_child(shoal_context, targets.fail_with_notes).exception
    assert exception.message == "KeyError: 'first'"
    assert exception.traceback.endswith("KeyError: 'first'\nsecond\n")


@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_a_huge_exception_is_cut(shoal_context: Any, size: int) -> None:
    exception = run_child(shoal_context, targets.fail, "huge", size).exception
    assert exception.message.startswith("LookupError: huge...")
    assert 32 * 1024 < len(exception.message) + len(exception.traceback) <= 64 * 1024


@pytest.mark.parametrize(
    ("how", "value"), [("sys.exit", "text"), ("os._exit", 1), ("signal", signal.SIGKILL)]
)
def test_a_child_that_left_otherwise_has_no_exception(
    shoal_context: Any, how: str, value: Any
) -> None:
    assert run_child(shoal_context, targets.leave, how, value).exception is None


def test_there_is_no_exception_before_the_end(shoal_context: Any) -> None:
    assert shoal_context.Process().exception is None
    with waiting_child(shoal_context) as process:
        assert process.exception is None
    assert process.exception is None


def test_an_exception_in_a_bare_fork_of_the_child_is_not_the_childs(shoal_context: Any) -> None:
    process = run_child(shoal_context, targets.fail_in_a_bare_fork)
    assert (process.exitcode, process.exception) == (0, None)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_target_that_cannot_be_unpickled_is_reported(method: str) -> None:
    process = run_child(shoal.get_context(method), targets.BreaksWhenUnpickled())
    assert process.exitcode == 1
    assert "invalid literal for int()" in process.exception.message


# ---------------------------------------------------------------- the fork server


@pytest.fixture
def server_pid(implementation: str) -> Any:
    """The pid of the implementation's fork server, as a function."""
    run_child(
        {"shoal": shoal, "multiprocessing": multiprocessing}[implementation].get_context(
            "forkserver"
        ),
        targets.nothing,
    )

    def pid() -> Any:
        if implementation == "shoal":
            return shoal.forkserver._forkserver._pid
        from multiprocessing import forkserver

        return forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]

    return pid


def forkserver_context(implementation: str) -> Any:
    package = {"shoal": shoal, "multiprocessing": multiprocessing}[implementation]
    return package.get_context("forkserver")


def test_a_killed_fork_server_is_replaced(implementation: str, server_pid: Any) -> None:
    killed = server_pid()
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: is_gone(killed))
    assert run_child(forkserver_context(implementation), targets.nothing).exitcode == 0
    assert server_pid() != killed


def test_a_fork_server_may_be_killed_at_any_time(server_pid: Any, implementation: str) -> None:
    if implementation != "shoal":
        pytest.skip("the standard start fails with EOFError when its server dies in it")
    for _ in range(8):
        os.kill(server_pid(), signal.SIGKILL)  # it may be dead or dying at the start
        assert run_child(forkserver_context("shoal"), targets.nothing).exitcode in (0, 255)


def test_children_of_a_killed_fork_server_end_with_255(
    implementation: str, server_pid: Any
) -> None:
    with waiting_child(forkserver_context(implementation)) as process:
        killed = server_pid()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: is_gone(killed))
    process.join(DEADLINE)
    assert process.exitcode == 255
    run_child(forkserver_context(implementation), targets.nothing)  # reaps the server


def test_a_child_of_a_killed_fork_server_is_alive_and_can_be_ended() -> None:
    with waiting_child(forkserver_context("shoal")) as process:
        server = shoal.forkserver._forkserver._pid
        assert server is not None
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: is_gone(server))
        assert process.is_alive()
        process.kill()
        process.join(DEADLINE)
        assert process.exitcode == 255
    run_child(forkserver_context("shoal"), targets.nothing)


def test_children_use_the_fork_server_of_their_parent() -> None:
    context = forkserver_context("shoal")
    run_child(context, targets.nothing)
    server = shoal.forkserver._forkserver._pid
    assert ask_child(context, targets.send_server_of_grandchild) == server


def test_the_default_timeout_of_sockets_does_not_matter() -> None:
    context = forkserver_context("shoal")
    shoal.forkserver._forkserver._stop()
    socket.setdefaulttimeout(0.001)
    try:
        assert run_child(context, targets.nothing).exitcode == 0
    finally:
        socket.setdefaulttimeout(None)


def test_clients_that_die_or_talk_nonsense_do_not_harm_the_server() -> None:
    context = forkserver_context("shoal")
    run_child(context, targets.nothing)
    server = shoal.forkserver._forkserver._pid
    control = shoal.forkserver.ensure_running()
    control.send(b"x")  # no descriptor in it
    for words in ([], [b""], [b"xyz"], [b"\xff\xff\x00"], [b"\x03\x00\x01"], [b"y" * 5000]):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            for word in words:
                ours.send(word)
            socket.send_fds(control, [b"\0"], [theirs.fileno()])
    assert run_child(context, targets.nothing).exitcode == 0
    assert shoal.forkserver._forkserver._pid == server


def test_251_descriptors_travel_and_one_more_is_refused() -> None:
    context = forkserver_context("shoal")
    reader, writer = context.Pipe(duplex=False)
    file = os.memfd_create("letter")
    os.write(file, b"z")
    held = targets.Descriptors([os.dup(file) for _ in range(250)])
    try:
        with reader, writer:
            process = context.Process(target=targets.send_first_bytes, args=(writer, held))
            process.start()
            assert reader.recv() == [b"z"] * 250
            process.join()
            process.close()
            held.fds.append(os.dup(file))
            before = descriptors()
            process = context.Process(target=targets.send_first_bytes, args=(writer, held))
            with pytest.raises(ValueError, match=r"252 descriptors.*at most 251"):
                process.start()
            assert descriptors() == before
    finally:
        os.close(file)
        for fd in set(held.fds):
            os.close(fd)


def test_preloaded_modules_are_there_in_children(implementation: str) -> None:
    code = (
        f"import {implementation} as m, process_targets as t\n"
        "if __name__ == '__main__':\n"
        "    m.set_forkserver_preload(['colorsys', 'no_such_module'])\n"
        "    c = m.get_context('forkserver'); r, w = c.Pipe(False)\n"
        "    p = c.Process(target=t.is_imported, args=('colorsys', w)); p.start()\n"
        "    print(r.recv()); p.join()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROGRAM.parent, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_children_of_the_server_are_not_those_of_who_it_serves(tmp_path: Path) -> None:
    program = tmp_path / "unguarded.py"
    program.write_text(
        "import shoal as m, process_targets as t, os\n"
        "f = m.get_context('fork').Process(target=t.wait_for, args=(0,), daemon=True)\n"
        "r0, w0 = m.Pipe(False)\n"
        "f._args = (r0,)\n"
        "f.start()\n"
        "if __name__ == '__main__':\n"
        "    c = m.get_context('forkserver'); r, w = c.Pipe(False)\n"
        "    p = c.Process(target=t.SendsInheritedChildren(w)); p.start()\n"
        "    print(r.recv()); p.join(); print(p.exitcode)\n"
    )
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, "PYTHONPATH": str(PROGRAM.parent)},
        capture_output=True,
        text=True,
        timeout=3 * DEADLINE,
    )
    assert (done.stdout, done.stderr) == ("0\n0\n", "")


# ---------------------------------------------------------------- contexts


def test_start_methods_are_set_once(implementation: str, start_method: str) -> None:
    out, err = run_program(implementation, start_method, "start_methods")
    default = multiprocessing.get_all_start_methods()[0]
    assert err == ""
    assert out.splitlines() == [
        f"None {default}",
        "context has already been set",
        start_method,
        "None",
    ]


def test_an_unknown_start_method_is_refused(implementation: str) -> None:
    package: Any = {"shoal": shoal, "multiprocessing": multiprocessing}[implementation]
    with pytest.raises(ValueError, match="cannot find context for 'thread'"):
        package.get_context("thread")
    with pytest.raises(ValueError, match="cannot set start method of concrete context"):
        package.get_context("spawn").set_start_method("fork")


def test_shoal_has_every_name_of_multiprocessing() -> None:
    assert set(multiprocessing.__all__) <= set(shoal.__all__)
    for name in shoal.__all__:
        assert getattr(shoal, name) is not None


def test_standard_submodules_are_the_standard_librarys() -> None:
    import shoal.connection
    import shoal.pool

    assert shoal.pool is multiprocessing.pool  # type: ignore[comparison-overlap]
    assert shoal.connection is connection
    assert shoal.util is multiprocessing.util
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = shoal.nonsense


def test_objects_of_shoal_and_of_the_standard_library_work_together(shoal_context: Any) -> None:
    objects = {
        "array": shoal_context.Array("i", 2),
        "barrier": shoal_context.Barrier(2),
        "condition": shoal_context.Condition(),
        "event": shoal_context.Event(),
        "joinable_queue": shoal_context.JoinableQueue(),
        "lock": shoal_context.BoundedSemaphore(1),
        "rlock": shoal_context.RLock(),
        "semaphore": shoal_context.Semaphore(0),
        "simple_queue": shoal_context.SimpleQueue(),
        "value": shoal_context.Value("i", 0),
    }
    objects["joinable_queue"].put("passed on")
    process = shoal_context.Process(target=targets.use_objects, args=(objects,))
    with objects["condition"]:
        process.start()
        assert objects["condition"].wait(DEADLINE)
    assert objects["semaphore"].acquire(timeout=DEADLINE)
    objects["barrier"].wait(DEADLINE)
    assert objects["event"].wait(DEADLINE)
    process.join(DEADLINE)
    assert objects["simple_queue"].get() == "passed on"
    assert (objects["value"].value, objects["array"][:]) == (7, [0, 8])
    objects["joinable_queue"].join()
    objects["joinable_queue"].close()
    objects["joinable_queue"].join_thread()
    objects["simple_queue"].close()


def test_pools_and_managers_work_on_shoals_contexts(shoal_context: Any) -> None:
    with shoal_context.Pool(2) as pool:
        assert pool.map(targets.square, range(5)) == [0, 1, 4, 9, 16]
        pool.close()
        pool.join()
    with shoal_context.Manager() as manager:
        shared = manager.dict(one=1)
        assert shared.copy() == {"one": 1}


def test_the_executor_works_on_shoals_contexts(shoal_context: Any) -> None:
    pytest.importorskip("shoal.synchronize", exc_type=ImportError)
    with ProcessPoolExecutor(2, mp_context=shoal_context) as executor:
        assert list(executor.map(targets.square, range(5))) == [0, 1, 4, 9, 16]
