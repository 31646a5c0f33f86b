"""Several items at once: put_many and get_many of the three queues."""

from __future__ import annotations

import gc
import itertools
import queue as standard
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Full
from typing import Any

import pytest

import queue_family_targets as targets
import shoal
from children import ended_well, killed, running, when_this_thread_sleeps
from shoal.queues import JoinableQueue, Queue, SimpleQueue
from waiting import DEADLINE, descriptors

LARGE = b"large" * 40_000  # more than one hold of the lock may copy


@pytest.fixture(params=[Queue, JoinableQueue, SimpleQueue])
def queue(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield request.param()
    request.node.funcargs.clear()  # type: ignore[attr-defined]  # the last test's live on


# ---------------------------------------------------------------- order and limits


@pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 129, 1000, 20_000])
def test_a_batch_comes_in_its_order(queue: Any, count: int) -> None:
    assert queue.put_many(range(count)) is None
    assert queue.qsize() == count
    if count:
        assert queue.get_many(count) == list(range(count))
    with pytest.raises(Empty):
        queue.get_many(1, block=False)


@pytest.mark.parametrize(
    "items",
    [[1, 2, 3], (1, 2, 3), {1: "a", 2: "b", 3: "c"}, range(1, 4), iter([1, 2, 3])],
    ids=["list", "tuple", "dict", "range", "iterator"],
)
def test_anything_that_can_be_iterated_is_a_batch(items: Any) -> None:
    queue: Any = Queue()
    queue.put_many(items)
    assert queue.get_many(10) == [1, 2, 3]


def test_a_generator_is_a_batch_and_may_use_the_queue() -> None:
    queue: Any = Queue()

    def items() -> Iterator[Any]:
        yield from range(300)
        queue.put("from inside")
        yield "last"

    queue.put_many(items())
    assert sorted(queue.get_many(1000), key=str) == sorted(
        [*range(300), "from inside", "last"], key=str
    )


def test_what_a_generator_raises_is_raised() -> None:
    queue: Any = Queue()

    def items() -> Iterator[int]:
        yield from range(300)
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more") as caught:
        queue.put_many(items())
    assert queue.qsize() == getattr(caught.value, "items_put", 0)


def test_single_items_and_batches_go_together(queue: Any) -> None:
    queue.put(1)
    queue.put_many([2, 3])
    queue.put(4)
    assert queue.get() == 1
    assert queue.get_many(2) == [2, 3]
    queue.put_many([5])
    assert queue.get_many(99) == [4, 5]


def test_no_more_than_max_are_taken(queue: Any) -> None:
    queue.put_many(range(300))
    taken: list[int] = []
    for most in (1, 2, 100, 1):
        batch = queue.get_many(most)
        assert len(batch) == most
        taken += batch
    assert taken == list(range(104))
    assert queue.get_many(sys.maxsize) == list(range(104, 300))


def test_items_of_all_kinds_keep_what_they_are(queue: Any) -> None:
    items = [
        None,
        True,
        1,
        -(2**63),
        2**64,
        2.5,
        float("inf"),
        "text",
        b"",
        b"x" * 255,
        (),
        [1, {}],
    ]
    queue.put_many(items)
    got = queue.get_many(100)
    assert got == items
    assert [type(item) for item in got] == [type(item) for item in items]


@pytest.mark.parametrize("most", [0, -1, -(2**40)])
def test_at_least_one_item_must_be_asked_for(queue: Any, most: int) -> None:
    queue.put(1)
    with pytest.raises(ValueError, match="at least 1"):
        queue.get_many(most)
    assert queue.get_many(True) == [1]  # as an integer


@pytest.mark.parametrize(
    ("method", "args", "kwargs"),
    [
        ("get_many", (), {}),
        ("get_many", ("3",), {}),
        ("get_many", (1.5,), {}),
        ("get_many", (None,), {}),
        ("get_many", (1, True, None, 1), {}),
        ("get_many", (1,), {"max": 1}),
        ("get_many", (1,), {"most": 1}),
        ("get_many", (1,), {"timeout": "soon"}),
        ("put_many", (), {}),
        ("put_many", (5,), {}),
        ("put_many", (None,), {}),
        ("put_many", ([1], True, None, 1), {}),
        ("put_many", ([1],), {"objs": [1]}),
        ("put_many", ([1],), {"items": [1]}),
        ("put_many", ([1],), {"timeout": "soon"}),
    ],
)
def test_wrong_arguments_are_type_errors(method: str, args: Any, kwargs: Any) -> None:
    queue: Any = Queue()
    queue.put("only")
    with pytest.raises(TypeError):
        getattr(queue, method)(*args, **kwargs)
    assert queue.qsize() == 1


