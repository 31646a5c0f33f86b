"""Signals inside the waits of locks, semaphores, events, conditions and barriers.

For shoal and for the standard library; what only shoal promises makes shoal's objects itself.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

import shoal
from children import PACKAGES, when_this_thread_sleeps
from peers import Peer, held_by_a_thread
from test_signals import HandlerError, handling, interrupt
from waiting import DEADLINE, wait_until


class Scene:
    """One object of each kind on which this thread has to wait."""

    def __init__(self, package: Any, stack: ExitStack) -> None:
        self.package = package
        context = package.get_context("fork")
        self.rlock = context.RLock()
        self.empty = context.Semaphore(0)
        self.bounded = context.BoundedSemaphore(1)
        self.bounded.acquire()
        self.taken = context.Condition(context.Lock())
        self.event = context.Event()
        self.condition = context.Condition()
        self.plain = context.Condition(context.Lock())
        self.barrier = context.Barrier(2)
        for lock in (self.rlock, self.taken):
            stack.enter_context(held_by_a_thread(lock))

    def wait_on(self, condition: Any, timeout: float | None = None) -> Any:
        """Whatever ends the wait finds the lock held, and as often."""
        with condition:
            depth = condition._lock._semlock._count()
            try:
                return condition.wait(timeout)
            finally:
                assert condition._lock._semlock._is_mine()
                assert condition._lock._semlock._count() == depth

    def wait_twice_inside(self) -> Any:
        with self.condition, self.condition:
            return self.wait_on(self.condition)

    def check(self) -> None:
        """All is as it was, and usable."""
        assert not self.rlock.acquire(False)
        assert (self.empty.get_value(), self.bounded.get_value()) == (0, 0)
        assert not self.taken.acquire(False)
        assert not self.event.wait(0)
        for condition in (self.condition, self.plain):
            assert not condition._lock._semlock._is_mine()
            with when_this_thread_sleeps(lambda which=condition: notify(which)):
                assert self.wait_on(condition, DEADLINE) is True
        assert (self.barrier.n_waiting, self.barrier.broken) == (0, False)
        with when_this_thread_sleeps(lambda: self.barrier.wait(DEADLINE)):
            assert self.barrier.wait(DEADLINE) in (0, 1)


def notify(condition: Any) -> None:
    with condition:
        condition.notify()


CALLS: dict[str, Callable[[Scene], Any]] = {
    "RLock.acquire": lambda scene: scene.rlock.acquire(),
    "RLock.acquire with a timeout": lambda scene: scene.rlock.acquire(timeout=DEADLINE),
    "with RLock": lambda scene: scene.rlock.__enter__(),
    "Semaphore.acquire": lambda scene: scene.empty.acquire(),
    "Semaphore.acquire with a timeout": lambda scene: scene.empty.acquire(True, DEADLINE),
    "BoundedSemaphore.acquire": lambda scene: scene.bounded.acquire(),
    "with BoundedSemaphore": lambda scene: scene.bounded.__enter__(),
    "Condition.acquire": lambda scene: scene.taken.acquire(),
    "with Condition": lambda scene: scene.taken.__enter__(),
    "Event.wait": lambda scene: scene.event.wait(),
    "Event.wait with a timeout": lambda scene: scene.event.wait(DEADLINE),
    "Condition.wait": lambda scene: scene.wait_on(scene.condition),
    "Condition.wait with a timeout": lambda scene: scene.wait_on(scene.condition, DEADLINE),
    "Condition.wait over a Lock": lambda scene: scene.wait_on(scene.plain),
    "Condition.wait, three deep": Scene.wait_twice_inside,
    "Barrier.wait": lambda scene: scene.barrier.wait(),
    "Barrier.wait with a timeout": lambda scene: scene.barrier.wait(DEADLINE),
}
EACH_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture
def scene(implementation: str) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(PACKAGES[implementation], stack)


@EACH_CALL
def test_ctrl_c_ends_a_wait(scene: Scene, call: Any) -> None:
    with (
        handling(signal.SIGINT, signal.default_int_handler),
        when_this_thread_sleeps(interrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        call(scene)
    scene.check()


@EACH_CALL
def test_what_a_handler_raises_ends_the_wait(scene: Scene, call: Any) -> None:
    def fail(*_: object) -> None:
        raise HandlerError

    with (
        handling(signal.SIGUSR1, fail),
        when_this_thread_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1)),
        pytest.raises(HandlerError),
    ):
        call(scene)
    scene.check()


HELP: dict[str, tuple[Callable[[Scene], Any], Callable[[Scene], Any]]] = {
    "Semaphore": (lambda scene: scene.empty.acquire(), lambda scene: scene.empty.release()),
    "BoundedSemaphore": (lambda scene: scene.bounded.acquire(), lambda s: s.bounded.release()),
    "Event": (lambda scene: scene.event.wait(), lambda scene: scene.event.set()),
    "Condition": (lambda s: s.wait_on(s.condition), lambda scene: notify(scene.condition)),
}


@pytest.mark.parametrize(("call", "help_it"), HELP.values(), ids=HELP)
def test_a_wait_goes_on_when_a_handler_returns(scene: Scene, call: Any, help_it: Any) -> None:
    handled: list[int] = []

    def send_three_and_help() -> None:
        for number in range(1, 4):
            os.kill(os.getpid(), signal.SIGUSR1)
            wait_until(lambda number=number: len(handled) == number)
        help_it(scene)

    with (
        handling(signal.SIGUSR1, lambda number, _: handled.append(number)),
        when_this_thread_sleeps(send_three_and_help),
    ):
        assert call(scene) is True
    assert len(handled) == 3


@pytest.mark.parametrize(("call", "help_it"), HELP.values(), ids=HELP)
def test_a_handler_may_make_what_is_waited_for(scene: Scene, call: Any, help_it: Any) -> None:
    """It runs in the waiting thread itself: nothing that it needs may be held there."""
    if call in (HELP["Event"][0], HELP["Condition"][0]) and scene.package is not shoal:
        pytest.skip("the standard one waits for its waiters, which is this thread")
    with (
        handling(signal.SIGUSR1, lambda *_: help_it(scene)),
        when_this_thread_sleeps(lambda: os.kill(os.getpid(), signal.SIGUSR1)),
    ):
        assert call(scene) is True


def test_signals_do_not_lengthen_a_timeout(scene: Scene) -> None:
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(0.01):
            os.kill(os.getpid(), signal.SIGUSR1)

    with handling(signal.SIGUSR1, lambda *_: None):
        thread = threading.Thread(target=send)
        thread.start()
        try:
            assert not scene.rlock.acquire(timeout=0.1)
            assert not scene.empty.acquire(timeout=0.1)
            assert not scene.event.wait(0.1)
            assert not scene.wait_on(scene.condition, 0.1)
            with pytest.raises(threading.BrokenBarrierError):
                scene.barrier.wait(0.1)
        finally:
            ended.set()
            thread.join()


@contextmanager
def alarms(handler: Any) -> Iterator[None]:
    """SIGALRM each millisecond, instead of the test's limit."""
    with handling(signal.SIGALRM, handler):
        before = signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, *before)


