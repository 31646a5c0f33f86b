"""The line on stderr that says how far the work is."""

import sys
import time
from typing import Any


class ProgressLine:
    """On a terminal one line that changes, elsewhere at most one line a second."""

    def __init__(self, files: int) -> None:
        self._files = files
        self._terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = False
        self._last = time.monotonic()

    def show(self, progress: dict[str, Any]) -> None:
        now = time.monotonic()
        if sys.stderr is None or (now - self._last < 1 and not self._terminal):
            return
        self._last = now
        text = f"{progress['lines']:,} lines, {progress['bytes']:,} bytes, "
        text += f"{progress['files']} of {self._files} files"
        start, end = ("\r\033[K", "") if self._terminal else ("", "\n")
        print(start + text, end=end, file=sys.stderr, flush=True)
        self._shown = self._terminal

    def clear(self) -> None:
        """Removes the line from a terminal."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        self._shown = False
