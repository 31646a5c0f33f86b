#!/usr/bin/env python3
"""The log collector with workers in C++ and in Python, and a collector in either, on one queue.

This driver makes the named queue, starts Python's part with shoal and C++'s part by running the
C++ program with the queue's name, and supervises both alike.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import shoal
import shoal.queues
import shoal.synchronize

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from cpp import CppCollector, CppWorker
from logs.collector import Channels, CollectorOptions, collect
from logs.crew import Crew, make_plan
from logs.inputs import Inputs, find_inputs
from logs.options import make_parser
from logs.program import run
from logs.table import print_result
from logs.worker import demonstrate, read_files

LANGUAGES = {"cpp": "C++", "python": "Python"}


@contextmanager
def named_channels(context, room: int) -> Iterator[tuple[str, Channels]]:
    """Two queues and a lock under names that begin alike. The names go, whatever happens."""
    name = f"log-collector-{os.getpid()}-{secrets.token_hex(4)}"
    records, reports, gate = f"{name}.records", f"{name}.reports", f"{name}.gate"
    try:
        yield (
            name,
            Channels(
                context.Queue(room, name=records),
                context.Queue(name=reports),
                context.Lock(name=gate),
            ),
        )
    finally:
        for kind, left in (
            (shoal.queues.Queue, records),
            (shoal.queues.Queue, reports),
            (shoal.synchronize.Lock, gate),
        ):
            with suppress(FileNotFoundError):
                kind.unlink(left)


def parse_options():
    parser = make_parser()
    parser.add_argument(
        "--collector", choices=LANGUAGES, default="cpp", help="the language of the collector"
    )
    parser.add_argument(
        "--kill", choices=LANGUAGES, help="with --kill-one: the language of the worker to kill"
    )
    options = parser.parse_args()
    languages = [list(LANGUAGES.values())[i % 2] for i in range(options.workers)]
    victims = LANGUAGES.get(options.kill, "")
    if options.kill_one and victims and victims not in languages:
        parser.error(f"of {options.workers} workers none is in {victims}")
    return options, languages, victims


def main() -> int:
    options, languages, victims = parse_options()
    context = shoal.get_context(options.start_method)
    open(options.output, "a").close()  # what cannot be written is said before all else
    inputs = Inputs() if options.demo else find_inputs(options.files, options.output)
    plan = make_plan(options, inputs, languages, victims)
    process = partial(context.Process, daemon=True)

    with named_channels(context, plan.room) as (name, channels):

        def make_collector(pause_for):
            if options.collector == "cpp":
                return CppCollector(name, options.output, options.timeout, pause_for)
            what = CollectorOptions(options.output, options.timeout, pause_for)
            return process(target=collect, args=(what, channels), name="LogCollector")

        def make_worker(worker, tasks, language):
            if language == "C++":
                return CppWorker(name, worker, tasks, options)
            if options.demo:
                args = (worker, options.seconds, channels.records)
                return process(target=demonstrate, args=args, name=worker)
            return process(target=read_files, args=(worker, tasks, channels.records), name=worker)

        crew = Crew(plan, channels, make_collector, make_worker)
        crew.run()
    whole = print_result(crew, plan)
    print("多进程日志收集演示完成")
    print(f"查看 {options.output} 文件获取详细日志")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(run(main))
