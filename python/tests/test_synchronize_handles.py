"""Handles of locks, semaphores, events, conditions and barriers: as arguments, and what they cost.

Tests that take `context` run for shoal and for the standard library.
"""

from __future__ import annotations

import gc
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

import shoal
import synchronize_targets as targets
from children import PACKAGES, run
from peers import Peer, held_by_a_thread
from synchronize_targets import KINDS, disturb, is_disturbed, kind_of, make
from waiting import DEADLINE, descriptors

EACH_KIND = pytest.mark.parametrize("noun", KINDS)


def told(context: Any, target: Any, *args: Any) -> Any:
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        run(context, target, *args, writer)
        assert reader.poll(DEADLINE)
        return reader.recv()


# ---------------------------------------------------------------- on their way


def test_contexts_make_their_own_packages_objects(context: Any, implementation: str) -> None:
    for noun in KINDS:
        kind = type(make(context, noun))
        assert (kind.__module__, kind.__name__) == (f"{implementation}.synchronize", noun)
        assert type(make(PACKAGES[implementation], noun)) is kind


def test_a_child_gets_the_same_objects_as_arguments(context: Any) -> None:
    handles = [make(context, noun) for noun in KINDS]
    for handle in handles:
        disturb(handle)
    assert told(context, targets.report, handles) == [True] * len(KINDS)
    fresh = [make(context, noun) for noun in KINDS]
    assert told(context, targets.report, fresh) == [False] * len(KINDS)


def test_a_grandchild_gets_them_too(shoal_context: Any) -> None:
    handles = [make(shoal_context, noun) for noun in KINDS]
    for handle in handles:
        disturb(handle)
    assert told(shoal_context, targets.pass_on, shoal_context, handles) == [True] * len(KINDS)


def test_they_travel_in_the_self_of_a_bound_method(context: Any) -> None:
    keeper = targets.Keeper(context)
    for handle in keeper.handles:
        disturb(handle)
    assert told(context, keeper.tell) == [True] * len(KINDS)


def test_a_child_may_have_what_its_parent_no_longer_has(shoal_context: Any) -> None:
    with ExitStack() as stack:
        peers = [
            stack.enter_context(Peer(shoal_context, make(shoal_context, noun))) for noun in KINDS
        ]
        gc.collect()
        for noun, peer in zip(KINDS, peers, strict=True):
            peer.do({"Event": "set", "Barrier": "abort"}.get(noun, "acquire"))
            peer.end()


def test_the_lock_inside_a_condition_travels_alone(context: Any) -> None:
    condition = context.Condition()
    with Peer(context, condition._lock, condition) as peer:
        with condition:
            assert peer.do("acquire", False) is False
            assert peer.do("acquire", False, of=1) is False
        assert peer.do("acquire") is True
        assert peer.do("notify_all", of=1) is None
        assert condition.acquire(False) is False
        peer.do("release")
        peer.end()


def test_executors_take_shoals_contexts_and_objects(shoal_context: Any) -> None:
    lock, counter = shoal_context.RLock(), shoal_context.RawValue("i", 0)
    with ProcessPoolExecutor(
        2, mp_context=shoal_context, initializer=targets.keep, initargs=(lock, counter)
    ) as executor:
        list(executor.map(targets.count_kept, [50] * 10))
    assert counter.value == 500


@EACH_KIND
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_they_are_pickled_only_for_a_child(implementation: str, noun: str, protocol: int) -> None:
    handle = make(PACKAGES[implementation], noun)
    with pytest.raises(RuntimeError, match="should only be shared between processes"):
        pickle.dumps(handle, protocol)


# ---------------------------------------------------------------- garbage


def state_of(noun: str, place: Any) -> Any:
    """As a handle of that kind is pickled, around a place."""
    return {"Condition": (place, None), "Barrier": (place, None, None)}.get(noun, place)


GARBAGE = [None, 5, "state", (), (1, 2, 3), ("a", "b", "c", "d"), {"place": 1}, (1, True, -8)]


@EACH_KIND
@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_garbage_is_not_unpickled(noun: str, garbage: Any) -> None:
    for state in (garbage, state_of(noun, garbage)):
        handle = kind_of(noun).__new__(kind_of(noun))
        with pytest.raises(pickle.UnpicklingError, match=f"not what an? {noun} was pickled as"):
            handle.__setstate__(state)
        with pytest.raises(ValueError, match="never initialised"):
            handle._place()


