"""Items with buffers, which are read where they stand in shared memory."""

from __future__ import annotations

import gc
import os
import pickle
import signal
from typing import Any

import numpy
import pytest

import loan_targets as targets
import shoal
from children import ended_well, killed, run, running
from loan_targets import LARGE, SIZES, array_of, memory_of
from waiting import DEADLINE

COPY = pytest.mark.parametrize("copy", [True, False])


# ---------------------------------------------------------------- items with buffers


@COPY
@pytest.mark.parametrize("size", SIZES)
def test_arrays_arrive_equal_and_writable(size: int, copy: bool) -> None:
    q: Any = shoal.Queue()
    for dtype in ("u1", "f8"):
        array = array_of(size, dtype)
        q.put(array)
        got = q.get(copy=copy)
        assert got.dtype == array.dtype
        numpy.testing.assert_array_equal(got, array)
        if size:
            got[0] = 7
            assert array[0] == 0


@COPY
@pytest.mark.parametrize("size", SIZES)
def test_several_arrays_arrive_in_one_item(size: int, copy: bool) -> None:
    q: Any = shoal.Queue()
    item = {"first": array_of(size), "second": [array_of(size, "i4"), "text"], 3: array_of(5)}
    q.put(item)
    got = q.get(copy=copy)
    assert list(got) == list(item)
    numpy.testing.assert_array_equal(got["first"], item["first"])
    numpy.testing.assert_array_equal(got["second"][0], item["second"][0])
    assert got["second"][1] == "text"
    numpy.testing.assert_array_equal(got[3], item[3])


@COPY
def test_arrays_of_every_form_arrive(copy: bool) -> None:
    q: Any = shoal.Queue()
    base = array_of(1 << 20, "f4").reshape(1024, 1024)
    read_only = base.copy()
    read_only.flags.writeable = False
    for array in (base, base.T, base[::2, ::3], numpy.asfortranarray(base), read_only, base[:0]):
        q.put(array)
        got = q.get(copy=copy)
        numpy.testing.assert_array_equal(got, array)
        assert got.flags.f_contiguous == array.flags.f_contiguous or not array.flags.forc
    assert not got.flags.writeable or not len(got)


@COPY
@pytest.mark.parametrize("size", SIZES)
def test_bytes_arrive_as_bytes_or_a_view_of_them(size: int, copy: bool) -> None:
    q: Any = shoal.Queue()
    item = os.urandom(size)
    q.put(item)
    got = q.get(copy=copy)
    assert bytes(got) == item
    assert isinstance(got, bytes if copy or size < 128 * 1024 else memoryview)
    if isinstance(got, memoryview):
        assert got.readonly


