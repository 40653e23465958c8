"""The book of an instrument: what is bid and asked, price by price."""

from typing import Literal

from ibactors.model.instruments import Named
from ibactors.model.times import Value

Number = float | int


class DepthRow(Value, frozen=True, kw_only=True, gc=False):
    """One row of one side."""

    price: float
    size: Number
    maker: str | None
    """The exchange or market maker; null where IB names none."""


class Depth(Named, frozen=True, kw_only=True, tag_field="type", tag="depth"):
    """A whole book, best rows first, as it is after the newest packet."""

    channel: Literal["depth"] = "depth"
    smart: bool
    """Whether it is put together from all exchanges."""
    sequence: int
    """Rises with each change, also with those that nobody was sent."""
    bids: tuple[DepthRow, ...]
    asks: tuple[DepthRow, ...]
    timestamp: str
    """When its newest row arrived."""


class DepthReset(Named, frozen=True, kw_only=True, tag_field="type", tag="reset"):
    """IB has thrown the book away (317); it comes anew."""

    channel: Literal["depth"] = "depth"
    smart: bool
    sequence: int
    timestamp: str


class DepthStale(Named, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """A book stopped; what was shown before must not be taken for current."""

    channel: Literal["depth"] = "depth"
    smart: bool
    code: str
    reason: str
    since: str
