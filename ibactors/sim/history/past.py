"""The past of the market: a price for every instrument and second, the same on whichever day it is asked for.

The path is noise on several time scales, larger on longer scales; bars of any size come from one curve and therefore agree with each other.
Near the present it bends towards the live price, because the last bar of a chart has to meet the first tick. An option's past follows from
its underlying's.
"""

import datetime as dt
import math
import random
import zlib
from dataclasses import dataclass

from ibactors.sim.market.greeks import option_price
from ibactors.sim.market.instruments import Instrument, decimals
from ibactors.sim.market.market import Market

_DAY = 86_400
_SCALES = (400 * _DAY, 90 * _DAY, 20 * _DAY, 5 * _DAY, _DAY, 14_400, 3_600, 600, 120, 30, 5)
# How far a price strays on the scale of one day; grows and shrinks with the root of the time.
_DAILY = 0.009
_USUAL_VOLATILITY = 0.0004
_MEETING_S = 1800
# Bars that are older than this never change again.
_SETTLED_S = 6 * 3600
_YEAR = 365 * _DAY
_SAMPLES = 5
_ODD_LOTS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Prices and trades between two moments. Volume and count are -1 where there are no trades."""

    start: dt.datetime
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
    """The past of one instrument as seen at `now`."""

    def __init__(self, market: Market, instrument: Instrument, now: dt.datetime) -> None:
        self.instrument = instrument
        self._seed = market.seed
        self._tick = float(instrument.min_tick)
        self._now = now.timestamp()
        self._lattice: dict[tuple[int, int], float] = {}
        self._underlying: Past | None = None
        if instrument.sec_type == "OPT":
            self._underlying = Past(market, market.catalogue.by_con_id[instrument.under_con_id], now)
            expiry = dt.datetime.strptime(instrument.last_trade_date, "%Y%m%d").replace(tzinfo=dt.UTC)
            self._expiry = expiry.timestamp() + _DAY
        self._bend = 0.0
        # The curve runs through the catalogue's price at the market's beginning, where the live walk starts too.
        self._level = 1.0
        self._level = instrument.price / self.price(market.began.timestamp())
        model = self.price(self._now)
        self._bend = market.mark(instrument) / model - 1

    def price(self, epoch_s: float) -> float:
        """The fair price at a second, not rounded."""
        i = self.instrument
        age = self._now - epoch_s
        bend = 1 + self._bend * math.exp(-age / _MEETING_S) if age < _SETTLED_S else 1.0
        if self._underlying is not None:
            years = max(self._expiry - epoch_s, _DAY) / _YEAR
            spot = self._underlying.price(epoch_s)
            model = option_price(spot=spot, strike=float(i.strike), years=years, call=i.right == "C")
            return max(self._tick, model * bend)
        drift = sum(self._noise(n, scale, epoch_s) for n, scale in enumerate(_SCALES))
        return max(self._tick, i.price * math.exp(drift * i.volatility / _USUAL_VOLATILITY) * self._level * bend)

    def bar(self, start: dt.datetime, seconds: float, what: str) -> Bar:
        """The bar of `seconds` from `start` on."""
        begin = start.timestamp()
        end = min(begin + seconds, max(self._now, begin + 1))
        # Bars that touch share their sample: one opens where the other closed.
        times = [begin + (end - begin) * n / (_SAMPLES - 1) for n in range(_SAMPLES)]
        prices = [self.quoted(self.price(t), what) for t in times]
        if what == "BID_ASK":
            half = self.half_spread
            prices = [p - half for p in prices[:-1]] + [prices[-1] + half]
            top, bottom = max(prices[:-1]) + 2 * half, min(prices[:-1])
        else:
            top, bottom = max(prices), min(prices)
        volume, count = self._traded(begin, end - begin) if what in ("TRADES", "ADJUSTED_LAST") else (-1, -1)
        average = sum(prices) / _SAMPLES if count >= 0 else -1.0
        return Bar(start=start, open=prices[0], high=top, low=bottom, close=prices[-1], average=average, volume=volume, count=count)

    def quoted(self, price: float, what: str) -> float:
        """A fair price as a bid, an ask, a trade or the middle."""
        if what in ("BID", "ASK"):
            price += self.half_spread * (1 if what == "ASK" else -1)
        step = self._tick / 2 if what == "MIDPOINT" else self._tick
        return max(step, round(price / step) * step)

    @property
    def half_spread(self) -> float:
        """Half of the usual distance between bid and ask, a whole number of ticks."""
        return max(1, self.instrument.spread // 2) * self._tick

    def text(self, price: float, *, finer: int = 0) -> str:
        """A price with the decimals of the instrument, or some more."""
        return f"{price:.{decimals(self.instrument.min_tick) + finer}f}"

    def ticks_of(self, epoch_s: int) -> list[PastTick]:
        """The trades of one second, none to three."""
        dice = random.Random(f"{self._seed}:{self.instrument.con_id}:{epoch_s}")
        return [self._past_tick(epoch_s, dice) for _ in range(dice.choice((0, 1, 1, 2, 3)))]

    def _past_tick(self, epoch_s: int, dice: random.Random) -> PastTick:
        fair = self.quoted(self.price(epoch_s), "TRADES")
        bid = max(self._tick, fair - self.half_spread)
        venues = self.instrument.exchanges[1:] or self.instrument.exchanges
        # A trade of less than a round lot of a stock does not set the last price.
        odd = self.instrument.sec_type == "STK" and dice.random() < _ODD_LOTS
        return PastTick(
            epoch_s=epoch_s,
            price=dice.choice((bid, fair, fair + self.half_spread)),
            bid=bid,
            ask=fair + self.half_spread,
            size=dice.randrange(1, 100) if odd else dice.randrange(1, 9) * max(1, self.instrument.lot),
            exchange=dice.choice(venues),
            odd=odd,
        )

    def _traded(self, begin: float, seconds: float) -> tuple[int, int]:
        if not self.instrument.has_volume:
            return 0, 0
        count = max(1, round(seconds * (0.4 + self._unit(97, int(begin)))))
        return count * max(1, self.instrument.lot) * 2, count

    def _noise(self, number: int, scale: int, epoch_s: float) -> float:
        position = epoch_s / scale
        index = math.floor(position)
        share = position - index
        share = share * share * (3 - 2 * share)
        left, right = self._knot(number, index), self._knot(number, index + 1)
        return (left + (right - left) * share) * _DAILY * math.sqrt(min(scale, 90 * _DAY) / _DAY)

    def _knot(self, number: int, index: int) -> float:
        known = self._lattice.get((number, index))
        if known is None:
            known = self._lattice[number, index] = 2 * self._unit(number, index) - 1
        return known

    def _unit(self, number: int, index: int) -> float:
        return zlib.crc32(f"{self._seed}:{self.instrument.con_id}:{number}:{index}".encode()) / 2**32
