"""Reference data from the frame on: recorded answers of real gateways, and what they come out as."""

import pytest
from trio.testing import MockClock

from ibactors.bridge import reference
from ibactors.errors import ContractNotFound, TooManyContracts
from ibactors.model.contracts import ContractDetails, OptionClass, PriceIncrement
from ibactors.model.instruments import Instrument
from tests.unit.test_requests import asking, line

# Recorded at server versions 164 to 181; lists cut short.
TESLA = (
    "10|{id}|TSLA|STK||0||SMART|USD|TSLA|NMS|NMS|76792991|0.01||ACTIVETIM,AD,ADJUST,LMT,WHATIF|SMART,AMEX,NYSE|1|0|TESLA INC|NASDAQ||"
    "Consumer, Cyclical|Auto Manufacturers|Auto-Cars/Light Trucks|US/Eastern|20221230:0400-20221230:2000;20221231:CLOSED|"
    "20221230:0930-20221230:1600;20221231:CLOSED|||1|ISIN|US88160R1014|1|||26,26,4563||COMMON|1|1|100"
)
FUTURE = (
    "10|{id}|ES|FUT|20250620 08:30 US/Central|0||CME|USD|ESM5|ES|ES|620731015|0.25|50|ACTIVETIM,AD,LMT|CME,QBALGO|1|11004968|"
    "E-mini S&P 500||202506||||US/Central|20250521:1700-20250522:1600;20250524:CLOSED;20250525:1700-20250526:1200|"
    "20250522:0830-20250522:1600;20250524:CLOSED|"
    "||0|2147483647|ES|IND|67,67|20250620||1|1|1"
)
OPTION = (
    "10|{id}|SPX|OPT|20230714 22:00:00 Europe/Prague|4325|P|SMART|USD|SPXW  230714P04325000|SPXW|SPXW|633127624|0.05|100|ACTIVETIM|"
    "SMART,CBOE,IBUSOPT|1|416904|S&P 500 Stock Index||202307|Indices|Broad Range Equity Index|*|US/Central|"
    "20230627:1915-20230628:0815;20230628:0830-20230628:1600|20230628:0830-20230628:1500|||0|2|SPX|IND|110,110,110|20230714||1|1|1"
)
INDEX = (
    "10|{id}|SPX|IND||0||CBOE|USD|SPX|||416904|0.01||ACTIVETIM|CBOE|1|0|S&P 500 Stock Index|||Indices|Broad Range Equity Index|*|"
    "US/Central|20261003:CLOSED;20261005:0830-20261005:1500|20261003:CLOSED;20261005:0830-20261005:1500|||0|2147483647|||25|||1|1|1"
)
# Recorded at 193, rows of one class and of an adjusted one, in no order.
CLASSES = (
    "75|{id}|MX2|265598|2AAPL|100|1|20261016|1|291.0",
    "75|{id}|CBOE|265598|AAPL|100|3|20261005|20261007|20261009|4|225.0|227.5|230.0|232.5",
    "75|{id}|ISE|265598|AAPL|100|3|20261005|20261007|20261009|4|225.0|227.5|230.0|232.5",
)


async def described(frame: str) -> ContractDetails:
    async with line() as there, asking(there, reference.describe(Instrument(symbol="X"))) as (call,):
        request_id = there.sent[-1][2]
        there.say(*frame.format(id=request_id).split("|"))
        there.say(52, 1, request_id)
    assert call.rows is not None, call.error
    (row,) = call.rows
    assert isinstance(row, ContractDetails)
    return row


async def test_recorded_stock_comes_out_as_recorded(autojump_clock: MockClock) -> None:
    tesla = await described(TESLA)
    assert (tesla.con_id, tesla.long_name, tesla.stock_type, tesla.primary_exchange) == (76792991, "TESLA INC", "COMMON", "NASDAQ")
    assert (tesla.min_size, tesla.size_increment, tesla.suggested_size_increment) == (1, 1, 100)
    assert dict(zip(tesla.valid_exchanges, tesla.market_rule_ids, strict=True)) == {"SMART": 26, "AMEX": 26, "NYSE": 4563}
    assert (tesla.order_types[-1], tesla.sec_ids, tesla.time_zone) == ("WHATIF", {"ISIN": "US88160R1014"}, "US/Eastern")
    assert (tesla.expiry, tesla.strike, tesla.right, tesla.under_con_id) == (None, None, None, None)


async def test_recorded_future_has_its_underlying_and_the_day_without_the_clock(autojump_clock: MockClock) -> None:
    future = await described(FUTURE)
    assert (future.expiry, future.contract_month, future.multiplier) == ("20250620", "202506", "50")
    assert (future.under_con_id, future.under_symbol, future.under_sec_type) == (11004968, "ES", "IND")


async def test_recorded_index_has_no_trading_class(autojump_clock: MockClock) -> None:
    assert (await described(INDEX)).trading_class is None


