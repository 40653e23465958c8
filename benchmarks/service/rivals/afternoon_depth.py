"""Books in depth as a competent user would write it in an afternoon: every change goes to every client, by one queue each."""

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from ib_async import IB, Stock

QUEUE_SIZE = 1000

ib = IB()
books = {}
queues: dict[str, set[asyncio.Queue]] = {}


def book_of(ticker):
    return {
        "type": "depth",
        "symbol": ticker.contract.symbol,
        "bids": [{"price": row.price, "size": row.size, "maker": row.marketMaker} for row in ticker.domBids],
        "asks": [{"price": row.price, "size": row.size, "maker": row.marketMaker} for row in ticker.domAsks],
        "timestamp": (ticker.time or datetime.now(UTC)).isoformat(),
    }


def on_tickers(changed):
    for ticker in changed:
        listeners = queues.get(ticker.contract.symbol)
        if listeners and ticker.domTicks:
            book = book_of(ticker)
            for queue in listeners:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(book)


async def subscribe(symbol):
    if symbol not in books:
        books[symbol] = None
        (contract,) = await ib.qualifyContractsAsync(Stock(symbol, "SMART", "USD"))
        books[symbol] = ib.reqMktDepth(contract, 20, isSmartDepth=True)


@asynccontextmanager
async def lifespan(_app):
    await ib.connectAsync("127.0.0.1", int(os.environ["IB_PORT"]), clientId=1, timeout=10)
    ib.pendingTickersEvent += on_tickers
    yield
    ib.disconnect()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health():
    return {"status": "healthy", "ib_connected": ib.isConnected(), "timestamp": datetime.now(UTC).isoformat()}


@app.websocket("/ws/stream")
async def stream(websocket: WebSocket):
    await websocket.accept()
    queue = asyncio.Queue(QUEUE_SIZE)
    mine = set()

    async def write():
        while True:
            await websocket.send_json(await queue.get())

    writer = asyncio.create_task(write())
    try:
        while True:
            command = await websocket.receive_json()
            for symbol in command["symbols"]:
                mine.add(symbol)
                queues.setdefault(symbol, set()).add(queue)
                await subscribe(symbol)
    except WebSocketDisconnect:
        pass
    finally:
        writer.cancel()
        for symbol in mine:
            queues.get(symbol, set()).discard(queue)
