"""`ibactors journal`: whether the journal of orders is sound, and what it says, as JSON lines. It may be in use meanwhile."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ibactors.config import Settings
from ibactors.orders.audit import check, export
from ibactors.orders.journal import FILE
from ibactors.terminal import complain, say


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("action", choices=("check", "export"), help="check: exit 1 when something is wrong; export: every entry, in order")
    parser.add_argument("--unmasked", action="store_true", help="export: with account numbers in full")


def run(settings: Settings, arguments: Namespace) -> int:
    """Look at the journal in the state path."""
    path = Path(settings.state_path).expanduser() / FILE
    if not path.exists():
        complain(f"There is no journal of orders at {path}. Set IBACTORS_STATE_PATH as the service has it.")
        return 1
    if arguments.action == "export":
        for line in export(path, mask=not arguments.unmasked):
            say(line)
        return 0
    found = check(path)
    for sentence in found:
        complain(sentence)
    if not found:
        say(f"{path} is sound.")
    return 1 if found else 0
