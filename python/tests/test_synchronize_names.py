"""Locks, semaphores, events, conditions and barriers that have a name; see also test_names.py."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lock_targets
import shoal
import shoal.queues
import synchronize_targets as targets
from children import run
from peers import Peer
from programs import run_program
from synchronize_targets import KINDS, disturb, kind_of, make
from waiting import descriptors

EACH_KIND = pytest.mark.parametrize("noun", KINDS)


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4()}"
    yield name
    path(name).unlink(missing_ok=True)


def path(name: str) -> Path:
    return Path(f"/dev/shm/shoal.{name}")


def said_by_another_program(noun: str, name: str) -> str:
    program = f"""if True:
        import sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from synchronize_targets import is_disturbed, kind_of
        handle = kind_of(sys.argv[1]).open(sys.argv[2])
        print(handle.name == sys.argv[2] and is_disturbed(handle))
    """
    return run_program(program, noun, name)


@EACH_KIND
def test_unrelated_programs_share_what_has_a_name(noun: str, name: str) -> None:
    handle = make(shoal, noun, name=name)
    assert handle.name == name
    assert said_by_another_program(noun, name) == "False\n"
    if noun == "RLock":  # whose taker has ended
        with pytest.warns(shoal.OwnerDiedWarning):
            handle.acquire()
        handle.release()
    kind_of(noun).unlink(name)
    handle = make(shoal, noun, name=name)
    disturb(handle)
    assert said_by_another_program(noun, name) == "True\n"


@EACH_KIND
def test_the_nameless_have_no_name(noun: str) -> None:
    assert make(shoal, noun).name is None


@EACH_KIND
def test_contexts_make_objects_with_names(shoal_context: Any, noun: str, name: str) -> None:
    handle = make(shoal_context, noun, name=name)
    assert type(handle) is kind_of(noun)
    assert path(name).exists()
    assert kind_of(noun).open(name)._place()[1:] == handle._place()[1:]


@EACH_KIND
def test_unlink_removes_the_name_and_nothing_else(noun: str, name: str) -> None:
    kind = kind_of(noun)
    first = make(shoal, noun, name=name)
    other = kind.open(name)
    assert kind.unlink(name) is None
    assert not path(name).exists()
    second = make(shoal, noun, name=name)
    disturb(first)
    context = shoal.get_context("fork")
    with Peer(context, first, other, second) as peer:
        look = {"Event": "is_set", "Barrier": "broken", "Condition": "_lock.locked"}
        looks = [peer.do(look.get(noun, "locked"), of=i) for i in range(3)]
        assert looks == [True, True, False]
        peer.end()


@EACH_KIND
def test_what_was_made_outlives_its_maker(noun: str, name: str) -> None:
    program = """if True:
        import os, sys
        import shoal
        getattr(shoal, sys.argv[1])(*map(int, sys.argv[3:]), name=sys.argv[2])
        os._exit(0)
    """
    run_program(program, noun, name, *(["3"] if noun in ("Semaphore", "Barrier") else []))
    handle = kind_of(noun).open(name)
    if noun == "Semaphore":
        assert handle.get_value() == 3
    if noun == "Barrier":
        assert handle.parties == 3


@EACH_KIND
def test_named_objects_travel_as_arguments(shoal_context: Any, noun: str, name: str) -> None:
    handle = make(shoal_context, noun, name=name)
    kind_of(noun).unlink(name)
    with Peer(shoal_context, handle) as peer:
        assert peer.do("name") == name
        peer.do({"Event": "set", "Barrier": "abort"}.get(noun, "acquire"))
        assert targets.is_disturbed(handle)
        peer.end()


def test_the_lock_inside_a_named_condition_travels_alone(shoal_context: Any, name: str) -> None:
    condition = kind_of("Condition")(name=name)
    with Peer(shoal_context, condition._lock) as peer:
        assert peer.do("acquire") is True
        assert condition.acquire(False) is False
        peer.do("release")
        peer.end()


def test_what_was_chosen_at_making_is_found_by_who_opens(name: str) -> None:
    context = shoal.get_context("fork")
    for noun in ("Lock", "RLock"):
        kind = kind_of(noun)
        kind(name=name, on_owner_death="raise")
        run(context, lock_targets.acquire, kind.open(name))
        with pytest.raises(shoal.OwnerDiedError, match=name):
            kind.open(name).acquire()
        kind.unlink(name)
    kind = kind_of("BoundedSemaphore")
    kind(3, name=name, track_holders=True)
    run(context, lock_targets.acquire, kind.open(name))
    opened = kind.open(name)
    assert all(opened.acquire(False) for _ in range(3))  # one of them a dead process's
    for _ in range(3):
        opened.release()
    with pytest.raises(ValueError, match="too many times"):
        kind_of("Semaphore").open(name).release()
    assert repr(opened) == f"<BoundedSemaphore(value=3, maxvalue=3, name='{name}')>"


def test_action_and_timeout_are_each_processs_own(name: str) -> None:
    ran: list[str] = []
    made = kind_of("Barrier")(1, lambda: ran.append("maker's"), name=name)
    opened = kind_of("Barrier").open(name, lambda: ran.append("opener's"), 5.0)
    made.wait()
    opened.wait()
    assert ran == ["maker's", "opener's"]


def test_reprs_tell_the_name(name: str) -> None:
    assert repr(kind_of("RLock")(name=name)) == f"<RLock(None, 0, name='{name}')>"
    kind_of("RLock").unlink(name)
    assert repr(kind_of("Semaphore")(2, name=name)) == f"<Semaphore(value=2, name='{name}')>"
    kind_of("Semaphore").unlink(name)
    assert repr(kind_of("Condition")(name=name)).endswith(f", 0, name='{name}')>")


# ---------------------------------------------------------------- what is refused


@EACH_KIND
def test_a_taken_name_is_refused(noun: str, name: str) -> None:
    first = make(shoal, noun, name=name)
    disturb(first)
    before = descriptors()
    with pytest.raises(FileExistsError, match=name):
        make(shoal, noun, name=name)
    assert descriptors() == before
    assert said_by_another_program(noun, name) == "True\n"  # it is as it was


@EACH_KIND
def test_a_missing_name_is_refused(noun: str, name: str) -> None:
    for call in (kind_of(noun).open, kind_of(noun).unlink):
        with pytest.raises(FileNotFoundError, match=name) as raised:
            call(name)
        assert raised.value.errno == 2


@EACH_KIND
def test_an_object_of_another_kind_is_refused(noun: str, name: str) -> None:
    for other in [*KINDS, "Queue"]:
        if other == noun or other.endswith("Semaphore"):  # whose two kinds are one
            continue
        kind = kind_of(other) if other != "Queue" else shoal.queues.Queue
        kind(*([2] if other == "Barrier" else []), name=name)
        before = descriptors()
        with pytest.raises(TypeError, match=f"{other[1:].lower()} has that name, .* was asked"):
            kind_of(noun).open(name)
        assert descriptors() == before
        kind.unlink(name)


def test_an_unbounded_semaphore_is_not_opened_as_a_bounded_one(name: str) -> None:
    kind_of("Semaphore")(name=name)
    with pytest.raises(TypeError, match=f"semaphore '{name}' is not bounded"):
        kind_of("BoundedSemaphore").open(name)


@EACH_KIND
@pytest.mark.parametrize("bad", ["", "a/b", ".x", "n" * 121, "a\0b"])
def test_a_bad_name_is_refused(noun: str, bad: str) -> None:
    kind = kind_of(noun)
    for call in (lambda name: make(shoal, noun, name=name), kind.open, kind.unlink):
        with pytest.raises(ValueError, match=r"a name has 1 to 120 bytes|null character"):
            call(bad)


@EACH_KIND
@pytest.mark.parametrize("size", [0, 240, 4095])
def test_a_truncated_object_is_refused(noun: str, name: str, size: int) -> None:
    make(shoal, noun, name=name)
    os.truncate(path(name), size)
    with pytest.raises(shoal.SegmentError, match="cut short"):
        kind_of(noun).open(name)


def test_a_named_condition_has_a_lock_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="a lock of its own"):
        shoal.Condition(shoal.Lock(), name=name)
    assert not path(name).exists()
