"""What the children of the tests of signals run; importable, as spawn needs it."""

from __future__ import annotations

import signal
import threading
from multiprocessing.connection import Connection
from typing import Any


def be_interrupted(method: str, handle: Any, args: tuple[Any, ...], channel: Connection) -> None:
    """Waits in a method until Ctrl-C, says so, and tries the object again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    channel.send("waiting")
    try:
        getattr(handle, method)(*args)
    except KeyboardInterrupt:
        channel.send("interrupted")
    channel.recv()  # the parent has made it possible
    channel.send(getattr(handle, method)(*args))


def wait_for_parent(gate: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gate.poll(None)


def wait_in_a_thread(queue: Any, channel: Connection) -> None:
    """A thread waits for an item and the main thread for the thread: Ctrl-C is the latter's."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    done = threading.Event()

    def work() -> None:
        channel.send(queue.get())
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    channel.send("waiting")
    try:
        done.wait()
    except KeyboardInterrupt:
        channel.send("interrupted")
    done.wait()
    thread.join()
