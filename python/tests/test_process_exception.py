"""What ended a child, as its parent learns it, and what else only shoal has."""

from __future__ import annotations

import functools
import os
import signal
import threading
from typing import Any

import pytest

import process_targets as targets
import shoal
import shoal.forkserver
from process_runs import (
    run_child,
    run_program,
    waiting_child,
)
from waiting import DEADLINE, wait_until


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
