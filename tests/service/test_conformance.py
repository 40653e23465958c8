"""Every message of the stream is what /asyncapi.json says of it."""

from pathlib import Path

import pytest
import trio

from tests.conforming import problems
from tests.conftest import DEADLINE
from tests.service.trading import place, trading_service


async def test_messages_of_all_kinds_are_as_described(tmp_path: Path) -> None:
    async with trading_service(tmp_path, still=False) as service, service.stream() as stream:
        await service.gateway.do("set MSFT 100.00 100.02 100.01")
        await stream.send(action="subscribe", symbols=["MSFT", "BADSYM"], id="q")
        for channel in ("account", "pnl", "portfolio", "orders", "trading"):
            await stream.send(action="subscribe", channel=channel, id=channel)
        await stream.send(action="list")
        await stream.send(action="ping", id=1)
        await stream.send(action="auth", api_key="x")
        await place(service, "filled", instrument={"symbol": "MSFT"}, limit_price=100.02)
        await service.http.post("/trading/halt", json={"cancel": "ours", "reason": "test"})
        await service.gateway.do("refuse 1")
        wanted = {"quote", "stale", "account", "pnl", "portfolio", "orders", "order", "trading"}
        wanted |= {"status", "list", "pong", "authenticated", "error", "subscribed"}
        seen: set[str] = set()
        with trio.fail_after(3 * DEADLINE):
            while wanted - seen:
                seen.add((await stream.receive())["type"])


async def test_answers_about_orders_are_as_described(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await place(service, "filled", limit_price=100.02)
        await place(service, "resting")
        document = await service.get("/openapi.json")
        for path in ("/orders", "/orders/events", "/executions", "/account/activities", "/trading"):
            schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            assert problems(await service.get(path), schema, document) == [], path


@pytest.mark.parametrize("value", [{"a": "1"}, {}, {"a": 1, "b": 2}, [], {"a": True}])
def test_what_does_not_conform_is_noticed(value: object) -> None:
    schema = {"type": "object", "properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, "required": ["a"]}
    assert problems({"a": 1}, schema, {}) == problems({"a": None}, schema, {}) == []
    assert problems(value, schema, {})
