"""What a queue carries, for shoal and for the standard library: types and sizes."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import fractions
import math
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import shoal
import shoal.queues
from children import PACKAGES, finish
from waiting import DEADLINE


class Colour(enum.IntEnum):
    RED = 1


class Text(str):
    __slots__ = ()


class Number(int):
    __slots__ = ()


class Real(float):
    __slots__ = ()


class Raw(bytes):
    __slots__ = ()


@dataclasses.dataclass
class Point:
    x: float
    label: str


@pytest.fixture
def queue(implementation: str) -> Iterator[Any]:
    queue = PACKAGES[implementation].get_context("fork").Queue()
    yield queue
    finish(queue)


def through(queue: Any, item: Any) -> Any:
    queue.put(item)
    return queue.get(timeout=DEADLINE)


def same(a: Any, b: Any) -> bool:
    """Equal, of the same type, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return repr(a) == repr(b)  # NaN and the sign of zero, too
    if isinstance(a, list | tuple | collections.deque):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


EDGES = [2**7, 2**8, 2**15, 2**16, 2**31, 2**32, 2**62, 2**63, 2**64, 2**2040, 10**400]
INTEGERS = sorted({s * (e + d) for e in [0, *EDGES] for d in (-1, 0, 1) for s in (-1, 1)})
REALS = [0.0, -0.0, 1.5, -2.5, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308, 0.1]
STRINGS = [
    "",
    "a",
    "ä",
    "一二三",
    "🐚",
    "\0",
    "a\0b",
    "\ud800",
    "x\udc80y",
    "\udcff" * 300,
    "\ud83d\udc1a",
    *("é" * n for n in (127, 128, 32767, 32768, 32769)),
    *("z" * n for n in (254, 255, 256, 257, 4095, 4096, 65535, 65536, 65537)),
]
SIZES = [0, 1, 7, 8, 9, 254, 255, 256, 257, 4081, 4084, 4085, 4095, 4096, 4097]
SIZES += [65520, 65524, 65525, 65526, 65535, 65536, 65537, 100_000]
NESTED: Any = {"a": [1, (2.5, None, [{}, [], ()])], (1, "k"): {"b": b"c", 3: {4: True}}}


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([None, True, False, NotImplemented, Ellipsis], id="singletons"),
        pytest.param(INTEGERS, id="integers"),
        pytest.param(REALS, id="reals"),
        pytest.param(STRINGS, id="strings"),
        pytest.param([bytes(i % 256 for i in range(size)) for size in SIZES], id="bytes"),
        pytest.param([bytearray(b"\n" * size) for size in SIZES], id="bytearrays"),
        pytest.param([[], [1], list(range(10000)), ["x" * 5000] * 50], id="lists"),
        pytest.param([(), (1,), (1, 2, 3, 4), tuple(range(1000))], id="tuples"),
        pytest.param([{}, {"a": 1}, NESTED, dict.fromkeys(range(5000))], id="dicts"),
        pytest.param([set(), {1, "a"}, frozenset({2}), complex(1, -0.0)], id="sets"),
        pytest.param([Colour.RED, Text("é"), Number(5), Real(2.5), Raw(b"r")], id="subclasses"),
        pytest.param([Point(1.0, "a"), fractions.Fraction(1, 3)], id="objects"),
        pytest.param([datetime.datetime(2024, 2, 29, 1, 2, 3), range(3)], id="values"),
        pytest.param([collections.deque([1, 2]), collections.Counter("aab")], id="collections"),
        pytest.param([len, os.path.join, Point, int, ValueError], id="globals"),
    ],
)
def test_items_arrive_as_they_were(queue: Any, items: list[Any]) -> None:
    for item in items:
        queue.put(item)
    for item in items:
        assert same(queue.get(timeout=DEADLINE), item)


def test_an_exception_arrives_with_its_arguments(queue: Any) -> None:
    error = through(queue, KeyError("key", 5))
    assert type(error) is KeyError
    assert error.args == ("key", 5)


def test_a_strings_lone_surrogates_arrive_inside_containers(queue: Any) -> None:
    assert through(queue, {"\ud800": ["\udfff"]}) == {"\ud800": ["\udfff"]}


def test_an_item_is_copied_when_it_is_put() -> None:
    queue = shoal.Queue()
    item = [1]
    queue.put(item)
    item.append(2)
    assert queue.get() == [1]


def test_what_an_item_holds_twice_arrives_once(queue: Any) -> None:
    inner = [1]
    cycle: list[Any] = [inner, inner]
    cycle.append(cycle)
    copy = through(queue, cycle)
    assert copy[0] is copy[1]
    assert copy[2] is copy


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 3, 16 << 20, 64 << 20])
def test_large_items_arrive(queue: Any, size: int) -> None:
    block = os.urandom(4096)
    item = block * (size // 4096) + block[: size % 4096]
    queue.put(item)
    queue.put([item, "text" * (size // 64)])
    queue.put("end")
    assert queue.get(timeout=DEADLINE) == item
    assert queue.get(timeout=DEADLINE) == [item, "text" * (size // 64)]
    assert queue.get(timeout=DEADLINE) == "end"


def test_sizes_of_all_kinds_arrive_in_turn() -> None:
    queue = shoal.Queue()
    sizes = [0, 5_000_000, 3, 70_000, 65_000, 1_000_000, 255, 256, 20_000_000, 4096]
    for _ in range(3):
        for size in sizes:
            queue.put(b"s" * size)
            queue.put("s" * size)
        for size in sizes:
            assert queue.get() == b"s" * size
            assert queue.get() == "s" * size


def test_a_larger_item_goes_to_whoever_comes_first() -> None:
    """An item is looked at, given room, and taken by another meanwhile: nothing is mixed up."""
    queue = shoal.Queue()
    items = [os.urandom(n % 200_000) for n in range(0, 4_000_000, 61_003)]
    for item in items:
        queue.put(item)
    taken: list[Any] = []
    threads = [threading.Thread(target=take_all, args=(queue, taken)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(items)


def take_all(queue: Any, taken: list[Any]) -> None:
    while True:
        try:
            taken.append(queue.get_nowait())
        except shoal.queues.Empty:
            return
