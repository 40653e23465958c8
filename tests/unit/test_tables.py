"""Answers as tables: what a strict reader of CSV finds in them is what was in the answer."""

import csv
import enum
import io
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import example, given

from ibactors.errors import InvalidRequest
from ibactors.web.app import OPERATIONS
from ibactors.web.contract.tables import Form, Rows, form_of


class Side(enum.StrEnum):
    CALL = "C"


class Greeks(msgspec.Struct, frozen=True):
    delta: float | None
    model_price: float | None = None


class Leg(msgspec.Struct, frozen=True, tag_field="type", tag="leg"):
    name: str
    side: Side | None = None
    size: Decimal | None = None
    open: bool | None = None
    greeks: Greeks | None = None
    codes: tuple[str, ...] = ()
    con_id: int = msgspec.field(name="conId", default=0)


class Chain(msgspec.Struct, frozen=True):
    rows: tuple[Leg, ...]
    by_name: dict[str, Leg] = {}


ROWS = Rows(of=Leg, member="rows")
COLUMNS = ["name", "side", "size", "open", "greeks_delta", "greeks_model_price", "codes", "conId"]


def table(answer: object, rows: Rows = ROWS, field: str | None = None) -> str:
    return "".join(Form(rows, field).lines(answer))


def read(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_columns_follow_from_the_type_whatever_there_is() -> None:
    assert table(Chain(rows=())) == ",".join(COLUMNS) + "\n"
    assert table(Chain(rows=(Leg(name="a"),))).splitlines()[1] == "a,,,,,,[],0"


def test_cells_are_as_json_has_the_values_and_nothing_for_null() -> None:
    greeks = Greeks(delta=-0.25)
    leg = Leg(name="AAPL", side=Side.CALL, size=Decimal("1E+3"), open=True, greeks=greeks, codes=("a", "b"), con_id=7)
    (row,) = read(table(Chain(rows=(leg,))))
    assert list(row) == COLUMNS
    assert list(row.values()) == ["AAPL", "C", "1000", "true", "-0.25", "", '["a","b"]', "7"]
    assert read(table(Chain(rows=(Leg(name="x", greeks=Greeks(delta=float("nan"))),))))[0]["greeks_delta"] == ""


def test_rows_may_have_names_and_problems_may_stand_in_their_place() -> None:
    rows = Rows(of=Leg, member="by_name", key="symbol", without="greeks", columns=(("problem", "code"),))
    answer = {"by_name": {"A": {"name": "a", "conId": 1}, "B": {"problem": {"code": "no_line"}}}}
    found = read(table(answer, rows))
    assert [(row["symbol"], row["name"], row["problem_code"]) for row in found] == [("A", "a", ""), ("B", "", "no_line")]
    assert "greeks_delta" not in found[0]


def test_one_column_is_a_value_a_line_and_an_unknown_one_is_named() -> None:
    answer = Chain(rows=(Leg(name="a", con_id=1), Leg(name="b")))
    assert table(answer, field="conId") == "1\n0"
    assert form_of(ROWS, {"field": "conId"}, "") == Form(ROWS, "conId")
    with pytest.raises(InvalidRequest) as caught:
        form_of(ROWS, {"field": "last"}, "")
    assert caught.value.field == "field"
    assert "greeks_delta" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\uff1d1", "'\uff1d1"),
        ("-159.62", "-159.62"),
        ("+5", "+5"),
        ("-1.5e-3", "-1.5e-3"),
        ("BRK-B", "BRK-B"),
        ("a,b", "a,b"),
        (' "x"\r\n', ' "x"\r\n'),
    ],
)
def test_text_that_a_spreadsheet_would_run_is_made_harmless_and_a_number_stays_one(text: str, cell: str) -> None:
    assert read(table(Chain(rows=(Leg(name=text),))))[0]["name"] == cell
    assert table(Chain(rows=(Leg(name=text),)), field="name") == cell


@given(st.lists(st.tuples(st.text(), st.floats() | st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=5))
@example([("\n", 1e-7, 0), ("", None, 0)])
def test_strict_reader_finds_every_value_again(values: list[tuple[str, float | None, int]]) -> None:
    legs = tuple(Leg(name=name, greeks=Greeks(delta=delta), con_id=number) for name, delta, number in values)
    found = read(table(Chain(rows=legs)))
    assert len(found) == len(legs)
    for (name, delta, number), row in zip(values, found, strict=True):
        assert row["name"] in {name, f"'{name}"}
        assert int(row["conId"]) == number
        finite = delta is not None and delta - delta == 0
        assert float(row["greeks_delta"]) == delta if finite else not row["greeks_delta"]


@pytest.mark.parametrize(
    ("accept", "csv_wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/csv", True),
        ("TEXT/CSV", True),
        ("text/*", True),
        ("application/json, text/csv;q=0.9", False),
        ("application/json;q=0.5, text/csv;q=0.9", True),
        ("text/csv, */*;q=0.1", True),
        ("text/csv;q=0, */*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("text/csv;q=nonsense", False),
    ],
)
def test_accept_header_decides_by_its_weights_and_the_parameter_before_it(accept: str, *, csv_wanted: bool) -> None:
    assert (form_of(ROWS, {}, accept) is not None) == csv_wanted
    assert form_of(ROWS, {"format": "json"}, accept) is None
    assert form_of(ROWS, {"format": "csv"}, accept) == Form(ROWS)
    with pytest.raises(InvalidRequest):
        form_of(ROWS, {"format": "xlsx"}, accept)


def test_no_operation_has_a_parameter_or_two_columns_of_one_name() -> None:
    tables = [operation for operation in OPERATIONS if operation.rows is not None]
    assert len(tables) >= 6
    for operation in tables:
        assert operation.rows is not None
        assert operation.rows.table
        assert not {"format", "field"} & {field.encode_name for field in msgspec.structs.fields(operation.query)}
