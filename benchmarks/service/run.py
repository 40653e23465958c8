"""ibactors against what users would pick instead: one machine, one simulator, one load generator, interleaved repeats.

python benchmarks/service/run.py [--quick] [--repeats N] [--only NAME…] [--rows NAME…] [--report]
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict

import report
import rows
from rig import pin, running
from rivals import CACHE, SERVERS, InstallError, Server, install

Results = dict[str, dict[str, list[float]]]
"""By server and figure: one value a repeat."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short measurements, one repeat")
    parser.add_argument("--repeats", type=int, help="how often everything is measured (default: 5; 1 with --quick)")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[server.name for server in SERVERS], help="servers")
    names = [row.__name__ for row in (*rows.REST_ROWS, *rows.STREAM_ROWS, *rows.ONCE_ROWS)]
    parser.add_argument("--rows", nargs="+", metavar="NAME", choices=names, help=f"measurements: {', '.join(names)}")
    parser.add_argument("--report", action="store_true", help="write the table and the plot into docs/")
    options = parser.parse_args()
    servers = [server for server in SERVERS if not options.only or server.name in options.only]
    servers = [server for server in servers if _installed(server)]
    results: Results = defaultdict(lambda: defaultdict(list))
    failed: list[str] = []
    cores = pin()
    for repeat in range(options.repeats or (1 if options.quick else 5)):
        # Interleaved, and each time in another order, so that what else the machine does falls on all.
        for server in servers[repeat % len(servers) :] + servers[: repeat % len(servers)]:
            print(f"repeat {repeat + 1}: {server.title}", flush=True)
            try:
                _measure(server, options, cores, results[server.name], first=repeat == 0)
            except (OSError, RuntimeError) as error:
                failed.append(server.name)
                print(f"   gave up on {server.title}: {error}", flush=True)
    print(report.table(servers, results))
    if options.report:
        install("plot")
        report.write(servers, results, CACHE / "plot" / "bin" / "python")
    return 1 if "ibactors" in failed else 0


def _installed(server: Server) -> bool:
    try:
        if server.home:
            install(server.home, server.python)
    except InstallError as error:
        print(f"skipped {server.title}: {error}")
        return False
    return True


def _measure(server: Server, options: argparse.Namespace, cores: tuple[int, int], figures: dict[str, list[float]], *, first: bool) -> None:
    lengths = rows.QUICK if options.quick else rows.FULL
    for group in (rows.REST_ROWS, rows.STREAM_ROWS, rows.ONCE_ROWS if first else ()):
        chosen = [row for row in group if not options.rows or row.__name__ in options.rows]
        if not chosen:
            continue
        with running(server, rate=4, cores=cores) as rig:
            for row in chosen:
                found = row(rig, lengths)
                print("   " + "  ".join(f"{name} {value:.4g}" for name, value in found.items()), flush=True)
                for name, value in found.items():
                    figures[name].append(value)


if __name__ == "__main__":
    sys.exit(main())
