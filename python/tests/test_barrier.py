"""The contract of barriers, for shoal and for the standard library, under each start method.

Tests that take `shoal_context`, or make a `shoal.Barrier` themselves, are about what only shoal
promises.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import BrokenBarrierError
from typing import Any

import pytest

import barrier_targets as targets
import shoal
import shoal.synchronize
from children import PACKAGES, ended_well, when_this_thread_sleeps
from peers import Peer
from waiting import DEADLINE, wait_until


@pytest.fixture
def make(implementation: str) -> Any:
    return PACKAGES[implementation].get_context("fork").Barrier


def attempt(barrier: Any, said: list[Any], timeout: float | None = DEADLINE) -> None:
    try:
        said.append(barrier.wait(timeout))
    except Exception as error:
        said.append(type(error))


@contextmanager
def parties(barrier: Any, number: int, timeout: float | None = DEADLINE) -> Iterator[list[Any]]:
    """Threads that have come; after the block they have gone, and said what they got."""
    said: list[Any] = []
    threads = [
        threading.Thread(target=attempt, args=(barrier, said, timeout)) for _ in range(number)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: barrier.n_waiting == number)
    yield said
    for thread in threads:
        thread.join(DEADLINE)
    assert len(said) == number


def look(barrier: Any) -> tuple[int, int, bool]:
    return barrier.parties, barrier.n_waiting, barrier.broken


# ---------------------------------------------------------------- in one process


def test_each_party_has_a_number_and_the_last_lets_all_go(make: Any) -> None:
    barrier = make(4)
    assert look(barrier) == (4, 0, False)
    for _ in range(3):
        with parties(barrier, 3) as said:
            assert look(barrier) == (4, 3, False)
            assert said == []
            mine = barrier.wait(DEADLINE)
        assert sorted([mine, *said]) == [0, 1, 2, 3]
        wait_until(lambda: look(barrier) == (4, 0, False))


def test_a_barrier_of_one_stops_nobody(make: Any) -> None:
    ran: list[int] = []
    barrier = make(1, lambda: ran.append(1))
    assert [barrier.wait() for _ in range(5)] == [0] * 5
    assert len(ran) == 5
    assert make(parties=1, action=None, timeout=None).wait(0) == 0


def test_one_of_the_parties_runs_the_action_before_all_go_on(make: Any) -> None:
    ran: list[int] = []
    barrier = make(3, lambda: ran.append(barrier.n_waiting))
    with parties(barrier, 2) as said:
        assert ran == []
        barrier.wait()
        assert len(ran) == 1
    assert len(said) == 2
    assert len(ran) == 1


def test_an_action_that_fails_breaks_it(make: Any) -> None:
    barrier = make(2, targets.fail)
    with parties(barrier, 1) as said, pytest.raises(ZeroDivisionError, match="the action"):
        barrier.wait()
    assert said == [BrokenBarrierError]
    assert look(barrier) == (2, 0, True)
    with pytest.raises(BrokenBarrierError):
        barrier.wait()


@pytest.mark.parametrize("timeout", [0, 0.01, -1])
def test_a_party_that_does_not_wait_long_enough_breaks_it(make: Any, timeout: float) -> None:
    barrier = make(3)
    with parties(barrier, 1) as said, pytest.raises(BrokenBarrierError):
        barrier.wait(timeout)
    assert said == [BrokenBarrierError]
    assert look(barrier) == (3, 0, True)
    with pytest.raises(BrokenBarrierError):
        barrier.wait(DEADLINE)


def test_a_barrier_may_have_a_timeout_of_its_own(make: Any) -> None:
    barrier = make(2, timeout=0.02)
    with pytest.raises(BrokenBarrierError):
        barrier.wait()
    barrier = make(2, None, 0.0001)
    with parties(barrier, 1) as said:  # theirs goes before
        assert barrier.wait() in (0, 1)
    assert len(said) == 1


def test_a_timeout_is_a_number_and_may_be_endless() -> None:
    barrier = shoal.Barrier(2)
    with pytest.raises(ValueError, match="NaN"):
        barrier.wait(float("nan"))
    with pytest.raises(TypeError):
        barrier.wait("soon")  # type: ignore[arg-type]
    assert look(barrier) == (2, 0, False)
    for timeout in (float("inf"), 1e300):
        with parties(barrier, 1, timeout):
            barrier.wait(timeout)


def test_abort_breaks_it_until_reset(make: Any) -> None:
    barrier = make(3)
    with parties(barrier, 2) as said:
        assert barrier.abort() is None
    assert said == [BrokenBarrierError] * 2
    assert look(barrier) == (3, 0, True)
    barrier.abort()
    with pytest.raises(BrokenBarrierError):
        barrier.wait()
    assert barrier.reset() is None
    assert look(barrier) == (3, 0, False)
    with parties(barrier, 2) as said:
        barrier.wait(DEADLINE)
    assert set(said) < {0, 1, 2}


def test_reset_sends_those_who_wait_away_and_is_as_new(make: Any) -> None:
    barrier = make(3)
    barrier.reset()
    assert look(barrier) == (3, 0, False)
    with parties(barrier, 2) as said:
        barrier.reset()
    assert said == [BrokenBarrierError] * 2
    assert look(barrier) == (3, 0, False)
    with parties(barrier, 2) as said:
        barrier.wait(DEADLINE)
    assert set(said) < {0, 1, 2}


def test_its_repr_tells_who_waits(make: Any) -> None:
    barrier = make(2)
    start = rf"<{type(barrier).__module__}\.Barrier at 0x[0-9a-f]+: "
    assert re.fullmatch(start + "waiters=0/2>", repr(barrier))
    with parties(barrier, 1):
        assert re.fullmatch(start + "waiters=1/2>", repr(barrier))
        barrier.abort()
    assert re.fullmatch(start + "broken>", repr(barrier))


@pytest.mark.parametrize("number", [0, -1, 401, 2**62, 2**100])
def test_an_impossible_number_of_parties_is_refused(number: int) -> None:
    with pytest.raises((ValueError, OverflowError), match=r"part(y|ies)|too large"):
        shoal.Barrier(number)


@pytest.mark.parametrize("number", ["two", 1.5, None])
def test_the_number_of_parties_is_a_whole_number(number: Any) -> None:
    with pytest.raises(TypeError):
        shoal.Barrier(number)


def test_the_error_says_why_it_is_broken() -> None:
    barrier = shoal.Barrier(2)
    barrier.abort()
    with pytest.raises(BrokenBarrierError, match="was aborted"):
        barrier.wait()
    barrier.reset()
    with pytest.raises(BrokenBarrierError, match="did not wait long enough"):
        barrier.wait(0)
    barrier = shoal.Barrier(1, targets.fail)
    with pytest.raises(ZeroDivisionError):
        barrier.wait()
    with pytest.raises(BrokenBarrierError, match="action raised"):
        barrier.wait()
    assert shoal.synchronize.BrokenBarrierError is BrokenBarrierError


def test_an_action_may_use_its_barrier() -> None:
    """No lock is held in it. (The standard one holds its own.)"""
    barrier = shoal.Barrier(2, lambda: barrier.abort())
    with parties(barrier, 1) as said, pytest.raises(BrokenBarrierError):
        barrier.wait()
    assert said == [BrokenBarrierError]
    barrier = shoal.Barrier(2, lambda: barrier.reset())
    with parties(barrier, 1) as said, pytest.raises(BrokenBarrierError):
        barrier.wait()
    assert said == [BrokenBarrierError]
    assert look(barrier) == (2, 0, False)


# ---------------------------------------------------------------- between processes


def test_processes_go_round_and_round(context: Any) -> None:
    tally = targets.Tally(context)
    barrier = context.Barrier(3, tally)
    workers = [
        context.Process(target=targets.go_round, args=(barrier, tally, 50)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    ended_well(*workers)
    assert tally.runs.value == 50
    assert look(barrier) == (3, 0, False)


def test_a_child_sees_and_changes_the_same_barrier(context: Any) -> None:
    barrier = context.Barrier(2)
    with Peer(context, barrier) as peer:
        assert (peer.do("parties"), peer.do("n_waiting"), peer.do("broken")) == (2, 0, False)
        peer.sleep_in("wait")
        assert barrier.n_waiting == 1
        assert {barrier.wait(DEADLINE), peer.answer()} == {0, 1}
        with when_this_thread_sleeps(lambda: peer.do("abort")), pytest.raises(BrokenBarrierError):
            barrier.wait(DEADLINE)
        assert peer.do("broken") is True
        with pytest.raises(BrokenBarrierError):
            peer.do("wait")
        peer.do("reset")
        assert not barrier.broken
        peer.sleep_in("wait")
        barrier.reset()
        with pytest.raises(BrokenBarrierError):
            peer.answer()
        peer.end()


def test_its_own_timeout_travels_with_it(context: Any) -> None:
    barrier = context.Barrier(2, None, 0.01)
    with Peer(context, barrier) as peer:
        with pytest.raises(BrokenBarrierError):
            peer.do("wait")
        peer.end()


def test_an_action_that_fails_in_a_child_breaks_it_for_all(context: Any) -> None:
    barrier = context.Barrier(2, targets.fail)
    with Peer(context, barrier) as peer:
        with when_this_thread_sleeps(lambda: peer.begin("wait")), pytest.raises(BrokenBarrierError):
            barrier.wait(DEADLINE)
        with pytest.raises(ZeroDivisionError, match="the action"):
            peer.answer()
        peer.end()


def test_those_who_wait_are_told_by_pid_and_thread(shoal_context: Any) -> None:
    barrier = shoal_context.Barrier(3)
    with ExitStack() as stack:
        peers = [stack.enter_context(Peer(shoal_context, barrier)) for _ in range(2)]
        for peer in peers:
            peer.sleep_in("wait")
        assert [who[:2] for who in barrier.waiters()] == [(peer.pid, peer.pid) for peer in peers]
        assert barrier.wait(DEADLINE) == 2
        assert [peer.answer() for peer in peers] == [0, 1]
