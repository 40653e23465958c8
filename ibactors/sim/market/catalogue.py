"""The instruments the simulator knows: real con ids where they are public knowledge, stable invented ones otherwise.

Futures and options are computed from the date and therefore have never expired. Prices are only plausible: the market starts from them.
"""

import datetime as dt
import zlib
from collections.abc import Iterator
from dataclasses import replace

from ibactors.sim.market.chains import build_classes, third_fridays
from ibactors.sim.market.instruments import Fate, Instrument, TradingHours
from ibactors.sim.market.kinds import future_root, other_kinds
from ibactors.sim.market.listing import Catalogue

_US_VENUES = "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,NASDAQ,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,EDGX,PEARL,MEMX,PSX"
_MONTH_CODES = "FGHJKMNQUVXZ"

# con id, symbol, name, primary exchange, price, trading class, industry
_STOCKS: tuple[tuple[int, str, str, str, float, str, str], ...] = (
    (265598, "AAPL", "APPLE INC", "NASDAQ", 228.40, "NMS", "Technology"),
    (272093, "MSFT", "MICROSOFT CORP", "NASDAQ", 428.15, "NMS", "Technology"),
    (76792991, "TSLA", "TESLA INC", "NASDAQ", 342.60, "NMS", "Consumer, Cyclical"),
    (4815747, "NVDA", "NVIDIA CORP", "NASDAQ", 139.70, "NMS", "Technology"),
    (3691937, "AMZN", "AMAZON.COM INC", "NASDAQ", 203.25, "NMS", "Communications"),
    (208813719, "GOOGL", "ALPHABET INC-CL A", "NASDAQ", 176.90, "NMS", "Communications"),
    (208813720, "GOOG", "ALPHABET INC-CL C", "NASDAQ", 178.35, "NMS", "Communications"),
    (107113386, "META", "META PLATFORMS INC-CLASS A", "NASDAQ", 563.10, "NMS", "Communications"),
    (4391, "AMD", "ADVANCED MICRO DEVICES", "NASDAQ", 138.35, "NMS", "Technology"),
    (270639, "INTC", "INTEL CORP", "NASDAQ", 24.45, "NMS", "Technology"),
    (15124833, "NFLX", "NETFLIX INC", "NASDAQ", 897.50, "NMS", "Communications"),
    (8314, "IBM", "INTL BUSINESS MACHINES CORP", "NYSE", 223.15, "IBM", "Technology"),
    (1520593, "JPM", "JPMORGAN CHASE & CO", "NYSE", 248.55, "JPM", "Financial"),
    (10098, "BAC", "BANK OF AMERICA CORP", "NYSE", 46.90, "BAC", "Financial"),
    (13977, "XOM", "EXXON MOBIL CORP", "NYSE", 121.80, "XOM", "Energy"),
    (8894, "KO", "COCA-COLA CO/THE", "NYSE", 63.90, "KO", "Consumer, Non-cyclical"),
    (6459, "DIS", "WALT DISNEY CO/THE", "NYSE", 115.65, "DIS", "Communications"),
    (13824, "WMT", "WALMART INC", "NYSE", 90.40, "WMT", "Consumer, Cyclical"),
    (9599491, "F", "FORD MOTOR CO", "NYSE", 11.15, "F", "Consumer, Cyclical"),
    (7516, "GE", "GENERAL ELECTRIC", "NYSE", 179.20, "GE", "Industrial"),
    (12442, "T", "AT&T INC", "NYSE", 23.10, "T", "Communications"),
    (11031, "PFE", "PFIZER INC", "NYSE", 25.65, "PFE", "Consumer, Non-cyclical"),
)
_ISINS = {"AAPL": "US0378331005", "MSFT": "US5949181045", "TSLA": "US88160R1014"}
_FIGIS = {"AAPL": "BBG000B9XRY4", "MSFT": "BBG000BPH459", "TSLA": "BBG000N9MNX1"}
_FUNDS: tuple[tuple[int, str, str, str, float], ...] = (
    (756733, "SPY", "SS SPDR S&P 500 ETF TRUST-US", "ARCA", 595.50),
    (320227571, "QQQ", "INVESCO QQQ TRUST SERIES 1", "NASDAQ", 505.80),
    (9579970, "IWM", "ISHARES RUSSELL 2000 ETF", "ARCA", 238.75),
    (51529211, "GLD", "SPDR GOLD SHARES", "ARCA", 250.10),
    (15547841, "TLT", "ISHARES 20+ YEAR TREASURY BD", "NASDAQ", 90.05),
)
_PAIRS: tuple[tuple[int, str, str, float, str], ...] = (
    (12087792, "EUR", "USD", 1.0546, "0.00005"),
    (12087797, "GBP", "USD", 1.2612, "0.00005"),
    (15016059, "USD", "JPY", 154.45, "0.005"),
    (12087820, "USD", "CHF", 0.8868, "0.00005"),
)
_FATES = (
    (700000001, "NOSUB", Fate.NOT_SUBSCRIBED, "NASDAQ"),
    (700000002, "DELAY", Fate.DELAYED_ONLY, "NASDAQ"),
    (700000003, "QUIET", Fate.QUIET, "NYSE"),
    (700000004, "AMBIG", Fate.TRADED, "NYSE"),
    (700000005, "AMBIG", Fate.TRADED, "NASDAQ"),
)
_OPTION_EXCHANGES = ("SMART", "AMEX", "CBOE", "ISE", "PHLX", "BATS")
OPTION_EXPIRIES = 3
_CHAIN_MONTHS = 10


