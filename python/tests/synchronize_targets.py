"""What the children of the tests of all kinds of objects run; importable, as spawn needs it."""

from __future__ import annotations

from typing import Any

import shoal.synchronize

KINDS = ["Lock", "RLock", "Semaphore", "BoundedSemaphore", "Event", "Condition", "Barrier"]


def make(package: Any, noun: str, **options: Any) -> Any:
    """An object of a package or context; a barrier is for two."""
    factory = getattr(package, noun)
    return factory(2, **options) if noun == "Barrier" else factory(**options)


def kind_of(noun: str) -> Any:
    return getattr(shoal.synchronize, noun)


def disturb(handle: Any) -> None:
    """Leaves it as a new one never is."""
    noun = type(handle).__name__
    if noun == "Event":
        handle.set()
    elif noun == "Barrier":
        handle.abort()
    else:
        handle.acquire()


def is_disturbed(handle: Any) -> bool:
    """By another process, where that matters."""
    noun = type(handle).__name__
    if noun == "Event":
        return bool(handle.is_set())
    if noun == "Barrier":
        return bool(handle.broken)
    if noun == "Condition":
        handle = handle._lock
    return not handle.acquire(False)


def report(handles: list[Any], answer: Any) -> None:
    answer.send([is_disturbed(handle) for handle in handles])


def pass_on(context: Any, handles: list[Any], answer: Any) -> None:
    """To a child of this child."""
    process = context.Process(target=report, args=(handles, answer))
    process.start()
    process.join()


class Keeper:
    """Holds one of each kind and has a method that runs in a process."""

    def __init__(self, context: Any) -> None:
        self.handles = [make(context, noun) for noun in KINDS]
        self.by_name = dict(zip(KINDS, self.handles, strict=True))

    def tell(self, answer: Any) -> None:
        assert list(self.by_name.values()) == self.handles
        report(self.handles, answer)


kept: list[Any] = []  # by an executor's worker


def keep(*handles: Any) -> None:
    kept[:] = handles


def count_kept(times: int) -> None:
    lock, counter = kept
    for _ in range(times):
        with lock:
            counter.value = counter.value + 1
