"""What charts are told, in TradingView's words."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ibactors.model.bars import Bar, BarSize
from ibactors.model.contracts import ContractDetails
from ibactors.model.hours import parse_hours
from ibactors.model.quotes import MarketDataType, Quote
from ibactors.model.times import now
from ibactors.web.contract.charts import history, price_scale, quote_row, session_text, symbol_info
from ibactors.web.contract.udf import RESOLUTIONS, NoChartData

STOCK = "20261123:0930-20261123:1600;20261124:0930-20261124:1600;20261125:0930-20261125:1600;20261126:CLOSED;20261127:0930-20261127:1300"
FUTURE = "20261122:1700-20261123:1600;20261123:1700-20261124:1600;20261124:1700-20261125:1600;20261128:CLOSED"
TOKYO = "20261124:0900-20261124:1130,20261124:1230-20261124:1530;20261125:0900-20261125:1130,20261125:1230-20261125:1530"
COIN = ";".join(f"202611{day}:0000-202611{day + 1}:0000" for day in range(22, 29))
GULF = "20261122:1000-20261122:1500;20261123:1000-20261123:1500;20261127:CLOSED;20261128:CLOSED"


@pytest.mark.parametrize(
    ("text", "zone", "said"),
    [
        (STOCK, "US/Eastern", ("0930-1600:23456", "20261126", "0930-1300:20261127")),
        (FUTURE, "US/Central", ("1700-1600:23456", "", "")),
        (TOKYO, "Asia/Tokyo", ("0900-1130,1230-1530:23456", "", "")),
        (COIN, "UTC", ("24x7", "", "")),
        (GULF, "Asia/Riyadh", ("1000-1500:123456", "20261127", "")),
        ("", "", ("24x7", "", "")),
        ("20261126:CLOSED", "UTC", ("24x7", "", "")),
    ],
)
def test_session_is_what_most_days_have_and_the_others_are_told_apart(text: str, zone: str, said: tuple[str, str, str]) -> None:
    assert session_text(parse_hours(text, zone)) == said


@pytest.mark.parametrize(
    ("min_tick", "scale"),
    [
        (0.01, (100, 1)),
        (0.25, (100, 25)),
        (0.03125, (100_000, 3125)),
        (5e-05, (100_000, 5)),
        (1.0, (1, 1)),
        (50.0, (1, 50)),
        (0.0, (100, 1)),
    ],
)
def test_smallest_step_of_a_price_is_minmov_over_pricescale(min_tick: float, scale: tuple[int, int]) -> None:
    assert price_scale(min_tick) == scale


def test_quote_has_their_names_and_no_number_that_is_not_known() -> None:
    known = {"symbol": "AAPL", "exchange": "SMART", "currency": "USD", "con_id": 7, "sec_type": "STK", "timestamp": now()}
    full = Quote(bid=10.1, ask=10.3, last=11.0, close=10.0, volume=5, market_data_type=MarketDataType.LIVE, **known)  # type: ignore[arg-type]
    row = quote_row("AAPL", full).v
    assert row is not None
    assert (row.lp, row.ch, row.chp, row.spread, row.volume, row.open_price) == (11.0, 1.0, 10.0, 0.2, 5, None)
    bare = quote_row("AAPL", Quote(last=11.0, market_data_type=MarketDataType.LIVE, **known)).v  # type: ignore[arg-type]
    assert bare is not None
    assert (bare.lp, bare.ch, bare.chp, bare.spread) == (11.0, None, None, None)


def test_every_resolution_is_a_number_with_an_optional_unit() -> None:
    assert all(name.rstrip("SDWM").isdigit() for name in RESOLUTIONS)
    assert RESOLUTIONS["60"] == "1h"
    assert set(RESOLUTIONS.values()) == set(BarSize)


def contract(**members: Any) -> ContractDetails:
    empty: dict[str, Any] = dict.fromkeys(ContractDetails.__struct_fields__)
    known: dict[str, Any] = {
        "con_id": 265598,
        "symbol": "AAPL",
        "sec_type": "STK",
        "exchange": "SMART",
        "primary_exchange": "NASDAQ",
        "currency": "USD",
        "local_symbol": "AAPL",
        "long_name": "APPLE INC",
        "min_tick": 0.01,
        "time_zone": "US/Eastern",
        "liquid_hours": STOCK,
        "trading_hours": "20261123:0400-20261123:2000",
    }
    return ContractDetails(**empty | known | members)


def test_symbol_is_told_with_the_zone_and_the_hours_that_its_bars_have() -> None:
    apple = symbol_info(contract())
    assert (apple.name, apple.ticker, apple.type, apple.exchange, apple.description) == ("AAPL", "265598", "stock", "NASDAQ", "APPLE INC")
    assert (apple.timezone, apple.session, apple.session_holidays) == ("America/New_York", "0930-1600:23456", "20261126")
    assert (apple.pricescale, apple.minmov, apple.currency_code) == (100, 1, "USD")
    future = symbol_info(contract(sec_type="FUT", local_symbol="ESZ6", primary_exchange=None, exchange="CME", trading_hours=FUTURE))
    assert (future.name, future.type, future.exchange, future.session) == ("ESZ6", "futures", "CME", "1700-1600:23456")
    assert symbol_info(contract(time_zone=None, liquid_hours="", trading_hours="")).timezone == "Etc/UTC"
    with pytest.raises(ValueError, match="zone"):
        symbol_info(contract(time_zone="Middle Earth"))


def test_bars_are_columns_and_volume_is_left_out_where_there_is_none() -> None:
    bar = Bar(at=60, open=1.0, high=3.0, low=0.5, close=2.0, volume=10, vwap=1.5, count=3)
    told = msgspec.json.decode(msgspec.json.encode(history([bar, replace(bar, at=120, volume=None)])))
    assert told == {"s": "ok", "t": [60, 120], "o": [1.0] * 2, "h": [3.0] * 2, "l": [0.5] * 2, "c": [2.0] * 2, "v": [10, 0]}
    assert "v" not in msgspec.to_builtins(history([replace(bar, volume=None)]))
    assert msgspec.to_builtins(NoChartData()) == {"s": "no_data"}
    assert msgspec.to_builtins(NoChartData(next_time=7)) == {"s": "no_data", "nextTime": 7}
