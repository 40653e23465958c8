"""Executions: what was traded, once each. A correction replaces what it corrects; a commission joins by the execution's id."""

from decimal import Decimal

from ibactors.model.times import Value
from ibactors.orders.evidence import CommissionSeen, ExecutionSeen
from ibactors.orders.terms import Side

UNSET = Decimal("1E300")
"""IB's "no value" is DBL_MAX, written in two ways; nothing real is as large."""
PENDING = Decimal(-1)
"""A commission of exactly -1 is not known yet; other negative ones are rebates."""

OURS = "ibactors"


class Fill(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One execution in its newest revision."""

    execution_id: str
    base: str
    revision: int
    quantity: Decimal
    price: Decimal
    time: float
    con_id: int
    symbol: str = ""
    sec_type: str = ""
    currency: str = ""
    side: Side | None = None
    source: str = OURS
    """Where it was traded: by an order of ours, or `manual`, or `client:7`."""
    exchange: str = ""
    liquidity: str | None = None
    leg: bool = False
    """Of a leg of a combination: shown, and never part of the order's own quantity."""
    commission: Decimal | None = None
    commission_currency: str | None = None
    realized: Decimal | None = None


def split_execution_id(execution_id: str) -> tuple[str, int]:
    """The part that corrections share, and the number behind its last dot (Execution class of IB's reference). No number counts as 0."""
    base, dot, last = execution_id.rpartition(".")
    if dot and last.isascii() and last.isdigit():
        return base, int(last[:9])
    return execution_id, 0


def fill_of(seen: ExecutionSeen, *, leg: bool) -> Fill | None:
    """The fill that *seen* tells of, or None when its numbers are none: such a frame goes to quarantine."""
    if not (seen.quantity.is_finite() and seen.price.is_finite()) or seen.quantity <= 0 or abs(seen.price) >= UNSET:
        return None
    base, revision = split_execution_id(seen.execution_id)
    return Fill(
        execution_id=seen.execution_id,
        base=base,
        revision=revision,
        quantity=seen.quantity,
        price=seen.price,
        time=seen.time,
        con_id=seen.con_id,
        symbol=seen.symbol,
        sec_type=seen.sec_type,
        currency=seen.currency,
        side=seen.side,
        exchange=seen.exchange,
        liquidity=seen.liquidity,
        leg=leg,
    )


def with_fill(fills: tuple[Fill, ...], fill: Fill) -> tuple[tuple[Fill, ...], Fill | None] | None:
    """The fills with *fill*, and the one that it corrects; None when it is known already, or older than what is known.

    They stand in the order of their time, whatever the order in which they came: the journal, which is read after a crash, has them so.
    """
    for position, known in enumerate(fills):
        if known.base == fill.base:
            if known.revision >= fill.revision:
                return None
            return _by_time((*fills[:position], fill, *fills[position + 1 :])), known
    return _by_time((*fills, fill)), None


def _by_time(fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
    return tuple(sorted(fills, key=lambda fill: (fill.time, fill.execution_id)))


def commission_of(seen: CommissionSeen) -> Decimal | None:
    """The amount, or None while IB has none: nothing, exactly -1, DBL_MAX in either spelling."""
    amount = seen.amount
    return None if amount is None or not amount.is_finite() or amount == PENDING or abs(amount) >= UNSET else amount


def known_amount(amount: Decimal | None) -> Decimal | None:
    """An amount without IB's "no value"."""
    return None if amount is None or not amount.is_finite() or abs(amount) >= UNSET else amount


class Totals(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What an order's executions come to."""

    quantity: Decimal = Decimal(0)
    """Corrections replaced, legs left out."""
    average_price: Decimal | None = None
    """By quantity, over the order's own executions; None without one."""
    commission: Decimal | None = None
    """None while one is missing, or the currencies differ."""
    commission_currency: str | None = None


def quantity_of(fills: tuple[Fill, ...]) -> Decimal:
    """The sum of the executions, legs left out."""
    return sum((fill.quantity for fill in fills if not fill.leg), Decimal(0))


def totals_of(fills: tuple[Fill, ...]) -> Totals:
    """What *fills* come to."""
    quantity = quantity_of(fills)
    value = sum((fill.quantity * fill.price for fill in fills if not fill.leg), Decimal(0))
    currencies = {fill.commission_currency for fill in fills}
    whole = len(currencies) == 1 and all(fill.commission is not None for fill in fills)
    return Totals(
        quantity=quantity,
        average_price=value / quantity if quantity else None,
        commission=sum((fill.commission or Decimal(0) for fill in fills), Decimal(0)) if whole else None,
        commission_currency=currencies.pop() if whole else None,
    )
