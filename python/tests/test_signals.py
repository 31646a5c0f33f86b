"""Signals in blocking calls: Ctrl-C ends them, handlers run in them, and nothing is lost.

How soon an interrupted call came back is recorded with the test, not asserted.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, Full
from typing import Any

import pytest

import shoal
import signal_targets as targets
from children import (
    PACKAGES,
    ended_well,
    finish,
    running,
    wait_until_asleep,
    when_this_thread_sleeps,
)
from waiting import DEADLINE


class Scene:
    """A queue with nothing in it, one with no room, and a lock that is held."""

    def __init__(self, context: Any) -> None:
        self.empty = context.Queue()
        self.full = context.Queue(1)
        self.full.put("only")
        self.held = context.Lock()
        self.held.acquire()

    def check(self) -> None:
        """All is as it was, and usable."""
        with pytest.raises(Empty):
            self.empty.get(timeout=0)
        self.empty.put(1)
        assert self.empty.get(timeout=DEADLINE) == 1
        with pytest.raises(Full):
            self.full.put("item", timeout=0)
        assert self.full.get(timeout=DEADLINE) == "only"
        self.full.put("next")
        assert self.full.get(timeout=DEADLINE) == "next"
        assert not self.held.acquire(False)
        self.held.release()
        assert self.held.acquire(False)
        self.held.release()


CALLS: dict[str, Callable[[Scene], Any]] = {
    "get": lambda scene: scene.empty.get(),
    "get with a timeout": lambda scene: scene.empty.get(timeout=DEADLINE),
    "put": lambda scene: scene.full.put("item"),
    "put with a timeout": lambda scene: scene.full.put("item", timeout=DEADLINE),
    "acquire": lambda scene: scene.held.acquire(),
    "acquire with a timeout": lambda scene: scene.held.acquire(timeout=DEADLINE),
    "with": lambda scene: scene.held.__enter__(),
}
EACH_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture
def scene(implementation: str) -> Iterator[Scene]:
    scene = Scene(PACKAGES[implementation].get_context("fork"))
    yield scene
    finish(scene.empty)
    finish(scene.full)


@contextmanager
def handling(number: int, handler: Any) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


# ---------------------------------------------------------------- Ctrl-C


@EACH_CALL
def test_ctrl_c_ends_a_wait(scene: Scene, call: Any, record_property: Any) -> None:
    sent = 0.0

    def send() -> None:
        nonlocal sent
        sent = time.monotonic()
        interrupt()

    with (
        handling(signal.SIGINT, signal.default_int_handler),
        when_this_thread_sleeps(send),
        pytest.raises(KeyboardInterrupt),
    ):
        call(scene)
    record_property("seconds", time.monotonic() - sent)
    scene.check()


def test_ctrl_c_ends_a_join(context: Any) -> None:
    gate, end = context.Pipe(duplex=False)
    with gate, end, running(context, targets.wait_for_parent, gate) as process:
        with (
            handling(signal.SIGINT, signal.default_int_handler),
            when_this_thread_sleeps(interrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            process.join()
        assert process.is_alive()
        end.send(None)
        ended_well(process)


@pytest.mark.parametrize(
    ("method", "args"), [("get", ()), ("get", (True, 60)), ("put", ("item",)), ("acquire", ())]
)
def test_ctrl_c_ends_a_wait_in_a_child(context: Any, method: str, args: Any) -> None:
    scene = Scene(context)
    handle = {"get": scene.empty, "put": scene.full, "acquire": scene.held}[method]
    here, there = context.Pipe()
    with (
        here,
        there,
        running(context, targets.be_interrupted, method, handle, args, there) as child,
    ):
        assert here.recv() == "waiting"
        wait_until_asleep(child.pid)
        os.kill(child.pid, signal.SIGINT)
        assert here.poll(DEADLINE)
        assert here.recv() == "interrupted"
        helps = {
            "get": lambda: scene.empty.put("x"),
            "put": scene.full.get,
            "acquire": scene.held.release,
        }
        helps[method]()
        here.send(None)
        assert here.poll(DEADLINE)
        assert here.recv() == {"get": "x", "put": None, "acquire": True}[method]
        ended_well(child)
    finish(scene.empty)
    finish(scene.full)


def test_ctrl_c_does_not_concern_other_threads(shoal_context: Any) -> None:
    queue = shoal_context.Queue()
    here, there = shoal_context.Pipe()
    with here, there, running(shoal_context, targets.wait_in_a_thread, queue, there) as child:
        assert here.recv() == "waiting"
        wait_until_asleep(child.pid)
        os.kill(child.pid, signal.SIGINT)
        assert here.poll(DEADLINE)
        assert here.recv() == "interrupted"
        queue.put("for the thread")
        assert here.poll(DEADLINE)
        assert here.recv() == "for the thread"
        ended_well(child)


# ---------------------------------------------------------------- handlers


class HandlerError(Exception):
    pass


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


def test_a_wait_goes_on_when_a_handler_returns(scene: Scene) -> None:
    main, handled = threading.get_native_id(), 0

    def handle(*_: object) -> None:
        nonlocal handled
        handled += 1

    def send_three_and_then(action: Callable[[], Any]) -> Callable[[], Any]:
        def act() -> None:
            for _ in range(3):
                os.kill(os.getpid(), signal.SIGUSR1)
                wait_until_asleep(os.getpid(), main)
            action()

        return act

    with handling(signal.SIGUSR1, handle):
        with when_this_thread_sleeps(send_three_and_then(lambda: scene.empty.put("item"))):
            assert scene.empty.get() == "item"
        with when_this_thread_sleeps(send_three_and_then(scene.full.get)):
            scene.full.put("item")
        with when_this_thread_sleeps(send_three_and_then(scene.held.release)):
            assert scene.held.acquire()
    assert handled == 9


def test_signals_do_not_lengthen_a_timeout(scene: Scene) -> None:
    with handling(signal.SIGUSR1, lambda *_: None):
        ended = threading.Event()

        def send() -> None:
            while not ended.wait(0.01):
                os.kill(os.getpid(), signal.SIGUSR1)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            with pytest.raises(Empty):
                scene.empty.get(timeout=0.2)
            with pytest.raises(Full):
                scene.full.put("item", timeout=0.2)
            assert not scene.held.acquire(timeout=0.2)
        finally:
            ended.set()
            thread.join()


def test_a_handler_may_make_what_is_waited_for(scene: Scene) -> None:
    """It runs in the waiting thread itself: nothing that it needs may be held there."""
    actions: list[Callable[[], Any]] = []

    def send() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    with handling(signal.SIGUSR1, lambda *_: actions.pop()()):
        actions.append(lambda: scene.empty.put("by the handler"))
        with when_this_thread_sleeps(send):
            assert scene.empty.get() == "by the handler"
        actions.append(scene.full.get)
        with when_this_thread_sleeps(send):
            scene.full.put("there is room")
        actions.append(scene.held.release)
        with when_this_thread_sleeps(send):
            assert scene.held.acquire()
    assert actions == []


def test_a_handler_may_use_a_queue_that_is_in_use() -> None:
    """Signals at any moment of the traffic; each item arrives once.

    (The standard queue holds a lock there that its own thread cannot take twice.)
    """
    queue = shoal.Queue()
    sent = itertools.count()

    def handle(*_: object) -> None:  # on a busy machine also in the middle of itself
        queue.put(("handler", next(sent)))

    received = []
    with handling(signal.SIGPROF, handle):
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
        try:
            for i in range(30_000):
                queue.put(("main", i))
                received.append(queue.get())
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    received += [queue.get_nowait() for _ in range(queue.qsize())]
    assert [i for who, i in received if who == "main"] == list(range(30_000))
    assert sorted(i for who, i in received if who == "handler") == list(range(next(sent)))
