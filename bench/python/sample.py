"""What the workloads share: time, a second process, and figures.

A workload is a function of `Options` that returns figures, (name, value, unit) each.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, perf_counter_ns
from typing import Any

Figure = tuple[str, float, str]


@dataclass(frozen=True)
class Options:
    sample: float = 0.3  # seconds that are measured,
    warm_up: float = 0.05  # after as many unmeasured ones: memory touched, spins adapted
    pinned: bool = False  # a core for the measuring process, the others for its partners


def pin(options: Options, process: int) -> None:
    """Put the calling process on a core: 0 is the measuring one, its partners count from 1."""
    cores = sorted(os.sched_getaffinity(0))
    if options.pinned and len(cores) > 1:
        core = cores[0] if process == 0 else cores[1 + (process - 1) % (len(cores) - 1)]
        os.sched_setaffinity(0, {core})


def _partner(options: Options, process: int, body: Callable[..., None], args: Any) -> None:
    pin(options, process)
    body(*args)


@contextmanager
def partners(
    options: Options, body: Callable[..., None], *args: Any, count: int = 1
) -> Iterator[None]:
    """Forked processes that run `body` until the block ends; then they are killed.

    They are the standard library's for every peer, so that the channel alone differs.
    """
    fork = multiprocessing.get_context("fork")
    processes = [
        fork.Process(target=_partner, args=(options, 1 + i, body, args), daemon=True)
        for i in range(count)
    ]
    for process in processes:
        process.start()
    pin(options, 0)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()


def repeat(seconds: float, step: Callable[[], object]) -> tuple[int, float]:
    """Call `step` for so long: how often that was, and how long it took."""
    start = perf_counter()
    steps = 0
    while True:
        step()
        steps += 1
        taken = perf_counter() - start
        if taken >= seconds:
            return steps, taken


def rate(options: Options, step: Callable[[], object]) -> float:
    """Steps per second. A step should take some microseconds: the clock is read after each."""
    repeat(options.warm_up, step)
    steps, taken = repeat(options.sample, step)
    return steps / taken


def percentiles(options: Options, step: Callable[[], object]) -> tuple[float, float]:
    """Median and 99th percentile of the time of a step, in ns, one look at the clock included."""
    repeat(options.warm_up, step)
    times = []
    now = before = perf_counter_ns()
    end = before + int(options.sample * 1e9)
    while now < end:
        step()
        now = perf_counter_ns()
        times.append(now - before)
        before = now
    times.sort()
    return times[(len(times) - 1) // 2], times[(len(times) - 1) * 99 // 100]
