"""Python and C++ on one queue: values go to a C++ program (tests/interop/echo.cpp) and back."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import uuid
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import shoal
from shoal.queues import Queue
from shoal.synchronize import Lock
from waiting import DEADLINE

ROOT = Path(__file__).parents[2]
END = "the end"

SCALARS = [None, True, False, 0, 1, -1, 255, 256, 65535, 65536, 2**31, -(2**31), 1.5, -0.0]
INTEGERS = [
    s * (2**e + d) for e in (31, 32, 62, 63, 64, 200, 3000) for d in (-1, 0, 1) for s in (1, -1)
]
REALS = [0.0, -0.0, 0.1, 1e16, 1e-5, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan]
STRINGS = [
    "",
    "a",
    "ä",
    "一二三",
    "🐚",
    "a\0b",
    "quo'te\n",
    "\ud800x",
    "é" * 128,
    "z" * 256,
    "x" * 70_000,
]
BYTES = [bytes(range(256)), *(b"\xff" * n for n in (0, 1, 7, 8, 255, 256, 65535, 65536, 3_000_000))]
NESTED: Any = {"a": [1, (2.5, None, [{}, [], ()])], (1, "k"): {"b": b"c", 3: {4: True}}}
CONTAINERS = [
    [],
    [1, "two", 3.0, None, b"4", True],
    (),
    (1,),
    (1, (2, (3, 4))),
    {},
    {"key": "value", 1: 2, None: (), (1, 2): []},
    NESTED,
    list(range(10_000)),
    {str(i): i for i in range(2000)},
    {1, 2},
    frozenset({"a"}),
    complex(1, -2),
    bytearray(b"changeable"),
]
VALUES = {
    "scalars": SCALARS,
    "integers": INTEGERS,
    "reals": REALS,
    "strings": STRINGS,
    "bytes": BYTES,
    "containers": CONTAINERS,
}


def same(a: Any, b: Any) -> bool:
    """Equal, of the same type, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return repr(a) == repr(b)  # NaN and the sign of zero, too
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


@pytest.fixture(scope="module")
def program() -> str:
    """The one named by SHOAL_INTEROP_ECHO, or the newest of the presets' folders."""
    if named := os.environ.get("SHOAL_INTEROP_ECHO"):
        return named
    built = sorted(ROOT.glob("build/*/tests/interop/interop_echo"), key=lambda p: p.stat().st_mtime)
    if not built:
        pytest.skip("interop_echo is not built")
    return str(built[-1])


class Peer:
    """A running C++ program and the queues to and from it."""

    def __init__(self, to: Any, back: Any) -> None:
        self.to, self.back = to, back

    def ask(self, *items: Any) -> Any:
        for item in items:
            self.to.put(item)
        return self.back.get(timeout=DEADLINE)


@contextmanager
def started(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def talking(program: str, how: str, mode: str) -> Iterator[Peer]:
    names = [f"test-{uuid.uuid4()}" for _ in range(2)]
    if how == "attach":
        queues = [Queue(), Queue(3)]
        fds = [queue.descriptor() for queue in queues]
        arguments, options = [*map(str, fds)], {"pass_fds": fds}
    else:
        arguments, options = names, {}
    if how == "open":
        queues = [Queue(name=names[0]), Queue(3, name=names[1])]
    try:
        with started([program, how, *arguments, mode], **options) as process:
            if how == "make":
                assert process.stdout is not None
                assert process.stdout.readline() == "made\n"
                queues = [Queue.open(name) for name in names]
                assert [queue.maxsize for queue in queues] == [0, 3]
            yield Peer(*queues)
            queues[0].put(END)
            assert process.wait(DEADLINE) == 0
    finally:
        if how != "attach":
            for name in names:
                Queue.unlink(name)


@pytest.fixture(params=["open", "attach", "make"])
def peer(request: pytest.FixtureRequest, program: str) -> Iterator[Peer]:
    with talking(program, request.param, "object") as peer:
        yield peer


@pytest.fixture
def describer(program: str) -> Iterator[Peer]:
    with talking(program, "attach", "describe") as peer:
        yield peer


@pytest.fixture
def typed(program: str) -> Iterator[Peer]:
    with talking(program, "attach", "typed") as peer:
        yield peer


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_values_come_back_as_they_went(peer: Peer, values: list[Any]) -> None:
    for value in values:
        assert same(peer.ask(value), value)


@pytest.mark.parametrize(
    "values",
    [SCALARS, INTEGERS[:-6], REALS, STRINGS[:-1], BYTES[:4], CONTAINERS],
    ids=VALUES,
)
def test_cpp_sees_what_python_sees(describer: Peer, values: list[Any]) -> None:
    for value in values:
        assert describer.ask(value) == repr(value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("bool", [True, False]),
        ("int8", [0, 127, -128]),
        ("int32", [0, 2**31 - 1, -(2**31)]),
        ("int64", [0, 2**63 - 1, -(2**63)]),
        ("uint64", [0, 2**63, 2**64 - 1]),
        ("float", [0.0, 1.5, -math.inf]),
        ("double", REALS),
        ("string", STRINGS),
        ("bytes", BYTES),
        ("optional int", [None, 5]),
        ("list of int", [array("i"), array("i", [1, -2, 3]), array("i", range(50_000))]),
        ("list of double", [array("d", [1.5, math.inf])]),
        ("three floats", [array("f", [0.5, 1, 2])]),
        ("list of bool", [[], [True, False]]),
        ("list of strings", [[], ["a", "é" * 1000]]),
        ("map", [{}, {"a": 1.5, "b": -0.0}]),
        ("tuple", [(1, "two", True)]),
        ("object", [NESTED, None]),
    ],
)
def test_values_become_cpp_types_and_come_back(typed: Peer, name: str, values: list[Any]) -> None:
    for value in values:
        assert same(typed.ask(name, value), value)


