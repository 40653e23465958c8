import json
import math
from collections.abc import Callable
from operator import methodcaller
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ibactors.bridge import quote_line
from ibactors.bridge.quote_line import QuoteLine
from ibactors.errors import GatewayRefused, IbactorsError
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import ContractInfo, Instrument
from ibactors.model.quotes import MarketDataType, Quote

DBL_MAX = 1.7976931348623157e308
NOON = 1_700_000_000.25
CONTRACT = ContractInfo(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
    expiry="",
    strike=0.0,
    right="",
    multiplier="",
    min_tick=0.01,
    long_name="APPLE INC",
)


class Heard:
    def __init__(self) -> None:
        self.quotes: list[Quote] = []
        self.interruptions: list[IbactorsError] = []

    def ticked(self, quote: Quote) -> None:
        self.quotes.append(quote)

    def failed(self, error: IbactorsError) -> None:
        raise error

    def interrupted(self, error: IbactorsError) -> None:
        self.interruptions.append(error)

    def resumed(self) -> None:
        assert self.interruptions


def make_line() -> tuple[QuoteLine, list[Quote]]:
    heard = Heard()
    return QuoteLine(Instrument(symbol="AAPL"), CONTRACT, heard), heard.quotes


def quote_of(*ticks: Callable[[QuoteLine], None]) -> Quote:
    """The quote after one packet with *ticks*."""
    line, quotes = make_line()
    for tick in ticks:
        tick(line)
    line.packet_done(NOON)
    assert len(quotes) == 1
    return quotes[0]


@pytest.mark.parametrize(
    ("live", "delayed", "field"),
    [(1, 66, "bid"), (2, 67, "ask"), (4, 68, "last"), (6, 72, "high"), (7, 73, "low"), (9, 75, "close"), (14, 76, "open")],
)
def test_price_ids_live_and_delayed_fill_the_same_field(live: int, delayed: int, field: str) -> None:
    for tick_type, kind in ((live, MarketDataType.LIVE), (delayed, MarketDataType.DELAYED)):
        quote = quote_of(methodcaller("price", tick_type, 12.5, None))
        assert getattr(quote, field) == 12.5
        assert quote.market_data_type is kind
        assert [value for value in (quote.bid, quote.ask, quote.last, quote.high, quote.low, quote.close, quote.open) if value] == [12.5]


@pytest.mark.parametrize(("live", "delayed", "field"), [(0, 69, "bid_size"), (3, 70, "ask_size"), (5, 71, "last_size"), (8, 74, "volume")])
def test_size_ids_live_and_delayed_fill_the_same_field(live: int, delayed: int, field: str) -> None:
    for tick_type, kind in ((live, MarketDataType.LIVE), (delayed, MarketDataType.DELAYED)):
        quote = quote_of(methodcaller("size", tick_type, 300.0))
        assert getattr(quote, field) == 300
        assert quote.market_data_type is kind


def test_price_tick_brings_the_size_of_its_side() -> None:
    quote = quote_of(lambda line: line.price(1, 10.0, 3.0), lambda line: line.price(2, 10.1, 4.0), lambda line: line.price(4, 10.05, 0.5))
    assert (quote.bid_size, quote.ask_size, quote.last_size) == (3, 4, 0.5)


@pytest.mark.parametrize("price", [-1.0, 0.0])
@pytest.mark.parametrize("size", [None, 0.0])
def test_minus_one_or_zero_without_a_size_is_no_price(price: float, size: float | None) -> None:
    assert quote_of(lambda line: line.price(1, price, size)).bid is None


@pytest.mark.parametrize(("price", "size"), [(-1.0, 5.0), (0.0, 5.0), (-37.63, None), (-0.01, 0.0)])
def test_real_price_may_be_zero_or_negative(price: float, size: float | None) -> None:
    assert quote_of(lambda line: line.price(1, price, size)).bid == price


@pytest.mark.parametrize("price", [DBL_MAX, -DBL_MAX, math.nan, math.inf, -math.inf])
def test_marks_of_a_missing_price_are_null(price: float) -> None:
    assert quote_of(lambda line: line.price(4, price, 1.0)).last is None


@pytest.mark.parametrize("size", [DBL_MAX, math.nan, math.inf, -1.0])
def test_marks_of_a_missing_size_are_null(size: float) -> None:
    assert quote_of(lambda line: line.size(8, size)).volume is None


@pytest.mark.parametrize("size", [2147483647.0, 9223372036854775807.0, float(2**127 - 1)])
def test_integer_marks_of_a_missing_size_are_null(size: float) -> None:
    assert quote_of(lambda line: line.size(8, size)).volume is None


@pytest.mark.parametrize("size", [DBL_MAX, math.nan])
def test_minus_one_with_an_unset_size_is_no_price(size: float) -> None:
    assert quote_of(lambda line: line.price(1, -1.0, size)).bid is None


