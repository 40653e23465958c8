"""What an order says: the terms as they are sent, complete and canonical. Money and quantities are Decimal, never binary floats."""

import enum
from datetime import datetime
from decimal import Decimal

from ibactors.model.times import Value


class Side(enum.StrEnum):
    """Which way; IB's `action` is the same word in capitals."""

    BUY = "buy"
    SELL = "sell"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(enum.StrEnum):
    """Types of order, by the words of the API; `IB_TYPES` has IB's."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    TRAILING_STOP_LIMIT = "trailing_stop_limit"
    MARKET_ON_CLOSE = "market_on_close"
    LIMIT_ON_CLOSE = "limit_on_close"
    MARKET_TO_LIMIT = "market_to_limit"
    MARKET_IF_TOUCHED = "market_if_touched"
    LIMIT_IF_TOUCHED = "limit_if_touched"
    MIDPRICE = "midprice"
    RELATIVE = "relative"
    PEGGED_TO_MIDPOINT = "pegged_to_midpoint"
    SNAP_TO_MIDPOINT = "snap_to_midpoint"
    SNAP_TO_MARKET = "snap_to_market"


IB_TYPES = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
    OrderType.TRAILING_STOP: "TRAIL",
    OrderType.TRAILING_STOP_LIMIT: "TRAIL LIMIT",
    OrderType.MARKET_ON_CLOSE: "MOC",
    OrderType.LIMIT_ON_CLOSE: "LOC",
    OrderType.MARKET_TO_LIMIT: "MTL",
    OrderType.MARKET_IF_TOUCHED: "MIT",
    OrderType.LIMIT_IF_TOUCHED: "LIT",
    OrderType.MIDPRICE: "MIDPRICE",
    OrderType.RELATIVE: "REL",
    OrderType.PEGGED_TO_MIDPOINT: "PEG MID",
    OrderType.SNAP_TO_MIDPOINT: "SNAP MID",
    OrderType.SNAP_TO_MARKET: "SNAP MKT",
}

LIMIT_PRICED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.LIMIT_ON_CLOSE, OrderType.LIMIT_IF_TOUCHED})
"""Types whose limit IB echoes as it was sent; elsewhere `lmtPrice` is a cap that it may drop, or a number that nobody sent."""
STOP_PRICED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
"""Types whose trigger stays where it was put. A trailing stop moves by itself."""


class TimeInForce(enum.StrEnum):
    """How long an order stays."""

    DAY = "day"
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    OPG = "opg"
    GTD = "gtd"


class Session(enum.StrEnum):
    """Which hours an order may trade in."""

    REGULAR = "regular"
    EXTENDED = "extended"
    OVERNIGHT = "overnight"


class OcaType(enum.StrEnum):
    """What a fill does to the others of its group, in IB's numbering from 1."""

    CANCEL_WITH_BLOCK = "cancel_with_block"
    REDUCE_WITH_BLOCK = "reduce_with_block"
    REDUCE = "reduce"


class Leg(Value, frozen=True, kw_only=True):
    """One leg of a combination (BAG)."""

    con_id: int
    ratio: int
    side: Side
    exchange: str = "SMART"
    open_close: str = "same"


class Algo(Value, frozen=True, kw_only=True):
    """One of IB's strategies and its parameters, by IB's own names."""

    strategy: str
    params: dict[str, str] = {}  # noqa: RUF012  # msgspec copies empty defaults


class Condition(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One condition of sending or cancelling, of any kind; which members a kind has is in `conditions.py`."""

    kind: str
    """`price`, `time`, `margin`, `execution`, `volume` or `percent_change`; each needs members of its own."""
    con_id: int | None = None
    exchange: str | None = None
    above: bool | None = None
    """Whether it is met above the value; below it otherwise."""
    price: Decimal | None = None
    """Of the contract."""
    percent: Decimal | None = None
    """Of `percent_change`; of `margin` the cushion, whole."""
    volume: int | None = None
    """Of the contract."""
    time: datetime | None = None
    """It is met after this."""
    symbol: str | None = None
    sec_type: str | None = None
    trigger_method: int | None = None
    join: str = "and"
    """How it is joined to the next: `and` or `or`."""


class Oca(Value, frozen=True, kw_only=True):
    """Membership in a one-cancels-all group."""

    group: str
    type: OcaType = OcaType.CANCEL_WITH_BLOCK


class Terms(Value, frozen=True, kw_only=True, omit_defaults=True):
    """An order as it is sent, but for its identity."""

    account: str
    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    multiplier: Decimal = Decimal(1)
    price_magnifier: int = 1
    """What the exchange's prices are divided by for the currency: 100 for pence."""
    side: Side
    quantity: Decimal | None
    """None where IB computes it from `cash_quantity`."""
    cash_quantity: Decimal | None = None
    type: OrderType
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    trigger_method: int = 0
    time_in_force: TimeInForce
    good_till: datetime | None = None
    good_after: datetime | None = None
    session: Session = Session.REGULAR
    legs: tuple[Leg, ...] = ()
    guaranteed: bool = True
    algo: Algo | None = None
    conditions: tuple[Condition, ...] = ()
    conditions_cancel_order: bool = False
    conditions_ignore_rth: bool = False
    oca: Oca | None = None
    extra: dict[str, bool | int | str] = {}  # noqa: RUF012  # msgspec copies empty defaults
    """Further fields of IB's Order by its own names; decimals as text."""

    @property
    def is_combination(self) -> bool:
        """True for a BAG, whose executions are those of its own line and not of its legs."""
        return self.sec_type == "BAG"
