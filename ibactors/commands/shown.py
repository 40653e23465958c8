"""Text for people: tables, numbers, times. A value that is not there is a dash, and never a zero."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ibactors.terminal import say

NOTHING = "-"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> list[str]:
    """Lines with columns of one width each, the first `left` of them flush left, the others flush right."""
    cells = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(row[number]) for row in cells) for number in range(len(head))]
    return ["  ".join(_aligned(row, widths, left)).rstrip() for row in cells]


def _aligned(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    return [text.ljust(width) if number < left else text.rjust(width) for number, (text, width) in enumerate(zip(row, widths, strict=True))]


def number(value: object, decimals: int | None = None) -> str:
    """A number with its thousands apart."""
    if not isinstance(value, int | float):
        return NOTHING if value is None or value == "" else str(value)
    return f"{value:,}" if decimals is None else f"{value:,.{decimals}f}"


def clock(moment: object) -> str:
    """The time of an instant in UTC, with the day where it is not today's."""
    try:
        when = datetime.fromisoformat(str(moment))
    except ValueError:
        return NOTHING
    return f"{when:%H:%M:%S}" if when.date() == datetime.now(when.tzinfo).date() else f"{when:%Y-%m-%d %H:%M:%S}"


def instrument(row: Mapping[str, Any]) -> str:
    """A name by which two instruments of one symbol are told apart; the member names are those of quotes or of positions."""
    kind = row.get("sec_type", row.get("secType"))
    local = row.get("local_symbol", row.get("localSymbol"))
    return str(row.get("symbol") if kind in {"STK", "IND", None} or not local else local)


def as_json(rows: Iterable[object]) -> None:
    """A JSON object a line."""
    for row in rows:
        say(json.dumps(row, separators=(",", ":")))


def as_text(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)
