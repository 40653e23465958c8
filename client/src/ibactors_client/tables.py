"""Rows as a table. pandas is loaded when one is asked for, and need not be there otherwise."""

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, TypeVar

import msgspec

TIMES = ("t", "timestamp", "as_of", "last_timestamp", "market_timestamp", "updated", "time")
"""Members that are times, in any row."""


class Tabular(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a table."""


Row = TypeVar("Row", bound=Tabular)


def moment(value: datetime | str | None) -> datetime | None:
    """A time in UTC; a day is its first moment."""
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    return when if when is None else when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def columns(rows: Iterable[Tabular]) -> dict[str, list[Any]]:
    """A list for each member, times in UTC."""
    table: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in msgspec.structs.asdict(row).items():
            table.setdefault(name, []).append(moment(value) if name in TIMES else value)
    return table


def frame(rows: Iterable[Tabular]) -> Any:
    """A pandas DataFrame, the times in UTC. Raises ImportError without pandas (`pip install 'ibactors-client[pandas]'`)."""
    pandas = import_module("pandas")
    table = pandas.DataFrame(columns(rows))
    for name in table.columns.intersection(TIMES):
        table[name] = pandas.to_datetime(table[name], utc=True)
    return table


class Rows(list[Row]):
    """A list that can be a table."""

    def frame(self) -> Any:
        """A pandas DataFrame of it."""
        return frame(self)
