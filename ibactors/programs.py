"""The commands that run until they are stopped: demo, serve, simulate."""

import argparse
import faulthandler
import gc
import resource
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog
import trio

from ibactors.actors.connection_actor import RunSession
from ibactors.bridge.session import run_session
from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.kernel.topic import Topic
from ibactors.service import run_demo, run_service, start_simulator, watch_signals
from ibactors.sim import SimulatorOptions, read_scenario

log = structlog.get_logger(__name__)


def prepare(name: str, parser: argparse.ArgumentParser, *, run: RunSession = run_session) -> None:
    """Give *parser* the options of the command *name* and the function that runs it; *run* holds the sessions of `serve`."""
    if name == "simulate":
        _prepare_simulate(parser)
    else:
        parser.set_defaults(command=_demo if name == "demo" else partial(_serve, run=run))
        parser.add_argument("--port", type=_port, help="HTTP port (default: $PORT or 8000; 0 for any free one)")


def _prepare_simulate(simulate: argparse.ArgumentParser) -> None:
    simulate.description = "An IB Gateway without Interactive Brokers behind it, for testing clients of the TWS API; all data is made up."
    simulate.epilog = (
        "Connect any client to the API port as you would to a paper account. docs/simulator.md has examples for ib_async, ibapi and "
        "@stoqey/ib, the control commands and the form of scenario files."
    )
    simulate.set_defaults(command=_simulate)
    defaults = SimulatorOptions()
    simulate.add_argument("--host", default=defaults.host, help="address to listen on (default: %(default)s)")
    simulate.add_argument("--port", type=_port, default=defaults.port, help="API port (default: %(default)s)")
    simulate.add_argument("--control-port", type=_port, help="port for control commands; send `help` there (default: none)")
    simulate.add_argument("--accounts", default=",".join(defaults.accounts), help="names, with commas between (default: %(default)s)")
    simulate.add_argument("--rate", type=float, default=defaults.rate, help="updates per second and line (default: %(default)s)")
    simulate.add_argument("--seed", type=int, default=defaults.seed, help="seed of the simulated market (default: %(default)s)")
    simulate.add_argument("--prices", choices=("walk", "clock"), default="walk", help="prices that walk, or that tell when they were sent")
    simulate.add_argument("--hours", action="store_true", help="trade in each instrument's own hours only, not around the clock")
    simulate.add_argument("--extra-symbols", type=int, default=0, help="made-up stocks, S001 and so on (default: none)")
    simulate.add_argument("--scenario", metavar="FILE", help="control commands and their times (default: none)")


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004  # the highest port there is
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

    updates = Topic(settings)

    async def body(stop: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            start = partial(run_demo, settings, stop=stop, updates=updates)
            url, ports = await nursery.start(start, name="demo")
            _say(_DEMO_TEXT.format(url=url, ws=url.replace("http", "ws", 1), ports=ports))

    return _run(body, updates)


def _simulate(_settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        options = SimulatorOptions(
            host=arguments.host,
            port=arguments.port,
            control_port=arguments.control_port,
            accounts=tuple(arguments.accounts.split(",")),
            rate=arguments.rate,
            seed=arguments.seed,
            clock_prices=arguments.prices == "clock",
            extra_symbols=arguments.extra_symbols,
            keeps_hours=arguments.hours,
            scenario=read_scenario(arguments.scenario) if arguments.scenario else None,
        )
    except ValueError as exc:
        raise StartupError(f"The simulator cannot run so: {exc}.") from exc

    async def body(stop: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            ports = await start_simulator(nursery, options)
            control = f", control commands at {options.host}:{ports.control_port}" if ports.control_port else ""
            _say(f"TWS API at {options.host}:{ports.port}{control}")
            await stop.wait()
            nursery.cancel_scope.cancel(reason="a signal came")

    return _run(body)


def _with_port(settings: Settings, arguments: argparse.Namespace) -> Settings:
    return settings if arguments.port is None else replace(settings, port=arguments.port)


def _run(body: Callable[[trio.Event], Awaitable[None]], updates: Topic[Settings] | None = None) -> int:
    """Run *body* until it returns; SIGTERM and Ctrl-C set the event that it is given, SIGHUP publishes the settings as they are then."""

    async def root() -> None:
        stop = trio.Event()
        async with trio.open_nursery() as nursery:
            await nursery.start(watch_signals, stop, updates, name="signals")
            await body(stop)
            nursery.cancel_scope.cancel(reason="the command is done")

    _raise_file_limit()
    # What is loaded stays: looking through all of it takes each full collection some 25 ms, in which nobody gets a price.
    gc.freeze()
    # For an event loop that is blocked, where SIGUSR1 has to wait: the stacks of all threads, without locals, to stderr.
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    try:
        trio.run(root)
    except ExceptionGroup as group:
        startup = group.subgroup(StartupError)
        if startup is not None:
            raise _leaf(startup) from None
        log.critical("service_failed", exc_info=group)
        return 1
    return 0


def _raise_file_limit() -> None:
    """Allow the process as many open files as the system lets it have: each client takes one, and the usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _leaf(group: BaseExceptionGroup[StartupError]) -> StartupError:
    first = group.exceptions[0]
    return _leaf(first) if isinstance(first, BaseExceptionGroup) else first


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # the command's own output


_DEMO_TEXT = """\
ibactors demo: {url}/ui        docs: {url}/docs
The gateway behind it is simulated; control commands at 127.0.0.1:{ports.control_port} (send: help). Try:

  curl {url}/market/quote/AAPL
  curl {url}/account/positions
  curl -X POST {url}/auth/login -H 'Content-Type: application/json' \\
       -d '{{"username":"demo","password":"demo","account_type":"paper"}}'

Live quotes: connect a WebSocket to {ws}/ws/stream and send {{"action":"subscribe","symbol":"AAPL"}}
Stop with Ctrl-C."""
