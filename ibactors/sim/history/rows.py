"""A bar as the fields of an answer: prices with the instrument's decimals, the date as the client wants it."""

from ibactors.sim.history.past import Bar, Past
from ibactors.sim.session import Session
from ibactors.sim.wire.datetimes import moment

_BARS_IN_SHARES = 175
_SHARES_PER_LOT = 100
# Of everything, on average.
_VOLATILITY = 0.28


def bar_row(session: Session, past: Past, bar: Bar, what: str, *, daily: bool, epoch: bool) -> tuple[str | int, ...]:
    """The eight fields of a bar in the order of historicalData (17)."""
    finer = 1 if what == "MIDPOINT" else 0
    prices = [past.text(p, finer=finer) for p in (bar.open, bar.high, bar.low, bar.close)]
    if what.endswith("_VOLATILITY"):
        prices = [f"{_VOLATILITY * p / past.instrument.price:.6f}" for p in (bar.open, bar.high, bar.low, bar.close)]
    average = past.text(bar.average, finer=1) if bar.count >= 0 else "-1"
    date = bar_date(session, past, bar, daily=daily, epoch=epoch)
    return (date, *prices, shares(session, past, bar.volume), average, bar.count)


def shares(session: Session, past: Past, volume: int) -> int:
    """A volume in the unit of the client's version: stocks in lots of a hundred below 175."""
    in_lots = session.version < _BARS_IN_SHARES and past.instrument.sec_type == "STK" and volume > 0
    return max(1, volume // _SHARES_PER_LOT) if in_lots else volume


def bar_date(session: Session, past: Past, bar: Bar, *, daily: bool, epoch: bool) -> str:
    """The date of a bar. Days are `yyyymmdd` even for clients that want seconds since 1970, as recorded."""
    if daily:
        return f"{bar.day:%Y%m%d}"
    return str(int(bar.start.timestamp())) if epoch else moment(bar.start, past.instrument.time_zone, session.gateway.dialect)
