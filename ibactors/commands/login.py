"""`ibactors login`: have the gateway logged in, and tell how far it is, the second factor included.

The credentials are sent once: when the answer is lost, the login's state is looked at, and nothing is sent again.
"""

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from getpass import getpass
from http import HTTPStatus
from typing import Any

from ibactors import calling
from ibactors.calling import Lost, Remote
from ibactors.commands.shown import as_json
from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.terminal import complain, say

POLL = 1.0
"""Seconds between two looks at a login that runs."""
PATIENCE = 600.0
"""Seconds for which it is looked at."""
_RUNNING = frozenset({"starting", "logging_in", "two_factor_pending", "logged_in", "restarting", "restoring", "stopping"})
_DONE = "api_ready"


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("username", nargs="?", help="at IB; none: that of the settings, or just connect to a gateway of somebody else's")
    parser.add_argument("--live", action="store_true", help="to the live account (default: paper)")
    calling.add_arguments(parser)
    parser.epilog = "The password is asked for, or read from the first line of the input where that is no terminal."


def run(settings: Settings, arguments: Namespace) -> int:
    """Log in; 0 when the API is ready. Raises NotDone."""
    body = {"account_type": "live" if arguments.live else "paper"}
    if arguments.username:
        body |= {"username": arguments.username, "password": _password(arguments.username)}
    remote = Remote.of(settings, arguments)
    try:
        answer = remote.ask("POST", "/auth/login", query={"wait": 0}, body=json.dumps(body).encode())
    except Lost as exc:
        if not exc.sent:
            raise
        complain("The answer was lost; the credentials are not sent again. This is where the login is:")
        return _followed(remote, arguments, attempt=None)
    if answer.status == HTTPStatus.OK:  # 202 is a login that runs
        _tell(answer.members, answer.members["message"], arguments)
        return 0
    return _followed(remote, arguments, attempt=answer.members["attempt"])


def _password(username: str) -> str:
    password = getpass(f"Password of {username} at IB: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise StartupError("There is no password; type it, or give it as the first line of the input.")
    return password


def _followed(remote: Remote, arguments: Namespace, attempt: int | None) -> int:
    """Tell each step of the login; without its number, that of whichever runs."""
    deadline, told = time.monotonic() + PATIENCE, ""
    while True:
        report = remote.get("/auth/status")
        words = " ".join(str(report[name]) for name in ("detail", "hint") if report.get(name))
        if words != told:
            told = words
            _tell(report, words, arguments)
        if report["phase"] not in _RUNNING:
            return _end(report, attempt)
        if time.monotonic() > deadline:
            complain("It still runs; `ibactors status` tells how it ends.")
            return 1
        time.sleep(POLL)


def _end(report: dict[str, Any], attempt: int | None) -> int:
    """A session that was brought back after the login had failed is no success of the login."""
    failure = report["failure"]
    if failure and attempt in {None, failure["attempt"]}:
        complain(f"The login failed, and the session before it was brought back: {failure['detail']} {failure['hint'] or ''}".rstrip())
        return 1
    if attempt not in {None, report["attempt"]}:
        complain("Another login took the place of this one.")
        return 1
    return 0 if report["phase"] == _DONE else 1


def _tell(report: dict[str, Any], words: object, arguments: Namespace) -> None:
    if arguments.json:
        as_json([report])
    else:
        say(str(words))
