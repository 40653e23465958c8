"""Option classes of hundreds or thousands of contracts, which are made when somebody asks for them.

A contract's id is computed from its class, expiry, strike and right, so that it is the same on every day, and a client that kept it
finds its contract again. Strikes are those of a class; not every client's idea of one is listed.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ibactors.sim.market.holidays import Calendar, is_trading_day
from ibactors.sim.market.instruments import RIGHTS, ContractSpec, Instrument, TradingHours

_OCC = re.compile(r"(.{6})(\d{6})([CP])(\d{8})\Z")
_FIRST_ID = 1_000_000_000
_IDS_PER_CLASS = 10_000_000
_STRIKES_PER_DAY = 256
_FIRST_DAY = dt.date(2020, 1, 1)
_FRIDAY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionClass:
    """One trading class; `pattern` is any contract of it, of which the others differ in expiry, strike and right."""

    number: int
    pattern: Instrument
    expiries: tuple[dt.date, ...]
    strikes: tuple[str, ...]
    spot: float

    def contracts(self, spec: ContractSpec) -> Iterator[Instrument]:
        """Every contract that agrees with `spec`, by expiry, strike and right."""
        p = self.pattern
        if spec.sec_type not in ("", p.sec_type) or spec.symbol not in ("", p.symbol) or spec.trading_class not in ("", p.trading_class):
            return
        expiry, strike, right = spec.expiry, spec.strike, RIGHTS.get(spec.right, spec.right)
        if spec.local_symbol:
            found = _OCC.match(spec.local_symbol)
            if found is None or found[1].strip() != p.trading_class:
                return
            expiry, right, strike = f"20{found[2]}", found[3], int(found[4]) / 1000
        for day in self.expiries:
            if f"{day:%Y%m%d}".startswith(expiry):
                for nth, text in enumerate(self.strikes):
                    if not strike or float(text) == strike:
                        yield from (self._contract(day, nth, r) for r in ("C", "P") if right in ("", r))

    def of_id(self, con_id: int) -> Instrument | None:
        """The contract with that id, None for one of another class or one that is not listed any more."""
        number, rest = divmod(con_id - _FIRST_ID, _IDS_PER_CLASS)
        days, within = divmod(rest, 2 * _STRIKES_PER_DAY)
        nth, put = divmod(within, 2)
        day = _FIRST_DAY + dt.timedelta(days=days)
        if number != self.number or day not in self.expiries or nth >= len(self.strikes):
            return None
        return self._contract(day, nth, "P" if put else "C")

    def _contract(self, day: dt.date, nth: int, right: str) -> Instrument:
        strike = self.strikes[nth]
        local = f"{self.pattern.trading_class:6}{day:%y%m%d}{right}{round(float(strike) * 1000):08d}"
        inner = max(0.0, self.spot - float(strike) if right == "C" else float(strike) - self.spot)
        number = (day - _FIRST_DAY).days * 2 * _STRIKES_PER_DAY + 2 * nth + (right == "P")
        return replace(
            self.pattern,
            con_id=_FIRST_ID + self.number * _IDS_PER_CLASS + number,
            price=round(inner + 0.01 * self.spot, 1),
            local_symbol=local,
            last_trade_date=f"{day:%Y%m%d}",
            contract_month=f"{day:%Y%m}",
            strike=strike,
            right=right,
        )


def build_classes(
    today: dt.date, months: list[dt.date], *, apple: Instrument, index: Instrument, future: Instrument
) -> tuple[OptionClass, ...]:
    """SPX by months and SPXW by days, an adjusted class of AAPL, options on a future; `months` are the monthly expiries."""
    spx = replace(
        _pattern(index, "SPX"), min_tick="0.05", market_rule=110, trading_hours=TradingHours.US_INDEX, exchanges=("SMART", "CBOE")
    )
    adjusted = replace(_pattern(apple, "2AAPL"), market_rule=32, exchanges=("SMART", "BATS", "CBOE", "MEMX"))
    on_future = replace(
        _pattern(future, future.symbol),
        sec_type="FOP",
        min_tick="0.25",
        market_rule=67,
        multiplier=future.multiplier,
        trading_hours=TradingHours.CME_INDEX,
        exchanges=("CME",),
        farm="usfuture",
    )
    fine, coarse = tuple(str(n) for n in range(5475, 6475, 5)), tuple(str(n) for n in range(5700, 6300, 25))
    until_future = tuple(m for m in months if f"{m:%Y%m%d}" <= future.last_trade_date)
    weekly = replace(spx, trading_class="SPXW", market_name="SPXW", last_trade_clock="15:00:00")
    return (
        OptionClass(number=0, pattern=spx, expiries=tuple(months[:10]), strikes=fine, spot=index.price),
        OptionClass(number=1, pattern=weekly, expiries=_days_and_weeks(today), strikes=fine, spot=index.price),
        OptionClass(number=2, pattern=adjusted, expiries=tuple(months[:1]), strikes=("291.0",), spot=apple.price),
        OptionClass(number=3, pattern=on_future, expiries=until_future, strikes=coarse, spot=future.price),
    )


def third_fridays(today: dt.date, count: int) -> list[dt.date]:
    """The next `count` monthly expiry dates that are at least a week away."""
    month = today.replace(day=1)
    found: list[dt.date] = []
    while len(found) < count:
        friday = month + dt.timedelta(days=(4 - month.weekday()) % 7 + 14)
        if friday >= today + dt.timedelta(days=7):
            found.append(friday)
        month = (month + dt.timedelta(days=32)).replace(day=1)
    return found


def _days_and_weeks(today: dt.date) -> tuple[dt.date, ...]:
    """The next twenty trading days, then a Friday a week: thirty expiries."""
    days: list[dt.date] = []
    day = today
    while len(days) < 30:
        day += dt.timedelta(days=1)
        if is_trading_day(Calendar.NYSE, day) and (len(days) < 20 or day.weekday() == _FRIDAY):
            days.append(day)
    return tuple(days)


def _pattern(under: Instrument, trading_class: str) -> Instrument:
    """A contract of a class on `under`, traded in the hours of stock options unless told otherwise."""
    return replace(
        under,
        sec_type="OPT",
        primary_exchange="",
        trading_class=trading_class,
        market_name=trading_class,
        spread=3,
        lot=10,
        volatility=0.002,
        multiplier="100",
        last_trade_clock="08:30",
        under_con_id=under.con_id,
        under_symbol=under.local_symbol,
        under_sec_type=under.sec_type,
        stock_type="",
        isin="",
        agg_group=2,
        has_options=False,
        farm="usopt",
        suggested_size="1",
        trading_hours=TradingHours.US_OPTION,
    )
