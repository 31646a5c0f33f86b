"""The contract of events, for shoal and for the standard library, under each start method.

Tests that take `shoal_context`, or make a `shoal.Event` themselves, are about what only shoal
promises.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import ExitStack
from typing import Any

import pytest

import shoal
from children import PACKAGES, wait_until_asleep, when_this_thread_sleeps
from peers import Peer
from waiting import DEADLINE, wait_until


@pytest.fixture
def event(implementation: str) -> Any:
    return PACKAGES[implementation].get_context("fork").Event()


# ---------------------------------------------------------------- in one process


def test_it_is_set_from_set_to_clear(event: Any) -> None:
    assert event.is_set() is False
    for _ in range(2):
        assert event.set() is None
        assert event.is_set() is True
    for _ in range(2):
        assert event.clear() is None
        assert event.is_set() is False


def test_wait_returns_at_once_while_it_is_set(event: Any) -> None:
    event.set()
    for timeout in (None, 0, -1, 0.01, DEADLINE):
        assert event.wait(timeout) is True
        assert event.wait(timeout=timeout) is True
    assert event.wait() is True
    assert event.is_set()


@pytest.mark.parametrize("timeout", [0, -1, 0.0, 0.01, float("-inf"), -1e300])
def test_wait_gives_up_after_its_timeout(event: Any, timeout: float) -> None:
    assert event.wait(timeout) is False
    event.set()
    event.clear()
    assert event.wait(timeout) is False


def test_a_timeout_is_a_number_and_may_be_endless() -> None:
    event = shoal.Event()
    with pytest.raises(ValueError, match="NaN"):
        event.wait(float("nan"))
    for timeout in (float("inf"), 1e300):
        with when_this_thread_sleeps(event.set):
            assert event.wait(timeout) is True
        event.clear()


@pytest.mark.parametrize(
    ("method", "args", "kwargs"),
    [
        ("wait", ("soon",), {}),
        ("wait", (1, 2), {}),
        ("wait", (), {"block": False}),
        ("set", (1,), {}),
        ("clear", (1,), {}),
        ("is_set", (1,), {}),
    ],
)
def test_wrong_arguments_are_type_errors(event: Any, method: str, args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError):
        getattr(event, method)(*args, **kwargs)
    assert not event.is_set()


@pytest.mark.parametrize("timeout", [None, DEADLINE])
def test_set_ends_a_wait(event: Any, timeout: Any) -> None:
    for _ in range(3):
        with when_this_thread_sleeps(event.set):
            assert event.wait(timeout) is True
        event.clear()


def test_set_ends_the_waits_of_all_threads(event: Any) -> None:
    said: list[bool] = []
    threads = [threading.Thread(target=lambda: said.append(event.wait())) for _ in range(20)]
    for thread in threads:
        thread.start()
    event.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert said == [True] * 20


def test_its_repr_tells_whether_it_is_set(event: Any) -> None:
    assert re.fullmatch(r"<Event at 0x[0-9a-f]+ unset>", repr(event))
    event.set()
    assert re.fullmatch(r"<Event at 0x[0-9a-f]+ set>", repr(event))


def test_who_was_waiting_has_seen_a_set_that_is_over() -> None:
    """A standard event has to be set still when the waiter gets to look."""
    event = shoal.Event()

    def set_and_clear() -> None:
        event.set()
        event.clear()

    for _ in range(5):
        with when_this_thread_sleeps(set_and_clear):
            assert event.wait(DEADLINE) is True
        assert not event.is_set()


# ---------------------------------------------------------------- between processes


def test_a_parent_wakes_its_children(context: Any) -> None:
    event = context.Event()
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(context, event)) for _ in range(3)]
        for peer in peers:
            peer.sleep_in("wait")
        assert not any(peer.has_answered() for peer in peers)
        event.set()
        for peer in peers:
            assert peer.answer() is True
            peer.end()


def test_a_child_wakes_its_parent(context: Any) -> None:
    event = context.Event()
    with Peer(context, event) as peer:
        with when_this_thread_sleeps(lambda: peer.do("set")):
            assert event.wait(DEADLINE) is True
        assert peer.do("is_set") is True
        event.clear()
        assert peer.do("is_set") is False
        assert peer.do("wait", 0.01) is False
        peer.end()


def test_those_who_wait_are_told_by_pid_and_thread(shoal_context: Any) -> None:
    event = shoal_context.Event()
    assert event.waiters() == []
    with Peer(shoal_context, event) as peer:
        peer.sleep_in("wait")
        assert [who[:2] for who in event.waiters()] == [(peer.pid, peer.pid)]
        event.set()
        assert peer.answer() is True
        assert event.waiters() == []


def test_a_hundred_waiters_are_all_woken() -> None:
    event, counted = shoal.Event(), shoal.Semaphore(0)

    def wait() -> None:
        counted.release()
        assert event.wait(DEADLINE)
        counted.release()

    threads = [threading.Thread(target=wait) for _ in range(100)]
    for thread in threads:
        thread.start()
    wait_until(lambda: counted.get_value() == 100)
    wait_until_asleep(os.getpid(), threads[-1].native_id)
    event.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert counted.get_value() == 200
