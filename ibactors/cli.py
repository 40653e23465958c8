"""The commands: demo, serve, simulate, key, health, tasks.

Exit status: 0 done or stopped by a signal, 1 failed while running (or unhealthy), 2 could not start.
"""

import argparse
import faulthandler
import http.client
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import structlog
import trio

from ibactors import __version__, logs, taskview
from ibactors.actors.channels import Topic
from ibactors.config import Settings, read_settings, settings_table
from ibactors.errors import StartupError
from ibactors.keys import GRANTABLE, new_key
from ibactors.service import run_demo, run_service, start_simulator, watch_signals
from ibactors.sim import SimulatorOptions, read_scenario

log = structlog.get_logger(__name__)

HEALTH_DEADLINE = 5.0


def main(argv: list[str] | None = None) -> None:
    """Run a command and exit with its status."""
    arguments = _parser().parse_args(argv)
    try:
        settings = read_settings()
        logs.configure(settings.log_format)
        sys.exit(arguments.command(settings, arguments))
    except StartupError as exc:
        print(f"ibactors: {exc}", file=sys.stderr)  # noqa: T201  # one plain line, before or instead of a log
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ibactors",
        description="Interactive Brokers behind REST and WebSocket.",
        epilog=_settings_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ibactors {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    demo = commands.add_parser("demo", help="the service with an embedded simulator; no account needed")
    demo.set_defaults(command=_demo)
    serve = commands.add_parser("serve", help="the service, against the gateway named by the environment")
    serve.set_defaults(command=_serve)
    for command in (demo, serve):
        command.add_argument("--port", type=_port, help="HTTP port (default: $PORT or 8000; 0 for any free one)")
    simulate = commands.add_parser(
        "simulate",
        help="the TWS server alone, for any TWS API client",
        description="An IB Gateway without Interactive Brokers behind it, for testing clients of the TWS API; all data is made up.",
        epilog="Connect any client to the API port as you would to a paper account. docs/simulator.md has examples for ib_async, ibapi and "
        "@stoqey/ib, the control commands and the form of scenario files.",
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
    key = commands.add_parser("key", help="make an API key").add_subparsers(metavar="ACTION", required=True)
    new = key.add_parser("new", help="print a new key, once, and the line for IBACTORS_API_KEYS")
    new.set_defaults(command=_new_key)
    new.add_argument("name", metavar="NAME", help="what the key is called in logs: letters, digits and ._-")
    scopes = ", ".join(GRANTABLE)
    new.add_argument(
        "--scope", action="append", required=True, choices=[*GRANTABLE], metavar="SCOPE", help=f"one of {scopes}; may be repeated"
    )
    health = commands.add_parser("health", help="exit 0 when the local service is healthy")
    health.set_defaults(command=_health)
    tasks = commands.add_parser("tasks", help="the task tree of a running service: which task waits where, and for how long")
    taskview.add_arguments(tasks)
    tasks.set_defaults(command=taskview.run)
    return parser


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:  # noqa: PLR2004  # the highest port there is
        raise argparse.ArgumentTypeError(f"{text!r} is no port; use a whole number from 0 to 65535")
    return int(text)


def _settings_help() -> str:
    rows = (f"  {name} ({default or 'not set'}): {meaning} Accepts {form}." for name, default, form, meaning in settings_table())
    return "settings from the environment (and .env), with their defaults:\n" + "\n".join(rows)


def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    settings = _with_port(settings, arguments)

    updates = Topic(settings)

    async def body(stop: trio.Event) -> None:
        await run_service(settings, stop=stop, updates=updates)

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


def _new_key(_settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        key, line = new_key(arguments.name, arguments.scope)
    except ValueError:
        raise StartupError(
            f"{arguments.name!r} is no name for a key; use up to 64 letters, digits, dots, dashes and underscores."
        ) from None
    _say(f"The key, shown this once; give it to {arguments.name}:\n\n  {key}\n")
    _say(f"Its line for IBACTORS_API_KEYS, or for the file of IBACTORS_API_KEYS_FILE (then SIGHUP):\n\n  {line}")
    return 0


def _health(settings: Settings, _arguments: argparse.Namespace) -> int:
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "", "::"} else settings.host  # noqa: S104  # compared, not bound
    connection = _connection(host, settings)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        _say(response.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as exc:
        _say(f"unhealthy: nothing answers at {host}:{settings.port}: {exc}")
        return 1
    finally:
        connection.close()
    return 0 if response.status == http.HTTPStatus.OK else 1


def _connection(host: str, settings: Settings) -> http.client.HTTPConnection:
    """To the local service; over TLS where it has a certificate, which is then the one to be shown."""
    if not settings.tls_certificate:
        return http.client.HTTPConnection(host, settings.port, timeout=HEALTH_DEADLINE)
    try:
        context = ssl.create_default_context(cafile=settings.tls_certificate)
    except OSError as exc:
        raise StartupError(f"IBACTORS_TLS_CERTIFICATE {settings.tls_certificate!r} cannot be read: {exc}.") from None
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return http.client.HTTPSConnection(host, settings.port, timeout=HEALTH_DEADLINE, context=context)


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
