"""The contract of processes, for shoal and for the standard library, under each start method.

Tests that take `shoal_context` are about what only shoal promises.
"""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import re
import select
import signal
import threading
from multiprocessing import connection
from pathlib import Path
from typing import Any

import pytest

import process_targets as targets
import shoal
import shoal.forkserver
from process_runs import (
    ask_child,
    is_gone,
    run_child,
    run_program,
    start_program,
    waiting_child,
)
from waiting import DEADLINE, descriptors, sleeps, wait_until

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
        wait_until(lambda: sleeps(program.pid))  # a signal just before that is too early for stock
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
