"""Books and ticks one by one under load: how old a book is when a client has it, and whether every tick comes, or is told as lost.

    python benchmarks/service/streams.py depth [--seconds 20] [--turns 3] [--clients 50] [--rate 100] [--rival]
    python benchmarks/service/streams.py ticks [--seconds 60] [--clients 20] [--rate 1000] [--pause 30]

Prices of the simulator tell when they were sent (`--prices clock`). A rival (`rivals/afternoon_depth.py`) sends every change of a book; it
is installed on first use, as for `./dev bench`.
"""

import argparse
import json
import os
import re
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from load import StreamClient, percentile
from rig import Rig, pin, running
from rivals import IBACTORS, Server, install

SYMBOLS = ("S001", "S002", "S003")
TICK_STREAMS = 5
PATIENCE_S = 60.0
SETTLE_S = 2.0
SCALE = 1000
"""Ticks per millisecond in prices that tell the time."""
_BOOK = re.compile(rb'"symbol": ?"(S\d+)".*?"bids": ?\[\{"price": ?([0-9.]+)')
_TICK = re.compile(rb'\{"type":"(?:tick|gap)".*?\}')
RIVAL = Server(
    name="afternoon",
    title="(a) FastAPI, uvicorn, ib_async, every change",
    home="afternoon",
    command=("{bin}/uvicorn", "--app-dir", "{rivals}", "--port", "{port}", "--log-level", "warning", "afternoon_depth:app"),
    environment=(("IB_PORT", "{gateway}"),),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("depth", "ticks"))
    parser.add_argument("--seconds", type=float, default=20.0, help="of load; of each turn of depth")
    parser.add_argument("--clients", type=int, default=0, help="0 for those of the standard case")
    parser.add_argument("--rate", type=float, default=0.0, help="changes a second of each symbol; 0 for the standard case")
    parser.add_argument("--pause", type=float, default=0.0, help="ticks: seconds for which one client does not read")
    parser.add_argument("--turns", type=int, default=3, help="depth: of each server")
    parser.add_argument("--rival", action="store_true", help="depth: measure (a) as well")
    options = parser.parse_args()
    cores = pin()
    if options.what == "ticks":
        return ticks(cores, options.seconds, options.clients or 20, options.rate or 1000.0, options.pause)
    servers = [IBACTORS]
    if options.rival:
        install("afternoon")
        servers.append(RIVAL)
    depth(servers, cores, options)
    return 0


class BookClient(StreamClient):
    """Notes how old the best bid of each book is."""

    clock: Callable[[bytes, float], float]
    books = 0

    def heard(self, data: bytes) -> None:
        for symbol, price in _BOOK.findall(data):
            self.books += 1
            self.ages.append(self.clock(symbol, float(price)))


