#!/usr/bin/env python3
"""Checks that the folders are the layers: each file includes only what its folder may see.

The tables below are the rules (docs/developing.md tells them in words). Every breach is printed as
file:line with its rule; the exit status is 1 if there was any.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Each layer of src/, from the bottom, and the layers that it sees.
LAYERS: dict[str, set[str]] = {
    "os": set(),
    "shm": {"os"},
    "sync": {"os", "shm"},
    "ring": {"os", "shm", "sync"},
    "pickle": set(),
    "channel": {"os", "shm", "sync", "ring", "pickle"},
    "process": {"os", "shm", "sync", "ring", "pickle", "channel"},
}

# Headers of the operating system: for os alone. The C++ library's own are written <cname>.
SYSTEM_HEADER = re.compile(r".*\.h$")
# What no public header may ask about: the platform is the business of src/.
PLATFORM_MACRO = re.compile(
    r"#\s*(?:if|ifdef|ifndef|elif)\b.*\b(__linux__|__unix__|__APPLE__|_WIN32|__GLIBC__|__x86_64__|__aarch64__)"
)
INCLUDE = re.compile(r'#\s*include\s*([<"])([^>"]+)[>"]')


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("#"):
            yield number, line.strip()


def check_public(path: Path) -> Iterator[tuple[int, str]]:
    """A public header: the C++ library and other public headers, and nothing of the platform."""
    for number, line in lines_of(path):
        if macro := PLATFORM_MACRO.match(line):
            yield number, f"a public header asks for {macro[1]}; platforms are told apart in src/"
        if not (include := INCLUDE.match(line)):
            continue
        quote, name = include.groups()
        if quote == '"':
            yield number, f'a public header includes "{name}"; write <shoal/...>'
        elif not name.startswith("shoal/") and not re.fullmatch(r"[a-z_]+", name):
            yield number, f"a public header includes <{name}>: only <shoal/...> and the C++ library"


def check_layer(path: Path) -> Iterator[tuple[int, str]]:
    """A file of src/: its own layer, those that LAYERS gives it, and the public headers."""
    layer = path.relative_to(ROOT / "src").parts[0]
    if layer not in LAYERS:
        yield 1, f"src/{layer} is not a layer; add it to LAYERS in scripts/check_layers.py"
        return
    is_test = path.stem.endswith("_test")
    for number, line in lines_of(path):
        if not (include := INCLUDE.match(line)):
            continue
        quote, name = include.groups()
        if quote == "<":
            if SYSTEM_HEADER.match(name) and layer != "os" and not is_test:
                yield number, f"<{name}> in src/{layer}: the operating system belongs to src/os"
            continue
        folder, slash, _ = name.partition("/")
        if is_test and folder == "support":
            continue
        if not slash or not (ROOT / "src" / name).exists():
            yield number, f'"{name}" is not in src/; include from its root, as "shm/x.hpp"'
        elif folder != layer and folder not in LAYERS[layer]:
            sees = ", ".join(name for name in LAYERS if name in LAYERS[layer]) or "no other layer"
            yield number, f'src/{layer} includes "{name}", but it sees {sees}'


def check_bindings(path: Path) -> Iterator[tuple[int, str]]:
    """A file of python/src sees everything; a name in quotes must exist there or in src/."""
    for number, line in lines_of(path):
        include = INCLUDE.match(line)
        if include and include[1] == '"':
            name = include[2]
            if not any((base / name).exists() for base in (ROOT / "python/src", ROOT / "src")):
                yield number, f'"{name}" is neither in python/src/ nor in src/'


def main() -> int:
    checked = breaches = 0
    for folder, check in (
        ("include", check_public),
        ("src", check_layer),
        ("python/src", check_bindings),
    ):
        for path in sorted((ROOT / folder).rglob("*.[ch]pp")):
            checked += 1
            for number, rule in check(path):
                breaches += 1
                print(f"{path.relative_to(ROOT)}:{number}: {rule}", file=sys.stderr)
    print(f"layers: {checked} files, {breaches} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
