"""The state of trading as clients see it: as an answer, and in the channel of the stream."""

import time
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from ibactors.actors.orders import OrdersRef
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import rfc3339
from ibactors.orders.exposure import counts_as_open, day_notional
from ibactors.orders.halts import Halt
from ibactors.orders.order import Status
from ibactors.orders.permits import HALT
from ibactors.orders.safety import SETTINGS


class ReconciledShown(msgspec.Struct, frozen=True, kw_only=True):
    """The last comparison with IB's lists."""

    epoch: int
    """The session in which it was made."""
    at: str | None
    """When it ended."""
    unfit: str | None
    """Why nothing followed from what the lists lacked; null where they were whole."""
    foreign_orders: int
    """Orders in IB's lists that are not the service's."""


class HaltShown(msgspec.Struct, frozen=True, kw_only=True):
    """A halt that is written down, so that it holds over restarts."""

    at: str
    """When it was written down."""
    by: str
    """Whose word it was."""
    reason: str
    """In words."""
    cancel: str
    """Which orders it cancels: `entries`, `ours`, `all` or `none`."""
    orders_left: int
    """Those of them that are not over yet: IB has not answered, or has refused the cancel, which is asked for again."""


class LimitUsed(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of the service; a key may have others of its own."""

    name: str
    """What is limited."""
    limit: Decimal | None
    """null: there is none."""
    used: Decimal | None
    """What counts towards it now; null where it is judged order by order."""
    setting: str
    """Where the limit is set."""


class JournalShown(msgspec.Struct, frozen=True, kw_only=True):
    """How the journal is doing."""

    sequence: int
    """Of the last event that is on disk."""
    lag_seconds: float
    """How long the last write took to be durable."""


class Trading(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="trading"):
    """The state of trading."""

    mode: str
    """`off`, `preview`, `paper` or `live`, as the setting IBACTORS_TRADING says."""
    halted: str | None
    """Why nothing but cancels is sent."""
    halt: HaltShown | None
    """The same with who and when, a moment later."""
    gateway_read_only: bool
    """Whether the gateway has said that its API is read-only: it takes no orders."""
    reconciled: ReconciledShown | None
    """Null before the first comparison of the present session."""
    open_orders: int
    """Orders of the service that are not over."""
    unknown_orders: int
    """Those of which nobody can tell what became of them."""
    sequence: int
    """Of the last event."""
    limits: tuple[LimitUsed, ...]
    """What the limits of the service count now."""
    journal: JournalShown
    """Where all of it is written down."""


def trading_shown(orders: OrdersRef, session: SessionStatus) -> Trading:
    """The state as it is now."""
    done, halt = orders.reconciled, orders.halt_noted
    reconciled = ReconciledShown(
        epoch=done.epoch, at=None if done.at is None else rfc3339(done.at), unfit=done.unfit, foreign_orders=done.foreign_orders
    )
    return Trading(
        mode=orders.mode,
        halted=orders.why_halted,
        halt=None if halt is None else _halt(halt, orders),
        gateway_read_only=orders.read_only is not None,
        reconciled=reconciled if session.up and done.epoch == session.epoch else None,
        open_orders=len(orders.shown.open),
        unknown_orders=orders.shown.numbers[Status.UNKNOWN],
        sequence=orders.sequence,
        limits=tuple(_limits(orders)) if orders.is_on else (),
        journal=JournalShown(sequence=orders.sequence, lag_seconds=round(orders.read_lag(), 6)),
    )


def _halt(halt: Halt, orders: OrdersRef) -> HaltShown:
    left = sum(HALT in {each.reason for each in (order.cancel, order.refused_cancel) if each} for order in orders.shown.open.values())
    return HaltShown(at=rfc3339(halt.at), by=halt.by, reason=halt.reason, cancel=halt.cancel, orders_left=left)


def _limits(orders: OrdersRef) -> Iterator[LimitUsed]:
    now, at_stake = time.time(), orders.shown.at_stake.values()
    used: dict[str, Decimal | None] = {
        "order_notional": None,
        "order_quantity": None,
        "day_notional": day_notional(at_stake, now) + orders.shown.spent(now),
        "open_orders": Decimal(sum(counts_as_open(order, now) for order in at_stake)),
        "position_notional": None,
        "per_minute": None,
    }
    for name, value in used.items():
        limit = getattr(orders.limits, name)
        yield LimitUsed(name=name, limit=None if limit is None else Decimal(limit), used=value, setting=SETTINGS[name])
