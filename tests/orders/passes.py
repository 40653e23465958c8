"""Reconciliation passes for tests, short to write."""

from typing import Any

from msgspec.structs import replace

from ibactors.orders import evidence as e
from ibactors.orders.order import Order
from ibactors.orders.states import advance
from ibactors.orders.terms import Side
from ibactors.orders.verdicts import Ground, Judgement, Pass, judge
from tests.orders.orderkit import ACCOUNT, D, Life

CLEAN = Pass(
    epoch=2, began=0.0, ended=0.0, open_orders=(), all_open_orders=(), completed=(), executions=(), synced_at=0.0
)  # fmt: skip


def clean(at: float, **changes: Any) -> Pass:
    """A fit pass that ended at *at* and showed nothing."""
    return replace(CLEAN, began=at - 1, ended=at, synced_at=at - 100, **changes)


def ground(at: float, **changes: Any) -> Ground:
    base = Ground(at=at, mode="paper", accounts=frozenset({ACCOUNT}), gateway_zone="US/Eastern", gateway_since=0.0)
    return replace(base, **changes)


def row(order: Order, at: float, status: str = "Submitted", **changes: Any) -> e.OpenOrderSeen:
    """How a list shows *order*."""
    t = order.terms
    echo = e.Echo(con_id=t.con_id, side=t.side, quantity=t.quantity, limit_price=t.limit_price, stop_price=t.stop_price)
    seen = e.OpenOrderSeen(
        at=at,
        epoch=2,
        order_id=order.ib_order_id,
        client_id=order.client_id,
        perm_id=9001,
        token=order.token,
        order_ref=order.ref,
        account=order.account,
        status=status,
        echo=echo,
        listed=True,
    )
    return replace(seen, **changes)


def execution(order: Order, at: float, **changes: Any) -> e.ExecutionSeen:
    """How the list of executions shows a fill of *order*."""
    t = order.terms
    seen = e.ExecutionSeen(
        at=at,
        epoch=2,
        order_id=order.ib_order_id,
        client_id=order.client_id,
        perm_id=9001,
        token=order.token,
        execution_id="x.01",
        account=order.account,
        con_id=t.con_id,
        sec_type=t.sec_type,
        side=Side(t.side),
        quantity=D(10),
        price=D(1),
        time=at,
        listed=True,
    )
    return replace(seen, **changes)


def reconcile(life: Life, present: Pass, earlier: Pass | None = None, on: Ground | None = None) -> Judgement:
    """Judge the order of *life* and give it what was found."""
    judgement = judge((life.order,), present, earlier, on or ground(present.ended))
    for finding in judgement.findings:
        for evidence in finding.evidence:
            step = advance(life.order, evidence)
            life.order = step.order
            life.told.extend(step.events)
            life.wants |= step.wants
    life.at = max(life.at, present.ended)
    return judgement


def twice(life: Life, after: float = 40.0, **changes: Any) -> Judgement:
    """Two passes that are alike, with 31 s between them."""
    first, second = life.at + after, life.at + after + 32
    one = clean(first, **changes)
    reconcile(life, one)
    return reconcile(life, clean(second, **changes), one)
