"""Ticks as they happen: each trade, quote or midpoint by itself, numbered, none left out."""

import enum
from typing import Any

from ibactors.model.bars import TickKind
from ibactors.model.times import Value

Number = float | int


class LiveKind(enum.StrEnum):
    """What a tick is."""

    LAST = "last"
    """Trades as they are reported to the tape."""
    ALL_LAST = "all_last"
    """All trades, such as odd lots and combinations, too."""
    BID_ASK = "bid_ask"
    MIDPOINT = "midpoint"

    @property
    def ib_name(self) -> str:
        """What IB calls it."""
        return {"last": "Last", "all_last": "AllLast", "bid_ask": "BidAsk", "midpoint": "MidPoint"}[self.value]

    @property
    def past(self) -> TickKind:
        """What past ticks of it are called."""
        return TickKind.TRADES if self in {LiveKind.LAST, LiveKind.ALL_LAST} else TickKind(self.value)


class LiveTick(Value, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="tick", gc=False):
    """One tick; it has the members of its kind."""

    symbol: str
    con_id: int
    kind: LiveKind
    """What tick it is."""
    sequence: int
    """One more than that of the tick before, of this instrument and kind; of a gap in between, if there is one."""
    t: str
    """The second in which it was, as IB says."""
    timestamp: str
    """When it arrived."""
    price: float | None = None
    """Of a trade or a midpoint."""
    size: Number | None = None
    """Of a trade: shares, contracts or units."""
    exchange: str | None = None
    conditions: str | None = None
    """Of a trade: IB's letters, such as `I` for an odd lot."""
    past_limit: bool | None = None
    """IB's pastLimit of a trade."""
    unreported: bool | None = None
    """Of a trade that is not reported to the tape, such as an odd lot (IB's unreported)."""
    bid: float | None = None
    ask: float | None = None
    bid_size: Number | None = None
    ask_size: Number | None = None
    bid_past_low: bool | None = None
    """Whether the bid is below the day's low."""
    ask_past_high: bool | None = None
    """Whether the ask is above the day's high."""
    backfill: bool = False
    """Whether it is of the past: IB did not send it when it happened, because of a break."""

    @property
    def essence(self) -> tuple[Any, ...]:
        """What tells it from others, live or past."""
        return (self.t, self.price, self.size, self.bid, self.ask, self.bid_size, self.ask_size)
