"""What is compared with what, and what is aimed at. The names are those of the programs' --list."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


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


def workload_of(figure: str) -> str:
    """Some workloads give several figures."""
    if figure.startswith("stream-"):
        return "stream"
    if figure.startswith("grow-"):
        return "-".join(figure.split("-")[:2])
    return figure.removesuffix("-p50").removesuffix("-p99")


@dataclass(frozen=True)
class Group:
    """One table: its rows are figures, its columns peers."""

    title: str
    suite: str
    figures: tuple[str, ...]
    peers: dict[str, str]  # in the programs' words, and in those of the table
    plot: str = ""  # where there is one beside the published table: how its file is called

    def has(self, workload: str, peer: str) -> bool:
        """True for a workload whose figures are in this table."""
        return peer in self.peers and workload in map(workload_of, self.figures)


@dataclass(frozen=True)
class Goal:
    """shoal is at least `times` as good as the best of `peers`."""

    text: str
    suite: str
    figure: str
    peers: tuple[str, ...]
    times: float


@dataclass(frozen=True)
class Limit:
    """shoal reaches a rate, or needs no more than a time, of that many of the programs' units."""

    text: str
    suite: str
    figure: str
    value: float


@dataclass(frozen=True)
class Spread:
    """None of shoal's `figures` is more than `times` the first."""

    text: str
    suite: str
    figures: tuple[str, ...]
    times: float


CPP_PEERS = {
    "shoal": "shoal",
    "raw": "raw ring",
    "faster-fifo": "faster-fifo, C++ core",
    "boost": "Boost message_queue",
    "zeromq": "ZeroMQ ipc",
    "cpp-ipc": "cpp-ipc",
}
STREAMS = tuple(f"stream-1e{power}" for power in range(3, 9))
SIZES = ("warm", "4MiB", "64MiB", "256MiB", "1GiB", "2GiB", "8GiB")
GROWTHS = tuple(f"grow-8B-{size}" for size in SIZES[:-1])
GROWTHS_OF_LARGER = tuple(f"grow-100B-{size}" for size in SIZES)

