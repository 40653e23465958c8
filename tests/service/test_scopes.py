"""Every route with every kind of key."""

import pytest
from quart_trio import QuartTrio

from ibactors.keys import Scope
from ibactors.web.app import ROUTES, check_routes
from ibactors.web.contract.routes import WEBSOCKET, Route, RouteTable
from tests.conftest import Service
from tests.service.keyed import KEYS, WRONG, bearer, exchange, keyed_service, upgrade
from tests.service.trading import order

CREDENTIALS = {"username": "demo", "password": "demo", "account_type": "paper"}
ADMITTED = {
    "/market/quote/{symbol}": ("/market/quote/AAPL", None, 200),
    "/market/stream": ("/market/stream", None, 422),
    "/stream": ("/stream", None, 422),
    "/market/quotes": ("/market/quotes?symbols=AAPL", None, 200),
    "/auth/login": ("/auth/login", CREDENTIALS, 409),
    "/auth/logout": ("/auth/logout", None, 409),
    "/orders": ("/orders", order(), 403),
    "/orders/{order_id}": ("/orders/ord_1", {"limit_price": 1}, 403),
    "/orders/by-client-id/{client_order_id}": ("/orders/by-client-id/x", None, 403),
    "/orders/events": ("/orders/events", None, 403),
    "/orders/stream": ("/orders/stream", None, 403),
    "/orders/{order_id}/events": ("/orders/ord_1/events", None, 403),
    "/executions": ("/executions", None, 403),
    "/account/activities": ("/account/activities", None, 403),
    "/orders/reconcile": ("/orders/reconcile", None, 403),
    "/orders/adopt": ("/orders/adopt", None, 403),
    "/trading/deadman": ("/trading/deadman", {"seconds": 0}, 403),
    "/trading/halt": ("/trading/halt", {}, 403),
    "/trading/resume": ("/trading/resume", None, 403),
    "/mcp": ("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "ping"}, 200),
    "/docs/assets/{filename}": ("/docs/assets/swagger-ui.css", None, 200),
    "/debug/actors/{name}": ("/debug/actors/market", None, 200),
    "/ui/{filename}": ("/ui/index.html", None, 200),
    "/redoc/assets/{filename}": ("/redoc/assets/redoc.standalone.js", None, 200),
}
"""For routes of which more is known than that they let in who may: target, body, and status for who may."""
LET_IN = 0
"""Stands for any answer of a route without a row above but a refusal for want of a key or scope, and a failure."""


async def status(service: Service, route: Route, key: str | None) -> int:
    headers = bearer(key) if key else {}
    target, body, _ = ADMITTED.get(route.path, (route.path, None, LET_IN))
    if route.method == WEBSOCKET:
        return await upgrade(service, target, **headers)
    answer = (await service.http.request(route.method, target, json=body, headers=headers)).status_code
    return LET_IN if route.path not in ADMITTED and answer not in {401, 403} and answer < 500 else answer


def expected(route: Route, key: str | None) -> int:
    admitted = 101 if route.method == WEBSOCKET else ADMITTED.get(route.path, (0, 0, LET_IN))[2]
    if route.scope is Scope.OPEN or key == route.scope:
        return admitted
    if key is None:
        # A WebSocket may bring its key in the first message.
        return 101 if route.method == WEBSOCKET else 401
    return 403 if key in KEYS else 401


async def test_every_route_answers_every_key_as_its_scope_says() -> None:
    async with keyed_service() as service:
        for key in (None, WRONG, *KEYS):
            answers = {(route.method, route.path): await status(service, route, key) for route in ROUTES}
            assert answers == {(route.method, route.path): expected(route, key) for route in ROUTES}, key


async def test_no_spelling_of_a_path_leads_around_the_gate() -> None:
    paths = (
        "/debug/actors/",
        "//debug/actors",
        "/debug//actors",
        "/debug/actors?x=1",
        "/debug%2Factors",
        "/Debug/actors",
        "/x/../debug/actors",
    )
    async with keyed_service() as service:
        for path in paths:
            for target in (path, f"http://localhost{path}", f"HTTP://LOCALHOST{path}"):
                answer = await exchange(service, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert int(answer.split()[1]) in {401, 404}, target
        for target in ("*", "debug/actors", "?x", "localhost:80", "ftp://localhost/debug/actors"):
            answer = await exchange(service, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert int(answer.split()[1]) == 400, target


def test_route_without_a_scope_does_not_start() -> None:
    app = QuartTrio("test", static_folder=None)

    @app.get("/account/<account>/orders")
    async def orders(account: str) -> str:
        return account

    table = [Route(method="GET", path="/account/{account}/orders", scope=Scope.TRADE)]
    check_routes(app, RouteTable(table))
    with pytest.raises(RuntimeError, match="GET /account/<account>/orders has no scope"):
        check_routes(app, RouteTable(ROUTES))


def test_operation_without_a_scope_is_no_operation() -> None:
    with pytest.raises(TypeError, match="scope"):
        Route(method="GET", path="/new")  # type: ignore[call-arg]
