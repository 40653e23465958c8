"""Order types as data: what elects each of them, what its limit follows, when it works and what it may be used for.

An entry here is all that a new type needs, unless it follows a price that no other one does. Sources: the descriptions of order types of
IB, and what a paper account was seen to take and refuse.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Limit(enum.Enum):
    """What the worst acceptable price is; CAPPED ones follow the market, and stop at the order's own limit price."""

    NONE = "none"
    OWN = "own"
    TRAILING = "trailing"
    NEAR_CAPPED = "near side of the book"
    MID_CAPPED = "midpoint, up to the limit price"
    MID = "midpoint"
    FIRST_FILL = "price of the first fill"


class Trigger(enum.Enum):
    """On which side of the market an order waits for its stop: a buy stop above it, a buy if touched below."""

    ADVERSE = "adverse"
    FAVOURABLE = "favourable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One order type. `sec_types` is empty for all of them; `regular_only` ignores outsideRth, with warning 2109 where IB gives it."""

    limit: Limit = Limit.NONE
    trigger: Trigger | None = None
    at_close: bool = False
    sec_types: tuple[str, ...] = ()
    smart_only: bool = False
    regular_only: bool = False


_LISTED = ("STK", "OPT", "FUT")
KINDS: Mapping[str, Kind] = {
    "MKT": Kind(),
    "LMT": Kind(limit=Limit.OWN),
    "STP": Kind(trigger=Trigger.ADVERSE),
    "STP LMT": Kind(limit=Limit.OWN, trigger=Trigger.ADVERSE),
    "TRAIL": Kind(trigger=Trigger.ADVERSE),
    "TRAIL LIMIT": Kind(limit=Limit.TRAILING, trigger=Trigger.ADVERSE),
    "MIT": Kind(trigger=Trigger.FAVOURABLE, regular_only=True),
    "LIT": Kind(limit=Limit.OWN, trigger=Trigger.FAVOURABLE),
    "MTL": Kind(limit=Limit.FIRST_FILL, sec_types=_LISTED, regular_only=True),
    "MOC": Kind(at_close=True, sec_types=("STK",), regular_only=True),
    "LOC": Kind(limit=Limit.OWN, at_close=True, sec_types=("STK",), regular_only=True),
    "MIDPRICE": Kind(limit=Limit.MID_CAPPED, sec_types=("STK",), smart_only=True),
    "PEG MID": Kind(limit=Limit.MID_CAPPED, sec_types=("STK",), smart_only=True),
    "SNAP MID": Kind(limit=Limit.MID, sec_types=("STK",)),
    "SNAP MKT": Kind(sec_types=("STK",)),
    "REL": Kind(limit=Limit.NEAR_CAPPED, sec_types=("STK", "OPT")),
}
