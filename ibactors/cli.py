"""The commands: demo, serve, simulate, control, key, health, journal, history, tasks, settings.

Exit status: 0 done or stopped by a signal, 1 failed while running (or unhealthy), 2 could not start.
"""

import argparse
import shutil
import signal
import sys
from collections.abc import Callable

import structlog

from ibactors import __version__, controlling, downloading, healthcheck, journalling, taskview
from ibactors.config import Settings, most_wanted, read_settings, settings_text
from ibactors.errors import StartupError
from ibactors.inside import logs
from ibactors.keys import GRANTABLE, Scope, new_key
from ibactors.terminal import complain, ends_with_terminal, open_streams, say

log = structlog.get_logger(__name__)

WIDEST = 100
"""Columns of a text for people, in a terminal that has more."""
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
    open_streams()
    if not ends_with_terminal():
        # Until it means "read again", which is seconds from here, it would be the end of a service that has just been started.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    words = sys.argv[1:] if argv is None else argv
    arguments = _parser(words, prepare or _prepare).parse_args(words)
    try:
        settings = read_settings() if arguments.reads_settings else Settings()
        logs.configure(settings.log_format, level=settings.log_level or "info")
        sys.exit(arguments.command(settings, arguments))
    except StartupError as exc:
        complain(str(exc))
        sys.exit(2)


def _prepare(name: str, program: argparse.ArgumentParser) -> None:
    # What they import takes a second, which a container's health check must not cost every few seconds.
    from ibactors import programs  # noqa: PLC0415

    programs.prepare(name, program)


def _parser(words: list[str], prepare: Prepare) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ibactors",
        description="Interactive Brokers behind REST and WebSocket.",
        epilog=f"Settings come from the environment or .env; `ibactors settings` lists all:\n{most_wanted()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ibactors {__version__}")
    parser.set_defaults(reads_settings=True)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, help_text in PROGRAMS.items():
        program = commands.add_parser(name, help=help_text)
        if words[:1] == [name]:
            prepare(name, program)
    for name, module, help_text in (
        ("control", controlling, "make a running simulator misbehave: `ibactors control refuse 5`"),
        ("health", healthcheck, "exit 0 when the service is healthy, 1 when it is degraded or does not answer"),
        (
            "journal",
            journalling,
            "the journal of orders: `check` and `export` it; `adopt`, `restore`, `cancel-all`",
        ),
        ("history", downloading, "past bars, any number of them, into a file or a pipe"),
        ("tasks", taskview, "the task tree of a running service: what waits where"),
    ):
        asking = commands.add_parser(name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
        module.add_arguments(asking)
        asking.set_defaults(command=module.run)
    _add_key(commands.add_parser("key", help="make an API key"))
    table = commands.add_parser("settings", help="what can be set in the environment or in .env")
    table.set_defaults(command=_show_settings, reads_settings=False)
    return parser


def _add_key(key: argparse.ArgumentParser) -> None:
    new = key.add_subparsers(metavar="ACTION", required=True).add_parser("new", help="print a new key, once, and its line for the settings")
    new.set_defaults(command=_new_key, reads_settings=False)
    new.add_argument("name", metavar="NAME", help="what the key is called in logs: letters, digits and ._-")
    scopes = ", ".join(GRANTABLE)
    new.add_argument("--scope", action="append", required=True, type=_scope, metavar="SCOPE", help=f"one of {scopes}; may be repeated")


def _scope(text: str) -> Scope:
    if text not in set(GRANTABLE):
        raise argparse.ArgumentTypeError(f"{text!r} is no scope; choose from {', '.join(GRANTABLE)}, and repeat --scope for more than one")
    return Scope(text)


def _show_settings(_settings: Settings, _arguments: argparse.Namespace) -> int:
    say(settings_text(min(shutil.get_terminal_size().columns, WIDEST)))
    return 0


def _new_key(_settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        key, line = new_key(arguments.name, arguments.scope)
    except ValueError:
        raise StartupError(
            f"{arguments.name!r} is not a valid name for a key; use up to 64 letters, digits, dots, dashes and underscores."
        ) from None
    say(f"The key, shown this once; give it to {arguments.name}:\n\n  {key}\n")
    say(f"Its line for IBACTORS_API_KEYS, or for the file of IBACTORS_API_KEYS_FILE (then SIGHUP):\n\n  {line}")
    return 0