def test_whole_sizes_are_integers_and_fractions_stay() -> None:
    assert json.loads(Encoded(quote_of(lambda line: line.size(8, 1_234_567.0))).json)["volume"] == 1234567
    assert b'"volume":1234567,' in Encoded(quote_of(lambda line: line.size(8, 1_234_567.0))).json
    assert quote_of(lambda line: line.size(8, 0.125)).volume == 0.125


def test_packet_of_many_ticks_is_one_quote_with_the_time_of_arrival() -> None:
    line, quotes = make_line()
    for number in range(10):
        line.price(1, 10.0 + number, 1.0)
        line.price(2, 11.0 + number, 1.0)
    line.packet_done(NOON)
    assert [(quote.bid, quote.ask) for quote in quotes] == [(19.0, 20.0)]
    assert quotes[0].timestamp == "2023-11-14T22:13:20.250000Z"


def test_packet_that_changes_nothing_is_no_quote() -> None:
    line, quotes = make_line()
    line.packet_done(NOON)
    for _ in range(3):
        line.price(1, 10.0, 1.0)
        line.size(0, 1.0)
        line.generic(49, 0.0)
        line.text(45, "1700000000")
        line.price(999, 10.0, 1.0)
        line.size(999, 10.0)
        line.generic(999, 1.0)
        line.text(999, "1700000000")
        line.packet_done(NOON)
    assert len(quotes) == 1


@pytest.mark.parametrize(("value", "expected"), [(0.0, False), (1.0, True), (2.0, True), (-1.0, None)])
def test_halt_is_told_live_and_delayed(value: float, expected: object) -> None:
    assert quote_of(lambda line: line.price(1, 1.0, 1.0), lambda line: line.generic(49, value)).halted is expected
    assert quote_of(lambda line: line.price(66, 1.0, 1.0), lambda line: line.generic(90, value)).halted is expected


@pytest.mark.parametrize("text", ["", "0", "-1", "soon", "1700000000.5"])
def test_unusable_time_of_last_trade_is_ignored(text: str) -> None:
    assert quote_of(lambda line: line.price(1, 1.0, 1.0), lambda line: line.text(45, text)).last_timestamp is None
    assert quote_of(lambda line: line.text(45, "1700000000")).last_timestamp == "2023-11-14T22:13:20.000000Z"


@pytest.mark.parametrize("text", ["1700000000000000", "²"])
def test_absurd_time_of_last_trade_is_ignored(text: str) -> None:
    assert quote_of(lambda line: line.price(1, 1.0, 1.0), lambda line: line.text(45, text)).last_timestamp is None


def test_change_of_kind_throws_away_values_of_the_other_kind() -> None:
    line, quotes = make_line()
    line.price(4, 10.0, 1.0)
    line.text(45, "1700000000")
    line.packet_done(NOON)
    line.data_type(3)
    line.packet_done(NOON)
    line.price(66, 9.0, 1.0)
    line.packet_done(NOON)
    assert len(quotes) == 2, "a change of kind alone is no quote"
    assert (quotes[1].bid, quotes[1].last, quotes[1].last_timestamp) == (9.0, None, None)
    assert quotes[1].market_data_type is MarketDataType.DELAYED


def test_frozen_data_keeps_the_values_and_says_so() -> None:
    line, quotes = make_line()
    line.price(4, 10.0, 1.0)
    line.packet_done(NOON)
    line.data_type(2)
    line.packet_done(NOON)
    assert [(quote.last, quote.market_data_type) for quote in quotes] == [(10.0, MarketDataType.LIVE), (10.0, MarketDataType.FROZEN)]


@pytest.mark.parametrize("number", [0, 5, -1])
def test_kind_of_data_that_is_not_known_leaves_nothing_to_be_shown(number: int) -> None:
    heard = Heard()
    line, quotes = QuoteLine(Instrument(symbol="AAPL"), CONTRACT, heard), heard.quotes
    line.price(4, 10.0, 1.0)
    line.packet_done(NOON)
    line.data_type(number)
    line.price(4, 11.0, 1.0)
    line.packet_done(NOON)
    line.turn(NOON)
    assert (len(quotes), len(heard.interruptions)) == (1, 1)
    line.data_type(1)
    line.price(1, 12.0, 1.0)
    line.packet_done(NOON)
    assert [(quote.last, quote.bid) for quote in quotes[1:]] == [(None, 12.0)]
    line.data_type(number)
    line.price(68, 13.0, 1.0)  # a delayed tick says itself what it is
    line.packet_done(NOON)
    assert quotes[-1].market_data_type is MarketDataType.DELAYED


def test_halt_in_the_packet_of_a_change_of_kind_is_told() -> None:
    assert quote_of(lambda line: line.generic(49, 1.0), lambda line: line.data_type(3)).halted is True


LIVE_IDS, DELAYED_IDS = [1, 2, 4, 6, 7, 9, 14], [66, 67, 68, 72, 73, 75, 76]
PRICED = ("bid", "ask", "last", "high", "low", "close", "open")


