"""What a market is doing, by the hours that IB tells of it, and how old the values of a quote are."""

from datetime import UTC, datetime

import msgspec
import pytest

from ibactors.bridge.quote_line import QuoteLine
from ibactors.errors import IbactorsError
from ibactors.model.instruments import Instrument
from ibactors.model.markets import market_hours
from ibactors.model.quotes import Quote
from ibactors.model.times import rfc3339
from tests.unit.test_lines import CONTRACT

STOCK = (
    "20261127:0400-20261127:2000;20261128:CLOSED;20261129:CLOSED;20261130:0400-20261130:2000",
    "20261127:0930-20261127:1600;20261128:CLOSED;20261129:CLOSED;20261130:0930-20261130:1600",
    "US/Eastern",
)
WEEKEND = tuple(text.partition(";")[2] or text for text in STOCK)
HOLIDAYS = ("20261130:CLOSED;20261201:CLOSED", "20261130:CLOSED;20261201:CLOSED", "Asia/Tokyo")
FUTURE = (
    "20261129:1700-20261130:1600;20261130:1700-20261201:1600",
    "20261130:0830-20261130:1500;20261201:0830-20261201:1500",
    "US/Central",
)
TOKYO = ("20261130:0900-20261130:1130,20261130:1230-20261130:1530", "20261130:0900-20261130:1130,20261130:1230-20261130:1530", "JST")
NIGHTLY = ("20261129:2000-20261130:0350,20261130:0400-20261130:2000", "20261130:0930-20261130:1600", "America/New_York")


def unix(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("hours", "moment", "market"),
    [
        (STOCK, "2026-11-27T13:00", "pre"),
        (STOCK, "2026-11-27T14:30", "open"),
        (STOCK, "2026-11-27T21:00", "post"),
        (STOCK, "2026-11-28T01:00", "closed"),
        (STOCK, "2026-11-28T15:00", "closed"),
        (STOCK, "2026-11-30T13:00", "pre"),
        (WEEKEND, "2026-11-28T15:00", "closed"),
        (WEEKEND, "2026-11-29T23:00", "closed"),
        (WEEKEND, "2026-11-27T15:00", None),
        (STOCK, "2027-01-05T15:00", None),
        (STOCK, "2026-10-05T15:00", None),
        (HOLIDAYS, "2026-11-30T03:00", "closed"),
        (HOLIDAYS, "2026-12-01T14:59", "closed"),
        (HOLIDAYS, "2026-12-01T15:01", None),
        (HOLIDAYS, "2026-11-29T14:59", None),
        (FUTURE, "2026-11-30T00:00", "pre"),
        (FUTURE, "2026-11-30T04:00", "overnight"),
        (FUTURE, "2026-11-30T16:00", "open"),
        (FUTURE, "2026-11-30T21:30", "post"),
        (FUTURE, "2026-11-30T22:30", "closed"),
        (TOKYO, "2026-11-30T01:00", "open"),
        (TOKYO, "2026-11-30T03:00", "closed"),
        (NIGHTLY, "2026-11-30T05:00", "overnight"),
        (NIGHTLY, "2026-11-30T09:30", "pre"),
    ],
)
def test_market_is_what_its_hours_say_at_a_moment(hours: tuple[str, str, str], moment: str, market: str | None) -> None:
    known = market_hours(*hours)
    assert known is not None
    assert known.at(unix(moment))[0] == market


@pytest.mark.parametrize(
    "hours", [("", "", "US/Eastern"), ("nonsense", "", "US/Eastern"), (STOCK[0], STOCK[1], "Nowhere/Never"), ("20261127", "", "")]
)
def test_hours_that_say_nothing_are_unknown(hours: tuple[str, str, str]) -> None:
    assert market_hours(*hours) is None


def test_an_answer_holds_until_the_next_change_at_most() -> None:
    known = market_hours(*STOCK)
    assert known is not None
    moment = unix("2026-11-27T13:00")
    for market in ("pre", "open", "post", "closed"):
        while (answer := known.at(moment))[0] == market:
            assert moment < answer[1] <= moment + 3600
            moment = answer[1]


class Heard:
    def __init__(self) -> None:
        self.quotes: list[Quote] = []

    def ticked(self, quote: Quote) -> None:
        self.quotes.append(quote)

    def failed(self, error: IbactorsError) -> None:
        raise error

    def interrupted(self, error: IbactorsError) -> None:
        pass

    def resumed(self) -> None:
        pass


