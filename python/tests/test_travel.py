"""Handles that travel through queues to processes that run already, in Python and in C++."""

from __future__ import annotations

import gc
import os
import pickle
import resource
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import shoal
import travel_targets as targets
from children import ended_well, killed, run, running
from shoal import _handles, synchronize
from shoal.queues import Queue
from synchronize_targets import KINDS, disturb, make
from waiting import DEADLINE, descriptors

ROOT = Path(__file__).resolve().parents[2]


class Named(synchronize.Lock):
    """Derived, with an attribute of its own."""

    what = "nothing"


class Holder:
    def __init__(self) -> None:
        self.lock, self.number = shoal.Lock(), 7


def test_each_kind_reaches_a_process_that_runs(shoal_context: Any) -> None:
    handles, answers = shoal_context.Queue(), shoal_context.Queue()
    with running(shoal_context, targets.tell, handles, answers) as process:
        for noun in KINDS:
            handle = make(shoal_context, noun)
            handles.put(handle)
            assert answers.get(timeout=DEADLINE) == (noun, False)
            disturb(handle := make(shoal_context, noun))
            handles.put(handle)
            assert answers.get(timeout=DEADLINE) == (noun, True)
        handles.put(None)
        ended_well(process)


def test_a_queue_travels_through_a_queue_with_all_that_is_in_it(shoal_context: Any) -> None:
    there, back = shoal_context.Queue(), shoal_context.Queue()
    with running(shoal_context, targets.echo, there, back) as process:
        inner = shoal_context.Queue(5)
        inner.put("before")
        there.put(inner)
        same = back.get(timeout=DEADLINE)
        assert same.get(timeout=DEADLINE) == "before"
        same.put("after")
        assert inner.get(timeout=DEADLINE) == "after"
        same.put(inner)  # in itself
        assert inner.get(timeout=DEADLINE).empty()
        there.put(None)
        ended_well(process)


def test_a_handle_outlives_its_sender(shoal_context: Any) -> None:
    queues = shoal_context.Queue()
    run(shoal_context, targets.send_a_queue, queues, ["kept", shoal.Event()])
    queue = queues.get(timeout=DEADLINE)
    assert queue.get_nowait() == "kept"
    assert not queue.get_nowait().is_set()


def test_handles_travel_inside_of_anything() -> None:
    queue: Any = shoal.Queue()
    holder, named = Holder(), Named()
    named.what = "mine"
    holder.lock.acquire()
    queue.put({"holder": holder, "list": [named, 1, "two"], "twice": (named, named)})
    gone = queue.get_nowait()
    assert (gone["holder"].number, gone["holder"].lock.acquire(False)) == (7, False)
    assert type(gone["list"][0]) is Named
    holder.lock.release()
    assert gone["holder"].lock.acquire(False)


def test_a_condition_takes_its_lock_along_and_a_barrier_what_it_does() -> None:
    queue: Any = shoal.Queue()
    lock, condition = shoal.Lock(), shoal.Condition()
    queue.put([shoal.Condition(lock), condition])
    over_lock, own = queue.get_nowait()
    with over_lock:
        assert not lock.acquire(False)
    with own:
        assert condition._lock._is_mine()
    queue.put([shoal.Barrier(1, gc.isenabled, 2.5), shoal.Barrier(3, timeout=0.01)])
    acts, waits = queue.get_nowait()
    assert (acts._action, acts._timeout) == (gc.isenabled, 2.5)
    assert acts.wait() == 0
    with pytest.raises(threading.BrokenBarrierError):
        waits.wait()


def test_nothing_is_left_of_them() -> None:
    queue: Any = shoal.Queue()
    handles = [make(shoal, noun) for noun in KINDS]
    gc.collect()  # those of other tests
    before = descriptors()
    for _ in range(50):
        queue.put(handles)
        queue.get_nowait()
    queue.put(handles)
    gc.collect()
    assert descriptors() == before
    del queue
    gc.collect()
    assert len(descriptors()) == len(before) - 3


