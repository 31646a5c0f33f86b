"""What the children of test_travel.py run."""

from __future__ import annotations

import os
import signal
from typing import Any

import shoal
from synchronize_targets import is_disturbed


def tell(handles: Any, answers: Any) -> None:
    """Whether each handle that comes was used before; ends with None."""
    for handle in iter(handles.get, None):
        answers.put((type(handle).__name__, is_disturbed(handle)))


def tell_from_pipe(pipe: Any, answers: Any) -> None:
    for handle in iter(pipe.recv, None):
        if type(handle).__name__ == "Queue":
            answers.put(("Queue", handle.get()))
        else:
            answers.put((type(handle).__name__, is_disturbed(handle)))


def echo(there: Any, back: Any) -> None:
    for item in iter(there.get, None):
        back.put(item)


def send_a_queue(queues: Any, items: list[Any]) -> None:
    queue: Any = shoal.Queue()
    for item in items:
        queue.put(item)
    queues.put(queue)


def take_one_and_die(handles: Any, taken: Any) -> None:
    handles.get()
    taken.set()
    os.kill(os.getpid(), signal.SIGKILL)
