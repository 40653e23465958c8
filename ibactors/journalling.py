"""`ibactors journal`: whether the journal of orders is sound, what it says, and what is done by hand when it is not the one that was here.

`check` and `export` read it while it is in use. `adopt` asks the running service. `restore` and `cancel-all` are for when it does not run.
"""

import http.client
import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from ibactors.config import Settings
from ibactors.healthcheck import post, url_of
from ibactors.orders.audit import check, export
from ibactors.orders.journal import FILE
from ibactors.orders.restoring import restore
from ibactors.terminal import complain, say

ACTIONS = {
    "check": "exit 1 when something is wrong",
    "export": "every entry, in order, as JSON lines",
    "adopt": "have the running service take over the orders of ours that IB shows and the journal does not have; admin",
    "restore": "put a copy in the place of the journal, and halt trading; the service is stopped",
    "cancel-all": "cancel every order of ours at the gateway, without journal; the service is stopped",
}


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("action", choices=tuple(ACTIONS), help="; ".join(f"{name}: {meaning}" for name, meaning in ACTIONS.items()))
    parser.add_argument("copy", nargs="?", metavar="FILE", help="restore: the copy")
    parser.add_argument("--unmasked", action="store_true", help="export: with account numbers in full")
    parser.add_argument(
        "--url",
        help="adopt: where the service runs (default: $IBACTORS_URL, else this machine, $PORT or 8000); the key is $IBACTORS_API_KEY",
    )


def run(settings: Settings, arguments: Namespace) -> int:
    """Look after the journal in the state path. Raises StartupError."""
    path = Path(settings.state_path).expanduser() / FILE
    match arguments.action:
        case "adopt":
            return _adopt(url_of(arguments.url, settings), settings)
        case "cancel-all":
            # What it imports takes a second, and needs no journal.
            from ibactors import cancelling  # noqa: PLC0415

            return cancelling.run(settings)
        case "restore":
            return _restore(path, arguments.copy)
    if not path.exists():
        complain(f"There is no journal of orders at {path}. Set IBACTORS_STATE_PATH as the service has it.")
        return 1
    return _export(path, mask=not arguments.unmasked) if arguments.action == "export" else _check(path)


def _check(path: Path) -> int:
    found = check(path)
    for sentence in found:
        complain(sentence)
    if not found:
        say(f"{path} is sound.")
    return 1 if found else 0


def _export(path: Path, *, mask: bool) -> int:
    for line in export(path, mask=mask):
        say(line)
    return 0


def _adopt(url: str, settings: Settings) -> int:
    try:
        status, body = post(url, "/orders/adopt", os.environ.get("IBACTORS_API_KEY", ""), settings)
    except (OSError, http.client.HTTPException, ValueError) as error:
        complain(f"Nothing answers at {url}: {error}. The service has to run: it alone writes the journal.")
        return 1
    (say if status == http.HTTPStatus.OK else complain)(body)
    return 0 if status == http.HTTPStatus.OK else 1


def _restore(path: Path, copy: str | None) -> int:
    if copy is None:
        complain("Name the copy: ibactors journal restore FILE.")
        return 2
    wrong = check(Path(copy)) if Path(copy).is_file() else [f"{copy} is not a file."]
    for sentence in wrong:
        complain(sentence)
    if wrong:
        return 1
    restore(Path(copy), path)
    say(f"{path} is the copy now; the one before lies beside it. Trading is halted until an admin resumes it: POST /orders/adopt first.")
    return 0
