"""Pickling of items that fails, or that uses the queue, for shoal and for the standard library."""

from __future__ import annotations

import multiprocessing.queues
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import shoal
import shoal.queues
from children import PACKAGES, finish
from waiting import DEADLINE, wait_until


@pytest.fixture
def queue(implementation: str) -> Iterator[Any]:
    queue = PACKAGES[implementation].get_context("fork").Queue()
    yield queue
    finish(queue)


class Unpicklable:
    def __reduce__(self) -> Any:
        raise LookupError("cannot be pickled")


class BreaksWhenUnpickled:
    def __reduce__(self) -> Any:
        return int, ("not a number",)


def deep() -> list[Any]:
    item: list[Any] = []
    for _ in range(100_000):
        item = [item]
    return item


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (Unpicklable, LookupError),
        (lambda: [1, Unpicklable()], LookupError),
        (lambda: lambda: None, (AttributeError, pickle.PicklingError)),
        (lambda: (i for i in ()), TypeError),
        (lambda: memoryview(b"x"), TypeError),
        (deep, RecursionError),
    ],
    ids=["reduce", "inside", "lambda", "generator", "memoryview", "deep"],
)
def test_what_cannot_be_pickled_raises_in_put_and_leaves_no_trace(make: Any, error: Any) -> None:
    queue = shoal.Queue(1)
    item = make()
    for put in (queue.put, queue.put_nowait, lambda item: queue.put(item, True, 1)):
        with pytest.raises(error):
            put(item)
        assert queue.qsize() == 0
    queue.put("next")
    with pytest.raises(error):
        queue.put(item)  # not Full: pickling comes first
    assert queue.get_nowait() == "next"


def test_what_cannot_be_unpickled_raises_in_get_and_is_gone(queue: Any) -> None:
    queue.put(BreaksWhenUnpickled())
    queue.put("next")
    with pytest.raises(ValueError, match="invalid literal"):
        queue.get(timeout=DEADLINE)
    assert queue.get(timeout=DEADLINE) == "next"


reported: list[tuple[BaseException, Any]] = []


@pytest.fixture(autouse=True)
def nothing_stays_reported() -> Iterator[None]:
    """What is reported holds its queue, by the frames of its traceback."""
    yield
    reported.clear()


class ReportingQueue(shoal.queues.Queue[Any]):
    def _on_queue_feeder_error(self, e: BaseException, obj: Any) -> None:  # type: ignore[override]
        reported.append((e, obj))


class StandardReportingQueue(multiprocessing.queues.Queue):
    def _on_queue_feeder_error(self, e: BaseException, obj: Any) -> None:
        reported.append((e, obj))


def test_a_subclass_may_take_what_pickling_raises(implementation: str) -> None:
    kind: Any = {"shoal": ReportingQueue, "multiprocessing": StandardReportingQueue}[implementation]
    queue = kind(3, ctx=PACKAGES[implementation].get_context("fork"))
    reported.clear()
    items = [Unpicklable() for _ in range(5)]
    for item in items:  # more than there is room for: each gives its place back
        queue.put(item)
    wait_until(lambda: len(reported) == 5)
    assert [item for _, item in reported] == items
    assert all(isinstance(error, LookupError) for error, _ in reported)
    queue.put_nowait("next")
    assert queue.get(timeout=DEADLINE) == "next"
    finish(queue)
    with pytest.raises(ValueError, match="closed"):
        queue.put(Unpicklable())


# ---------------------------------------------------------------- items that use the queue


class PutsWhenPickled:
    queue: Any = None

    def __reduce__(self) -> Any:
        self.queue.put("from inside")
        return str, ("outside",)


def get_another(size: int) -> Any:
    return [PutsWhenPickled.queue.get_nowait(), b"o" * size]


class GetsWhenUnpickled:
    def __init__(self, size: int) -> None:
        self.size = size

    def __reduce__(self) -> Any:
        return get_another, (self.size,)


