"""One run: both processes, all clients, faults, and whether everything is as it was before."""

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import trio

from chaos.callers import QUOTE_TIMEOUT_S, Caller, HealthWatch, start_callers
from chaos.conductor import Conductor
from chaos.faults import BASE_RATE, CLIENT_IDS, CONNECT_TIMEOUT_S, PROBE_IDLE_S, PROBE_TIMEOUT_S, drop_of
from chaos.followers import HELD, Follower, make_followers
from chaos.machine import STEP_S, waited_ms
from chaos.menu import Menu
from chaos.processes import START_S, Control, Program, program
from chaos.record import LOOK_S, Record
from chaos.streams import Gate, Listener, make_listeners
from chaos.truth import Break, Symbol, Truth, View
from chaos.wire import HttpClient

MEMORY_GROWTH_MB = 15.0
_SETTLE_S = 7.0
"""The service closes idle HTTP connections after 5 s."""
_SETTLE_LIMIT_S = 30.0
_STEADY = 4
"""Counts must agree this many times, a second apart."""
_EXCERPT = 6
_OTHER_KINDS = frozenset({"CASH", "FUT", "OPT", "CRYPTO"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How hard and how long."""

    seed: int = 1
    streams: int = 50
    callers: int = 20
    symbols: int = 60
    only: frozenset[str] = frozenset()
    logs: Path = Path(".chaos")
    settings: dict[str, str] = field(default_factory=dict)
    every_channel: bool = False
    """Bars and what an account holds, too."""
    warm_s: float = 10.0
    """Seconds of work before it is counted what is held: what is reserved once for work of this kind is no leak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a process holds while its clients are connected and silent."""

    tasks: int
    lines: int
    sessions_at_gateway: int
    held_at_gateway: dict[str, int]
    """Of each kind of subscription, such as market-data lines and books."""
    files: int
    memory_mb: float


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that runs."""

    options: Options
    simulator: Program
    service: Program
    control: Control
    truth: Truth
    health: HealthWatch
    listeners: list[Listener]
    followers: list[Follower]
    record: Record
    conductor: Conductor
    gate: Gate
    port: int

    async def resources(self) -> Resources:
        """Count, over a connection of its own."""
        http = HttpClient(self.port)
        tasks = _count(json.loads((await http.get("/debug/tasks")).body))
        lines = json.loads((await http.get("/debug/actors")).body)["lines"]
        files = self.service.files
        await http.close()
        stats = await self.control.stats()
        return Resources(
            tasks=tasks,
            lines=lines,
            sessions_at_gateway=len(stats["clients"]),
            held_at_gateway={"lines": sum(stats["lines"].values())} | stats["streams"] | stats["repeating"],
            files=files,
            memory_mb=round(self.service.memory_mb, 1),
        )

    async def settled(self, wanted: Resources | None = None, *, deserted: bool = False) -> Resources:
        """Counts with all clients silent, or gone; waits for at most _SETTLE_LIMIT_S until they are down to what is wanted."""
        self.gate.close(deserted=deserted)
        await trio.sleep(_SETTLE_S)
        found, steady = await self.resources(), 0
        with trio.move_on_after(_SETTLE_LIMIT_S):
            while any(x.connected == deserted for x in self.listeners) or steady < _STEADY or (wanted and not _is_back(found, wanted)):
                await trio.sleep(1)
                before, found = found, await self.resources()
                steady = steady + 1 if replace(before, memory_mb=found.memory_mb) == found else 0
        self.gate.open()
        return found


def _count(node: dict[str, Any]) -> int:
    return 1 + sum(_count(child) for child in node["children"])


def _is_back(found: Resources, wanted: Resources) -> bool:
    return found.tasks <= wanted.tasks and found.lines <= wanted.lines and found.files <= wanted.files and not grown(found, wanted)


def grown(found: Resources, before: Resources) -> dict[str, int]:
    """What the gateway holds more of than before."""
    held = before.held_at_gateway
    return {kind: count for kind, count in found.held_at_gateway.items() if count > held.get(kind, 0)}


def judge_resources(truth: Truth, before: Resources, after: Resources) -> None:
    """Blame what has grown."""
    for kind, count in grown(after, before).items():
        truth.blame("leak", "gateway", f"{kind}: {before.held_at_gateway.get(kind, 0)} after warm-up, {count} at the end")
    for what in ("tasks", "lines", "sessions_at_gateway", "files"):
        if getattr(after, what) > getattr(before, what):
            truth.blame("leak", "service", f"{what}: {getattr(before, what)} after warm-up, {getattr(after, what)} at the end")
    if after.memory_mb > before.memory_mb + MEMORY_GROWTH_MB:
        truth.blame("leak", "service", f"memory: {before.memory_mb} MB after warm-up, {after.memory_mb} MB at the end")


@asynccontextmanager
async def open_world(options: Options) -> AsyncIterator[World]:
    """Start everything and stop it at the end of the block; inside, all clients are at work."""
    options.logs.mkdir(parents=True, exist_ok=True)
    simulate = ["simulate", "--port", "0", "--control-port", "0", "--prices", "clock", "--extra-symbols", str(options.symbols)]
    simulate += ["--rate", str(BASE_RATE), "--seed", str(options.seed)]
    async with program("simulator", simulate, {}, options.logs) as simulator:
        ports = await simulator.printed(r"TWS API at [\d.]+:(\d+), control commands at [\d.]+:(\d+)")
        async with program("service", ["serve", "--port", "0"], _environment(int(ports[1]), options), options.logs) as service:
            port = int((await service.printed(r"http://127\.0\.0\.1:(\d+)"))[1])
            control = Control(int(ports[2]))
            async with trio.open_nursery() as nursery:
                world = await _assemble(options, simulator, service, control, port)
                _start(nursery, world)
                yield world
                nursery.cancel_scope.cancel(reason="the run is over")


def _environment(gateway_port: int, options: Options) -> dict[str, str]:
    return {
        "IBACTORS_GATEWAY_PORT": str(gateway_port),
        "IBACTORS_PROBE_IDLE_SECONDS": str(PROBE_IDLE_S),
        "IBACTORS_PROBE_TIMEOUT_SECONDS": str(PROBE_TIMEOUT_S),
        "IBACTORS_CONNECT_TIMEOUT_SECONDS": str(CONNECT_TIMEOUT_S),
        "IBACTORS_QUOTE_TIMEOUT_SECONDS": str(QUOTE_TIMEOUT_S),
        "IBACTORS_CLIENT_ID": str(CLIENT_IDS[0]),
        "IBACTORS_CLIENT_IDS": str(len(CLIENT_IDS)),
        **options.settings,
    }


async def _assemble(options: Options, simulator: Program, service: Program, control: Control, port: int) -> World:
    offset, instruments = await control.clock()
    truth = Truth(_choose(instruments, options.symbols), offset_ms=offset)
    truth.excerpt = lambda: list(service.tail)[-_EXCERPT:]
    gate = Gate()
    listeners = make_listeners(options.streams, truth, port, gate, options.seed)
    followers = make_followers(truth, port, gate, options.seed, symbol_of(HELD, instruments[HELD]) if options.every_channel else None)
    record = Record()
    health = HealthWatch(truth, port)
    conductor = Conductor(
        truth=truth,
        control=control,
        service=service.process,
        health=health,
        listeners=listeners,
        followers=followers,
        record=record,
        menu=Menu(await control.commands(), only=options.only),
        chance=random.Random(f"{options.seed}:faults"),
        probes=[_probe(name, truth, port, gate) for name in ("stocks", *(x.name for x in truth.symbols.values() if x.fields))],
    )
    return World(
        options=options,
        simulator=simulator,
        service=service,
        control=control,
        truth=truth,
        health=health,
        listeners=listeners,
        followers=followers,
        record=record,
        conductor=conductor,
        gate=gate,
        port=port,
    )


def _probe(name: str, truth: Truth, port: int, gate: Gate) -> Caller:
    return Caller(View(client=f"probe/{name}"), truth, port, gate, name)


def _choose(instruments: dict[str, dict[str, Any]], count: int) -> list[Symbol]:
    """One instrument of each symbol that is no stock, from all farms there are, and as many made-up stocks as are wanted in all."""
    found: dict[str, Symbol] = {}
    for local_symbol, about in instruments.items():
        if about["sec_type"] in _OTHER_KINDS:
            found.setdefault(about["symbol"], symbol_of(local_symbol, about))
    stocks = (f"S{number:03}" for number in range(1, count - len(found) + 1))
    return [*found.values(), *(symbol_of(name, instruments[name]) for name in stocks)]


def symbol_of(local_symbol: str, about: dict[str, Any]) -> Symbol:
    """An instrument, as the control port's `clock` tells of it."""
    return Symbol(name=about["symbol"], local_symbol=local_symbol, **{key: value for key, value in about.items() if key != "symbol"})


def _start(nursery: trio.Nursery, world: World) -> None:
    nursery.start_soon(_watch_machine, world)
    nursery.start_soon(_watch_programs, world)
    nursery.start_soon(world.health.run, world.gate)
    for listener in world.listeners:
        nursery.start_soon(listener.run, name=listener.view.client)
    for follower in world.followers:
        nursery.start_soon(follower.run, name=follower.name)
    nursery.start_soon(_watch_record, world)
    start_callers(nursery, world.options.callers, world.truth, world.port, world.gate, world.options.seed)


async def _watch_machine(world: World) -> NoReturn:
    """Record how late the harness and the programs are because they waited for a processor."""
    while True:
        due = trio.current_time() + STEP_S
        await trio.sleep_until(due)
        late = (trio.current_time() - due) * 1000
        world.truth.machine.note(late, sum(waited_ms(x.process.pid) for x in (world.simulator, world.service)))


async def _watch_record(world: World) -> NoReturn:
    """Hold what the followers have got against what the simulator says."""
    while True:
        await trio.sleep(LOOK_S)
        await world.record.look(world.control)
        for follower in world.followers:
            for feed in follower.feeds.values():
                feed.compare(world.record)


async def judge_followers(world: World) -> None:
    """Blame channels that bring nothing although nothing is broken any more."""
    truth, since = world.truth, world.truth.now
    while any(x.behind(since) for x in world.followers):  # what clients see has no event
        if truth.now > since + _SETTLE_LIMIT_S * 1000 + truth.machine.allowance(since):
            break
        await trio.sleep(0.1)
    for follower in world.followers:
        if behind := follower.behind(since):
            truth.blame("not live again", follower.name, f"{_SETTLE_LIMIT_S:g} s after all faults: {behind}")


async def _watch_programs(world: World) -> NoReturn:
    """A program that ends ends the run; an error in the service's log is a violation."""
    told = 0
    while True:
        for running in (world.simulator, world.service):
            if running.process.poll() is not None:
                world.truth.blame(
                    "ended", running.name, f"exit status {running.process.returncode}: " + " | ".join(list(running.tail)[-5:])
                )
                raise RuntimeError(f"the {running.name} ended")
        for line in world.service.errors[told:]:
            world.truth.blame("error in the log", "service", line)
        told = len(world.service.errors)
        await trio.sleep(0.2)


async def warm_up(world: World, *, deserted: bool = False) -> Resources:
    """Wait until everything is live, go through one break, let all work, and count what is held then, with or without streams."""
    truth = world.truth
    # Until the first session is up there is nothing to be had: a break like any other, without a beginning.
    start = Break(fault="start", symbols=frozenset(truth.symbols), session=True, begun=0.0, void_from=0.0)
    truth.breaks.append(start)
    world.gate.open()
    with trio.fail_after(START_S):
        while not world.health.state.connected or any(x.behind(0.1) for x in world.listeners):  # noqa: ASYNC110  # what clients see has no event
            await trio.sleep(0.1)
    start.ended = truth.now
    await trio.sleep(1)
    await world.conductor.cause([drop_of(truth)])
    world.conductor.measured.clear()
    await trio.sleep(world.options.warm_s)
    return await world.settled(deserted=deserted)
