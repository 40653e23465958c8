"""Generic ticks: what a market data request asks for by number, beyond top of book and last trade."""

import datetime as dt
import random
from collections.abc import Callable, Iterator

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.ticks import Change, size_for
from ibactors.sim.market.walk import Field, PriceWalk
from ibactors.sim.wire.frames import frame

_PRICE, _SIZE, _GENERIC, _STRING = 1, 2, 45, 46
_RT_VOLUME = {"233": 48, "375": 77}
_TRADE_COUNT = 54

Tick = tuple[int, int, str]


class Generics:
    """The generic ticks of one line: all of them at first, then those that change with trades."""

    def __init__(self, request_id: int, version: int, walk: PriceWalk, wanted: frozenset[str], seed: int) -> None:
        self._request_id = request_id
        self._version = version
        self._walk = walk
        self._wanted = wanted
        self._dice = random.Random(f"{seed}:{walk.instrument.con_id}:generic")
        self._trades = self._dice.randrange(500, 5000)

    def first(self, now: dt.datetime) -> list[bytes]:
        """What is known when the line begins."""
        ticks = [t for name, make in _MAKERS.items() if name in self._wanted for t in make(self)]
        return [*(self._frame(*t) for t in ticks), *self._of_trade(now)]

    def then(self, change: Change, now: dt.datetime) -> list[bytes]:
        """What a change of the market changes."""
        if Field.LAST not in change.fields or not self._walk.instrument.has_volume:
            return []
        self._trades += 1
        return self._of_trade(now)

    def _of_trade(self, now: dt.datetime) -> list[bytes]:
        walk = self._walk
        if not walk.instrument.has_volume:
            return []
        frames = []
        for name, tick_type in _RT_VOLUME.items():
            if name in self._wanted:
                size, volume = self._shares(walk.last_size), self._shares(walk.volume)
                middle = (walk.high + walk.low + walk.last) / 3
                text = f"{walk.text(walk.last)};{size};{int(now.timestamp() * 1000)};{volume};{walk.text(round(middle))};true"
                frames.append(self._frame(_STRING, tick_type, text))
        if "293" in self._wanted:
            frames.append(self._frame(_GENERIC, _TRADE_COUNT, str(self._trades)))
        return frames

    def _frame(self, message: int, tick_type: int, value: str) -> bytes:
        rest = (0, 0) if message == _PRICE else ()
        return frame(message, 6, self._request_id, tick_type, value, *rest)

    def _shares(self, size: int) -> int:
        return size_for(self._version, self._walk.instrument, size)

    def size(self, tick_type: int, lowest: int, highest: int) -> Tick:
        """A size tick of some hundreds."""
        return _SIZE, tick_type, str(self._shares(self._dice.randrange(lowest, highest) * 100))

    def price(self, tick_type: int, share: float) -> Tick:
        """A price tick that is a share of yesterday's close."""
        return _PRICE, tick_type, self._walk.text(round(self._walk.close * share))

    def number(self, tick_type: int, value: float) -> Tick:
        """A generic tick."""
        return _GENERIC, tick_type, f"{value:.6g}"

    def mark(self) -> Iterator[Tick]:
        """The mark price."""
        yield _PRICE, 37, self._walk.text(self._walk.last if self._walk.instrument.has_trades else (self._walk.bid + self._walk.ask) // 2)

    def statistics(self) -> Iterator[Tick]:
        """Lows and highs of 13, 26 and 52 weeks, and the average volume."""
        for low, high, share in ((15, 16, 0.06), (17, 18, 0.11), (19, 20, 0.19)):
            yield self.price(low, 1 - share)
            yield self.price(high, 1 + share)
        if self.instrument.has_volume:
            yield self.size(21, 20_000, 90_000)

    @property
    def instrument(self) -> Instrument:
        """What the line is on."""
        return self._walk.instrument

    def auction(self) -> Iterator[Tick]:
        """Volume, price and imbalance of the next auction."""
        yield self.size(34, 1, 90)
        yield self.price(35, 1.0)
        yield self.size(36, 1, 20)

    def option_sizes(self, call: int, put: int) -> Iterator[Tick]:
        """A size for calls and one for puts, where there are options; of an option its own, and nothing on the other side."""
        if self.instrument.is_option:
            own, other = (call, put) if self.instrument.right == "C" else (put, call)
            yield self.size(own, 1, 90)
            yield _SIZE, other, "0"
        elif self.instrument.has_options:
            yield self.size(call, 100, 900)
            yield self.size(put, 100, 900)

    def shortable(self) -> Iterator[Tick]:
        """How easily the stock is borrowed, and how many shares there are to borrow."""
        if self.instrument.sec_type == "STK":
            yield self.number(46, 3.0)
            yield self.size(89, 10_000, 90_000)

    def rates(self) -> Iterator[Tick]:
        """Volumes of the last three, five and ten minutes."""
        if self.instrument.has_volume:
            for tick_type, minutes in ((63, 3), (64, 5), (65, 10)):
                yield self.size(tick_type, 100 * minutes, 101 * minutes)


def _numbers(*ticks: tuple[int, float]) -> Callable[[Generics], Iterator[Tick]]:
    """Constant generic ticks."""

    def make(generics: Generics) -> Iterator[Tick]:
        yield from (generics.number(tick_type, value) for tick_type, value in ticks)

    return make


def _stock_only(make: Callable[[Generics], Iterator[Tick]]) -> Callable[[Generics], Iterator[Tick]]:
    def limited(generics: Generics) -> Iterator[Tick]:
        if generics.instrument.sec_type == "STK":
            yield from make(generics)

    return limited


def _string(tick_type: int, text: str) -> Callable[[Generics], Iterator[Tick]]:
    def make(_: Generics) -> Iterator[Tick]:
        yield _STRING, tick_type, text

    return make


_MAKERS: dict[str, Callable[[Generics], Iterator[Tick]]] = {
    "100": lambda g: g.option_sizes(29, 30),
    "101": lambda g: g.option_sizes(27, 28),
    "104": _stock_only(_numbers((23, 0.27))),
    "105": lambda g: iter([g.size(87, 500, 900)] if g.instrument.has_options else []),
    "106": _stock_only(_numbers((24, 0.28))),
    "165": Generics.statistics,
    "221": Generics.mark,
    "232": Generics.mark,
    "225": lambda g: g.auction() if g.instrument.sec_type == "STK" else iter(()),
    "236": Generics.shortable,
    "258": _stock_only(_string(47, "MKTCAP=1000000;NHIG=260.10;NLOW=164.08")),
    "294": _numbers((55, 24.0)),
    "295": _numbers((56, 4800.0)),
    "318": lambda g: iter([g.price(57, 1.0)] if g.instrument.has_trades else []),
    "411": _stock_only(_numbers((58, 0.26))),
    "456": _stock_only(_string(59, "0.96,1.00,20270209,0.25")),
    "588": lambda g: iter([g.size(86, 10_000, 90_000)] if g.instrument.sec_type == "FUT" else []),
    "595": Generics.rates,
}
