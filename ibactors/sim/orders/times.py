"""When an order works: dates as clients write them, the next opening of its market, the end of its day."""

import datetime as dt

from ibactors.sim.market import hours
from ibactors.sim.orders.life import Order
from ibactors.sim.wire import datetimes

GATEWAY_ZONE = "UTC"
_LOOK = dt.timedelta(days=7)


def parse_moment(text: str) -> dt.datetime | None:
    """The moment that a text means, midnight for a bare date; None for nonsense."""
    bare = text.strip()
    try:
        return datetimes.parse(f"{bare} 00:00:00" if len(bare) == 8 else bare, GATEWAY_ZONE)
    except ValueError:
        return None


def opening(order: Order, now: dt.datetime) -> dt.datetime | None:
    """When the market of a new order opens next; None when it is open."""
    opens, _ = _session(order, now)
    return opens if opens > now else None


def next_opening(order: Order, now: dt.datetime) -> dt.datetime:
    """When the order's market opens for the next time, though it may be open now."""
    i = order.legs[0].instrument
    found = hours.spans(i.trading_hours, i.time_zone, now, now + _LOOK, regular=True)
    return next((opens for _, (opens, _) in found if opens > now), now)


def expiry(order: Order, now: dt.datetime) -> dt.datetime | None:
    """When an order that is not filled ends by itself: a date, the end of its day, or never."""
    match order.ticket.tif:
        case "GTD":
            return parse_moment(order.ticket.echo["goodTillDate"])
        case "DAY":
            _, closes = _session(order, now)
            return closes
        case _:
            return None


def _session(order: Order, now: dt.datetime) -> hours.Span:
    """The present session of the order's market, or the next."""
    i = order.legs[0].instrument
    regular = order.kind.regular_only or order.ticket.echo["outsideRth"] != "1"
    found = hours.spans(i.trading_hours, i.time_zone, now, now + _LOOK, regular=regular)
    return next((span for _, span in found), (now, now + _LOOK))
