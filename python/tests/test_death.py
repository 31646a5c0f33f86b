"""Workers of Python are killed at random moments, hundreds of times: nothing is lost or stuck."""

from __future__ import annotations

import mmap
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import death_targets as targets
import shoal
from death_targets import Log, Record
from waiting import DEADLINE, wait_until

KILLS = {"fork": 150, "forkserver": 50, "spawn": 8}


class Worker(NamedTuple):
    process: Any
    target: Callable[..., None]
    args: tuple[Any, ...]
    number: int


class Crew:
    """Workers, each of which is replaced when it has been killed."""

    def __init__(self, context: Any, seed: int) -> None:
        self.context = context
        self.random = random.Random(seed)
        self.running: list[Worker] = []
        self.dead: list[Worker] = []
        self.stalls: list[float] = []

    def start(self, target: Callable[..., None], *args: Any) -> None:
        """Runs target(*args, number); the last of `args` is its log."""
        number = len(self.running) + len(self.dead)
        process = self.context.Process(target=target, args=(*args, number))
        process.start()
        self.running.append(Worker(process, target, args, number))
        wait_until(args[-1].start_of(number).exists)

    def kill_under_load(self, kills: int, logs: list[Log]) -> None:
        """Kills at random moments; whoever is left has to go on after each."""
        for _ in range(kills):
            wait_for_progress(logs)
            end = time.monotonic() + self.random.uniform(0, 0.003)
            while time.monotonic() < end:  # a moment that nobody has chosen
                pass
            victim = self.running.pop(self.random.randrange(len(self.running)))
            start = time.monotonic()
            victim.process.kill()
            wait_for_progress(logs)
            self.stalls.append(time.monotonic() - start)
            victim.process.join(DEADLINE)
            assert victim.process.exitcode == -signal.SIGKILL
            self.dead.append(victim)
            self.start(victim.target, *victim.args)

    def join(self, target: Callable[..., None]) -> None:
        """Those that run this; they have to end by themselves."""
        for worker in self.running:
            if worker.target is target:
                worker.process.join(DEADLINE)
                assert worker.process.exitcode == 0

    def numbers_of_dead(self, target: Callable[..., None]) -> set[int]:
        return {worker.number for worker in self.dead if worker.target is target}

    def disband(self) -> None:
        for worker in self.running:
            worker.process.kill()
            worker.process.join()
        if self.stalls:
            self.stalls.sort()
            parts = [self.stalls[int(part * (len(self.stalls) - 1))] for part in (0.5, 0.99, 1)]
            text = ", ".join(f"{seconds * 1000:.0f}" for seconds in parts)
            print(f"{len(self.dead)} killed; survivors went on after {text} ms (p50, p99, longest)")


def wait_for_progress(logs: list[Log]) -> None:
    for log in logs:
        before = log.size()
        wait_until(lambda log=log, before=before: log.size() > before)


@pytest.fixture
def seed() -> int:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown where the test fails
    return seed


@pytest.mark.parametrize(("maxsize", "largest"), [(0, 5_000), (20, 300_000)])
def test_each_item_arrives_once_whoever_is_killed(
    start_method: str, tmp_path: Path, seed: int, maxsize: int, largest: int
) -> None:
    crew = Crew(shoal.get_context(start_method), seed)
    queue = crew.context.Queue(maxsize)
    put, taken = Log(tmp_path / "put"), Log(tmp_path / "taken")
    try:
        for _ in range(2):
            crew.start(targets.produce, queue, largest, put)
            crew.start(targets.consume, queue, taken)
        crew.kill_under_load(KILLS[start_method], [put, taken])
        put.end.touch()
        crew.join(targets.produce)
        for _ in range(2):
            queue.put(None)
        crew.join(targets.consume)
    finally:
        crew.disband()
    assert queue.qsize() == 0
    producers, consumers = map(crew.numbers_of_dead, (targets.produce, targets.consume))
    check(list(put.records()), list(taken.records()), producers, consumers)


def check(
    put: list[Record], taken: list[Record], dead_producers: set[int], dead_consumers: set[int]
) -> None:
    """That each item whose put returned arrived once, but for one in each dead one's hand."""
    arrivals = Counter((one.producer, one.number) for one in taken)
    assert max(arrivals.values()) == 1, "an item arrived twice"

    # A producer that was killed between a put and its note has put one more than it noted.
    noted = Counter(one.producer for one in put)
    for producer, number in arrivals:
        assert number < noted[producer] + (producer in dead_producers), "nobody put that"

    lost = [one for one in put if (one.producer, one.number) not in arrivals]
    assert len(lost) <= len(dead_consumers), "more was lost than what the dead had in hand"

    seen: dict[tuple[int, int], list[int]] = defaultdict(list)
    for one in taken:
        seen[one.worker, one.producer].append(one.number)
    for numbers in seen.values():
        assert numbers == sorted(numbers), "one consumer had a producer's items out of order"
    print(f"{len(put)} put, {len(taken)} taken, {len(lost)} lost in hand")


def test_a_lock_is_never_lost_nor_held_twice_whoever_is_killed(tmp_path: Path, seed: int) -> None:
    crew = Crew(shoal.get_context("fork"), seed)
    lock, log = crew.context.Lock(), Log(tmp_path / "held")
    with mmap.mmap(-1, 4096) as shared:
        try:
            for _ in range(4):
                crew.start(targets.guard, lock, shared, log)
            crew.kill_under_load(KILLS["fork"], [log])
            log.end.touch()
            crew.join(targets.guard)
        finally:
            crew.disband()
    assert all(one.producer == 1 for one in log.records()), "two were under the lock"
    assert lock.acquire(False)
    lock.release()


def test_the_check_finds_what_it_is_for() -> None:
    """The model itself, without processes: 0 and 1 produce, 2 and 3 consume."""
    put = [Record(0, 0, n) for n in range(3)] + [Record(1, 1, 0)]
    taken = [Record(2, 0, 0), Record(3, 0, 1), Record(2, 0, 2), Record(3, 1, 0)]
    more = Record(2, 0, 3)
    check(put, taken, set(), set())
    check(put, taken[1:], set(), {2})
    check(put, [*taken, more], {0}, set())
    wrong: list[tuple[list[Record], set[int], set[int]]] = [
        ([*taken, taken[0]], {0}, {2}),  # twice
        (taken[1:], {0}, set()),  # lost, and no consumer is dead
        (taken[2:], {0}, {2}),  # two lost by one
        ([*taken, more], set(), {2}),  # put by nobody
        ([*taken, Record(2, 0, 4)], {0}, {2}),  # nor this
        ([taken[2], taken[1], taken[0], taken[3]], {0}, {2}),  # out of order
    ]
    for arrived, dead_producers, dead_consumers in wrong:
        with pytest.raises(AssertionError):
            check(put, arrived, dead_producers, dead_consumers)
