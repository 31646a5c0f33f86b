"""The contract of semaphores, bounded or not, for shoal and for the standard library.

Tests that take `shoal_context`, or make shoal's themselves, are about what only shoal promises.
"""

from __future__ import annotations

from typing import Any

import pytest

import shoal
from children import PACKAGES, wait_until_asleep, when_this_thread_sleeps
from peers import Peer
from waiting import DEADLINE, wait_until

SEM_VALUE_MAX = 2**31 - 1


@pytest.fixture(params=["Semaphore", "BoundedSemaphore"])
def noun(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make(implementation: str, noun: str) -> Any:
    return getattr(PACKAGES[implementation].get_context("fork"), noun)


# ---------------------------------------------------------------- in one process


def test_it_has_as_many_permits_as_it_was_made_with(make: Any) -> None:
    semaphore = make(3)
    for left in (3, 2, 1):
        assert semaphore.get_value() == left
        assert semaphore.acquire() is True
    assert semaphore.get_value() == 0
    assert semaphore.acquire(False) is False
    assert semaphore.release() is None
    assert semaphore.get_value() == 1


def test_it_is_made_with_one_permit_unless_told(make: Any) -> None:
    assert make().get_value() == 1
    assert make(0).get_value() == 0
    assert make(value=2).get_value() == 2
    assert make(SEM_VALUE_MAX).get_value() == SEM_VALUE_MAX


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((False,), {}),
        ((), {"block": False}),
        ((True, 0), {}),
        ((True, -1), {}),
        ((True, float("-inf")), {}),
        ((), {"timeout": 0.01}),
        ((False, 5), {}),
    ],
)
def test_acquire_gives_up_where_there_is_no_permit(make: Any, args: Any, kwargs: Any) -> None:
    semaphore = make(1)
    assert semaphore.acquire(*args, **kwargs) is True
    assert semaphore.acquire(*args, **kwargs) is False
    assert semaphore.get_value() == 0


@pytest.mark.parametrize(
    ("method", "args", "kwargs"),
    [
        ("acquire", (True, None, 1), {}),
        ("acquire", (), {"blocking": True}),
        ("acquire", (True, "soon"), {}),
        ("release", (2,), {}),
        ("get_value", (1,), {}),
    ],
)
def test_wrong_arguments_are_type_errors(make: Any, method: str, args: Any, kwargs: Any) -> None:
    semaphore = make(1)
    with pytest.raises(TypeError):
        getattr(semaphore, method)(*args, **kwargs)
    assert semaphore.get_value() == 1


@pytest.mark.parametrize("value", ["three", 1.5, None, [1]])
def test_the_number_of_permits_is_a_whole_number(make: Any, value: Any) -> None:
    with pytest.raises(TypeError):
        make(value)


@pytest.mark.parametrize("value", [-1, SEM_VALUE_MAX + 1, 2**100])
def test_an_impossible_number_of_permits_is_refused(noun: str, value: int) -> None:
    with pytest.raises((ValueError, OverflowError), match=r"permits|too large"):
        getattr(shoal, noun)(value)
    with pytest.raises((ValueError, OverflowError), match=r"permits|too large"):
        getattr(shoal, noun)(value, track_holders=True)


def test_a_timeout_is_a_number_and_may_be_endless(noun: str) -> None:
    semaphore = getattr(shoal, noun)(1)
    with pytest.raises(ValueError, match="NaN"):
        semaphore.acquire(timeout=float("nan"))
    assert semaphore.get_value() == 1
    for timeout in (float("inf"), 1e300):
        semaphore.acquire()
        with when_this_thread_sleeps(semaphore.release):
            assert semaphore.acquire(timeout=timeout)
        semaphore.release()


@pytest.mark.parametrize("timeout", [None, DEADLINE])
def test_acquire_waits_for_a_release(make: Any, timeout: Any) -> None:
    semaphore = make(1)
    semaphore.acquire()
    with when_this_thread_sleeps(semaphore.release):
        assert semaphore.acquire(timeout=timeout) is True
    assert semaphore.get_value() == 0


def test_a_semaphore_may_have_more_permits_than_at_first(implementation: str) -> None:
    semaphore = PACKAGES[implementation].Semaphore(0)
    for permits in range(1, 5):
        semaphore.release()
        assert semaphore.get_value() == permits


def test_no_semaphore_has_more_permits_than_fit(make: Any) -> None:
    semaphore = make(SEM_VALUE_MAX)
    with pytest.raises(ValueError, match="semaphore or lock released too many times"):
        semaphore.release()
    assert semaphore.get_value() == SEM_VALUE_MAX


