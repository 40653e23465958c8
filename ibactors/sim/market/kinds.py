"""One or two instruments of every kind that is neither stock, index, currency, future nor option: real ids where they are public."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

from ibactors.sim.market.instruments import Fate, Instrument, TradingHours

# con id, symbol, name, price, minimum tick
_CRYPTO = ((479624278, "BTC", "Bitcoin cryptocurrency", 96_250.0, "0.25"), (495759171, "ETH", "Ethereum cryptocurrency", 3410.0, "0.01"))
# con id, name, coupon, maturity, month, ISIN. As recorded, a user without the permission is not told the coupon and the maturity of
# the first; the coupon of the second is not a whole number, which not every client can read.
_BONDS = (
    (127128131, "AAPL 3.85 05/04/43", "0", "", "204305", "US037833AL42"),
    (700000101, "AAPL 4.1 08/08/62", "4.1", "20620808", "206208", "US037833EW60"),
)
_WARRANT_EXCHANGE = "FWB"
APPLE_ISSUER = "e1400715"


def other_kinds(apple: Instrument, euro: Instrument, today: dt.date) -> Iterator[Instrument]:
    """A fund, a metal, cryptocurrencies, contracts for difference, a warrant and bonds."""
    yield Instrument(
        con_id=41106138,
        symbol="VFIAX",
        sec_type="FUND",
        long_name="VANGUARD 500 INDEX-ADM",
        price=552.31,
        exchanges=("FUNDSERV",),
        local_symbol="VFIAX",
        trading_class="VFIAX",
        market_name="VFIAX",
        trading_hours=TradingHours.US_OPTION,
    )
    yield Instrument(
        con_id=69067924,
        symbol="XAUUSD",
        sec_type="CMDTY",
        long_name="London Gold",
        price=2655.10,
        exchanges=("SMART", "IBMETAL"),
        local_symbol="XAUUSD",
        trading_class="XAUUSD",
        market_name="XAUUSD",
        spread=20,
        trading_hours=TradingHours.FOREX,
        farm="cashfarm",
    )
    for con_id, symbol, name, price, min_tick in _CRYPTO:
        yield Instrument(
            con_id=con_id,
            symbol=symbol,
            sec_type="CRYPTO",
            long_name=name,
            price=price,
            exchanges=("PAXOS",),
            local_symbol=f"{symbol}.USD",
            trading_class=symbol,
            market_name=symbol,
            min_tick=min_tick,
            lot=1,
            min_size="0.00000001",
            suggested_size="0.00000001",
            trading_hours=TradingHours.CRYPTO,
            farm="cashfarm",
        )
    yield _difference(120549942, apple, "AAPLn", lot=100)
    yield _difference(143916318, euro, "EUR.USD", lot=20_000)
    yield _warrant(apple, today)
    yield from (_bond(*row) for row in _BONDS)


def future_root(future: Instrument) -> Instrument:
    """What a search finds for a future's symbol: the index that the future is on, which has no prices of its own."""
    return replace(
        future,
        con_id=future.under_con_id,
        sec_type="IND",
        local_symbol=future.symbol,
        multiplier="",
        last_trade_date="",
        last_trade_clock="",
        contract_month="",
        under_con_id=0,
        under_symbol="",
        under_sec_type="",
        fate=Fate.NOT_SUBSCRIBED,
    )


def _difference(con_id: int, under: Instrument, local_symbol: str, *, lot: int) -> Instrument:
    """A contract for difference, whose market data come from what it is on."""
    return replace(
        under,
        con_id=con_id,
        sec_type="CFD",
        exchanges=("SMART",),
        primary_exchange="",
        local_symbol=local_symbol,
        trading_class=local_symbol,
        market_name=local_symbol,
        lot=lot,
        min_size="1",
        under_con_id=under.con_id,
        under_symbol=under.symbol,
        under_sec_type=under.sec_type,
        stock_type="",
        isin="",
        has_options=False,
    )


def _warrant(apple: Instrument, today: dt.date) -> Instrument:
    return replace(
        apple,
        con_id=700000102,
        sec_type="WAR",
        long_name="APPLE INC",
        price=29.80,
        exchanges=(_WARRANT_EXCHANGE,),
        primary_exchange="",
        local_symbol="SV5X9Z",
        trading_class="SV5X9Z",
        market_name="SV5X9Z",
        multiplier="0.1",
        strike="230",
        right="C",
        last_trade_date=f"{today.year + 1}1217",
        contract_month=f"{today.year + 1}12",
        under_con_id=apple.con_id,
        under_symbol=apple.symbol,
        under_sec_type="STK",
        stock_type="",
        isin="",
        has_options=False,
        trading_hours=TradingHours.US_OPTION,
        farm="usopt",
    )


def _bond(con_id: int, name: str, coupon: str, maturity: str, month: str, isin: str) -> Instrument:
    return Instrument(
        con_id=con_id,
        symbol="",
        sec_type="BOND",
        long_name=name,
        price=84.2,
        exchanges=("SMART",),
        local_symbol=f"IBCID{con_id}",
        trading_class="AAPL",
        min_tick="0.0001",
        lot=10,
        spread=2000,
        contract_month=month,
        industry="Technology",
        category="Computers",
        subcategory="Computers",
        isin=isin,
        agg_group=7,
        market_rule=1386,
        min_size="2",
        issuer=APPLE_ISSUER,
        coupon=coupon,
        maturity=maturity,
        trading_hours=TradingHours.US_BOND,
    )
