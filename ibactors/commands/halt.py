"""`ibactors halt`: nothing but cancels is sent from now on, until `ibactors resume`."""

import json
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ibactors import calling
from ibactors.calling import Answer, Lost, Refused, Remote
from ibactors.config import Settings
from ibactors.terminal import complain, say

PATIENCE = 20.0
"""Seconds for which it is tried again: to halt twice is to halt."""
PAUSE = 0.5


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--cancel",
        choices=("entries", "ours", "all", "none"),
        default="entries",
        help="which orders to cancel: what opens or enlarges a position, all of ours, all of the login, none (default: %(default)s)",
    )
    parser.add_argument("--reason", default="by hand", help="why, for the journal (default: %(default)s)")
    calling.add_arguments(parser)
    parser.epilog = "Without the service, or without a key: touch the file HALT in its state path."


def run(settings: Settings, arguments: Namespace) -> int:
    """Halt. Raises NotDone when it could not be done."""
    body = json.dumps({"cancel": arguments.cancel, "reason": arguments.reason}).encode()
    try:
        answer = _insisted(Remote.of(settings, arguments), body)
    except calling.NotDone:
        complain(f"NOT halted, as far as is known. As the user of the service: touch {Path(settings.state_path).expanduser() / 'HALT'}")
        raise
    trading = answer.members
    say(answer.text if arguments.json else f"Halted: {trading['halted']}. Open orders: {trading['open_orders']}.")
    return 0


def _insisted(remote: Remote, body: bytes) -> Answer:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return remote.ask("POST", "/trading/halt", body=body)
        except Lost:
            pause = PAUSE
            if time.monotonic() + pause > deadline:
                raise
        except Refused as exc:
            pause = max(PAUSE, exc.retry_after or 0)
            if exc.http_status not in calling.PASSING or time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
