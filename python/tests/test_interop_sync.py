"""Python and C++ on one lock, semaphore, event, condition or barrier, by name.

tests/interop/sync.cpp is the other side.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import shoal
from shoal import synchronize
from waiting import DEADLINE, wait_until

ROOT = Path(__file__).resolve().parents[2]
NOUNS = ["Lock", "RLock", "Semaphore", "Event", "Condition", "Barrier"]


class Cpp:
    """A C++ process that does one thing after the other."""

    def __init__(self) -> None:
        built = sorted(
            ROOT.glob("build/*/tests/interop/interop_sync"), key=lambda p: p.stat().st_mtime
        )
        if not built:
            pytest.skip("interop_sync is not built")
        self.process = subprocess.Popen(
            [built[-1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def begin(self, *words: str) -> None:
        assert self.process.stdin is not None
        print(*words, file=self.process.stdin)

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def __call__(self, *words: str) -> str:
        self.begin(*words)
        return self.answer()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)

    def close(self) -> None:
        self.kill()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def cpp() -> Iterator[Cpp]:
    peer = Cpp()
    yield peer
    peer.close()


def make(noun: str, name: str) -> Any:
    factory = getattr(synchronize, noun)
    return factory(2, name=name) if noun == "Barrier" else factory(name=name)


@pytest.fixture(params=["made in Python", "made in C++"])
def maker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shared(request: pytest.FixtureRequest, cpp: Cpp, maker: str) -> Iterator[tuple[Any, str, str]]:
    """The object in Python, its noun and its name; known to the C++ process too."""
    noun = request.param
    name = f"test-{os.getpid()}-{noun}"
    kind = getattr(synchronize, noun)
    if maker == "made in Python":
        here = make(noun, name)
    else:
        assert not cpp(noun, "make", name).startswith("error")
        here = kind.open(name)
    yield here, noun, name
    kind.unlink(name)


def of(*nouns: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shared", nouns, indirect=True)


@of("Lock", "RLock")
def test_a_lock_excludes_the_other_language(shared: tuple[Any, str, str], cpp: Cpp) -> None:
    lock, noun, name = shared
    assert cpp(noun, "acquire", name) == "yes"
    assert lock.acquire(False) is False
    assert lock.owner() == cpp.process.pid
    assert cpp(noun, "release", name) == "done"
    with lock:
        assert cpp(noun, "try", name) == "no"
    assert cpp(noun, "try", name) == "yes"


@of("Lock", "RLock")
def test_the_death_of_a_holder_is_told_to_the_other_language(
    shared: tuple[Any, str, str], cpp: Cpp
) -> None:
    lock, noun, name = shared
    assert cpp(noun, "acquire", name) == "yes"
    cpp.kill()
    with pytest.warns(shoal.OwnerDiedWarning):
        assert lock.acquire(timeout=DEADLINE)
    lock.release()


@of("Semaphore")
def test_a_semaphores_permits_go_to_and_fro(shared: tuple[Any, str, str], cpp: Cpp) -> None:
    semaphore, noun, name = shared
    assert semaphore.acquire(timeout=DEADLINE)
    assert cpp(noun, "try", name) == "no"
    cpp.begin(noun, "acquire", name)
    wait_until(lambda: len(semaphore.waiters()) == 1)
    assert semaphore.waiters()[0][0] == cpp.process.pid
    semaphore.release()
    assert cpp.answer() == "0"
    assert cpp(noun, "release", name) == "1"
    assert semaphore.get_value() == 1


@of("Event")
def test_an_event_wakes_the_other_language(shared: tuple[Any, str, str], cpp: Cpp) -> None:
    event, noun, name = shared
    cpp.begin(noun, "wait", name)
    wait_until(lambda: len(event.waiters()) == 1)
    event.set()
    assert cpp.answer() == "yes"
    assert cpp(noun, "clear", name) == "no"
    assert event.wait(0) is False
    assert cpp(noun, "set", name) == "yes"
    assert event.wait(DEADLINE) is True


@of("Condition")
def test_a_condition_notifies_the_other_language(shared: tuple[Any, str, str], cpp: Cpp) -> None:
    condition, noun, name = shared
    cpp.begin(noun, "wait", name)
    wait_until(lambda: len(condition.waiters()) == 1)
    with condition:
        condition.notify()
    assert cpp.answer() == "0"
    with condition:
        notifier = threading.Thread(target=cpp, args=(noun, "notify", name))
        notifier.start()
        assert condition.wait(DEADLINE) is True
    notifier.join(DEADLINE)


@of("Barrier")
def test_a_barrier_lets_both_languages_go(shared: tuple[Any, str, str], cpp: Cpp) -> None:
    barrier, noun, name = shared
    cpp.begin(noun, "wait", name)
    wait_until(lambda: barrier.n_waiting == 1)
    assert barrier.wait(DEADLINE) == 1
    assert cpp.answer() == "0"
    cpp.begin(noun, "wait", name)
    wait_until(lambda: barrier.n_waiting == 1)
    barrier.abort()
    assert "was aborted" in cpp.answer()


@of("Barrier")
def test_a_barrier_names_a_dead_party_of_the_other_language(
    shared: tuple[Any, str, str], cpp: Cpp
) -> None:
    barrier, noun, name = shared
    cpp.begin(noun, "wait", name)
    wait_until(lambda: barrier.n_waiting == 1)
    since = barrier.waiters()[0][2]
    wait_until(lambda: time.monotonic() > since + 0.1)  # then the last to come looks after it
    cpp.kill()
    with pytest.raises(threading.BrokenBarrierError, match=f"process {cpp.process.pid} died"):
        barrier.wait(DEADLINE)


@pytest.mark.parametrize("noun", NOUNS)
def test_another_kind_is_refused(noun: str, cpp: Cpp) -> None:
    name = f"test-{os.getpid()}-kind"
    queue = shoal.Queue(name=name)
    try:
        assert "a queue has that name" in cpp(noun, "open", name)
        with pytest.raises(TypeError, match="a queue has that name"):
            getattr(synchronize, noun).open(name)
    finally:
        type(queue).unlink(name)
