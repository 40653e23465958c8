"""The commands that run until they are stopped: demo, serve, simulate."""

import argparse
import faulthandler
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
import trio

from ibactors.actors.connection_actor import RunSession
from ibactors.bridge.session import run_session
from ibactors.config import Settings
from ibactors.controlling import noted
from ibactors.errors import StartupError
from ibactors.inside import logs
from ibactors.kernel.topic import Topic
from ibactors.service import run_demo, run_service, start_simulator, watch_signals
from ibactors.sim import SimulatorOptions, read_scenario
from ibactors.terminal import ends_with_terminal, say

if sys.platform != "win32":
    import resource

log = structlog.get_logger(__name__)

_NAMES = ("main", "second", "third", "fourth")
"""Of the demo's gateways."""


def prepare(name: str, parser: argparse.ArgumentParser, *, run: RunSession = run_session) -> None:
    """Give *parser* the options of the command *name* and the function that runs it; *run* holds the sessions of `serve`."""
    if name == "simulate":
        _prepare_simulate(parser)
        return
    parser.add_argument("--port", type=_port, help="HTTP port (default: $PORT or 8000; 0 for any free one)")
    parser.epilog = "Everything else is set in the environment or in .env: `ibactors settings` lists it."
    parser.set_defaults(command=partial(_serve, run=run))
    if name == "demo":
        parser.set_defaults(command=_demo)
        _add_simulator_options(parser, control_port=0)
        parser.add_argument(
            "--gateways",
            type=int,
            choices=range(1, len(_NAMES) + 1),
            default=1,
            help="how many, with an account each (default: 1)",
        )


def _add_simulator_options(parser: argparse.ArgumentParser, *, control_port: int | None) -> None:
    told = "none" if control_port is None else "any free one"
    parser.add_argument(
        "--control-port",
        type=_port,
        default=control_port,
        help=f"port for control commands, which `ibactors control` sends (default: {told})",
    )
    parser.add_argument("--seed", type=int, default=SimulatorOptions().seed, help="seed of the simulated market (default: %(default)s)")
    parser.add_argument("--scenario", metavar="FILE", help="control commands and their times (default: none)")


def _prepare_simulate(simulate: argparse.ArgumentParser) -> None:
    simulate.description = "An IB Gateway without Interactive Brokers behind it, for testing clients of the TWS API; all data is made up."
    simulate.epilog = (
        "Connect any client to the API port as you would to a paper account. With --control-port it takes control commands, which "
        "`ibactors control help` lists."
    )
    simulate.set_defaults(command=_simulate)
    defaults = SimulatorOptions()
    simulate.add_argument("--host", default=defaults.host, help="address to listen on (default: %(default)s)")
    simulate.add_argument("--port", type=_port, default=defaults.port, help="API port (default: %(default)s)")
    _add_simulator_options(simulate, control_port=None)
    simulate.add_argument("--accounts", default=",".join(defaults.accounts), help="names, with commas between (default: %(default)s)")
    simulate.add_argument("--rate", type=float, default=defaults.rate, help="updates per second and line (default: %(default)s)")
    simulate.add_argument("--prices", choices=("walk", "clock"), default="walk", help="prices that walk, or that tell when they were sent")
    simulate.add_argument("--hours", action="store_true", help="trade in each instrument's own hours only, not around the clock")
    simulate.add_argument("--extra-symbols", type=int, default=0, help="made-up stocks, S001 and so on (default: none)")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 65535:  # noqa: PLR2004  # the highest port there is
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use a whole number from 0 to 65535")
    return int(text)


def _serve(settings: Settings, arguments: argparse.Namespace, *, run: RunSession) -> int:
    settings = _with_port(settings, arguments)

    updates = Topic(settings)

    async def body(stop: trio.Event) -> None:
        await run_service(settings, stop=stop, run=run, updates=updates)

    return _run(body, updates)