@EACH_KIND
def test_a_place_where_there_is_no_such_object_is_refused(noun: str, tmp_path: Any) -> None:
    other = shoal.Event() if noun != "Event" else shoal.Lock()
    file = tmp_path / "file"
    file.write_bytes(b"no slab" * 1000)
    fd, in_slab, offset = other._place()
    before = descriptors()
    with open(file, "r+b") as opened:
        wrong = [
            ((fd, in_slab, offset), TypeError, "was asked for, but at"),
            ((fd, in_slab, offset + 1), shoal.SegmentError, "no object at"),
            ((fd, in_slab, 2**64 - 8), shoal.SegmentError, "no object at"),
            ((fd, False, offset), (TypeError, shoal.SegmentError), "slab"),
            ((opened.fileno(), True, 4096), shoal.SegmentError, "not a shoal object"),
        ]
        for (where, slab, at), error, message in wrong:
            handle = kind_of(noun).__new__(kind_of(noun))
            with pytest.raises(error, match=message):
                handle.__setstate__(state_of(noun, (Arriving(where), slab, at)))
    assert descriptors() == before


class Arriving:
    """A descriptor, as it comes out of a pickle."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def detach(self) -> int:
        return os.dup(self.fd)


def test_a_condition_arrives_with_a_lock_or_not_at_all() -> None:
    condition = shoal.Condition(shoal.Lock())
    fd, in_slab, offset = condition._place()
    event = shoal.Event()
    before = descriptors()
    for lock in ("lock", 5, event, threading.Lock()):
        handle = kind_of("Condition").__new__(kind_of("Condition"))
        with pytest.raises(TypeError, match="needs a shoal Lock or RLock"):
            handle.__setstate__(((Arriving(fd), in_slab, offset), lock))
    assert descriptors() == before


@EACH_KIND
def test_an_object_is_initialised_once(noun: str) -> None:
    handle = make(shoal, noun)
    disturb(handle)
    place = handle._place()
    before = descriptors()
    with pytest.raises(RuntimeError, match="initialised already"):
        handle.__init__(*((2,) if noun == "Barrier" else ()))
    with pytest.raises(RuntimeError, match="initialised already"):
        handle._open("missing")
    with pytest.raises(RuntimeError, match="initialised already"):
        handle.__setstate__(state_of(noun, (Arriving(place[0]), *place[1:])))
    assert handle._place() == place
    assert descriptors() == before
    assert is_disturbed(handle) or noun in ("RLock", "Condition")


@EACH_KIND
def test_an_object_that_was_never_initialised_says_so(noun: str) -> None:
    handle = kind_of(noun).__new__(kind_of(noun))
    names = {
        "Event": ["is_set", "set", "clear", "wait", "waiters"],
        "Condition": ["acquire", "release", "wait", "notify", "notify_all", "waiters"],
        "Barrier": ["reset", "abort", "waiters"],
    }.get(noun, ["acquire", "release", "waiters", "locked", "__enter__"])
    for name in [*names, "_place"]:
        with pytest.raises(ValueError, match="never initialised"):
            getattr(handle, name)()


# ---------------------------------------------------------------- cost


@EACH_KIND
def test_thousands_made_and_dropped_leave_nothing(noun: str) -> None:
    gc.collect()
    before = descriptors()
    for _ in range(2000):
        make(shoal, noun)
    handle = None
    for _ in range(50):
        handle = make(shoal, noun)
        handle.itself = handle
    del handle
    gc.collect()
    assert descriptors() == before


@pytest.mark.parametrize("noun", ["Lock", "RLock", "Semaphore", "Event"])
def test_ten_thousand_objects_cost_few_descriptors(noun: str) -> None:
    before = len(descriptors())
    handles = [make(shoal, noun) for _ in range(10_000)]
    assert len(descriptors()) - before < 200
    for handle in handles[::100]:
        disturb(handle)
    assert sum(map(is_disturbed, handles)) == (0 if noun == "RLock" else 100)


# ---------------------------------------------------------------- fork, among threads


def use_all(handles: list[Any], answer: Any) -> None:
    """What the parent's threads hold is held; new objects can be made and used."""
    held = [is_disturbed(handle) for handle in handles]
    for noun in KINDS:
        disturb(make(shoal, noun))
    answer.send(held)
    for handle in handles:
        assert handle.acquire(timeout=DEADLINE)
        handle.release()


def test_a_fork_among_threads_that_hold_locks_and_make_them() -> None:
    context = shoal.get_context("fork")
    handles = [context.Lock(), context.RLock(), context.Condition(), context.Semaphore()]
    end = threading.Event()

    def make_many() -> None:
        while not end.is_set():
            for noun in KINDS:
                make(shoal, noun)

    makers = [threading.Thread(target=make_many) for _ in range(2)]
    for maker in makers:
        maker.start()
    try:
        for _ in range(10):
            reader, writer = context.Pipe(duplex=False)
            with reader, writer, ExitStack() as stack:
                for handle in handles:
                    stack.enter_context(held_by_a_thread(handle))
                child = context.Process(target=use_all, args=(handles, writer))
                child.start()
                assert reader.poll(DEADLINE)
                assert reader.recv() == [True] * len(handles)
            child.join(DEADLINE)
            assert child.exitcode == 0
            child.close()
    finally:
        end.set()
        for maker in makers:
            maker.join(DEADLINE)
