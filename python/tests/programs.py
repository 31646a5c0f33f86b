"""Programs of their own, for what cannot be tried inside the process of the tests."""

from __future__ import annotations

import os
import subprocess
import sys

from waiting import DEADLINE


def run_program(
    text: str, *args: str, prefix: tuple[str, ...] = (), fds: tuple[int, ...] = ()
) -> str:
    """Runs a Python program that shares nothing with this one but `fds`; its output.

    `prefix`: the command that starts it, such as unshare.
    """
    program = [*prefix, sys.executable, "-c", text, *args]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run(
        program,
        env=environment,
        pass_fds=fds,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=3 * DEADLINE,
        check=False,
    )
    assert ended.returncode == 0, f"exit code {ended.returncode}: {ended.stderr}"
    return ended.stdout


def works(*command: str) -> bool:
    """Whether a command can be used here."""
    try:
        return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
