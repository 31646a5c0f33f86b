"""How a program of this example ends."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

_caught = 0


def run(main: Callable[[], int]) -> int:
    """The exit status. A signal, and what goes wrong, end the program in good order."""
    signal.signal(signal.SIGTERM, _catch)
    try:
        return main()
    except KeyboardInterrupt:
        print("log_collector: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except (OSError, RuntimeError) as error:
        print(f"log_collector: {error}", file=sys.stderr)
        return 1


def check_signals() -> None:
    """SystemExit after SIGTERM. The handler does not raise by itself: what it interrupts may be the
    start of a process, where Python reports exceptions and drops them."""
    if _caught:
        raise SystemExit(128 + _caught)


def forget_signal_handlers() -> None:
    """At the start of a child: ends by SIGTERM as if the parent had no handler for it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _catch(number: int, frame: FrameType | None) -> None:
    global _caught
    _caught = number
