"""The collector: what runs in its process."""

import logging
import queue
import sys
import time
from dataclasses import dataclass
from typing import Any

import shoal

from .ledger import Ledger
from .program import forget_signal_handlers


@dataclass
class Channels:
    """What the collector shares with its parent and the workers."""

    records: Any
    reports: Any
    gate: Any
    """Held by the parent until the victim of --kill-one is dead."""


@dataclass
class CollectorOptions:
    output: str
    timeout: float
    pause_for: str = ""
    """Having received the first line of this worker the collector says so and waits at the gate."""


def collect(options: CollectorOptions, channels: Channels) -> None:
    """Writes what comes until the end signal; then puts a summary. An error with one record is
    logged and survived; one with the output is reported and ends it."""
    forget_signal_handlers()
    try:
        _Collector(options, channels).run()
    except OSError as error:
        channels.reports.put({"kind": "broken", "reason": str(error)})
        sys.exit(1)


class _OutputHandler(logging.FileHandler):
    """Raises what goes wrong, where logging's own way is to print it and go on."""

    def handleError(self, record: logging.LogRecord) -> None:
        raise


class _Formatter(logging.Formatter):
    """Writes a record's own timestamp, where it has one, as asctime."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        timestamp = getattr(record, "timestamp", None)
        if timestamp is None:
            return super().formatTime(record, datefmt)
        milliseconds = timestamp[20:23] or "000"
        return f"{timestamp[:10]} {timestamp[11:19]},{milliseconds}"


class _Collector:
    def __init__(self, options: CollectorOptions, channels: Channels) -> None:
        self._options = options
        self._channels = channels
        self._ledger = Ledger()
        self._reported = time.monotonic()
        self._logger = logging.getLogger("LogCollector")
        self._logger.setLevel(logging.DEBUG)
        self._logger.propagate = False
        handler = _OutputHandler(options.output, encoding="utf-8")
        handler.setFormatter(_Formatter("%(asctime)s - %(levelname)s - %(message)s"))
        self._logger.addHandler(handler)

    def run(self) -> None:
        more = True
        while more:
            try:
                more = self._handle_next()
            except OSError:
                raise
            except Exception as error:
                self._logger.error(f"日志收集出错: {error!r}")
                self._ledger.add_fault(repr(error))
        self._channels.reports.put(self._ledger.summary())

    def _handle_next(self) -> bool:
        """False at the end."""
        try:
            record = self._channels.records.get(timeout=self._options.timeout)
        except queue.Empty:
            self._logger.error(f"日志收集出错: Empty ({self._options.timeout:g} 秒内没有日志)")
            return shoal.parent_process().is_alive()
        if record is None:
            self._logger.info("日志收集器正在关闭...")
            return False
        getattr(self, f"_handle_{record['kind']}")(record)
        return True

    def _handle_line(self, record: dict[str, Any]) -> None:
        self._write(record, record["level"], f"[{record['process']}] {record['message']}")
        self._ledger.add_line(record)
        now = time.monotonic()
        if now - self._reported > 0.1:
            self._reported = now
            self._channels.reports.put(self._ledger.progress())
        if record["process"] == self._options.pause_for:
            self._pause()

    def _handle_note(self, record: dict[str, Any]) -> None:
        self._write(record, "INFO", f"[{record['process']}] {record['message']}")

    def _handle_end(self, record: dict[str, Any]) -> None:
        self._ledger.add_end(record)

    def _handle_failed(self, record: dict[str, Any]) -> None:
        text = f"[{record['process']}] {record['file']}: {record['message']}"
        self._write(record, "ERROR", text)
        self._ledger.add_failed(record)

    def _handle_marker(self, record: dict[str, Any]) -> None:
        self._channels.reports.put(self._ledger.resume(record))

    def _write(self, record: dict[str, Any], level: str, text: str) -> None:
        number = logging.getLevelName(level)
        self._logger.log(number, "%s", text, extra={"timestamp": record["timestamp"]})

    def _pause(self) -> None:
        self._channels.reports.put({"kind": "paused", "process": self._options.pause_for})
        self._options.pause_for = ""
        with self._channels.gate:
            pass
