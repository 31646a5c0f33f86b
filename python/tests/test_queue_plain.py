"""Items of plain types, which are pickled and read without Python's pickler: the same comes out."""

from __future__ import annotations

import collections
import math
import os
import pickle
import pickletools
import random
from typing import Any

import pytest

import shoal
import shoal.queues


def tree(chance: random.Random, known: list[Any], depth: int = 0) -> Any:
    """Anything plain, in which things met before come again."""
    if known and chance.random() < 0.15:
        return chance.choice(known)
    made = container(chance, known, depth) if depth < 5 and chance.random() < 0.5 else leaf(chance)
    known.append(made)
    return made


def leaf(chance: random.Random) -> Any:
    length = chance.choice([0, 1, 5, 255, 256, 300])
    return chance.choice(
        [
            None,
            True,
            False,
            chance.choice([0, 255, 256, 65535, 65536, -1, -(2**31), 2**31, 2**63 - 1, -(2**63)]),
            chance.choice([2**63, -(2**63) - 1, 10**400]),
            chance.choice([0.0, -0.0, 1.5, math.inf, -math.inf]),
            "".join(chance.choices("aä€😀\0", k=length)),
            chance.randbytes(length),
        ]
    )


def container(chance: random.Random, known: list[Any], depth: int) -> Any:
    items = [tree(chance, known, depth + 1) for _ in range(chance.randrange(6))]
    kind = chance.randrange(3)
    if kind == 0:
        return items
    if kind == 1:
        return tuple(items)
    keys = [leaf(chance) for _ in items]
    return dict(zip(keys, items, strict=True))


def form(value: Any) -> Any:
    """The value with its types, and where each of its containers and texts was met before."""
    places: dict[int, int] = {}

    def of(value: Any) -> Any:
        if isinstance(value, (list, tuple, dict, str, bytes)) and len(value) > 1:
            if id(value) in places:
                return places[id(value)]
            if not isinstance(value, tuple):  # it stands after its items where it is read
                places[id(value)] = len(places)
        if isinstance(value, dict):
            return "dict", [(of(key), of(item)) for key, item in value.items()]
        if isinstance(value, (list, tuple)):
            parts = [of(item) for item in value]
            places.setdefault(id(value), len(places))
            return type(value).__name__, parts
        return type(value).__name__, repr(value)

    return of(value)


def through(queue: Any, item: Any) -> Any:
    queue.put(item)
    return queue.get_nowait()


def put_as_it_is(queue: Any, written: bytes) -> bytes:
    """Puts bytes of that size, and writes these over their pickle: now it is what is returned."""
    item = os.urandom(32) + bytes(len(written))
    prefix = 4 if len(item) < 256 else 11  # the opcodes before its content
    queue.put(item)
    written = written.ljust(prefix + len(item) + 1, b"\0")
    with open(f"/proc/self/fd/{queue._descriptor()}", "r+b") as segment:
        segment.seek(segment.read().index(item) - prefix)
        segment.write(written)
    return written


@pytest.mark.parametrize("seed", range(20))
def test_what_comes_out_is_what_a_pickle_gives(seed: int) -> None:
    chance = random.Random(seed)
    queue = shoal.Queue()
    for _ in range(100):
        item = [tree(chance, [])]
        assert form(through(queue, item)) == form(pickle.loads(pickle.dumps(item)))


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_others_are_read(protocol: int) -> None:
    chance = random.Random(protocol)
    queue = shoal.Queue()
    for _ in range(300):
        written = pickle.dumps([tree(chance, [])], protocol)
        put_as_it_is(queue, written)
        assert form(queue.get_nowait()) == form(pickle.loads(written))


def test_others_read_what_is_written() -> None:
    chance = random.Random(1)
    queue = shoal.Queue()
    for _ in range(300):
        item = [tree(chance, [])]
        queue.put(item)
        written = queue._reader.recv_bytes()
        pickletools.dis(written, out=Discard())
        assert form(pickle.loads(written)) == form(pickle.loads(pickle.dumps(item)))


class Discard:
    def write(self, text: str) -> None:
        pass


def test_what_is_shared_is_written_once() -> None:
    text = "x" * 1000
    rows = [{"key": text, "row": row} for row in range(500)]  # more than one byte counts
    queue = shoal.Queue()
    queue.put(rows)
    assert len(queue._reader.recv_bytes()) < 30_000
    came = through(queue, rows)
    assert came == rows
    assert came[0]["key"] is came[499]["key"]


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2000, 5001])
def test_long_ones(size: int) -> None:
    numbers = list(range(size))
    for item in (numbers, tuple(numbers), dict.fromkeys(numbers), {"in": [numbers, numbers]}):
        assert through(shoal.Queue(), item) == item


