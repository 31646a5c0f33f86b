"""The command line."""

import argparse
import math


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Collects the lines of many log files into one, in many processes.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        default=["/var/log"],
        help="logs, gzip'd ones too, and directories with all below",
    )
    parser.add_argument(
        "--workers", type=_workers, default=4, metavar="N", help="number of worker processes"
    )
    parser.add_argument("--start-method", choices=["fork", "spawn", "forkserver"], default="fork")
    parser.add_argument(
        "--output", default="multiprocess.log", metavar="PATH", help="where the lines are appended"
    )
    parser.add_argument(
        "--timeout",
        type=_timeout,
        default=3.0,
        metavar="S",
        help="seconds without a record after which the collector says so in the output",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--demo", action="store_true", help="make up records instead of reading files"
    )
    what.add_argument(
        "--kill-one", action="store_true", help="kill the worker with the most work, in mid-work"
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=5.0, metavar="S", help="how long --demo goes on"
    )
    return parser


def _workers(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError("must be from 1 to 1000")
    return number


def _timeout(text: str) -> float:
    seconds = _seconds(text)
    if seconds < 0.001:
        raise argparse.ArgumentTypeError("must be from 0.001 to 1e6")
    return seconds


def _seconds(text: str) -> float:
    seconds = float(text)
    if not math.isfinite(seconds) or not 0 <= seconds <= 1e6:
        raise argparse.ArgumentTypeError("must be from 0 to 1e6")
    return seconds
