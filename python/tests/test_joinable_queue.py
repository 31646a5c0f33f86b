"""Joinable queues: the contract that they share with the standard library's, and more.

Tests that take `context` or `make_queue` run for shoal and for the standard library.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import uuid
from collections.abc import Iterator
from queue import Empty, Full
from typing import Any

import pytest

import queue_family_targets as targets
from children import (
    PACKAGES,
    ended_well,
    finish,
    run,
    running,
    wait_until_asleep,
    when_this_thread_sleeps,
)
from shoal.queues import JoinableQueue, Queue, SimpleQueue
from signal_targets import be_interrupted
from waiting import DEADLINE


@pytest.fixture
def make_queue(request: pytest.FixtureRequest, implementation: str) -> Iterator[Any]:
    """Makes joinable queues of each implementation."""
    made = []

    def make(*args: Any) -> Any:
        made.append(PACKAGES[implementation].get_context("fork").JoinableQueue(*args))
        return made[-1]

    yield make
    while made:
        finish(made.pop())
    request.node.funcargs.clear()  # type: ignore[attr-defined]  # the last test's live on


@pytest.fixture
def jobs(make_queue: Any) -> Any:
    return make_queue()


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4()}"
    yield name
    try:
        Queue.unlink(name)
    except FileNotFoundError:
        pass


def joinable(*items: Any) -> Any:
    jobs = JoinableQueue()
    for item in items:
        jobs.put(item)
    return jobs


# ---------------------------------------------------------------- in one process


def test_join_of_one_in_which_nothing_was_ever_returns(jobs: Any) -> None:
    jobs.join()
    jobs.join()


def test_join_returns_when_all_that_was_put_is_done(jobs: Any) -> None:
    for i in range(10):
        jobs.put(i)
    for i in range(10):
        assert jobs.get(timeout=DEADLINE) == i
        jobs.task_done()
    jobs.join()


def test_more_task_done_than_items_are_refused(jobs: Any) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=r"task_done\(\) called too many times"):
            jobs.task_done()
    for i in range(3):
        jobs.put(i)
    for _ in range(3):
        jobs.get(timeout=DEADLINE)
        jobs.task_done()
    with pytest.raises(ValueError, match=r"task_done\(\) called too many times"):
        jobs.task_done()
    jobs.put("next")
    jobs.get(timeout=DEADLINE)
    jobs.task_done()
    jobs.join()


def test_an_item_may_be_done_before_it_is_taken(jobs: Any) -> None:
    jobs.put("done beforehand")
    jobs.task_done()
    jobs.join()
    assert jobs.get(timeout=DEADLINE) == "done beforehand"
    with pytest.raises(ValueError, match="too many times"):
        jobs.task_done()


def test_join_waits_for_the_last_task_done_of_another_thread(jobs: Any) -> None:
    jobs.put(1)
    jobs.put(2)
    for _ in range(2):
        jobs.get(timeout=DEADLINE)
    jobs.task_done()
    told = []

    def end() -> None:
        told.append("done")
        jobs.task_done()

    with when_this_thread_sleeps(end):
        jobs.join()
        assert told == ["done"]


def test_all_who_join_go_on(jobs: Any) -> None:
    jobs.put(1)
    threads = [threading.Thread(target=jobs.join) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        wait_until_asleep(os.getpid(), thread.native_id)
    jobs.get(timeout=DEADLINE)
    assert all(thread.is_alive() for thread in threads)
    jobs.task_done()
    for thread in threads:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in threads)


def test_it_is_bounded_as_a_queue_is(make_queue: Any) -> None:
    jobs = make_queue(2)
    jobs.put(1)
    jobs.put_nowait(2)
    assert jobs.full()
    for put in (jobs.put_nowait, lambda item: jobs.put(item, timeout=0.01)):
        with pytest.raises(Full):
            put("one too many")
    assert jobs.qsize() == 2
    assert jobs.get(timeout=DEADLINE) == 1
    jobs.put_nowait(3)
    assert [jobs.get(timeout=DEADLINE) for _ in range(2)] == [2, 3]
    with pytest.raises(Empty):
        jobs.get_nowait()
    with pytest.raises(Empty):
        jobs.get(timeout=0.01)
    for _ in range(3):  # what was refused does not count
        jobs.task_done()
    with pytest.raises(ValueError, match="too many times"):
        jobs.task_done()


def test_what_is_taken_and_not_done_leaves_room_for_others(make_queue: Any) -> None:
    jobs = make_queue(1)
    for i in range(5):
        jobs.put(i, timeout=DEADLINE)
        assert jobs.get(timeout=DEADLINE) == i
    for _ in range(5):
        jobs.task_done()
    jobs.join()


def test_it_is_a_queue_of_its_own_class(implementation: str, jobs: Any) -> None:
    queues = __import__(f"{implementation}.queues", fromlist=["queues"])
    assert type(jobs) is queues.JoinableQueue
    assert isinstance(jobs, queues.Queue)
    assert "JoinableQueue" in repr(jobs)


def test_a_closed_one_refuses_put_and_get_and_can_be_joined(make_queue: Any) -> None:
    jobs = make_queue()
    jobs.put(1)
    jobs.get(timeout=DEADLINE)
    jobs.close()
    for call in (jobs.get, lambda: jobs.put(2)):
        with pytest.raises(ValueError, match="closed"):
            call()
    jobs.task_done()
    jobs.join()


def test_wrong_arguments_are_type_errors(make_queue: Any) -> None:
    jobs = make_queue()
    with pytest.raises(TypeError):
        jobs.task_done(1)
    with pytest.raises(TypeError):
        jobs.join(1, 2)
    with pytest.raises(TypeError):
        make_queue("1")


def test_pickling_it_anywhere_is_refused(jobs: Any) -> None:
    with pytest.raises(RuntimeError, match="only be shared between processes through inher"):
        pickle.dumps(jobs)


# ---------------------------------------------------------------- between processes


def test_join_waits_for_the_last_task_done_of_another_process(context: Any) -> None:
    jobs = context.JoinableQueue()
    here, there = context.Pipe()
    jobs.put("item")
    with (
        here,
        there,
        running(context, targets.take_and_do_when_told, jobs, there) as process,
    ):
        assert here.poll(DEADLINE)
        assert here.recv() == "taken"
        with when_this_thread_sleeps(lambda: here.send("do it")):
            jobs.join()
            assert here.poll(0)
        assert here.recv() == "done"
        ended_well(process)
    finish(jobs)


def test_what_workers_have_done_is_there_after_join(context: Any) -> None:
    jobs, reports = context.JoinableQueue(5), context.SimpleQueue()
    with (
        running(context, targets.do_and_report_until_none, jobs, reports) as first,
        running(context, targets.do_and_report_until_none, jobs, reports) as second,
    ):
        for turn in range(3):
            for i in range(30):
                jobs.put((turn, i))
            jobs.join()
            got = []
            while not reports.empty():
                got.append(reports.get())
            assert sorted(got) == [(turn, i) for i in range(30)]
        for _ in range(2):
            jobs.put(None)
        jobs.join()
        ended_well(first, second)
    finish(jobs)


def test_others_join_what_this_process_does(context: Any) -> None:
    jobs = context.JoinableQueue()
    jobs.put(1)
    here, there = context.Pipe()
    with here, there, running(context, targets.join_and_tell, jobs, there) as process:
        assert here.poll(DEADLINE)
        wait_until_asleep(here.recv())
        assert jobs.get(timeout=DEADLINE) == 1
        assert not here.poll(0)
        jobs.task_done()
        assert here.poll(DEADLINE)
        assert here.recv() == "joined"
        ended_well(process)
    finish(jobs)


def test_ctrl_c_ends_join_and_changes_nothing(context: Any) -> None:
    jobs = context.JoinableQueue()
    jobs.put(1)
    here, there = context.Pipe()
    with here, there, running(context, be_interrupted, "join", jobs, (), there) as child:
        assert here.poll(DEADLINE)
        assert here.recv() == "waiting"
        wait_until_asleep(child.pid)
        os.kill(child.pid, signal.SIGINT)
        assert here.poll(DEADLINE)
        assert here.recv() == "interrupted"
        jobs.get(timeout=DEADLINE)
        jobs.task_done()
        here.send(None)
        assert here.poll(DEADLINE)
        assert here.recv() in (True, None)
        ended_well(child)
    finish(jobs)


def test_a_grandchild_may_end_what_its_parent_took(shoal_context: Any, start_method: str) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put(1)
    run(shoal_context, targets.do_by_grandchild, jobs, start_method)
    assert jobs.join(DEADLINE) is True


def test_it_travels_to_a_process_that_runs(shoal_context: Any) -> None:
    queues, answers = shoal_context.JoinableQueue(), shoal_context.Queue()
    with running(shoal_context, targets.use_what_comes, queues, answers) as process:
        jobs = shoal_context.JoinableQueue(3)
        jobs.put("first")
        queues.put(jobs)
        assert answers.get(timeout=DEADLINE) == ("JoinableQueue", "first")
        assert jobs.join(DEADLINE)
        simple = shoal_context.SimpleQueue()
        simple.put("second")
        queues.put(simple)
        assert answers.get(timeout=DEADLINE) == ("SimpleQueue", "second")
        queues.put(None)
        ended_well(process)


def test_it_travels_with_what_is_to_be_done() -> None:
    outer: Any = JoinableQueue()
    outer.put({"inner": joinable(1, 2), "itself": outer})
    items = outer.get_nowait()
    inner = items["inner"]
    assert type(inner) is JoinableQueue
    assert inner.get_nowait() == 1
    inner.task_done()
    assert not inner.join(0)
    inner.get_nowait()
    inner.task_done()
    assert inner.join(0)
    items["itself"].task_done()
    assert outer.join(0)


# ---------------------------------------------------------------- what only shoal has


def test_repr_tells_limit_and_items() -> None:
    jobs: Any = JoinableQueue(7)
    jobs.put(1)
    assert repr(jobs) == "<JoinableQueue: 1 of 7 items>"
    jobs.close()
    assert repr(jobs) == "<JoinableQueue: closed>"


@pytest.mark.parametrize("timeout", [0, -1, 0.01, float("-inf")])
def test_join_gives_up_when_its_time_is_over(timeout: float) -> None:
    jobs = joinable(1)
    assert jobs.join(timeout) is False
    jobs.get()
    assert jobs.join(timeout=timeout) is False
    jobs.task_done()
    assert jobs.join(timeout) is True


@pytest.mark.parametrize("timeout", [None, DEADLINE, float("inf"), 1e300])
def test_join_that_was_in_time_says_so(timeout: Any) -> None:
    jobs = joinable(1)
    jobs.get()
    with when_this_thread_sleeps(jobs.task_done):
        assert jobs.join(timeout) is True


def test_a_timeout_of_join_must_be_a_number() -> None:
    jobs = joinable()
    for bad in ("1", [1], object()):
        with pytest.raises(TypeError):
            jobs.join(bad)
    with pytest.raises(ValueError, match="NaN"):
        jobs.join(float("nan"))


def test_batches_count_as_so_many_items() -> None:
    jobs = joinable()
    jobs.put_many(range(300))
    taken = 0
    while taken < 300:
        taken += len(jobs.get_many(70))
    for _ in range(299):
        jobs.task_done()
    assert jobs.join(0) is False
    jobs.task_done()
    assert jobs.join(0) is True
    with pytest.raises(ValueError, match="too many times"):
        jobs.task_done()


def test_an_item_that_cannot_be_pickled_is_none_to_be_done() -> None:
    jobs = joinable()
    with pytest.raises(LookupError):
        jobs.put(targets.Unpicklable())
    assert jobs.join(0) is True


def test_an_item_that_cannot_be_unpickled_is_still_to_be_done() -> None:
    jobs = joinable(targets.BreaksWhenUnpickled(LookupError("no")))
    with pytest.raises(LookupError):
        jobs.get()
    assert jobs.join(0) is False
    jobs.task_done()
    assert jobs.join(0) is True


def test_other_queues_cannot_be_joined() -> None:
    for queue in (Queue(), SimpleQueue()):
        assert not hasattr(queue, "join")
        assert not hasattr(queue, "task_done")


# ---------------------------------------------------------------- names


def test_it_is_opened_by_its_name(shoal_context: Any, name: str) -> None:
    jobs = shoal_context.JoinableQueue(5, name=name)
    other: Any = JoinableQueue.open(name)
    assert (type(other), other.name, other.maxsize) == (JoinableQueue, name, 5)
    jobs.put(1)
    assert repr(other) == f"<JoinableQueue '{name}': 1 of 5 items>"
    assert other.get_nowait() == 1
    assert jobs.join(0) is False
    other.task_done()
    assert jobs.join(0) is True
    JoinableQueue.unlink(name)
    with pytest.raises(FileNotFoundError):
        JoinableQueue.open(name)


@pytest.mark.parametrize("kind", [Queue, SimpleQueue])
def test_one_that_was_made_as_another_cannot_be_opened_as_joinable(kind: Any, name: str) -> None:
    queue = kind(name=name)
    with pytest.raises(TypeError, match="not joinable"):
        JoinableQueue.open(name)
    queue.put("goes on")
    assert kind.open(name).get_nowait() == "goes on"


def test_by_its_descriptor_one_that_is_not_joinable_is_refused() -> None:
    queue: Any = Queue()
    with pytest.raises(TypeError, match="not joinable"):
        JoinableQueue.attach(*(os.dup(fd) for fd in queue.descriptors()))
    queue.put("goes on")
    assert queue.get_nowait() == "goes on"


def test_it_may_be_opened_as_a_queue_whose_items_are_to_be_done(name: str) -> None:
    jobs: Any = JoinableQueue(name=name)
    plain: Any = Queue.open(name)
    plain.put(1)
    assert jobs.join(0) is False
    assert plain.get_nowait() == 1
    jobs.task_done()
    assert jobs.join(0) is True
