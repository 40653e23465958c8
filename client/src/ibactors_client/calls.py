"""What the service offers, as calls: once for both clients."""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from ibactors_client import core
from ibactors_client.core import Call, Param, Request, get, path
from ibactors_client.models import Chain, Contract, Figure, Health, Position, Quote
from ibactors_client.orders import Order, Preview, Side
from ibactors_client.problems import Problem
from ibactors_client.streams import Follower
from ibactors_client.tables import Rows

_CANCELLED = frozenset({200, 202})
"""A cancel that is written down is repeated by the service itself."""


class _Positions(msgspec.Struct):
    positions: list[Position]


class _Summary(msgspec.Struct):
    account_summary: dict[str, Figure]


class _Contracts(msgspec.Struct):
    contracts: list[Contract]


class _Quotes(msgspec.Struct):
    quotes: dict[str, msgspec.Raw]


class _Orders(msgspec.Struct):
    orders: list[Order]
    next_page_token: str | None


class _Type(msgspec.Struct):
    type: str


def new_order_id() -> str:
    """A `client_order_id` that nobody has. Write it down before the order is placed, where the program may end before the answer."""
    return f"py-{uuid.uuid4().hex}"


def quotes(symbols: tuple[str, ...], contract: Mapping[str, Param], patience: float) -> Call[dict[str, Quote | Problem]]:
    """What can be had, and for the rest the problem in its place, not raised."""
    raw = yield from get(_Quotes, "/market/quotes", patience, {"symbols": ",".join(symbols), **contract})
    return {name: _quote_or_problem(value) for name, value in raw.quotes.items()}


def _quote_or_problem(raw: msgspec.Raw) -> Quote | Problem:
    if msgspec.json.decode(raw, type=_Type).type == "quote":
        return msgspec.json.decode(raw, type=Quote)
    members = msgspec.json.decode(raw, type=dict[str, Any])
    return Problem(members, int(members.get("status", 500)))


def quote(symbol: str, contract: Mapping[str, Param], patience: float) -> Call[Quote]:
    return get(Quote, path("/market/quote/{}", symbol), patience, contract)


def health(patience: float) -> Call[Health]:
    return get(Health, "/health", patience)


def positions(account: str | None, patience: float) -> Call[Rows[Position]]:
    return Rows((yield from get(_Positions, "/account/positions", patience, {"account": account})).positions)


def summary(account: str | None, patience: float) -> Call[dict[str, Figure]]:
    return (yield from get(_Summary, "/account/summary", patience, {"account": account})).account_summary


def contracts(symbol: str, contract: Mapping[str, Param], patience: float) -> Call[Rows[Contract]]:
    return Rows((yield from get(_Contracts, "/contracts", patience, {"symbol": symbol, **contract})).contracts)


def chain(symbol: str, contract: Mapping[str, Param], patience: float) -> Call[Chain]:
    return get(Chain, path("/options/chain/{}", symbol), patience, contract)


def orders(status: str, account: str | None, patience: float) -> Call[Rows[Order]]:
    """All pages."""
    found: Rows[Order] = Rows()
    token = None
    while True:
        page = yield from get(_Orders, "/orders", patience, {"status": status, "account": account, "page_token": token})
        found.extend(page.orders)
        if (token := page.next_page_token) is None:
            return found


def order(order_id: str, patience: float) -> Call[Order]:
    return get(Order, path("/orders/{}", order_id), patience)


def order_terms(
    instrument: str | Mapping[str, Any], side: Side, quantity: float | None, type_: str, time_in_force: str, terms: Mapping[str, Any]
) -> dict[str, Any]:
    """The body of an order, without its id."""
    named = {"symbol": instrument} if isinstance(instrument, str) else dict(instrument)
    body = {"instrument": named, "side": side, "quantity": quantity, "type": type_, "time_in_force": time_in_force, **terms}
    return {name: value for name, value in body.items() if value is not None}


def place(terms: Mapping[str, Any], client_order_id: str, patience: float) -> Call[Order]:
    """The same bytes with the same id, until the answer is definite."""
    body = msgspec.json.encode({**terms, "client_order_id": client_order_id})
    request = Request(method="POST", path="/orders", body=body)
    return core.with_order(core.surely(request, client_order_id, patience), client_order_id)


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
    return core.surely(request, client_order_id, patience, over=_CANCELLED)


def preview(terms: Mapping[str, Any], patience: float) -> Call[Preview]:
    request = Request(method="POST", path="/orders/preview", body=msgspec.json.encode(terms))
    return core.decoded((yield from core.read(request, patience)), Preview)


def quote_stream(symbols: tuple[str, ...], contract: Mapping[str, Param]) -> Follower:
    return Follower("/stream", {"channels": "quotes", "symbols": ",".join(symbols), **contract})


def order_stream(account: str | None, after: str | None) -> Follower:
    return Follower("/orders/stream", {"account": account}, last_event_id=after)
