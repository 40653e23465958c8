"""What frames about orders say, as evidence: decoded by ib_async's decoder, never by its Wrapper, which keeps a state of its own.

Numbers that IB leaves unset (DBL_MAX in either spelling) are None. A frame that cannot be read raises; the log then looks for our tokens.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ib_async.contract import Contract
from ib_async.objects import CommissionReport, Execution
from ib_async.order import Order as IbOrder
from ib_async.order import OrderState

from ibactors.bridge.contracts import float_or_none
from ibactors.bridge.texts import shown
from ibactors.model.hours import zone_of
from ibactors.orders import evidence as e
from ibactors.orders.terms import Side
from ibactors.orders.tokens import token_in

OPEN_ORDER, ORDER_STATUS, EXECUTION, COMMISSION = "5", "3", "11", "59"
_LAST_ID = 2**63 - 1
"""What it is kept in holds no more."""
_LIQUIDITY = {1: "added", 2: "removed", 3: "routed"}
_SIDES = {"BUY": Side.BUY, "BOT": Side.BUY, "SELL": Side.SELL, "SLD": Side.SELL, "SSHORT": Side.SELL}


def open_order(at: float, _order_id: int, contract: Contract, order: IbOrder, state: OrderState) -> e.OpenOrderSeen | e.WhatIfSeen:
    """TWS message 5."""
    if order.whatIf:
        return _what_if(at, order, state)
    ref = shown(order.orderRef)
    return e.OpenOrderSeen(
        at=at,
        epoch=0,
        order_id=_id(order.orderId),
        client_id=_id(order.clientId),
        perm_id=_id(order.permId),
        token=token_in(ref),
        order_ref=ref,
        account=shown(order.account),
        status=shown(state.status),
        echo=_echo(contract, order),
        warning=shown(state.warningText or ""),
        parent_id=_id(order.parentId),
        oca_group=shown(order.ocaGroup),
        oca_type=int(order.ocaType),
    )


def _what_if(at: float, order: IbOrder, state: OrderState) -> e.WhatIfSeen:
    def figures(name: str) -> e.Figures:
        return e.Figures(**{when.lower(): _number(getattr(state, name + when)) for when in ("Before", "Change", "After")})

    return e.WhatIfSeen(
        at=at,
        epoch=0,
        order_id=_id(order.orderId),
        client_id=_id(order.clientId),
        perm_id=_id(order.permId),
        initial=figures("initMargin"),
        maintenance=figures("maintMargin"),
        equity_with_loan=figures("equityWithLoan"),
        commission=_number(state.commission),
        commission_min=_number(state.minCommission),
        commission_max=_number(state.maxCommission),
        currency=shown(state.commissionCurrency),
        warning=shown(state.warningText or ""),
    )


def completed(at: float, contract: Contract, order: IbOrder, state: OrderState) -> e.CompletedSeen:
    """TWS message 101."""
    return e.CompletedSeen(
        at=at,
        epoch=0,
        perm_id=_id(order.permId),
        token=token_in(shown(order.orderRef)),
        account=shown(order.account),
        status=shown(state.status),
        completed_status=shown(state.completedStatus),
        echo=_echo(contract, order),
        filled=_number(order.filledQuantity),
        listed=True,
    )


def order_status(at: float, order_id: int, status: str, filled: float, remaining: float, average: float, *more: Any) -> e.StatusSeen:
    """TWS message 3."""
    perm_id, _parent, _last, client_id, why_held, cap = more
    return e.StatusSeen(
        at=at,
        epoch=0,
        order_id=_id(order_id),
        client_id=_id(client_id),
        perm_id=_id(perm_id),
        status=shown(status),
        filled=_number(filled),
        remaining=_number(remaining),
        average_price=_number(average),
        why_held=shown(why_held),
        market_cap_price=_number(cap) or None,
    )


def execution(at: float, _request_id: int, contract: Contract, found: Execution) -> e.ExecutionSeen:
    """TWS message 11."""
    quantity, price = _number(found.shares), _number(found.price)
    if quantity is None or price is None:
        raise ValueError("an execution without its numbers")
    return e.ExecutionSeen(
        at=at,
        epoch=0,
        order_id=_id(found.orderId),
        client_id=_id(found.clientId),
        perm_id=_id(found.permId),
        token=token_in(shown(found.orderRef)),
        execution_id=shown(found.execId),
        account=shown(found.acctNumber),
        con_id=_id(contract.conId),
        symbol=shown(contract.symbol),
        sec_type=shown(contract.secType),
        currency=shown(contract.currency),
        side=_SIDES[found.side],
        quantity=quantity,
        price=price,
        time=found.time.timestamp() if isinstance(found.time, datetime) else at,
        exchange=shown(found.exchange),
        liquidity=_LIQUIDITY.get(int(found.lastLiquidity)),
        cumulative=_number(found.cumQty),
    )


def commission(at: float, report: CommissionReport) -> e.CommissionSeen:
    """TWS message 59. Exactly -1 is "not yet", which the core knows."""
    return e.CommissionSeen(
        at=at,
        execution_id=shown(report.execId),
        amount=_number(report.commission),
        currency=shown(report.currency),
        realized=_number(report.realizedPNL),
    )


READERS: Mapping[str, Callable[..., e.Evidence]] = {
    "openOrder": open_order,
    "orderStatus": order_status,
    "execDetails": execution,
    "commissionReport": commission,
    "completedOrder": completed,
}
"""By the method of EWrapper that the decoder calls; the first argument is the time of arrival."""


def _echo(contract: Contract, order: IbOrder) -> e.Echo:
    return e.Echo(
        con_id=_id(contract.conId),
        side=_SIDES[order.action],
        quantity=_number(order.totalQuantity),
        limit_price=_number(order.lmtPrice),
        stop_price=_number(order.auxPrice),
        trail_percent=_number(order.trailingPercent),
        limit_offset=_number(order.lmtPriceOffset),
        time_in_force=shown(order.tif) or None,
        good_till=_moment(shown(order.goodTillDate)),
        symbol=shown(contract.symbol),
        sec_type=shown(contract.secType),
        exchange=shown(contract.exchange),
        currency=shown(contract.currency),
        type=shown(order.orderType),
    )


def _moment(text: str) -> float | None:
    """`yyyymmdd-hh:mm:ss`, which is UTC, or `yyyymmdd hh:mm:ss` and a zone; IB sends either back, whichever it was sent."""
    with suppress(ValueError):
        if "-" in text:
            return datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC).timestamp()
        moment, zone = text[:17], text[17:].strip()
        return datetime.strptime(moment, "%Y%m%d %H:%M:%S").replace(tzinfo=zone_of(zone)).timestamp()
    return None


def _id(value: Any) -> int:
    """An id of an order, a client or a contract. Raises ValueError for a number that is none, and OverflowError for an infinite one."""
    number = int(value)
    if not abs(number) <= _LAST_ID:
        raise ValueError(f"{str(value)[:30]} is no id")
    return number


def _number(value: Any) -> Decimal | None:
    """A number as IB wrote it: the shortest text that a double has is what was decoded."""
    if value is None or value == "" or float_or_none(float(value)) is None:
        return None
    return Decimal(str(value))