def build_catalogue(today: dt.date, *, extra_symbols: int = 0) -> Catalogue:
    """Every instrument that exists on `today`, and as many made-up stocks, from S001, as asked for."""
    stocks, indexes, pairs = list(_stocks()), list(_indexes()), list(_pairs())
    futures = list(_futures("ES", 11004968, "E-mini S&P 500", 5987.25, "50", today))
    apple, index, euro = stocks[0], indexes[0], pairs[0]
    nasdaq = list(_futures("NQ", 11004958, "E-mini NASDAQ 100", 20875.50, "20", today))
    extra = (_extra_stock(number) for number in range(1, extra_symbols + 1))
    return Catalogue(
        [
            *stocks,
            *indexes,
            *pairs,
            *futures,
            *nasdaq,
            *_options(today),
            *other_kinds(apple, euro, today),
            *extra,
        ],
        build_classes(today, third_fridays(today, _CHAIN_MONTHS), apple=apple, index=index, future=futures[0]),
        [future_root(futures[0]), future_root(nasdaq[0])],
    )


def _stocks() -> Iterator[Instrument]:
    for con_id, symbol, name, primary, price, trading_class, industry in _STOCKS:
        yield _stock(
            con_id,
            symbol,
            name,
            primary,
            price,
            trading_class,
            industry,
            has_options=symbol == "AAPL",
        )
    for con_id, symbol, name, primary, price in _FUNDS:
        trading_class = "NMS" if primary == "NASDAQ" else symbol
        yield _stock(con_id, symbol, name, primary, price, trading_class, "Funds", stock_type="ETF")
    penny = _stock(700000006, "PENNY", "SIMULATED PENNY STOCK", "NASDAQ", 0.85, "NMS", "Simulated")
    yield replace(penny, min_tick="0.0001", market_rule=4563)
    for con_id, symbol, fate, primary in _FATES:
        name = f"SIMULATED {symbol} {primary}"
        yield _stock(con_id, symbol, name, primary, 50.0, "NMS", "Simulated", fate=fate)


def _extra_stock(number: int) -> Instrument:
    symbol = f"S{number:03}"
    return _stock(710_000_000 + number, symbol, f"SIMULATED STOCK {number}", "NASDAQ", 20.0 + number, "NMS", "Simulated")


def _stock(
    con_id: int,
    symbol: str,
    name: str,
    primary: str,
    price: float,
    trading_class: str,
    industry: str,
    *,
    stock_type: str = "COMMON",
    fate: Fate = Fate.TRADED,
    has_options: bool = False,
) -> Instrument:
    return Instrument(
        con_id=con_id,
        symbol=symbol,
        sec_type="STK",
        long_name=name,
        price=price,
        exchanges=tuple(_US_VENUES.split(",")),
        primary_exchange=primary,
        local_symbol=symbol,
        trading_class=trading_class,
        market_name=trading_class,
        spread=1 if price < 300 else 4,
        industry=industry,
        category=industry,
        subcategory=industry,
        stock_type=stock_type,
        min_size="0.0001",  # as recorded, although the API refuses fractions (10243)
        suggested_size="100",
        fate=fate,
        has_options=has_options,
        isin=_ISINS.get(symbol, ""),
        figi=_FIGIS.get(symbol, ""),
    )


