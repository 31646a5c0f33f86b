"""Writes pickles.txt: what Python's own pickler makes of many values, in every protocol.

Run it from anywhere: python3 tests/contract/pickles/gen.py

A line is: protocol, name, the pickle, the repr of the value (both in hexadecimal; the repr as
UTF-8), or "!" where the value holds itself and "-" where it is an object, whose repr is Python's
affair.
Sets have at most one item, as their order is arbitrary.
"""

import collections
import pathlib
import pickle

shared = ["shared", 1]
recursive = [1]
recursive.append(recursive)
recursive_dict = {}
recursive_dict["self"] = (recursive_dict,)

VALUES = {
    "none": None,
    "true": True,
    "false": False,
    "ints": [0, 1, -1, 255, 256, 65535, 65536, -129, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1],
    "int64_bounds": [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64],
    "big_ints": [10**50, -(10**50), 2**1000, -(2**1000), 255 * 2**64, 128 * 2**2040],
    "big_power": 7**1000,
    "floats": [
        0.0,
        -0.0,
        1.5,
        -2.25,
        0.1,
        1e16,
        1e15,
        123456789012345680.0,
        1e-4,
        1e-5,
        1e300,
        5e-324,
        1.7976931348623157e308,
    ],
    "float_specials": [float("inf"), float("-inf"), float("nan")],
    "complexes": [1 + 2j, -1.5j, complex(-0.0, 0.0), complex(float("nan"), float("-inf"))],
    "strings": [
        "",
        "abc",
        "it's",
        'say "it\'s"',
        "tab\tline\nreturn\rback\\slash\0",
        "\x7f\x9f\xad",
    ],
    "unicode": ["é", "ÿ", "Ā", "中文", "😀 astral", "\ufffd", "\\u0041", "\\", "a\\\nb"],
    "surrogates": ["\ud800", "a\udc80b", "\ud83d\ude00", "\udfff"],
    "long_string": "ab" * 150,
    "bytes": [b"", b"abc", bytes(range(256)), b"it's"],
    "long_bytes": b"\x00a\xff" * 100,
    "bytearrays": [bytearray(), bytearray(b"abc"), bytearray(range(256))],
    "lists": [[], [[]], [1, [2, [3, [4]]]], [None] * 1001],
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((),)],
    "dicts": [{}, {"a": 1}, {1: 2, (3, 4): [5], None: {}}, dict.fromkeys(range(1001))],
    "sets": [set(), {1}, frozenset(), frozenset({"a"}), {frozenset({(1, 2)})}],
    "nested": {"list": [1, (2.5, {"x": {b"y"}})], "none": [None, True, False]},
    "shared": [shared, shared, (shared, shared)],
    "shared_strings": ["key" * 3] * 4,
    "deep": eval("[" * 90 + "]" * 90),
    "recursive_list": recursive,
    "recursive_dict": recursive_dict,
}
HOLDS_ITSELF = {"recursive_list", "recursive_dict"}

# Read as recipes, not carried out.
OBJECTS = {
    "ordered_dict": collections.OrderedDict(a=1, b=[2]),
    "deque": collections.deque([1, 2], maxlen=5),
    "counter": collections.Counter("abca"),
    "range": range(1, 10, 2),
    "class": dict,
    "exception": ValueError("wrong", 1),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "slice": slice(1, 2),
}


def lines():
    for protocol in range(6):
        for name, value in VALUES.items():
            data = pickle.dumps(value, protocol)
            text = "!" if name in HOLDS_ITSELF else repr(value).encode().hex()
            yield f"{protocol} {name} {data.hex()} {text}"
        for name, value in OBJECTS.items():
            yield f"{protocol} object:{name} {pickle.dumps(value, protocol).hex()} -"


def main():
    path = pathlib.Path(__file__).with_name("pickles.txt")
    path.write_text("\n".join(lines()) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
