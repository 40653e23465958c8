"""The book of an instrument: what is bid and asked, price by price."""

from typing import Literal

from ibactors.model.instruments import Named
from ibactors.model.times import Value

Number = float | int


class DepthRow(Value, frozen=True, kw_only=True, gc=False):
    """One row of one side."""

    price: float
    """What is bid or asked."""
    size: Number
    """How much at that price: shares, contracts or units."""
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
    """The highest price first."""
    asks: tuple[DepthRow, ...]
    """The lowest price first."""
    timestamp: str
    """When its newest row arrived."""


class DepthReset(Named, frozen=True, kw_only=True, tag_field="type", tag="reset"):
    """IB has thrown the book away (317); it comes anew."""

    channel: Literal["depth"] = "depth"
    smart: bool
    """Whether the book is put together from all exchanges."""
    sequence: int
    """One more than that of the change before."""
    timestamp: str
    """When the book was thrown away."""


class DepthStale(Named, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """A book stopped; what was shown before must not be taken for current."""

    channel: Literal["depth"] = "depth"
    smart: bool
    """Whether the book is put together from all exchanges."""
    code: str
    """Why its data stopped, for programs."""
    reason: str
    """The same in words."""
    since: str
    """From when on what was shown is not current."""
