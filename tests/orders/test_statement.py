"""Statements: the same executions, whichever way they are told; what cannot be read names its row."""

import json
from zoneinfo import ZoneInfo

import pytest

from ibactors.errors import InvalidRequest
from ibactors.orders.statement import MOST_COLUMNS, MOST_ROWS, Traded, read_statement
from ibactors.orders.terms import Side
from ibactors.orders.tokens import order_ref, token_of
from tests.orders.orderkit import ACCOUNT, NOON, D

ZONE = ZoneInfo("America/New_York")
TOKEN = token_of(ACCOUNT, "o-1")
SALE = {
    "accountId": ACCOUNT,
    "ibExecID": "0000e0d5.69dd7411.01.01",
    "conid": "265598",
    "symbol": "AAPL",
    "assetCategory": "STK",
    "currency": "USD",
    "buySell": "SELL",
    "quantity": "-1,000",
    "tradePrice": "228.37",
    "dateTime": "20261127;110000",
    "exchange": "IEX",
    "ibCommission": "-1.25",
    "ibCommissionCurrency": "USD",
    "fifoPnlRealized": "0",
    "orderReference": order_ref("test", TOKEN),
    "levelOfDetail": "EXECUTION",
}
EXPECTED = Traded(
    execution_id="0000e0d5.69dd7411.01.01",
    account=ACCOUNT,
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    currency="USD",
    side=Side.SELL,
    quantity=D(1000),
    price=D("228.37"),
    time=NOON,
    exchange="IEX",
    commission=D("1.25"),
    commission_currency="USD",
    realized=D(0),
    token=TOKEN,
)


def xml(**changes: str) -> str:
    members = " ".join(f'{name}="{value}"' for name, value in (SALE | changes).items())
    rest = '<Trade levelOfDetail="ORDER" ibExecID="x" /><OpenPosition symbol="AAPL" />'
    return f"<FlexQueryResponse><FlexStatement><Trades><Trade {members}/>{rest}</Trades></FlexStatement></FlexQueryResponse>"


def test_flex_as_xml_and_as_csv_is_the_same() -> None:
    told = read_statement(xml(), ZONE)
    assert (told.executions, told.skipped) == ((EXPECTED,), 1)
    heads = {
        "accountId": "ClientAccountID",
        "ibExecID": "IBExecID",
        "assetCategory": "AssetClass",
        "buySell": "Buy/Sell",
        "currency": "CurrencyPrimary",
    }
    names = [heads.get(name, name[0].upper() + name[1:]) for name in SALE]
    lines = [",".join(f'"{each}"' for each in row) for row in (names, SALE.values())]
    assert read_statement("\ufeff" + "\r\n".join(lines), ZONE).executions == (EXPECTED,)


@pytest.mark.parametrize("text", ["2026-11-27, 11:00:00", "2026-11-27;16:00:00 UTC", "20261127 110000", "2026-11-27 11:00:00 US/Eastern"])
def test_times_are_told_in_several_ways(text: str) -> None:
    (told,) = read_statement(xml(dateTime=text), ZONE).executions
    assert told.time == NOON


def test_our_own_answer_is_taken_back() -> None:
    own = {
        "execution_id": "x.01", "order_id": "ord_1", "account": ACCOUNT, "con_id": 265598, "symbol": "AAPL", "sec_type": "STK",
        "currency": "USD", "side": "sell", "quantity": 1000, "price": 228.37, "time": "2026-11-27T16:00:00.000000Z", "exchange": None,
        "commission": 0, "commission_currency": "USD", "realized_pnl": None, "leg": False, "source": "ibactors",
    }  # fmt: skip
    (told,) = read_statement(json.dumps({"executions": [own], "gaps": []}), ZONE).executions
    assert (told.quantity, told.price, told.time, told.commission, told.realized) == (D(1000), D("228.37"), NOON, D(0), None)
    assert (told.order_id, told.token, told.exchange) == ("ord_1", None, "")


OWN = {
    "execution_id": "x.01",
    "account": ACCOUNT,
    "con_id": 265598,
    "side": "sell",
    "quantity": 1000,
    "price": 228.37,
    "time": "2026-11-27T16:00:00Z",
}


def own(**changes: object) -> str:
    return json.dumps({"executions": [OWN | changes]})


@pytest.mark.parametrize("con_id", ["9" * 30, str(2**31), "-1", "1.0", "\u00b2", "\uff11"])
def test_contract_id_is_one_that_a_contract_may_have(con_id: str) -> None:
    for text in (own(con_id=con_id), xml(conid=con_id)):
        with pytest.raises(InvalidRequest, match=r"Row 1: .* is no contract id"):
            read_statement(text, ZONE)


@pytest.mark.parametrize("number", ["1e-999999", "1E25", "1e-31", "1" * 50, "0e999999"])
def test_number_is_one_that_can_be_written_down(number: str) -> None:
    for text in (own(price=number), xml(tradePrice=number), xml(ibCommission=number)):
        with pytest.raises(InvalidRequest, match=r"Row 1: .* is no amount"):
            read_statement(text, ZONE)


@pytest.mark.parametrize("year", ["9999-12-31", "0001-01-01", "1969-12-30", "2100-01-03"])
def test_time_is_one_that_can_be_told(year: str) -> None:
    flex = xml(dateTime=f"{year.replace('-', '')};235959")
    for text in (own(time=f"{year}T23:59:59-14:00"), own(time=f"{year}T00:00:00+14:00"), own(time=f"{year}T12:00:00"), flex):
        with pytest.raises(InvalidRequest, match="Row 1: "):
            read_statement(text, ZONE)


def test_time_without_its_zone_is_in_that_of_the_statement() -> None:
    (told,) = read_statement(own(time="2026-11-27T11:00:00"), ZONE).executions
    assert told.time == NOON


@pytest.mark.parametrize("member", ["symbol", "sec_type", "currency", "exchange", "commission_currency", "order_id"])
@pytest.mark.parametrize("text", ["\ud800", "\x1b[2J", "\u202eA", "a\nb"])
def test_text_that_cannot_be_shown_is_refused(member: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match="Row 1: "):
        read_statement(own(**{member: text}), ZONE)


def test_columns_are_bounded_as_each_row_has_all_of_them() -> None:
    with pytest.raises(InvalidRequest, match="columns"):
        read_statement(",".join(f"c{number}" for number in range(MOST_COLUMNS + 1)) + "\nx\n", ZONE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (xml(quantity="many"), "Row 1"),
        (xml(quantity="0"), "Row 1: quantity"),
        (xml(buySell="BUY (Ca.)"), "Row 1"),
        (xml(dateTime="20261127"), "Row 1: dateTime"),
        (xml(tradePrice="1E400"), "Row 1"),
        (xml(conid=""), "Row 1"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "declarations"),
        ("<a", "XML"),
        ("[1]", "JSON"),
        ('{"executions": 1}', "JSON"),
        ("{" * 100_000, "JSON"),
        ("execution_id\n" + "x\n" * (MOST_ROWS + 1), "more than"),
        ("execution_id,account\nx.01,DU1", "Row 1"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as refused:
        read_statement(text, ZONE)
    assert refused.value.field == "statement"
