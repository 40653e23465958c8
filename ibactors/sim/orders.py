"""Order requests. Orders are not simulated yet: lists are empty, and every order is rejected with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibactors.sim import messages
from ibactors.sim.instruments import ContractSpec
from ibactors.sim.requests import NO_DEFINITION, Request, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibactors.sim.session import Session
    from ibactors.sim.wire import FieldReader

_ACTIONS = ("BUY", "SELL", "SSHORT")


def _place(session: Session, fields: FieldReader) -> None:
    order_id = fields.identifier()
    spec = ContractSpec.read(fields)
    fields.skip(2)
    action = fields.text()
    size = fields.number()
    fields.text()
    if not session.gateway.catalogue.find(spec):
        session.error(order_id, 200, NO_DEFINITION)
    elif action not in _ACTIONS:
        invalid(session, order_id, f"Invalid action '{action}'")
    elif size <= 0:
        session.error(order_id, 434, "The order size cannot be zero.")
    else:
        reason = "Order rejected - reason:This gateway accepts no orders yet."
        session.error(order_id, 201, reason)


def _cancel(session: Session, fields: FieldReader) -> None:
    fields.version()
    order_id = fields.identifier()
    text = f"OrderId {order_id} that needs to be cancelled is not found."
    session.error(order_id, 10147, text)


def _open_orders(session: Session, fields: FieldReader) -> None:
    fields.version()
    session.send(messages.open_order_end())


def _auto_open_orders(session: Session, fields: FieldReader) -> None:
    fields.version()
    fields.flag()
    if session.client_id != 0:
        invalid(session, -1, "Only client id 0 can bind orders automatically")


def _executions(session: Session, fields: FieldReader) -> None:
    fields.version()
    session.send(messages.executions_end(fields.identifier()))


def _completed_orders(session: Session, fields: FieldReader) -> None:
    fields.flag()
    session.send(messages.completed_orders_end())


def _global_cancel(session: Session, fields: FieldReader) -> None:
    """Without open orders a global cancel has no answer."""


REQUESTS: Mapping[int, Request] = {
    3: Request(name="placeOrder", handle=_place),
    4: Request(name="cancelOrder", handle=_cancel),
    5: Request(name="reqOpenOrders", handle=_open_orders),
    7: Request(name="reqExecutions", handle=_executions),
    15: Request(name="reqAutoOpenOrders", handle=_auto_open_orders),
    16: Request(name="reqAllOpenOrders", handle=_open_orders),
    58: Request(name="reqGlobalCancel", handle=_global_cancel),
    99: Request(name="reqCompletedOrders", handle=_completed_orders),
}
