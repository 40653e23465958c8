"""Answers as tables: CSV (RFC 4180, in UTF-8 and with a header line), or one column of it as plain text for a cell of a spreadsheet.

An operation declares where its answer has rows and of which type they are; the columns follow from the type, so that they do not depend
on what there is at the moment. Members of a member are columns with both names: `pnl_daily`. What is null is an empty cell. Numbers and
times are written as JSON has them, which pandas reads without options.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec
from msgspec import inspect

from ibactors.errors import InvalidRequest
from ibactors.web.contract.accepting import preferred

CSV = "text/csv"
TEXT = "text/plain"
JSON = "application/json"
FORMATS = ("json", "csv")

Row: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str, ...]

_QUOTED = re.compile(r'[",\r\n]|^\s|\s$')
_FORMULA = re.compile(r"[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""What a spreadsheet takes for the beginning of a formula, in full width too."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Where an answer has its rows."""

    of: type[msgspec.Struct]
    """What a row is."""
    member: str = ""
    """Which member of the answer has them; the answer itself is the one row if this is empty."""
    key: str = ""
    """The name of the column for what rows are found by, where the member has them by name."""
    without: str = ""
    """A member of rows that makes no columns."""
    columns: tuple[Path, ...] = ()
    """The ways to further columns, such as the code of a problem that stands in a row's place."""

    @property
    def table(self) -> Mapping[str, Path]:
        """The columns in order, each with the way to its value."""
        return _table(self)

    def found_in(self, answer: object) -> Iterator[Row]:
        """The rows of an answer, as an operation returned it or as its JSON says."""
        rows = member(answer, self.member) if self.member else [answer]
        if not isinstance(rows, Mapping):
            return map(_plain, rows)
        return ({self.key: name, **_plain(row)} if self.key else _plain(row) for name, row in rows.items())


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is wanted: as a table, or as one column of it."""

    rows: Rows
    field: str | None = None

    @property
    def content_type(self) -> str:
        """Of the body that `lines` make."""
        return f"{CSV}; charset=utf-8; header=present" if self.field is None else f"{TEXT}; charset=utf-8"

    def lines(self, answer: object) -> Iterator[str]:
        """The body, line by line: a header and the rows; of one column the values alone, with no line's end after the last."""
        table, rows = self.rows.table, self.rows.found_in(answer)
        if self.field is None:
            yield ",".join(table) + "\n"
            for row in rows:
                yield ",".join(_cell(_at(row, path)) for path in table.values()) + "\n"
        else:
            for number, row in enumerate(rows):
                yield ("\n" if number else "") + _text(_at(row, table[self.field]))


def form_of(rows: Rows, given: Mapping[str, str], accept: str) -> Form | None:
    """What the parameters `format` and `field` ask for, or else the Accept header; None for JSON. Raises InvalidRequest."""
    wanted, field = given.get("format"), given.get("field")
    if wanted not in {None, *FORMATS}:
        raise InvalidRequest("The format is not known.", field="format", remedy=f"Accepted: {', '.join(FORMATS)}.")
    if field is not None:
        if field not in rows.table:
            raise InvalidRequest("There is no such field in the answer.", field="field", remedy=f"Accepted: {', '.join(rows.table)}.")
        return Form(rows, field)
    if wanted is None and "text/" in accept.lower():
        wanted = "csv" if preferred(accept, [JSON, CSV]) == CSV else None
    return Form(rows) if wanted == "csv" else None


def member(answer: object, name: str) -> Any:
    """One member of an answer, or None."""
    return answer.get(name) if isinstance(answer, Mapping) else getattr(answer, name, None)


@cache  # there is one for each operation
def _table(rows: Rows) -> Mapping[str, Path]:
    key: dict[str, Path] = {rows.key: (rows.key,)} if rows.key else {}
    columns = {name: path for name, path in _columns(rows.of, ()) if path[0] != rows.without}
    return MappingProxyType(key | columns | {"_".join(path): path for path in rows.columns})


def _columns(kind: type[msgspec.Struct], before: Path) -> Iterator[tuple[str, Path]]:
    for field in msgspec.structs.fields(kind):
        path = (*before, field.encode_name)
        inner = _struct(inspect.type_info(field.type))
        if inner is None:
            yield "_".join(path), path
        else:
            yield from _columns(inner, path)


def _struct(info: inspect.Type) -> type[msgspec.Struct] | None:
    """The struct that a member is, if it is one, or one or null."""
    match info:
        case inspect.Metadata(type=inner):
            return _struct(inner)
        case inspect.UnionType(types=types):
            return next(filter(None, map(_struct, types)), None)
        case inspect.StructType(cls=kind):
            return kind
        case _:
            return None


def _plain(row: object) -> Row:
    plain: Row = msgspec.to_builtins(row, builtin_types=(Decimal,))
    return plain


def _at(row: Row, path: Path) -> Any:
    value: Any = row
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _cell(value: Any) -> str:
    text = _text(value)
    if isinstance(value, int | float | None) or not _QUOTED.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _text(value: Any) -> str:
    """A value as text. One that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay what they are."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) and not _NUMBER.fullmatch(value) else value
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else ""
    return msgspec.json.encode(value).decode()
