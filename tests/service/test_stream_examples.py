"""Clients as users write them, in other languages and libraries: they subscribe as soon as they are connected and read JSON."""

import json
import shutil
import sys

import pytest
import trio

from tests.conftest import DEADLINE, Service

PYTHON = """
import asyncio, json, sys, websockets

async def stream_quotes(url):
    async with websockets.connect(url) as websocket:
        await websocket.send(json.dumps({"action": "subscribe", "symbol": "AAPL"}))
        for _ in range(4):
            print(json.dumps(json.loads(await websocket.recv())))

asyncio.run(stream_quotes(sys.argv[1]))
"""

JAVASCRIPT = """
const ws = new WebSocket(process.argv[1]);
let left = 4;
ws.onopen = () => ws.send(JSON.stringify({ action: 'subscribe', symbol: 'AAPL' }));
ws.onmessage = (event) => {
  console.log(JSON.stringify(JSON.parse(event.data)));
  if (--left === 0) ws.close();
};
"""


async def messages_of(command: list[str], service: Service) -> list[dict[str, object]]:
    with trio.fail_after(3 * DEADLINE):
        done = await trio.run_process([*command, f"{service.url.replace('http', 'ws', 1)}/ws/stream"], capture_stdout=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(messages: list[dict[str, object]]) -> None:
    assert {"type": "subscribed", "symbols": ["AAPL"], "id": None}.items() <= messages[0].items()
    quotes = messages[1:]
    assert len(quotes) == 3
    for quote in quotes:
        assert (quote["type"], quote["symbol"]) == ("quote", "AAPL")
        assert {"bid", "ask", "last", "timestamp"} <= quote.keys()


async def test_python_client(service: Service) -> None:
    check(await messages_of([sys.executable, "-c", PYTHON], service))


async def test_javascript_client(service: Service) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js")
    check(await messages_of([node, "--experimental-websocket", "--no-warnings", "-e", JAVASCRIPT], service))
