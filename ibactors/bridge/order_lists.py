"""What the gateway is asked about orders: the lists of a reconciliation, and the terms on which a contract trades."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ib_async.contract import Contract, ContractDetails
from ib_async.objects import ExecutionFilter, PriceIncrement

from ibactors.bridge import order_evidence as read
from ibactors.bridge.answers import COMPLETED_ORDERS, OPEN_ORDERS, market_rule
from ibactors.bridge.contracts import contract_info
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.bridge.wire import GatewayClient
from ibactors.model.times import Value
from ibactors.orders.evidence import CompletedSeen, ExecutionSeen, OpenOrderSeen, WhatIfSeen
from ibactors.orders.prices import Increment, MarketRule
from ibactors.orders.request import InstrumentBody

LIST_TIMEOUT = 10.0
EXECUTIONS_BACK = timedelta(days=7)


def _now(reader: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: reader(time.time(), *arguments)


def open_orders(*, everybody: bool) -> RequestSpec[OpenOrderSeen | WhatIfSeen]:
    """The open orders of this client id, or of all (messages 5 and 53). One after the other, as their ends have no id.

    The answer to a what-if that comes meanwhile is the same message, and stands between the rows.
    """

    def send(client: GatewayClient, _request_id: int) -> None:
        if everybody:
            client.reqAllOpenOrders()
        else:
            client.reqOpenOrders()

    return RequestSpec(
        to=f"list the open orders{' of all clients' if everybody else ''}",
        kind="orders",
        name=OPEN_ORDERS,
        send=send,
        rows={"openOrder": _now(read.open_order)},
        timeout=LIST_TIMEOUT,
    )


def completed_orders() -> RequestSpec[CompletedSeen]:
    """The orders of today that are done (messages 101 and 102)."""

    def send(client: GatewayClient, _request_id: int) -> None:
        client.reqCompletedOrders(apiOnly=False)

    return RequestSpec(
        to="list the completed orders",
        kind="orders",
        name=COMPLETED_ORDERS,
        send=send,
        rows={"completedOrder": _now(read.completed)},
        timeout=LIST_TIMEOUT,
    )


def executions() -> RequestSpec[ExecutionSeen]:
    """The executions as far back as IB tells them (messages 11 and 55)."""

    def send(client: GatewayClient, request_id: int) -> None:
        since = (datetime.now(UTC) - EXECUTIONS_BACK).strftime("%Y%m%d-%H:%M:%S")
        client.reqExecutions(request_id, ExecutionFilter(time=since))

    return RequestSpec(to="list the executions", kind="orders", send=send, rows={"execDetails": _now(read.execution)}, timeout=LIST_TIMEOUT)


class Listed(Value, frozen=True, kw_only=True):
    """What message 10 says of how a contract trades."""

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    local_symbol: str
    expiry: str
    multiplier: Decimal
    price_magnifier: int
    order_types: frozenset[str]
    rule_id: int | None
    """Its market rule at this exchange."""
    min_tick: Decimal
    min_size: Decimal
    size_increment: Decimal
    zone: str
    trading_hours: str
    liquid_hours: str
    under_con_id: int | None = None
    legs: "tuple[ListedLeg, ...]" = ()
    """Of a combination, which has no con_id."""


class ListedLeg(Value, frozen=True, kw_only=True):
    """A leg of a combination."""

    listed: Listed
    ratio: int
    """Negative for what is sold when the combination is bought."""


def describe(body: InstrumentBody) -> RequestSpec[Listed]:
    """All contracts that fit (messages 9, 10, 52)."""
    exchange = body.exchange or ("" if body.con_id else "SMART")
    contract = Contract(
        conId=body.con_id or 0,
        symbol=body.symbol or "",
        secType=body.sec_type or ("" if body.con_id else "STK"),
        exchange=exchange,
        currency=body.currency or ("" if body.con_id else "USD"),
        primaryExchange=body.primary_exchange or "",
        lastTradeDateOrContractMonth=body.expiry or "",
        strike=float(body.strike or 0),
        right=body.right or "",
        multiplier=body.multiplier or "",
        tradingClass=body.trading_class or "",
        localSymbol=body.local_symbol or "",
    )

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqContractDetails(request_id, contract)

    return RequestSpec(
        to=f"describe {body.symbol or body.con_id}",
        kind="contracts",
        send=send,
        rows=dict.fromkeys(("contractDetails", "bondContractDetails"), lambda _id, details: _listed(details)),
    )


def _listed(details: ContractDetails) -> Listed:
    info = contract_info(details)
    rules = dict(zip(details.validExchanges.split(","), details.marketRuleIds.split(","), strict=False))
    rule = rules.get(info.exchange, "")
    return Listed(
        con_id=info.con_id,
        symbol=info.symbol,
        sec_type=info.sec_type,
        exchange=info.exchange,
        currency=info.currency,
        local_symbol=info.local_symbol,
        expiry=info.expiry,
        multiplier=Decimal(info.multiplier or "1"),
        price_magnifier=int(info.price_magnifier),
        order_types=frozenset(shown(name, LONGEST_NAME) for name in details.orderTypes.split(",") if name),
        rule_id=int(rule) if rule.isdigit() else None,
        min_tick=Decimal(str(details.minTick)),
        min_size=_size(details.minSize),
        size_increment=_size(details.sizeIncrement),
        zone=shown(details.timeZoneId, LONGEST_NAME),
        trading_hours=shown(details.tradingHours, 5000),
        liquid_hours=shown(details.liquidHours, 5000),
        under_con_id=int(details.underConId) or None,
    )


def _size(value: float) -> Decimal:
    return Decimal(str(value)) if 0 < value < 1e12 else Decimal(0)  # noqa: PLR2004  # unset is DBL_MAX


def increments(rule_id: int) -> RequestSpec[MarketRule]:
    """One market rule (message 93)."""

    def send(client: GatewayClient, _request_id: int) -> None:
        client.reqMarketRule(rule_id)

    def row(number: int, steps: list[PriceIncrement]) -> MarketRule:
        found = tuple(Increment(low_edge=Decimal(str(step.lowEdge)), increment=Decimal(str(step.increment))) for step in steps)
        if not found or any(step.increment <= 0 for step in found):
            raise ValueError("a market rule without increments")
        return MarketRule(rule_id=number, increments=found)

    return RequestSpec(to=f"tell market rule {rule_id}", kind="contracts", name=market_rule(rule_id), send=send, rows={"marketRule": row})