async def test_hours_are_in_the_zone_of_the_contract_and_not_in_that_of_the_gateway(autojump_clock: MockClock) -> None:
    option = await described(OPTION)
    assert (option.time_zone, option.expiry, option.right, option.strike) == ("US/Central", "20230714", "P", 4325)


@pytest.mark.parametrize("text", ["Tesla\0\x1b[2J", "a" * 10_000])
async def test_texts_are_bounded_and_have_no_control_characters(autojump_clock: MockClock, text: str) -> None:
    tesla = await described(TESLA.replace("Auto Manufacturers", text))
    assert tesla.category is not None
    assert len(tesla.category) <= 500
    assert tesla.category.isprintable()


async def test_class_of_more_options_than_anybody_can_read_is_refused(autojump_clock: MockClock) -> None:
    async with line() as there, asking(there, reference.describe(Instrument(symbol="SPX"))) as (call,):
        request_id = there.sent[-1][2]
        for _ in range(reference.MOST_CONTRACTS + 1):
            there.say(*OPTION.format(id=request_id).split("|"))
    assert isinstance(call.error, TooManyContracts)
    # What the gateway goes on sending is nobody's.
    there.say(*OPTION.format(id=request_id).split("|"))


async def test_recorded_option_classes_are_not_merged(autojump_clock: MockClock) -> None:
    apple = await described(TESLA)
    async with line() as there, asking(there, reference.option_classes(apple)) as (call,):
        request_id = there.sent[-1][1]
        for frame in CLASSES:
            there.say(*frame.format(id=request_id).split("|"))
        there.say(76, request_id)
    assert call.rows is not None
    days, strikes = ("20261005", "20261007", "20261009"), (225.0, 227.5, 230.0, 232.5)
    adjusted, *usual = call.rows
    assert adjusted == OptionClass(exchange="MX2", trading_class="2AAPL", multiplier="100", expirations=("20261016",), strikes=(291.0,))
    assert usual == [
        OptionClass(exchange=exchange, trading_class="AAPL", multiplier="100", expirations=days, strikes=strikes)
        for exchange in ("CBOE", "ISE")
    ]
    assert usual[0].strikes is usual[1].strikes  # kept once, though IB sends them for each of twenty exchanges


async def test_underlying_without_options_is_not_found(autojump_clock: MockClock) -> None:
    apple = await described(TESLA)
    async with line() as there, asking(there, reference.option_classes(apple)) as (call,):
        there.say(4, 2, there.sent[-1][1], 321, "Error validating request: Invalid underlying symbol or contract id", "")
    assert isinstance(call.error, ContractNotFound)


async def test_search_tells_issuers_of_bonds_from_contracts(autojump_clock: MockClock) -> None:
    async with line() as there, asking(there, reference.search("IBM")) as (call,):
        request_id = there.sent[-1][1]
        stock = (8314, "IBM", "STK", "NYSE", "USD", 2, "OPT", "CFD", "INTL BUSINESS MACHINES CORP", "")
        there.say(79, request_id, 2, *stock, -1, "", "BOND", "", "", 0, "IBM", "e1359061")
    assert call.rows is not None
    ((found, issuer),) = call.rows
    assert (found.con_id, found.derivatives, found.issuer_id) == (8314, ("OPT", "CFD"), None)
    assert (issuer.con_id, issuer.symbol, issuer.issuer_id) == (None, None, "e1359061")


async def test_market_rule_of_several_ranges(autojump_clock: MockClock) -> None:
    async with line() as there, asking(there, reference.increments(110)) as (call,):
        assert there.sent[-1] == ["91", "110"]
        there.say(93, 110, 2, 0.0, 0.05, 3.0, 0.1)
    assert call.rows == ((PriceIncrement(low_edge=0.0, increment=0.05), PriceIncrement(low_edge=3.0, increment=0.1)),)


async def test_recorded_calculations_tell_what_was_not_computed(autojump_clock: MockClock) -> None:
    option = await described(OPTION)
    for spec, values in (
        (reference.option_price(option, volatility=0.3, underlying_price=316.89), "0.3|0.3799|0.5172|-1.0|0.1951|0.0249|-0.5172|316.89"),
        (reference.implied_volatility(option, price=0.5172, underlying_price=316.89), "0.3|-2.0|0.5172|-1.0|-2.0|-2.0|-2.0|316.89"),
    ):
        async with line() as there, asking(there, spec) as (call,):
            there.say(21, there.sent[-1][2], 53, 0, *values.split("|"))
        assert call.rows is not None
        (found,) = call.rows
        assert (found.implied_volatility, found.option_price, found.underlying_price) == (0.3, 0.5172, 316.89)
        assert found.present_value_of_dividends is None
        greeks = (found.delta, found.gamma, found.vega, found.theta)
        assert greeks == ((0.3799, 0.1951, 0.0249, -0.5172) if "0.3799" in values else (None,) * 4)
