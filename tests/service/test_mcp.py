"""`POST /mcp`: the tools that a mode and a key have, what they answer and refuse."""

import json
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from ibactors.web.rest.mcp_tools import MODES, MOST, TOOLS
from tests.conftest import AuditLog, Service, running_service
from tests.service.keyed import bearer, keyed_service
from tests.service.trading import received, trading_service

READING = {
    "service_status": {},
    "get_quotes": {"symbols": "AAPL,BADSYM"},
    "get_bars": {"symbol": "AAPL", "bar": "1d", "limit": 3},
    "find_contracts": {"q": "AAPL"},
    "get_positions": {},
    "get_account": {},
    "get_profit": {},
    "list_orders": {"status": "all"},
}
ORDER = {"instrument": {"symbol": "AAPL"}, "side": "buy", "quantity": 10, "type": "limit", "limit_price": 99.5, "time_in_force": "day"}


async def post(service: Service, method: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return await service.http.post("/mcp", json=message, headers=headers)


async def result(service: Service, method: str, headers: dict[str, str] | None = None, **params: Any) -> Any:
    response = await post(service, method, headers, **params)
    assert response.status_code == 200, response.text
    return response.json()["result"]


async def names(service: Service, key: str) -> list[str]:
    return [tool["name"] for tool in (await result(service, "tools/list", bearer(key)))["tools"]]


async def use(service: Service, tool: str, arguments: Any) -> Any:
    """What a tool answers that must be there."""
    answer = await result(service, "tools/call", name=tool, arguments=arguments)
    assert json.loads(answer["content"][0]["text"]) == answer["structuredContent"]
    return answer


@pytest.mark.parametrize(("mode", "reading", "trading"), [("off", 0, 0), ("read", 8, 0), ("preview", 8, 1), ("trade", 8, 2)], ids=MODES)
async def test_tools_follow_from_mode_and_scope(mode: str, reading: int, trading: int) -> None:
    async with keyed_service(mcp=mode) as service:
        assert len(await names(service, "read")) == reading
        for key, status in (("trade", 403), ("stream", 403), ("nobody", 401)):
            assert (await post(service, "tools/list", bearer(key))).status_code == status
        answer = (await post(service, "tools/call", bearer("read"), name="place_order", arguments=ORDER)).json()
        assert answer["error"]["code"] == -32602
    assert sum(MODES.index(tool.mode) <= MODES.index(mode) for tool in TOOLS) == (reading + trading if mode != "off" else 0)


async def test_every_answer_says_how_fresh_it_is(tmp_path: Path) -> None:
    async with trading_service(tmp_path, mcp="read", quote_timeout=60.0) as service:
        await service.until("/health", lambda response: response.json()["status"] == "healthy")
        hello = await result(service, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={})
        assert (hello["protocolVersion"], hello["serverInfo"]["name"]) == ("2025-06-18", "ibactors")
        tools = {tool["name"]: tool for tool in (await result(service, "tools/list"))["tools"]}
        assert set(tools) == set(READING)
        assert all(tool["annotations"]["readOnlyHint"] for tool in tools.values())
        for name, arguments in READING.items():
            answer = await use(service, name, arguments)
            assert not answer["isError"], answer
            content = answer["structuredContent"]
            assert content["ib_session"] == {"up": True, "reason": None}
            assert (content["answered_at"] > "2026", bool(content["freshness"]), "data" in content) == (True, True, True)
        quotes = (await use(service, "get_quotes", READING["get_quotes"]))["structuredContent"]["data"]["quotes"]
        assert (quotes["AAPL"]["bid"], quotes["BADSYM"]["code"]) == (100.0, "contract_not_found")
        bars = (await use(service, "get_bars", READING["get_bars"]))["structuredContent"]["data"]["bars"]
        assert len(bars) == 3
        await service.gateway.do("drop")
        await service.gateway.do("refuse 600")
        await service.until("/health", lambda response: not response.json()["ib_connected"])
        answer = await use(service, "get_positions", {})
        assert answer["isError"]
        assert answer["structuredContent"]["ib_session"]["up"] is False
        assert answer["structuredContent"]["problem"]["code"] == "gateway_disconnected"


WRONG = [
    ("get_bars", {"symbol": "AAPL", "bar": "1d"}, "limit"),
    ("get_bars", {"symbol": "AAPL", "bar": "1d", "limit": 501}, "limit"),
    ("get_bars", {"symbol": "AAPL", "bar": "7m", "limit": 5}, "bar"),
    ("get_bars", {"symbol": "AAPL", "bar": "1d", "limit": 5, "wait": 60}, "wait"),
    ("get_quotes", {"symbols": ["AAPL"]}, "symbols"),
    ("find_contracts", {"q": None}, "q"),
    ("list_orders", {"status": "some"}, "status"),
]


async def test_wrong_arguments_are_told_to_the_assistant_and_the_protocol_is_kept() -> None:
    async with running_service(mcp="read") as service:
        for tool, arguments, field in WRONG:
            answer = await use(service, tool, arguments)
            problem = answer["structuredContent"]["problem"]
            assert (answer["isError"], problem["code"], problem["field"]) == (True, "invalid_request", field)
        await check_protocol(service)


async def check_protocol(service: Service) -> None:
    assert await result(service, "ping") == {}
    assert (await result(service, "initialize", protocolVersion="1999-01-01"))["protocolVersion"] == "2025-11-25"
    assert (await post(service, "resources/list")).json()["error"]["code"] == -32601
    assert (await post(service, "tools/call", arguments={})).json()["error"]["code"] == -32602
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = await service.http.post("/mcp", json=notification)
    assert (answer.status_code, answer.content) == (202, b"")
    for body in (b"[]", b"{", b'{"jsonrpc": "2.0", "id": null, "method": "ping"}'):
        assert (await service.http.post("/mcp", content=body)).status_code == 422
    assert (await service.http.get("/mcp")).status_code == 405
    assert (await service.http.post("/mcp", json=notification, headers={"Origin": "https://elsewhere.example"})).status_code == 403


STRANGE = [
    b'{"name": "get_bars", "arguments": {"symbol": "AAPL", "bar": "1d", "limit": 1e400}}',
    b'{"name": "get_bars", "arguments": {"symbol": "AAPL", "bar": "1d", "limit": %s}}' % (b"9" * 5000),
    b'{"name": "get_bars", "arguments": {"symbol": "AAPL", "bar": "1d", "limit": "%s"}}' % (b"9" * 5000),
    '{"name": "get_bars", "arguments": {"symbol": "AAPL", "bar": "1d", "limit": "\u00b2"}}'.encode(),
    b'{"name": "get_quotes", "arguments": {"symbols": "\xff"}}',
    b'{"name": "\xff", "arguments": {}}',
    b'{"name": "get_quotes", "arguments": {"symbols": "\\ud800"}}',
    b'{"name": "preview_order", "arguments": {"quantity": 1e400}}',
    b'{"name": "get_quotes", "arguments": {"symbols": %s1%s}}' % (b"[" * 20_000, b"]" * 20_000),
    b'{"protocolVersion": 1e400}',
]


async def test_arguments_that_nothing_can_be_made_of_are_refused_in_words() -> None:
    async with running_service(mcp="preview") as service:
        for method in ("tools/call", "initialize"):
            for params in STRANGE:
                answer = await service.http.post(
                    "/mcp", content=b'{"jsonrpc": "2.0", "id": 1, "method": "%s", "params": %s}' % (method.encode(), params)
                )
                assert answer.status_code in {200, 422}, (params[:80], answer.text)
                told = answer.json()
                if method == "tools/call" and answer.status_code == 200:
                    assert "error" in told or told["result"]["isError"], (params[:80], answer.text)


async def test_what_an_assistant_does_is_audited_as_anybodys(tmp_path: Path, audit_log: AuditLog) -> None:
    async with trading_service(tmp_path, mcp="trade") as service:
        await use(service, "place_order", {**ORDER, "client_order_id": "a-1"})
        preview = (await use(service, "preview_order", ORDER))["structuredContent"]["data"]
        await use(service, "place_order", {**ORDER, "client_order_id": "a-1", "preview_token": preview["preview_token"]})
        await use(service, "list_orders", {})
    told = [(line["caller"], line["scope"], line["path"], line["status"]) for line in audit_log.of("acted")]
    assert told == [
        ("anonymous", "trade", "'/mcp/place_order'", 422),
        ("anonymous", "trade", "'/mcp/preview_order'", 200),
        ("anonymous", "trade", "'/mcp/place_order'", 201),
    ]


async def test_order_is_placed_only_with_the_token_of_an_equal_preview(tmp_path: Path) -> None:
    async with trading_service(tmp_path, mcp="trade") as service:
        placing = {**ORDER, "client_order_id": "a-1"}
        without = await use(service, "place_order", placing)
        assert (without["isError"], without["structuredContent"]["problem"]["field"]) == (True, "preview_token")
        preview = (await use(service, "preview_order", ORDER))["structuredContent"]["data"]
        for changes in ({"preview_token": "pv_1_0"}, {"preview_token": preview["preview_token"], "quantity": 11}):
            answer = await use(service, "place_order", {**placing, **changes})
            assert answer["structuredContent"]["problem"]["code"] == "preview_required"
        assert await received(service) == 0
        for _ in range(2):
            answer = await use(service, "place_order", {**placing, "preview_token": preview["preview_token"]})
            assert answer["structuredContent"]["data"]["client_order_id"] == "a-1"
        assert await received(service) == 1
        for extra in ({"preview_token": None}, {"preview_token": ""}, {"preview_token": "x"}, {"preview_token": "x", "extra": {}}):
            assert (await use(service, "place_order", {**placing, "client_order_id": "a-2", **extra}))["isError"]
        assert await received(service) == 1


def test_tools_are_few_and_short() -> None:
    described = [tool.described for tool in TOOLS]
    assert len(described) <= MOST
    assert len(json.dumps(described)) < 10_000
    for tool in TOOLS:
        assert set(tool.required) <= set(tool.properties)
        assert tool.operation.path_names <= set(tool.required)