GROUPS = (
    Group(
        "C++ queues, each process on a core of its own",
        "cpp",
        (
            "queue-8B",
            "queue-8B-by-32",
            "queue-100B",
            "queue-100B-by-32",
            "queue-64KiB",
            "queue-1MiB",
            "queue-8B-4to1",
            "queue-8B-4to4",
            "round-trip-p50",
            "round-trip-p99",
            "round-trip-asleep",
        ),
        CPP_PEERS | {"futex": "raw futex"},
        plot="cpp",
    ),
    Group(
        "C++ queues, processes where the scheduler puts them",
        "cpp-free",
        ("queue-8B", "queue-8B-4to1", "queue-8B-4to4", "round-trip-p50", "round-trip-p99"),
        CPP_PEERS,
    ),
    Group(
        "C++ queue, 8 B: cost of a message of a stream, by its length",
        "cpp",
        STREAMS,
        {"shoal": "shoal", "raw": "raw ring"},
    ),
    Group(
        "C++ queue: cost of a put, by what the queue has grown to",
        "cpp",
        GROWTHS + GROWTHS_OF_LARGER,
        {"shoal": "shoal"},
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
            "queue-int-batched",
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
            "zeromq": "ZeroMQ ipc",
            "iceoryx2": "iceoryx2",
        },
        plot="python",
    ),
    Group(
        "Python queues of 3 items, arrays of 64 MiB",
        "py",
        ("array-copied", "array-view", "array-loan"),
        {"shoal": "shoal", "stock": "stock Queue"},
    ),
    Group(
        "Python SimpleQueue",
        "py",
        ("simple-int", "simple-100B", "simple-dict", "simple-64KiB", "simple-1MiB"),
        {"shoal": "shoal", "stock": "stock SimpleQueue"},
    ),
    Group(
        "Python JoinableQueue, with task_done()",
        "py",
        ("joinable-int", "joinable-100B", "joinable-dict", "joinable-64KiB", "joinable-1MiB"),
        {"shoal": "shoal", "bounded": "stock JoinableQueue(100)", "stock": "stock JoinableQueue"},
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

STOCK = ("stock", "bounded")  # without a limit and with 100 items: whichever is better
RAW = ("raw",)
FIFO = ("faster-fifo",)

GOALS: tuple[Goal | Limit | Spread, ...] = (
    Goal("Python queue, int, against stock", "py", "queue-int", STOCK, 15),
    Goal("Python queue, 100 B, against stock", "py", "queue-100B", STOCK, 12),
    Goal("Python queue, dict of 5, against stock", "py", "queue-dict", STOCK, 5),
    Goal("Python queue, 64 KiB, against stock", "py", "queue-64KiB", STOCK, 6),
    Goal("Python queue, 1 MiB, copied, against stock", "py", "queue-1MiB", STOCK, 15),
    Goal("Python round trip (p50), against stock: 1/25", "py", "round-trip-p50", STOCK, 25),
    Goal("Python put_many, get_many of ints, against stock", "py", "queue-int-batched", STOCK, 40),
    Goal("Python queue, int, four to one, against stock", "py", "queue-int-4to1", STOCK, 15),
    Goal("Python queue, 64 MiB array, copy=False, against stock", "py", "array-view", STOCK, 30),
    Goal("Python queue, 64 MiB array in a loan, against stock", "py", "array-loan", STOCK, 500),
    Goal("Python SimpleQueue, int, against stock", "py", "simple-int", STOCK, 15),
    Goal("Python JoinableQueue, int, against stock", "py", "joinable-int", STOCK, 15),
    Goal("C++ queue, 8 B, against faster-fifo's C++ core", "cpp", "queue-8B", FIFO, 3),
    Goal("C++ queue, 8 B, against the raw ring", "cpp", "queue-8B", RAW, 0.35),
    Limit("C++ queue, 8 B, 32 at once", "cpp", "queue-8B-by-32", 100e6),
    Limit("C++ queue, 100 B", "cpp", "queue-100B", 14e6),
    Limit("C++ queue, 100 B, 32 at once", "cpp", "queue-100B-by-32", 50e6),
    Goal("C++ queue, 64 KiB, copied, against the raw ring", "cpp", "queue-64KiB", RAW, 0.9),
    Limit("C++ round trip (p50), awake", "cpp", "round-trip-p50", 500),
    Goal(
        "C++ round trip, asleep, against a raw futex: 1.1x its time",
        "cpp",
        "round-trip-asleep",
        ("futex",),
        1 / 1.1,
    ),
    Goal(
        "C++ queue, four to four, against faster-fifo's C++ core", "cpp", "queue-8B-4to4", FIFO, 3
    ),
    Spread("C++ queue, a message of a stream, by its length", "cpp", STREAMS, 1.3),
    Spread("C++ queue, a put of 8 B, by what it has grown to", "cpp", GROWTHS, 3),
    Spread("C++ queue, a put of 100 B, by what it has grown to", "cpp", GROWTHS_OF_LARGER, 3),
    Goal(
        "C++ lock alone, against a pthread mutex: 1.1x its time",
        "cpp",
        "lock-alone",
        ("mutex",),
        1 / 1.1,
    ),
    Goal("C++ lock, two contend, against it", "cpp", "lock-2-processes", ("mutex",), 0.6),
    Goal(
        "C++ event, asleep, against a raw futex: 1.2x its time",
        "cpp",
        "event-asleep",
        ("futex",),
        1 / 1.2,
    ),
    Goal("Python acquire and release, against stock", "py", "lock-pair", ("stock",), 1),
    Goal("Python `with lock`, against stock: half its time", "py", "lock-with", ("stock",), 2),
    Goal(
        "Python event, awake (p50), against stock: a fifth of its time",
        "py",
        "event-awake-p50",
        ("stock",),
        5,
    ),
    Goal("Python condition ping-pong, against stock", "py", "condition-ping-pong", ("stock",), 10),
    Goal("Python barrier of two, against stock", "py", "barrier-2", ("stock",), 10),
)

DESCRIPTIONS = {
    "queue-8B": "8 B, one to one",
    "queue-8B-by-32": "8 B, one to one, 32 at once",
    "queue-8B-4to4": "8 B, four to four on two cores",
    "queue-100B": "100 B, one to one",
    "queue-100B-by-32": "100 B, one to one, 32 at once",
    "queue-64KiB": "64 KiB, one to one",
    "queue-1MiB": "1 MiB, one to one",
    "queue-8B-4to1": "8 B, four to one",
    "queue-int": "int, one to one",
    "queue-dict": "dict of 5, one to one",
    "queue-int-batched": "int, put_many, get_many, 100 at once",
    "queue-int-4to1": "int, four to one",
    "array-copied": "copied",
    "array-view": "copy=False: read where it stands",
    "array-loan": "written into a loan, read where it stands",
    "round-trip-p50": "round trip, p50",
    "round-trip-p99": "round trip, p99",
    "round-trip-asleep": "round trip, other side asleep, p50",
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


DESCRIPTIONS |= {
    f"{family}-{kind}": DESCRIPTIONS[f"queue-{kind}"]
    for family in ("simple", "joinable")
    for kind in ("int", "100B", "dict", "64KiB", "1MiB")
}
DESCRIPTIONS |= {
    figure: f"{10 ** int(figure.removeprefix('stream-1e')):,} messages" for figure in STREAMS
}
DESCRIPTIONS |= {
    figure: f"{figure.split('-')[1].replace('B', ' B')}, up to {figure.split('-')[2]}"
    for figure in GROWTHS + GROWTHS_OF_LARGER
}
DESCRIPTIONS |= {
    f"grow-{kind}-warm": f"{kind.replace('B', ' B')}, memory that is there"
    for kind in ("8B", "100B")
}


def rounds_of(suite: str, workload: str, peer: str) -> int:
    """How often a workload runs. In C++, what a goal is about runs most."""
    if suite == "py":
        return 5
    if workload.startswith(("stream", "grow")):
        return 3
    return 15 if suite == "cpp" and (workload, peer) in _aimed_at() else 5


@cache
def _aimed_at() -> frozenset[tuple[str, str]]:
    """Workload and peer of each goal of the C++ suite."""
    pairs = set()
    for goal in GOALS:
        if goal.suite == "cpp" and not isinstance(goal, Spread):
            peers = goal.peers if isinstance(goal, Goal) else ()
            pairs |= {(workload_of(goal.figure), peer) for peer in ("shoal", *peers)}
    return frozenset(pairs)