class Watched:
    """One server, and clients that follow its books."""

    def __init__(self, rig: Rig, number: int) -> None:
        self.rig = rig
        told = json.loads(rig.control("clock"))
        offset = time.perf_counter() * 1000 - told["milliseconds"]
        tick = {name.encode(): about["tick"] for name, about in told["instruments"].items()}

        def age(symbol: bytes, price: float) -> float:
            return (time.perf_counter() * 1000 - offset - round(price / tick[symbol]) // SCALE) / 1000

        self.clients = [BookClient(rig.loop, rig.tap, rig.port, "/ws/stream") for _ in range(number)]
        for client in self.clients:
            client.clock = age
            rig.loop.run(PATIENCE_S, lambda client=client: client.open)  # type: ignore[misc]
            client.send_text(json.dumps({"action": "subscribe", "channel": "depth", "symbols": SYMBOLS, "rows": 20}))
        if not rig.loop.run(PATIENCE_S, lambda: all(client.books > len(SYMBOLS) for client in self.clients)):
            raise TimeoutError("the server did not send books to all clients")

    def turn(self, seconds: float, rate: float) -> dict[str, float]:
        """Load for some seconds: how old books were, and what each took."""
        rig, number = self.rig, len(self.clients)
        rig.control(f"rate {rate:g}")
        rig.loop.run(SETTLE_S)
        for client in self.clients:
            client.forget()
            client.books = 0
        cpu, load = rig.cpu_s(), rig.load_cpu_s()
        rig.loop.run(seconds)
        cpu, load = rig.cpu_s() - cpu, rig.load_cpu_s() - load
        books = sum(client.books for client in self.clients)
        ages = [age for client in self.clients for age in client.ages]
        rig.control("rate 0.5")
        rig.loop.run(2 * SETTLE_S)  # what waits is read, so that the next one has the machine
        return {
            "books a second": books / seconds,
            "age p50, ms": percentile(ages, 0.5) * 1000,
            "age p99, ms": percentile(ages, 0.99) * 1000,
            "us of processor a book": cpu / books * 1e6,
            "us a change and client": cpu / (seconds * rate * len(SYMBOLS) * number) * 1e6,
            "% of a core": cpu / seconds * 100,
            "generator and simulator, % of theirs": load / seconds * 100,
        }


def depth(servers: list[Server], cores: tuple[int, int], options: argparse.Namespace) -> None:
    """All run at once and are loaded in turns, as a busy machine is busy for all."""
    with ExitStack() as stack:
        rigs = [stack.enter_context(running(server, rate=4, cores=cores, tapped=False)) for server in servers]
        watched = [Watched(rig, options.clients or 50) for rig in rigs]
        turns = [[each.turn(options.seconds, options.rate or 100.0) for each in watched] for _ in range(options.turns)]
    print(f"{options.turns} turns of {options.seconds:g} s, load averages {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    for place, server in enumerate(servers):
        mine = [turn[place] for turn in turns]
        figures = ", ".join(f"{name} {statistics.median(turn[name] for turn in mine):.1f}" for name in mine[0])
        print(f"{server.title}: {figures}")
        if place:
            ratios = {name: [turn[0][name] / turn[place][name] for turn in turns] for name in mine[0]}
            print("  ours to it: " + ", ".join(f"{name} x{statistics.median(found):.2f}" for name, found in ratios.items()), flush=True)


@dataclass
class Account:
    """What one client has got of the ticks."""

    first: int = 0
    last: int = 0
    ticks: int = 0
    lost: int = 0
    wrong: int = 0
    """Numbers that do not follow."""

    def take(self, message: dict[str, object]) -> None:
        sequence = message.get("sequence")
        if message.get("type") not in {"tick", "gap"} or not isinstance(sequence, int):
            return
        lost = message.get("lost") if message["type"] == "gap" else None
        self.first = self.first or sequence
        self.wrong += bool(self.last) and sequence != self.last + (lost if isinstance(lost, int) else 1)
        self.last = sequence
        self.lost += lost if isinstance(lost, int) else 0
        self.ticks += message["type"] == "tick"


class TickClient(StreamClient):
    """Accounts for every tick."""

    accounts: dict[str, Account]

    def heard(self, data: bytes) -> None:
        for text in _TICK.findall(data):
            message = json.loads(text)
            self.accounts[message["symbol"]].take(message)

    @property
    def ticks(self) -> int:
        return sum(account.ticks for account in self.accounts.values())


def ticks(cores: tuple[int, int], seconds: float, number: int, rate: float, pause: float) -> int:
    """Every tick at every client that reads, in order; the losses of one that does not, exactly."""
    names = [f"S{place:03}" for place in range(1, TICK_STREAMS + 1)]
    with running(IBACTORS, rate=4, cores=cores) as rig:
        clients = [TickClient(rig.loop, rig.tap, rig.port, "/ws/stream") for _ in range(number)]
        for client in clients:
            client.accounts = {name: Account() for name in names}
            rig.loop.run(PATIENCE_S, lambda client=client: client.open)  # type: ignore[misc]
            client.send_text(json.dumps({"action": "subscribe", "channel": "ticks", "kind": "bid_ask", "symbols": names}))
        rig.loop.run(PATIENCE_S, lambda: all(account.ticks for client in clients for account in client.accounts.values()))
        before = sum(client.ticks for client in clients)
        rig.control(f"rate {rate / len(names):g}")
        cpu, begun = rig.cpu_s(), time.perf_counter()
        if pause:
            clients[-1].pause()
            rig.loop.run(pause)
            clients[-1].resume()
        rig.loop.run(max(seconds - pause, 1.0))
        cpu, seconds = rig.cpu_s() - cpu, time.perf_counter() - begun
        sent = sum(client.ticks for client in clients) - before
        rig.control("rate 0.001")
        rig.loop.run(1.0)
        rig.loop.run(PATIENCE_S, lambda: _level(clients, names))
        share = f"{cpu / seconds * 100:.0f} % of a core, {cpu / sent * 1e6:.0f} us each"
        print(f"{sent / seconds / number:.0f} ticks a second to {number} clients; {share}")
        _tell(clients, names)
    return 0


def _level(clients: list[TickClient], names: list[str]) -> bool:
    return all(len({client.accounts[name].last for client in clients}) == 1 for name in names)


def _tell(clients: list[TickClient], names: list[str]) -> None:
    for place, client in enumerate(clients):
        lost = sum(account.lost for account in client.accounts.values())
        if lost:
            adds_up = all(account.ticks + account.lost == account.last - account.first + 1 for account in client.accounts.values())
            print(f"  client {place}: {client.ticks} ticks, {lost} told as lost, which adds up: {adds_up}")
    wrong = sum(account.wrong for client in clients for account in client.accounts.values())
    print(f"  all end at the same numbers: {_level(clients, names)}; numbers that do not follow: {wrong}")


if __name__ == "__main__":
    raise SystemExit(main())