def test_pickling_may_use_the_queue() -> None:
    queue = shoal.Queue()
    PutsWhenPickled.queue = queue
    queue.put(PutsWhenPickled())
    assert [queue.get_nowait() for _ in range(2)] == ["from inside", "outside"]
    queue.put(GetsWhenUnpickled(3))
    queue.put(GetsWhenUnpickled(300_000))
    queue.put(b"inner" * 100_000)
    assert queue.get() == [[b"inner" * 100_000, b"o" * 300_000], b"ooo"]
    PutsWhenPickled.queue = None


class InitialisesWhenPickled:
    """Tries to give a queue, while it is put there, other memory; keeps what that raises."""

    def __init__(self, queue: Any, how: Any) -> None:
        self.queue, self.how = queue, how
        self.errors: list[BaseException] = []

    def __reduce__(self) -> Any:
        try:
            self.how(self.queue)
        except RuntimeError as error:
            self.errors.append(error)
        return str, ("went through",)


@pytest.mark.parametrize(
    "how",
    [
        lambda queue: queue.__init__(),
        lambda queue: queue.__init__(3),
        lambda queue: queue.__init__(name="never made"),
        lambda queue: queue._attach(queue.descriptor()),
        lambda queue: queue._open("never made"),
    ],
    ids=["again", "with maxsize", "by name", "attach", "open"],
)
def test_a_queue_is_initialised_once_even_while_it_pickles(how: Any) -> None:
    queue = shoal.Queue()
    item = InitialisesWhenPickled(queue, how)
    queue.put(item)
    assert [str(error) for error in item.errors] == ["this queue is already initialised"]
    assert queue.get_nowait() == "went through"
    queue.put("still usable")
    assert queue.get_nowait() == "still usable"


def test_a_maxsize_whose_conversion_initialises_the_queue_is_refused() -> None:
    class Size:
        def __index__(self) -> int:
            queue.__init__()  # type: ignore[misc]
            return 1

    queue = shoal.queues.Queue.__new__(shoal.queues.Queue)
    with pytest.raises(RuntimeError, match="already initialised"):
        queue.__init__(Size())  # type: ignore[misc]
    assert queue.maxsize == 0


# ---------------------------------------------------------------- subclasses that report


class OwnPutNowait(shoal.queues.Queue[Any]):
    def _on_queue_feeder_error(self, e: BaseException, obj: Any) -> None:  # type: ignore[override]
        reported.append((e, obj))

    def put_nowait(self, obj: Any) -> None:
        self.put(["own", obj], False)


class ReportsOtherwise(ReportingQueue):
    def _on_queue_feeder_error(self, e: BaseException, obj: Any) -> None:  # type: ignore[override]
        reported.append((e, "otherwise"))


class OwnPut(ReportingQueue):
    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(["own", obj], block, timeout)


def test_a_subclass_that_reports_keeps_its_own_put_nowait() -> None:
    queue = OwnPutNowait()
    queue.put_nowait(1)
    assert queue.get_nowait() == ["own", 1]


def test_a_subclass_of_one_that_reports_is_wrapped_once() -> None:
    assert ReportsOtherwise.put is ReportingQueue.put
    assert ReportsOtherwise.put_nowait is ReportingQueue.put_nowait
    reported.clear()
    queue = ReportsOtherwise()
    queue.put(Unpicklable())
    queue.put_nowait(Unpicklable())
    assert [what for _, what in reported] == ["otherwise"] * 2


def test_a_put_of_a_subclass_of_one_that_reports_is_left_as_it_is() -> None:
    reported.clear()
    queue = OwnPut()
    queue.put(1)
    queue.put_nowait(2)
    assert [queue.get_nowait() for _ in range(2)] == [["own", 1], ["own", 2]]
    item = Unpicklable()
    queue.put(item)
    assert [what for _, what in reported] == [["own", item]]