def _demo(settings: Settings, arguments: argparse.Namespace) -> int:
    settings = _with_port(settings, arguments)
    options = _options(arguments, port=0)
    simulators = {settings.gateways[0]: options} | {
        name: replace(options, control_port=0, seed=options.seed + number, scenario=None, accounts=(f"DU{number}234567",))
        for number, name in enumerate(_NAMES[1 : arguments.gateways], start=2)
    }
    updates = Topic(settings)
    brief = not settings.log_level and sys.stderr.isatty()

    async def body(stop: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            start = partial(run_demo, settings, simulators, stop=stop, updates=updates)
            url, (ports, *others) = await nursery.start(start, name="demo")
            say(_DEMO_TEXT.format(url=url, ws=url.replace("http", "ws", 1), ports=ports))
            for name, other in zip(_NAMES[1:], others, strict=False):
                say(f"The gateway {name!r} takes control commands too: ibactors control --port {other.control_port}")
            if brief:
                logs.show_changes()
            with noted(settings, options.host, ports.control_port):
                await stop.wait()

    if brief:
        # Until the banner there would be twenty lines about what is as it should be.
        logs.show_errors()
    return _run(body, updates)


def _simulate(settings: Settings, arguments: argparse.Namespace) -> int:
    options = _options(
        arguments,
        port=arguments.port,
        host=arguments.host,
        accounts=tuple(arguments.accounts.split(",")),
        rate=arguments.rate,
        clock_prices=arguments.prices == "clock",
        keeps_hours=arguments.hours,
        extra_symbols=arguments.extra_symbols,
    )

    async def body(stop: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            ports = await start_simulator(nursery, options)
            control = f", control commands at {options.host}:{ports.control_port}" if ports.control_port else ""
            say(f"TWS API at {options.host}:{ports.port}{control}")
            with noted(settings, options.host, ports.control_port):
                await stop.wait()
            nursery.cancel_scope.cancel(reason="a signal came")

    return _run(body)


def _options(arguments: argparse.Namespace, **more: Any) -> SimulatorOptions:
    """Of the simulator, as far as both commands have them, and *more*. Raises StartupError."""
    try:
        scenario = read_scenario(arguments.scenario) if arguments.scenario else None
        return SimulatorOptions(control_port=arguments.control_port, seed=arguments.seed, scenario=scenario, **more)
    except ValueError as exc:
        raise StartupError(f"The simulator cannot run so: {exc}.") from exc


def _with_port(settings: Settings, arguments: argparse.Namespace) -> Settings:
    return settings if arguments.port is None else replace(settings, port=arguments.port)


def _run(body: Callable[[trio.Event], Awaitable[None]], updates: Topic[Settings] | None = None) -> int:
    """Run *body* until it returns; SIGTERM and Ctrl-C set the event that it is given, SIGHUP publishes the settings as they are then.

    On a terminal SIGHUP ends it too: the terminal was closed, and nobody would find the service or its gateway's session again.
    """
    hangup_ends = ends_with_terminal()

    async def root() -> None:
        stop = trio.Event()
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(watch_signals, stop, updates, hangup_ends=hangup_ends), name="signals")
            await body(stop)
            nursery.cancel_scope.cancel(reason="the command is done")

    _prepare_process()
    # What is loaded stays: looking through all of it takes each full collection some 25 ms, in which nobody gets a price.
    gc.freeze()
    try:
        trio.run(root)
    except ExceptionGroup as group:
        startup = group.subgroup(StartupError)
        if startup is not None:
            raise _leaf(startup) from None
        log.critical("service_failed", exc_info=group)
        return 1
    return 0


def _prepare_process() -> None:
    """Allow as many open files as the system lets us have: each client takes one, and the usual soft limit is 1024.

    On SIGUSR2 the stacks of all threads go to stderr, without locals: for an event loop that is blocked, where SIGUSR1 has to wait.
    """
    if sys.platform != "win32":
        faulthandler.register(signal.SIGUSR2, all_threads=True)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _leaf(group: BaseExceptionGroup[StartupError]) -> StartupError:
    first = group.exceptions[0]
    return _leaf(first) if isinstance(first, BaseExceptionGroup) else first


_DEMO_TEXT = """\
ibactors demo: {url}/ui        docs: {url}/docs
The gateway behind it is simulated (control commands at 127.0.0.1:{ports.control_port}; or: ibactors control help). Try:

  curl {url}/market/quote/AAPL
  curl {url}/account/positions
  curl -X POST {url}/auth/login -H 'Content-Type: application/json' \\
       -d '{{"username":"demo","password":"demo","account_type":"paper"}}'

Live quotes: connect a WebSocket to {ws}/ws/stream and send {{"action":"subscribe","symbol":"AAPL"}}
Break it: ibactors control refuse 5 takes the gateway away for five seconds.
Stop with Ctrl-C."""
