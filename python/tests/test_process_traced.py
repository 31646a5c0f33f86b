"""Children that end under a tracer: all see their end before their parent may reap them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import connection
from typing import Any

import pytest

import process_targets as targets
from children import ended_well, run, traced, when_this_thread_sleeps
from waiting import DEADLINE


@contextmanager
def ended_under_a_tracer(context: Any) -> Iterator[tuple[Any, Any]]:
    """A killed child whose end its tracer has not seen, and the function that ends the tracer."""
    ready, ready_writer = context.Pipe(duplex=False)
    gate, gate_writer = context.Pipe(duplex=False)
    with ready, ready_writer, gate, gate_writer:
        process = context.Process(target=targets.announce_and_wait, args=(ready_writer, gate))
        process.start()
        assert ready.recv() == process.pid
        with traced(process.pid) as release:
            process.kill()
            assert connection.wait([process.sentinel], DEADLINE)
            yield process, release
        process.join(DEADLINE)
        assert process.exitcode == -signal.SIGKILL


def test_join_without_timeout_returns_with_the_exit_code(shoal_context: Any) -> None:
    with ended_under_a_tracer(shoal_context) as (process, release):
        with when_this_thread_sleeps(release):
            process.join()
        assert process.exitcode == -signal.SIGKILL
        assert not process.is_alive()


def test_join_with_a_timeout_gives_up_at_it(shoal_context: Any) -> None:
    with ended_under_a_tracer(shoal_context) as (process, _):
        for timeout in (0, 0.02):
            process.join(timeout)
            assert process.exitcode is None


def test_join_may_be_interrupted(shoal_context: Any) -> None:
    def interrupt(*_: object) -> None:
        raise InterruptedError("by a signal handler")

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with ended_under_a_tracer(shoal_context) as (process, _):
            returned = False
            with (
                pytest.raises(InterruptedError, match="by a signal handler"),
                when_this_thread_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1)),
            ):
                process.join()
                returned = True
            assert not returned
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_others_are_started_and_joined_meanwhile(shoal_context: Any) -> None:
    with ended_under_a_tracer(shoal_context):
        run(shoal_context, targets.nothing)
        others = [shoal_context.Process(target=targets.nothing) for _ in range(3)]
        for other in others:
            other.start()
        ended_well(*others)
