"""Joinable queues that deliver again what the dead had in hand."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import ended_well, killed, run, running, wait_until_asleep
from shoal.queues import Delivery, JoinableQueue, Queue
from signal_targets import be_interrupted
from waiting import DEADLINE, wait_until

LARGE = b"large" * 60_000


@contextmanager
def holding(context: Any, jobs: Any, count: int) -> Iterator[Any]:
    """A child with so many items in hand."""
    ready, gate = context.Pipe(duplex=False)
    with ready, gate, running(context, targets.hold, jobs, gate, count) as process:
        assert ready.poll(DEADLINE)
        assert ready.recv() == process.pid
        yield process


def lose(context: Any, jobs: Any, count: int) -> None:
    """A child is killed with all the items in hand: who finds the queue empty looks for it."""
    with holding(context, jobs, count) as victim:
        assert jobs.empty()
        killed(victim)


@pytest.fixture
def jobs() -> Any:
    return JoinableQueue(redeliver=True)


# ---------------------------------------------------------------- in one process


def test_it_is_a_joinable_queue_as_others_are(jobs: Any) -> None:
    jobs.join()
    for item in (1, "two", LARGE, [LARGE, {"three": 3.0}], None):
        jobs.put(item)
        assert jobs.get() == item
        assert jobs.join(0) is False
        jobs.task_done()
        assert jobs.join(0) is True
    with pytest.raises(Empty):
        jobs.get_nowait()
    jobs.put_many(range(100))
    assert jobs.get_many(100) == list(range(100))
    for _ in range(100):
        jobs.task_done()
    assert jobs.join() is True


@pytest.mark.parametrize("redeliver", [False, True])
def test_a_first_delivery_counts_one(redeliver: bool) -> None:
    jobs = JoinableQueue(redeliver=redeliver)
    jobs.put("item")
    delivery = jobs.get_delivery()
    assert delivery == ("item", 1)
    assert type(delivery) is Delivery is shoal.Delivery
    assert (delivery.item, delivery.count) == ("item", 1)
    for arguments in ((False,), (True, 0.01)):
        with pytest.raises(Empty):
            jobs.get_delivery(*arguments)
    with pytest.raises(Empty):
        jobs.get_delivery(timeout=0)
    with pytest.raises(TypeError):
        jobs.get_delivery(nonsense=1)


def test_only_joinable_queues_redeliver() -> None:
    for kind in (Queue, shoal.queues.SimpleQueue):
        with pytest.raises(TypeError):
            kind(redeliver=True)
    assert JoinableQueue()._redelivers is False
    assert shoal.JoinableQueue(5, redeliver=True)._redelivers is True


def test_task_done_without_an_item_in_hand_is_refused(jobs: Any) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=r"called too many times: this process has no item"):
            jobs.task_done()
        jobs.put("in the queue")
    jobs.get()
    jobs.task_done()
    with pytest.raises(ValueError, match="too many times"):
        jobs.task_done()


def test_items_with_handles_among_them_are_refused(jobs: Any) -> None:
    with pytest.raises(ValueError, match=r"handles among it cannot be put into.*delivered again"):
        jobs.put(Queue())
    with pytest.raises(ValueError, match="handles") as caught:
        jobs.put_many([1, shoal.Lock()])
    assert caught.value.items_put == 1  # type: ignore[attr-defined]
    assert jobs.get() == 1


def test_an_item_that_cannot_be_unpickled_is_in_hand_all_the_same(jobs: Any) -> None:
    for padding in (0, 200_000):
        jobs.put(targets.BreaksWhenUnpickled(LookupError("no"), padding))
        for get in (jobs.get, jobs.get_delivery):
            with pytest.raises(LookupError, match="no"):
                get()
            assert jobs.join(0) is False
            jobs.task_done()
            assert jobs.join(0) is True
            jobs.put(targets.BreaksWhenUnpickled(LookupError("no"), padding))
        with pytest.raises(LookupError):
            jobs.get()
        jobs.task_done()


def test_what_is_got_without_a_copy_is_one_all_the_same(jobs: Any) -> None:
    jobs.put(LARGE)
    item = jobs.get(copy=False)
    jobs.task_done()
    jobs.put(b"other" * 60_000)
    assert bytes(item) == LARGE
    loan = jobs.loan(200_000)
    memoryview(loan)[:4] = b"loan"
    jobs.put(loan)
    assert bytes(jobs.get()) == b"other" * 60_000
    assert bytes(jobs.get()[:4]) == b"loan"


def test_more_than_can_be_in_hand_is_a_memory_error_and_the_item_stays(jobs: Any) -> None:
    jobs.put_many(range(1025))
    assert [jobs.get() for _ in range(1024)] == list(range(1024))
    with pytest.raises(MemoryError, match="1024 items in hand"):
        jobs.get()
    assert jobs.qsize() == 1
    jobs.task_done()
    assert jobs.get() == 1024


def test_each_thread_ends_what_it_took_itself(jobs: Any) -> None:
    jobs.put_many(["main", "thread", "main"])
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            jobs.get()
            thread = threading.Thread(target=lambda: (jobs.get(), jobs.task_done()))
            thread.start()
            thread.join()
            jobs.get()
            jobs.task_done()  # the older of its own
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert jobs.get_delivery(timeout=DEADLINE) == ("main", 2)
    jobs.task_done()
    assert jobs.join(0) is True


def test_a_fork_has_nothing_of_what_its_parent_took(jobs: Any) -> None:
    jobs.put(1)
    jobs.get()
    pid = os.fork()
    if pid == 0:
        try:
            jobs.task_done()
        except ValueError:
            os._exit(7)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert jobs.join(0.05) is False
    jobs.task_done()
    assert jobs.join(0) is True


# ---------------------------------------------------------------- deaths


@pytest.mark.parametrize("item", ["small", LARGE, [LARGE, 1]], ids=["small", "large", "bundle"])
def test_what_the_dead_had_comes_again(shoal_context: Any, item: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put(item)
    lose(shoal_context, jobs, 1)
    assert jobs.qsize() == 0
    assert jobs.join(0.01) is False
    assert jobs.get_delivery() == (item, 2)
    jobs.put("in the queue")
    assert jobs.get_delivery() == ("in the queue", 1)
    for _ in range(2):
        jobs.task_done()
    assert jobs.join() is True


def test_the_count_rises_and_the_oldest_come_first(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    for count, item in enumerate("abc", 1):
        jobs.put(item)
        lose(shoal_context, jobs, count)
    assert [jobs.get_delivery() for _ in range(3)] == [("a", 4), ("b", 3), ("c", 2)]


def test_what_was_done_does_not_come_again(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put_many(range(3))
    ready, gate = shoal_context.Pipe(duplex=False)
    with ready, gate, running(shoal_context, targets.do_and_hold, jobs, gate, 2) as victim:
        assert ready.poll(DEADLINE)
        killed(victim)
    assert jobs.get_delivery() == (2, 1)
    with pytest.raises(Empty):
        jobs.get_nowait()
    jobs.task_done()
    assert jobs.join() is True


def test_a_consumer_that_ends_with_items_in_hand_is_dead_as_well(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put_many(range(4))
    run(shoal_context, targets.take_and_leave, jobs, 4)
    assert [jobs.get_delivery() for _ in range(4)] == [(i, 2) for i in range(4)]


def test_who_waits_gets_it(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put_many(range(3))
    got: list[Any] = []

    def get() -> None:
        got.append(jobs.get_delivery(timeout=DEADLINE))

    with holding(shoal_context, jobs, 3) as victim:
        threads = [threading.Thread(target=get) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            wait_until_asleep(os.getpid(), thread.native_id)
        assert got == []
        killed(victim)
        wait_until(lambda: len(got) == 3)
        for thread in threads:
            thread.join(DEADLINE)
    assert sorted(got) == [(i, 2) for i in range(3)]


def test_join_waits_for_who_gets_it_next_and_raises_nothing(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put("item")
    lose(shoal_context, jobs, 1)
    assert jobs.join(0.05) is False
    reports = shoal_context.SimpleQueue()
    with running(shoal_context, targets.do_and_report_until_none, jobs, reports) as process:
        assert jobs.join(DEADLINE) is True
        assert reports.get() == "item"
        jobs.put(None)
        ended_well(process)


def test_the_death_of_its_second_holder_is_noticed_too(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put("item")
    with holding(shoal_context, jobs, 1) as first:
        ready, gate = shoal_context.Pipe(duplex=False)
        with ready, gate, running(shoal_context, targets.hold, jobs, gate, 1) as second:
            wait_until_asleep(second.pid)
            killed(first)
            assert ready.poll(DEADLINE)
            killed(second)
    assert jobs.get_delivery(timeout=DEADLINE) == ("item", 3)


def test_after_shutdown_what_the_dead_had_still_comes(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put_many(["taken", "left"])
    with holding(shoal_context, jobs, 1) as victim:
        jobs.shutdown()
        assert jobs.get() == "left"
        with pytest.raises(shoal.ShutDown):
            jobs.get()
        killed(victim)
    assert jobs.get_delivery() == ("taken", 2)
    with pytest.raises(shoal.ShutDown):
        jobs.get()
    for _ in range(2):
        jobs.task_done()
    assert jobs.join() is True


def test_immediate_shutdown_drops_what_the_dead_have(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put_many([1, LARGE, 3])
    with holding(shoal_context, jobs, 2) as victim:
        jobs.shutdown(immediate=True)
        with pytest.raises(shoal.ShutDown):
            jobs.get()
        assert jobs.join(0.01) is False  # what the living have is to be done
        killed(victim)
        assert jobs.join(DEADLINE) is True
    with pytest.raises(shoal.ShutDown):
        jobs.get()


def test_a_deadly_item_is_known_by_its_count(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put_many([*range(10), "deadly", *range(10)])
    reports = shoal_context.SimpleQueue()
    while True:
        with running(shoal_context, targets.do_but_die_of_deadly, jobs, reports, 3) as process:
            wait_until(lambda: process.exitcode is not None or not reports.empty())
            if process.exitcode is None:
                assert reports.get() == ("deadly", 3)
                assert jobs.join(DEADLINE) is True
                return
            assert process.exitcode == -signal.SIGKILL


def test_get_async_sees_it(shoal_context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    jobs.put("item")
    waits = threading.Event()
    poll = JoinableQueue._poll

    def noted(queue: Any, timeout: float | None) -> bool:
        waits.set()
        return poll(queue, timeout)

    monkeypatch.setattr(JoinableQueue, "_poll", noted, raising=False)

    async def get(victim: Any) -> Any:
        task = asyncio.create_task(jobs.get_async())
        assert await asyncio.to_thread(waits.wait, DEADLINE)
        assert not task.done()
        os.kill(victim.pid, signal.SIGKILL)
        return await asyncio.wait_for(task, DEADLINE)

    with holding(shoal_context, jobs, 1) as victim:
        assert asyncio.run(get(victim)) == "item"
    jobs.task_done()
    assert jobs.join() is True


def test_ctrl_c_ends_get_and_nothing_is_lost(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    here, there = shoal_context.Pipe()
    with here, there, running(shoal_context, be_interrupted, "get", jobs, (), there) as child:
        assert here.poll(DEADLINE)
        assert here.recv() == "waiting"
        wait_until_asleep(child.pid)
        os.kill(child.pid, signal.SIGINT)
        assert here.poll(DEADLINE)
        assert here.recv() == "interrupted"
        jobs.put("item")
        here.send(None)
        assert here.poll(DEADLINE)
        assert here.recv() == "item"
        ended_well(child)
    assert jobs.get_delivery(timeout=DEADLINE) == ("item", 2)  # it ended without task_done
    jobs.task_done()
    assert jobs.join() is True


def test_by_its_name_it_is_the_same(shoal_context: Any) -> None:
    name = f"test-{os.getpid()}-redeliver"
    jobs = shoal_context.JoinableQueue(name=name, redeliver=True)
    try:
        same = JoinableQueue.open(name)
        assert same._redelivers is True
        jobs.put("item")
        lose(shoal_context, same, 1)
        assert same.get_delivery() == ("item", 2)
    finally:
        JoinableQueue.unlink(name)


def test_workers_that_are_killed_again_and_again_lose_nothing(shoal_context: Any) -> None:
    jobs = shoal_context.JoinableQueue(redeliver=True)
    reports = shoal_context.Queue()
    items = [i if i % 10 else (i, LARGE) for i in range(60)]
    jobs.put_many(items)
    for i in range(4):
        with running(shoal_context, targets.do_and_report_until_none, jobs, reports) as process:
            wait_until(lambda i=i: reports.qsize() > 5 * i)  # type: ignore[misc]
            os.kill(process.pid, signal.SIGKILL)
            process.join(DEADLINE)
    with running(shoal_context, targets.do_and_report_until_none, jobs, reports) as process:
        assert jobs.join(DEADLINE) is True
        jobs.put(None)
        ended_well(process)
    got = [reports.get() for _ in range(reports.qsize())]
    assert got.pop() is None
    assert [item for item in items if item not in got] == []
    assert len(got) <= len(items) + 4  # again only what one had that was killed