def test_a_queue_that_is_full_of_handles_says_so_and_goes_on() -> None:
    queue: Any = shoal.Queue()
    count = 0
    with pytest.raises(shoal.queues.Full):
        for count in range(100_000):
            queue.put_nowait([shoal.Event(), count])
    assert count > 50
    assert queue.qsize() == count
    with pytest.raises(shoal.queues.Full):
        queue.put(shoal.Event(), timeout=0.01)
    queue.put("without a handle")
    waiting = threading.Thread(target=queue.put, args=([shoal.Event(), count],))
    waiting.start()
    assert [queue.get_nowait()[1] for _ in range(count)] == list(range(count))
    assert queue.get_nowait() == "without a handle"
    assert queue.get(timeout=DEADLINE)[1] == count
    waiting.join(DEADLINE)


def test_what_a_dead_consumer_did_not_take_is_there_for_others(shoal_context: Any) -> None:
    handles, taken = shoal_context.Queue(), shoal_context.Event()
    events = [shoal_context.Event() for _ in range(3)]
    for event in events:
        handles.put(event)
    with running(shoal_context, targets.take_one_and_die, handles, taken) as process:
        assert taken.wait(DEADLINE)
        killed(process)
    for event in events[1:]:
        event.set()
        assert handles.get_nowait().is_set()
    assert handles.empty()


def test_each_kind_goes_through_a_pipe_as_a_connection_does(shoal_context: Any) -> None:
    answers = shoal_context.Queue()
    here, there = shoal_context.Pipe()
    with here, there, running(shoal_context, targets.tell_from_pipe, there, answers) as process:
        for noun in KINDS:
            disturb(handle := make(shoal_context, noun))
            here.send(handle)
            assert answers.get(timeout=DEADLINE) == (noun, True)
        inner = shoal_context.Queue()
        inner.put(None)
        here.send(inner)
        assert answers.get(timeout=DEADLINE) == ("Queue", None)
        here.send(None)
        ended_well(process)


# ---------------------------------------------------------------- refused


def test_a_queue_with_a_name_carries_none_and_stays_as_it_was() -> None:
    queue: Any = Queue(name="test-travel")
    Queue.unlink("test-travel")
    for handle in (*(make(shoal, noun) for noun in KINDS), shoal.Queue(), [Named()]):
        with pytest.raises(ValueError, match="handles cannot travel through queue"):
            queue.put(handle)
        assert queue.empty()
    queue.put("goes on")
    assert queue.get_nowait() == "goes on"


def test_too_many_in_one_item_are_refused() -> None:
    queue: Any = shoal.Queue()
    with pytest.raises(ValueError, match="an item can carry 253 descriptors, not 270"):
        queue.put([shoal.Queue() for _ in range(90)])
    assert queue.empty()


def test_elsewhere_they_are_refused_as_in_multiprocessing() -> None:
    for handle in (*(make(shoal, noun) for noun in KINDS), shoal.Queue()):
        with pytest.raises(RuntimeError, match="only be shared between processes through inher"):
            pickle.dumps(handle)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("shoal.Lock",),
        ("os.system", 0, True, 256),
        ("shoal.Lock", "0", True, 256),
        ("shoal.Lock", 0, 1, 2),
        ("shoal.Lock", 0, True, -8),
        ("shoal.Event", 0, True, 256, None),
        ("shoal.Condition", 0),
        ("shoal.Barrier", 0, True, 256, "soon"),
        ("shoal.Queue", None, None, None),
        ("shoal.Queue", 0, 0),
        ([], 0, True, 256),
    ],
    ids=repr,
)
def test_garbage_is_no_handle(parts: Any) -> None:
    """As an item of a queue, beside the descriptor of a lock: an error, and nothing is left."""

    class Garbage:
        def __init__(self, lock: Any) -> None:
            self.lock = lock

        def __reduce__(self) -> Any:
            return _handles.arrive, parts

    queue: Any = shoal.Queue()
    lock = shoal.Lock()
    queue.put([lock])
    queue.get_nowait()
    gc.collect()
    before = descriptors()
    queue.put([lock, Garbage(lock)])
    with pytest.raises((pickle.UnpicklingError, TypeError, ValueError, EOFError, OSError)):
        queue.get_nowait()
    gc.collect()
    assert descriptors() == before
    queue.put(lock)
    assert not queue.get_nowait().locked()


