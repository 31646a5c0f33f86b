"""Waiting under a deadline, and what a process has open."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

DEADLINE = 10.0  # seconds, for anything that is waited for


def wait_until(condition: Callable[[], Any], deadline: float = DEADLINE) -> Any:
    """The first true value of `condition`; fails after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {deadline} s in vain"
        time.sleep(0.002)
    return value


def sleeps(pid: int) -> bool:
    """Whether the process's first thread waits for something."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


def descriptors() -> dict[int, str]:
    """This process's open descriptors and what they are."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the listing's own
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found