@given(st.lists(st.one_of(st.sampled_from(LIVE_IDS + DELAYED_IDS), st.sampled_from([-1, -2, -3, -4])), max_size=12))
@example([66, 1])
def test_live_and_delayed_values_are_never_in_one_quote(events: list[int]) -> None:
    line, quotes = make_line()
    for event in events:
        if event < 0:
            line.data_type(-event)
        else:
            line.price(event, 10.0 if event in LIVE_IDS else 5.0, 1.0)
        line.packet_done(NOON)
    for quote in quotes:
        prices = {getattr(quote, field) for field in PRICED} - {None}
        assert prices <= ({5.0} if quote.market_data_type.is_delayed else {10.0})


NUMBERS = st.one_of(st.floats(), st.sampled_from([-1.0, 0.0, DBL_MAX, -DBL_MAX, 1.7e308, 2147483647.0]))
TICKS = st.one_of(
    st.tuples(st.just("price"), st.integers(0, 100), NUMBERS, st.one_of(st.none(), NUMBERS)),
    st.tuples(st.just("size"), st.integers(0, 100), NUMBERS),
    st.tuples(st.just("generic"), st.integers(0, 100), NUMBERS),
    st.tuples(st.just("data_type"), st.integers(-1, 6)),
)


@given(st.lists(TICKS, max_size=20))
def test_json_of_a_quote_never_has_a_number_that_is_none(ticks: list[tuple[Any, ...]]) -> None:
    line, quotes = make_line()
    for method, *arguments in ticks:
        getattr(line, method)(*arguments)
    line.packet_done(NOON)
    for quote in quotes:
        members = json.loads(Encoded(quote).json)
        assert {"bid", "ask", "last", "close", "volume", "timestamp"} <= members.keys()
        numbers = [value for value in members.values() if isinstance(value, int | float)]
        assert all(math.isfinite(number) and abs(number) <= 1.7e308 for number in numbers)


def test_every_field_that_a_tick_sets_is_one_of_a_quote() -> None:
    """Ticks set them by name, which no type checks."""
    prices = {name for (pair, _) in quote_line._PRICES.values() for name in pair if name}  # noqa: SLF001
    others = {
        name
        for table in (quote_line._SIZES, quote_line._TEXTS, quote_line._GENERICS)  # noqa: SLF001
        for name, _ in table.values()
    }
    assert prices | others | set(quote_line._BLANK) <= set(Quote.__struct_fields__)  # noqa: SLF001


@pytest.mark.parametrize(("magnifier", "marker"), [(100, -100.0), (1000, -1000.0), (0.01, -0.01), (100, -1.0), (1, -1.0)])
@pytest.mark.parametrize("tick_type", [1, 2, 66, 9, 14])
def test_marker_for_no_price_is_scaled_like_any_price(magnifier: float, marker: float, tick_type: int) -> None:
    heard = Heard()
    line = QuoteLine(Instrument(symbol="GAW"), msgspec.structs.replace(CONTRACT, price_magnifier=magnifier), heard)
    line.price(4, 4293.5, 10)
    line.price(tick_type, marker, 0)
    line.packet_done(NOON)
    assert not {heard.quotes[0].bid, heard.quotes[0].ask, heard.quotes[0].close, heard.quotes[0].open} - {None}


def test_price_that_looks_like_the_marker_but_has_a_size_is_one() -> None:
    heard = Heard()
    line = QuoteLine(Instrument(symbol="CL"), msgspec.structs.replace(CONTRACT, price_magnifier=100), heard)
    line.price(4, -100.0, 5)
    line.packet_done(NOON)
    assert heard.quotes[0].last == -100.0


def test_sizes_in_lots_are_told_in_shares() -> None:
    heard = Heard()
    line = QuoteLine(Instrument(symbol="AAPL"), msgspec.structs.replace(CONTRACT, size_multiplier=100), heard)
    line.price(1, 228.5, 3)
    line.size(3, 2)
    line.size(8, 12555)
    line.size(5, 2**31 - 1)
    line.packet_done(NOON)
    quote = heard.quotes[0]
    assert (quote.bid_size, quote.ask_size, quote.volume, quote.last_size) == (300, 200, 1255500, None)


def test_empty_numbers_are_no_values() -> None:
    quote = quote_of(methodcaller("price", 4, 5.5, 1.0), methodcaller("price", 1, math.nan, 5.0), methodcaller("size", 3, math.nan))
    assert (quote.bid, quote.ask_size, quote.last) == (None, None, 5.5)


def test_a_line_is_sent_elsewhere_once() -> None:
    """A gateway that sends it on and on is not followed."""
    line, _ = make_line()
    assert line.reroute(76792991, "NASDAQ")
    assert line.elsewhere == Instrument.of_id(76792991, "NASDAQ")
    assert line.origin is None
    with pytest.raises(GatewayRefused, match="on and on"):
        line.reroute(1, "NYSE")
