"""The afternoon's service at its best: each quote encoded once, each client with one place a symbol, batches on request."""

import asyncio
import contextlib

import afternoon
import orjson
from afternoon import app, quote_of, subscribe
from fastapi import Response, WebSocket, WebSocketDisconnect

clients: dict[str, set["Client"]] = {}


class Client:
    """The newest text a symbol, and an event that there is one."""

    def __init__(self):
        self.newest = {}
        self.filled = asyncio.Event()

    def put(self, symbol, text):
        self.newest[symbol] = text
        self.filled.set()

    async def take(self):
        await self.filled.wait()
        self.filled.clear()
        newest, self.newest = self.newest, {}
        return newest


def on_tickers(changed):
    for ticker in changed:
        symbol = ticker.contract.symbol
        listeners = clients.get(symbol)
        if listeners:
            text = orjson.dumps(quote_of(ticker)).decode()
            for client in listeners:
                client.put(symbol, text)


afternoon.on_tickers = on_tickers
REPLACED = ("/ws/stream", "/market/quote/{symbol}", "/health", "/account/summary", "/account/positions")
app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") not in REPLACED]


@app.get("/market/quote/{symbol}")
async def quote(symbol: str):
    ticker = afternoon.tickers.get(symbol)
    if ticker is None or not afternoon.has_first_set(ticker) or not afternoon.ib.isConnected():
        return await afternoon.quote(symbol)
    return Response(orjson.dumps(quote_of(ticker)), media_type="application/json")


def text(value):
    return Response(orjson.dumps(value), media_type="application/json")


@app.get("/health")
async def health():
    return text(await afternoon.health())


@app.get("/account/summary")
async def summary():
    return text(await afternoon.summary())


@app.get("/account/positions")
async def positions():
    return text(await afternoon.positions())


@app.websocket("/ws/stream")
async def stream(websocket: WebSocket):
    await websocket.accept()
    client = Client()
    mine = set()
    batch = websocket.query_params.get("batch") == "1"

    async def write():
        while True:
            texts = (await client.take()).values()
            for text in [f"[{','.join(texts)}]"] if batch else texts:
                await websocket.send({"type": "websocket.send", "text": text})

    writer = asyncio.create_task(write())
    try:
        while True:
            command = await websocket.receive_json()
            for symbol in command.get("symbols") or [command["symbol"]]:
                mine.add(symbol)
                ticker = await subscribe(symbol)
                clients.setdefault(symbol, set()).add(client)
                # Reconnecting asks for the symbols that somebody wants.
                afternoon.queues.setdefault(symbol, set()).add(client)
                if ticker.hasBidAsk():
                    client.put(symbol, orjson.dumps(quote_of(ticker)).decode())
    except WebSocketDisconnect:
        pass
    finally:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer
        for symbol in mine:
            clients[symbol].discard(client)
            afternoon.queues[symbol].discard(client)
