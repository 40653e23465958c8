"""Orders under chaos: clients that lose answers and repeat, kill -9 at every point of the protocol and at random instants, breaks.

The simulator's ledger is the truth; what is proved at the end is in `order_truth.py`. The service lives many short lives. Each of them is
given a point of the protocol at which it kills itself, or dies at a random instant; every sixth is calm, and shows how soon all orders are
seen again.
"""

import logging
import os
import random
import signal
import socket
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2 as httpx
import structlog
import trio

from chaos.lives import Lives
from chaos.order_clients import read_events, trade
from chaos.order_run import Run
from chaos.order_truth import judge, remedy, wait_until_visible
from chaos.points import POINTS
from chaos.report import write_orders
from ibactors.sim import SimulatorOptions, SimulatorPorts, serve_simulator

CLIENTS = 32
START = 120.0
"""Seconds that the service may take to start, on a machine that has much else to do."""
CALM_EVERY = 6
ONCE_A_LIFE = frozenset({"journal read again", "lists read", "lists judged"})
"""Points that are passed when a life begins; at the others it ends when it has lived for a while."""
FAULTS = (
    "drop",
    "sever placeOrder before",
    "sever placeOrder after",
    "sever openOrder after",
    "sever cancelOrder after",
    "lose placeOrder",
    "lose orderStatus 3",
    "lose openOrder 2",
    "lose execDetails 1",
    "late commissionReport 2",
    "double orderStatus 2",
    "restart 1",
    "restart 1 recent",
    "1100",
    "1100",
    "1101",
    "2110",
    "refuse 1",
    "answer-order 201 1",
    "answer-cancel 10147 1",
    "hang PendingSubmit 1",
    "midnight",
)


async def chaos_of_orders(minutes: float, seed: int, logs: Path, report: str | None) -> int:
    """One run; 1 when anything was found."""
    with tempfile.TemporaryDirectory() as folder:
        async with trio.open_nursery() as nursery:
            ports: SimulatorPorts = await nursery.start(serve_simulator, SimulatorOptions(port=0, control_port=0, seed=seed))
            run = Run(seed=seed, folder=Path(folder), ports=ports, logs=logs, url=f"http://127.0.0.1:{_free_port()}")
            await run.control("set AAPL 100.00 100.02 100.01")
            await _play(run, minutes)
            nursery.cancel_scope.cancel(reason="the run is over")
    _tell(run, minutes)
    if report is not None:
        write_orders(Path("docs/reliability.md"), _figures(run), report)
    return 1 if run.found else 0


async def _play(run: Run, minutes: float) -> None:
    chance = random.Random(run.seed)
    async with trio.open_nursery() as reading:
        service = await Lives.start(reading, _environment(run), run.logs / "orders-service.log")
        await _start(run, service)
        reading.start_soon(read_events, run)
        async with trio.open_nursery() as nursery:
            for number in range(CLIENTS):
                nursery.start_soon(trade, run, number, random.Random(f"{run.seed} {number}"))
            with trio.move_on_after(minutes * 60):
                await _live_and_die(run, service, chance)
            run.calm = True
        await remedy(run)
        # A life that is given a point would still die there.
        await _start(run, service)
        await judge(run)
        await service.end()
        reading.cancel_scope.cancel(reason="all is judged")


async def _live_and_die(run: Run, service: Lives, chance: random.Random) -> None:
    """One life after the other."""
    points = list(POINTS)
    chance.shuffle(points)
    while True:
        for turn, point in enumerate(points):
            if turn % CALM_EVERY == 0:
                await _live_in_calm(run, service)
            await _live(run, service, point, chance)


async def _live_in_calm(run: Run, service: Lives) -> None:
    await remedy(run)
    run.kills["random instant"] += int(bool(service.pid))
    await _start(run, service)
    await wait_until_visible(run)
    await trio.sleep(3)
    await _look_at_halt(run)