def test_a_pickle_made_on_the_way_knows_nothing_of_it() -> None:
    """Indices of one item are of no use in another."""

    class Pickles:
        def __init__(self, lock: Any) -> None:
            self.lock = lock

        def __reduce__(self) -> Any:
            return list, (pickle.dumps(self.lock),)

    queue: Any = shoal.Queue()
    with pytest.raises(RuntimeError, match="only be shared between processes through inher"):
        queue.put([shoal.Lock(), Pickles(shoal.Lock())])
    assert queue.empty()


def test_where_there_is_no_room_for_its_descriptors_an_item_is_not_lost() -> None:
    queue: Any = shoal.Queue()
    inner: Any = shoal.Queue()
    inner.put("here")
    queue.put(inner)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    end = max(descriptors()) + 1
    taken = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (end, limits[1]))
        with suppress(OSError):
            while True:  # no gaps below
                taken.append(os.open("/dev/null", os.O_RDONLY))
        for room in range(4):
            resource.setrlimit(resource.RLIMIT_NOFILE, (end + room, limits[1]))
            with suppress(OSError):
                arrived = queue.get_nowait()
                break
            assert queue.qsize() == 1
        assert room == 3  # what the item carries, and no more
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for fd in taken:
            os.close(fd)
    assert arrived.get_nowait() == "here"


# ---------------------------------------------------------------- with C++


def built(name: str) -> Path:
    found = sorted(
        ROOT.glob(f"build/*/tests/interop/{name}"), key=lambda path: path.stat().st_mtime
    )
    if not found:
        pytest.skip(f"{name} is not built")
    return found[-1]


def test_they_travel_to_cpp_and_back() -> None:
    """tests/interop/travel.cpp takes one of each, uses it, and sends it back."""
    there: Any = shoal.Queue()
    back: Any = shoal.Queue()
    fds = [*there.descriptors(), *back.descriptors()]
    program = subprocess.Popen([built("interop_travel"), *map(str, fds)], pass_fds=fds)
    try:
        kit = (
            shoal.Lock(),
            shoal.RLock(),
            shoal.Semaphore(3),
            shoal.BoundedSemaphore(3),
            shoal.Event(),
            shoal.Condition(shoal.Lock()),
            shoal.Barrier(2, timeout=DEADLINE),
            shoal.Queue(),
        )
        there.put(kit)
        assert kit[7].get(timeout=DEADLINE) == "from C++"
        assert kit[6].wait() in (0, 1)
        returned = back.get(timeout=DEADLINE)
        assert [type(handle) for handle in returned] == [type(handle) for handle in kit]
        for lock, semaphore, event in (kit[0::2][:3], returned[0::2][:3]):
            assert lock.owner() == program.pid
            assert semaphore.get_value() == 2
            assert event.is_set()
        assert returned[3].get_value() == 2
        assert returned[5]._lock.owner() == kit[5]._lock.owner() == program.pid
        assert returned[6]._timeout == DEADLINE
        returned[7].put("end")
        assert program.wait(DEADLINE) == 0
    finally:
        program.kill()
        program.wait()


def test_a_process_that_was_given_one_descriptor_alone_gets_no_handles() -> None:
    queue: Any = shoal.Queue()
    program = f"""if True:
        import shoal
        from shoal.queues import Queue
        queue = Queue.attach({queue.descriptor()})
        for attempt in (lambda: queue.put(shoal.Lock()), queue.get, queue.get):
            try:
                attempt()
            except ValueError as error:
                print(error)
    """
    queue.put(shoal.Lock())
    queue.put("and more")
    said = subprocess.run(
        [sys.executable, "-c", program],
        pass_fds=[queue.descriptor()],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    ).stdout.splitlines()
    assert "handles cannot travel through a nameless queue" in said[0]
    for line in said[1:]:
        assert "carries handles" in line
        assert "it stays for others" in line
    assert not queue.get_nowait().locked()
    assert queue.get_nowait() == "and more"
