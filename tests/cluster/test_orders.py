"""Orders placed and cancelled at edges: the session's own, once each, whatever becomes of an answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import trio

from ibactors.keys import Scope, new_key, read_keys
from tests.cluster.busses import Cluster, connected, needs_server, running_cluster, running_edge
from tests.conftest import eventually
from tests.service.trading import ledger, order, place

pytestmark = [needs_server, pytest.mark.cluster]


@asynccontextmanager
async def trading_cluster(folder: Path, *, bus_orders: bool = True, edge: dict[str, Any] | None = None) -> AsyncIterator[Cluster]:
    """It is reconciled, and AAPL stands still at 100.00 to 100.02."""
    settings: dict[str, Any] = {"trading": "paper", "state_path": str(folder), "journal_ephemeral": True, "bus_orders": bus_orders}
    async with running_cluster(edge={"bus_orders": True, **(edge or {})}, **settings) as cluster:
        await cluster.gateway.do("set AAPL 100.00 100.02 100.01")
        await cluster.session.until("/trading", lambda response: response.json()["reconciled"] is not None)
        yield cluster


async def test_an_order_of_an_edge_is_the_sessions_and_the_same_request_at_another_edge_finds_it(tmp_path: Path) -> None:
    key, line = new_key("desk", [Scope.READ, Scope.TRADE])
    async with trading_cluster(tmp_path, edge={"api_keys": read_keys(line)}) as cluster:
        with_key = {"Authorization": f"Bearer {key}"}
        placed = await cluster.edge.http.post("/orders", json=order("o-1"), headers=with_key)
        assert placed.status_code == 201, placed.text
        assert placed.headers["location"] == f"/orders/{placed.json()['order_id']}"
        assert (await cluster.session.get(placed.headers["location"]))["key"] == "desk"
        async with running_edge(cluster.bus.url, cluster.gateway, bus_orders=True) as second:
            await connected(second)
            again = await place(second, "o-1")
            # Of another key: its id is taken, as it is where the session is.
            assert again.status_code == (await place(cluster.session, "o-1")).status_code
        again = await cluster.edge.http.post("/orders", json=order("o-1"), headers={**with_key, "Idempotency-Key": "o-1"})
        assert (again.json()["order_id"], again.headers["idempotent-replayed"]) == (placed.json()["order_id"], "true")
        changed = await cluster.edge.http.patch(
            placed.headers["location"], json={"limit_price": 99.4, "change_id": "c-1"}, headers={**with_key, "If-Match": "7"}
        )
        assert (
            changed.status_code
            == (
                await cluster.session.http.patch(
                    placed.headers["location"], json={"limit_price": 99.4, "change_id": "c-1"}, headers={"If-Match": "7"}
                )
            ).status_code
        )
        gone = await cluster.edge.http.delete(f"{placed.headers['location']}?wait=5", headers=with_key)
        assert gone.json()["status"] == "cancelled", gone.text
        assert len(await ledger(cluster.session)) == 1
        bad = await cluster.edge.http.post("/orders", json={"side": "buy"}, headers=with_key)
        assert (bad.status_code, bad.json()["code"]) == (422, "invalid_request")


async def test_an_answer_that_is_lost_is_told_so_and_the_same_request_finds_the_order(tmp_path: Path) -> None:
    async with trading_cluster(tmp_path) as cluster:
        for kind in ("openOrder", "orderStatus"):
            await cluster.gateway.do(f"lose {kind} all")
        answers: list[httpx.Response] = []

        async def place_here() -> None:
            answers.append(await place(cluster.edge, "o-1", wait=20))

        async def is_sent() -> bool:
            return len(await ledger(cluster.session)) == 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(place_here)
            await eventually(is_sent)
            await cluster.bus.kill()
        assert (answers[0].status_code, answers[0].json()["code"]) == (504, "answer_lost")
        assert "same client_order_id" in answers[0].json()["hint"]
        refused = await place(cluster.edge, "o-1", wait=0)
        assert (refused.status_code, refused.json()["code"]) == (503, "gateway_disconnected")
        await cluster.bus.start()
        await connected(cluster.edge)
        again = await place(cluster.edge, "o-1", wait=0)
        assert again.status_code in {200, 201, 202}, again.text
        assert len(await ledger(cluster.session)) == 1


async def test_a_session_takes_no_orders_from_edges_unless_it_is_told_to(tmp_path: Path) -> None:
    async with trading_cluster(tmp_path, bus_orders=False) as cluster:
        refused = await place(cluster.edge, "o-1")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_on_edge")
        assert "IBACTORS_BUS_ORDERS" in refused.json()["detail"]
        assert (await cluster.edge.http.post("/trading/resume", json={})).json()["code"] == "not_on_edge"
        async with running_edge(cluster.bus.url, cluster.gateway) as other:
            await connected(other)
            assert "This edge" in (await place(other, "o-1")).json()["detail"]
        assert await ledger(cluster.session) == []
