"""Processes of other pid and time namespaces cannot tell who is alive: they are refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from programs import run_program, works
from shoal.queues import Queue
from shoal.synchronize import Lock

NEW_PIDS = ("unshare", "--pid", "--fork", "--mount-proc")
NEW_TIME = ("unshare", "--time")
SPACES = pytest.mark.parametrize(
    ("space", "prefix"),
    [
        pytest.param(
            name,
            prefix,
            marks=pytest.mark.skipif(
                not works(*prefix), reason=f"{' '.join(prefix)} is not allowed here"
            ),
        )
        for name, prefix in {"pid": NEW_PIDS, "time": NEW_TIME}.items()
    ],
)
KINDS = pytest.mark.parametrize("kind", [Queue, Lock], ids=["queue", "lock"])

# Says what each of the calls raises.
TRY = """if True:
    import os, sys
    import shoal
    from shoal.queues import Queue
    from shoal.synchronize import Lock

    def attempt(call):
        try:
            call()
        except shoal.SegmentError as error:
            print(error, flush=True)
        else:
            print("no error", flush=True)
"""


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4()}"
    yield name
    Path(f"/dev/shm/shoal.{name}").unlink(missing_ok=True)


@SPACES
@KINDS
def test_an_object_of_another_namespace_is_not_opened(
    kind: Any, name: str, space: str, prefix: tuple[str, ...]
) -> None:
    kind(name=name)
    program = (
        TRY
        + "attempt(lambda: getattr(__import__('shoal'),"
        + ("'queues').Queue" if kind is Queue else "'synchronize').Lock")
    )
    said = run_program(program + ".open(sys.argv[1]))", name, prefix=prefix)
    assert f"made in another {space} namespace: who owns what cannot be told from here" in said
    assert name in said


@SPACES
def test_a_descriptor_from_another_namespace_is_refused(
    space: str, prefix: tuple[str, ...]
) -> None:
    queue = Queue()
    fd = queue.descriptor()
    program = TRY + "attempt(lambda: Queue.attach(int(sys.argv[1])))"
    said = run_program(program, str(fd), prefix=prefix, fds=(fd,))
    assert f"made in another {space} namespace" in said


LEAVE = """
libc = __import__("ctypes").CDLL(None, use_errno=True)
queue, lock = Queue(2), Lock()
queue.put(1)
CLONE_NEWTIME, CLONE_NEWPID, CLONE_NEWNS = 0x80, 0x20000000, 0x20000
MS_REC_PRIVATE = 0x44000

def child():
    for call in (queue.get, lambda: queue.put(2), queue.get_nowait, lock.acquire, lock.release):
        attempt(call)

def in_a_child(function):
    pid = os.fork()
    if pid == 0:
        function()
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""
LEAVE_TIME = """
assert libc.unshare(CLONE_NEWTIME) == 0
in_a_child(child)
"""
LEAVE_PIDS = """
def with_its_own_proc():
    assert libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None) == 0
    assert libc.mount(b"proc", b"/proc", b"proc", 0, None) == 0
    child()

assert libc.unshare(CLONE_NEWPID | CLONE_NEWNS) == 0
in_a_child(with_its_own_proc)
"""


@SPACES
def test_a_forked_child_that_lives_elsewhere_is_refused_at_its_first_use(
    space: str, prefix: tuple[str, ...]
) -> None:
    said = run_program(TRY + LEAVE + {"pid": LEAVE_PIDS, "time": LEAVE_TIME}[space]).splitlines()
    assert len(said) == 5
    for line in said:
        assert "made in another pid or time namespace" in line


@pytest.mark.skipif(not works(*NEW_PIDS), reason="no pid namespace can be made here")
def test_without_a_proc_of_its_own_a_namespace_gets_an_error_that_says_so() -> None:
    program = """if True:
        import shoal
        try:
            shoal.Queue()
        except OSError as error:
            print(error)
    """
    assert "/proc" in run_program(program, prefix=("unshare", "--pid", "--fork"))


@SPACES
def test_inside_one_namespace_all_is_well(space: str, prefix: tuple[str, ...]) -> None:
    program = """if True:
        import shoal
        context = shoal.get_context("fork")
        queue, lock = context.Queue(), context.Lock()
        child = context.Process(target=lambda: [lock.acquire(), queue.put("hello")])
        child.start()
        print(queue.get(timeout=10))
        child.join()
        lock.release()
    """
    assert run_program(program, prefix=prefix) == "hello\n"
