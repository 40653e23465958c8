"""The commands: demo, serve, simulate, key, health, tasks.

Exit status: 0 done or stopped by a signal, 1 failed while running (or unhealthy), 2 could not start.
"""

import argparse
import http.client
import ssl
import sys
from collections.abc import Callable

import structlog

from ibactors import __version__, taskview
from ibactors.config import Settings, read_settings, settings_table
from ibactors.errors import StartupError
from ibactors.inside import logs
from ibactors.keys import GRANTABLE, new_key

log = structlog.get_logger(__name__)

HEALTH_TIMEOUT = 5.0
PROGRAMS = {
    "demo": "the service with an embedded simulator; no account needed",
    "serve": "the service, against the gateway named by the environment",
    "simulate": "the TWS server alone, for any TWS API client",
}
"""The commands that run until they are stopped; see `programs.py`."""


Prepare = Callable[[str, argparse.ArgumentParser], None]
"""Gives the parser of a program its options; `programs.prepare`, with other parts of the service or without."""


def main(argv: list[str] | None = None, prepare: Prepare | None = None) -> None:
    """Run a command and exit with its status."""
    words = sys.argv[1:] if argv is None else argv
    arguments = _parser(words, prepare or _prepare).parse_args(words)
    try:
        settings = read_settings()
        logs.configure(settings.log_format)
        sys.exit(arguments.command(settings, arguments))
    except StartupError as exc:
        print(f"ibactors: {exc}", file=sys.stderr)  # noqa: T201  # one plain line, before or instead of a log
        sys.exit(2)


def _prepare(name: str, program: argparse.ArgumentParser) -> None:
    # What they import takes a second, which a container's health check must not cost every few seconds.
    from ibactors import programs  # noqa: PLC0415

    programs.prepare(name, program)


def _parser(words: list[str], prepare: Prepare) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ibactors",
        description="Interactive Brokers behind REST and WebSocket.",
        epilog=_settings_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ibactors {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, help_text in PROGRAMS.items():
        program = commands.add_parser(name, help=help_text)
        if words[:1] == [name]:
            prepare(name, program)
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


def _settings_help() -> str:
    rows = (f"  {name} ({default or 'not set'}): {meaning} Accepts {form}." for name, default, form, meaning in settings_table())
    return "settings from the environment (and .env), with their defaults:\n" + "\n".join(rows)


def _new_key(_settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        key, line = new_key(arguments.name, arguments.scope)
    except ValueError:
        raise StartupError(
            f"{arguments.name!r} is not a valid name for a key; use up to 64 letters, digits, dots, dashes and underscores."
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
        return http.client.HTTPConnection(host, settings.port, timeout=HEALTH_TIMEOUT)
    try:
        context = ssl.create_default_context(cafile=settings.tls_certificate)
    except OSError as exc:
        raise StartupError(f"IBACTORS_TLS_CERTIFICATE {settings.tls_certificate!r} cannot be read: {exc}.") from None
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return http.client.HTTPSConnection(host, settings.port, timeout=HEALTH_TIMEOUT, context=context)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # the command's own output
