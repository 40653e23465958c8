"""The commands, in one table; each is imported when it is asked for.

Exit status: 0 done or stopped by a signal, 1 failed or refused (or unhealthy), 2 could not start, 3 nobody knows yet what became of
an order.
"""

import argparse
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import structlog

from ibactors import __version__
from ibactors.calling import NotDone
from ibactors.config import Settings, read_settings, settings_text
from ibactors.errors import StartupError
from ibactors.inside import logs
from ibactors.keys import GRANTABLE, Scope, new_key
from ibactors.terminal import complain, ends_with_terminal, open_streams, say

log = structlog.get_logger(__name__)

WIDEST = 100
"""Columns of a text for people, in a terminal that has more."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command, whose module has `add_arguments` and `run`; without one it is of `programs.py`, or of this file."""

    name: str
    help: str
    module: str = ""


PROGRAMS = (
    Command("demo", "the service with an embedded simulator; no account needed"),
    Command("serve", "the service, against the gateway named by the environment"),
    Command("simulate", "the TWS server alone, for any TWS API client"),
)
"""The commands that run until they are stopped; see `programs.py`."""
OURS = (
    Command("key", "make an API key"),
    Command("settings", "what can be set in the environment or in .env"),
)
"""Those of this file."""
GROUPS: dict[str, tuple[Command, ...]] = {
    "run": PROGRAMS,
    "look": (
        Command("quote", "what is known of some instruments now", "commands.quote"),
        Command("watch", "live quotes, until Ctrl-C", "commands.watch"),
        Command("history", "past bars, any number of them, into a file or a pipe", "downloading"),
        Command("account", "what an account is worth, and the day's profit", "commands.account"),
        Command("positions", "what is held, with totals", "commands.positions"),
    ),
    "trade": (
        Command("order", "buy, sell, list, show, change, cancel", "commands.order"),
        Command("halt", "send nothing but cancels from now on", "commands.halt"),
        Command("resume", "go on after a halt", "commands.resume"),
    ),
    "operate": (
        Command("status", "service, session, login and trading in a few lines", "commands.status"),
        Command("doctor", "what is wrong with the set-up, and what to do", "doctor.command"),
        Command("login", "have the gateway logged in at IB", "commands.login"),
        Command("logout", "end the gateway's session with IB", "commands.logout"),
        Command("health", "exit 0 when the service is healthy, 1 when it is not", "healthcheck"),
        Command("tasks", "the task tree of a running service: what waits where", "taskview"),
        Command("journal", "the journal of orders: check, export, adopt, restore", "journalling"),
        Command("control", "make a simulator misbehave: `ibactors control refuse 5`", "controlling"),
        *OURS,
        Command("completion", "for bash, zsh or fish", "commands.completion"),
    ),
}
COMMANDS = {command.name: command for group in GROUPS.values() for command in group}

Prepare = Callable[[str, argparse.ArgumentParser], None]
"""Gives the parser of a program its options; `programs.prepare`, with other parts of the service or without."""


def main(argv: list[str] | None = None, prepare: Prepare | None = None) -> None:
    """Run a command and exit with its status."""
    open_streams()
    if sys.platform != "win32" and not ends_with_terminal():
        # Until it means "read again", which is seconds from here, it would be the end of a service that has just been started.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    words = sys.argv[1:] if argv is None else argv
    arguments = make_parser(words, prepare or _prepare).parse_args(words)
    sys.exit(perform(arguments))


def perform(arguments: argparse.Namespace, settings: Settings | None = None) -> int:
    """Run the command that was asked for, with the settings of the environment if none are given; its exit status."""
    try:
        return int(arguments.command(settings or _read(arguments), arguments))
    except StartupError as exc:
        complain(str(exc))
        return 2
    except NotDone as exc:
        complain(str(exc))
        return exc.status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _read(arguments: argparse.Namespace) -> Settings:
    settings = read_settings() if arguments.reads_settings else Settings()
    logs.configure(settings.log_format, level=settings.log_level or "info")
    return settings


def _prepare(name: str, program: argparse.ArgumentParser) -> None:
    # What they import takes a second, which a container's health check must not cost every few seconds.
    from ibactors import programs  # noqa: PLC0415

    programs.prepare(name, program)


def make_parser(words: list[str], prepare: Prepare) -> argparse.ArgumentParser:
    """Of all commands; those that are not asked for have no options, and import nothing."""
    parser = argparse.ArgumentParser(
        prog="ibactors",
        description=_overview(),
        epilog="`ibactors COMMAND --help` tells more, `ibactors settings` what the environment\n"
        "or .env can set, as IBACTORS_AUTO_RESTART, a time of day in IBACTORS_TIME_ZONE.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="ibactors [-h] [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"ibactors {__version__}", help=argparse.SUPPRESS)
    parser._actions[0].help = argparse.SUPPRESS  # noqa: SLF001  # -h is in the usage
    parser.set_defaults(reads_settings=True, parser=parser)
    commands = parser.add_subparsers(prog=parser.prog, metavar="COMMAND", required=True, help=argparse.SUPPRESS)
    for command in COMMANDS.values():
        its = commands.add_parser(command.name, description=f"{command.help[0].upper()}{command.help[1:]}.")
        if words[:1] in ([command.name], ["completion"]):
            _prepare_command(command, its, prepare)
    return parser


def _prepare_command(command: Command, parser: argparse.ArgumentParser, prepare: Prepare) -> None:
    if command in PROGRAMS:
        prepare(command.name, parser)
    elif command.name == "key":
        _add_key(parser)
    elif command.name == "settings":
        parser.set_defaults(command=_show_settings, reads_settings=False)
    else:
        module = import_module(f"ibactors.{command.module}")
        module.add_arguments(parser)
        parser.set_defaults(command=module.run)


def _overview() -> str:
    """The commands by what they are for, on a screen of 24 lines."""
    lines = ["Interactive Brokers behind REST and WebSocket."]
    for title, group in GROUPS.items():
        lines += [f"{title if command is group[0] else '':<8}{command.name:<11} {command.help}" for command in group]
    return "\n".join(lines)


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
