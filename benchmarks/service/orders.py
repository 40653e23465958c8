"""Orders: from the first octet of a `POST /orders` to its frame on the wire, and what 50 orders a second do to quotes.

    python benchmarks/service/orders.py [--turns 8] [--orders 50] [--pause 0.05] [--seconds 60] [--report]

ibactors, whose answer and frame come after a durable write, beside the afternoon's service, which calls placeOrder and keeps no journal;
both run at once, a simulator behind each, and are loaded in turns. In turns with them the disk alone: what a commit of SQLite takes that is
durable, on the same file system, which is the least that an order on disk can take. Then quotes of 100 symbols, ten a second each,
without and with 50 orders a second. The frame is timed by the relay between server and simulator, by the same clock as the request.
"""

import argparse
import itertools
import json
import os
import sqlite3
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from load import Conversation, HttpClient, percentile
from rig import Rig, pin, running
from rivals import IBACTORS, SERVERS, Server, install
from rows import SYMBOLS, connected

PAGE = Path(__file__).parent.parent.parent / "docs/performance.md"
PER_SECOND = 50
"""IB takes 50 messages a second."""
CONNECTIONS = 4
_MS = 1000
_NUMBERS = itertools.count()
_STILL = "set AAPL 100.00 100.02 100.01"
_PATIENCE_S = 10.0
_OF_ONE_ORDER = 4000
"""Octets that the journal writes of one, about."""
_BEGIN, _END = "<!-- orders: begin -->", "<!-- orders: end -->"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=8, help="of each (default: %(default)s)")
    parser.add_argument("--orders", type=int, default=50, help="one after the other, in one turn (default: %(default)s)")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between an answer and the next order (default: %(default)g)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of orders at IB's pace beside quotes (default: %(default)g)")
    parser.add_argument("--report", action="store_true", help="write the figures into docs/performance.md")
    options = parser.parse_args()
    cores = pin()
    with tempfile.TemporaryDirectory() as state:
        servers = [_trading(state), *(server for server in SERVERS if server.name == "afternoon")]
        install("afternoon")
        lines = [*_on_the_wire(servers, cores, options, Disk(Path(state))), *_beside_quotes(servers, cores, options)]
    print("\n".join(lines))
    if options.report:
        head, _, rest = PAGE.read_text().partition(_BEGIN)
        PAGE.write_text(f"{head}{_BEGIN}\n" + "\n".join(lines) + f"\n{_END}{rest.partition(_END)[2]}")
    return 0


def _trading(state: str) -> Server:
    limits = ("MAX_ORDER_NOTIONAL", "MAX_DAY_NOTIONAL", "MAX_POSITION_NOTIONAL")
    settings = {"TRADING": "paper", "MAX_OPEN_ORDERS": "1000", "ORDERS_PER_MINUTE": "3000"} | dict.fromkeys(limits, "off")
    # The prices of the simulator are times here, so that its margins make no sense, and it refuses some orders.
    settings |= {"STATE_PATH": f"{state}/{{port}}", "JOURNAL_EPHEMERAL": "1", "HALT_AFTER": "unknown=0,rejects=0,duplicate=1"}
    return replace(IBACTORS, environment=(*IBACTORS.environment, *((f"IBACTORS_{name}", value) for name, value in settings.items())))


class Disk:
    """A file of SQLite that is written as the journal is: what each commit takes by itself."""

    def __init__(self, folder: Path) -> None:
        self._file = sqlite3.connect(folder / "alone.sqlite", isolation_level=None)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE orders (state TEXT)"):
            self._file.execute(statement)
        self.took: list[float] = []

    def turn(self, commits: int) -> None:
        """Some commits, one after the other."""
        for _ in range(commits):
            begun = time.perf_counter()
            self._file.execute("BEGIN IMMEDIATE")
            self._file.execute("INSERT INTO orders VALUES (?)", ("x" * _OF_ONE_ORDER,))
            self._file.execute("COMMIT")
            self.took.append((time.perf_counter() - begun) * _MS)