def test_arguments_may_be_given_by_name() -> None:
    queue: Any = Queue()
    queue.put_many(objs=[1, 2, 3], block=False, timeout=None)
    assert queue.get_many(timeout=0, max=2) == [1, 2]
    assert queue.get_many(1, False) == [3]
    with pytest.raises(OverflowError):
        queue.get_many(2**70)
    for call in (queue.put_many, queue.get_many):
        with pytest.raises(ValueError, match="NaN"):
            call([1] if call == queue.put_many else 1, timeout=float("nan"))


def test_a_closed_queue_refuses_batches(queue: Any) -> None:
    queue.put(1)
    queue.close()
    for call in (lambda: queue.put_many([1]), lambda: queue.get_many(1)):
        with pytest.raises(ValueError, match="closed"):
            call()
    with pytest.raises(ValueError) as caught:
        queue.put_many([1])
    assert caught.value.items_put == 0  # type: ignore[attr-defined]


def test_nothing_is_put_of_an_iterable_that_breaks(queue: Any) -> None:
    def breaks() -> Any:
        yield 1
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken") as caught:
        queue.put_many(breaks())
    assert caught.value.items_put == 0  # type: ignore[attr-defined]
    assert queue.empty()


# ---------------------------------------------------------------- waiting


@pytest.mark.parametrize("timeout", [None, DEADLINE])
def test_get_many_waits_for_the_first_item_only(queue: Any, timeout: Any) -> None:
    with when_this_thread_sleeps(lambda: queue.put("at last")):
        assert queue.get_many(10, timeout=timeout) == ["at last"]


@pytest.mark.parametrize(
    "kwargs", [{"block": False}, {"timeout": 0}, {"timeout": -1}, {"timeout": 0.01}]
)
def test_get_many_of_an_empty_queue_and_put_many_to_a_full_one_give_up(kwargs: Any) -> None:
    queue: Any = Queue(3)
    with pytest.raises(Empty):
        queue.get_many(3, **kwargs)
    with pytest.raises(Full) as caught:
        queue.put_many(range(5), **kwargs)
    assert caught.value.items_put == 3  # type: ignore[attr-defined]
    with pytest.raises(Full) as caught:
        queue.put_many(range(5), **kwargs)
    assert caught.value.items_put == 0  # type: ignore[attr-defined]
    assert queue.get_many(10) == [0, 1, 2]


def test_put_many_that_is_full_after_several_batches_counts_them_all() -> None:
    queue: Any = Queue(1000)
    with pytest.raises(Full) as caught:
        queue.put_many(range(1500), timeout=0.01)
    assert caught.value.items_put == 1000  # type: ignore[attr-defined]
    assert queue.get_many(5000) == list(range(1000))


@pytest.mark.parametrize("timeout", [None, DEADLINE])
def test_put_many_waits_for_room(timeout: Any) -> None:
    queue: Any = Queue(2)
    taken: list[int] = []
    thread = threading.Thread(
        target=queue.put_many, args=(range(500),), kwargs={"timeout": timeout}
    )
    thread.start()
    while len(taken) < 500:
        taken += queue.get_many(3, timeout=DEADLINE)
    thread.join(DEADLINE)
    assert taken == list(range(500))
    assert queue.empty()


