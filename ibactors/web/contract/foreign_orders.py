"""Orders of others, as clients see them: open ones of other API clients, and those entered by hand."""

from decimal import Decimal

from ibactors.model.times import Value, rfc3339
from ibactors.orders.evidence import OpenOrderSeen
from ibactors.orders.matching import ForeignOrder
from ibactors.orders.terms import IB_TYPES
from ibactors.web.contract.orders import InstrumentShown

_TYPES = {word: str(kind) for kind, word in IB_TYPES.items()}


class ForeignShown(Value, frozen=True, kw_only=True):
    """An open order that is not the service's, as far as IB's lists tell of it: it can be looked at, and is left alone."""

    order_id: str
    """`ext_` and IB's permanent id; until it has one `ext_7_12`, client and number; `ext_0`, which is no address, where it has neither."""
    source: str
    """`manual`, or the API client that placed it: `client:7`."""
    account: str
    instrument: InstrumentShown
    """What is traded."""
    side: str
    quantity: Decimal | None
    type: str
    """Type of the order, such as `limit`; IB's word for one that the service does not know."""
    limit_price: Decimal | None
    """As IB lists it: of a type without a limit it may be one that nobody sent."""
    stop_price: Decimal | None
    """IB's `auxPrice`: the trigger, or the distance of a trailing or pegged order."""
    time_in_force: str | None
    ib_status: str
    """In IB's word."""
    ib_order_id: int | None
    """Its number, within its client id; null or 0 where it has none."""
    order_ref: str
    """The orderRef that its program has given it."""
    as_of: str
    """When IB's lists were read: what happened to it since then is not known."""


UNADDRESSED = "ext_0"


def _id_of(seen: OpenOrderSeen) -> str:
    """No two have the same, but for those that IB has given no number at all."""
    if seen.perm_id:
        return f"ext_{seen.perm_id}"
    return f"ext_{seen.client_id or 0}_{seen.order_id}" if seen.order_id else UNADDRESSED


def foreign_shown(order: ForeignOrder) -> ForeignShown:
    """The row."""
    seen, echo = order.seen, order.seen.echo
    return ForeignShown(
        order_id=_id_of(seen),
        source=order.source,
        account=seen.account,
        instrument=InstrumentShown(
            con_id=echo.con_id, symbol=echo.symbol, sec_type=echo.sec_type, exchange=echo.exchange, currency=echo.currency
        ),
        side=echo.side,
        quantity=echo.quantity,
        type=_TYPES.get(echo.type, echo.type),
        limit_price=echo.limit_price,
        stop_price=echo.stop_price,
        time_in_force=None if echo.time_in_force is None else echo.time_in_force.lower(),
        ib_status=seen.status,
        ib_order_id=seen.order_id,
        order_ref=seen.order_ref,
        as_of=rfc3339(order.at),
    )