@pytest.mark.parametrize(
    ("name", "went", "came"),
    [
        ("list of int", [1, -2, 3], array("i", [1, -2, 3])),
        ("list of int", (), array("i")),
        ("list of int", array("q", [2**31 - 1]), array("i", [2**31 - 1])),
        ("list of double", [1, 2.5], array("d", [1, 2.5])),
        ("list of double", array("l", [7]), array("d", [7])),
        ("three floats", array("d", [0.5, 1, 2]), array("f", [0.5, 1, 2])),
        ("three floats", (1, 2, 3), array("f", [1, 2, 3])),
        ("object", array("B", [1, 255]), [1, 255]),
    ],
)
def test_numbers_become_the_numbers_of_a_cpp_type(
    typed: Peer, name: str, went: Any, came: Any
) -> None:
    assert same(typed.ask(name, went), came)


def test_items_that_are_bytes_of_a_cpp_type_are_bytes(program: str) -> None:
    names = [f"test-{uuid.uuid4()}" for _ in range(2)]
    try:
        with started([program, "bytes", *names]) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "made\n"
            there, back = (Queue.open(name) for name in names)
            there.put(struct.pack("@qd", 41, 1.25))
            assert struct.unpack("@qd", back.get(timeout=DEADLINE)) == (42, 2.5)
            assert process.wait(DEADLINE) == 0
    finally:
        for name in names:
            Queue.unlink(name)


def test_a_struct_is_a_tuple_of_its_fields(typed: Peer) -> None:
    assert typed.ask("struct", (1, 2.5, "three")) == (1, 2.5, "three")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("int8", 128),
        ("int32", 2**31),
        ("int32", "text"),
        ("int64", 2**63),
        ("uint64", -1),
        ("string", b"bytes"),
        ("bytes", "text"),
        ("list of int", [1, "two"]),
        ("list of int", array("q", [2**31])),
        ("list of int", array("d", [1])),
        ("three floats", array("f", [1, 2])),
        ("list of bool", array("B", [1, 0])),
        ("tuple", (1, "two")),
        ("struct", (1, 2.5)),
        ("bool", 1),
        ("double", "1.0"),
        ("int64", None),
    ],
)
def test_a_value_of_another_type_is_refused_by_cpp_and_gone(
    typed: Peer, name: str, value: Any
) -> None:
    kind, text = typed.ask(name, value)
    assert kind == "PickleError", text
    assert typed.ask("string", "next") == "next"


def test_a_python_object_passes_through_cpp_unchanged(peer: Peer) -> None:
    when = __import__("datetime").datetime(2024, 2, 29, 12, 30)
    assert peer.ask(when) == when
    assert peer.ask([Path("/tmp"), range(3)]) == [Path("/tmp"), range(3)]


def test_many_values_come_back_in_order(peer: Peer) -> None:
    received = []
    for i in range(20_000):
        peer.to.put((i, "x" * (i % 300)))
        while not peer.back.empty():
            received.append(peer.back.get_nowait())
    while len(received) < 20_000:
        received.append(peer.back.get(timeout=DEADLINE))
    assert received == [(i, "x" * (i % 300)) for i in range(20_000)]


def test_a_lock_is_one_for_both(program: str) -> None:
    name = f"test-{uuid.uuid4()}"
    lock = Lock(name=name)
    try:
        with started([program, "lock", name]) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "acquired\n"
            assert lock.owner() == process.pid
            assert not lock.acquire(False)
            process.stdin.close()
            assert lock.acquire(timeout=DEADLINE)
            assert process.wait(DEADLINE) == 0
        with started([program, "lock", name]) as process:
            assert process.stdout is not None
            lock.release()
            assert process.stdout.readline() == "acquired\n"
            process.kill()
            with pytest.warns(shoal.OwnerDiedWarning):
                assert lock.acquire(timeout=DEADLINE)
    finally:
        Lock.unlink(name)