class Placing:
    """Orders to one server, on a connection of each turn's own; the times from request to frame and to answer."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._client: HttpClient | None = None
        self._begun = 0
        self.frames: list[float] = []
        self.answers: list[float] = []
        self.cpu_s = 0.0
        """Processor seconds of the server."""

    @property
    def is_free(self) -> bool:
        """Whether the last one was answered."""
        return self._client is None or len(self._client.took) == self._begun

    def _order(self) -> Conversation:
        order = {"instrument": {"symbol": "AAPL"}, "side": "buy", "quantity": 1, "type": "limit", "limit_price": 100.02}
        body = json.dumps({"client_order_id": f"bench-{next(_NUMBERS)}", **order, "time_in_force": "day", "wait": 0})
        head = f"POST /orders HTTP/1.1\r\nHost: 127.0.0.1:{self._rig.port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        yield f"{head}\r\n\r\n{body}".encode()

    def begin(self) -> None:
        """Send one, without waiting."""
        self._begun += 1
        if self._client is None:
            self._client = HttpClient(self._rig.loop, self._rig.port, self._order, again=False)
        else:
            self._client.hold(self._order)

    def turn(self, orders: int, pause: float) -> None:
        """Some orders, one after the other, with a *pause* in which IB's answers to each are taken in."""
        used = self._rig.cpu_s()
        for _ in range(orders):
            self.one()
            self._rig.loop.run(pause)
        self.cpu_s += self._rig.cpu_s() - used
        self.close()

    def close(self) -> None:
        """End a turn; a connection that is idle for long would be closed by the server."""
        self._rig.loop.run(_PATIENCE_S, lambda: self.is_free)
        if self._client is not None:
            self._client.close()
        self._client, self._begun = None, 0

    def one(self) -> None:
        """Send one, and wait for its answer and its frame."""
        placed = self._rig.tap.placed_at
        before, begun = len(placed), time.perf_counter()
        self.begin()
        if not self._rig.loop.run(_PATIENCE_S, lambda: len(placed) > before and self.is_free):
            raise TimeoutError(f"an order had no frame or no answer within {_PATIENCE_S:g} s")
        if self._client is not None:
            self.frames.append((placed[before] - begun) * _MS)
            self.answers.append(self._client.took[-1] * _MS)


def _on_the_wire(servers: list[Server], cores: tuple[int, int], options: argparse.Namespace, disk: Disk) -> list[str]:
    with ExitStack() as stack:
        rigs = [stack.enter_context(running(server, rate=0.01, cores=cores)) for server in servers]
        for rig in rigs:
            rig.loop.run(2.0)
            rig.control(_STILL)
        placings = [Placing(rig) for rig in rigs]
        for place in placings:
            place.one()
            place.frames, place.answers = [], []
        for turn in range(options.turns):
            for place in placings[turn % 2 :] + placings[: turn % 2]:
                place.turn(options.orders, options.pause)
            disk.turn(options.orders)
    pause = f"{options.pause * _MS:g} ms after the answer to the last"
    lines = [f"Measured {time.strftime('%Y-%m-%d')}, {options.turns * options.orders} orders each, {pause}; {_machine()}.", ""]
    lines += [
        "| From `POST /orders`, ms | to the frame, p50 | p99 | to the answer, p50 | p99 | processor time each |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for server, place in zip(servers, placings, strict=True):
        cells = [percentile(values, share) for values in (place.frames, place.answers) for share in (0.5, 0.99)]
        cells.append(place.cpu_s * _MS / len(place.frames))
        lines.append(f"| {server.title} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    lines.append(f"| a durable commit of SQLite alone | {percentile(disk.took, 0.5):.2f} | {percentile(disk.took, 0.99):.2f} | | | |")
    return lines


def _beside_quotes(servers: list[Server], cores: tuple[int, int], options: argparse.Namespace) -> list[str]:
    lines = ["", "| 1,000 quotes a second to one client | orders/s | age of a quote, p50, ms | p99 |", "|---|---:|---:|---:|"]
    for server in servers:
        with running(server, rate=0.01, cores=cores) as rig:
            rig.loop.run(2.0)
            rig.control("limit lines 200")
            placings = [Placing(rig) for _ in range(CONNECTIONS)]
            (stream,) = connected(rig, 1, SYMBOLS[:100])
            rig.control("rate 10")
            rig.control(_STILL)
            rig.loop.run(2.0)
            for pace in (0, PER_SECOND):
                stream.forget()
                before = len(rig.tap.placed_at)
                _let_pass(rig, placings, options.seconds, pace)
                ages = [age * _MS for age in stream.ages]
                placed = (len(rig.tap.placed_at) - before) / options.seconds
                lines.append(f"| {server.title} | {placed:.1f} | {percentile(ages, 0.5):.2f} | {percentile(ages, 0.99):.2f} |")
    return lines


def _let_pass(rig: Rig, placings: list[Placing], seconds: float, pace: int) -> None:
    """Some seconds, with *pace* orders in each of them, on whichever connection waits for no answer."""
    end = due = time.perf_counter()
    end += seconds
    while due < end:
        due += 1 / PER_SECOND
        rig.loop.run(due - time.perf_counter())
        free = next((place for place in placings if place.is_free), None)
        if pace and free is not None:
            free.begin()
    for place in placings:
        place.close()


def _machine() -> str:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load averages {load}"


if __name__ == "__main__":
    sys.exit(main())