def line_at(moment: str, monkeypatch: pytest.MonkeyPatch, hours: tuple[str, str, str] = STOCK) -> tuple[QuoteLine, list[Quote]]:
    trading, liquid, zone = hours
    contract = msgspec.structs.replace(CONTRACT, trading_hours=trading, liquid_hours=liquid, time_zone=zone)
    heard = Heard()
    line = QuoteLine(Instrument(symbol="AAPL"), contract, heard)
    set_clock(moment, monkeypatch)
    line.turn(unix(moment))
    return line, heard.quotes


def set_clock(moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: unix(moment))


FRIDAY = unix("2026-11-28T00:59:59")


def test_closed_market_is_said_with_the_time_of_the_last_trade(monkeypatch: pytest.MonkeyPatch) -> None:
    line, quotes = line_at("2026-11-28T15:00", monkeypatch)
    line.price(4, 228.51, 100)
    line.price(1, -1.0, 0)
    line.text(45, str(int(FRIDAY)))
    line.packet_done(unix("2026-11-28T15:00:01"))
    (quote,) = quotes
    assert (quote.market, quote.as_of) == ("closed", rfc3339(FRIDAY))
    assert quote.timestamp == rfc3339(unix("2026-11-28T15:00:01"))


def test_values_of_an_open_market_are_as_of_their_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    line, quotes = line_at("2026-11-27T15:00", monkeypatch)
    line.price(1, 228.5, 100)
    line.packet_done(unix("2026-11-27T15:00:01"))
    assert (quotes[0].market, quotes[0].as_of) == ("open", quotes[0].timestamp)


@pytest.mark.parametrize("kind", [2, 3, 4])
def test_delayed_and_frozen_values_are_as_of_their_last_trade(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    line, quotes = line_at("2026-11-30T15:00", monkeypatch)
    line.data_type(kind)
    traded = unix("2026-11-30T14:45")
    line.text(45 if kind == 2 else 88, str(int(traded)))
    line.price(1 if kind == 2 else 66, 228.5, 100)
    line.packet_done(unix("2026-11-30T15:00:01"))
    assert quotes[0].as_of == rfc3339(traded)


def test_without_hours_and_without_a_bid_and_an_ask_only_the_last_trade_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    line, quotes = line_at("2026-11-28T15:00", monkeypatch, ("", "", ""))
    line.price(4, 228.51, 100)
    line.packet_done(unix("2026-11-28T15:00:01"))
    assert (quotes[0].market, quotes[0].as_of) == (None, None)
    line.text(45, str(int(FRIDAY)))
    line.packet_done(unix("2026-11-28T15:00:02"))
    assert quotes[1].as_of == rfc3339(FRIDAY)


def test_market_that_closes_without_a_tick_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    line, quotes = line_at("2026-11-28T00:59:50", monkeypatch)
    line.price(4, 228.51, 100)
    line.text(45, str(int(FRIDAY) - 9))
    line.packet_done(unix("2026-11-28T00:59:51"))
    for moment in ("2026-11-28T00:59:59", "2026-11-28T01:00:00", "2026-11-28T01:00:10"):
        set_clock(moment, monkeypatch)
        line.turn(unix(moment))
    assert [(quote.market, quote.as_of) for quote in quotes[1:]] == [("closed", rfc3339(FRIDAY - 9))]
    assert quotes[1].timestamp == quotes[0].timestamp


def test_market_that_trades_against_its_hours_is_not_called_closed_while_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    line, quotes = line_at("2026-11-28T15:00", monkeypatch)
    line.price(1, 228.5, 100)
    line.price(2, 228.6, 100)
    line.packet_done(unix("2026-11-28T15:00"))
    assert (quotes[0].market, quotes[0].as_of) == (None, quotes[0].timestamp)
    set_clock("2026-11-28T15:02", monkeypatch)
    line.turn(unix("2026-11-28T15:02"))
    assert quotes[1].market == "closed"


def test_what_was_interrupted_is_not_told_again_when_the_market_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    line, quotes = line_at("2026-11-28T00:59:50", monkeypatch)
    line.price(4, 228.51, 100)
    line.packet_done(unix("2026-11-28T00:59:51"))
    line.interrupt(IbactorsError("a break"))
    line.turn(unix("2026-11-28T01:00:10"))
    assert len(quotes) == 1
