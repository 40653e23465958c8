"""Where orders meet the market: triggers, trails and fills against the sizes that the book displays.

The floor watches every instrument that has a working order and tries them in the order of their arrival, when they come and whenever the
market moves. What one order took is gone until the market moves again, so a large order fills in parts. All of it follows from the seed of
the market.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.market import Market
from ibactors.sim.market.ticks import Change
from ibactors.sim.orders.kinds import Limit, Trigger
from ibactors.sim.orders.life import Order


class Clerk(Protocol):
    """The order book as the floor sees it."""

    def filled(self, order: Order, size: int, prices: list[float]) -> None:
        """Book an execution at a price for each leg."""

    def elected(self, order: Order) -> None:
        """Take note that a stop has been triggered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The top of the book; None where there is no price."""

    bid: float | None
    ask: float | None
    bid_size: int
    ask_size: int
    last: float | None

    @property
    def mid(self) -> float | None:
        """The price between bid and ask."""
        return None if self.bid is None or self.ask is None else round((self.bid + self.ask) / 2, 8)

    def touch(self, *, buys: bool) -> tuple[float | None, int]:
        """The price and the size that a market order meets."""
        return (self.ask, self.ask_size) if buys else (self.bid, self.bid_size)


class Floor:
    """All working orders by instrument."""

    def __init__(self, market: Market, clerk: Clerk, suspended: Callable[[Order], bool]) -> None:
        self._market = market
        self._clerk = clerk
        self._suspended = suspended
        self._pits: dict[int, _Pit] = {}

    def enter(self, order: Order) -> None:
        """Let an order work, and try at once what the market has for it."""
        for leg in order.legs:
            pit = self._pits.get(leg.instrument.con_id)
            if pit is None:
                pit = self._pits[leg.instrument.con_id] = _Pit(self, leg.instrument)
                self._market.watch(leg.instrument, pit)
            if order not in pit.orders:
                pit.orders.append(order)
        self.attempt(order)

    def leave(self, order: Order) -> None:
        """Stop working an order; does nothing if it was not working."""
        for leg in order.legs:
            pit = self._pits.get(leg.instrument.con_id)
            if pit is None or order not in pit.orders:
                continue
            pit.orders.remove(order)
            if not pit.orders:
                del self._pits[leg.instrument.con_id]
                self._market.unwatch(leg.instrument, pit)

    def attempt(self, order: Order) -> None:
        """Trigger and fill an order as far as the market allows now."""
        if self._suspended(order) or any(self._market.walk(leg.instrument).halted for leg in order.legs):
            return
        if order.waits_for_trigger:
            quote = self.quote(order.instrument)
            _trail(order, quote)
            if not _is_elected(order, quote):
                return
            order.triggered = True
            self._clerk.elected(order)
        prices, size = self._offered(order)
        if size <= 0 or not self.accepts(order, prices):
            return
        if size < order.remaining and (order.ticket.echo["allOrNone"] == "1" or order.ticket.tif == "FOK"):
            return
        for leg in order.legs:
            taken, buys = self._pits[leg.instrument.con_id].taken, leg.buys == order.buys
            taken[buys] = taken.get(buys, 0) + size * leg.ratio
        self._clerk.filled(order, size, prices)

    def accepts(self, order: Order, prices: Sequence[float]) -> bool:
        """Whether an order takes a price for each leg."""
        limit = _limit(order, self.quote(order.legs[0].instrument))
        price = net_price(order, prices)
        return limit is None or (price <= limit if order.buys else price >= limit)

    def _offered(self, order: Order) -> tuple[list[float], int]:
        """The price of each leg and how many units the book has left for the order at these prices."""
        prices, size = [], order.remaining
        for leg in order.legs:
            buys = leg.buys == order.buys
            quote = self.quote(leg.instrument)
            price, displayed = quote.touch(buys=buys)
            if order.kind.limit in (Limit.MID, Limit.MID_CAPPED):
                # Somebody who is not displayed meets it in the middle.
                price = quote.mid
            if price is None:
                return [], 0
            prices.append(price)
            left = displayed - self._pits[leg.instrument.con_id].taken.get(buys, 0)
            size = min(size, left // leg.ratio)
        return prices, size

    def quote(self, instrument: Instrument) -> Quote:
        """The present top of the book."""
        walk = self._market.walk(instrument)
        bid, ask, last = (_price(walk.text(ticks)) for ticks in (walk.bid, walk.ask, walk.last))
        has_last = instrument.has_trades
        return Quote(bid=bid, ask=ask, bid_size=walk.bid_size, ask_size=walk.ask_size, last=last if has_last else None)


class _Pit:
    """The working orders of one instrument; the market tells it of every change."""

    is_line = False
    hears_all = False

    def __init__(self, floor: Floor, instrument: Instrument) -> None:
        self.instrument = instrument
        self.orders: list[Order] = []
        self.taken: dict[bool, int] = {}
        self._floor = floor

    def moved(self, change: Change) -> None:  # noqa: ARG002 - the floor looks at the whole book
        """Try every order at the new market."""
        self.taken.clear()
        for order in tuple(self.orders):
            # An order before may have cancelled this one, as members of one OCA group do.
            if order in self.orders:
                self._floor.attempt(order)


def net_price(order: Order, prices: Sequence[float]) -> float:
    """The price of one unit from those of its legs."""
    return round(sum(price * leg.signed for price, leg in zip(prices, order.legs, strict=True)), 8)


def initial_stop(order: Order, quote: Quote) -> float | None:
    """Where the stop of a new or changed order is; None for orders without one."""
    ticket = order.ticket
    if order.kind.trigger is None:
        return None
    if "TRAIL" not in ticket.order_type:
        return ticket.aux
    reference = _reference(order, quote)
    return ticket.trail_stop or (None if reference is None else _trailed(order, reference))


def _trail(order: Order, quote: Quote) -> None:
    reference = _reference(order, quote)
    if "TRAIL" not in order.ticket.order_type or reference is None:
        return
    candidate = _trailed(order, reference)
    if order.stop is None:
        order.stop = candidate
    else:
        order.stop = min(order.stop, candidate) if order.buys else max(order.stop, candidate)


def _trailed(order: Order, reference: float) -> float:
    ticket = order.ticket
    distance = ticket.aux or reference * (ticket.trail_percent or 0.0) / 100
    return round(reference + distance if order.buys else reference - distance, 8)


def _reference(order: Order, quote: Quote) -> float | None:
    """The price that triggers: the last trade, or the near side of the book where trades are not reported."""
    if quote.last is not None:
        return quote.last
    return quote.ask if order.buys else quote.bid


def _is_elected(order: Order, quote: Quote) -> bool:
    reference = _reference(order, quote)
    if reference is None or order.stop is None:
        return False
    rises = order.buys == (order.kind.trigger is Trigger.ADVERSE)
    return reference >= order.stop if rises else reference <= order.stop


def _limit(order: Order, quote: Quote) -> float | None:
    """The worst price that an order takes, None for any."""
    own = order.ticket.limit or None
    match order.kind.limit:
        case Limit.NONE | Limit.MID:
            return None
        case Limit.OWN:
            return order.ticket.limit
        case Limit.MID_CAPPED:
            return own
        case Limit.FIRST_FILL:
            return order.fills[0].price if order.fills else None
        case Limit.NEAR_CAPPED:
            return _near(order, quote, own)
        case Limit.TRAILING:
            return _trailing_limit(order)


def _near(order: Order, quote: Quote, cap: float | None) -> float | None:
    """The near side of the book, better by the order's offset and no worse than its cap."""
    touch, offset = quote.bid if order.buys else quote.ask, order.ticket.aux or 0.0
    if touch is None:
        return cap
    pegged = touch + offset if order.buys else touch - offset
    return pegged if cap is None else min(pegged, cap) if order.buys else max(pegged, cap)


def _trailing_limit(order: Order) -> float | None:
    if order.stop is None:
        return None
    ticket = order.ticket
    offset = float(ticket.echo["lmtPriceOffset"] or 0)
    if not offset and ticket.limit is not None and ticket.trail_stop is not None:
        offset = abs(ticket.limit - ticket.trail_stop)
    return order.stop + offset if order.buys else order.stop - offset


def _price(text: str) -> float | None:
    return None if text.startswith("-") else float(text)
