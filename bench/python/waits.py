"""Waiting for another process: events, conditions, barriers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from itertools import count
from statistics import median
from time import perf_counter, perf_counter_ns
from typing import Any

from sample import Figure, Options, partners, percentiles, rate, repeat

import shoal

# Stock objects of the context that the partners are forked by.
PEERS: dict[str, Any] = {
    "shoal": shoal.get_context("fork"),
    "stock": multiprocessing.get_context("fork"),
}
UNTIL_ASLEEP = 0.0005  # seconds: longer than anybody polls


def _answer(there: Any, back: Any) -> None:
    while True:
        there.wait()
        there.clear()
        back.set()


def event_awake(options: Options, peer: str) -> list[Figure]:
    there, back = PEERS[peer].Event(), PEERS[peer].Event()

    def step() -> None:
        there.set()
        back.wait()
        back.clear()

    with partners(options, _answer, there, back):
        p50, p99 = percentiles(options, step)
    return [("event-awake-p50", p50, "ns"), ("event-awake-p99", p99, "ns")]


def _note_when_woken(event: Any, woken: Any) -> None:
    while True:
        event.wait()
        now = perf_counter_ns()
        event.clear()
        woken.value = now


def event_asleep(options: Options, peer: str) -> list[Figure]:
    """From set() to the return of wait() in a process that has been asleep for some time."""
    event = PEERS[peer].Event()
    woken = multiprocessing.RawValue("q", 0)
    taken: list[float] = []

    def step() -> None:
        asleep = perf_counter() + UNTIL_ASLEEP
        while perf_counter() < asleep:
            pass
        woken.value = 0
        start = perf_counter_ns()
        event.set()
        while woken.value == 0:
            pass
        taken.append(woken.value - start)

    with partners(options, _note_when_woken, event, woken):
        repeat(options.warm_up, step)
        taken.clear()
        repeat(options.sample, step)
    return [("event-asleep", median(taken), "ns")]


def _throw(condition: Any, ball: Any, own: int) -> None:
    with condition:
        while ball.value == own:
            condition.wait()
        ball.value = own
        condition.notify()


def _throw_back(condition: Any, ball: Any) -> None:
    for _ in count():
        _throw(condition, ball, 0)


def condition_ping_pong(options: Options, peer: str) -> list[Figure]:
    condition = PEERS[peer].Condition()
    ball = multiprocessing.RawValue("b", 0)
    with partners(options, _throw_back, condition, ball):
        rounds = rate(options, lambda: _throw(condition, ball, 1))
    return [("condition-ping-pong", rounds, "round/s")]


def _pass(barrier: Any) -> None:
    while True:
        barrier.wait()


def barrier_of_two(options: Options, peer: str) -> list[Figure]:
    barrier = PEERS[peer].Barrier(2)
    with partners(options, _pass, barrier):
        rounds = rate(options, barrier.wait)
    return [("barrier-2", rounds, "round/s")]


def workloads() -> Iterator[tuple[str, str, Callable[[Options], list[Figure]]]]:
    """Name, peer and function of each."""

    def of_peer(function: Any, peer: str) -> Callable[[Options], list[Figure]]:
        return lambda options: function(options, peer)

    functions = {
        "event-awake": event_awake,
        "event-asleep": event_asleep,
        "condition-ping-pong": condition_ping_pong,
        "barrier-2": barrier_of_two,
    }
    for name, function in functions.items():
        for peer in PEERS:
            yield name, peer, of_peer(function, peer)