@COPY
@pytest.mark.parametrize(
    "item",
    ["\u00e4" * LARGE, bytearray(LARGE), [1.5] * LARGE, {i: str(i) for i in range(LARGE // 9)}],
)
def test_other_large_items_arrive_whatever_copy_says(item: Any, copy: bool) -> None:
    q: Any = shoal.Queue()
    q.put(item)
    got = q.get(copy=copy)
    assert got == item
    assert type(got) is type(item)


def test_pickle_buffers_arrive_as_buffers() -> None:
    q: Any = shoal.Queue()
    content = os.urandom(LARGE)
    q.put([pickle.PickleBuffer(bytearray(content)), pickle.PickleBuffer(content)])
    writable, read_only = q.get(copy=False)
    assert bytes(writable) == bytes(read_only) == content
    assert not writable.readonly and read_only.readonly
    q.put([pickle.PickleBuffer(bytearray(content)), pickle.PickleBuffer(content)])
    assert [bytes(part) for part in q.get()] == [content, content]


def test_handles_and_arrays_travel_in_one_item() -> None:
    q: Any = shoal.Queue()
    array = array_of(LARGE)
    lock = shoal.Lock()
    q.put((lock, array))
    arrived, got = q.get(copy=False)
    numpy.testing.assert_array_equal(got, array)
    with lock:
        assert not arrived.acquire(block=False)


def test_what_cannot_be_pickled_leaves_the_queue_untouched() -> None:
    q: Any = shoal.Queue()
    with pytest.raises((AttributeError, pickle.PicklingError)):
        q.put([array_of(LARGE), lambda: None])
    assert q.empty()


def test_an_array_that_is_changed_after_put_was_sent_as_it_was() -> None:
    q: Any = shoal.Queue()
    array = array_of(LARGE)
    q.put(array)
    array[:] = 0
    numpy.testing.assert_array_equal(q.get(copy=False), array_of(LARGE))


# ---------------------------------------------------------------- views


def test_views_keep_their_content_while_others_come_and_go() -> None:
    q: Any = shoal.Queue()
    views = []
    for i in range(30):
        q.put(numpy.full(LARGE, i, dtype="u1"))
        views.append(q.get(copy=False))
    del views[10:20]
    for i in range(30):
        q.put(numpy.full(LARGE, 100 + i, dtype="u1"))
    for i, view in zip([*range(10), *range(20, 30)], views, strict=True):
        assert (view == i).all()
    for i in range(30):
        assert (q.get(copy=False) == 100 + i).all()


def test_the_memory_of_a_view_is_free_when_its_last_part_is_gone() -> None:
    q: Any = shoal.Queue()
    q.put([array_of(LARGE), array_of(LARGE)])
    first, second = q.get(copy=False)
    part = first[10:20]
    memory = memory_of(q)
    del first, second
    gc.collect()
    assert bytes(part) == bytes(range(10, 20))
    q.put([array_of(LARGE), array_of(LARGE)])
    assert memory_of(q) > memory, "the part that is left keeps it"
    del part
    memory = memory_of(q)
    q.put([array_of(LARGE), array_of(LARGE)])
    assert memory_of(q) == memory


def test_a_view_outlives_its_queue() -> None:
    q: Any = shoal.Queue()
    q.put(array_of(LARGE))
    view = q.get(copy=False)
    q.close()
    del q
    gc.collect()
    numpy.testing.assert_array_equal(view, array_of(LARGE))


def test_views_of_named_queues(shoal_context: Any) -> None:
    name = f"test-view-{os.getpid()}"
    q: Any = shoal_context.Queue(name=name)
    try:
        other: Any = shoal.queues.Queue.open(name)
        other.put(array_of(LARGE))
        numpy.testing.assert_array_equal(q.get(copy=False), array_of(LARGE))
    finally:
        shoal.queues.Queue.unlink(name)


def test_a_forked_child_reads_its_parents_view_and_does_not_free_it() -> None:
    q: Any = shoal.get_context("fork").Queue()
    q.put(array_of(LARGE))
    view = q.get(copy=False)

    def child() -> None:
        nonlocal view
        assert view[200] == 200
        del view
        gc.collect()
        q.put(numpy.zeros(LARGE, dtype="u1"))

    run(shoal.get_context("fork"), child)
    numpy.testing.assert_array_equal(view, array_of(LARGE))
    assert not q.get().any()


def test_a_killed_holder_of_a_view_frees_it(shoal_context: Any) -> None:
    q = shoal_context.Queue()
    here, there = shoal_context.Pipe()
    q.put(b"view" * LARGE)
    with running(shoal_context, targets.hold_a_view, q, there) as process:
        assert here.recv() == b"view"
        memory = memory_of(q)
        killed(process)
    q.put(b"next" * LARGE)
    assert memory_of(q) == memory
    assert q.get() == b"next" * LARGE


def test_a_stopped_holder_of_a_view_or_loan_keeps_nobody(shoal_context: Any) -> None:
    q = shoal_context.Queue()
    here, there = shoal_context.Pipe()
    q.put(b"view" * LARGE)
    with (
        running(shoal_context, targets.hold_a_view, q, there) as holder,
        running(shoal_context, targets.hold_a_loan, q, there, LARGE) as lender,
    ):
        assert {here.recv(), here.recv()} == {b"view", LARGE}
        for process in (holder, lender):
            os.kill(process.pid, signal.SIGSTOP)
        for i in range(20):
            q.put(array_of(LARGE))
            numpy.testing.assert_array_equal(q.get(copy=i % 2 == 0), array_of(LARGE))
        for process in (holder, lender):
            os.kill(process.pid, signal.SIGCONT)
            killed(process)


def test_arrays_go_through_children_and_are_changed_in_place(shoal_context: Any) -> None:
    requests, replies = shoal_context.Queue(3), shoal_context.Queue()
    with running(shoal_context, targets.double_in_place, requests, replies) as process:
        for i in range(10):
            requests.put(numpy.full(LARGE // 8, i))
            got = replies.get(timeout=DEADLINE, copy=False)
            assert (got == 2 * i).all()
        requests.put(None)
        ended_well(process)
