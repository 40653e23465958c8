"""`ibactors resume`: go on trading after a halt."""

from argparse import ArgumentParser, Namespace

from ibactors import calling
from ibactors.calling import Remote
from ibactors.config import Settings
from ibactors.terminal import say


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    calling.add_arguments(parser)


def run(settings: Settings, arguments: Namespace) -> int:
    """Go on. Raises NotDone."""
    answer = Remote.of(settings, arguments).ask("POST", "/trading/resume")
    trading = answer.members
    say(answer.text if arguments.json else f"Trading goes on: {trading['mode']}, {trading['open_orders']} open orders.")
    return 0 if not trading["halted"] else 1
