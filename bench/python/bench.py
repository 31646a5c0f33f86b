#!/usr/bin/env python3
"""Named workloads, in Python; bench/README.md tells the method.

    bench.py --list
    bench.py --versions
    bench.py [--time SECONDS] [--warm-up SECONDS] [--pin sep|off] WORKLOAD/PEER...

Prints a line for each figure: workload/peer, value and unit, with tabs between them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import sys
import warnings
from typing import Any

# What a peer needs that may not be there.
PACKAGES = {"faster-fifo": "faster_fifo", "zeromq": "zmq", "iceoryx2": "iceoryx2"}
DISTRIBUTIONS = ("faster-fifo", "pyzmq", "iceoryx2")


def available() -> dict[str, Any]:
    import arrays  # not at the top: a spawned child imports this file, and needs none of them
    import locks
    import processes
    import queues
    import waits

    missing = {peer for peer, name in PACKAGES.items() if importlib.util.find_spec(name) is None}
    for peer in sorted(missing):
        print(f"bench.py: {peer} is not installed; it is left out", file=sys.stderr)
    return {
        f"{name}/{peer}": (peer, function)
        for module in (queues, arrays, locks, waits, processes)
        for name, peer, function in module.workloads()
        if peer not in missing
    }


def print_versions() -> None:
    """Of the peers that are there."""
    for name in DISTRIBUTIONS:
        try:
            print(f"{name} {importlib.metadata.version(name)} (Python)")
        except importlib.metadata.PackageNotFoundError:
            continue


def main() -> None:
    parser = argparse.ArgumentParser(description="Python workloads of shoal and its peers")
    parser.add_argument("--list", action="store_true", help="print the workloads")
    parser.add_argument("--versions", action="store_true", help="print those of the peers")
    parser.add_argument("--time", type=float, default=0.3, help="seconds that are measured")
    parser.add_argument("--warm-up", type=float, default=0.05, help="seconds before that")
    parser.add_argument("--pin", choices=("sep", "off"), default="off")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD/PEER")
    arguments = parser.parse_args()
    # From 3.12 on, a fork beside threads warns; the partners are forked before there are any.
    warnings.simplefilter("ignore", DeprecationWarning)
    workloads = available()
    if arguments.versions:
        print_versions()
    if arguments.list:
        print("\n".join(workloads))
    from sample import Options

    options = Options(arguments.time, arguments.warm_up, arguments.pin == "sep")
    for name in arguments.workloads:
        if name not in workloads:
            parser.error(f"no workload {name}")
        peer, function = workloads[name]
        for figure, value, unit in function(options):
            print(f"{figure}/{peer}\t{value:.6g}\t{unit}", flush=True)


if __name__ == "__main__":
    main()
