"""A service that trades with the simulator, on paper, with a journal of its own."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx

from ibactors.config import Settings
from tests.conftest import Gateway, Service, running_service

ACCOUNT = "DU1234567"


@asynccontextmanager
async def trading_service(folder: Path, *, still: bool = True, **settings: Any) -> AsyncIterator[Service]:
    """It is reconciled, and AAPL stands still at 100.00 to 100.02."""
    known: dict[str, Any] = {"trading": "paper", "state_path": str(folder), "journal_ephemeral": True, **settings}
    async with running_service(**known) as service:
        if still:
            await service.gateway.do("set AAPL 100.00 100.02 100.01")
        await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
        yield service


def order(name: str | None = "o-1", **changes: Any) -> dict[str, Any]:
    """The body of a limit order that rests below the market."""
    body = {
        "client_order_id": name,
        "instrument": {"symbol": "AAPL"},
        "side": "buy",
        "quantity": 10,
        "type": "limit",
        "limit_price": 99.5,
        "time_in_force": "day",
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


async def place(service: Service, name: str = "o-1", **changes: Any) -> httpx.Response:
    return await service.http.post("/orders", json=order(name, **changes))


async def ledger(service: Service, what: str = "orders") -> list[dict[str, Any]]:
    """What the simulator itself has of orders."""
    return list(json.loads(await service.gateway.control(f"ledger {what}"))[what])


async def received(service: Service) -> int:
    """How many placeOrder messages came to the gateway, in all."""
    return sum(row["received"] for row in await ledger(service))


def configured(gateway: Gateway, folder: Path, **settings: Any) -> Settings:
    """The settings of a service that trades at a gateway which outlives it."""
    return Settings(port=0, gateway_port=gateway.ports.port, trading="paper", state_path=str(folder), journal_ephemeral=True, **settings)
