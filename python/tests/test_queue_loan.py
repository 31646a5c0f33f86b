"""Items that are written where they stand in shared memory."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import queue
import signal
import threading
from typing import Any

import numpy
import pytest

import loan_targets as targets
import shoal
from children import ended_well, killed, run, running
from loan_targets import LARGE, SIZES, array_of, memory_of
from waiting import DEADLINE, wait_until

COPY = pytest.mark.parametrize("copy", [True, False])


@COPY
@pytest.mark.parametrize("size", SIZES)
def test_a_loan_arrives_as_the_bytes_that_were_written(size: int, copy: bool) -> None:
    q: Any = shoal.Queue()
    loan = q.loan(size)
    assert isinstance(loan, shoal.Loan)
    assert len(loan) == size
    content = os.urandom(size)
    memoryview(loan)[:] = content
    q.put(loan)
    assert len(loan) == 0
    assert bytes(q.get(copy=copy)) == content


@COPY
def test_an_array_in_a_loan_is_put_without_a_copy(copy: bool) -> None:
    q: Any = shoal.Queue()
    memory = None
    for i in range(20):
        loan = q.loan(8 * LARGE)
        array = numpy.frombuffer(loan, dtype="f8").reshape(300, 1000)
        array[:] = i
        if memory is None:
            memory = memory_of(q)
        q.put({"array": array, "number": i})
        assert memory_of(q) == memory, "it was copied"
        with pytest.raises(BufferError):
            memoryview(loan)
        del array
        got = q.get(copy=copy)
        assert got["number"] == i
        assert got["array"].shape == (300, 1000)
        assert (got["array"] == i).all()
        del got


def test_several_arrays_share_a_loan() -> None:
    q: Any = shoal.Queue()
    loan = q.loan(1 << 20)
    halves = numpy.frombuffer(loan, dtype="f4").reshape(2, -1)
    halves[0], halves[1] = 1, 2
    memory = memory_of(q)
    q.put([halves[0], halves[1], "both"])
    assert memory_of(q) == memory
    one, two, text = q.get(copy=False)
    assert (one == 1).all() and (two == 2).all() and text == "both"


def test_what_lies_not_all_in_one_loan_is_copied_and_the_loan_stays() -> None:
    q: Any = shoal.Queue()
    other: Any = shoal.Queue()
    loan = q.loan(LARGE)
    inside = numpy.frombuffer(loan, dtype="u1")
    inside[:] = 5
    q.put([inside, array_of(LARGE)])
    other.put(inside)
    other.put(loan)
    other.put({"nested": loan})
    assert len(loan) == LARGE
    assert (q.get()[0] == 5).all()
    assert (other.get() == 5).all()
    assert other.get() == b"\5" * LARGE
    assert bytes(other.get()["nested"]) == b"\5" * LARGE
    # A pickle that has no room beside it.
    q.put([inside, "x" * 10_000])
    assert len(loan) == LARGE
    assert (q.get()[0] == 5).all()


def test_a_loan_that_finds_the_queue_full_stays() -> None:
    q: Any = shoal.Queue(1)
    q.put(1)
    loan = q.loan(LARGE)
    memoryview(loan)[:] = b"l" * LARGE
    with pytest.raises(queue.Full):
        q.put_nowait(loan)
    with pytest.raises(queue.Full):
        q.put(loan, timeout=0.01)
    with pytest.raises(queue.Full) as raised:
        q.put_many([loan, 2], timeout=0.01)
    assert raised.value.items_put == 0  # type: ignore[attr-defined]
    assert q.get() == 1
    q.put(loan)
    assert q.get() == b"l" * LARGE


def test_what_is_put_of_a_part_of_a_loan_leaves_the_rest() -> None:
    q: Any = shoal.Queue(1)
    q.put(0)
    loan = q.loan(1 << 20)
    array = numpy.frombuffer(loan, dtype="u1")
    array[:] = 5
    with pytest.raises(queue.Full):
        q.put(array[:500_000], timeout=0)
    with pytest.raises(queue.Full):
        q.put([array[200_000 + i * 2000 :][: 16 << 10] for i in range(400)], timeout=0)
    assert (array == 5).all()
    assert q.get() == 0
    q = shoal.Queue()
    loan = q.loan(1 << 20)
    array = numpy.frombuffer(loan, dtype="u1")
    array[:] = 5
    q.put_many([array[:500_000], array[500_000:]])
    assert all((part == 5).all() for part in q.get_many(2))


def test_an_array_over_a_loan_that_was_put_can_be_looked_at_without_the_queue() -> None:
    q: Any = shoal.Queue()
    loan = q.loan(1 << 20)
    array = numpy.frombuffer(loan, dtype="u1")
    array[:] = 3
    q.put(array)
    q.close()
    del q, loan
    gc.collect()
    assert array[-1] == 3


def test_a_loan_that_is_being_put_cannot_be_released() -> None:
    q: Any = shoal.Queue(1)
    q.put(0)
    loan = q.loan(LARGE)
    putter = threading.Thread(target=q.put, args=(loan,))
    putter.start()
    wait_until(lambda: len(loan) == 0)
    with pytest.raises(BufferError, match="being put"):
        loan.release()
    with pytest.raises(ValueError, match="being put"):
        q.put(loan)
    assert q.get() == 0
    putter.join()
    assert len(q.get()) == LARGE
    with pytest.raises(ValueError, match="was put"):
        q.put(loan)


def test_a_cancelled_put_async_gives_its_loan_back_at_once() -> None:
    q: Any = shoal.Queue(1)
    q.put(0)
    loan = q.loan(LARGE)
    content = bytearray(LARGE)

    async def cancelled(item: Any) -> None:
        task = asyncio.ensure_future(q.put_async(item))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled(loan))
    assert len(loan) == LARGE
    asyncio.run(cancelled(pickle.PickleBuffer(content)))
    content.append(1)
    q.shutdown()
    with pytest.raises(shoal.ShutDown) as raised:
        asyncio.run(q.put_async(loan))
    assert raised.value.__traceback__ is not None
    assert len(loan) == LARGE


def test_loans_in_a_batch_keep_their_place() -> None:
    q: Any = shoal.Queue()
    loans = [q.loan(size) for size in (10, LARGE)]
    for loan in loans:
        memoryview(loan)[:] = b"b" * len(loan)
    q.put_many([1, loans[0], array_of(LARGE), loans[1], "end"])
    one, small, array, large, end = q.get_many(10)
    assert (one, small, large, end) == (1, b"b" * 10, b"b" * LARGE, "end")
    numpy.testing.assert_array_equal(array, array_of(LARGE))


def test_a_loan_is_released_by_hand_and_with_its_last_reference() -> None:
    q: Any = shoal.Queue()
    loan = q.loan(LARGE)
    memory = memory_of(q)
    view = memoryview(loan)
    with pytest.raises(BufferError, match="in use by 1"):
        loan.release()
    view.release()
    loan.release()
    loan.release()
    assert len(loan) == 0
    with pytest.raises(ValueError, match="put or released"):
        q.put(loan)
    q.loan(LARGE)
    q.loan(LARGE)
    assert memory_of(q) == memory


def test_misuse_of_loans() -> None:
    q: Any = shoal.Queue()
    with pytest.raises(ValueError, match="-1"):
        q.loan(-1)
    with pytest.raises(TypeError):
        q.loan("large")
    with pytest.raises(MemoryError):
        q.loan(1 << 60)
    with pytest.raises(TypeError):
        shoal.Loan()
    loan = q.loan(10)
    q.shutdown()
    with pytest.raises(shoal.ShutDown):
        q.loan(10)
    with pytest.raises(shoal.ShutDown):
        q.put(loan)
    q.close()
    with pytest.raises(ValueError, match="closed"):
        q.loan(10)
    limited: Any = shoal.Queue(max_bytes=LARGE)
    with pytest.raises(ValueError, match="max_bytes"):
        limited.loan(LARGE + 1)


def test_more_loans_than_there_are_extents() -> None:
    q: Any = shoal.Queue()
    loans = [q.loan(8) for _ in range(1024)]
    with pytest.raises(MemoryError, match="1024"):
        q.loan(8)
    q.put(array_of(LARGE))  # goes another way
    numpy.testing.assert_array_equal(q.get(copy=False), array_of(LARGE))
    del loans
    q.put(q.loan(LARGE))
    assert len(q.get()) == LARGE


def test_a_loan_belongs_to_the_process_that_was_given_it() -> None:
    q: Any = shoal.get_context("fork").Queue()
    loan = q.loan(LARGE)
    memoryview(loan)[:] = b"p" * LARGE

    def child() -> None:
        with pytest.raises((RuntimeError, ValueError)):
            q.put(loan)

    run(shoal.get_context("fork"), child)
    q.put(loan)
    assert q.get() == b"p" * LARGE


def test_loans_of_children_arrive(shoal_context: Any) -> None:
    q = shoal_context.Queue()
    with running(shoal_context, targets.write_into_loans, q, 20, LARGE) as process:
        for i in range(20):
            view = q.get(timeout=DEADLINE, copy=False)
            assert bytes(view[:2]) == bytes([i, i]) and view[-1] == i
        ended_well(process)


def test_what_a_killed_process_had_lent_is_free_and_what_it_put_is_there(
    shoal_context: Any,
) -> None:
    q = shoal_context.Queue()
    here, there = shoal_context.Pipe()
    with running(shoal_context, targets.hold_a_loan, q, there, LARGE) as process:
        assert here.recv() == LARGE
        memory = memory_of(q)
        killed(process)
    q.put(q.loan(LARGE))
    assert memory_of(q) == memory
    assert len(q.get()) == LARGE
    process = shoal_context.Process(target=targets.put_a_loan_and_die, args=(q, LARGE))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert q.get(timeout=DEADLINE) == b"x" * LARGE
    process.close()


def test_memory_comes_back_when_the_queue_was_drained() -> None:
    q: Any = shoal.Queue()
    for _ in range(8):
        q.put(array_of(4 << 20))
    while not q.empty():
        q.get(copy=False)

    def is_small() -> bool:
        with pytest.raises(queue.Empty):
            q.get(timeout=0.05)
        return memory_of(q) < 1 << 20

    wait_until(is_small)


@pytest.mark.parametrize("cls", [shoal.Queue, shoal.JoinableQueue, shoal.SimpleQueue])
def test_all_queues_have_loans_and_views(cls: Any) -> None:
    q = cls()
    loan = q.loan(LARGE)
    q.put(numpy.frombuffer(loan, dtype="u1"))
    assert len(q.get(copy=False)) == LARGE


def test_copy_is_a_keyword_alone() -> None:
    q: Any = shoal.Queue()
    q.put(1)
    q.put(2)
    assert q.get(True, None, copy=False) == 1
    assert q.get(copy=True, block=False, timeout=None) == 2
    with pytest.raises(TypeError):
        q.get(True, None, False)
    with pytest.raises(TypeError):
        q.get(copies=False)
    with pytest.raises(queue.Empty):
        q.get(block=False, copy=False)
