"""Which files are read, and who reads which."""

import os
import stat
from dataclasses import dataclass, field

from .escape import escape, unescape
from .reading import GZIP_MAGIC, LineReader, ReadError

_GZIP_WEIGHT = 8  # logs become about that much smaller

Task = tuple[str, int]
"""A file, its path escaped, and how many lines at its beginning have been received."""


@dataclass
class Inputs:
    files: list[tuple[bytes, int]] = field(default_factory=list)
    """Paths, none twice, and about how many bytes there are to read."""
    unreadable: int = 0
    """Files below directories that were passed over, and why."""
    binary: int = 0


def find_inputs(names: list[str], output: str) -> Inputs:
    """`names` as they are, whatever they are, but for directories: of those the regular files in
    them and below that may be read and are not binary (a NUL among the first 4096 bytes, and not
    gzip'd). `output` is left out."""
    finder = _Finder(os.fsencode(output))
    for name in names:
        finder.add_named(os.fsencode(name))
    return finder.inputs


class _Finder:
    """Collects files, each once, by its real path."""

    def __init__(self, output: bytes) -> None:
        self.inputs = Inputs()
        self._seen = {os.path.realpath(output)}

    def add_named(self, path: bytes) -> None:
        if os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK):
            self._add_below(path)
        else:
            self._add(path)

    def _add(self, path: bytes) -> None:
        real = os.path.realpath(path)
        if real in self._seen:
            return
        self._seen.add(real)
        size = os.path.getsize(path) if os.path.isfile(path) else 0
        if size and _look_at(path) == "gzip":
            size *= _GZIP_WEIGHT
        self.inputs.files.append((path, size))

    def _add_below(self, directory: bytes) -> None:
        found = [
            os.path.join(parent, name)
            for parent, _, names in os.walk(directory)
            for name in names
            if _is_regular(os.path.join(parent, name))
        ]
        for path in sorted(found, key=lambda path: path.split(b"/")):
            if not os.access(path, os.R_OK):
                self.inputs.unreadable += 1
            elif _look_at(path) == "binary":
                self.inputs.binary += 1
            else:
                self._add(path)


def _is_regular(path: bytes) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _look_at(path: bytes) -> str:
    try:
        with open(path, "rb") as file:
            head = file.read(4096)
    except OSError:  # the worker will say it
        return "text"
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "binary" if b"\0" in head else "text"


@dataclass
class Share:
    tasks: list[Task] = field(default_factory=list)
    weight: int = 0


def split(files: list[tuple[bytes, int]], shares: int) -> list[Share]:
    """Largest file first, each to the share that has least so far."""
    result = [Share() for _ in range(shares)]
    for path, weight in sorted(files, key=lambda file: (-file[1], file[0])):
        least = min(result, key=lambda share: share.weight)
        least.tasks.append((escape(path), 0))
        least.weight += max(weight, 1)
    return result


def count_lines(share: Share, most: int) -> int:
    """Lines in a share, counted up to `most`."""
    count = 0
    for file, _ in share.tasks:
        try:
            with LineReader(unescape(file)) as reader:
                for _ in reader:
                    count += 1
                    if count == most:
                        return count
        except ReadError:  # the worker will say it
            pass
    return count
