"""The collector's account of what it received, which trusts no worker's count."""

import time
from typing import Any

_MOST_FAULTS = 20  # that are described


class Ledger:
    """Of each file the lines must come as 1, 2, 3, ... up to the number that its end names, whoever
    sends them: then none is lost and none doubled. All else is a fault."""

    def __init__(self) -> None:
        self._received: dict[str, int] = {}  # file -> its last line
        self._finished: set[str] = set()
        self._workers: dict[str, list[Any]] = {}  # name -> lines, bytes, time of first, of last
        self._failed: list[tuple[str, str]] = []
        self._faults: list[str] = []
        self._lines = self._bytes = self._read = self._more_faults = 0

    def add_line(self, record: dict[str, Any]) -> None:
        file, line, size = record["file"], record["line"], record["size"]
        last = self._received.get(file, 0)
        if line != last + 1 or file in self._finished:
            note = ", its last" if file in self._finished else ""
            self.add_fault(f"{file}: line {line} after line {last}{note}")
        self._received[file] = line
        self._lines += 1
        self._bytes += size

        now = time.monotonic()
        worker = self._workers.setdefault(record["process"], [0, 0, now, now])
        worker[0] += 1
        worker[1] += size
        worker[3] = now

    def add_end(self, record: dict[str, Any]) -> None:
        file, lines = record["file"], record["lines"]
        received = self._received.setdefault(file, 0)
        if file in self._finished:
            self.add_fault(f"{file}: ended twice")
        if received != lines:
            self.add_fault(f"{file}: {lines} lines read, {received} received")
        self._finished.add(file)
        self._read += lines

    def add_failed(self, record: dict[str, Any]) -> None:
        self.add_end(record)
        self._failed.append((record["file"], record["message"]))

    def add_fault(self, text: str) -> None:
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(text)
        else:
            self._more_faults += 1

    def progress(self) -> dict[str, Any]:
        return {
            "kind": "progress",
            "lines": self._lines,
            "bytes": self._bytes,
            "files": len(self._finished),
        }

    def resume(self, marker: dict[str, Any]) -> dict[str, Any]:
        files = [
            (file, self._received.get(file, 0), file in self._finished) for file in marker["files"]
        ]
        return {"kind": "resume", "process": marker["process"], "files": files}

    def summary(self) -> dict[str, Any]:
        more = [f"{self._more_faults} more"] if self._more_faults else []
        return {
            "kind": "summary",
            "workers": {
                name: (lines, size, last - first)
                for name, (lines, size, first, last) in self._workers.items()
            },
            "read": self._read,
            "written": self._lines,
            "files": len(self._finished),
            "failed": self._failed,
            "faults": self._faults + more,
        }
