"""The price of one instrument: a seeded, mean-reverting walk with a book, trades, and a day's statistics.

Prices are whole numbers of the minimum tick; therefore no rounding error reaches the wire. Every step changes something, because the rate
of updates is a promise to the clients.
"""

import enum
import math
import random
from collections.abc import Callable

from ibactors.sim.market.instruments import Instrument, decimals
from ibactors.sim.market.rules import coarser, snapped

_REVERSION = 0.01
_TRADE_PROBABILITY = 0.6
_NO_PRICE = -1


class Field(enum.Enum):
    """What a step can change; the order of the members is the order of the ticks."""

    BID = enum.auto()
    BID_SIZE = enum.auto()
    ASK = enum.auto()
    ASK_SIZE = enum.auto()
    TIME = enum.auto()
    LAST = enum.auto()
    LAST_SIZE = enum.auto()
    VOLUME = enum.auto()
    HIGH = enum.auto()
    LOW = enum.auto()
    CLOSE = enum.auto()
    OPEN = enum.auto()
    EXCHANGE = enum.auto()
    HALTED = enum.auto()


class PriceWalk:
    """The market of one instrument. `anchor`, if given, is the fair price it follows (an option's model)."""

    def __init__(
        self,
        instrument: Instrument,
        seed: int,
        epoch_s: int,
        anchor: Callable[[], float] | None = None,
    ) -> None:
        self.instrument = instrument
        self.frozen = False
        self.halted = False
        self.stepped_at = -math.inf
        self._random = random.Random(f"{seed}:{instrument.con_id}")
        self._tick = float(instrument.min_tick)
        self.decimals = decimals(instrument.min_tick)
        self._anchor = anchor
        # Most rules have one increment, which is the tick; this is the hottest path there is.
        self._grid = coarser(instrument.market_rule, instrument.min_tick)
        fair = anchor() if anchor is not None else instrument.price
        self._reference = fair
        self.close = self._ticks(fair)
        self.open = self._ticks(fair * (1 + self._random.gauss(0, 0.004)))
        self._drift = self.open / self.close - 1 if anchor is None else 0.0
        self.bid, self.ask, self.bid_size, self.ask_size = self._book()
        self.last = self.bid
        self.last_size = self._size()
        self.time = epoch_s
        self.high = max(self.open, self.last, self.ask)
        self.low = min(self.open, self.last, self.bid)
        self.volume = self._random.randrange(200, 20_000) * instrument.lot

    def step(self, epoch_s: int) -> set[Field]:
        """Move on by one update; returns what changed. A frozen or halted market stands still."""
        if self.frozen or self.halted:
            return set()
        noise = self._random.gauss(0, self.instrument.volatility)
        self._drift += noise - _REVERSION * self._drift
        before = (self.bid, self.ask, self.bid_size, self.ask_size)
        after = self._book()
        self.bid, self.ask, self.bid_size, self.ask_size = after
        fields = (Field.BID, Field.ASK, Field.BID_SIZE, Field.ASK_SIZE)
        changed = {f for f, old, new in zip(fields, before, after, strict=True) if old != new}
        if not self.instrument.has_book:
            changed = {Field.LAST}
            self._trade(self._ticks(self._fair()), changed, epoch_s)
        elif self._random.random() < _TRADE_PROBABILITY:
            self._trade(self._random.choice((self.bid, self.ask)), changed, epoch_s)
        if not changed:
            self.bid_size += self.instrument.lot
            changed.add(Field.BID_SIZE)
        return changed

    def look(self, epoch_s: int) -> set[Field]:  # noqa: ARG002  # prices that tell the time need it
        """All values as they are sent when a line begins or comes back; returns what there is."""
        return self.known()

    def fix(self, bid: float, ask: float, last: float, epoch_s: int) -> set[Field]:
        """Set exact prices, -1 for none, and stand still until `frozen` is reset."""
        prices = [self._exact(p) for p in (bid, ask, last)]
        self.frozen = True
        self.bid, self.ask, self.last = prices
        self.bid_size = 0 if self.bid == _NO_PRICE else max(self.bid_size, self.instrument.lot)
        self.ask_size = 0 if self.ask == _NO_PRICE else max(self.ask_size, self.instrument.lot)
        changed = {Field.BID, Field.BID_SIZE, Field.ASK, Field.ASK_SIZE}
        changed |= {Field.TIME, Field.LAST, Field.LAST_SIZE}
        self.time = epoch_s
        if self.last != _NO_PRICE:
            changed |= self._widen(self.last)
        return changed & self.known()

    def known(self) -> set[Field]:
        """Every field this kind of instrument has a tick for."""
        i = self.instrument
        fields = {Field.HIGH, Field.LOW, Field.CLOSE}
        if i.has_book:
            fields |= {Field.BID, Field.BID_SIZE, Field.ASK, Field.ASK_SIZE}
        if i.has_trades:
            fields |= {Field.LAST, Field.TIME, Field.OPEN}
        if i.has_volume:
            fields |= {Field.LAST_SIZE, Field.VOLUME, Field.HALTED}
        if i.sec_type == "STK":
            fields.add(Field.EXCHANGE)
        return fields

    def text(self, ticks: int) -> str:
        """A price as the wire has it."""
        if ticks == _NO_PRICE:
            return "-1.00"
        return f"{ticks * self._tick:.{self.decimals}f}"

    @property
    def mark(self) -> float:
        """The price that positions are valued with: last trade, or the middle of the book without trades."""
        if self.instrument.has_trades and self.last != _NO_PRICE:
            return self.last * self._tick
        if _NO_PRICE in (self.bid, self.ask):
            return self.close * self._tick
        return (self.bid + self.ask) / 2 * self._tick

    @property
    def close_price(self) -> float:
        """Yesterday's closing price."""
        return self.close * self._tick

    def _fair(self) -> float:
        base = self._anchor() if self._anchor is not None else self._reference
        # An option's own drift is spread noise only; its price comes from the underlying.
        return base * (1 + self._drift) if self._anchor is None else base

    def _book(self) -> tuple[int, int, int, int]:
        spread = max(1, self.instrument.spread + self._random.choice((-1, 0, 0, 0, 1, 2)))
        bid = max(1, self._ticks(self._fair()) - spread // 2)
        ask = bid + spread
        if self._grid:
            bid, ask = snapped(bid, self._grid), snapped(ask, self._grid)
            ask = ask if ask > bid else snapped(bid + self._grid[-1][1], self._grid)
        return bid, ask, self._size(), self._size()

    def _trade(self, price: int, changed: set[Field], epoch_s: int) -> None:
        self.last = price
        self.last_size = self._size()
        self.time = epoch_s
        if self.instrument.has_trades:
            changed |= {Field.LAST, Field.TIME}
        if self.instrument.has_volume:
            self.volume += self.last_size
            changed |= {Field.LAST_SIZE, Field.VOLUME}
        changed |= self._widen(price)

    def _widen(self, price: int) -> set[Field]:
        changed: set[Field] = set()
        if price > self.high:
            self.high = price
            changed.add(Field.HIGH)
        if price < self.low:
            self.low = price
            changed.add(Field.LOW)
        return changed

    def _size(self) -> int:
        return self._random.randrange(1, 12) * self.instrument.lot

    def _ticks(self, price: float) -> int:
        ticks = max(1, round(price / self._tick))
        return snapped(ticks, self._grid) if self._grid else ticks

    def _exact(self, price: float) -> int:
        if price == _NO_PRICE:
            return _NO_PRICE
        ticks = round(price / self._tick)
        if ticks < 1 or abs(ticks * self._tick - price) > self._tick / 1000:
            step = self.instrument.min_tick
            raise ValueError(f"{price} is not a price of {self.instrument.symbol}, whose step is {step}")
        return ticks
