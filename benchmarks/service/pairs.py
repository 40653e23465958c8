"""Versions and rivals side by side: all run at once, a simulator behind each, and are loaded in turns, as a busy machine is busy for all.

    python benchmarks/service/pairs.py [--turns 7] [--starts 4] [--checkout FOLDER] [--clients 10] [--symbols 50] [--rate 4] [--query TEXT]

Each turn is a second of load. Prints medians over the turns, quartiles, and the median of the ratios to the first; with --checkout another
checkout of ibactors is the first, run by this one's Python.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace

from rig import pin, running
from rivals import IBACTORS, SERVERS, Server, install
from rows import SYMBOLS, Figures, connected, sampled

SETTLE_S = 0.3
IDLE = "rate 0.01"
SHOWN = ("p50", "p99", "cpu_update", "updates", "load")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7, help="of each, in one start (default: 7)")
    parser.add_argument("--starts", type=int, default=4, help="how often all are started anew (default: 4)")
    parser.add_argument("--checkout", help="folder of another checkout of ibactors, to compare with")
    parser.add_argument("--rivals", nargs="*", default=["afternoon", "best"], help="default: afternoon best")
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--rate", type=float, default=4, help="updates a second and symbol (default: 4)")
    parser.add_argument("--query", default="", help="for example ?batch=1")
    options = parser.parse_args()
    servers = [*([_other(options.checkout)] if options.checkout else []), IBACTORS]
    servers += [server for server in SERVERS if server.name in options.rivals]
    for server in servers:
        if server.home:
            install(server.home, server.python)
    cores = pin()
    figures: dict[str, list[Figures]] = defaultdict(list)
    for start in range(options.starts):
        shift = start % len(servers)
        _measure(servers[shift:] + servers[:shift], cores, options, figures)
    for server in servers:
        print(_line(server.title, figures[server.name], figures[servers[0].name]))
    return 0


def _other(checkout: str) -> Server:
    # -P, as the present folder would come before PYTHONPATH.
    command = ("{bin}/python", "-P", "-m", "ibactors", *IBACTORS.command[1:])
    return replace(IBACTORS, name="other", title=checkout, command=command, environment=(*IBACTORS.environment, ("PYTHONPATH", checkout)))


def _measure(servers: list[Server], cores: tuple[int, int], options: argparse.Namespace, figures: dict[str, list[Figures]]) -> None:
    with ExitStack() as stack:
        rigs = {server.name: stack.enter_context(running(server, rate=0.01, cores=cores)) for server in servers}
        loops = [rig.loop for rig in rigs.values()]

        def turn(seconds: float) -> None:
            for loop in loops:
                loop.run(seconds / len(loops))

        sample = 1 if options.clients < 50 else 8
        streams = {
            name: connected(rig, options.clients, SYMBOLS[: options.symbols], options.query, sample=sample) for name, rig in rigs.items()
        }
        for _ in range(options.turns):
            for name, rig in rigs.items():
                turn(SETTLE_S)
                rig.control(f"rate {options.rate}")
                rig.loop.run(SETTLE_S)
                figures[name].append(sampled(rig, streams[name], 1.0))
                rig.control(IDLE)
                rig.loop.run(SETTLE_S / 3)


def _line(title: str, mine: list[Figures], base: list[Figures]) -> str:
    parts = [title]
    for figure in SHOWN:
        values = [one[figure] for one in mine]
        low, _, high = statistics.quantiles(values, n=4)
        ratio = statistics.median(one[figure] / first[figure] for one, first in zip(mine, base, strict=True) if first[figure])
        parts.append(f"{figure} {statistics.median(values):.4g} ({low:.4g} to {high:.4g}, ×{ratio:.2f})")
    return "\n   ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
