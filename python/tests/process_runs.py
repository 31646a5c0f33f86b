"""Children and main programs of the tests of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import process_targets as targets
from waiting import DEADLINE

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