def test_a_handler_may_release_a_semaphore_at_any_moment_of_its_use() -> None:
    semaphore, released = shoal.Semaphore(0), 0

    def handle(*_: object) -> None:
        nonlocal released
        semaphore.release()
        released += 1

    taken = 0
    with alarms(handle):
        while taken < 300:
            taken += semaphore.acquire(timeout=DEADLINE)
            semaphore.release()
            assert semaphore.acquire(False)
    assert semaphore.get_value() == released - taken


def test_a_handler_may_set_an_event_at_any_moment_of_its_use() -> None:
    event = shoal.Event()
    with alarms(lambda *_: event.set()):
        for _ in range(300):
            assert event.wait(DEADLINE)
            event.clear()


@pytest.mark.parametrize("what", ["rlock", "semaphore", "event", "condition", "barrier"])
def test_ctrl_c_ends_a_wait_in_a_child(context: Any, what: str) -> None:
    objects = {
        "rlock": (context.RLock(), "acquire"),
        "semaphore": (context.Semaphore(0), "acquire"),
        "event": (context.Event(), "wait"),
        "condition": (context.Condition(), "wait"),
        "barrier": (context.Barrier(2), "wait"),
    }
    handle, method = objects[what]
    with ExitStack() as stack:
        if what == "rlock":
            stack.enter_context(handle)
        peer = stack.enter_context(Peer(context, handle))
        if what == "condition":
            peer.do("acquire")
        peer.sleep_in(method)
        os.kill(peer.pid, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            peer.answer()
        if what == "condition":
            assert peer.do("_lock._semlock._is_mine")
            peer.do("release")
        peer.end()
