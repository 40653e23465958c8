"""Two gateways in one service under chaos: one is broken at random, and what the other gives is never late, stale or lost.

Prices tell when they were sent. The second simulator is started later than the first, so that a price is old by one of the two clocks and
tells whose it is. A client must hear `stale` between two gateways, and have moved within a second; accounts never cross.
"""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn

import trio

from chaos.processes import Control, Program, program
from chaos.truth import SCALE
from chaos.wire import HttpClient, StreamClient

SYMBOLS = ("AAPL", "MSFT", "TSLA", "SPY", "AMZN", "NVDA", "META", "GOOGL")
ACCOUNTS = {"main": "DU1111111", "second": "DU2222222"}
APART_S = 15.0
"""Seconds between the starts of the two simulators: older than any price may be."""
LATE_S = 3.0
"""How old a price may be, on a machine that is busy."""
MOVED_S = 1.0
"""Seconds from `stale` to the other gateway's price."""
RECOVERY_S = 30.0
FAULTS = ("refuse 1", "refuse 3", "drop", "1100")


@dataclass(kw_only=True)
class Run:
    """What is known, and what was wrong."""

    offsets: dict[str, float]
    """Milliseconds between each simulator's clock and ours."""
    broken: str | None = None
    """Which gateway is, or was until everything had recovered."""
    at: dict[str, str] = field(default_factory=dict)
    """By symbol, whose its stream is."""
    stale: dict[str, float] = field(default_factory=dict)
    """By symbol, since when it has been, for what has not been answered."""
    moves: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def quote(self, message: dict[str, Any]) -> None:
        """Judge one quote of the stream."""
        symbol, present = message["symbol"], trio.current_time()
        if message["bid"] is None:
            return
        sent = round(message["bid"] * 100) // SCALE
        ages = {name: (present * 1000 + offset - sent) / 1000 for name, offset in self.offsets.items()}
        whose = next((name for name, age in ages.items() if -LATE_S < age < LATE_S), None)
        self.counts["quotes"] += 1
        if whose is None:
            self.found.append(f"{symbol}: a price is late by both clocks: {ages}")
            return
        since = self.stale.pop(symbol, None)
        if self.at.get(symbol, whose) != whose:
            self.counts["moves"] += 1
            if since is None:
                self.found.append(f"{symbol}: from {self.at[symbol]} to {whose} without a word")
        if since is not None and self.broken is not None and whose != self.broken:
            self.moves.append(present - since)
            if present - since > MOVED_S:
                self.found.append(f"{symbol}: moved in {present - since:.2f} s")
        self.at[symbol] = whose

    def break_told(self, message: dict[str, Any]) -> None:
        """Judge one `stale` of the stream."""
        self.counts["stale"] += 1
        account, symbol = message.get("account"), message.get("symbol")
        if account is not None and (self.broken is None or account != ACCOUNTS[self.broken]):
            self.found.append(f"account {account} is stale, and {self.broken} was broken")
        if account is None and symbol is not None:
            self.stale.setdefault(symbol, trio.current_time())
            if self.broken != self.at.get(symbol):
                self.found.append(f"{symbol} of {self.at.get(symbol)} is stale, and {self.broken} was broken")


async def chaos_of_gateways(minutes: float, seed: int, logs: Path) -> Run:
    """One run; `found` has what was wrong."""
    async with _world(logs, seed) as (controls, port):
        run = Run(offsets={name: (await control.clock())[0] for name, control in controls.items()})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_listen, run, port)
            nursery.start_soon(_read, run, port)
            await _healthy(port)
            with trio.move_on_after(minutes * 60):
                await _break(run, controls, port, random.Random(seed))
            nursery.cancel_scope.cancel(reason="the run is over")
    for symbol in SYMBOLS:
        if symbol not in run.at:
            run.found.append(f"{symbol}: no price came")
    return run


