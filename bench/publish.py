"""The document that `bench/run.py --publish` writes: `document.md`, with a run at its marks."""

from __future__ import annotations

import re
from pathlib import Path

from plan import GROUPS
from report import Results, doubts, goals_table, group_table

TEMPLATE = Path(__file__).with_name("document.md")


def published(command: str, heading: list[str], versions: list[str], results: Results) -> str:
    machine, legend, *missing = heading
    tables = [[legend], *(group_table(group, results) for group in GROUPS), doubts(results)]
    parts = {
        "command": command,
        "machine": machine,
        "peers": ", ".join(["the standard library of that Python", *versions]) + ".",
        "missing": " ".join(missing),
        "goals": "\n".join(goals_table(results)),
        "tables": "\n\n".join("\n".join(lines) for lines in tables if lines),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    text = re.sub(r"<!-- (\w+) -->", lambda mark: parts[mark[1]], text)
    return re.sub(r"\n{3,}", "\n\n", text)
