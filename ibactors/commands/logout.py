"""`ibactors logout`: end the gateway's session with IB."""

from argparse import ArgumentParser, Namespace

from ibactors import calling
from ibactors.calling import Remote
from ibactors.config import Settings
from ibactors.terminal import say


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    calling.add_arguments(parser)


def run(settings: Settings, arguments: Namespace) -> int:
    """Log out. Raises NotDone."""
    answer = Remote.of(settings, arguments).ask("POST", "/auth/logout")
    say(answer.text if arguments.json else str(answer.members["detail"]))
    return 0
