"""The past of the market: what every instrument did at every second, the same for everybody who asks, whenever they ask.

A finished bar depends on the seed, the instrument and its time, and on nothing else: not on the request that it is part of, nor on
what the live market did since. Only the bar that is not over ends at the live price, so that a chart meets the first tick.
An option's past follows from its underlying's.
"""

import datetime as dt
import functools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from ibactors.sim.history.curve import Stroke, stroke, trades_until
from ibactors.sim.market.greeks import option_price
from ibactors.sim.market.hours import Span
from ibactors.sim.market.instruments import Fate, Instrument, decimals
from ibactors.sim.market.market import Market
from ibactors.sim.market.rules import coarser, snapped

_DAY = 86_400
_USUAL_VOLATILITY = 0.0004
_YEAR = 365 * _DAY
_ODD_LOTS = 0.25
_LATE_S = 7200
_LOTS_A_TRADE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Prices and trades of some time. `day` is the date of a bar of a day or longer. Volume and count are -1 where there are no trades."""

    start: dt.datetime
    day: dt.date
    open: float
    high: float
    low: float
    close: float
    average: float
    volume: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTick:
    """One trade and the quote around it, in one second."""

    epoch_s: int
    price: float
    bid: float
    ask: float
    size: int
    exchange: str
    odd: bool


class Past:
    """The past of one instrument."""

    def __init__(self, market: Market, instrument: Instrument) -> None:
        self.instrument = instrument
        self._market = market
        self._tick = float(instrument.min_tick)
        self._decimals = decimals(instrument.min_tick)
        self._name = f"{market.seed}:{instrument.con_id}"
        self._grid = coarser(instrument.market_rule, instrument.min_tick)
        self._usual = instrument.volatility / _USUAL_VOLATILITY
        self._underlying: Past | None = None
        if instrument.is_option:
            self._underlying = Past(market, market.catalogue.by_con_id[instrument.under_con_id])
            expiry = dt.datetime.strptime(instrument.last_trade_date, "%Y%m%d").replace(tzinfo=dt.UTC)
            self._expiry = expiry.timestamp() + _DAY

    @functools.cached_property
    def _level(self) -> float:
        # The curve runs through the catalogue's price at the market's beginning, where the live walk starts too.
        began = int(self._market.began.timestamp())
        return self.instrument.price / math.exp(stroke(self._name, began, began + 1).open * self._usual)

    def price(self, epoch_s: float) -> float:
        """The fair price at a second, not rounded."""
        return self._fair(int(epoch_s), int(epoch_s) + 1).open

    def bar(self, start: dt.datetime, seconds: float, what: str) -> Bar:
        """The bar of `seconds` from `start` on."""
        return self.sum(((start, start + dt.timedelta(seconds=seconds)),), what, start=start, day=start.date())

    def sum(self, pieces: Sequence[Span], what: str, *, start: dt.datetime, day: dt.date, live: float | None = None) -> Bar:
        """The bar that pieces of trading add up to; one that is not over ends at the `live` price."""
        times = [(int(begin.timestamp()), max(int(end.timestamp()), int(begin.timestamp()) + 1)) for begin, end in pieces]
        strokes = [self._fair(*time) for time in times]
        high, low = max(s.high for s in strokes), min(s.low for s in strokes)
        opened, closed = strokes[0].open, strokes[-1].close
        if live is not None:
            high, low, closed = max(high, live), min(low, live), live
        low_kind, high_kind = ("BID", "ASK") if what == "BID_ASK" else (what, what)
        prices = [self.quoted(p, kind) for p, kind in ((opened, low_kind), (high, high_kind), (low, low_kind), (closed, high_kind))]
        volume, count = self._traded(times) if what in ("TRADES", "ADJUSTED_LAST", "AGGTRADES") else (-1, -1)
        average = sum(prices) / len(prices) if count >= 0 else -1.0
        first, top, bottom, last = prices
        return Bar(start=start, day=day, open=first, high=top, low=bottom, close=last, average=average, volume=volume, count=count)

    def quoted(self, price: float, what: str) -> float:
        """A fair price as a bid, an ask, a trade or the middle."""
        if what in ("BID", "ASK"):
            price += self.half_spread * (1 if what == "ASK" else -1)
        step = self._tick / 2 if what == "MIDPOINT" else self._tick
        ticks = max(1, round(price / step))
        return (snapped(ticks, self._grid) if self._grid and what != "MIDPOINT" else ticks) * step

    @property
    def half_spread(self) -> float:
        """Half of the usual distance between bid and ask, a whole number of ticks."""
        return max(1, self.instrument.spread // 2) * self._tick

    def text(self, price: float, *, finer: int = 0) -> str:
        """A price with the decimals of the instrument, or some more."""
        return f"{price:.{self._decimals + finer}f}"

    def ticks_of(self, epoch_s: int) -> list[PastTick]:
        """The trades of one second, none to three."""
        if self.instrument.fate is Fate.QUIET:
            return []
        dice = random.Random(f"{self._name}:{epoch_s}")
        return [self._past_tick(epoch_s, dice) for _ in range(dice.choice((0, 1, 1, 2, 3)))]

    def _past_tick(self, epoch_s: int, dice: random.Random) -> PastTick:
        fair = self.quoted(dice.choice(self._fair(epoch_s, epoch_s + 1)), "TRADES")
        venues = self.instrument.exchanges[1:] or self.instrument.exchanges
        # Less than a round lot of a stock is a trade that sets no last price.
        odd = self.instrument.sec_type == "STK" and dice.random() < _ODD_LOTS
        return PastTick(
            epoch_s=epoch_s,
            price=fair,
            bid=max(self._tick, fair - self.half_spread),
            ask=fair + self.half_spread,
            size=dice.randrange(1, 100) if odd else dice.randrange(1, 9) * max(1, self.instrument.lot),
            exchange=dice.choice(venues),
            odd=odd,
        )

    def _fair(self, begin: int, end: int) -> Stroke:
        """The fair prices from one second to another, not rounded."""
        i = self.instrument
        if i.fate is Fate.QUIET:
            return Stroke(i.price, i.price, i.price, i.price)
        if self._underlying is None:
            return Stroke(*(max(self._tick, self._level * math.exp(value * self._usual)) for value in stroke(self._name, begin, end)))
        # The same for all of a session, or its parts would not add up; none has 22:00 UTC inside.
        years = max(self._expiry - (begin + _LATE_S) // _DAY * _DAY, _DAY) / _YEAR
        call = i.right == "C"
        spots = self._underlying._fair(begin, end)  # noqa: SLF001 - the same kind of object
        prices = [max(self._tick, option_price(spot=spot, strike=float(i.strike), years=years, call=call)) for spot in spots]
        opened, high, low, closed = prices
        return Stroke(opened, max(high, low), min(high, low), closed)

    def _traded(self, times: Sequence[tuple[int, int]]) -> tuple[int, int]:
        if not self.instrument.has_volume:
            return 0, 0
        if self.instrument.fate is Fate.QUIET:
            return 0, 0
        count = sum(trades_until(self._name, end) - trades_until(self._name, begin) for begin, end in times)
        return count * max(1, self.instrument.lot) * _LOTS_A_TRADE, count
