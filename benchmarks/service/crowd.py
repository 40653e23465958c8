"""Whether those who ask for the past delay those who ask for the present: a warm quote's latency, with and without a crowd of histories.

    python benchmarks/service/crowd.py [--turns 5] [--seconds 10] [--clients 20] [--report]

In each turn a service begins anew, so that nothing is kept: a warm quote is asked for a hundred times a second, first alone, then while
clients ask for fifty histories each, all at once, and then alone again. It is asked by a process of its own, which has the core that it
shares with crowd and simulator at once when an answer comes, where the system lets it (SCHED_FIFO): else it would measure these.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import report
from load import Conversation, HttpClient, get, percentile
from rig import Rig, pin, running
from rivals import IBACTORS

PAUSE_S = 0.01
_MS = 1000
_QUOTE = "/market/quote/AAPL"
_STOCKS = ("AAPL", "MSFT", "TSLA", "NVDA", "SPY")
# Bar, days back from today, and length in days.
_RANGES = (("1m", 40, 5), ("5m", 60, 18), ("15m", 90, 30), ("30m", 200, 30), ("1h", 300, 150), ("2h", 300, 60), ("4h", 600, 200))
_RANGES = (*_RANGES, ("1d", 1000, 700), ("1w", 3000, 1500), ("30s", 20, 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="each with a service of its own (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="alone, before and after the crowd (default: %(default)g)")
    parser.add_argument("--clients", type=int, default=20, help="of the crowd (default: %(default)s)")
    parser.add_argument("--report", action="store_true", help="write the figures into docs/performance.md")
    parser.add_argument("--ask", nargs=2, metavar=("PORT", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        return _ask(int(options.ask[0]), float(options.ask[1]))
    cores = pin()
    text = _table([_turn(cores, options) for _ in range(options.turns)], options)
    print(text)
    if options.report:
        report.put("crowd", "bench-crowd", text)
    return 0


def _ask(port: int, seconds: float) -> int:
    """Print how long each answer takes, until the time or the input is over."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        print("no right to SCHED_FIFO: the figures contain what else runs on this core", file=sys.stderr)
    request = f"GET {_QUOTE} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    took: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            due += PAUSE_S
            time.sleep(max(0.0, due - time.perf_counter()))
            begun = time.perf_counter()
            stream.sendall(request)
            stream.recv(1 << 16)
            took.append((time.perf_counter() - begun) * _MS)
    print(json.dumps(took))
    return 0


def _turn(cores: tuple[int, int], options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """The milliseconds of each quote, without and with the crowd."""
    with running(IBACTORS, rate=1, cores=cores, tapped=False) as rig:
        get(rig.port, _QUOTE)
        alone = _asked(rig, options.seconds, [])
        crowd = [HttpClient(rig.loop, rig.port, lambda number=n: _questions(rig.port, number), again=False) for n in range(options.clients)]  # type: ignore[misc]
        beside = _asked(rig, 0.0, crowd)
        for client in crowd:
            client.close()
        return alone + _asked(rig, options.seconds, []), beside


def _asked(rig: Rig, seconds: float, crowd: list[HttpClient]) -> list[float]:
    """For some seconds, or until the crowd has all its answers."""
    took: list[float] = []
    while True:
        command = [sys.executable, __file__, "--ask", str(rig.port), str(seconds or 2.0)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asker:  # noqa: S603
            rig.loop.run(seconds + 30, lambda: asker.poll() is not None)
            assert asker.stdout is not None  # noqa: S101
            took += json.loads(asker.stdout.read())
        if all(client.took for client in crowd):
            return took


def _questions(port: int, number: int) -> Conversation:
    today = datetime.now(UTC).date()
    asked = [(symbol, *what) for symbol in _STOCKS for what in _RANGES]
    for n in range(len(asked)):
        symbol, bar, back, length = asked[(number * 7 + n) % len(asked)]
        days = f"start={today - timedelta(days=back)}&end={today - timedelta(days=back - length)}"
        path = f"/history/bars/{symbol}?bar={bar}&wait=60&limit=10000&{days}"
        yield f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


def _table(turns: list[tuple[list[float], list[float]]], options: argparse.Namespace) -> str:
    lines = [
        f"Measured {report.moment()}; {options.turns} turns, {options.clients} clients with {len(_STOCKS) * len(_RANGES)} histories each.",
        "",
        "| A warm quote, ms | p50 | p90 | p99 | most | answers |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for title, place in ("alone", 0), ("beside the crowd", 1):
        each = [percentile(turn[place], 1.0) for turn in turns]
        cells = [f"{statistics.median(percentile(turn[place], share) for turn in turns):.2f}" for share in (0.5, 0.9, 0.99)]
        lines.append(f"| {title} | {' | '.join(cells)} | {max(each):.2f} | {sum(len(turn[place]) for turn in turns)} |")
    ratios = [percentile(beside, 0.99) / percentile(alone, 0.99) for alone, beside in turns]
    lines.append("")
    lines.append(f"p99 beside the crowd to p99 alone, turn by turn: {', '.join(f'×{ratio:.2f}' for ratio in ratios)}.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