def test_circles() -> None:
    queue = shoal.Queue()
    rows: list[Any] = []
    table: dict[str, Any] = {"rows": rows}
    rows.append(table)
    rows.append((rows, "in a tuple"))
    came = through(queue, rows)
    assert came[0]["rows"] is came
    assert came[1][0] is came
    pair: tuple[Any, ...] = ([],)
    pair[0].append(pair)
    came = through(queue, pair)
    assert came[0][0] is came
    held: dict[str, Any] = {}
    five = (1, 2, 3, 4, held)
    held["in"] = five
    came = through(queue, five)
    assert came[4]["in"] is came
    inner: list[Any] = []
    one = (inner,)
    inner.append(one)
    came = through(queue, [one, inner])
    assert came[0][0] is came[1]
    assert came[1][0] is came[0]


def link(chance: random.Random, made: list[Any]) -> None:
    """Makes some of them hold each other, in circles as it happens."""
    for holder in made:
        if isinstance(holder, list):
            holder.extend(chance.choices(made, k=2))
        elif isinstance(holder, dict):
            holder["more"] = chance.choice(made)


@pytest.mark.parametrize("seed", range(20))
def test_any_circles(seed: int) -> None:
    chance = random.Random(seed)
    queue = shoal.Queue()
    for _ in range(50):
        made: list[Any] = []
        item = [tree(chance, made), made[:3]]
        link(chance, made)
        if not any(isinstance(part, (list, dict)) for part in made):
            continue
        assert graph(through(queue, item)) == graph(pickle.loads(pickle.dumps(item)))


def graph(root: Any) -> list[Any]:
    """All objects in the order in which they are met, each with its type and what it holds."""
    places: dict[int, int] = {}
    found: list[Any] = []
    todo = [root]
    while todo:
        value = todo.pop()
        if isinstance(value, (list, tuple, dict)) and len(value) > 0:
            known = id(value) in places
            found.append(places.setdefault(id(value), len(places)))
            if known:
                continue
            found.append(type(value).__name__)
            if isinstance(value, dict):
                todo.extend(part for pair in value.items() for part in pair)
            else:
                todo.extend(value)
        else:
            found.append(repr(value))
    return found


def nested(depth: int) -> Any:
    item: Any = "the end"
    for level in range(depth):
        item = ([item], (item,), {"in": item})[level % 3]
    return item


@pytest.mark.parametrize("depth", [99, 100, 101, 150])
def test_deep_ones(depth: int) -> None:
    assert through(shoal.Queue(), nested(depth)) == nested(depth)


class Rows(list[Any]):
    def __eq__(self, other: object) -> bool:
        return type(other) is Rows and list.__eq__(self, other)

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    "item",
    [
        Rows([1, 2]),
        [Rows([1])],
        {"ordered": collections.OrderedDict(b=1, a=2)},
        ({1, 2}, frozenset({3})),
        [bytearray(b"changes")],
        [1 + 2j],
        ["\ud800"],
        [10**4000],
        {"counted": collections.Counter("abca")},
    ],
    ids=lambda item: type(item).__name__,
)
def test_what_is_not_plain_goes_as_before(item: Any) -> None:
    came = through(shoal.Queue(), item)
    assert came == item
    assert type(came) is type(item)
    if type(item) is list:
        assert type(came[0]) is type(item[0])


def outcome_of(load: Any) -> Any:
    try:
        return form(load())
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("seed", range(10))
def test_damaged_pickles_end_as_they_do_in_python(seed: int) -> None:
    """Nothing that is called is among what they could become: they are short of such names."""
    chance = random.Random(seed)
    queue = shoal.Queue()
    for _ in range(300):
        written = bytearray(pickle.dumps([tree(chance, [])], 4))
        if len(written) > 3000:
            continue
        if chance.random() < 0.3:
            del written[chance.randrange(len(written)) :]
        for _ in range(chance.randrange(1, 4)):
            if written:
                written[chance.randrange(len(written))] = chance.choice(OPCODES)
        put = put_as_it_is(queue, bytes(written))
        assert outcome_of(queue.get_nowait) == outcome_of(lambda put=put: pickle.loads(put))


@pytest.mark.parametrize(
    "opcodes", [b"](K\x01at\x86.", b"](\x94th\x00\x87.", b"}(\x94u.", b"}(K\x01K\x02st\x86."]
)
def test_what_stands_below_a_mark_is_out_of_reach(opcodes: bytes) -> None:
    queue = shoal.Queue()
    put = put_as_it_is(queue, b"\x80\x04" + opcodes)
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(put)
    with pytest.raises(pickle.UnpicklingError):
        queue.get_nowait()


@pytest.mark.parametrize("size", [60_000, 65_000, 66_000, 70_000, 140_000, 1_000_000])
def test_around_the_size_from_which_on_python_pickles(size: int) -> None:
    queue = shoal.Queue()
    rows = [(number, "x" * 50) for number in range(size // 60)]
    for item in (rows, {"text": "x" * size, "behind": [1]}, [b"x" * size, b"y" * size]):
        assert through(queue, item) == item


# Those that plain pickles are made of, and numbers.
OPCODES = b"\x80\x95N\x88\x89JKM\x8aG\x8cX\x8eC B}])(t\x85\x86\x87aesu\x94hj.0\x00\x01\x02\xff"