async def _live(run: Run, service: Lives, point: str, chance: random.Random) -> None:
    """Until it has killed itself at *point*, or is killed; faults all the while."""
    await _start(run, service, point, 0.0 if point in ONCE_A_LIFE else chance.uniform(0.0, 4.0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_misbehave, run, chance)
        with trio.move_on_after(chance.uniform(10, 14)):
            await service.ended.wait()
        nursery.cancel_scope.cancel(reason="this life is over")
    if service.pid:
        run.kills["random instant"] += 1
        await service.end()
    elif service.status == -signal.SIGKILL:
        run.kills[point] += 1
    else:
        run.violated(f"The service ended by itself with {service.status}; see {run.logs}/orders-service.log.")


async def _misbehave(run: Run, chance: random.Random) -> None:
    while True:
        await trio.sleep(chance.uniform(0.5, 5.0))
        fault = chance.choice(FAULTS)
        run.counts[f"fault {' '.join(fault.split()[:2])}"] += 1
        await run.control(fault)
        if fault == "midnight":
            run.rolled |= {row["orderRef"] for row in await run.ledger("orders") if row["filled"] or not row["alive"]}
        if fault in {"1100", "2110"}:
            await trio.sleep(chance.uniform(0.1, 1.0))
            await run.control(chance.choice(("1101", "1102")) if fault == "1100" else "1102")


async def _look_at_halt(run: Run) -> None:
    """Nothing that happens here is a reason to halt; if it has, say so and go on."""
    async with httpx.AsyncClient(base_url=run.url, timeout=10) as http:
        halted = (await http.get("/trading")).json()["halted"]
        if halted is not None:
            run.violated(f"Trading was halted: {halted}")
            await http.post("/trading/resume")


def _environment(run: Run) -> dict[str, str]:
    limits = dict.fromkeys(("MAX_ORDER_NOTIONAL", "MAX_DAY_NOTIONAL", "MAX_POSITION_NOTIONAL", "MAX_ORDER_QUANTITY"), "off")
    limits |= {"MAX_OPEN_ORDERS": "1000", "ORDERS_PER_MINUTE": "3000", "JOURNAL_EPHEMERAL": "1", "TRADING": "paper"}
    # IB refuses and loses more here than any bot should bear.
    limits |= {"HALT_AFTER": "unknown=0,rejects=0,duplicate=1"}
    limits |= {"GATEWAY_PORT": str(run.ports.port), "STATE_PATH": str(run.folder / "state")}
    return {**os.environ, **{f"IBACTORS_{name}": value for name, value in limits.items()}, "PORT": run.url.rpartition(":")[2]}


async def _start(run: Run, service: Lives, point: str = "", seconds: float = 0.0) -> None:
    run.lives += 1
    await service.begin(point, seconds)
    async with httpx.AsyncClient(base_url=run.url, timeout=2) as http:
        with trio.fail_after(START):
            while service.pid:
                with suppress(httpx.HTTPError):
                    if (await http.get("/health")).status_code == httpx.codes.OK:
                        return
                await trio.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _figures(run: Run) -> dict[str, Any]:
    visible = sorted(run.visible) or [0.0]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "asked": len(run.asked),
        "lives": run.lives,
        "kills": dict(run.kills),
        "counts": dict(run.counts),
        "visible": (visible[len(visible) // 2], visible[-1]),
        "violations": run.found,
    }


def _tell(run: Run, minutes: float) -> None:
    found = _figures(run)
    lines = [f"{found['asked']} orders asked for in {minutes:g} minutes, {run.lives} lives of the service; seed {run.seed}"]
    lines += [f"{name}: " + ", ".join(f"{what} {count}" for what, count in sorted(found[name].items())) for name in ("kills", "counts")]
    lines += [f"all seen {found['visible'][0]:.2f} s (median) to {found['visible'][1]:.2f} s after a session"]
    lines += [f"VIOLATION {each}" for each in run.found]
    lines += [f"{len(run.found)} violations"]
    print("\n".join(f"orders: {line}" for line in lines), flush=True)


def main_of_orders(minutes: float, seed: int, logs: Path, report: str | None) -> int:
    """For `python -m chaos --orders`."""
    logs.mkdir(parents=True, exist_ok=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return trio.run(partial(chaos_of_orders, minutes, seed, logs, report))
