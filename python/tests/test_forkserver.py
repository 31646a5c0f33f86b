"""The fork server: it may be killed, and serves whoever asks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
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
    waiting_child,
)
from waiting import DEADLINE, descriptors, wait_until


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
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True
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
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=3 * DEADLINE,
    )
    assert (done.stdout, done.stderr) == ("0\n0\n", "")
