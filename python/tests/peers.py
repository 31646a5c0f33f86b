"""A child that does with the handles it was given what it is told, one thing after the other."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from children import ended_well, killed, wait_until_asleep
from waiting import DEADLINE


def perform(handles: tuple[Any, ...], of: int, what: str, args: Any, kwargs: Any) -> Any:
    if what == "repr":
        return repr(handles[of])
    thing = handles[of]
    for part in what.split("."):
        thing = getattr(thing, part)
    return thing(*args, **kwargs) if callable(thing) else thing


def serve(channel: Connection, *handles: Any) -> None:
    """Answers each order with "begun", and then with what it returned or raised, and warnings."""
    while (order := channel.recv()) is not None:
        channel.send("begun")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                answer = (perform(handles, *order), None)
            except BaseException as error:
                answer = (None, error)
        channel.send((*answer, [warning.category.__name__ for warning in warned]))


class Peer:
    """The child, of any context. Orders name a method or attribute of the handle number `of`."""

    def __init__(self, context: Any, *handles: Any) -> None:
        self.channel, there = context.Pipe()
        self.process = context.Process(target=serve, args=(there, *handles))
        self.process.start()
        there.close()
        self.pid = self.process.pid
        self.warned: list[str] = []  # by the last order

    def begin(self, what: str, *args: Any, of: int = 0, **kwargs: Any) -> None:
        self.channel.send((of, what, args, kwargs))
        assert self._receive() == "begun"

    def sleep_in(self, what: str, *args: Any, of: int = 0, **kwargs: Any) -> None:
        """Begins what will have to wait, and sees it asleep."""
        self.begin(what, *args, of=of, **kwargs)
        wait_until_asleep(self.pid)

    def has_answered(self) -> bool:
        return bool(self.channel.poll())

    def answer(self) -> Any:
        """What the order returned; raises what it raised."""
        value, error, self.warned = self._receive()
        if error is not None:
            raise error
        return value

    def do(self, what: str, *args: Any, of: int = 0, **kwargs: Any) -> Any:
        self.begin(what, *args, of=of, **kwargs)
        return self.answer()

    def kill(self) -> None:
        killed(self.process)

    def end(self) -> None:
        self.channel.send(None)
        ended_well(self.process)

    def _receive(self) -> Any:
        assert self.channel.poll(DEADLINE), "no answer"
        return self.channel.recv()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.join(DEADLINE)
        self.process.close()
        self.channel.close()


def in_another_thread(action: Callable[[], Any]) -> Any:
    """What it returned; raises what it raised. Under its deadline."""
    said: list[tuple[Any, BaseException | None]] = []

    def act() -> None:
        try:
            said.append((action(), None))
        except BaseException as error:
            said.append((None, error))

    thread = threading.Thread(target=act, name="Another")
    thread.start()
    thread.join(DEADLINE)
    assert not thread.is_alive()
    value, error = said[0]
    if error is not None:
        raise error
    return value


@contextmanager
def held_by_a_thread(lock: Any) -> Iterator[threading.Thread]:
    """A thread that lives, and has the lock until the end of the block, or until `give_up`."""
    held, end = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            end.wait(2 * DEADLINE)

    thread = threading.Thread(target=hold, name="Holder")
    thread.give_up = end.set  # type: ignore[attr-defined]
    thread.start()
    try:
        assert held.wait(DEADLINE)
        yield thread
    finally:
        end.set()
        thread.join(DEADLINE)
        assert not thread.is_alive()
