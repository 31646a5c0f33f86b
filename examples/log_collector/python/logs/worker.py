"""A worker: what runs in its process."""

import queue
import random
import time
from datetime import datetime
from typing import Any

import shoal

from .escape import escape, unescape
from .inputs import Task
from .program import forget_signal_handlers
from .reading import LineReader, ReadError
from .recognise import Timestamps, find_level


class Sender:
    """Puts records as one worker."""

    def __init__(self, process: str, records: Any) -> None:
        self._process = process
        self._records = records

    def put(self, kind: str, **fields: Any) -> None:
        record = {"kind": kind, "process": self._process, **fields}
        while True:
            try:
                return self._records.put(record, timeout=1)
            except queue.Full:
                if not shoal.parent_process().is_alive():
                    raise SystemExit("the parent is gone") from None

    def done(self) -> None:
        self.put("note", message="工作完成", timestamp=datetime.now().isoformat())


def read_files(process: str, tasks: list[Task], records: Any) -> None:
    """Reads each task's file to its end, puts a "line" for each line and an "end" or "failed" for
    the file, and a "note" at the end of all."""
    forget_signal_handlers()
    sender = Sender(process, records)
    for file, skip in tasks:
        _read_file(file, skip, sender)
    sender.done()


def _read_file(file: str, skip: int, sender: Sender) -> None:
    number = 0
    try:
        with LineReader(unescape(file)) as reader:
            timestamps = Timestamps(reader.modified)
            for number, (line, size) in enumerate(reader, 1):
                timestamp = timestamps.next(line)
                if number > skip:
                    sender.put(
                        "line",
                        message=escape(line),
                        timestamp=timestamp,
                        level=find_level(line),
                        file=file,
                        line=number,
                        size=size,
                    )
    except ReadError as error:
        now = datetime.now().isoformat()
        sender.put("failed", file=file, lines=number, message=str(error), timestamp=now)
    else:
        sender.put("end", file=file, lines=number)


def demonstrate(process: str, seconds: float, records: Any) -> None:
    """Makes up records for some seconds. They count as lines of a file of the worker's own."""
    forget_signal_handlers()
    sender = Sender(process, records)
    file = f"demo of {process}"
    number = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        number += 1
        message = f"正在执行: {random.choice(['处理数据', '网络请求', '文件操作', '计算任务'])}"
        sender.put(
            "line",
            message=message,
            timestamp=datetime.now().isoformat(),
            level="INFO",
            file=file,
            line=number,
            size=len(message.encode()),
        )
        time.sleep(random.uniform(0.5, 1.5))
    sender.put("end", file=file, lines=number)
    sender.done()