def _indexes() -> Iterator[Instrument]:
    for con_id, symbol, name, price in (
        (416904, "SPX", "S&P 500 Stock Index", 5969.34),
        (13455763, "VIX", "CBOE Volatility Index", 15.24),
    ):
        yield Instrument(
            con_id=con_id,
            symbol=symbol,
            sec_type="IND",
            long_name=name,
            price=price,
            exchanges=("CBOE",),
            local_symbol=symbol,
            trading_class=symbol,
            market_name=symbol,
            volatility=0.0001,
            industry="Indices",
            category="Broad Range Equity Index",
            subcategory="*",
            time_zone="US/Central",
            trading_hours=TradingHours.US_INDEX,
        )


def _pairs() -> Iterator[Instrument]:
    for con_id, base, quote, price, min_tick in _PAIRS:
        yield Instrument(
            con_id=con_id,
            symbol=base,
            sec_type="CASH",
            long_name={"EUR": "European Monetary Union Euro", "GBP": "British pound"}.get(base, "US Dollar"),
            price=price,
            exchanges=("IDEALPRO",),
            currency=quote,
            local_symbol=f"{base}.{quote}",
            trading_class=f"{base}.{quote}",
            market_name=f"{base}.{quote}",
            min_tick=min_tick,
            lot=500_000,
            volatility=0.00004,
            agg_group=4,
            market_rule=239,
            min_size="0.01",
            trading_hours=TradingHours.FOREX,
            farm="cashfarm",
        )


def _futures(symbol: str, under_con_id: int, name: str, price: float, multiplier: str, today: dt.date) -> Iterator[Instrument]:
    for nth, expiry in enumerate(_quarter_ends(today, 4)):
        date = expiry.strftime("%Y%m%d")
        local = f"{symbol}{_MONTH_CODES[expiry.month - 1]}{expiry.year % 10}"
        yield Instrument(
            con_id=_made_up_id(f"{symbol}{date}"),
            symbol=symbol,
            sec_type="FUT",
            long_name=name,
            # Carry makes each later quarter a little dearer.
            price=round(price * (1 + 0.01 * nth) * 4) / 4,
            exchanges=("CME", "QBALGO"),
            local_symbol=local,
            trading_class=symbol,
            market_name=symbol,
            min_tick="0.25",
            lot=5,
            volatility=0.0002,
            multiplier=multiplier,
            last_trade_date=date,
            last_trade_clock="08:30",
            contract_month=date[:6],
            under_con_id=under_con_id,
            under_symbol=symbol,
            under_sec_type="IND",
            agg_group=2147483647,
            market_rule=67,
            time_zone="US/Central",
            trading_hours=TradingHours.CME_INDEX,
            farm="usfuture",
        )


def _options(today: dt.date) -> Iterator[Instrument]:
    underlying = 228.40
    for expiry in third_fridays(today, OPTION_EXPIRIES):
        for strike in (200, 210, 220, 230, 240, 250, 260):
            for right in ("C", "P"):
                yield _option(expiry, strike, right, underlying)


def _option(expiry: dt.date, strike: int, right: str, underlying: float) -> Instrument:
    local = f"AAPL  {expiry:%y%m%d}{right}{strike * 1000:08d}"
    inner = max(0.0, underlying - strike if right == "C" else strike - underlying)
    return Instrument(
        con_id=_made_up_id(local),
        symbol="AAPL",
        sec_type="OPT",
        long_name="APPLE INC",
        price=round(inner + 5.0, 2),
        exchanges=_OPTION_EXCHANGES,
        local_symbol=local,
        trading_class="AAPL",
        market_name="AAPL",
        spread=3,
        lot=10,
        volatility=0.002,
        multiplier="100",
        last_trade_date=f"{expiry:%Y%m%d}",
        last_trade_clock="16:00:00",
        strike=str(strike),
        right=right,
        contract_month=f"{expiry:%Y%m}",
        under_con_id=265598,
        under_symbol="AAPL",
        under_sec_type="STK",
        industry="Technology",
        category="Technology",
        subcategory="Technology",
        agg_group=2,
        market_rule=32,
        trading_hours=TradingHours.US_OPTION,
        farm="usopt",
    )


def _quarter_ends(today: dt.date, count: int) -> list[dt.date]:
    return [d for d in third_fridays(today, count * 3 + 3) if d.month % 3 == 0][:count]


def _made_up_id(name: str) -> int:
    """The same con id for the same contract on every day and machine; 8xxxxxxxx is not in use at IB yet."""
    return 800_000_000 + zlib.crc32(name.encode()) % 100_000_000
