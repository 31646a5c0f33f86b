"""What stands on the screen at the end."""

import signal
from typing import Any

from .crew import Crew, Member, Plan
from .inputs import Task

_NAMED = 3  # files that are named, of many
_NOTHING = (0, 0, 0.0)


def print_result(crew: Crew, plan: Plan) -> bool:
    """Prints the table of workers, what could not be read, and the check. True where every file was
    read whole and stands in the output."""
    summary = crew.summary
    _print_table(_make_rows(crew, summary))
    inputs = plan.inputs
    if inputs.unreadable + inputs.binary > 0:
        print(
            f"passed over below directories: {inputs.binary} binary, {inputs.unreadable} unreadable"
        )
    failed = [*summary["failed"], *((file, "whoever tried died") for file in crew.given_up)]
    for file, reason in failed:
        print(f"could not be read: {file}: {reason}")
    if failed:
        print(f"{len(failed)} of {plan.files} files could not be read")

    for fault in summary["faults"]:
        print(f"fault: {fault}")
    whole = (
        summary["read"] == summary["written"]
        and not summary["faults"]
        and summary["files"] + len(crew.given_up) == plan.files
    )
    print(
        f"{summary['read']:,} lines read, {summary['written']:,} lines written, "
        f"each file's lines once and in order: {'yes' if whole else 'NO'}"
    )
    return whole and not failed


def _make_rows(crew: Crew, summary: dict[str, Any]) -> list[list[str]]:
    rows = [["worker", "in", "pid", "lines", "bytes", "lines/s", "state"]]
    counts = [summary["workers"].get(member.name, _NOTHING) for member in crew.members]
    for member, count in zip(crew.members, counts, strict=True):
        pid = str(member.process.pid)
        rows.append(
            [member.name, member.language, pid, *_numbers(count), _state_of(member, summary)]
        )
    lines, sizes, seconds = zip(*counts, strict=True)
    rows.append(["total", "", "", *_numbers((sum(lines), sum(sizes), max(seconds))), ""])
    return rows


def _numbers(count: tuple[int, int, float]) -> list[str]:
    lines, size, seconds = count
    # What came within a millisecond has no speed worth a number.
    return [f"{lines:,}", f"{size:,}", f"{int(lines / seconds):,}" if seconds >= 1e-3 else "-"]


def _state_of(member: Member, summary: dict[str, Any]) -> str:
    code = member.process.exitcode
    if code == 0:
        return f"done, in place of {member.in_place_of}" if member.in_place_of else "done"
    text = _cause_of_death(code)
    if not member.left:
        return f"{text}, nothing left to read"
    text += f", had not read {_describe(member.left)}"
    if not member.successor:
        return text
    lines = summary["workers"].get(member.successor, _NOTHING)[0]
    return f"{text}: {lines:,} lines, by {member.successor}"


def _cause_of_death(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _describe(tasks: list[Task]) -> str:
    """a.log from line 813, b.log"""
    names = [f"{file} from line {skip + 1:,}" if skip else file for file, skip in tasks]
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + rest


def _print_table(rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row[:-1], widths, strict=False))
        ]
        print("  ".join([*cells, row[-1]]).rstrip())
