"""What a client of a channel that skips nothing is told in place of what it did not get."""

from typing import Literal

import msgspec

from ibactors.model.instruments import Named

GapCode = Literal["slow_reader", "interrupted", "forgotten", "swamped"]
"""Why: the client did not read; IB's data stopped; what it missed is not kept any more; more came than is kept."""


class Gap(Named, frozen=True, kw_only=True, tag_field="type", tag="gap"):
    """Values of a channel that were not sent, and come no more."""

    channel: str
    kind: str | None = None
    """Of what kind they are, where the channel has several."""
    lost: int | None
    """How many; null where nobody can know, because IB did not send them."""
    begin: str = msgspec.field(name="from")
    """Time of the first that is lost, or of the last before it."""
    end: str = msgspec.field(name="to")
    """Time of the last that is lost, or of the first after it."""
    sequence: int
    """Of the last that is lost; the next value has one more. Where `lost` is null the gap itself has this number."""
    timestamp: str
    """When the gap was known."""
    code: GapCode
    """Why: the client did not read; IB's data stopped; what it missed is not kept any more; more came than is kept."""
