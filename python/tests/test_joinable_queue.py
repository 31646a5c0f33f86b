"""Joinable queues: the contract that they share with the standard library's, and consumers' death.

Tests that take `context` or `make_queue` run for shoal and for the standard library.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, Full
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import (
    PACKAGES,
    ended_well,
    finish,
    killed,
    run,
    running,
    wait_until_asleep,
    when_this_thread_sleeps,
)
from shoal.queues import JoinableQueue, Queue, SimpleQueue
from signal_targets import be_interrupted
from waiting import DEADLINE, wait_until


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


@contextmanager
def holding(context: Any, jobs: Any, count: int) -> Iterator[Any]:
    """A child with so many items in hand."""
    ready, gate = context.Pipe(duplex=False)
    with ready, gate, running(context, targets.hold, jobs, gate, count) as process:
        assert ready.poll(DEADLINE)
        assert ready.recv() == process.pid
        yield process


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


# ---------------------------------------------------------------- death


def test_a_consumer_that_was_killed_before_join_is_named(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(3))
    with holding(shoal_context, jobs, 2) as victim:
        assert jobs.join(0) is False  # who holds them is alive
        killed(victim)
        for timeout in (None, DEADLINE):
            with pytest.raises(shoal.ConsumerDiedError, match="2 items") as caught:
                jobs.join(timeout)
            assert (caught.value.pid, caught.value.items) == (victim.pid, 2)
    jobs.get()
    jobs.task_done()
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    assert caught.value.items == 2


def test_a_consumer_that_is_killed_while_join_waits_is_named(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put(1)
    with holding(shoal_context, jobs, 1) as victim:
        with (
            when_this_thread_sleeps(lambda: os.kill(victim.pid, signal.SIGKILL)),
            pytest.raises(shoal.ConsumerDiedError, match=f"process {victim.pid} died") as caught,
        ):
            jobs.join()
        assert (caught.value.pid, caught.value.items) == (victim.pid, 1)
        assert isinstance(caught.value, RuntimeError)


def test_join_goes_on_when_all_was_done_for_the_dead(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(3))
    with holding(shoal_context, jobs, 3) as victim:
        pid = victim.pid
        killed(victim)
    for left in (3, 2, 1):
        with pytest.raises(shoal.ConsumerDiedError) as caught:
            jobs.join(DEADLINE)
        assert (caught.value.pid, caught.value.items) == (pid, left)
        jobs.task_done()
    assert jobs.join(0) is True
    with pytest.raises(ValueError, match="too many times"):
        jobs.task_done()
    jobs.put("next")
    assert jobs.join(0) is False
    jobs.get()
    jobs.task_done()
    assert jobs.join(0) is True


def test_another_process_may_do_it_for_the_dead(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(2))
    with holding(shoal_context, jobs, 2) as victim:
        killed(victim)
    run(shoal_context, targets.do_for_others, jobs, 2)
    assert jobs.join(0) is True


def test_several_dead_are_counted_together(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(6))
    with ExitStack() as stack:
        victims = [stack.enter_context(holding(shoal_context, jobs, i)) for i in (1, 2, 3)]
        pids = [victim.pid for victim in victims]
        for victim, items in zip(victims, (1, 3, 6), strict=True):
            killed(victim)
            with pytest.raises(shoal.ConsumerDiedError) as caught:
                jobs.join(DEADLINE)
            assert caught.value.items == items
            assert caught.value.pid in pids
    for _ in range(6):
        jobs.task_done()
    assert jobs.join(0) is True


def test_a_consumer_that_ends_with_items_in_hand_is_dead_as_well(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(4))
    run(shoal_context, targets.take_and_leave, jobs, 4)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    assert caught.value.items == 4


def test_a_consumer_that_had_done_all_is_not_missed(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(3))
    ready, gate = shoal_context.Pipe(duplex=False)
    with ready, gate, running(shoal_context, targets.do_and_hold, jobs, gate, 2) as victim:
        assert ready.poll(DEADLINE)
        killed(victim)
    assert jobs.join(0.05) is False
    jobs.get()
    jobs.task_done()
    assert jobs.join() is True


def test_a_consumer_that_waits_for_an_item_has_none_in_hand(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    ready, gate = shoal_context.Pipe(duplex=False)
    with ready, gate, running(shoal_context, targets.hold, jobs, gate, 1) as victim:
        wait_until_asleep(victim.pid)
        killed(victim)
    jobs.put(1)
    assert jobs.join(0.05) is False
    jobs.get()
    jobs.task_done()
    assert jobs.join() is True


def test_a_batch_in_the_hand_of_the_dead_is_missed_as_a_whole(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(50))
    ready, gate = shoal_context.Pipe(duplex=False)
    with ready, gate, running(shoal_context, targets.hold_batch, jobs, gate, 20) as victim:
        assert ready.poll(DEADLINE)
        assert ready.recv() == list(range(20))
        pid = victim.pid
        killed(victim)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    assert (caught.value.pid, caught.value.items) == (pid, 20)
    assert jobs.get_many(100) == list(range(20, 50))


def test_what_the_living_end_of_their_own_does_not_hide_the_dead(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(6))
    with holding(shoal_context, jobs, 1) as victim:
        pid = victim.pid
        killed(victim)
    for _ in range(5):
        jobs.get()
        jobs.task_done()
        with pytest.raises(shoal.ConsumerDiedError) as caught:
            jobs.join(DEADLINE)
        assert (caught.value.pid, caught.value.items) == (pid, 1)
    jobs.task_done()
    assert jobs.join(0) is True


def test_an_item_that_was_done_for_the_living_hides_none_of_the_dead(shoal_context: Any) -> None:
    """One takes, another ends: that says nothing of a third, who dies afterwards."""
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(2))
    with holding(shoal_context, jobs, 1) as first:
        jobs.task_done()  # what the first has
        killed(first)
    assert jobs.join(0.05) is False
    with holding(shoal_context, jobs, 1) as second:
        pid = second.pid
        killed(second)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join(DEADLINE)
    assert (caught.value.pid, caught.value.items) == (pid, 1)


def test_all_who_join_learn_of_the_death(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put(1)
    told: list[Any] = []

    def join() -> None:
        try:
            jobs.join()
        except shoal.ConsumerDiedError as error:
            told.append((error.pid, error.items))

    with holding(shoal_context, jobs, 1) as victim:
        threads = [threading.Thread(target=join) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            wait_until_asleep(os.getpid(), thread.native_id)
        killed(victim)
        wait_until(lambda: len(told) == 4)
        for thread in threads:
            thread.join(DEADLINE)
        assert told == [(victim.pid, 1)] * 4


def test_the_death_of_who_joins_stops_nobody(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put(1)
    here, there = shoal_context.Pipe()
    with here, there, running(shoal_context, targets.join_and_tell, jobs, there) as victim:
        assert here.poll(DEADLINE)
        wait_until_asleep(here.recv())
        killed(victim)
    jobs.get()
    with when_this_thread_sleeps(jobs.task_done):
        assert jobs.join(DEADLINE) is True


def test_a_dead_producer_is_no_consumer(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    run(shoal_context, targets.put_all, jobs, 1, 2)
    assert jobs.join(0.05) is False
    for _ in range(2):
        jobs.get()
        jobs.task_done()
    assert jobs.join() is True


# ---------------------------------------------------------------- forks


def test_a_fork_holds_nothing_of_what_its_parent_took() -> None:
    jobs = joinable(1, 2)
    for _ in range(2):
        jobs.get()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert jobs.join(0.05) is False  # this process lives and has them
    pid = os.fork()
    if pid == 0:
        try:
            jobs.task_done()
            jobs.task_done()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert jobs.join(0) is True


def test_what_a_fork_takes_is_its_own() -> None:
    jobs = joinable(1, 2)
    jobs.get()
    pid = os.fork()
    if pid == 0:
        try:
            jobs.get()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    assert (caught.value.pid, caught.value.items) == (pid, 1)


def test_the_death_of_a_holder_that_has_forked_is_noticed(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put_many(range(2))
    here, there = shoal_context.Pipe()
    with here, running(shoal_context, targets.hold_and_fork, jobs, there, 2) as victim:
        there.close()
        assert here.poll(DEADLINE)
        assert here.recv() == "forked"
        killed(victim)
        with pytest.raises(shoal.ConsumerDiedError) as caught:
            jobs.join()
        assert (caught.value.pid, caught.value.items) == (victim.pid, 2)
        here.send("do it")
        assert here.poll(DEADLINE)
        assert here.recv() == "done"
        assert jobs.join(DEADLINE) is True
        assert here.poll(DEADLINE)
        with pytest.raises(EOFError):
            here.recv()  # the fork has ended


# ---------------------------------------------------------------- the error


def test_the_error_can_be_pickled(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue()
    jobs.put(1)
    run(shoal_context, targets.take_and_leave, jobs, 1)
    with pytest.raises(shoal.ConsumerDiedError) as caught:
        jobs.join()
    same = pickle.loads(pickle.dumps(caught.value))
    assert type(same) is shoal.ConsumerDiedError is shoal.queues.ConsumerDiedError
    assert (str(same), same.pid, same.items) == (str(caught.value), caught.value.pid, 1)
