"""The official MCP client lists the tools of a service, uses them and is refused: `assistant.py URL NUMBER-OF-TOOLS`."""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
from mcp import MCPError
from mcp.client import Client

ORDER = {"instrument": {"symbol": "AAPL"}, "side": "buy", "quantity": 1, "type": "limit", "limit_price": 1, "time_in_force": "day"}


async def main(url: str, number: int) -> None:
    async with Client(f"{url}/mcp") as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        expect(len(names) == number, names)
        try:
            await client.call_tool("format_disk", {})
        except MCPError as error:
            expect("no tool" in str(error), error)
        else:
            expect(False, "an unknown tool was called")  # noqa: FBT003
        if names:
            await use(client)


async def use(client: Client) -> None:
    quotes = await called(client, "get_quotes", symbols="AAPL,BADSYM")
    expect(quotes["ib_session"]["up"] and quotes["freshness"] and quotes["answered_at"], quotes)
    expect(quotes["data"]["quotes"]["AAPL"]["as_of"], quotes)
    expect(quotes["data"]["quotes"]["BADSYM"]["code"] == "contract_not_found", quotes)
    expect((await called(client, "get_bars", symbol="AAPL", bar="7m", limit=3))["problem"]["field"] == "bar", "bars")
    refused = await called(client, "place_order", **ORDER, client_order_id="a-1")
    expect(refused["problem"]["field"] == "preview_token", refused)


async def called(client: Client, name: str, **arguments: Any) -> Any:
    result = await client.call_tool(name, arguments)
    return json.loads(result.content[0].text)


def expect(holds: object, what: object) -> None:
    if not holds:
        raise SystemExit(f"not as expected: {what}")


anyio.run(main, sys.argv[1], int(sys.argv[2]))
