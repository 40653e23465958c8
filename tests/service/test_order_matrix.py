"""Every route about orders, by every key, in every trading mode, halted or not, has its status; what is off writes nothing."""

from pathlib import Path
from typing import Any

import pytest

from ibactors.web.app import OPERATIONS
from tests.conftest import Service, eventually
from tests.service.keyed import KEYS, bearer, keyed_service
from tests.service.trading import ACCOUNT, ledger, order

ROUTES = tuple(operation for operation in OPERATIONS if operation.tag in {"Orders", "Trading"})
LAST = ("/trading/halt", "/trading/resume")
PLACES = {"POST /orders": 201, "POST /orders/groups": 201, "POST /orders/preview": 200}
TWO: dict[str, Any] = {"orders": [order(None, limit_price=price) for price in (99, 98)]}
BODIES: dict[str, Any] = {
    "POST /orders/preview": order(),
    "PATCH /orders/{order_id}": {"limit_price": 1},
    "POST /orders/{order_id}/preview": {"limit_price": 1},
    "POST /trading/halt": {"cancel": "none", "reason": "test"},
    "PUT /trading/deadman": {"seconds": 0},
    "POST /orders/{order_id}/resolve": {"as": "cancelled"},
    "POST /executions/import": {"statement": '{"executions": []}'},
    "POST /orders/resolve": {"order_ids": ["ord_1"], "as": "cancelled"},
}
ALWAYS = {"GET /trading": 200}
"""Whatever the mode is."""
ON = {
    "GET /orders": 200,
    "GET /orders/{order_id}": 404,
    "GET /orders/by-client-id/{client_order_id}": 404,
    "GET /orders/stream": 200,
    "GET /orders/events": 200,
    "GET /orders/{order_id}/events": 200,
    "GET /executions": 200,
    "GET /account/activities": 200,
    "DELETE /orders": 422,
    "DELETE /orders/{order_id}": 404,
    "DELETE /orders/by-client-id/{client_order_id}": 204,
    "PATCH /orders/{order_id}": 404,
    "POST /orders/{order_id}/preview": 404,
    "POST /orders/{order_id}/resolve": 404,
    "POST /orders/resolve": 404,
    "POST /orders/adopt": 200,
    "POST /executions/import": 200,
    "POST /orders/reconcile": 200,
    "POST /trading/halt": 200,
    "PUT /trading/deadman": 200,
    "POST /trading/resume": 200,
}
"""Of what a halt changes nothing. A route that is new has a row here, or in PLACES."""


def wanted(name: str, mode: str, *, halted: bool) -> int:
    """For a key that may."""
    if name in ALWAYS:
        return ALWAYS[name]
    if mode == "off":
        return 403
    if name not in PLACES:
        return ON[name]
    if PLACES[name] == 201 and mode == "preview":
        return 403
    return 423 if halted else PLACES[name]


async def status(service: Service, method: str, path: str, key: str | None, body: Any) -> tuple[int, str]:
    """Of the head of the answer, as some never end."""
    headers = bearer(key) if key else {}
    async with service.http.stream(method, path, json=body, headers=headers) as answer:
        text = (await answer.aread()).decode() if answer.status_code >= 300 else ""
        return answer.status_code, text


async def look(service: Service, mode: str, *, halted: bool) -> None:
    for route in sorted(ROUTES, key=lambda each: LAST.index(each.path) if each.path in LAST else -1):
        name = f"{route.method} {route.path}"
        path = route.path.format(order_id="ord_1", client_order_id="x")
        fresh = {"POST /orders": order(f"o-{mode}-{halted}"), "POST /orders/groups": {**TWO, "client_order_id": f"g-{mode}-{halted}"}}
        body = fresh.get(name, BODIES.get(name))
        for key in (None, *KEYS):
            found, text = await status(service, route.method, path, key, body)
            right = wanted(name, mode, halted=halted) if key == route.scope else 401 if key is None else 403
            assert found == right, (name, key, mode, halted, text)


@pytest.mark.parametrize("mode", ["off", "preview", "paper", "live"])
async def test_every_route_by_key_mode_and_halt(tmp_path: Path, mode: str) -> None:
    settings: dict[str, Any] = {"trading": mode, "state_path": str(tmp_path), "journal_ephemeral": True, "live_accounts": (ACCOUNT,)}
    async with keyed_service(**settings) as service:
        await service.gateway.do("set AAPL 100.00 100.02 100.01")
        if mode != "off":

            async def reconciled() -> bool:
                return (await service.http.get("/trading", headers=bearer("read"))).json()["reconciled"] is not None

            await eventually(reconciled)
        await look(service, mode, halted=False)
        if mode != "off":
            halted = await service.http.post("/trading/halt", json={"cancel": "none"}, headers=bearer("trade"))
            assert halted.status_code == 200
            await look(service, mode, halted=True)
        rows = await ledger(service)
        assert sum(row["received"] for row in rows) == (3 if mode in {"paper", "live"} else 0)
        if mode == "off":
            asked = set((await service.gateway.stats())["requests"])
            assert not asked & {"placeOrder", "cancelOrder", "reqOpenOrders", "reqAllOpenOrders", "reqCompletedOrders", "reqGlobalCancel"}
