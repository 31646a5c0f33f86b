"""Queues and locks that have a name: made, opened, removed, and refused with a reason."""

from __future__ import annotations

import os
import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lock_targets
import queue_targets
import shoal
from children import run
from programs import run_program
from shoal.queues import Queue
from shoal.synchronize import Lock
from waiting import descriptors

KINDS = pytest.mark.parametrize("kind", [Queue, Lock], ids=["queue", "lock"])
NOBODY = 65534
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

# Where the header has what (src/shm/layout.hpp).
MAGIC, VERSION, SIZE = 0, 8, 64


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4()}"
    yield name
    path(name).unlink(missing_ok=True)


def path(name: str) -> Path:
    return Path(f"/dev/shm/shoal.{name}")


# ---------------------------------------------------------------- what works


def test_a_queue_is_opened_by_its_name(name: str) -> None:
    queue = Queue(5, name=name)
    assert queue.name == name
    other = Queue.open(name)
    assert (other.name, other.maxsize) == (name, 5)
    queue.put("item")
    assert other.get_nowait() == "item"
    assert repr(other) == f"<Queue '{name}': 0 of 5 items>"


def test_a_lock_is_opened_by_its_name(name: str) -> None:
    lock = Lock(name=name)
    assert lock.name == name
    with lock:
        assert not Lock.open(name).acquire(False)
    assert repr(lock) == f"<Lock(owner=None, name='{name}')>"


def test_contexts_make_named_objects(shoal_context: Any, name: str) -> None:
    assert shoal_context.Queue(name=name).name == name
    assert shoal_context.Lock(name=name + "-lock").name == name + "-lock"
    Lock.unlink(name + "-lock")


def test_the_nameless_have_no_name() -> None:
    assert Queue().name is None
    assert Lock().name is None


@pytest.mark.parametrize("name", ["x", "a b", "队列-🐚", "x.y", "n" * 120])
def test_names_may_be_chosen_freely(name: str) -> None:
    Queue(name=name)
    try:
        assert Queue.open(name).empty()
    finally:
        Queue.unlink(name)


def test_unrelated_programs_share_a_queue(name: str) -> None:
    queue = Queue(name=name)
    queue.put({"from": "here"})
    program = """if True:
        import sys
        from shoal.queues import Queue
        queue = Queue.open(sys.argv[1])
        item = queue.get(timeout=10)
        queue.put([item, "from there"])
    """
    run_program(program, name)
    assert queue.get_nowait() == [{"from": "here"}, "from there"]


def test_what_was_made_outlives_its_maker(name: str) -> None:
    program = """if True:
        import os, signal, sys
        from shoal.queues import Queue
        queue = Queue(name=sys.argv[1])
        for i in range(1000):
            queue.put(i)
        os._exit(0)
    """
    run_program(program, name)
    queue = Queue.open(name)
    assert [queue.get_nowait() for _ in range(1000)] == list(range(1000))


@KINDS
def test_unlink_removes_the_name_and_nothing_else(kind: Any, name: str) -> None:
    first = kind(name=name)
    other = kind.open(name)
    kind.unlink(name)
    assert not path(name).exists()
    second = kind(name=name)  # free again
    if kind is Queue:
        first.put(1)
        assert second.empty()
        assert other.get_nowait() == 1
    else:
        first.acquire()
        assert second.acquire(False)
        assert not other.acquire(False)


@pytest.mark.parametrize("unlink_first", [False, True])
def test_named_objects_travel_as_arguments(
    shoal_context: Any, start_method: str, name: str, unlink_first: bool
) -> None:
    queue, lock = Queue(name=name), Lock(name=name + "-lock")
    if unlink_first:
        Queue.unlink(name)
    Lock.unlink(name + "-lock")
    run(
        shoal_context,
        queue_targets.put_by_grandchild,
        "shoal",
        start_method,
        queue,
        "by a grandchild",
    )
    assert queue.get_nowait() == "by a grandchild"
    lock.acquire()
    run(shoal_context, lock_targets.release, lock)
    assert lock.acquire(False)


@KINDS
def test_named_objects_are_pickled_only_for_a_child(kind: Any, name: str) -> None:
    with pytest.raises(RuntimeError, match="should only be shared"):
        pickle.dumps(kind(name=name))


@KINDS
def test_opening_and_dropping_leaves_no_descriptor(kind: Any, name: str) -> None:
    kind(name=name)
    before = descriptors()
    for _ in range(100):
        kind.open(name)
    assert descriptors() == before


# ---------------------------------------------------------------- what is refused


@KINDS
def test_a_taken_name_is_refused(kind: Any, name: str) -> None:
    queue = Queue(name=name)
    queue.put("kept")
    with pytest.raises(FileExistsError, match=name) as raised:
        kind(name=name)
    assert raised.value.errno == 17
    assert Queue.open(name).get_nowait() == "kept"


@KINDS
def test_a_missing_name_is_refused(kind: Any, name: str) -> None:
    for call in (kind.open, kind.unlink):
        with pytest.raises(FileNotFoundError, match=name) as raised:
            call(name)
        assert raised.value.errno == 2


