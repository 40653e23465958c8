"""What a competent user would write in an afternoon: FastAPI, uvicorn and ib_async, event-driven, one queue a client."""

import asyncio
import logging
import math
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI, HTTPException, WebSocket, WebSocketDisconnect
from ib_async import IB, LimitOrder, Stock, Ticker

log = logging.getLogger("afternoon")

FIRST_TICK_S = 5.0
QUEUE_SIZE = 1000
RECONNECT_S = 1.0

ib = IB()
tickers: dict[str, Ticker] = {}
queues: dict[str, set[asyncio.Queue]] = {}
subscribing: dict[str, asyncio.Lock] = {}


def number(value):
    """JSON has no NaN."""
    return None if value is None or math.isnan(value) else value


def quote_of(ticker):
    return {
        "type": "quote",
        "symbol": ticker.contract.symbol,
        "exchange": ticker.contract.exchange,
        "currency": ticker.contract.currency,
        "bid": number(ticker.bid),
        "ask": number(ticker.ask),
        "last": number(ticker.last),
        "close": number(ticker.close),
        "volume": number(ticker.volume),
        "timestamp": (ticker.time or datetime.now(UTC)).isoformat(),
        "open": number(ticker.open),
        "high": number(ticker.high),
        "low": number(ticker.low),
        "bid_size": number(ticker.bidSize),
        "ask_size": number(ticker.askSize),
        "last_size": number(ticker.lastSize),
        "con_id": ticker.contract.conId,
    }


def on_tickers(changed):
    for ticker in changed:
        listeners = queues.get(ticker.contract.symbol)
        if listeners:
            quote = quote_of(ticker)
            for queue in listeners:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(quote)


async def connect():
    await ib.connectAsync("127.0.0.1", int(os.environ["IB_PORT"]), clientId=1, timeout=10)


def on_disconnected():
    tickers.clear()
    asyncio.get_running_loop().create_task(reconnect())


async def reconnect():
    while True:
        await asyncio.sleep(RECONNECT_S)
        try:
            await connect()
        except (OSError, TimeoutError) as error:
            log.warning("still disconnected: %s", error)
            continue
        for symbol in [symbol for symbol, listeners in queues.items() if listeners]:
            await subscribe(symbol)
        return


async def subscribe(symbol):
    if symbol not in tickers:
        async with subscribing.setdefault(symbol, asyncio.Lock()):
            if symbol not in tickers:
                contracts = await ib.qualifyContractsAsync(Stock(symbol, "SMART", "USD"))
                if not contracts or contracts[0] is None:
                    raise HTTPException(404, f"unknown symbol {symbol}")
                tickers[symbol] = ib.reqMktData(contracts[0])
    return tickers[symbol]


@asynccontextmanager
async def lifespan(_app):
    await connect()
    ib.pendingTickersEvent += on_tickers
    ib.disconnectedEvent += on_disconnected
    yield
    ib.disconnectedEvent -= on_disconnected
    ib.disconnect()


app = FastAPI(lifespan=lifespan)


@app.get("/health")
async def health():
    return {"status": "healthy", "ib_connected": ib.isConnected(), "timestamp": datetime.now(UTC).isoformat()}


def has_first_set(ticker):
    return not any(math.isnan(value) for value in (ticker.bid, ticker.ask, ticker.last, ticker.close, ticker.volume))


@app.get("/market/quote/{symbol}")
async def quote(symbol: str):
    if not ib.isConnected():
        raise HTTPException(503, "not connected")
    ticker = await subscribe(symbol)
    if not has_first_set(ticker):
        try:
            async with asyncio.timeout(FIRST_TICK_S):
                while not has_first_set(ticker):
                    await ticker.updateEvent
        except TimeoutError:
            raise HTTPException(504, "no market data") from None
    return quote_of(ticker)


@app.post("/orders")
async def place(order: dict):
    contract = (await subscribe(order["instrument"]["symbol"])).contract
    trade = ib.placeOrder(contract, LimitOrder(order["side"].upper(), order["quantity"], order["limit_price"], tif="DAY"))
    return {"order_id": trade.order.orderId, "status": trade.orderStatus.status}


async def summary_now():
    figures = {}
    for value in await ib.accountSummaryAsync():
        figures[value.tag] = {"value": value.value, "currency": value.currency, "account": value.account}
    return {"account_summary": figures, "timestamp": datetime.now(UTC).isoformat()}


@app.get("/account/summary")
async def summary():
    if not ib.isConnected():
        raise HTTPException(503, "not connected")
    return await summary_now()


def positions_now():
    worth = {(item.account, item.contract.conId): item for item in ib.portfolio()}
    found = []
    for held in ib.positions():
        contract = held.contract
        item = worth.get((held.account, contract.conId))
        found.append(
            {
                "account": held.account,
                "symbol": contract.symbol,
                "secType": contract.secType,
                "currency": contract.currency,
                "position": held.position,
                "avgCost": held.avgCost,
                "conId": contract.conId,
                "exchange": contract.exchange,
                "localSymbol": contract.localSymbol,
                "tradingClass": contract.tradingClass,
                "marketPrice": item and item.marketPrice,
                "marketValue": item and item.marketValue,
                "unrealizedPNL": item and item.unrealizedPNL,
                "realizedPNL": item and item.realizedPNL,
            }
        )
    return {"positions": found, "timestamp": datetime.now(UTC).isoformat()}


@app.get("/account/positions")
async def positions():
    if not ib.isConnected():
        raise HTTPException(503, "not connected")
    return positions_now()


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
            for symbol in command.get("symbols") or [command["symbol"]]:
                mine.add(symbol)
                ticker = await subscribe(symbol)
                queues.setdefault(symbol, set()).add(queue)
                if ticker.hasBidAsk():
                    queue.put_nowait(quote_of(ticker))
    except WebSocketDisconnect:
        pass
    finally:
        writer.cancel()
        for symbol in mine:
            queues.get(symbol, set()).discard(queue)
