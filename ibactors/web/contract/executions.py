"""An execution as clients see it: of an order of ours, or of what was traded elsewhere."""

from decimal import Decimal

import msgspec

from ibactors.model.times import rfc3339
from ibactors.orders.executed import Gap
from ibactors.orders.fills import Fill


class ExecutionShown(msgspec.Struct, frozen=True, kw_only=True):
    """One execution in its newest revision."""

    execution_id: str
    """IB's. A correction has the same up to the last dot, and a higher number behind it."""
    order_id: str | None
    """Null for what was traded elsewhere."""
    client_order_id: str | None
    account: str
    source: str
    """`ibactors`, or where it was traded: `manual`, `client:7`; `statement` where an imported statement alone tells of it."""
    con_id: int
    symbol: str | None
    """Null, as other texts, where IB tells none."""
    sec_type: str | None
    currency: str | None
    side: str | None
    quantity: Decimal
    """How many were traded: shares, contracts or units."""
    price: Decimal
    """Of one share, contract or unit, without the multiplier."""
    time: str
    """When it was traded, by IB."""
    exchange: str | None
    liquidity: str | None
    """Whether it `added` or `removed` liquidity, or was `routed`; null where IB does not say."""
    leg: bool
    """Of a leg of a combination: not part of the order's own quantity."""
    commission: Decimal | None
    """Null until IB has told it, which may be in the next session; below zero it is a rebate."""
    commission_currency: str | None
    """What the commission is in."""
    realized_pnl: Decimal | None
    """IB's figure of what this execution has realized; null until the commission is told, or where it has none."""


class GapShown(msgspec.Struct, frozen=True, kw_only=True, rename={"begin": "from", "end": "to"}):
    """A span within which executions may be missing."""

    account: str
    begin: str
    """From when on."""
    end: str
    """Until when."""


def gap_shown(gap: Gap) -> GapShown:
    """A gap."""
    return GapShown(account=gap.account, begin=rfc3339(gap.since), end=rfc3339(gap.until))


def execution_shown(fill: Fill, account: str | None, order_id: str | None, client_order_id: str | None) -> ExecutionShown:
    """A fill with whose it is."""
    return ExecutionShown(
        execution_id=fill.execution_id,
        order_id=order_id,
        client_order_id=client_order_id,
        account=account or "",
        source=fill.source,
        con_id=fill.con_id,
        symbol=fill.symbol or None,
        sec_type=fill.sec_type or None,
        currency=fill.currency or None,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        time=rfc3339(fill.time),
        exchange=fill.exchange or None,
        liquidity=fill.liquidity,
        leg=fill.leg,
        commission=fill.commission,
        commission_currency=fill.commission_currency,
        realized_pnl=fill.realized,
    )