@asynccontextmanager
async def _world(logs: Path, seed: int) -> AsyncIterator[tuple[dict[str, Control], int]]:
    controls: dict[str, Control] = {}
    environment = {"IBACTORS_GATEWAYS": ",".join(ACCOUNTS)}
    async with AsyncExitStack() as stack:
        for name, account in ACCOUNTS.items():
            words = ["simulate", "--port", "0", "--control-port", "0", "--prices", "clock", "--seed", str(seed), "--accounts", account]
            simulator: Program = await stack.enter_async_context(program(f"gateways-{name}", words, {}, logs))
            told = await simulator.printed(r"TWS API at [\d.]+:(\d+), control commands at [\d.]+:(\d+)")
            environment["IBACTORS_GATEWAY_PORT" if name == "main" else f"IBACTORS_{name.upper()}_GATEWAY_PORT"] = told[1]
            controls[name] = Control(int(told[2]))
            await controls[name].clock()  # from its first look on it counts
            await trio.sleep(APART_S if name == "main" else 0)
        service = await stack.enter_async_context(program("gateways-service", ["serve", "--port", "0"], environment, logs))
        yield controls, int((await service.printed(r"http://127\.0\.0\.1:(\d+)"))[1])


async def _listen(run: Run, port: int) -> NoReturn:
    stream = await StreamClient.open(port, "/ws/stream")
    await stream.send(json.dumps({"action": "subscribe", "symbols": SYMBOLS}))
    await stream.send(json.dumps({"action": "subscribe", "channel": "account"}))
    while True:
        for text in await stream.receive():
            message = json.loads(text)
            kind = message["type"]
            if kind == "quote":
                run.quote(message)
            elif kind == "stale":
                run.break_told(message)
            elif kind == "error":
                run.found.append(f"error: {message}")


async def _read(run: Run, port: int) -> NoReturn:
    """What is asked for is never out of reach for longer than a move takes."""
    client, had = HttpClient(port), dict.fromkeys(SYMBOLS, trio.current_time() + RECOVERY_S)
    while True:
        for symbol in SYMBOLS:
            answer = await client.get(f"/market/quote/{symbol}")
            run.counts[f"answers {answer.status}"] += 1
            if answer.status == HTTPStatus.OK:
                had[symbol] = trio.current_time()
            elif trio.current_time() - had[symbol] > MOVED_S:
                run.found.append(f"{symbol}: {answer.status} {trio.current_time() - had[symbol]:.2f} s after the last quote")
            await trio.sleep(0.05)


async def _break(run: Run, controls: dict[str, Control], port: int, chance: random.Random) -> NoReturn:
    while True:
        await trio.sleep(chance.uniform(0.5, 2.0))
        run.broken, fault = chance.choice(tuple(controls)), chance.choice(FAULTS)
        run.counts[f"fault {fault}"] += 1
        await controls[run.broken].do(fault)
        if fault == "1100":
            await trio.sleep(chance.uniform(0.5, 2.0))
            await controls[run.broken].do(chance.choice(("1101", "1102")))
        await trio.sleep(MOVED_S)
        for symbol, since in run.stale.items():
            if trio.current_time() - since > MOVED_S:
                run.found.append(f"{symbol}: still stale {trio.current_time() - since:.2f} s after its gateway broke")
        await _healthy(port)
        await trio.sleep(1)


async def _healthy(port: int) -> None:
    client = HttpClient(port)
    with trio.fail_after(RECOVERY_S):
        while json.loads((await client.get("/health")).body)["status"] != "healthy":  # noqa: ASYNC110  # it tells nobody
            await trio.sleep(0.1)
    await client.close()


def main_of_gateways(minutes: float, seed: int, logs: Path) -> int:
    """For `python -m chaos --gateways`."""
    logs.mkdir(parents=True, exist_ok=True)
    run = trio.run(chaos_of_gateways, minutes, seed, logs)
    print("\n".join(f"gateways: {name}: {count}" for name, count in sorted(run.counts.items())))
    moved = sorted(run.moves)
    if moved:
        print(f"gateways: moved in {moved[len(moved) // 2]:.3f} s (median), {moved[-1]:.3f} s at most, {len(moved)} times")
    print("\n".join(run.found[:20]))
    print(f"gateways: {len(run.found)} violations in {minutes:g} minutes, seed {seed}", flush=True)
    return 1 if run.found else 0