def test_each_of_those_who_wait_has_one_of_a_batch(queue: Any) -> None:
    got: list[int] = []
    threads = [
        threading.Thread(target=lambda: got.append(queue.get(timeout=DEADLINE))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    queue.put_many(range(6))
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(got) == list(range(6))


# ---------------------------------------------------------------- large items and handles


def test_large_items_stand_in_a_batch_as_others_do(queue: Any) -> None:
    items = [1, LARGE, 2, [LARGE, LARGE], "x" * 100_000, 3, *range(200), b"y" * 65_536, LARGE]
    queue.put_many(items)
    assert queue.qsize() == len(items)
    assert queue.get_many(len(items)) == items
    queue.put_many(items)
    assert queue.get_many(2) == items[:2]
    assert queue.get_many(3) == items[2:5]
    assert queue.get_many(1000) == items[5:]


@pytest.mark.parametrize("size", [1, 1000, 4095, 4096, 65_519, 65_520, 65_536, 65_537, 300_000])
def test_items_of_any_size_fit(size: int) -> None:
    queue: Any = Queue()
    items = [bytes([i]) * size for i in range(20)]
    queue.put_many(items)
    assert queue.get_many(20) == items


def test_a_full_queue_takes_large_items_one_by_one() -> None:
    queue: Any = Queue(2)
    with pytest.raises(Full) as caught:
        queue.put_many([LARGE] * 4, block=False)
    assert caught.value.items_put == 2  # type: ignore[attr-defined]
    assert queue.get_many(4) == [LARGE] * 2


def test_handles_travel_among_other_items(queue: Any) -> None:
    event, inner = shoal.Event(), shoal.JoinableQueue()
    inner.put("inside")
    queue.put_many([1, event, "two", [inner, LARGE], event, 3, inner])
    one, first, two, (queue_inside, large), second, three, last = queue.get_many(7)
    assert (one, two, three) == (1, "two", 3)
    assert large == LARGE
    event.set()
    assert first.is_set()
    assert second.is_set()
    assert type(last) is type(queue_inside) is JoinableQueue
    assert last.get() == "inside"


def test_nothing_is_left_of_handles_in_batches() -> None:
    queue: Any = Queue()
    handles = [shoal.Queue(), shoal.Event(), shoal.Lock()]
    queue.put_many(handles)
    queue.get_many(3)
    gc.collect()  # those of other tests
    before = len(descriptors())
    for _ in range(20):
        queue.put_many(handles)
        assert len(queue.get_many(3)) == 3
    gc.collect()
    assert len(descriptors()) == before


# ---------------------------------------------------------------- between processes


@pytest.mark.parametrize("maxsize", [0, 7])
def test_all_batches_arrive_once_and_each_producers_in_order(
    shoal_context: Any, maxsize: int
) -> None:
    queue, taken = shoal_context.Queue(maxsize), shoal_context.Queue()
    with (
        running(shoal_context, targets.put_batches, queue, 0, 10, 60) as one,
        running(shoal_context, targets.put_batches, queue, 1, 10, 60) as other,
        running(shoal_context, targets.take_batches, queue, 25, taken) as first,
        running(shoal_context, targets.take_batches, queue, 3, taken) as second,
    ):
        ended_well(one, other)
        queue.put(None)
        lists = [taken.get(timeout=DEADLINE) for _ in range(2)]
        ended_well(first, second)
    for took in lists:
        for who in range(2):
            numbers = [number for producer, number in took if producer == who]
            assert numbers == sorted(numbers)
    everything = [(who, number) for who in range(2) for number in range(600)]
    assert sorted(itertools.chain(*lists)) == everything


def test_a_consumer_that_dies_with_a_batch_loses_that_and_no_more(shoal_context: Any) -> None:
    queue = shoal_context.Queue()
    queue.put_many(range(100))
    with running(shoal_context, targets.take_batch_and_die, queue, 30) as process:
        process.join(DEADLINE)
        assert process.exitcode == -9
    assert queue.qsize() == 70
    assert queue.get_many(100) == list(range(30, 100))


def test_a_producer_that_is_killed_has_put_the_first_so_many(shoal_context: Any) -> None:
    queue = shoal_context.Queue(200)
    ready, gate = shoal_context.Pipe(duplex=False)
    with ready, gate, running(shoal_context, targets.put_batches_for_ever, queue, gate) as victim:
        assert ready.poll(DEADLINE)
        got: list[int] = []
        while len(got) < 5000:
            got += queue.get_many(30, timeout=DEADLINE)
        killed(victim)
    with suppress(Empty):
        while True:
            got += queue.get_many(100, block=False)
    assert got == list(range(len(got)))
    queue.put_many(["goes", "on"])
    assert queue.get_many(2) == ["goes", "on"]


def test_a_consumer_that_is_killed_in_the_middle_takes_whole_batches(shoal_context: Any) -> None:
    """What is left begins where a batch ended, and has no gap."""
    queue = shoal_context.JoinableQueue()
    queue.put_many(range(30_000))
    ready, gate = shoal_context.Pipe(duplex=False)
    with ready, gate, running(shoal_context, targets.take_batches_for_ever, queue, gate) as victim:
        assert ready.poll(DEADLINE)
        killed(victim)
    left = queue.qsize()
    assert left % 20 == 0
    if left:
        assert queue.get_many(30_000) == list(range(30_000 - left, 30_000))
        for _ in range(left):
            queue.task_done()
    if left < 30_000:
        with pytest.raises(shoal.ConsumerDiedError) as caught:
            queue.join()
        assert caught.value.items == 30_000 - left
    else:
        assert queue.join(0) is True


def test_the_standard_errors_are_those_that_are_raised() -> None:
    assert (shoal.queues.Empty, shoal.queues.Full) == (standard.Empty, standard.Full)
