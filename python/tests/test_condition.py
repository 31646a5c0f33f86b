"""The contract of conditions, for shoal and for the standard library, under each start method.

Tests that take `shoal_context`, or make shoal's themselves, are about what only shoal promises.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from typing import Any

import pytest

import shoal
from children import PACKAGES, when_this_thread_sleeps
from peers import Peer, held_by_a_thread, in_another_thread
from waiting import DEADLINE, wait_until


@pytest.fixture(params=["its own lock", "a Lock", "an RLock"])
def condition(implementation: str, request: pytest.FixtureRequest) -> Any:
    package = PACKAGES[implementation].get_context("fork")
    locks = {"its own lock": lambda: None, "a Lock": package.Lock, "an RLock": package.RLock}
    return package.Condition(locks[request.param]())


def notifier(condition: Any, method: str = "notify", *args: Any) -> Callable[[], None]:
    def notify() -> None:
        with condition:
            getattr(condition, method)(*args)

    return notify


def at_rest(condition: Any) -> bool:
    """Nobody waits, nothing is left over."""
    sleeping = condition._sleeping_count.get_value() - condition._woken_count.get_value()
    return bool(sleeping == condition._wait_semaphore.get_value() == 0)


# ---------------------------------------------------------------- in one process


def test_it_is_acquired_and_released_as_its_lock(condition: Any) -> None:
    assert condition.acquire() is True
    assert in_another_thread(lambda: condition.acquire(False)) is False
    assert in_another_thread(lambda: condition.acquire(timeout=0.01)) is False
    assert condition.release() is None
    with condition as held:
        assert held is True
        assert condition._lock._semlock._is_mine()
    with pytest.raises(ZeroDivisionError), condition:
        raise ZeroDivisionError
    assert not condition._lock._semlock._is_mine()


def test_only_who_holds_the_lock_may_wait_or_notify(condition: Any) -> None:
    calls = [condition.wait, lambda: condition.wait(0), condition.notify, condition.notify_all]
    for call in calls:
        with pytest.raises(AssertionError, match=r"must acquire\(\) condition|lock is not owned"):
            call()
    with held_by_a_thread(condition):
        for call in calls:
            with pytest.raises(AssertionError):
                call()
    assert at_rest(condition)


@pytest.mark.parametrize("timeout", [0, -1, 0.01, float("-inf")])
def test_wait_gives_up_after_its_timeout_and_has_the_lock(condition: Any, timeout: float) -> None:
    with condition:
        assert condition.wait(timeout) is False
        assert condition._lock._semlock._is_mine()
        assert condition.wait(timeout=timeout) is False
    assert at_rest(condition)


def test_a_timeout_is_a_number_and_may_be_endless() -> None:
    condition = shoal.Condition()
    with condition:
        for call in (condition.wait, lambda time: condition.wait_for(bool, time)):
            with pytest.raises(ValueError, match="NaN"):
                call(float("nan"))
        assert condition._lock._count() == 1
        for timeout in (float("inf"), 1e300):
            with when_this_thread_sleeps(notifier(condition)):
                assert condition.wait(timeout) is True


@pytest.mark.parametrize(
    ("method", "args"),
    [("wait", ("soon",)), ("wait", (1, 2)), ("notify", ("one",)), ("notify_all", (1,))],
)
def test_wrong_arguments_are_type_errors(condition: Any, method: str, args: Any) -> None:
    if method == "notify" and isinstance(condition, multiprocessing.synchronize.Condition):
        pytest.skip("the standard one finds out only where somebody waits")
    with condition, pytest.raises(TypeError):
        getattr(condition, method)(*args)


@pytest.mark.parametrize("timeout", [None, DEADLINE])
@pytest.mark.parametrize("method", ["notify", "notify_all"])
def test_a_notification_ends_a_wait_which_has_the_lock(
    condition: Any, method: str, timeout: Any
) -> None:
    with condition:
        with when_this_thread_sleeps(notifier(condition, method)):
            assert condition.wait(timeout) is True
        assert condition._lock._semlock._is_mine()
        assert in_another_thread(lambda: condition.acquire(False)) is False
    assert at_rest(condition)


def test_a_wait_gives_the_lock_up_however_often_it_is_held(implementation: str) -> None:
    condition = PACKAGES[implementation].Condition()
    with condition, condition, condition:
        with when_this_thread_sleeps(notifier(condition)):
            assert condition.wait() is True
        assert condition._lock._semlock._count() == 3
        assert condition.wait(0) is False
        assert condition._lock._semlock._count() == 3


def test_a_notification_that_nobody_waits_for_is_lost(condition: Any) -> None:
    with condition:
        condition.notify()
        condition.notify(5)
        condition.notify_all()
        assert condition.wait(0.01) is False
    assert at_rest(condition)


class Waiters:
    """Threads that wait, and who of them has returned."""

    def __init__(self, condition: Any, number: int) -> None:
        self.condition = condition
        self.returned: list[bool] = []
        self.threads = [threading.Thread(target=self.wait) for _ in range(number)]
        for thread in self.threads:
            thread.start()
        wait_until(lambda: condition._sleeping_count.get_value() == number)

    def wait(self) -> None:
        with self.condition:
            self.returned.append(self.condition.wait(DEADLINE))

    def notify(self, *args: Any) -> int:
        """How many return."""
        before = len(self.returned)
        notifier(self.condition, "notify", *args)()
        wait_until(lambda: at_rest_but(self.condition, self.threads, len(self.returned)))
        return len(self.returned) - before


def at_rest_but(condition: Any, threads: list[threading.Thread], returned: int) -> bool:
    sleeping = condition._sleeping_count.get_value() - condition._woken_count.get_value()
    return bool(sleeping + returned == len(threads))


def test_notify_wakes_as_many_as_it_says(condition: Any) -> None:
    waiters = Waiters(condition, 7)
    assert waiters.notify(0) == 0
    assert waiters.notify(-3) == 0
    assert waiters.notify() == 1
    assert waiters.notify(2) == 2
    assert waiters.notify(100) == 4
    for thread in waiters.threads:
        thread.join(DEADLINE)
    assert waiters.returned == [True] * 7
    with condition:
        condition.notify()
    assert at_rest(condition)


def test_notify_all_wakes_all(condition: Any) -> None:
    waiters = Waiters(condition, 10)
    notifier(condition, "notify_all")()
    for thread in waiters.threads:
        thread.join(DEADLINE)
    assert waiters.returned == [True] * 10


def test_wait_for_waits_until_it_is_true(condition: Any) -> None:
    state: list[int] = []

    def grow() -> None:
        for i in range(4):
            wait_until(lambda: condition._sleeping_count.get_value() > 0)
            with condition:
                state.append(i)
                condition.notify()

    with condition:
        with when_this_thread_sleeps(grow):
            assert condition.wait_for(lambda: len(state) == 4 and "all there") == "all there"
        assert condition.wait_for(lambda: 5) == 5  # without a wait
    assert condition.wait_for(lambda: 6) == 6  # even without the lock


def test_wait_for_returns_the_last_value_when_time_is_up(condition: Any) -> None:
    with condition:
        assert condition.wait_for(lambda: 0, timeout=0.02) == 0
        assert condition.wait_for(list, 0) == []
        assert condition.wait_for(lambda: None, -1) is None
        assert condition._lock._semlock._is_mine()
    with pytest.raises(AssertionError):
        condition.wait_for(lambda: False)


def test_what_a_predicate_raises_is_passed_on(condition: Any) -> None:
    with condition:
        with pytest.raises(ZeroDivisionError):
            condition.wait_for(lambda: 1 / 0)
        assert condition._lock._semlock._is_mine()


def test_two_conditions_may_have_one_lock(implementation: str) -> None:
    package = PACKAGES[implementation]
    lock = package.Lock()
    one, other = package.Condition(lock), package.Condition(lock)
    with one:
        assert in_another_thread(lambda: other.acquire(False)) is False
    waiters = Waiters(one, 1)
    with other:  # it holds the other's lock too, and wakes only its own waiters
        other.notify_all()
        assert one._sleeping_count.get_value() - one._woken_count.get_value() == 1
    assert waiters.notify() == 1
    waiters.threads[0].join(DEADLINE)
    assert waiters.returned == [True]


def test_its_repr_tells_lock_and_waiters(implementation: str) -> None:
    package = PACKAGES[implementation]
    condition = package.Condition()
    assert repr(condition) == "<Condition(<RLock(None, 0)>, 0)>"
    with condition:
        assert repr(condition) == "<Condition(<RLock(MainProcess, 1)>, 0)>"
    waiters = Waiters(condition, 2)
    with condition:  # then they sleep
        assert repr(condition) == "<Condition(<RLock(MainProcess, 1)>, 2)>"
        condition.notify_all()
    for thread in waiters.threads:
        thread.join(DEADLINE)
    assert repr(package.Condition(package.Lock())) == "<Condition(<Lock(owner=None)>, 0)>"


@pytest.mark.parametrize(
    "lock",
    [multiprocessing.Lock(), threading.Lock(), 5, shoal.Semaphore()],
    ids=["stock", "of-threads", "number", "semaphore"],
)
def test_a_foreign_lock_is_refused(lock: Any) -> None:
    with pytest.raises(TypeError, match="needs a shoal Lock or RLock"):
        shoal.Condition(lock)


# ---------------------------------------------------------------- between processes


@pytest.mark.parametrize("noun", ["Lock", "RLock"])
def test_processes_notify_each_other(context: Any, noun: str) -> None:
    lock = getattr(context, noun)()
    condition = context.Condition(lock)
    with Peer(context, condition, lock) as peer:
        peer.do("acquire")
        assert condition.acquire(False) is False
        assert lock.acquire(False) is False
        peer.sleep_in("wait")
        with condition:
            assert repr(condition).endswith(", 1)>")
            condition.notify()
            assert not peer.has_answered()
        assert peer.answer() is True
        peer.do("release", of=1)  # the same lock there
        with (
            condition,
            when_this_thread_sleeps(
                lambda: (peer.do("acquire"), peer.do("notify_all"), peer.do("release"))
            ),
        ):
            assert condition.wait(DEADLINE) is True
        peer.end()
    assert at_rest(condition)


def test_those_who_wait_are_told_by_pid_and_thread(shoal_context: Any) -> None:
    condition = shoal_context.Condition()
    with Peer(shoal_context, condition) as peer:
        peer.do("acquire")
        peer.sleep_in("wait")
        assert [who[:2] for who in condition.waiters()] == [(peer.pid, peer.pid)]
        assert condition._sleeping_count.get_value() == 1
        notifier(condition)()
        assert peer.answer() is True
        assert condition.waiters() == []
        assert condition._lock.owner() == peer.pid
