"""`python -m chaos`: exit status 0 when nothing was found, 1 when something was, 2 when it could not run."""

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import trio

from chaos.client import main_of_the_client
from chaos.gateways import main_of_gateways
from chaos.load import Options, World, judge_followers, judge_resources, open_world, warm_up
from chaos.order_run import Wanted
from chaos.orders import main_of_orders
from chaos.report import figures, table, totals, write_json, write_page
from chaos.soak import soak, soak_options

_PROGRESS_S = 5.0
_MEMORY_S = 15.0
_WARM_S = 120.0
"""Seconds of work before anything is counted, at most; in short runs a tenth of them."""


def main() -> None:
    """Run and report."""
    arguments = _parser().parse_args()
    options = Options(
        seed=int(time.time()) if arguments.seed is None else arguments.seed,
        streams=arguments.streams,
        callers=arguments.callers,
        symbols=arguments.symbols,
        only=frozenset(arguments.only),
        logs=arguments.logs,
        every_channel=arguments.every_channel,
        warm_s=min(_WARM_S, arguments.minutes * 6),
    )
    if arguments.mode == "soak":
        options = soak_options(options)
    if arguments.gateways:
        sys.exit(main_of_gateways(arguments.minutes, options.seed, options.logs))
    if arguments.client:
        wanted = Wanted(seed=options.seed, minutes=arguments.minutes, logs=options.logs)
        command = f"chaos --client --minutes {arguments.minutes:g} --seed {options.seed}"
        sys.exit(main_of_the_client(wanted, command if arguments.report else None))
    if arguments.orders is not None:
        orders, kills, minutes = arguments.orders, arguments.kills, arguments.minutes
        wanted = Wanted(seed=options.seed, minutes=minutes, orders=orders, kills=kills, logs=options.logs)
        command = f"chaos --orders{f' {orders}' if orders else ''}{f' --kills {kills}' if kills else ''}"
        sys.exit(main_of_orders(wanted, f"{command} --minutes {minutes:g} --seed {options.seed}" if arguments.report else None))
    print(f"{arguments.mode}: seed {options.seed}; logs in {options.logs}/", flush=True)
    # Whoever ends a run by SIGTERM wants its two programs ended, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(trio.run(_run, options, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chaos", description="The service under load against a simulated gateway that misbehaves.")
    defaults = Options()
    parser.add_argument(
        "mode", nargs="?", choices=("chaos", "soak"), default="chaos", help="faults at random, or days of a gateway sped up"
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="chaos: of faults, without warm-up (default: %(default)g)")
    parser.add_argument("--hours", type=float, default=24.0, help="soak: simulated hours (default: %(default)g)")
    parser.add_argument("--speed", type=float, default=720.0, help="soak: how much faster than the clock (default: %(default)g)")
    parser.add_argument("--seed", type=int, help="of everything random (default: a new one, which is printed)")
    parser.add_argument("--streams", type=int, default=defaults.streams, help="WebSocket clients (default: %(default)s)")
    parser.add_argument("--callers", type=int, default=defaults.callers, help="REST clients (default: %(default)s)")
    parser.add_argument("--symbols", type=int, default=defaults.symbols, help="symbols (default: %(default)s)")
    parser.add_argument("--only", nargs="+", default=[], metavar="COMMAND", help="faults of these control commands alone")
    parser.add_argument("--logs", type=Path, default=defaults.logs, help="directory of logs and figures (default: %(default)s)")
    parser.add_argument(
        "--orders",
        nargs="?",
        type=int,
        const=0,
        metavar="N",
        help="orders instead of quotes, N at least within the minutes: lost answers, kill -9, breaks; judged by the ledger",
    )
    parser.add_argument(
        "--kills", type=int, default=0, metavar="N", help="with --orders N: kills at each point at least; without N, what is aimed at"
    )
    parser.add_argument("--every-channel", action="store_true", help="clients of bars, P&L and portfolio besides")
    parser.add_argument("--client", action="store_true", help="the Python client instead of the service: over a bad road, with kill -9")
    parser.add_argument("--gateways", action="store_true", help="two gateways, of which one is broken at random")
    parser.add_argument("--report", action="store_true", help="write the figures to docs/reliability.md")
    return parser


async def _run(options: Options, arguments: argparse.Namespace) -> int:
    mode: str = arguments.mode
    deserted = mode == "soak"
    async with open_world(options) as world:
        if world.conductor.menu.unknown:
            print(f"{mode}: no recipe for {', '.join(world.conductor.menu.unknown)}; not tried", flush=True)
        before = await warm_up(world, deserted=deserted)
        print(f"{mode}: warm: {before}", flush=True)
        begun = trio.current_time()
        memory = await _misbehave(world, arguments)
        minutes = (trio.current_time() - begun) / 60
        if not deserted:
            await judge_followers(world)
        after = await world.settled(before, deserted=deserted)
        judge_resources(world.truth, before, after)
        found = figures(world, before, after, minutes, memory)
    _tell(mode, found, options.logs)
    if arguments.report:
        command = f"soak --hours {arguments.hours:g} --speed {arguments.speed:g}" if deserted else f"chaos --minutes {arguments.minutes:g}"
        write_page(Path("docs/reliability.md"), found, mode, f"{command} --seed {options.seed}")
    return 1 if found["violations"] else 0


async def _misbehave(world: World, arguments: argparse.Namespace) -> list[float]:
    """Returns the service's memory (MB), one sample per 15 s."""
    memory: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_tell_progress, world)
        nursery.start_soon(_sample_memory, world, memory)
        if arguments.mode == "soak":
            await soak(world, arguments.hours, arguments.speed)
        else:
            await world.conductor.run(trio.current_time() + arguments.minutes * 60)
        nursery.cancel_scope.cancel(reason="the faults are over")
    return memory


def _tell(mode: str, found: dict[str, Any], logs: Path) -> None:
    print(f"\n{table(found)}\n\n{totals(found)}\n")
    for kind in found["kinds_of_violation"]:
        print(f"{mode}: {kind['count']:6} x {kind['rule']}  [{kind['faults'] or 'calm'}]")
    write_json(logs / f"{mode}.json", found)
    print(f"{mode}: {found['violations']} violations, seed {found['seed']}; all figures in {logs}/{mode}.json", flush=True)


async def _sample_memory(world: World, memory: list[float]) -> NoReturn:
    while True:
        memory.append(round(world.service.memory_mb, 1))
        await trio.sleep(_MEMORY_S)


async def _tell_progress(world: World) -> NoReturn:
    truth = world.truth
    while True:
        await trio.sleep(_PROGRESS_S)
        now = (truth.now - truth.started) / 1000
        doing = " + ".join(truth.active) or "calm"
        allowed = truth.machine.allowance(truth.now)
        counts = f"{len(world.conductor.measured)} faults, {truth.checked['values']} values, {truth.checked['requests']} requests"
        print(f"{now:7.1f} s  {counts}, {sum(truth.counts.values())} violations, allowed {allowed:.0f} ms more; {doing}", flush=True)


if __name__ == "__main__":
    main()
