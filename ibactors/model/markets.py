"""Whether a contract's market is open, and how old the values of a quote may be: from the hours that IB tells of the contract.

Both are said of a moment, by the gateway's clock. What IB does not tell, or tells in a way that cannot be read, is unknown and not
guessed.
"""

import enum
from dataclasses import dataclass
from datetime import UTC, datetime

from ibactors.model.hours import Hours, parse_hours
from ibactors.model.times import rfc3339

_NIGHT_BEGINS, _NIGHT_ENDS = 20, 4
"""Hours on the exchange's clock between which trading outside the regular hours is called overnight."""
_LOOK_AGAIN = 3600.0
"""Seconds for which an answer without an end holds."""


class Market(enum.StrEnum):
    """What a market is doing."""

    OPEN = "open"
    """In regular hours (IB's liquid hours)."""
    PRE = "pre"
    """Before them."""
    POST = "post"
    """After them."""
    OVERNIGHT = "overnight"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class MarketHours:
    """When one contract trades at all, and when in regular hours."""

    trading: Hours
    liquid: Hours

    def at(self, seconds: float) -> tuple[Market | None, float]:
        """What the market does at a Unix time, None where that is unknown; and until when that is so."""
        moment = datetime.fromtimestamp(seconds, UTC)
        edges = [edge for hours in (self.trading, self.liquid) for span in hours.spans for edge in (span.opens, span.closes)]
        nights = [edge for span in self.trading.spans if moment in span for edge in _nights(span.opens, moment)]
        later = [edge.timestamp() for edge in (*edges, *nights) if edge > moment]
        return self._state(moment), min([*later, seconds + _LOOK_AGAIN])

    def _state(self, moment: datetime) -> Market | None:
        trades = self.trading.is_open(moment)
        if not trades:
            return None if trades is None else Market.CLOSED
        if self.liquid.is_open(moment):
            return Market.OPEN
        [day, zone] = next((span.day, span.opens.tzinfo) for span in self.trading.spans if moment in span)
        clock = moment.astimezone(zone)
        if clock.hour >= _NIGHT_BEGINS or clock.hour < _NIGHT_ENDS:
            return Market.OVERNIGHT
        regular = [span for span in self.liquid.spans if span.day == day]
        if not regular:
            return None  # it trades on a day without regular hours, and what to call that is not known
        return Market.PRE if any(moment < span.opens for span in regular) else Market.POST

    def last_close(self, seconds: float) -> str | None:
        """When the last session before a Unix time ended; None where it is not told."""
        closes = [span.closes.timestamp() for span in self.trading.spans if span.closes.timestamp() <= seconds]
        return rfc3339(max(closes)) if closes else None


def _nights(opens: datetime, moment: datetime) -> list[datetime]:
    """When the night begins and ends on the day of a moment, on the clock that a session opens by."""
    clock = moment.astimezone(opens.tzinfo)
    return [clock.replace(hour=hour, minute=0, second=0, microsecond=0) for hour in (_NIGHT_ENDS, _NIGHT_BEGINS)]


def market_hours(trading: str, liquid: str, zone: str) -> MarketHours | None:
    """What IB tells of a contract's hours (message 10); None where it tells nothing or what it tells cannot be read."""
    try:
        hours = parse_hours(trading, zone)
        return MarketHours(hours, parse_hours(liquid, zone) if liquid.strip() else hours) if hours.spans or hours.closed else None
    except (ValueError, OverflowError):
        return None


def known_until(market: Market | None, *, arrived: str, is_past: bool, last_trade: str | None, last_close: str | None) -> str | None:
    """Up to when values that arrived at a time are known to be current, or were last traded; None where nobody can tell.

    *is_past* says that they were of the past when they came: delayed, frozen, or without a bid and an ask to trade at.
    """
    if market is Market.CLOSED:
        return last_trade or last_close
    return last_trade if is_past else arrived
