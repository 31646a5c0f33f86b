"""Contexts and start methods, and what the standard library does with them."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection
from typing import Any

import pytest

import process_targets as targets
import shoal
import shoal.forkserver
from process_runs import (
    run_program,
)
from waiting import DEADLINE


def test_start_methods_are_set_once(implementation: str, start_method: str) -> None:
    out, err = run_program(implementation, start_method, "start_methods")
    default = multiprocessing.get_all_start_methods()[0]
    assert err == ""
    assert out.splitlines() == [
        f"None {default}",
        "context has already been set",
        start_method,
        "None",
    ]


def test_an_unknown_start_method_is_refused(implementation: str) -> None:
    package: Any = {"shoal": shoal, "multiprocessing": multiprocessing}[implementation]
    with pytest.raises(ValueError, match="cannot find context for 'thread'"):
        package.get_context("thread")
    with pytest.raises(ValueError, match="cannot set start method of concrete context"):
        package.get_context("spawn").set_start_method("fork")


def test_shoal_has_every_name_of_multiprocessing() -> None:
    assert set(multiprocessing.__all__) <= set(shoal.__all__)
    for name in shoal.__all__:
        assert getattr(shoal, name) is not None


def test_standard_submodules_are_the_standard_librarys() -> None:
    import shoal.connection
    import shoal.pool

    assert shoal.pool is multiprocessing.pool  # type: ignore[comparison-overlap]
    assert shoal.connection is connection
    assert shoal.util is multiprocessing.util
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = shoal.nonsense


def test_objects_of_shoal_and_of_the_standard_library_work_together(shoal_context: Any) -> None:
    objects = {
        "array": shoal_context.Array("i", 2),
        "barrier": shoal_context.Barrier(2),
        "condition": shoal_context.Condition(),
        "event": shoal_context.Event(),
        "joinable_queue": shoal_context.JoinableQueue(),
        "lock": shoal_context.BoundedSemaphore(1),
        "rlock": shoal_context.RLock(),
        "semaphore": shoal_context.Semaphore(0),
        "simple_queue": shoal_context.SimpleQueue(),
        "value": shoal_context.Value("i", 0),
    }
    objects["joinable_queue"].put("passed on")
    process = shoal_context.Process(target=targets.use_objects, args=(objects,))
    with objects["condition"]:
        process.start()
        assert objects["condition"].wait(DEADLINE)
    assert objects["semaphore"].acquire(timeout=DEADLINE)
    objects["barrier"].wait(DEADLINE)
    assert objects["event"].wait(DEADLINE)
    process.join(DEADLINE)
    assert objects["simple_queue"].get() == "passed on"
    assert (objects["value"].value, objects["array"][:]) == (7, [0, 8])
    objects["joinable_queue"].join()
    objects["joinable_queue"].close()
    objects["joinable_queue"].join_thread()
    objects["simple_queue"].close()


def test_pools_and_managers_work_on_shoals_contexts(shoal_context: Any) -> None:
    with shoal_context.Pool(2) as pool:
        assert pool.map(targets.square, range(5)) == [0, 1, 4, 9, 16]
        pool.close()
        pool.join()
    with shoal_context.Manager() as manager:
        shared = manager.dict(one=1)
        assert shared.copy() == {"one": 1}


def test_the_executor_works_on_shoals_contexts(shoal_context: Any) -> None:
    pytest.importorskip("shoal.synchronize", exc_type=ImportError)
    with ProcessPoolExecutor(2, mp_context=shoal_context) as executor:
        assert list(executor.map(targets.square, range(5))) == [0, 1, 4, 9, 16]
