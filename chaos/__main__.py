"""`python -m chaos`: exit status 0 when nothing was found, 1 when something was, 2 when it could not run."""

import argparse
import sys
import time
from pathlib import Path
from typing import NoReturn

import trio

from chaos.load import Options, World, judge_resources, open_world, warm_up
from chaos.report import figures, table, totals, write_json, write_page

_PROGRESS_S = 5.0


def main() -> None:
    """Run and report."""
    arguments = _parser().parse_args()
    options = Options(
        minutes=arguments.minutes,
        seed=int(time.time()) if arguments.seed is None else arguments.seed,
        streams=arguments.streams,
        callers=arguments.callers,
        symbols=arguments.symbols,
        only=frozenset(arguments.only),
        logs=arguments.logs,
    )
    print(f"chaos: seed {options.seed}, {options.minutes:g} minutes; logs in {options.logs}/", flush=True)
    sys.exit(trio.run(_run, options, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chaos", description="The service under load against a simulated gateway that misbehaves.")
    defaults = Options()
    parser.add_argument("--minutes", type=float, default=defaults.minutes, help="of faults, without warm-up (default: %(default)g)")
    parser.add_argument("--seed", type=int, help="of everything random (default: a new one, which is printed)")
    parser.add_argument("--streams", type=int, default=defaults.streams, help="WebSocket clients (default: %(default)s)")
    parser.add_argument("--callers", type=int, default=defaults.callers, help="REST clients (default: %(default)s)")
    parser.add_argument("--symbols", type=int, default=defaults.symbols, help="symbols (default: %(default)s)")
    parser.add_argument("--only", nargs="+", default=[], metavar="COMMAND", help="faults of these control commands alone")
    parser.add_argument("--logs", type=Path, default=defaults.logs, help="directory of logs and figures (default: %(default)s)")
    parser.add_argument("--report", action="store_true", help="write the figures to docs/reliability.md")
    return parser


async def _run(options: Options, arguments: argparse.Namespace) -> int:
    async with open_world(options) as world:
        if world.conductor.menu.unknown:
            print(f"chaos: no recipe for {', '.join(world.conductor.menu.unknown)}; not tried", flush=True)
        before = await warm_up(world)
        print(f"chaos: warm: {before}", flush=True)
        begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_tell_progress, world)
            await world.conductor.run(begun + options.minutes * 60)
            nursery.cancel_scope.cancel(reason="the faults are over")
        minutes = (trio.current_time() - begun) / 60
        after = await world.settled(before)
        judge_resources(world.truth, before, after)
        found = figures(world, before, after, minutes)
    print(f"\n{table(found)}\n\n{totals(found)}\n")
    for kind in found["kinds_of_violation"]:
        print(f"chaos: {kind['count']:6} x {kind['rule']}  [{kind['faults'] or 'calm'}]")
    write_json(options.logs / "chaos.json", found)
    if arguments.report:
        write_page(Path("docs/reliability.md"), found, "chaos")
    print(f"chaos: {found['violations']} violations, seed {options.seed}; all figures in {options.logs}/chaos.json")
    return 1 if found["violations"] else 0


async def _tell_progress(world: World) -> NoReturn:
    truth = world.truth
    while True:
        await trio.sleep(_PROGRESS_S)
        now = (truth.now - truth.started) / 1000
        doing = " + ".join(truth.active) or "calm"
        counts = f"{len(world.conductor.measured)} faults, {truth.checked['values']} values, {truth.checked['requests']} requests"
        print(f"{now:7.1f} s  {counts}, {sum(truth.counts.values())} violations, lag {truth.lag_ms:.0f} ms; {doing}", flush=True)


if __name__ == "__main__":
    main()
