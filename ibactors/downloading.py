"""`ibactors history`: past bars of any length from a running service, into a file or a pipe.

It asks for one page after the other and writes each as it comes. With `--output` it goes on where it stopped: the newest bar of the file
may have been forming, or cut, and is asked for again.
"""

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ibactors import calling
from ibactors.calling import PASSING, Answer, Lost, NotDone, Refused, Remote, place
from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.terminal import complain

PAGE = 10_000
"""Bars of a page, as many as the service gives."""
_WAIT, _TIMEOUT = 60, 90.0
"""Seconds that a page may take at the service, and here."""
_PAUSE = 5.0
"""Seconds until a page is asked for again, where the service does not say."""


class Failed(NotDone):
    """The bars cannot be written; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some bars, a line for each."""

    lines: list[str]
    newest: str | None
    """When the last one begins."""
    token: str | None
    """Of the next page."""


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("symbol", help="AAPL, EUR.USD, ESZ6, a contract id, …")
    parser.add_argument("--bar", required=True, help="how long a bar is: 1s to 1mo")
    parser.add_argument("--start", required=True, help="bars that begin then or later: 2026-01-01, 2026-11-27T14:30:00Z")
    parser.add_argument("--end", help="bars that begin before it (default: now)")
    parser.add_argument("--what", default="trades", help="what bars are made of (default: %(default)s)")
    parser.add_argument("--all-hours", action="store_true", help="outside regular hours, too")
    parser.add_argument("--with", action="append", default=[], metavar="NAME=VALUE", dest="more", help="more of the query: exchange=LSE")
    parser.add_argument("--json", action="store_true", help="JSON lines, a bar each (default: CSV)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there, and go on with what is there already")
    parser.add_argument("--patience", type=float, default=600.0, metavar="SECONDS", help="how long a page is tried (default: %(default)g)")
    calling.add_arguments(parser, as_json=False)


def run(settings: Settings, arguments: Namespace) -> int:
    """Write the bars; the exit status is 1 when not all of them are to be had. Raises StartupError."""
    remote = Remote.of(settings, arguments)
    progress = Progress(arguments.symbol, arguments.start, arguments.end)
    try:
        start, has_head = _resume(arguments.output, as_json=arguments.json) if arguments.output else (None, False)
        query = _query(arguments, start or arguments.start)
        with arguments.output.open("a", encoding="utf-8") if arguments.output else nullcontext(sys.stdout) as file:
            for page in _pages(remote, arguments, query, progress):
                head = 0 if arguments.json else 1
                file.writelines(page.lines[head if has_head else 0 :])
                file.flush()
                has_head = True
                progress.add(len(page.lines) - head, page.newest)
    except (NotDone, OSError) as exc:
        progress.end()
        complain(str(exc))
        return 1
    except KeyboardInterrupt:
        progress.end()
        return 1
    progress.end()
    return 0


class Progress:
    """One line on a terminal: how many bars, up to when, how much of the range, how long it may still take."""

    def __init__(self, symbol: str, start: str, end: str | None) -> None:
        self._symbol = symbol
        self._shows = sys.stderr.isatty()
        self._begin, self._end = _seconds(start), _seconds(end) if end else time.time()
        self._begun = time.monotonic()
        self._bars = 0
        self._newest = start

    def add(self, bars: int, newest: str | None) -> None:
        """Some more bars are written."""
        self._bars += bars
        self._newest = newest or self._newest
        self.say("")

    def say(self, why: str) -> None:
        """Show how far it is, or *why* it waits."""
        if self._shows:
            sys.stderr.write(f"\r\x1b[K{self.line(why)}")
            sys.stderr.flush()

    def line(self, why: str) -> str:
        """The line."""
        at, span = _seconds(self._newest), self._end - self._begin
        part = min(max((at - self._begin) / span, 0.0), 1.0) if span > 0 else 1.0
        spent = time.monotonic() - self._begun
        left = f", {spent / part - spent:.0f} s left" if 0 < part < 1 else ""
        return f"{self._symbol}: {self._bars:,} bars up to {self._newest}, {part:.0%}{left}{f'; {why}' if why else ''}"

    def end(self) -> None:
        """Leave the line as it is."""
        if self._shows:
            sys.stderr.write("\n")


def _seconds(moment: str) -> float:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return 0.0  # the service says what is wrong with it
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _query(arguments: Namespace, start: str) -> dict[str, str]:
    query = {"bar": arguments.bar, "start": start, "what": arguments.what, "rth": "false" if arguments.all_hours else "true"}
    query |= {"limit": str(PAGE), "wait": str(_WAIT), "format": "json" if arguments.json else "csv"}
    for pair in arguments.more:
        name, found, value = pair.partition("=")
        if not found:
            raise StartupError(f"--with {pair!r} is not of the form NAME=VALUE.")
        query[name] = value
    return query | ({"end": arguments.end} if arguments.end else {})


def _pages(remote: Remote, arguments: Namespace, query: dict[str, str], progress: Progress) -> Iterator[Page]:
    token: str | None = ""
    while token is not None:
        deadline = time.monotonic() + arguments.patience
        while isinstance(page := _ask(remote, arguments, query | ({"page_token": token} if token else {})), _Later):
            if time.monotonic() + page.seconds > deadline:
                raise Failed(page.why)
            progress.say(f"{page.why} Next try in {page.seconds:.0f} s.")
            time.sleep(page.seconds)
        yield page
        token = page.token


@dataclass(frozen=True, slots=True)
class _Later:
    why: str
    seconds: float


def _ask(remote: Remote, arguments: Namespace, query: dict[str, str]) -> Page | _Later:
    """One page. Raises Refused where waiting does not help."""
    try:
        answer = remote.ask("GET", place("/history/bars/{}", arguments.symbol), query=query, timeout=_TIMEOUT)
    except Lost as exc:
        return _Later(str(exc), _PAUSE)
    except Refused as exc:
        if exc.http_status not in PASSING:
            raise
        return _Later(str(exc), exc.retry_after or _PAUSE)
    return _json_page(answer) if arguments.json else _csv_page(answer)


def _csv_page(answer: Answer) -> Page:
    lines = answer.text.splitlines(keepends=True)
    return Page(lines=lines, newest=_moment(lines[-1], as_json=False) if len(lines) > 1 else None, token=answer.next_page)


def _json_page(answer: Answer) -> Page:
    page = answer.members
    lines = [f"{json.dumps(bar)}\n" for bar in page["bars"]]
    return Page(lines=lines, newest=page["bars"][-1]["t"] if lines else None, token=page["next_page_token"])


def _moment(line: str, *, as_json: bool) -> str:
    return str(json.loads(line)["t"]) if as_json else line.partition(",")[0].strip('"')


def _resume(path: Path, *, as_json: bool) -> tuple[str | None, bool]:
    """Where to go on, and whether the file has the names of its columns; takes its newest bar off, and what is behind the last line."""
    data = path.read_bytes() if path.exists() else b""
    if not data:
        return None, False
    head = 0 if as_json else 1
    try:
        lines = data[: data.rfind(b"\n") + 1].decode().splitlines(keepends=True)
        if not (as_json or lines[0].startswith("t,")):
            raise ValueError(lines[0])
        start = _moment(lines[-1], as_json=as_json) if len(lines) > head else None
        if start is not None:
            datetime.fromisoformat(start)
    except (ValueError, KeyError, TypeError, IndexError):
        raise Failed(f"{path} has other lines than this would write; name another file.") from None
    kept = lines[:-1] if start else lines
    with path.open("r+b") as file:
        file.truncate(len("".join(kept).encode()))
    return start, not as_json