def test_an_object_of_another_kind_is_refused(name: str) -> None:
    Queue(name=name)
    Lock(name=name + "-lock")
    with pytest.raises(TypeError, match="a queue has that name, a lock was asked for"):
        Lock.open(name)
    with pytest.raises(TypeError, match="a lock has that name, a queue was asked for"):
        Queue.open(name + "-lock")
    Lock.unlink(name + "-lock")


OTHER: Any = {Queue: Lock, Lock: Queue}


@KINDS
def test_an_object_of_another_kind_is_not_unlinked(kind: Any, name: str) -> None:
    OTHER[kind](name=name)
    what = "a lock" if kind is Queue else "a queue"
    with pytest.raises(TypeError, match=f"cannot be removed: {what} has that name"):
        kind.unlink(name)
    OTHER[kind].unlink(name)
    assert not path(name).exists()


@KINDS
@pytest.mark.parametrize("how", ["magic", "version", "size", "short", "empty", "fifo", "link"])
def test_what_is_no_sound_object_is_unlinked_as_any_kind(kind: Any, name: str, how: str) -> None:
    OTHER[kind](name=name)
    if how == "magic":
        patch(name, MAGIC, b"S")
    elif how == "version":
        patch(name, VERSION, (77).to_bytes(4, "little"))
    elif how == "size":
        patch(name, SIZE, b"\xff" * 8)
    elif how in ("short", "empty"):
        os.truncate(path(name), 255 if how == "short" else 0)
    else:
        path(name).unlink()
        os.mkfifo(path(name)) if how == "fifo" else path(name).symlink_to("/etc/passwd")
    kind.unlink(name)
    assert not path(name).is_symlink()
    assert not path(name).exists()
    assert Path("/etc/passwd").exists()


@KINDS
@pytest.mark.parametrize("bad", ["", "a/b", "/", "..", ".x", "a\n", "\x7f", "n" * 121, "a\0b"])
def test_a_bad_name_is_refused(kind: Any, bad: str) -> None:
    for call in (lambda name: kind(name=name), kind.open, kind.unlink):
        with pytest.raises(ValueError, match=r"a name has 1 to 120 bytes|null character"):
            call(bad)


@KINDS
@pytest.mark.parametrize("bad", [5, b"bytes", ["list"]])
def test_a_name_is_a_string(kind: Any, bad: Any) -> None:
    for call in (lambda name: kind(name=name), kind.open, kind.unlink):
        with pytest.raises(TypeError):
            call(bad)


def patch(name: str, offset: int, content: bytes) -> None:
    with open(path(name), "r+b") as file:
        file.seek(offset)
        file.write(content)


@KINDS
def test_another_version_is_refused(kind: Any, name: str) -> None:
    kind(name=name)
    patch(name, VERSION, (77).to_bytes(4, "little"))
    with pytest.raises(shoal.SegmentError, match=r"layout version 77.*use the same release"):
        kind.open(name)


@KINDS
@pytest.mark.parametrize(
    ("offset", "content"),
    [(MAGIC, b"S"), (SIZE, b"\xff" * 8), (SIZE, bytes(8)), (56, bytes(4)), (72, b"n" * 168)],
    ids=["magic", "too large", "size zero", "no bound", "endless name"],
)
def test_a_damaged_header_is_refused(kind: Any, name: str, offset: int, content: bytes) -> None:
    kind(name=name)
    patch(name, offset, content)
    with pytest.raises(shoal.SegmentError, match=name):
        kind.open(name)


@KINDS
@pytest.mark.parametrize("size", [0, 1, 239, 240, 256, 300, 4095])
def test_a_truncated_object_is_refused(kind: Any, name: str, size: int) -> None:
    kind(name=name)
    os.truncate(path(name), size)
    with pytest.raises(shoal.SegmentError, match="cut short"):
        kind.open(name)


@KINDS
def test_what_is_no_object_is_refused(kind: Any, name: str) -> None:
    path(name).write_bytes(os.urandom(100_000))
    with pytest.raises(shoal.SegmentError, match="not a shoal object"):
        kind.open(name)
    path(name).unlink()
    os.mkfifo(path(name))
    with pytest.raises(shoal.SegmentError, match="not a shoal object"):
        kind.open(name)
    path(name).unlink()
    path(name).symlink_to("/etc/passwd")
    with pytest.raises(OSError, match=name):
        kind.open(name)


# ---------------------------------------------------------------- other users


def as_nobody(kind: Any, name: str) -> None:
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    for call in (kind.open, kind.unlink):
        with pytest.raises(PermissionError, match=f"'{name}' belongs to another user") as raised:
            call(name)
        assert raised.value.errno == 13


@ROOT_ONLY
@KINDS
def test_another_users_object_is_refused(kind: Any, name: str) -> None:
    kind(name=name)
    assert path(name).stat().st_mode & 0o777 == 0o600
    run(shoal.get_context("fork"), as_nobody, kind, name)
    kind.open(name)


@ROOT_ONLY
@KINDS
def test_root_does_not_use_what_others_made(kind: Any, name: str) -> None:
    kind(name=name)
    os.chown(path(name), NOBODY, NOBODY)
    with pytest.raises(PermissionError, match=f"uid {NOBODY}"):
        kind.open(name)
