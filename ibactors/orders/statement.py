"""Executions as statements have them: IB's Flex queries, as XML or CSV, and what `GET /executions` has told, as JSON or CSV.

All of them have rows of named values. Flex tells times without their zone, commissions as what they do to the account, and sales as
negative quantities; `orderReference` is the orderRef that was sent, by which an order of ours is known again.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.model.hours import zone_of
from ibactors.model.times import Value
from ibactors.orders.terms import Side
from ibactors.orders.tokens import token_in

MOST_ROWS = 20_000
MOST_COLUMNS = 300
"""Of a CSV: each row has all of them, however short it is. Flex knows some 100."""
_TRADES = frozenset({"Trade", "TradeConfirm"})
_SIDES = {"buy": Side.BUY, "sell": Side.SELL, "bot": Side.BUY, "sld": Side.SELL}
_FLEX_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[;,T ]+(\d\d):?(\d\d):?(\d\d)(?: +([A-Za-z/_]+))?")
_ID = re.compile(r"[\x21-\x7e]{1,64}")
_CON_ID = re.compile(r"[0-9]{1,10}")
_LAST_CON_ID = 2**31 - 1
_LONGEST_NUMBER = 40
_PLACES = range(-30, 20)
"""Where the first and the last digit of a number may stand."""
_EARLIEST, _LATEST = 0.0, 4102444800.0
"""1970 and 2100: what is kept is told for ever, so it must be a time that can be told."""


class Traded(Value, frozen=True, kw_only=True):
    """One execution, as a statement tells it."""

    execution_id: str
    account: str
    con_id: int
    symbol: str
    sec_type: str
    currency: str
    side: Side
    quantity: Decimal
    price: Decimal
    time: float
    exchange: str
    commission: Decimal | None
    commission_currency: str
    realized: Decimal | None
    token: str | None = None
    """Of the order of ours that its orderRef names."""
    order_id: str | None = None
    """Ours, where the rows are our own."""


class Statement(Value, frozen=True, kw_only=True):
    """What a statement has."""

    executions: tuple[Traded, ...]
    skipped: int
    """Rows that are no executions: orders, lots, sums, and trades without an execution id."""


def read_statement(text: str, zone: ZoneInfo) -> Statement:
    """The executions of a statement, whose times are in *zone* where they do not say theirs. Raises InvalidRequest, naming the row."""
    rows = [{_plain(name): "" if value is None else str(value).strip() for name, value in row.items()} for row in _rows(text)]
    found: list[Traded] = []
    for number, row in enumerate(rows, 1):
        if _is_execution(row):
            try:
                found.append(_own(row, zone) if "executionid" in row else _flex(row, zone))
            except (ValueError, OverflowError, InvalidOperation, KeyError) as error:
                raise _unreadable(f"Row {number}: {_why(error)}.") from None
    return Statement(executions=tuple(found), skipped=len(rows) - len(found))


def _rows(text: str) -> list[Mapping[str, object]]:
    start = text.lstrip("\ufeff \r\n\t")[:1]
    read = _xml_rows if start == "<" else _json_rows if start in {"{", "["} else _csv_rows
    rows: list[Mapping[str, object]] = []
    for row in read(text.lstrip("\ufeff \r\n\t")):
        if len(rows) >= MOST_ROWS:
            raise _unreadable(f"There are more than {MOST_ROWS} rows.")
        rows.append(row)
    return rows


def _xml_rows(text: str) -> Iterator[Mapping[str, object]]:
    if "<!" in text:  # a document type may name entities that grow without bounds; IB's statements have none
        raise _unreadable("The XML has declarations.")
    try:
        root = ET.fromstring(text)  # noqa: S314  # without declarations, and bounded
    except (ET.ParseError, ValueError) as error:
        raise _unreadable(f"The XML cannot be read: {error}.") from None
    return (element.attrib for element in root.iter() if element.tag in _TRADES)


def _json_rows(text: str) -> Iterable[Mapping[str, object]]:
    try:
        page = msgspec.convert(json.loads(text, parse_float=str, parse_int=str), dict[str, object])
        return msgspec.convert(page.get("executions"), list[dict[str, object]])
    except (ValueError, RecursionError, msgspec.ValidationError):
        raise _unreadable("The JSON is not an answer of GET /executions.") from None


def _csv_rows(text: str) -> Iterator[Mapping[str, object]]:
    try:
        rows = csv.DictReader(io.StringIO(text, newline=""))
        if len(rows.fieldnames or ()) > MOST_COLUMNS:
            raise _unreadable(f"There are more than {MOST_COLUMNS} columns.")
        for row in rows:
            yield {name: value for name, value in row.items() if isinstance(name, str)}
    except csv.Error as error:
        raise _unreadable(f"The CSV cannot be read: {error}.") from None


def _plain(name: str) -> str:
    """`IBExecID`, `ibExecID` and `Buy/Sell` as they are looked for."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_execution(row: Mapping[str, str]) -> bool:
    level = row.get("levelofdetail", "")
    return level.upper() in {"", "EXECUTION"} and bool(row.get("executionid") or row.get("ibexecid") or row.get("execid"))


