"""The document that `bench/run.py --publish` writes: `document.md`, with a run at its marks, and
plots beside it."""

from __future__ import annotations

import re
from pathlib import Path

from plan import GROUPS, Group
from plot import plot
from report import Results, doubts, goals_table, group_table

TEMPLATE = Path(__file__).with_name("document.md")


def publish(
    path: Path, command: str, heading: list[str], versions: list[str], results: Results
) -> None:
    machine, legend, *missing = heading
    tables = [[legend], *(_part(path, group, results) for group in GROUPS), doubts(results)]
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
    path.write_text(re.sub(r"\n{3,}", "\n\n", text), encoding="utf-8")


def _part(path: Path, group: Group, results: Results) -> list[str]:
    """A table, and its plot where the group has one."""
    lines = group_table(group, results)
    drawing = plot(group, results) if group.plot and lines else ""
    if drawing:
        file = path.with_name(f"{path.stem}-{group.plot}.svg")
        file.write_text(drawing, encoding="utf-8")
        lines += ["", f"![{group.title}]({file.name})"]
    return lines
