#!/usr/bin/env python3
"""Runs all workloads, each beside its peers, and prints the tables; bench/README.md tells how.

bench/run.py                     about ten minutes; build/bench/latest.md and latest.json
bench/run.py --only 'py/queue'   some of them (a regular expression on suite/workload/peer)
bench/run.py --smoke             each once and briefly: do they run at all?
bench/run.py --long              streams of up to 10^8 messages, a queue of up to 8 GiB
bench/run.py --publish FILE      also writes a document; with --from JSON, of an earlier run
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from plan import GROUPS, SUITES, rounds_of
from publish import publish
from report import Measured, Results, machine, report, write

ROOT = Path(__file__).resolve().parent.parent
WARM_UP = 0.05
SAMPLE = {"cpp": 0.25, "py": 0.3}
SMOKE = 0.01
TIMEOUT = {"tiny": 60, "usual": 60, "long": 600}  # seconds; most samples take less than one


@dataclass(frozen=True)
class Job:
    suite: str
    workload: str
    peer: str

    def __str__(self) -> str:
        return f"{self.suite}/{self.workload}/{self.peer}"


@dataclass
class Sample:
    figures: list[tuple[str, float, str]]
    foreign: float  # CPU seconds of other programs, while it ran
    seconds: float

    @property
    def clean(self) -> bool:
        """The kernel counts in hundredths of a second, and no machine is ever quite idle."""
        return self.foreign <= 0.03 + 0.05 * self.seconds


class Failed(Exception):
    """A workload did not run, or gave no sensible figure."""


class Runner:
    """Runs single samples. A forkserver outlives its sample by a moment: as a subreaper this
    process inherits it, and so knows its time."""

    def __init__(self, programs: dict[str, list[str]], scale: str) -> None:
        self.programs = programs
        self.scale = scale  # tiny, usual or long
        PR_SET_CHILD_SUBREAPER = 36
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def jobs(self) -> list[Job]:
        """All that is there, of what the tables show."""
        listed = {name: self._list(program) for name, program in self.programs.items()}
        return [
            Job(name, workload, peer)
            for name, suite in SUITES.items()
            for workload, peer in listed[suite.program]
            if any(group.suite == name and group.has(workload, peer) for group in GROUPS)
        ]

    def _list(self, program: list[str]) -> list[list[str]]:
        output = subprocess.run(
            [*program, "--list"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        return [line.split("/") for line in output.split()]

    def sample(self, job: Job) -> Sample:
        start, busy, own = time.monotonic(), busy_seconds(), own_seconds()
        output = self._run(job)
        reap_orphans()
        seconds = time.monotonic() - start
        foreign = (busy_seconds() - busy) - (own_seconds() - own)
        return Sample(parse(job, output), max(0.0, foreign), seconds)

    def _run(self, job: Job) -> str:
        suite = SUITES[job.suite]
        sample, warm_up = SAMPLE[suite.program], WARM_UP
        if self.scale == "tiny":
            sample = warm_up = SMOKE
        command = [*self.programs[suite.program], "--pin", suite.pin]
        command += ["--time", str(sample), "--warm-up", str(warm_up)]
        if suite.program == "cpp":
            command += ["--scale", self.scale]
        timeout = TIMEOUT[self.scale]
        process = subprocess.Popen(
            [*command, f"{job.workload}/{job.peer}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Failed(f"{job} did not end within {timeout} s") from None
        if process.returncode != 0:
            raise Failed(f"{job} ended with status {process.returncode}:\n{errors}")
        return output


def parse(job: Job, output: str) -> list[tuple[str, float, str]]:
    figures = []
    for line in output.splitlines():
        name, value, unit = line.split("\t")
        if float(value) <= 0:
            raise Failed(f"{job} gave {line!r}")
        figures.append((name.split("/")[0], float(value), unit))
    if not figures:
        raise Failed(f"{job} printed no figure")
    return figures


def busy_seconds() -> float:
    """All CPU time that this machine has spent or, as a guest, was kept from."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, softirq, steal = file.readline().split()[1:9]
    return sum(map(int, (user, nice, system, irq, softirq, steal))) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """CPU time of this process and all that it has waited for."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def reap_orphans() -> None:
    """Waits for what the sample left running, so that its time is known; for a moment at most."""
    end = time.monotonic() + 1
    try:
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
    except ChildProcessError:
        return  # nothing is left


class Campaign:
    """Rounds of all jobs, in random order, and then again what was disturbed."""

    def __init__(self, runner: Runner, jobs: list[Job], rounds: int | None, deadline: float):
        self.runner = runner
        self.deadline = deadline
        self.wanted = {job: rounds or rounds_of(job.suite, job.workload, job.peer) for job in jobs}
        self.results: Results = {}
        self.measured: set[Job] = set()
        self.disturbed: list[Job] = []
        self.failures: list[str] = []

    def run(self) -> None:
        last = max(self.wanted.values(), default=0)
        for number in range(last):
            jobs = [
                job
                for job, wanted in self.wanted.items()
                if (number + 1) * wanted // last > number * wanted // last  # spread evenly
            ]
            progress(f"round {number + 1} of {last}")
            self._round(jobs)

    def redo(self) -> None:
        """Once more for each disturbed sample, and once again for what is disturbed again."""
        for _ in range(2):
            again, self.disturbed = self.disturbed, []
            if again and time.monotonic() < self.deadline:
                progress(f"again, as other programs worked: {len(again)} samples")
                self._round(again)

    def _round(self, jobs: list[Job]) -> None:
        random.shuffle(jobs)
        for job in jobs:
            if time.monotonic() > self.deadline:
                return
            try:
                sample = self.runner.sample(job)
            except Failed as error:
                self.failures.append(str(error))
                progress(str(error))
                continue
            self.measured.add(job)
            if not sample.clean:
                self.disturbed.append(job)
            for figure, value, unit in sample.figures:
                key = (job.suite, figure, job.peer)
                measured = self.results.setdefault(key, Measured(unit))
                measured.add(value, clean=sample.clean)


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def programs_of(build: Path, python: Path) -> dict[str, list[str]]:
    cpp = build / "bench/bench_queue"
    if not cpp.exists():
        sys.exit("bench: bench_queue is not built: make build, or give --build")
    if subprocess.run([python, "-c", "import shoal"], stderr=subprocess.DEVNULL).returncode != 0:
        sys.exit(
            "bench: the Python package is not installed: scripts/python_install default, "
            "or give --python"
        )
    return {"cpp": [str(cpp)], "py": [str(python), str(ROOT / "bench/python/bench.py")]}


def missing_peers(jobs: list[Job]) -> list[str]:
    there = {(job.suite, job.peer) for job in jobs}
    missing = {
        f"{name} ({SUITES[group.suite].program}) is not installed and left out."
        for group in GROUPS
        for peer, name in group.peers.items()
        if (group.suite, peer) not in there
    }
    return sorted(missing)


def heading_of(python: Path, missing: list[str]) -> list[str]:
    version = subprocess.run(
        [python, "-c", "import platform; print(platform.python_version())"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.strip()
    return [
        f"{machine()}, Python {version}.",
        "Medians; in brackets: shoal's spread, and how many times as good as the peer shoal is.",
        *missing,
    ]


def as_json(command: str, heading: list[str], versions: list[str], results: Results) -> str:
    figures = [
        {
            "name": "/".join(key),
            "unit": measured.unit,
            "clean": measured.clean,
            "disturbed": measured.disturbed,
        }
        for key, measured in sorted(results.items())
    ]
    run = {"command": command, "heading": heading, "versions": versions, "figures": figures}
    return json.dumps(run, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> tuple[str, list[str], list[str], Results]:
    run = json.loads(text)
    results: Results = {}
    for figure in run["figures"]:
        suite, name, peer = figure["name"].split("/")
        measured = Measured(figure["unit"], figure["clean"], figure["disturbed"])
        results[suite, name, peer] = measured
    return run["command"], run["heading"], run["versions"], results


def versions_of(programs: dict[str, list[str]]) -> list[str]:
    """Of the peers, each with its version."""
    lines: list[str] = []
    for program in programs.values():
        command = [*program, "--versions"]
        lines += subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
        ).stdout.splitlines()
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="shoal's benchmarks, beside its peers")
    parser.add_argument("--smoke", action="store_true", help="each workload once and briefly")
    parser.add_argument("--only", default="", metavar="REGEX", help="on suite/workload/peer")
    parser.add_argument("--rounds", type=int, help="of every workload (default: 5 to 15)")
    parser.add_argument("--minutes", type=float, default=15, help="no new sample after so long")
    parser.add_argument("--long", action="store_true", help="streams and queues that are very long")
    parser.add_argument("--publish", type=Path, metavar="FILE", help="write a document, too")
    parser.add_argument(
        "--from", type=Path, dest="earlier", metavar="JSON", help="of this run: measure nothing"
    )
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--python", type=Path, default=ROOT / ".venv/default/bin/python")
    arguments = parser.parse_args()
    if arguments.smoke and (arguments.publish or arguments.long):
        parser.error("--smoke measures nothing that could be published, and is not long")
    if arguments.earlier:
        show(arguments, *from_json(arguments.earlier.read_text(encoding="utf-8")))
    else:
        measure(arguments)


def command_of(arguments: argparse.Namespace) -> str:
    """As far as it says what was measured."""
    words = ["bench/run.py"]
    words += ["--long"] if arguments.long else []
    words += ["--only", repr(arguments.only)] if arguments.only else []
    words += ["--rounds", str(arguments.rounds)] if arguments.rounds else []
    return " ".join(words)


def show(
    arguments: argparse.Namespace,
    command: str,
    heading: list[str],
    versions: list[str],
    results: Results,
) -> None:
    text = report(heading, results)
    print(text, end="")
    if not arguments.earlier:
        write(ROOT / "build/bench", text, as_json(command, heading, versions, results))
    if arguments.publish:
        publish(arguments.publish, command, heading, versions, results)


def measure(arguments: argparse.Namespace) -> None:
    programs = programs_of(arguments.build, arguments.python)
    scale = "tiny" if arguments.smoke else "long" if arguments.long else "usual"
    runner = Runner(programs, scale)
    jobs = runner.jobs()
    heading = heading_of(arguments.python, missing_peers(jobs))
    jobs = [job for job in jobs if re.search(arguments.only, str(job))]
    deadline = time.monotonic() + arguments.minutes * 60
    campaign = Campaign(runner, jobs, 1 if arguments.smoke else arguments.rounds, deadline)
    campaign.run()
    if arguments.smoke:
        report(heading, campaign.results)  # can it be shown?
    else:
        campaign.redo()
        show(arguments, command_of(arguments), heading, versions_of(programs), campaign.results)
    unmeasured = len(jobs) - len(campaign.measured)
    print(f"bench: {len(campaign.measured)} of {len(jobs)} workloads ran", file=sys.stderr)
    if campaign.failures or unmeasured or not jobs:
        sys.exit(1)


if __name__ == "__main__":
    main()
