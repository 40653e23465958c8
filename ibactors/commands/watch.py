"""`ibactors watch`: live quotes in a terminal, JSON lines in a pipe.

Invariant: what was shown of a line is struck out from the moment on at which the service, or the lack of it, says that it is not current.
"""

import json
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from queue import Queue
from typing import Any

from ibactors import calling
from ibactors.calling import PASSING, Lost, Refused, Remote
from ibactors.commands.quote import HEAD, add_symbols, pairs, row, which
from ibactors.commands.shown import clock, instrument, table
from ibactors.config import Settings
from ibactors.terminal import no_more_output

FRAME = 0.1
"""Seconds between two drawings."""
WAITING = 10_000
"""Messages that may wait to be drawn; the service keeps those beyond, the newest of each line."""
_PAUSES = (0.5, 1.0, 2.0, 5.0)
"""Seconds before each new attempt, the last one again and again."""
_HOME, _STRUCK, _PLAIN = "\x1b[H\x1b[J", "\x1b[9;2m", "\x1b[0m"

Message = dict[str, Any]


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    add_symbols(parser)
    calling.add_arguments(parser)


def run(settings: Settings, arguments: Namespace) -> int:
    """Show until Ctrl-C; 1 when there is nothing to show. Raises NotDone."""
    query = {"channels": "quotes", **which(arguments.symbols), **pairs(arguments.more)}
    messages = follow(Remote.of(settings, arguments), query)
    try:
        if arguments.json or not sys.stdout.isatty():
            return _write(messages)
        return _draw(messages, Screen())
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        no_more_output()
        return 0


def _write(messages: Iterator[Message]) -> int:
    """A JSON line each; raises BrokenPipeError when nobody reads them any more, as `head` does."""
    refused = False
    for message in messages:
        sys.stdout.write(f"{json.dumps(message, separators=(',', ':'))}\n")
        sys.stdout.flush()
        refused |= message["type"] == "error"
    return 1 if refused else 0


def follow(remote: Remote, query: Mapping[str, str | None]) -> Iterator[Message]:
    """The messages, over broken connections, each of which is told as `stale`; until nothing is left to be watched. Raises NotDone."""
    attempt, begun = 0, False
    while True:
        pause = _PAUSES[min(attempt, len(_PAUSES) - 1)]
        try:
            for message in remote.events("/stream", **query):
                attempt, begun = 0, True
                yield message
            why = "The stream ended."
        except Refused as exc:
            if exc.http_status not in PASSING:
                raise
            why, pause = str(exc), max(pause, exc.retry_after or 0)
        except Lost as exc:
            if not begun:
                raise  # a wrong address is no broken connection
            why = str(exc)
        yield {"type": "stale", "code": "client_disconnected", "reason": why, "since": datetime.now(UTC).isoformat(), "symbol": None}
        attempt += 1
        time.sleep(pause)


class Screen:
    """What is known of each line, in the order in which it came."""

    def __init__(self) -> None:
        self._quotes: dict[object, Message] = {}
        self._why: dict[object, str] = {}
        """Of lines that are not current."""
        self._refused: dict[object, str] = {}
        self._status = ""

    def take(self, message: Message) -> None:
        """Another message of the stream."""
        match message["type"]:
            case "quote":
                self._quotes[_line(message)] = message
                self._why.pop(_line(message), None)
                self._status = ""
            case "stale":
                self._stale(message)
            case "status":
                self._status = "" if message["connected"] else str(message["reason"] or message["phase"])
            case "error":
                self._refused[message.get("symbol")] = calling.sentences(message, "message", "hint")
            case _:
                pass

    def _stale(self, message: Message) -> None:
        why = f"{calling.sentences(message, 'reason')} Since {clock(message['since'])}."
        ends = set(self._quotes) if message.get("symbol") is None else {_line(message)}
        if not ends & set(self._quotes) or message.get("symbol") is None:
            self._status = f"{instrument(message)}: {why}" if message.get("symbol") else why
        self._why |= dict.fromkeys(ends & set(self._quotes), why)

    def lines(self) -> list[str]:
        """The text."""
        head, *rows = table(HEAD, [row(quote) for quote in self._quotes.values()], left=2)
        shown = [
            f"{_STRUCK}{text}{_PLAIN}  {self._why[line]}" if line in self._why else text
            for line, text in zip(self._quotes, rows, strict=True)
        ]
        refused = [f"{symbol}: {why}" for symbol, why in self._refused.items()]
        return [head, *shown, *refused, self._status or ("" if self._quotes or self._refused else "Waiting for the first quote.")]


def _line(message: Message) -> object:
    return (message.get("con_id"), message.get("exchange"))


class _End:
    """Of the messages, with what ended them."""

    def __init__(self, failure: Exception | None) -> None:
        self.failure = failure


def _draw(messages: Iterator[Message], screen: Screen) -> int:
    queue: Queue[Message | _End] = Queue(WAITING)
    threading.Thread(target=_read, args=(messages, queue), daemon=True).start()
    while True:
        sys.stdout.write(_HOME + "\n".join(screen.lines()) + "\n")
        sys.stdout.flush()
        time.sleep(FRAME)
        taken = [queue.get(), *(queue.get() for _ in range(queue.qsize()))]
        for message in taken:
            if isinstance(message, _End):
                if message.failure is not None:
                    raise message.failure
                return 1
            screen.take(message)


def _read(messages: Iterator[Message], queue: Queue[Message | _End]) -> None:
    failure: Exception | None = None
    try:
        for message in messages:
            queue.put(message)
    except Exception as exc:  # noqa: BLE001  # raised again in the other thread
        failure = exc
    queue.put(_End(failure))