@pytest.mark.parametrize("permits", [0, 1, 3])
def test_a_bounded_semaphore_is_released_no_more_often_than_acquired(
    implementation: str, permits: int
) -> None:
    semaphore = PACKAGES[implementation].BoundedSemaphore(permits)
    for _ in range(2):
        with pytest.raises(ValueError, match="semaphore or lock released too many times"):
            semaphore.release()
    assert semaphore.get_value() == permits
    for _ in range(permits):
        semaphore.acquire()
        semaphore.release()
    with pytest.raises(ValueError, match="semaphore or lock released too many times"):
        semaphore.release()


def test_with_blocks_may_be_nested(make: Any) -> None:
    semaphore = make(2)
    with semaphore as first, semaphore as second:
        assert (first, second, semaphore.get_value()) == (True, True, 0)
    with pytest.raises(ZeroDivisionError), semaphore:
        raise ZeroDivisionError
    assert semaphore.get_value() == 2


def test_its_repr_tells_its_value(make: Any, noun: str) -> None:
    semaphore = make(2)
    semaphore.acquire()
    most = ", maxvalue=2" if noun == "BoundedSemaphore" else ""
    assert repr(semaphore) == f"<{noun}(value=1{most})>"


def test_what_the_standard_library_reaches_for_is_there(make: Any, noun: str) -> None:
    semaphore = make(1)
    inside = semaphore._semlock
    assert (inside.kind, inside.maxvalue) == (1, 1 if noun == "BoundedSemaphore" else SEM_VALUE_MAX)
    assert isinstance(inside.handle, int)
    assert (inside._get_value(), inside._is_zero()) == (1, False)
    assert inside.acquire(False)
    assert (inside._get_value(), inside._is_zero()) == (0, True)
    inside.release()
    with inside:
        assert semaphore.get_value() == 0
    assert semaphore.get_value() == 1


def test_shoals_knows_whether_it_is_locked(noun: str) -> None:
    semaphore = getattr(shoal, noun)(1)
    assert not semaphore.locked()
    with semaphore:
        assert semaphore.locked()


@pytest.mark.parametrize("permits", [0, 2])
def test_one_that_tracks_its_holders_behaves_the_same(noun: str, permits: int) -> None:
    semaphore = getattr(shoal, noun)(permits, track_holders=True)
    for _ in range(permits):
        assert semaphore.acquire()
    assert not semaphore.acquire(False)
    assert not semaphore.acquire(timeout=0.01)
    for _ in range(permits):
        semaphore.release()
    if noun == "BoundedSemaphore":
        with pytest.raises(ValueError, match="semaphore or lock released too many times"):
            semaphore.release()
        assert semaphore.get_value() == permits
    else:
        semaphore.release()
        assert semaphore.get_value() == permits + 1


# ---------------------------------------------------------------- between processes


def test_processes_share_the_permits(context: Any, noun: str) -> None:
    semaphore = getattr(context, noun)(2)
    with Peer(context, semaphore) as peer:
        assert peer.do("acquire") is True
        assert semaphore.get_value() == peer.do("get_value") == 1
        assert semaphore.acquire() is True
        assert peer.do("acquire", False) is False
        semaphore.release()  # whoever took it
        semaphore.release()
        assert peer.do("get_value") == 2
        if noun == "BoundedSemaphore":
            with pytest.raises(ValueError, match="too many times"):
                peer.do("release")
        peer.end()


def test_each_release_lets_one_go(context: Any) -> None:
    semaphore = context.Semaphore(0)
    with Peer(context, semaphore) as one, Peer(context, semaphore) as other:
        for peer in (one, other):
            peer.sleep_in("acquire")
        semaphore.release()
        wait_until(lambda: one.has_answered() or other.has_answered())
        first, second = (one, other) if one.has_answered() else (other, one)
        assert first.answer() is True
        wait_until_asleep(second.pid)
        assert not second.has_answered()
        assert semaphore.get_value() == 0
        semaphore.release()
        assert second.answer() is True
        one.end()
        other.end()


def test_those_who_wait_are_told_by_pid_and_thread(shoal_context: Any, noun: str) -> None:
    semaphore = getattr(shoal_context, noun)(1)
    semaphore.acquire()
    with Peer(shoal_context, semaphore) as peer:
        peer.sleep_in("acquire")
        assert [who[:2] for who in semaphore.waiters()] == [(peer.pid, peer.pid)]
        semaphore.release()
        assert peer.answer() is True
        assert semaphore.waiters() == []


def test_who_tracks_holders_counts_each_processs_permits(shoal_context: Any, noun: str) -> None:
    semaphore = getattr(shoal_context, noun)(2, track_holders=True)
    with Peer(shoal_context, semaphore) as peer:
        assert peer.do("acquire")
        assert semaphore.acquire()
        semaphore.release()
        assert semaphore.get_value() == 1
        peer.do("release")
        assert semaphore.get_value() == 2
        peer.end()