def _first(row: Mapping[str, str], *names: str) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _flex(row: Mapping[str, str], zone: ZoneInfo) -> Traded:
    side = _SIDES.get(row["buysell"].lower())
    if side is None:
        raise ValueError(f"{row['buysell'][:20]!r} is neither BUY nor SELL; a trade that was cancelled is left to IB's own corrections")
    paid = _number(_first(row, "ibcommission", "commission"))
    return Traded(
        execution_id=_identity(_first(row, "ibexecid", "execid")),
        account=_identity(_first(row, "accountid", "clientaccountid")),
        con_id=_con_id(row["conid"]),
        symbol=_text(row.get("symbol", ""), 64),
        sec_type=_text(_first(row, "assetcategory", "assetclass"), 8),
        currency=_text(_first(row, "currency", "currencyprimary"), 8),
        side=side,
        quantity=abs(_wanted(row, "quantity")),
        price=_wanted(row, "tradeprice", "price"),
        time=_flex_time(_first(row, "datetime", "tradedatetime"), zone),
        exchange=_text(row.get("exchange", ""), 16),
        commission=None if paid is None else -paid,
        commission_currency=_text(_first(row, "ibcommissioncurrency", "commissioncurrency", "currency", "currencyprimary"), 8),
        realized=_number(row.get("fifopnlrealized", "")),
        token=token_in(row.get("orderreference", "")),
    )


def _own(row: Mapping[str, str], zone: ZoneInfo) -> Traded:
    time = datetime.fromisoformat(row["time"])
    return Traded(
        execution_id=_identity(row["executionid"]),
        account=_identity(row["account"]),
        con_id=_con_id(row["conid"]),
        symbol=_text(row.get("symbol", ""), 64),
        sec_type=_text(row.get("sectype", ""), 8),
        currency=_text(row.get("currency", ""), 8),
        side=_SIDES[row["side"]],
        quantity=_wanted(row, "quantity"),
        price=_wanted(row, "price"),
        time=_seconds(time if time.tzinfo else time.replace(tzinfo=zone)),
        exchange=_text(row.get("exchange", ""), 16),
        commission=_number(row.get("commission", "")),
        commission_currency=_text(row.get("commissioncurrency", ""), 8),
        realized=_number(row.get("realizedpnl", "")),
        order_id=_identity(row["orderid"]) if row.get("orderid") else None,
    )


def _identity(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("the execution id or the account is missing, or is no such id")
    return text


def _con_id(text: str) -> int:
    if not (_CON_ID.fullmatch(text) and int(text) <= _LAST_CON_ID):
        raise ValueError(f"{text[:20]!r} is no contract id")
    return int(text)


def _text(text: str, longest: int) -> str:
    """As it may be kept and shown: without what drives a terminal or cannot be encoded."""
    if not text[:longest].isprintable():
        raise ValueError("a text has control characters")
    return text[:longest]


def _wanted(row: Mapping[str, str], *names: str) -> Decimal:
    found = _number(_first(row, *names))
    if found is None or (names[0] == "quantity" and not found):
        raise ValueError(f"{names[0]} is missing or zero")
    return found


def _number(text: str) -> Decimal | None:
    if not text:
        return None
    found = Decimal(text.replace(",", "")) if len(text) <= _LONGEST_NUMBER else None
    if found is None or not found.is_finite() or not {found.adjusted(), found.adjusted() - len(found.as_tuple().digits) + 1} <= {*_PLACES}:
        raise ValueError(f"{text[:20]!r} is no amount")
    return found


def _flex_time(text: str, zone: ZoneInfo) -> float:
    found = _FLEX_TIME.fullmatch(text)
    if found is None:
        raise ValueError("dateTime does not tell the time to the second; choose a format with it in the Flex query")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    own = zone_of(found[7]) if found[7] else zone
    return _seconds(datetime(year, month, day, hour, minute, second, tzinfo=own))


def _seconds(moment: datetime) -> float:
    seconds = moment.timestamp()
    if not _EARLIEST <= seconds <= _LATEST:
        raise ValueError("the time is not between 1970 and 2099")
    return seconds


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing, or has another value than is known"
    return "a number cannot be read" if isinstance(error, InvalidOperation) else str(error)


def _unreadable(sentence: str) -> InvalidRequest:
    return InvalidRequest(
        sentence,
        field="statement",
        remedy="Send a Flex query's trades on the level of executions, as XML or CSV, or an answer of GET /executions, as JSON or CSV.",
    )
