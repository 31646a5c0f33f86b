"""The parent's part: starts the collector and the workers, and sees to it that all is read."""

from __future__ import annotations

import queue
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .collector import Channels
from .inputs import Inputs, Share, Task, count_lines, split
from .program import check_signals
from .progress import ProgressLine

ROOM = 1000  # records that wait for the collector
MOST_FRUITLESS = 3  # workers that die over the same line
POLL = 0.02  # seconds: how often the parent looks after its children
PATIENCE = 2.0  # seconds, with a child that was asked to end


@dataclass
class Member:
    """A worker, as the parent knows it. `process` has what a shoal.Process has."""

    name: str
    process: Any
    tasks: list[Task]
    language: str
    fruitless: int = 0
    """How many have died over these tasks, no line received."""
    ended: bool = False
    settled: bool = False
    """Done, or dead and its rest handed on."""
    in_place_of: str = ""
    successor: str = ""
    left: list[Task] = field(default_factory=list)
    """What it had not read when it died."""


@dataclass
class Plan:
    """What is to be done, and by whom."""

    inputs: Inputs
    shares: list[Share]
    languages: list[str]
    """Of the workers, one for each share."""
    files: int
    victim: int | None = None
    """The worker that is killed in mid-work."""

    @property
    def room(self) -> int:
        """Items in the queue. With room for a quarter of the victim's lines it cannot be through
        with them while the collector waits at the gate."""
        if self.victim is None:
            return ROOM
        return max(count_lines(self.shares[self.victim], 4 * ROOM) // 4, 1)


def make_plan(options: Any, inputs: Inputs, languages: list[str], victims: str = "") -> Plan:
    """With --kill-one the victim is the worker of language `victims` (empty: of any) with most to
    read."""
    shares = split(inputs.files, options.workers)
    plan = Plan(inputs, shares, languages, options.workers if options.demo else len(inputs.files))
    if options.kill_one:
        eligible = [i for i, name in enumerate(languages) if victims in ("", name)]
        plan.victim = max(eligible, key=lambda i: shares[i].weight)
    return plan


class Crew:
    """One run. Any worker that dies is replaced: when it was joined, a marker is put behind all
    that it had put; the collector's answer says up to which line each of its files has arrived, and
    another worker goes on from there. --kill-one merely lets that happen.

    `make_worker(name, tasks, language)` and `make_collector(pause_for)` make the processes.
    """

    def __init__(
        self,
        plan: Plan,
        channels: Channels,
        make_collector: Callable[[str], Any],
        make_worker: Callable[[str, list[Task], str], Any],
    ) -> None:
        self.members: list[Member] = []
        self.summary: dict[str, Any] | None = None
        self.given_up: list[str] = []
        """Files that nobody could read because whoever tried died."""
        self._plan = plan
        self._channels = channels
        self._make_worker = make_worker
        victim = "" if plan.victim is None else f"Worker-{plan.victim}"
        self._collector = make_collector(victim)
        self._gate_held = False
        self._progress = ProgressLine(plan.files)

    def run(self) -> None:
        """Until all is written. When it raises, the workers and the collector have been ended."""
        try:
            if self._plan.victim is not None:
                self._gate_held = self._channels.gate.acquire()
            start(self._collector)
            for share, language in zip(self._plan.shares, self._plan.languages, strict=True):
                self._start_member(share.tasks, language)
            self._watch()
            self._finish()
        except BaseException:
            self._stop()
            raise
        finally:
            self._progress.clear()

    def _start_member(self, tasks: list[Task], language: str) -> Member:
        name = f"Worker-{len(self.members)}"
        member = Member(name, self._make_worker(name, tasks, language), tasks, language)
        start(member.process)
        self.members.append(member)
        return member

    def _watch(self) -> None:
        """Until every worker is done, or its rest is."""
        while not all(member.settled for member in self.members):
            self._take_report()
            self._check_collector()
            for member in self.members:
                if not member.ended and member.process.exitcode is not None:
                    self._settle(member)

    def _settle(self, member: Member) -> None:
        member.process.join()
        member.ended = True
        if member.process.exitcode == 0:
            member.settled = True
        else:  # _handle_resume goes on
            files = [file for file, _ in member.tasks]
            self._send({"kind": "marker", "process": member.name, "files": files})

    def _finish(self) -> None:
        self._send(None)
        while self.summary is None:
            self._take_report()
            self._check_collector()
        self._collector.join()
        self._progress.clear()
        if self._gate_held:
            print("log_collector: nobody was killed: there was no line to read", file=sys.stderr)

    def _stop(self) -> None:
        if self._gate_held:
            self._channels.gate.release()
        for member in self.members:
            if not member.ended:
                end(member.process)
        if self._collector.pid is None or self._collector.exitcode is not None:
            return
        try:
            self._channels.records.put(None, timeout=PATIENCE)
        except queue.Full:
            pass
        self._collector.join(PATIENCE)
        end(self._collector)

    def _take_report(self, timeout: float = POLL) -> bool:
        check_signals()
        try:
            report = self._channels.reports.get(timeout=timeout)
        except queue.Empty:
            return False
        getattr(self, f"_handle_{report['kind']}")(report)
        return True

    def _send(self, record: Any) -> None:
        while True:
            try:
                return self._channels.records.put(record, timeout=POLL)
            except queue.Full:
                self._check_collector()

    def _check_collector(self) -> None:
        if self._collector.exitcode is None:
            return
        while self._take_report(timeout=0):
            pass
        if self.summary is None:
            raise RuntimeError(f"the collector failed: exit code {self._collector.exitcode}")

    def _named(self, name: str) -> Member:
        return next(member for member in self.members if member.name == name)

    def _handle_broken(self, report: dict[str, Any]) -> None:
        raise RuntimeError(f"the collector failed: {report['reason']}")

    def _handle_progress(self, report: dict[str, Any]) -> None:
        self._progress.show(report)

    def _handle_paused(self, report: dict[str, Any]) -> None:
        victim = self._named(report["process"]).process
        victim.kill()
        victim.join()
        self._channels.gate.release()
        self._gate_held = False

    def _handle_resume(self, report: dict[str, Any]) -> None:
        dead = self._named(report["process"])
        dead.left = [(file, lines) for file, lines, finished in report["files"] if not finished]
        dead.settled = True
        if not dead.left:
            return
        dead.fruitless = dead.fruitless + 1 if dead.left == dead.tasks else 0
        if dead.fruitless < MOST_FRUITLESS:
            successor = self._start_member(dead.left, dead.language)
            successor.fruitless = dead.fruitless
            successor.in_place_of = dead.name
            dead.successor = successor.name
        else:
            self.given_up += [file for file, _ in dead.left]

    def _handle_summary(self, report: dict[str, Any]) -> None:
        self.summary = report


def start(process: Any) -> None:
    """Starts a child that never sees SIGINT: Ctrl-C is the parent's business."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end(process: Any) -> None:
    process.terminate()
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
