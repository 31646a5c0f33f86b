"""When and how serious: what a line of a log says about itself.

The same rules as the C++ variant's, to the byte: a line gets the same record in both.
"""

import re
from datetime import datetime, timedelta, timezone

_TIME_HEAD = 100  # bytes of a line that are looked at
_LEVEL_HEAD = 200

_MONTHS = [
    b"Jan",
    b"Feb",
    b"Mar",
    b"Apr",
    b"May",
    b"Jun",
    b"Jul",
    b"Aug",
    b"Sep",
    b"Oct",
    b"Nov",
    b"Dec",
]
_MONTH = b"|".join(_MONTHS)
_CLOCK = rb"(\d\d):(\d\d):(\d\d)"
_OFFSET = (
    rb"(?: ?(?:(?P<utc>Z|UTC)(?![A-Za-z0-9])"
    rb"|(?P<sign>[+-])(?P<h>\d\d):?(?P<m>\d\d)(?![A-Za-z0-9])))?"
)

# 2025-11-21T23:52:54.123+01:00; also / for -, spaces for T, a comma, no fraction
_ISO = re.compile(
    rb"(?<!\d)(\d{4})(?P<dash>[-/])(\d\d)(?P=dash)(\d\d)(?:T|  ?)"
    + _CLOCK
    + rb"(?:[.,](?P<fraction>\d+))?"
    + _OFFSET
)
# Nov 21 23:52:54
_SYSLOG = re.compile(rb"(" + _MONTH + rb") (\d\d| \d) " + _CLOCK)
# [21/Nov/2025:23:52:54 +0100]
_WEB = re.compile(rb"\[(\d\d)/(" + _MONTH + rb")/(\d{4}):" + _CLOCK + _OFFSET)

_LEVELS = {
    b"TRACE": "DEBUG",
    b"DEBUG": "DEBUG",
    b"INFO": "INFO",
    b"INFORMATION": "INFO",
    b"NOTICE": "INFO",
    b"WARN": "WARNING",
    b"WARNING": "WARNING",
    b"ERR": "ERROR",
    b"ERROR": "ERROR",
    b"SEVERE": "ERROR",
    b"CRIT": "CRITICAL",
    b"CRITICAL": "CRITICAL",
    b"FATAL": "CRITICAL",
    b"ALERT": "CRITICAL",
    b"EMERG": "CRITICAL",
    b"EMERGENCY": "CRITICAL",
    b"PANIC": "CRITICAL",
}
_WORD = b"(?:" + b"|".join(_LEVELS) + rb")(?!\w)"
_ANY_CASE = b"(?i:" + _WORD + b")"
_LEVEL = re.compile(
    rb"(?<!\w)(?:"
    + rb"(?<=[\[<(:])"
    + _ANY_CASE
    + rb"(?=[\]>)])"  # in brackets
    + rb"|(?:^|(?<=[ \t]))"
    + _ANY_CASE
    + rb"(?=:)"  # a word of its own with a colon
    + rb"|(?:^|(?<=[ \t]))"
    + _WORD
    + rb"(?=[ \t]|\Z)"  # a word of its own in capitals
    + rb'|(?:(?<=level=)|(?<=level=")|(?<=level":")|(?<=level": "))'
    + _ANY_CASE  # a field
    + rb")"
)


def find_level(line: bytes) -> str:
    """The level that a line names near its beginning, the leftmost; else INFO."""
    match = _LEVEL.search(line[:_LEVEL_HEAD])
    return _LEVELS[match[0].upper()] if match else "INFO"


class Timestamps:
    """The timestamps of one file's lines, in order, as ``datetime.isoformat`` writes local time.

    That of the line itself, else that of the line before, else when the file was last changed
    (`modified`, in seconds). Times with an offset from UTC are made local.
    """

    def __init__(self, modified: int) -> None:
        moment = datetime.fromtimestamp(modified)
        self._year, self._month = moment.year, moment.month
        self._last = moment.isoformat()

    def next(self, line: bytes) -> str:
        head = line[:_TIME_HEAD]
        try:
            if match := _ISO.search(head):
                numbers = (int(match[group]) for group in (1, 3, 4, 5, 6, 7))
                self._last = _to_text(match, *numbers)
            elif match := _SYSLOG.match(head):
                month = _MONTHS.index(match[1]) + 1
                year = self._year - (month > self._month)  # none lies in the future
                numbers = (int(match[group]) for group in (2, 3, 4, 5))
                self._last = _to_text(None, year, month, *numbers)
            elif match := _WEB.search(head):
                month = _MONTHS.index(match[2]) + 1
                day, year, *clock = (int(match[group]) for group in (1, 3, 4, 5, 6))
                self._last = _to_text(match, year, month, day, *clock)
        except (ValueError, OverflowError):  # there is no such moment
            pass
        return self._last


def _to_text(match: re.Match[bytes] | None, year: int, *rest: int) -> str:
    """As local time; ValueError where there is no such moment."""
    if not 1970 <= year <= 9998:
        raise ValueError(year)
    moment = datetime(year, *rest)
    if match is None:
        return moment.isoformat()
    groups = match.groupdict()
    if fraction := groups.get("fraction"):
        moment = moment.replace(microsecond=int(fraction[:6].ljust(6, b"0")))
    if (offset := _offset(groups)) is not None:
        moment = moment.replace(tzinfo=timezone(offset)).astimezone().replace(tzinfo=None)
    return moment.isoformat()


def _offset(groups: dict[str, bytes | None]) -> timedelta | None:
    if groups["utc"]:
        return timedelta()
    if not groups["sign"] or int(groups["h"]) > 23 or int(groups["m"]) > 59:
        return None
    offset = timedelta(hours=int(groups["h"]), minutes=int(groups["m"]))
    return -offset if groups["sign"] == b"-" else offset
