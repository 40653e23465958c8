"""Symbols as people write them, and what they mean to IB."""

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.errors import InvalidRequest
from ibactors.model.instruments import Instrument, SecType
from ibactors.model.symbols import COINS, CURRENCIES, MONTHS, is_cusip, is_figi, is_isin, readings
from ibactors.validation import validated
from ibactors.web.contract.queries import CombinableQuery, InstrumentQuery, QuotesQuery, instrument_of, instruments_of

YEAR = 2026
ALPHABET = st.text(st.sampled_from("ABCEFZUSD0169./ ="), min_size=1, max_size=12)


def read(symbol: str, **query: object) -> tuple[Instrument, ...]:
    return readings(instrument_of(symbol, InstrumentQuery(**query)), YEAR)  # type: ignore[arg-type]  # its fields, by name


def first(symbol: str, **query: object) -> tuple[str | None, str, str, str]:
    reading = read(symbol, **query)[0]
    return reading.sec_type, reading.symbol, reading.exchange, reading.currency


@pytest.mark.parametrize(
    ("symbol", "meaning"),
    [
        ("AAPL", (SecType.STK, "AAPL", "SMART", "USD")),
        ("EUR.USD", (SecType.CASH, "EUR", "IDEALPRO", "USD")),
        ("usdjpy", (SecType.CASH, "USD", "IDEALPRO", "JPY")),
        ("GBP/CHF", (SecType.CASH, "GBP", "IDEALPRO", "CHF")),
        ("BTCUSD", (SecType.CRYPTO, "BTC", "PAXOS", "USD")),
        ("LINK.EUR", (SecType.CRYPTO, "LINK", "PAXOS", "EUR")),
        ("XAUUSD", (SecType.CMDTY, "XAUUSD", "SMART", "USD")),
        ("XAG.USD", (SecType.CMDTY, "XAGUSD", "SMART", "USD")),
        ("BRK.B", (SecType.STK, "BRK B", "SMART", "USD")),
        ("BF/B", (SecType.STK, "BF B", "SMART", "USD")),
        ("BRK B", (SecType.STK, "BRK B", "SMART", "USD")),
        ("EUR", (SecType.STK, "EUR", "SMART", "USD")),
    ],
)
def test_symbol_is_read_as_what_it_is_most_likely(symbol: str, meaning: tuple[object, ...]) -> None:
    assert first(symbol) == meaning


@given(st.sampled_from(sorted(CURRENCIES)), st.sampled_from(sorted(CURRENCIES)), st.sampled_from([".", "/", ""]))
def test_every_pair_of_currencies_is_one_thing_however_it_is_written(base: str, quoted: str, mark: str) -> None:
    if base != quoted:
        assert [r.name for r in read(f"{base}{mark}{quoted}")] == [
            Instrument(symbol=base, currency=quoted, sec_type=SecType.CASH, exchange="IDEALPRO").name
        ]


@given(st.sampled_from(sorted(COINS)), st.sampled_from([".", "/", ""]))
def test_coins_are_looked_for_at_any_exchange(coin: str, mark: str) -> None:
    assert [(r.symbol, r.exchange) for r in read(f"{coin}{mark}USD")] == [(coin, "PAXOS"), (coin, "")]


@pytest.mark.parametrize(
    ("symbol", "local", "root", "month"),
    [
        ("ESZ6", "ESZ6", "ES", "202612"),
        ("ESZ26", "ESZ6", "ES", "202612"),
        ("6EH7", "6EH7", "6E", "202703"),
        ("MESM5", "MESM5", "MES", "202506"),
        ("CLF4", "CLF4", "CL", "203401"),
    ],
)
def test_future_is_found_by_its_exchanges_symbol_or_by_its_month(symbol: str, local: str, root: str, month: str) -> None:
    futures = [r for r in read(symbol) if r.sec_type is SecType.FUT]
    assert [(r.symbol, r.local_symbol, r.expiry, r.exchange) for r in futures] == [
        ("", local, "", ""),
        (root, "", month, ""),
    ]
    assert [r.sec_type for r in read(symbol, sec_type=SecType.FUT)][:2] == [SecType.FUT, SecType.FUT]


@given(
    st.text(st.sampled_from("ABCXYZ19"), min_size=1, max_size=6),
    st.dates(dt.date(2020, 1, 1), dt.date(2099, 12, 31)),
    st.sampled_from("CP"),
    st.integers(1, 99_999_999),
    st.booleans(),
)
def test_option_symbol_says_all_of_an_option(root: str, date: dt.date, right: str, thousandths: int, padded: bool) -> None:
    tail = f"{date:%y%m%d}{right}{thousandths:08}"
    by_terms, by_symbol = read(f"{root:<6}{tail}" if padded else root + tail)
    assert (by_terms.symbol, by_terms.expiry, by_terms.right) == (root, f"{date:%Y%m%d}", right)
    assert by_terms.strike == thousandths / 1000
    assert (by_symbol.sec_type, by_symbol.local_symbol) == (SecType.OPT, f"{root:<6}{tail}")


@pytest.mark.parametrize(
    ("number", "kind", "currency"),
    [
        ("US0378331005", "ISIN", "USD"),
        ("DE0007164600", "ISIN", ""),
        ("BBG000B9XRY4", "FIGI", ""),
        ("037833100", "CUSIP", "USD"),
        ("594918104", "CUSIP", "USD"),
    ],
)
def test_numbers_of_securities_are_told_to_ib_as_such(number: str, kind: str, currency: str) -> None:
    found = [r for r in read(number, sec_type=SecType.STK) if r.sec_id]
    assert [(r.sec_id_type, r.sec_id, r.currency) for r in found] == [(kind, number, currency)]
    assert found[0].symbol == ""


