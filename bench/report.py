"""Tables from samples."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path

from plan import DESCRIPTIONS, GOALS, GROUPS, Goal, Group, Limit, Spread


@dataclass
class Measured:
    """All samples of one figure of one peer."""

    unit: str
    clean: list[float] = field(default_factory=list)
    disturbed: list[float] = field(default_factory=list)  # while other programs worked

    ENOUGH = 3

    def add(self, value: float, *, clean: bool) -> None:
        (self.clean if clean else self.disturbed).append(value)

    @property
    def trusted(self) -> bool:
        return len(self.clean) >= self.ENOUGH or not self.disturbed

    @property
    def samples(self) -> list[float]:
        """The clean ones, or all of them where those are too few."""
        return self.clean if self.trusted else self.clean + self.disturbed

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def times_as_good_as(self, other: Measured) -> float:
        """More is better per second, less is better in time."""
        ours, theirs = self.median, other.median
        return ours / theirs if self.unit.endswith("/s") else theirs / ours


Results = dict[tuple[str, str, str], Measured]  # by suite, figure and peer


def scale_of(value: float, unit: str) -> tuple[float, str]:
    """What a unit of the programs is divided by, and what it is then called."""
    if unit == "ns":
        steps = [(1e6, "ms"), (1e3, "µs"), (1.0, "ns")]
    else:
        space = "" if unit == "B/s" else " "
        steps = [(1e9, f"G{space}{unit}"), (1e6, f"M{space}{unit}"), (1e3, f"k{space}{unit}")]
        steps.append((1.0, unit))
    return next(step for step in steps if value >= step[0] or step[0] == 1.0)


def number(value: float) -> str:
    """Three digits."""
    if value >= 1000:
        return f"{value:.0f}"
    return f"{value:#.3g}".rstrip(".")


def times(ratio: float) -> str:
    return f"{number(ratio)}×"


def row_of(group: Group, figure: str, results: Results) -> list[str] | None:
    shoal = results.get((group.suite, figure, "shoal"))
    if shoal is None:
        return None
    scale, unit = scale_of(shoal.median, shoal.unit)

    def shown(measured: Measured) -> str:
        return number(measured.median / scale) + ("" if measured.trusted else "\\*")

    spread = f"{number(min(shoal.samples) / scale)}–{number(max(shoal.samples) / scale)}"
    row = [DESCRIPTIONS[figure], unit, f"**{shown(shoal)}** ({spread})"]
    for peer in list(group.peers)[1:]:
        measured = results.get((group.suite, figure, peer))
        ratio = (
            ""
            if measured is None
            else f"{shown(measured)} ({times(shoal.times_as_good_as(measured))})"
        )
        row.append(ratio or "-")
    return row


def table(rows: list[list[str]]) -> Iterator[str]:
    """Markdown that is also legible as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(cells: list[str]) -> str:
        padded = [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    yield line(rows[0])
    yield (
        "|"
        + "|".join(
            "-" * (width + 2) if column == 0 else "-" * (width + 1) + ":"
            for column, width in enumerate(widths)
        )
        + "|"
    )
    for row in rows[1:]:
        yield line(row)


Aim = Goal | Limit | Spread


@dataclass
class Outcome:
    """What a goal asks for and what was measured, in words."""

    aim: str
    measured: str
    reached: bool
    trusted: bool


def outcome_of(goal: Aim, results: Results) -> Outcome | None:
    """None where it was not measured."""
    if isinstance(goal, Goal):
        return _ratio(goal, results)
    if isinstance(goal, Limit):
        return _limit(goal, results)
    return _spread(goal, results)


def _ratio(goal: Goal, results: Results) -> Outcome | None:
    ours = results.get((goal.suite, goal.figure, "shoal"))
    theirs = [
        other
        for peer in goal.peers
        if (other := results.get((goal.suite, goal.figure, peer))) is not None
    ]
    if ours is None or not theirs:
        return None
    ratio, best = min(
        ((ours.times_as_good_as(other), other) for other in theirs), key=itemgetter(0)
    )
    reached, trusted = ratio >= goal.times, ours.trusted and best.trusted
    return Outcome(f"≥ {goal.times:.3g}×", times(ratio), reached, trusted)


def _limit(goal: Limit, results: Results) -> Outcome | None:
    ours = results.get((goal.suite, goal.figure, "shoal"))
    if ours is None:
        return None
    rate = ours.unit.endswith("/s")
    reached = ours.median >= goal.value if rate else ours.median <= goal.value

    def shown(value: float) -> str:
        scale, unit = scale_of(value, ours.unit)
        return f"{number(value / scale)} {unit}"

    sign = "≥" if rate else "≤"
    return Outcome(f"{sign} {shown(goal.value)}", shown(ours.median), reached, ours.trusted)


def _spread(goal: Spread, results: Results) -> Outcome | None:
    ours = [
        measured
        for figure in goal.figures
        if (measured := results.get((goal.suite, figure, "shoal"))) is not None
    ]
    if len(ours) < 2:
        return None
    ratio = max(measured.median for measured in ours) / ours[0].median
    trusted = all(measured.trusted for measured in ours)
    return Outcome(f"≤ {goal.times:.3g}×", times(ratio), ratio <= goal.times, trusted)


def goal_row(goal: Aim, results: Results) -> list[str] | None:
    outcome = outcome_of(goal, results)
    if outcome is None:
        return None
    doubt = "" if outcome.trusted else "\\*"
    reached = "reached" if outcome.reached else "**missed**"
    return [goal.text, outcome.aim, outcome.measured + doubt, reached + doubt]


def goals_table(results: Results) -> list[str]:
    rows = [row for goal in GOALS if (row := goal_row(goal, results))]
    return list(table([["Goal", "aim", "measured", ""], *rows])) if rows else []


def group_table(group: Group, results: Results) -> list[str]:
    """Without the peers of which nothing was measured."""
    figures = [figure for figure in group.figures if (group.suite, figure, "shoal") in results]
    if not figures:
        return []
    peers = {
        peer: name
        for peer, name in group.peers.items()
        if any((group.suite, figure, peer) in results for figure in figures)
    }
    shown = replace(group, peers=peers)
    rows = [row for figure in figures if (row := row_of(shown, figure, results))]
    return list(table([[group.title, "unit", "shoal (min–max)", *list(peers.values())[1:]], *rows]))


def machine() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        fields = dict(line.split(":", 1) for line in file if ":" in line)
    models = {name.strip(): value.strip() for name, value in fields.items()}
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores, {models.get('model name', platform.machine())}, "
        f"Linux {platform.release().split('-')[0]}, load average {os.getloadavg()[0]:.2f}"
    )


def doubts(results: Results) -> list[str]:
    if all(measured.trusted for measured in results.values()):
        return []
    note = f"other programs worked during all samples but {Measured.ENOUGH - 1} or fewer"
    return [f"\\* not to be trusted: {note}."]


def report(heading: list[str], results: Results) -> str:
    tables = [group_table(group, results) for group in GROUPS]
    parts = [heading, *tables, goals_table(results), doubts(results)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def write(folder: Path, text: str, data: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.md").write_text(text, encoding="utf-8")
    (folder / "latest.json").write_text(data, encoding="utf-8")
