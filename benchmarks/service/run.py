"""ibactors against what users would pick instead: one machine, one simulator, one load generator, interleaved repeats.

python benchmarks/service/run.py [--quick] [--repeats N] [--only NAME…] [--rows NAME…] [--report]
"""

import argparse
import math
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

import report
import rows
from rig import pin, running
from rivals import CACHE, SERVERS, InstallError, Server, install

ALL_ROWS = (*rows.REST_ROWS, *rows.STREAM_ROWS, *rows.ONCE_ROWS)
REPEATS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short measurements, one repeat")
    parser.add_argument("--repeats", type=int, help=f"how often everything is measured (default: {REPEATS}; 1 with --quick)")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[server.name for server in SERVERS], help="servers")
    names = [row.__name__ for row in ALL_ROWS]
    parser.add_argument("--rows", nargs="+", metavar="NAME", choices=names, default=names, help=f"measurements: {', '.join(names)}")
    parser.add_argument("--report", action="store_true", help="write the table and the plot into docs/")
    options = parser.parse_args()
    run = Run(rows.QUICK if options.quick else rows.FULL, set(options.rows))
    servers = [server for server in SERVERS if (not options.only or server.name in options.only) and run.install(server)]
    run.measure(servers, options.repeats or (1 if options.quick else REPEATS))
    print(report.table(servers, run.results))
    print("\n".join(run.remarks))
    if options.report:
        if options.quick:
            run.remarks.append("Measured with `--quick`, too short to conclude anything.")
        install("plot")
        report.write(servers, run.results, run.remarks, CACHE / "plot" / "bin" / "python")
    return 1 if "ibactors" in run.failed else 0


class Run:
    """The measurements of all servers, and what has to be said about them."""

    def __init__(self, lengths: rows.Lengths, chosen: set[str]) -> None:
        self._lengths = lengths
        self._chosen = chosen
        self._cores = pin()
        self._silent: set[str] = set()
        """Servers whose stream sends nothing."""
        self.results: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.remarks: list[str] = []
        self.failed: set[str] = set()

    def install(self, server: Server) -> bool:
        """Whether it can be installed here."""
        try:
            if server.home:
                install(server.home, server.python)
        except InstallError as error:
            self._remark(f"{server.title} was left out: {error}.")
            return False
        if remark := server.dialect.remark:
            self._remark(remark)
        return True

    def measure(self, servers: list[Server], repeats: int) -> None:
        """Everything, interleaved, and each time in another order, so that what else the machine does falls on all."""
        turns = [
            (repeat, server) for repeat in range(repeats) for server in servers[repeat % len(servers) :] + servers[: repeat % len(servers)]
        ]
        begun, planned = time.monotonic(), [self._expected(server, repeat) for repeat, server in turns]
        for turn, (repeat, server) in enumerate(turns):
            done = sum(planned[:turn])
            pace = (time.monotonic() - begun) / done if done else 1.0
            left = math.ceil(sum(planned[turn:]) * pace / 60)
            print(f"{time.strftime('%H:%M:%S')} repeat {repeat + 1} of {repeats}: {server.title}; about {left} min left", flush=True)
            for group in self._groups(server, repeat):
                self._measure(server, group)

    def _groups(self, server: Server, repeat: int) -> Iterator[list[rows.Row]]:
        """What is measured of one start of the server each."""
        yield self._of(server, rows.REST_ROWS)
        if server.dialect.stream_path and server.name not in self._silent:
            yield self._of(server, rows.STREAM_ROWS)
            if repeat == 0:
                yield self._of(server, rows.ONCE_ROWS)

    def _of(self, server: Server, group: Iterable[rows.Row]) -> list[rows.Row]:
        return [row for row in group if row.__name__ in self._chosen and (server.batches or row not in rows.BATCH_ROWS)]

    def _expected(self, server: Server, repeat: int) -> float:
        return sum(_seconds(row, self._lengths) for group in self._groups(server, repeat) for row in group)

    def _measure(self, server: Server, waiting: list[rows.Row]) -> None:
        """Measure some rows; one that fails leaves its cell empty, and the others go on with a fresh server."""
        while waiting:
            what = "start"
            try:
                with running(server, rate=4, cores=self._cores) as rig:
                    while waiting:
                        row = waiting.pop(0)
                        what = row.__name__
                        self._take(server, row(rig, self._lengths))
            except (OSError, RuntimeError) as error:
                self.failed.add(server.name)
                self._remark(f"{server.title}, {what}: {error}.")
                print("\n".join(getattr(error, "__notes__", ())), flush=True)
                if what == "start":
                    return

    def _take(self, server: Server, figures: rows.Figures) -> None:
        print("   " + "  ".join(f"{name} {value:.4g}" for name, value in figures.items()), flush=True)
        for name, value in figures.items():
            self.results[server.name][name].append(value)
        if figures.get("slow_hung_up"):
            self._remark(f"{server.title} hung up on the client that did not read.")
        if figures.get("pushed") == 0:
            self._silent.add(server.name)
            left = figures["pushed_left"]
            self._remark(f"{server.title} pushed none of the {left:.0f} updates/s that left the gateway; its stream is not measured.")

    def _remark(self, text: str) -> None:
        print(f"   {text}", flush=True)
        if text not in self.remarks:
            self.remarks.append(text)


def _seconds(row: rows.Row, lengths: rows.Lengths) -> float:
    """About how long a row takes, its share of the server's start included."""
    longer: dict[rows.Row, float] = {
        rows.at_rest: lengths.rest + 5,
        rows.cold_quotes: 3.0,
        rows.reset: 6.0,
        rows.memory: 9.0,
        rows.slow_reader: lengths.slow + lengths.stream + 7,
    }
    return longer.get(row, lengths.stream + 3)


if __name__ == "__main__":
    sys.exit(main())