@pytest.mark.parametrize(
    ("check", "number"),
    [(is_isin, "US0378331005"), (is_isin, "GB0002634946"), (is_cusip, "912810TM0"), (is_cusip, "17275R102"), (is_figi, "BBG000BLNNH6")],
)
def test_a_wrong_check_digit_makes_it_a_symbol(check: object, number: str) -> None:
    assert callable(check)
    assert check(number)
    for digit in set("0123456789") - {number[-1]}:
        assert not check(number[:-1] + digit)


def test_bond_goes_by_its_number_as_a_symbol_first() -> None:
    assert [(r.symbol, r.sec_id) for r in read("912810TM0", sec_type=SecType.BOND)] == [("912810TM0", ""), ("", "912810TM0")]


def test_index_needs_no_kind_if_no_stock_has_its_symbol() -> None:
    assert [(r.sec_type, r.exchange) for r in read("VIX")] == [(SecType.STK, "SMART"), (SecType.IND, "")]
    assert [r.sec_type for r in read("VIX", sec_type=SecType.STK)] == [SecType.STK]


@pytest.mark.parametrize("kind", [SecType.FUT, SecType.IND, SecType.FOP, SecType.CONTFUT])
def test_what_is_listed_at_one_exchange_is_asked_for_without_one(kind: SecType) -> None:
    assert first("ES", sec_type=kind)[2] == ""
    assert first("ES", sec_type=kind, exchange="cme")[2] == "CME"


def test_terms_say_the_kind() -> None:
    assert first("SPY", expiry="20261218", strike=600.0, right="c")[0] is SecType.OPT
    assert first("ES", expiry="202612")[0] is SecType.FUT


@given(ALPHABET, st.sampled_from([None, *SecType]))
def test_readings_are_never_of_another_kind_than_the_named_one_and_never_none(symbol: str, kind: SecType | None) -> None:
    asked = Instrument(symbol=symbol.upper(), sec_type=kind or SecType.STK, exact=kind is SecType.STK)
    found = readings(asked, YEAR)
    assert found
    assert len(set(found)) == len(found)
    assert kind is None or {reading.sec_type for reading in found} == {kind}


@given(st.integers(1, 2**31 - 1), st.text("ABC", min_size=1, max_size=5))
def test_contract_id_alone_says_what_is_meant(con_id: int, symbol: str) -> None:
    by_id = instrument_of(symbol, InstrumentQuery(con_id=con_id, sec_type=SecType.STK, currency="EUR", exchange=""))
    assert by_id == Instrument.of_id(con_id) == instrument_of(str(con_id), InstrumentQuery())
    assert (by_id.symbol, by_id.sec_type, by_id.currency, by_id.exchange) == ("", None, "", "")


def test_symbol_of_digits_is_one_where_more_is_said_of_it() -> None:
    assert instrument_of("700", InstrumentQuery(currency="HKD")).symbol == "700"
    assert instrument_of("7203", InstrumentQuery(sec_type=SecType.STK)).symbol == "7203"


def test_cusip_of_digits_is_none_of_ibs_ids() -> None:
    """An id has no zero before it."""
    assert [r.sec_id_type for r in read("037833100")].count("CUSIP") == 2
    assert instrument_of("37833100", InstrumentQuery()).con_id == 37833100
    assert [r.sec_id_type for r in read("594918104", sec_type=SecType.STK)] == ["CUSIP", ""]


def test_list_mixes_symbols_of_any_kind_and_contract_ids() -> None:
    named = instruments_of(QuotesQuery(symbols="AAPL, eur.usd", con_ids="265598,8314"))
    assert list(named) == ["AAPL", "EUR.USD", "265598", "8314"]
    assert named["8314"] == Instrument.of_id(8314)


def test_combination_is_named_by_its_legs() -> None:
    spread = instrument_of("SPY", CombinableQuery(legs="1:1:buy,2:3:SELL:CBOE"))
    assert spread.sec_type is SecType.BAG
    assert [(leg.con_id, leg.ratio, leg.side, leg.exchange) for leg in spread.legs] == [(1, 1, "BUY", "SMART"), (2, 3, "SELL", "CBOE")]
    assert readings(spread, YEAR) == (spread,)


@given(st.integers(0, 99), st.sampled_from(MONTHS))
def test_two_digits_of_a_year_are_taken_at_their_word(year: int, letter: str) -> None:
    expiry = next(r.expiry for r in read(f"GC{letter}{year:02}", sec_type=SecType.FUT) if r.expiry)
    assert expiry[2:4] == f"{year:02}"
    assert YEAR - 1 <= int(expiry[:4]) < YEAR + 99


@pytest.mark.parametrize("said", [{"exchange": "TSEJ"}, {"primary_exchange": "SEHK"}, {"currency": "JPY"}, {"sec_type": SecType.STK}])
def test_digits_are_a_symbol_where_something_else_is_said(said: dict[str, str]) -> None:
    assert instrument_of("7203", InstrumentQuery()) == Instrument.of_id(7203)
    assert {reading.symbol for reading in read("7203", **said)} == {"7203"}


@pytest.mark.parametrize("text", ["1_0", "\u0661\u0662", "0x10", " 5", "+5", "1.5"])
def test_number_in_a_query_is_one_in_ascii_digits(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validated(QuotesQuery, lambda: msgspec.convert({"con_id": text}, QuotesQuery, strict=False))
    assert caught.value.field == "con_id"


def test_combination_is_refused_where_there_is_nothing_of_it() -> None:
    with pytest.raises(InvalidRequest) as caught:
        instrument_of("SPY", InstrumentQuery(sec_type=SecType.BAG))
    assert caught.value.field == "sec_type"
