"""Orders under chaos: clients that lose answers and repeat, kill -9 at every point of the protocol and at random instants, breaks.

The simulator's ledger is the truth; what is proved at the end is in `order_truth.py`. The service lives many short lives. Each of them is
given a point of the protocol at which it kills itself, or dies at a random instant; every tenth is calm, and shows how soon all orders are
seen again.
"""

import logging
import random
import signal
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import trio

from chaos.lives import Lives, environment, held_port, watch_machine
from chaos.order_clients import read_events, trade
from chaos.order_others import trade_elsewhere
from chaos.order_run import Run, Wanted
from chaos.order_truth import ask_again, calm_down, judge, remedy
from chaos.points import POINTS
from chaos.report import write_orders
from ibactors.sim import SimulatorOptions, SimulatorPorts, serve_simulator

CLIENTS = 32
CALM_EVERY = 10
LINGER = 1.5
"""Seconds, on average, that a life has before its point counts: most are short, some are long."""
LONGEST = 30.0
"""Seconds that a life has at most for its point, however late the machine is."""
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


async def chaos_of_orders(wanted: Wanted, report: str | None) -> int:
    """One run; 1 when anything was found."""
    with tempfile.TemporaryDirectory() as folder, held_port() as port:
        async with trio.open_nursery() as nursery:
            ports: SimulatorPorts = await nursery.start(serve_simulator, SimulatorOptions(port=0, control_port=0, seed=wanted.seed))
            run = Run(wanted=wanted, folder=Path(folder), ports=ports, url=f"http://127.0.0.1:{port}", began=trio.current_time())
            await run.control("set AAPL 100.00 100.02 100.01")
            await _play(run)
            nursery.cancel_scope.cancel(reason="the run is over")
    _tell(run)
    if report is not None:
        write_orders(Path("docs/reliability.md"), _figures(run), report)
    return 1 if run.found else 0


async def _play(run: Run) -> None:
    chance = random.Random(run.wanted.seed)
    async with trio.open_nursery() as watching:
        service = await Lives.start(watching, environment(run), run.wanted.logs / "orders-service.log")
        watching.start_soon(watch_machine, [run.machine], service)
        await service.serve(run)
        watching.start_soon(read_events, run)
        async with trio.open_nursery() as nursery:
            for number in range(CLIENTS):
                nursery.start_soon(trade, run, number, random.Random(f"{run.wanted.seed} {number}"))
            with trio.move_on_after(run.wanted.minutes * 60):
                await _live_and_die(run, service, chance)
            run.calm, run.minutes = True, (trio.current_time() - run.began) / 60
            nursery.cancel_scope.cancel(reason="in the calm the judge asks")
        if run.wanted.orders and not run.is_enough(POINTS):
            run.violated(f"After {run.wanted.minutes:g} minutes there were {len(run.asked)} orders, and kills: {dict(run.kills)}.")
        await remedy(run)
        # A life that is given a point would still die there.
        await service.serve(run)
        await judge(run, ask_again)
        await service.end()
        watching.cancel_scope.cancel(reason="all is judged")


async def _live_and_die(run: Run, service: Lives, chance: random.Random) -> None:
    """One life after the other."""
    lives = 0
    while True:
        points = [point for point in POINTS if run.kills[point] < run.wanted.kills] or list(POINTS)
        chance.shuffle(points)
        for point in points:
            if run.wanted.orders and run.is_enough(POINTS):
                return
            if lives % CALM_EVERY == 0:
                await _live_in_calm(run, service)
            await _live(run, service, point, chance)
            lives += 1


async def _live_in_calm(run: Run, service: Lives) -> None:
    await remedy(run)
    run.kills["random instant"] += int(bool(service.pid))
    await service.serve(run)
    await calm_down(run)


async def _live(run: Run, service: Lives, point: str, chance: random.Random) -> None:
    """Until it has killed itself at *point*, or is killed; faults all the while."""
    await service.serve(run, point, 0.0 if point in ONCE_A_LIFE else chance.expovariate(1 / LINGER))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_misbehave, run, chance)
        begun, seconds = trio.current_time(), chance.uniform(10, 14)
        with trio.move_on_after(LONGEST):
            while service.pid and not run.is_late(begun, seconds):
                with trio.move_on_after(0.2):
                    await service.ended.wait()
        nursery.cancel_scope.cancel(reason="this life is over")
    if service.pid:
        run.kills["random instant"] += 1
        await service.end()
    elif service.status == -signal.SIGKILL:
        run.kills[point] += 1
    else:
        run.violated(f"The service ended by itself with {service.status}; see {run.wanted.logs}/orders-service.log.")


async def _misbehave(run: Run, chance: random.Random) -> None:
    while True:
        await trio.sleep(chance.uniform(0.5, 5.0))
        await trade_elsewhere(run, chance)
        fault = chance.choice(FAULTS)
        run.counts[f"fault {' '.join(fault.split()[:2])}"] += 1
        await run.control(fault)
        if fault == "midnight":
            run.rolled |= {row["orderRef"] for row in await run.ledger("orders") if row["filled"] or not row["alive"]}
        if fault in {"1100", "2110"}:
            await trio.sleep(chance.uniform(0.1, 1.0))
            await run.control(chance.choice(("1101", "1102")) if fault == "1100" else "1102")


def _figures(run: Run) -> dict[str, Any]:
    visible = sorted(run.visible) or [0.0]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "asked": len(run.asked),
        "minutes": run.minutes,
        "lives": run.lives,
        "kills": dict(run.kills),
        "counts": dict(run.counts),
        "visible": (visible[len(visible) // 2], visible[-1]),
        "late_ms": round(run.machine.longest_ms),
        "waited_s": round(run.machine.waited_ms / 1000),
        "violations": run.found,
    }


def _tell(run: Run) -> None:
    found = _figures(run)
    lines = [
        f"{found['asked']} orders asked for in {found['minutes']:.1f} minutes, {run.lives} lives of the service; seed {run.wanted.seed}"
    ]
    lines += [f"{name}: " + ", ".join(f"{what} {count}" for what, count in sorted(found[name].items())) for name in ("kills", "counts")]
    lines += [f"all seen {found['visible'][0]:.2f} s (median) to {found['visible'][1]:.2f} s after a session"]
    lines += [f"the machine was late by {found['late_ms']} ms at most in a second, and kept programs waiting for {found['waited_s']} s"]
    lines += [f"VIOLATION {each}" for each in run.found]
    lines += [f"{len(run.found)} violations"]
    print("\n".join(f"orders: {line}" for line in lines), flush=True)


def main_of_orders(wanted: Wanted, report: str | None) -> int:
    """For `python -m chaos --orders`."""
    wanted.logs.mkdir(parents=True, exist_ok=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    return trio.run(partial(chaos_of_orders, wanted, report))
