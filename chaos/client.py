"""The Python client under chaos: it reads, follows and trades over a bad road to a service that is killed and a gateway that goes away.

Prices tell when they were sent, and for what; the gateway's ledger and the journal are the truth about orders. `client_views.py` checks
what comes; here is what happens, and what must hold at the end.
"""

import itertools
import logging
import os
import random
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import structlog
import trio
from ibactors_client import AsyncClient, Client, Quote

from chaos.client_views import SYMBOLS, Views
from chaos.lives import Lives, environment, held_port, watch_machine
from chaos.load import symbol_of
from chaos.order_run import Run, Wanted
from chaos.order_truth import judge, remedy
from chaos.processes import Control
from chaos.report import write_client
from chaos.road import Road, open_road
from chaos.truth import Break, Truth
from ibactors.sim import SimulatorOptions, SimulatorPorts, serve_simulator

TRADERS = 3
READERS = 2
SETTLE = 60.0
"""Seconds of calm within which everybody reads and trades again."""
SPARE = {"files": 8, "tasks": 32, "memory_mb": 15}
"""What may be more at the end: how many connections a pool keeps idle changes, and each takes four tasks on the road."""
_PATIENCE, _ORDER_PATIENCE = 20.0, 5.0
_VOID_MS = 1000.0
"""After a break of the session nothing from before it is shown."""
_FAULTS = ("kill", "drop", "kill", "refuse 1", "restart 1", "1100")
"""In every round each of them, in any order."""


async def chaos_of_the_client(wanted: Wanted) -> Run:
    """One run; `found` has what was wrong."""
    wanted.logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, held_port() as port:
        async with trio.open_nursery() as nursery:
            simulator = SimulatorOptions(port=0, control_port=0, seed=wanted.seed, clock_prices=True)
            ports: SimulatorPorts = await nursery.start(serve_simulator, simulator)
            run = Run(wanted=wanted, folder=Path(folder), ports=ports, url=f"http://127.0.0.1:{port}", began=trio.current_time())
            await run.control("set AAPL 100.00 100.02 100.01")
            await _play(run, Road(port, wanted.seed))
            nursery.cancel_scope.cancel(reason="the run is over")
    return run


async def _play(run: Run, road: Road) -> None:
    truth = await _truth(run)
    async with (
        open_road(road) as url,
        AsyncClient(url, patience=_PATIENCE, order_patience=_ORDER_PATIENCE) as ib,
        trio.open_nursery() as watching,
    ):
        service = await Lives.start(
            watching, environment(run) | {"IBACTORS_ORDERS_PER_MINUTE": "600"}, run.wanted.logs / "client-service.log"
        )
        watching.start_soon(watch_machine, [run.machine, truth.machine], service)
        await service.serve(run)
        views = Views(run, truth)
        for follow in (views.follow_quotes, views.follow_orders):
            watching.start_soon(follow, ib)
        watching.start_soon(views.look_for_old_prices)
        with Client(url, patience=_PATIENCE) as scripted:
            async with trio.open_nursery() as clients:
                for number in range(READERS):
                    clients.start_soon(views.read, f"reader {number}", ib.quote)
                clients.start_soon(views.read, "script", partial(_in_a_thread, scripted))
                for _ in range(TRADERS):
                    clients.start_soon(views.trade, ib)
                await _misbehave(run, truth, service, road)
                clients.cancel_scope.cancel(reason="in the calm only what is not known is asked")
        await judge(run, partial(views.ask_again, ib))
        views.judge()
        run.found += map(str, truth.violations)
        run.counts.update({"values": truth.checked["values"], "answers of the road": road.refused, "answers cut": road.cut})
        await service.end()
        watching.cancel_scope.cancel(reason="all is judged")


async def _truth(run: Run) -> Truth:
    offset, instruments = await Control(run.ports.control_port or 0).clock()
    return Truth([symbol_of(name, instruments[name]) for name in SYMBOLS], offset_ms=offset)


async def _misbehave(run: Run, truth: Truth, service: Lives, road: Road) -> None:
    """Faults for as long as is wanted, between two looks at what this process holds when all is well."""
    await _all_is_well(run)
    before, run.began = _held(), trio.current_time()
    road.smooth = False
    with trio.move_on_after(run.wanted.minutes * 60):
        await _break(run, truth, service, random.Random(run.wanted.seed))
    run.minutes = (trio.current_time() - run.began) / 60
    await remedy(run)
    await service.serve(run)
    road.smooth = True
    await _all_is_well(run)
    after = await _held_again(before)
    run.counts.update(
        {f"{name} before": count for name, count in before.items()} | {f"{name} after": count for name, count in after.items()}
    )
    if _is_more(after, before):
        run.violated(f"It held {before}, and {SETTLE:g} s after the faults {after}.")


async def _break(run: Run, truth: Truth, service: Lives, chance: random.Random) -> None:
    for fault in itertools.chain.from_iterable(chance.sample(_FAULTS, len(_FAULTS)) for _ in itertools.count()):
        await trio.sleep(chance.uniform(0.5, 3.0))
        run.counts[f"fault {fault.split()[0]}"] += 1
        now = truth.now
        truth.breaks.append(Break(fault=fault, symbols=frozenset(SYMBOLS), session=True, begun=now, void_from=now + _VOID_MS))
        if fault == "kill":
            run.kills["random instant"] += 1
            await service.serve(run)
            continue
        await run.control(fault)
        if fault == "1100":
            await trio.sleep(chance.uniform(0.1, 1.0))
            await run.control(chance.choice(("1101", "1102")))


async def _all_is_well(run: Run) -> None:
    """Until everybody has read, followed and traded once more."""
    kinds = ("quotes followed", "orders followed", "quotes read", "orders placed")
    seen = Counter({kind: run.counts[kind] for kind in kinds})
    with trio.fail_after(SETTLE):
        while any(run.counts[kind] < seen[kind] + 2 * TRADERS for kind in kinds):  # noqa: ASYNC110  # counters tell nobody
            await trio.sleep(0.05)


async def _held_again(before: dict[str, int]) -> dict[str, int]:
    """What is held, as soon as it is no more than before; after a while as it is."""
    with trio.move_on_after(SETTLE):
        while _is_more(_held(), before):  # noqa: ASYNC110  # neither does the system
            await trio.sleep(0.2)
    return _held()


def _is_more(after: dict[str, int], before: dict[str, int]) -> bool:
    return any(after[name] > before[name] + spare for name, spare in SPARE.items())


async def _in_a_thread(client: Client, symbol: str) -> Quote:
    return await trio.to_thread.run_sync(partial(client.quote, symbol))


def _held() -> dict[str, int]:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    memory = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return {
        "files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # the folder is not on a disk
        "tasks": trio.lowlevel.current_statistics().tasks_living,
        "memory_mb": round(int(memory) / 1024),
    }


def main_of_the_client(wanted: Wanted, report: str | None) -> int:
    """For `python -m chaos --client`."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    run = trio.run(chaos_of_the_client, wanted)
    print("\n".join(f"client: {name}: {count}" for name, count in sorted((run.counts + run.kills).items())))
    print(f"client: {len(run.found)} violations in {run.minutes:.1f} minutes, seed {wanted.seed}", flush=True)
    if report is not None:
        write_client(Path("docs/reliability.md"), run, report)
    return 1 if run.found else 0
