#!/usr/bin/env python3
"""The multi-process log collector in Python: README.md above it tells what it does."""

import sys
from functools import partial

from logs.collector import Channels, CollectorOptions, collect
from logs.crew import Crew, make_plan
from logs.inputs import Inputs, find_inputs
from logs.options import make_parser
from logs.program import run
from logs.table import print_result
from logs.worker import demonstrate, read_files

import shoal


def main() -> int:
    options = make_parser().parse_args()
    context = shoal.get_context(options.start_method)
    open(options.output, "a").close()  # what cannot be written is said before all else
    inputs = Inputs() if options.demo else find_inputs(options.files, options.output)
    plan = make_plan(options, inputs, ["Python"] * options.workers)
    channels = Channels(context.Queue(plan.room), context.Queue(), context.Lock())
    process = partial(context.Process, daemon=True)

    def make_collector(pause_for):
        what = CollectorOptions(options.output, options.timeout, pause_for)
        return process(target=collect, args=(what, channels), name="LogCollector")

    def make_worker(name, tasks, _language):
        if options.demo:
            args = (name, options.seconds, channels.records)
            return process(target=demonstrate, args=args, name=name)
        return process(target=read_files, args=(name, tasks, channels.records), name=name)

    crew = Crew(plan, channels, make_collector, make_worker)
    crew.run()
    whole = print_result(crew, plan)
    print("多进程日志收集演示完成")
    print(f"查看 {options.output} 文件获取详细日志")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(run(main))
