"""What is compared with what, and what is aimed at. The names are those of the programs' --list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """A program, and how its processes are placed."""

    program: str  # cpp or py
    pin: str  # what its --pin is given


SUITES = {
    "cpp": Suite("cpp", "sep"),
    "cpp-free": Suite("cpp", "off"),
    "py": Suite("py", "off"),
}


@dataclass(frozen=True)
class Group:
    """One table: its rows are figures, its columns peers."""

    title: str
    suite: str
    figures: tuple[str, ...]
    peers: dict[str, str]  # in the programs' words, and in those of the table

    def has(self, workload: str, peer: str) -> bool:
        """True for a workload whose figures are in this table."""
        own = {figure.removesuffix("-p50").removesuffix("-p99") for figure in self.figures}
        return peer in self.peers and workload in own


@dataclass(frozen=True)
class Goal:
    """shoal is at least `times` as good as `peer`."""

    text: str
    suite: str
    figure: str
    peer: str
    times: float


GROUPS = (
    Group(
        "C++ queues, each process on a core of its own",
        "cpp",
        (
            "queue-8B",
            "queue-100B",
            "queue-64KiB",
            "queue-1MiB",
            "queue-8B-4to1",
            "round-trip-p50",
            "round-trip-p99",
        ),
        {"shoal": "shoal", "raw": "raw ring", "boost": "Boost message_queue"},
    ),
    Group(
        "C++ queues, processes where the scheduler puts them",
        "cpp-free",
        ("queue-8B", "queue-8B-4to1", "round-trip-p50", "round-trip-p99"),
        {"shoal": "shoal", "raw": "raw ring", "boost": "Boost message_queue"},
    ),
    Group(
        "C++ locks, each process on a core of its own",
        "cpp",
        ("lock-alone", "lock-2-processes"),
        {
            "shoal": "shoal",
            "mutex": "pthread mutex",
            "robust-mutex": "robust pthread mutex",
            "boost": "Boost mutex",
        },
    ),
    Group(
        "C++ waits, each process on a core of its own",
        "cpp",
        (
            "event-awake-p50",
            "event-asleep",
            "condition-ping-pong",
            "barrier-2",
            "lock-8-unfairness",
        ),
        {
            "shoal": "shoal",
            "futex": "raw futex",
            "pthread": "pthread, not death-proof",
            "boost": "Boost.Interprocess",
        },
    ),
    Group(
        "Python queues",
        "py",
        (
            "queue-int",
            "queue-100B",
            "queue-dict",
            "queue-64KiB",
            "queue-1MiB",
            "queue-int-4to1",
            "round-trip-p50",
            "round-trip-p99",
        ),
        {
            "shoal": "shoal",
            "bounded": "stock Queue(100)",
            "stock": "stock Queue",
            "pipe": "stock Pipe",
            "faster-fifo": "faster-fifo",
        },
    ),
    Group(
        "Python locks, nobody else wants them",
        "py",
        ("lock-pair", "lock-with"),
        {"shoal": "shoal", "stock": "stock Lock"},
    ),
    Group(
        "Python waits",
        "py",
        ("event-awake-p50", "event-asleep", "condition-ping-pong", "barrier-2"),
        {"shoal": "shoal", "stock": "stock"},
    ),
    Group(
        "Python processes, start and join",
        "py",
        ("process-fork", "process-forkserver", "process-spawn"),
        {"shoal": "shoal", "stock": "stock Process"},
    ),
)

GOALS = (
    Goal(
        "Python queue, int, one to one, against a bounded stock queue",
        "py",
        "queue-int",
        "bounded",
        8,
    ),
    Goal(
        "Python queue, 1 MiB bytes, against a bounded stock queue", "py", "queue-1MiB", "bounded", 8
    ),
    Goal("Python round trip (p50), against the stock queue", "py", "round-trip-p50", "stock", 10),
    Goal("C++ queue, 8 B, one to one, against the raw ring", "cpp", "queue-8B", "raw", 0.2),
    Goal(
        "C++ lock alone, against a pthread mutex: 1.1x its time",
        "cpp",
        "lock-alone",
        "mutex",
        1 / 1.1,
    ),
    Goal("C++ lock, two contend, against it", "cpp", "lock-2-processes", "mutex", 0.6),
    Goal(
        "C++ event, asleep, against a raw futex: 1.2x its time",
        "cpp",
        "event-asleep",
        "futex",
        1 / 1.2,
    ),
    Goal("Python acquire and release, against stock", "py", "lock-pair", "stock", 1),
    Goal("Python `with lock`, against stock: half its time", "py", "lock-with", "stock", 2),
    Goal(
        "Python event, awake (p50), against stock: a fifth of its time",
        "py",
        "event-awake-p50",
        "stock",
        5,
    ),
    Goal("Python condition ping-pong, against stock", "py", "condition-ping-pong", "stock", 10),
    Goal("Python barrier of two, against stock", "py", "barrier-2", "stock", 10),
)

DESCRIPTIONS = {
    "queue-8B": "8 B, one to one",
    "queue-100B": "100 B, one to one",
    "queue-64KiB": "64 KiB, one to one",
    "queue-1MiB": "1 MiB, one to one",
    "queue-8B-4to1": "8 B, four to one",
    "queue-int": "int, one to one",
    "queue-dict": "dict of 5, one to one",
    "queue-int-4to1": "int, four to one",
    "round-trip-p50": "round trip, p50",
    "round-trip-p99": "round trip, p99",
    "lock-alone": "lock and unlock, alone",
    "lock-2-processes": "two processes contend",
    "lock-pair": "acquire() and release()",
    "lock-with": "with lock",
    "event-awake-p50": "two events, there and back, p50",
    "event-asleep": "event, from set() to the end of a sleep",
    "condition-ping-pong": "condition, there and back",
    "barrier-2": "barrier of two",
    "lock-8-unfairness": "lock, 8 processes: busiest / least busy",
    "process-fork": "fork",
    "process-forkserver": "forkserver",
    "process-spawn": "spawn",
}


def rounds_of(suite: str, workload: str, peer: str) -> int:
    """How often a workload runs. The pair whose ratio is a goal, and short, runs most."""
    if suite == "py":
        return 5
    return 15 if workload == "queue-8B" and peer in ("shoal", "raw") else 7
