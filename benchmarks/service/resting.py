"""What doing nothing costs, and one more symbol: processor time of connected servers that nobody asks, all at once, and private memory.

    python benchmarks/service/resting.py [--minutes 4] [--symbols 100] [--starts 3] [--report]

Processor time is the scheduler's own count (schedstat). Memory is what the kernel gives to the process alone (smaps_rollup), before and
after so many symbols are asked for over one connection; some others were asked for before.
"""

import argparse
import os
import re
import socket
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

import report
from load import get
from rig import Rig, pin, running
from rivals import IBACTORS, SERVERS, Server, install

SETTLE_S = 20.0
"""Until a server that has just begun is at rest."""
KNOWN = 50
"""Symbols that are asked for first: what all share is there then."""
_PRIVATE = re.compile(r"^Private_\w+:\s+(\d+) kB", re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=4.0, help="at rest, of each start (default: %(default)g)")
    parser.add_argument("--symbols", type=int, default=100, help="(default: %(default)s)")
    parser.add_argument("--starts", type=int, default=3, help="how often all are started anew (default: %(default)s)")
    parser.add_argument("--rivals", nargs="*", default=["afternoon", "best"], help="default: afternoon best")
    parser.add_argument("--report", action="store_true", help="write the figures into docs/performance.md")
    options = parser.parse_args()
    servers = [IBACTORS, *(server for server in SERVERS if server.name in options.rivals)]
    for server in servers:
        if server.home:
            install(server.home, server.python)
    cores = pin()
    starts = [_measured(servers, cores, options.minutes * 60, options.symbols) for _ in range(options.starts)]
    text = _table(servers, starts, options)
    print(text)
    if options.report:
        report.put("resting", "bench-resting", text)
    return 0


def _measured(servers: list[Server], cores: tuple[int, int], seconds: float, symbols: int) -> list[tuple[float, float]]:
    """Of each server the share of a core at rest, in percent, and the KiB of a symbol."""
    with ExitStack() as stack:
        rigs = [stack.enter_context(running(server, rate=1, cores=cores, tapped=False)) for server in servers]
        time.sleep(SETTLE_S)
        begun, cpu = time.perf_counter(), [rig.cpu_s() for rig in rigs]
        time.sleep(seconds)
        took = time.perf_counter() - begun
        rest = [(rig.cpu_s() - before) / took * 100 for rig, before in zip(rigs, cpu, strict=True)]
        return [(share, _memory_of(rig, symbols)) for share, rig in zip(rest, rigs, strict=True)]


def _memory_of(rig: Rig, symbols: int) -> float:
    rig.control(f"limit lines {KNOWN + symbols}")
    names = [f"S{number:03}" for number in range(1, KNOWN + symbols + 1)]
    for path in ("/health", *(f"/market/quote/{name}" for name in names[:KNOWN])):
        get(rig.port, path)
    before = _private(rig.pid)
    with socket.create_connection(("127.0.0.1", rig.port), timeout=30) as stream:
        for name in names[KNOWN:]:
            stream.sendall(f"GET /market/quote/{name} HTTP/1.1\r\nHost: 127.0.0.1:{rig.port}\r\n\r\n".encode())
            answer = stream.recv(1 << 16)
            if b" 200 " not in answer[:20]:
                raise ValueError(f"{name}: {answer[:200]!r}")
        return (_private(rig.pid) - before) / symbols


def _private(pid: int) -> int:
    """KiB that no other process shares."""
    return sum(map(int, _PRIVATE.findall(Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"))))


def _table(servers: list[Server], starts: list[list[tuple[float, float]]], options: argparse.Namespace) -> str:
    load = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    how = f"starts: {options.starts}, of {options.minutes:g} minutes at rest, {options.symbols} symbols"
    lines = [
        f"Measured {report.moment()}; {how}; load averages at the end: {load}. Medians, in brackets the lowest and the highest.",
        "",
        "| | at rest, % of a core | a symbol, KiB |",
        "|---|---:|---:|",
    ]
    for place, server in enumerate(servers):
        columns = [[start[place][column] for start in starts] for column in (0, 1)]
        shares, sizes = (f"{statistics.median(found):.2f} ({min(found):.2f}–{max(found):.2f})" for found in columns)
        lines.append(f"| {server.title} | {shares} | {sizes} |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
