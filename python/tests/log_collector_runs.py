"""Runs of the log collector in examples/, and what they write."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "log_collector"
sys.path.append(str(EXAMPLE / "python"))

from logs.escape import escape, unescape  # noqa: E402, F401

LIMIT = 50  # seconds, for one run
MIXED = [sys.executable, str(EXAMPLE / "mixed" / "log_collector.py"), "--collector"]
VARIANTS = ["cpp", "python", "mixed, collector in C++", "mixed, collector in Python"]


def cpp_program() -> str:
    if program := os.environ.get("SHOAL_LOG_COLLECTOR"):
        return program
    built = ROOT.glob("build/*/examples/log_collector/log_collector")
    programs = sorted(built, key=lambda path: path.stat().st_mtime)
    if not programs:
        pytest.skip("the C++ log collector is not built")
    return str(programs[-1])


def command(variant: str) -> list[str]:
    return {
        "cpp": [cpp_program()],
        "python": [sys.executable, str(EXAMPLE / "python" / "log_collector.py")],
        "mixed, collector in C++": [*MIXED, "cpp"],
        "mixed, collector in Python": [*MIXED, "python"],
    }[variant]


OUTPUT_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) - ([A-Z]+) - \[Worker-\d+\] (.*)")


def collected(output: Path) -> list[tuple[str, str, str]]:
    """Time, level and message of the workers' lines but for "done"."""
    lines = output.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    matches = [match for line in lines if (match := OUTPUT_LINE.fullmatch(line))]
    return [match.groups() for match in matches if match[3] != "工作完成"]  # type: ignore[misc]


def raw_lines(output: Path) -> Counter[bytes]:
    return Counter(unescape(message) for _, _, message in collected(output))


def expected_lines(*contents: bytes) -> Counter[bytes]:
    lines: Counter[bytes] = Counter()
    for content in contents:
        *whole, last = content.split(b"\n")
        lines.update([*whole, last] if last else whole)
    return lines


BINARY = (
    bytes(range(256)) * 3
    + b"\\x41 \\x5c \\\\x00 \xe4\xb8\xad\xe6\x96\x87 \xed\xa0\x80 \xf0\x9f\x90\x9f"
)
CONTENTS = {
    "large.log": b"".join(b"2025-11-21 23:52:54 line %d\n" % i for i in range(3000)),
    "small.log": b"Nov  5 01:02:03 host cron[7]: ERROR: no\nand its second line\n",
    "unfinished.log": b"a line\n\nand one without a newline",
    "empty.log": b"",
    "binary.dat": BINARY,
    "compressed.log.gz": b"".join(b"[warn] compressed %d\n" % i for i in range(500)),
}


def session_of(leader: int) -> list[int]:
    """The processes of a session that still run."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{name}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat[3]) == leader and stat[0] != "Z":
            found.append(int(name))
    return found
