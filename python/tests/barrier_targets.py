"""What the children of the tests of barriers run; importable, as spawn needs it."""

from __future__ import annotations

import os
import signal
from typing import Any

from waiting import DEADLINE


class Tally:
    """An action that counts its runs, in shared memory."""

    def __init__(self, context: Any) -> None:
        self.runs = context.RawValue("i", 0)

    def __call__(self) -> None:
        self.runs.value += 1


class Stall:
    """An action that says so when it has begun, and never ends by itself."""

    def __init__(self, context: Any) -> None:
        self.actor = context.RawValue("i", 0)

    def __call__(self) -> None:
        self.actor.value = os.getpid()
        signal.pause()


def fail() -> None:
    raise ZeroDivisionError("the action")


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def go_round(barrier: Any, tally: Tally, rounds: int) -> None:
    """Nobody goes on before the action of his round has run."""
    for done in range(rounds):
        assert tally.runs.value == done
        assert 0 <= barrier.wait(DEADLINE) < barrier.parties
        assert tally.runs.value == done + 1
