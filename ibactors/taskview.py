"""`ibactors tasks`: the task tree of a running service, in a terminal, once or again and again."""

import http.client
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from ibactors.config import Settings
from ibactors.healthcheck import url_of
from ibactors.inside.tasktree import TaskNode, about
from ibactors.terminal import complain, say

DEADLINE = 5.0
_BOLD, _DIM, _GREEN, _YELLOW, _CYAN, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[0m"
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


class Unreachable(Exception):
    """The service does not answer, or not with a task tree; the message says what to do."""


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--url", help="where the service runs (default: $IBACTORS_URL, else this machine, $PORT or 8000)")
    parser.add_argument("--key", help="API key, if the service wants one; better given as $IBACTORS_API_KEY, where others cannot see it")
    parser.add_argument("--watch", nargs="?", type=float, const=1.0, metavar="SECONDS", help="show it again every SECONDS (default: 1)")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto, in a terminal")


def run(settings: Settings, arguments: Namespace) -> int:
    """Print the tree; the exit status is 1 when there is none to be had."""
    url = url_of(arguments.url, settings)
    key = arguments.key or os.environ.get("IBACTORS_API_KEY", "")
    colour = arguments.color == "always" or (arguments.color == "auto" and sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    try:
        while True:
            text = "\n".join(tree_lines(fetch(url, key), colour=colour))
            say(f"{_CLEAR if arguments.watch and sys.stdout.isatty() else ''}{text}")
            if arguments.watch is None:
                return 0
            time.sleep(max(arguments.watch, 0.1))
    except Unreachable as exc:
        complain(str(exc))
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


def fetch(url: str, key: str) -> TaskNode:
    """The task tree of the service at *url*. Raises Unreachable."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unreachable(f"{url!r} is not the address of a service; give one such as http://127.0.0.1:8000.")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname, parts.port, timeout=DEADLINE)
        try:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            connection.request("GET", f"{parts.path.rstrip('/')}/debug/tasks?format=json", headers=headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
    except TimeoutError:
        raise Unreachable(
            f"{url} did not answer within {DEADLINE:g} s: its event loop may be blocked. "
            "Send the process SIGUSR2 to have the stacks of its threads written to its stderr."
        ) from None
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise Unreachable(f"Nothing answers at {url}: {exc}.") from None
    if response.status in {http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN}:
        raise Unreachable(f"{url} wants an API key with the scope admin; give it as $IBACTORS_API_KEY.")
    try:
        return msgspec.json.decode(body, type=TaskNode)
    except msgspec.DecodeError:
        raise Unreachable(f"{url} answered {response.status} and no task tree; is it an ibactors service?") from None


def tree_lines(root: TaskNode, *, colour: bool) -> Iterator[str]:
    """The tree with branches drawn, one task a line."""
    yield from _lines(root, "", "", colour=colour)


def _lines(node: TaskNode, first: str, rest: str, *, colour: bool) -> Iterator[str]:
    def paint(code: str, text: str) -> str:
        return f"{code}{text}{_PLAIN}" if colour and text else text

    hue = _GREEN if node.name.startswith("actor:") else _CYAN if node.name.startswith(("ws:", "GET ", "POST ")) else _BOLD
    yield f"{paint(_DIM, first)}{paint(hue, node.name)}  {node.where}  {paint(_YELLOW, about(node))}".rstrip()
    for number, child in enumerate(node.children, 1):
        last = number == len(node.children)
        yield from _lines(child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "), colour=colour)
