"""What is sent for an order, and until when: each has an id before the first try."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ibactors_client import core
from ibactors_client.core import Call, Request, path
from ibactors_client.orders import Order, Preview, Side
from ibactors_client.tables import Rows

_CANCELLED = frozenset({200, 202})
"""A cancel that is written down is repeated by the service itself."""


def new_order_id() -> str:
    """A `client_order_id` that nobody has. Write it down before the order is placed, where the program may end before the answer."""
    return f"py-{uuid.uuid4().hex}"


def named(instrument: str | Mapping[str, Any]) -> dict[str, Any]:
    """An instrument as the service takes it; a text is a symbol."""
    return {"symbol": instrument} if isinstance(instrument, str) else dict(instrument)


def order_terms(
    instrument: str | Mapping[str, Any], side: Side, quantity: float | None, type_: str, time_in_force: str, terms: Mapping[str, Any]
) -> dict[str, Any]:
    """The body of an order, without its id."""
    body = {"instrument": named(instrument), "side": side, "quantity": quantity, "type": type_, "time_in_force": time_in_force, **terms}
    return {name: value for name, value in body.items() if value is not None}


def place(terms: Mapping[str, Any], client_order_id: str, patience: float) -> Call[Order]:
    """The same bytes with the same id, until the answer is definite."""
    body = msgspec.json.encode({**terms, "client_order_id": client_order_id})
    request = Request(method="POST", path="/orders", body=body)
    return core.with_order(core.surely(request, client_order_id, patience), client_order_id)


class _Group(msgspec.Struct):
    orders: list[Order]


def place_group(members: Sequence[Mapping[str, Any]], terms: Mapping[str, Any], client_order_id: str, patience: float) -> Call[Rows[Order]]:
    """The same for orders of which one cancels the others."""
    orders = [{**each, "instrument": named(each["instrument"])} for each in members]
    body = msgspec.json.encode({**terms, "client_order_id": client_order_id, "orders": orders})
    request = Request(method="POST", path="/orders/groups", body=body)
    asked = core.surely(request, client_order_id, patience, read=lambda answer: core.decoded(answer, _Group).orders)
    return Rows((yield from core.with_orders(asked, client_order_id)))


def change(order_id: str, changes: Mapping[str, Any], change_id: str, patience: float) -> Call[Order]:
    body = msgspec.json.encode({**changes, "change_id": change_id})
    request = Request(method="PATCH", path=path("/orders/{}", order_id), body=body)
    return core.with_order(core.surely(request, change_id, patience), change_id)


def cancel(order_id: str, patience: float) -> Call[Order]:
    """A cancel is an intent, and twice the same."""
    request = Request(method="DELETE", path=path("/orders/{}", order_id))
    return core.with_order(core.surely(request, order_id, patience, over=_CANCELLED), order_id)


def give_up(client_order_id: str, patience: float) -> Call[Order | None]:
    """Cancels the order that has the id; None where there is none, and never will be: the id is void."""
    request = Request(method="DELETE", path=path("/orders/by-client-id/{}", client_order_id))
    found = yield from core.surely(request, client_order_id, patience, over=_CANCELLED)
    return found[0] if found else None


def preview(terms: Mapping[str, Any], patience: float, where: str = "/orders/preview") -> Call[Preview]:
    request = Request(method="POST", path=where, body=msgspec.json.encode(terms))
    return core.decoded((yield from core.read(request, patience)), Preview)
