"""No room for more shared memory is a MemoryError that says what and why, never a signal."""

from __future__ import annotations

import os
import re
import resource
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import shoal
from children import run
from programs import run_program, works
from shoal.queues import Queue

MESSAGE = r"(.*) has (\d+) bytes of shared memory and no room for (\d+) more: (.*)"


def fill(queue: Any, size: int) -> tuple[int, str]:
    """Puts until there is no room; how many items went in, and what was said."""
    for count in range(1_000_000):
        try:
            queue.put(b"%07d" % count + b"x" * (size - 7))
        except MemoryError as error:
            return count, str(error)
    raise AssertionError("there is no limit")


def check_that_all_is_there(queue: Any, count: int, size: int) -> None:
    """Nothing was lost or changed by the failure, and the queue is usable."""
    assert queue.qsize() == count
    for i in range(count):
        item = queue.get_nowait()
        assert (item[:7], len(item)) == (b"%07d" % i, size)
    assert queue.empty()
    for _ in range(100):  # what has room goes on
        queue.put(b"x" * size)
        assert queue.get_nowait() == b"x" * size


def limited(queue: Any, limit: int, size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    count, said = fill(queue, size)
    assert count > 0
    found = re.fullmatch(MESSAGE, said)
    assert found, said
    assert found[1] == (f"queue '{queue.name}'" if queue.name else "a nameless queue")
    assert int(found[2]) >= count * size
    assert int(found[3]) >= size
    assert found[4] == f"the limit on file size (RLIMIT_FSIZE) is {limit}"
    check_that_all_is_there(queue, count, size)


@pytest.fixture
def name() -> Iterator[str]:
    name = f"test-{uuid.uuid4()}"
    yield name
    Path(f"/dev/shm/shoal.{name}").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("limit", "size"), [(100_000, 10), (100_000, 3000), (10_000_000, 3000), (10_000_000, 200_000)]
)
def test_the_limit_on_file_size_is_a_memory_error(
    shoal_context: Any, limit: int, size: int
) -> None:
    queue = shoal_context.Queue()
    run(shoal_context, limited, queue, limit, size)
    queue.put("still in use")
    assert queue.get_nowait() == "still in use"


def test_the_error_names_the_queue(name: str) -> None:
    run(shoal.get_context("fork"), limited, Queue(name=name), 5_000_000, 100_000)


def make_under_a_limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    for make, kind in ((shoal.Queue, "queue"), (shoal.Lock, "slab")):
        with pytest.raises(
            MemoryError, match=f"a nameless {kind} has 0 bytes .*RLIMIT_FSIZE.* is 4096"
        ):
            make()


def test_where_there_is_no_room_nothing_is_made() -> None:
    run(shoal.get_context("fork"), make_under_a_limit)


def put_too_much(queue: Any) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
    for _ in range(3):
        with pytest.raises(MemoryError):
            queue.put(b"x" * 3_000_000)
        with pytest.raises(MemoryError):
            queue.put(b"x" * 3_000_000, timeout=0)
    assert queue.empty()


def test_an_item_that_never_fits_is_refused_and_others_go_on(shoal_context: Any) -> None:
    queue = shoal_context.Queue()
    run(shoal_context, put_too_much, queue)
    queue.put(b"y" * 3_000_000)  # without that limit it fits
    assert queue.get_nowait() == b"y" * 3_000_000


PROGRAM = f"""if True:
    import re, sys
    sys.path.insert(0, {str(Path(__file__).parent)!r})
    import shoal.queues
    from test_room import check_that_all_is_there, fill
    name = sys.argv[1] or None
    queue = shoal.queues.Queue(name=name)
    count, said = fill(queue, 50_000)
    check_that_all_is_there(queue, count, 50_000)
    print(count, said)
"""


@pytest.mark.skipif(not works("unshare", "-m"), reason="no mount namespace can be made here")
def test_a_full_folder_of_shared_memory_is_a_memory_error() -> None:
    mounted = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=4m tmpfs /dev/shm && exec "$@"')
    said = run_program(PROGRAM, "jobs", prefix=(*mounted, "sh"))
    count, message = said.split(" ", 1)
    assert int(count) > 0
    found = re.fullmatch(MESSAGE + "\n", message)
    assert found, message
    assert found[1] == "queue 'jobs'"
    assert re.fullmatch(r"/dev/shm/ has \d+ of 4194304 bytes left", found[4])


def memory_group() -> tuple[Path, str] | None:
    """Where a memory cgroup can be made here, and the name of its limit."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            root, limit = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
        elif controllers == "" and (Path("/sys/fs/cgroup") / "cgroup.controllers").exists():
            root, limit = Path("/sys/fs/cgroup"), "memory.max"
        else:
            continue
        group = root / path.lstrip("/") / f"shoal-test-{uuid.uuid4()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / limit).exists():
            return group, limit
        group.rmdir()
    return None


@pytest.mark.parametrize("name", ["", "test-in-a-group"])
def test_the_memory_cgroups_limit_is_a_memory_error(name: str) -> None:
    made = memory_group()
    if made is None:
        pytest.skip("no memory cgroup can be made here")
    group, limit = made
    try:
        (group / limit).write_text(str(100 << 20))
        join = f'echo $$ > {group}/cgroup.procs && exec "$@"'
        said = run_program(PROGRAM, name, prefix=("sh", "-c", join, "sh"))
        count, message = said.split(" ", 1)
        assert 10 << 20 < int(count) * 50_000 < 50 << 20
        found = re.fullmatch(
            r"(.*) has \d+ bytes of shared memory and cannot take \d+ more: its limit is half of "
            r"what the memory cgroup had left, (\d+) bytes; with max_bytes, put waits instead\n",
            message,
        )
        assert found, message
        assert found[1] == (f"queue '{name}'" if name else "a nameless queue")
        assert int(found[2]) < 50 << 20
    finally:
        if os.path.exists(f"/dev/shm/shoal.{name}"):
            Queue.unlink(name)
        group.rmdir()
