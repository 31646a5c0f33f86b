"""Fixtures: contexts of both implementations, a limit for each test, and a check for leaks."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import shoal

sys.path.insert(0, str(Path(__file__).parent))  # for the modules that children import

from waiting import descriptors, wait_until

# What is not a matter of the Python version: `--part=brief` leaves it to the first of them.
OF_THE_CORE = {
    "test_death",
    "test_interop",
    "test_interop_sync",
    "test_lock_death",
    "test_log_collector",
    "test_namespaces",
    "test_readme",
    "test_room",
    "test_synchronize_death",
    "test_synchronize_names",
    "test_synchronize_signals",
    "test_typing",
    "test_waiter_death",
}

# And of these one start method will do.
OF_ANY_METHOD = {
    "test_barrier",
    "test_condition",
    "test_event",
    "test_joinable_death",
    "test_joinable_queue",
    "test_joinable_shutdown",
    "test_lock",
    "test_queue",
    "test_queue_arrays",
    "test_queue_async",
    "test_queue_batch_errors",
    "test_queue_batches",
    "test_queue_descriptor",
    "test_queue_items",
    "test_queue_limits",
    "test_queue_loan",
    "test_queue_redeliver",
    "test_queue_scale",
    "test_queue_shutdown",
    "test_queue_views",
    "test_rlock",
    "test_semaphore",
    "test_signals",
    "test_simple_queue",
}

METHODS = ["fork", "spawn", "forkserver"]
TEST_LIMIT = 60.0  # seconds, for a whole test

# A job in the background of a shell ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    # To be given with "=": the value is read as a path before this option is known.
    parser.addoption(
        "--part",
        choices=["own", "brief", "standard"],
        help="own: without the standard library beside shoal; brief: nor with what no Python "
        "version changes; standard: the standard library alone",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part = config.getoption("--part")
    if part is None:
        return

    def is_left_out(item: pytest.Item) -> bool:
        call = getattr(item, "callspec", None)
        params = {} if call is None else call.params
        is_standard = params.get("implementation") == "multiprocessing"
        if is_standard or part == "standard":
            return is_standard != (part == "standard")
        stem = item.path.stem
        other_method = params.get("start_method", "fork") != "fork"
        return part == "brief" and (stem in OF_THE_CORE or (stem in OF_ANY_METHOD and other_method))

    left_out = [item for item in items if is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not is_left_out(item)]


@pytest.fixture(params=METHODS)
def start_method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["shoal", "multiprocessing"])
def implementation(request: pytest.FixtureRequest) -> str:
    """For contracts that the standard library has to pass, too."""
    return str(request.param)


@pytest.fixture
def context(implementation: str, start_method: str) -> Any:
    """A context of each implementation and start method."""
    return {"shoal": shoal, "multiprocessing": multiprocessing}[implementation].get_context(
        start_method
    )


@pytest.fixture
def shoal_context(start_method: str) -> Any:
    """shoal's context of each start method."""
    return shoal.get_context(start_method)


@contextmanager
def time_limit() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise TimeoutError(f"it took more than {TEST_LIMIT} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, TEST_LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """Ends a test that hangs."""
    with time_limit():
        yield


def shared_files() -> set[str]:
    """shoal's files in /dev/shm and the standard library's; other programs have theirs there."""
    ours = ("shoal.", "sem.", "psm_", "pym-")
    return {name for name in os.listdir("/dev/shm") if name.startswith(ours)}


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After the last test: no child, zombie, descriptor or file in /dev/shm more than before."""
    open_before = descriptors()
    files_before = shared_files()
    yield
    with time_limit():  # a server ends when nobody has it: a child left over keeps it
        stop_servers()
    gc.collect()
    assert multiprocessing.active_children() == []
    with pytest.raises(ChildProcessError):  # neither living nor dead
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    left = {fd: what for fd, what in descriptors().items() if fd not in open_before}
    # The standard heap keeps its arenas for the life of the process.
    assert [what for what in left.values() if "/pym-" not in what] == []
    wait_until(lambda: shared_files() <= files_before)


def stop_servers() -> None:
    """Ends the helpers that either implementation has started."""
    from multiprocessing import forkserver, resource_sharer, resource_tracker, util

    import shoal.forkserver

    shoal.forkserver._forkserver._stop()
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    resource_sharer.stop()
    gc.collect()
    util._run_finalizers()  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]
