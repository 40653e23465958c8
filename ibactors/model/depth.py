"""The book of an instrument: what is bid and asked, price by price; whole, or what has changed in it."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
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


class RowChange(Value, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One step from one book to a later one."""

    operation: Literal["insert", "update", "delete"]
    """What is done at that place: `insert` moves that row and those behind it back by one, `delete` moves those behind it forward."""
    place: int
    """Which row, when the changes before this one are made; the best has 0."""
    price: float | None = None
    """Of the row that is there from now on; this and the next two are left out with `delete`."""
    size: Number | None = None
    """How much at that price: shares, contracts or units."""
    maker: str | None = None
    """The exchange or market maker; left out where IB names none."""


class DepthDelta(Value, frozen=True, kw_only=True, tag_field="type", tag="delta"):
    """What makes the book that was sent last into the present one."""

    channel: Literal["depth"] = "depth"
    symbol: str
    """As in the book."""
    con_id: int
    """As in the book."""
    exchange: str | None
    """As in the book."""
    smart: bool
    """Whether the book is put together from all exchanges."""
    sequence: int
    """Of the book as it is now."""
    previous: int
    """The `sequence` of the book that it is made of."""
    bids: tuple[RowChange, ...]
    """To be made in order; none where the side is the same."""
    asks: tuple[RowChange, ...]
    """To be made in order; none where the side is the same."""
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


def delta(old: Depth, new: Depth) -> DepthDelta:
    """What makes *old* into *new*, a later book of the same instrument."""
    return DepthDelta(
        symbol=new.symbol or "",
        con_id=new.con_id or 0,
        exchange=new.exchange,
        smart=new.smart,
        sequence=new.sequence,
        previous=old.sequence,
        bids=tuple(_steps(old.bids, new.bids)),
        asks=tuple(_steps(old.asks, new.asks)),
        timestamp=new.timestamp,
    )


def _steps(old: Sequence[DepthRow], new: Sequence[DepthRow]) -> Iterator[RowChange]:
    """From the best row on: before each step the rows up to its place are those of *new*."""
    for _, begin, end, place, until in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if old[begin:end] == new[place:until]:
            continue
        changed = min(end - begin, until - place)
        for at in range(place, until):
            row = new[at]
            operation: Literal["insert", "update"] = "update" if at < place + changed else "insert"
            yield RowChange(operation=operation, place=at, price=row.price, size=row.size, maker=row.maker)
        for _ in range(end - begin - changed):
            yield RowChange(operation="delete", place=until)
