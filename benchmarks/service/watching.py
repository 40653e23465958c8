"""What watching and counting cost: the same process at saturation, with the instrument, the meters and a scraper on and off in turns.

    python benchmarks/service/watching.py [--pairs 30] [--updates N] [--requests N]

Each pair of neighbouring windows gives one ratio of throughput and one of processor time an update; the medians of the ratios are the
result, so that what else the machine does falls on both sides alike.
"""

import argparse
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from load import HttpClient, StreamClient, get
from rig import Rig, pin, running
from rivals import Server
from rows import SYMBOLS

SERVER = Server(
    name="togglable",
    title="ibactors, togglable",
    home=None,
    command=("{bin}/python", str(Path(__file__).parent / "togglable.py"), "serve", "--port", "{port}"),
    environment=(
        ("IBACTORS_GATEWAY_PORT", "{gateway}"),
        ("IBACTORS_MAX_LINES", "400"),
        ("IBACTORS_LOG_FORMAT", "json"),
        ("IBACTORS_SLOW_STEP_SECONDS", "0"),
    ),
)
SETTLE_S = 0.3
PATIENCE_S = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=30, help="pairs of windows for each kind of load (default: 30)")
    parser.add_argument("--updates", type=int, default=200_000, help="updates in a window (default: 200000)")
    parser.add_argument("--requests", type=int, default=5_000, help="requests in a window (default: 5000)")
    options = parser.parse_args()
    with running(SERVER, rate=4, cores=pin()) as rig:
        print(f"load of the machine: {os.getloadavg()[0]:.1f}")
        _stream(rig, options.pairs, options.updates)
        _rest(rig, options.pairs, options.requests)
    return 0


def _stream(rig: Rig, pairs: int, number: int) -> None:
    rig.control("rate 1")
    clients = [StreamClient(rig.loop, rig.tap, rig.port, "/ws/stream") for _ in range(100)]
    for client in clients:
        rig.loop.run(PATIENCE_S, lambda client=client: client.open)  # type: ignore[misc]
        rig.dialect.subscribe(rig.loop, client, SYMBOLS[:100])
    if not rig.loop.run(PATIENCE_S, lambda: all(client.updates >= 100 for client in clients)):
        raise TimeoutError("the server did not send quotes to all streams")
    rig.control("rate 10")

    def updates() -> int:
        return sum(client.updates for client in clients)

    _compare("WebSocket, 100 symbols x 10 a second x 100 clients", rig, updates, pairs, number)
    for client in clients:
        client.close()
    rig.control("rate 4")


def _rest(rig: Rig, pairs: int, number: int) -> None:
    clients = [HttpClient(rig.loop, rig.port, lambda: rig.dialect.quote(SYMBOLS[0]), again=True) for _ in range(16)]

    def answers() -> int:
        return sum(len(client.took) for client in clients)

    _compare("REST, 16 connections", rig, answers, pairs, number)


def _compare(title: str, rig: Rig, done: Callable[[], int], pairs: int, number: int) -> None:
    rates, costs, absolute = [], [], []
    for pair in range(pairs):
        # On, off, off, on, …: a drift of the machine within a pair falls on both sides.
        first_on = pair % 2 == 0
        windows = [_window(rig, done, number, watched=first_on), _window(rig, done, number, watched=not first_on)]
        on, off = windows if first_on else windows[::-1]
        rates.append(on[0] / off[0])
        costs.append(on[1] / off[1])
        absolute.append(off)
    print(f"{title}: {pairs} pairs of windows of {number}")
    rate, cost = (statistics.median(values) for values in zip(*absolute, strict=True))
    print(f"  unwatched: {rate:.0f} a second, {cost * 1e6:.1f} us of processor time each")
    print(f"  watched:   throughput {_spread(rates)}, processor time each {_spread(costs)}", flush=True)


_watched = True


def _window(rig: Rig, done: Callable[[], int], number: int, *, watched: bool) -> tuple[float, float]:
    """Things done a second, and processor seconds for each; a window lasts until *number* are done, however slow the machine is."""
    global _watched  # noqa: PLW0603  # the server starts watched, and each signal turns it over
    if watched != _watched:
        os.kill(rig.pid, signal.SIGHUP)
        _watched = watched
    rig.loop.run(SETTLE_S)
    before, cpu, begun = done(), _processor_s(rig.pid), time.perf_counter()
    for share in (0.5, 1.0):
        if not rig.loop.run(PATIENCE_S, lambda share=share: done() - before >= share * number):  # type: ignore[misc]
            raise TimeoutError("the server did too little")
        if watched and share < 1:
            get(rig.port, "/metrics")
    took, cpu = time.perf_counter() - begun, _processor_s(rig.pid) - cpu
    return (done() - before) / took, cpu / (done() - before)


def _processor_s(pid: int) -> float:
    """Seconds that all threads of a process have run, to the nanosecond."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def _spread(ratios: list[float]) -> str:
    low, _, high = statistics.quantiles(ratios, n=4)
    return f"{(statistics.median(ratios) - 1) * 100:+.1f} % (quartiles {(low - 1) * 100:+.1f} and {(high - 1) * 100:+.1f})"


if __name__ == "__main__":
    sys.exit(main())
