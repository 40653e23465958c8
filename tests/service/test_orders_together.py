"""Orders of one request of which one cancels the others (`POST /orders/groups`): all of them, or none."""

from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.conftest import DEADLINE, Service
from tests.service.trading import ledger, order, received, trading_service


def two(**changes: Any) -> list[dict[str, Any]]:
    """A buy below the market and a sale above it."""
    return [order(None, **changes), order(None, side="sell", limit_price=101, **changes)]


async def place(service: Service, name: str = "g-1", *orders: dict[str, Any], **changes: Any) -> httpx.Response:
    return await service.http.post("/orders/groups", json={"client_order_id": name, "orders": list(orders) or two(), **changes})


async def test_a_group_is_one_request_and_one_fill_cancels_the_rest(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        first = await place(service)
        assert first.status_code == 201, first.text
        buy, sale = first.json()["orders"]
        assert (buy["client_order_id"], sale["client_order_id"]) == ("g-1", "g-1/2")
        assert buy["oca"] == sale["oca"] == {"group": "g-1", "type": "cancel_with_block"}
        assert (buy["group"]["kind"], buy["group"]["parent"], buy["role"]) == ("oca", None, "member")
        assert [each["order_id"] for each in sale["group"]["members"]] == [buy["order_id"], sale["order_id"]]
        again = await place(service)
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
        assert [each["order_id"] for each in again.json()["orders"]] == [buy["order_id"], sale["order_id"]]
        other = await place(service, "g-1", *two(quantity=11))
        assert (other.status_code, other.json()["fields"]) == (409, ["orders"])
        alone = await service.http.post("/orders", json=order("g-1"))
        assert (alone.status_code, alone.json()["code"]) == (409, "client_order_id_reused")
        assert await received(service) == 2
        await service.gateway.do("set AAPL 101.10 101.12 101.11")
        await service.until(f"/orders/{sale['order_id']}", lambda response: response.json()["status"] == "filled")
        await service.until(f"/orders/{buy['order_id']}", lambda response: response.json()["status"] == "cancelled")


@pytest.mark.parametrize("refused", [1, 2])
async def test_no_order_of_a_group_goes_on_without_one_that_was_refused(tmp_path: Path, refused: int) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do(f"answer-order 201 1 {refused}")
        await place(service, wait=0)
        ended = {"rejected", "cancelled"}
        await service.until(
            "/orders?status=all", lambda response: {each["status"] for each in response.json()["orders"]} == ended, within=2 * DEADLINE
        )
        told = await place(service)
        assert (told.status_code, told.json()["code"], told.json()["ib_code"]) == (422, "order_rejected", 201), told.text
        assert [each["status"] for each in told.json()["orders"]].index("rejected") == refused - 1
        assert told.json()["new_client_order_id_allowed"] is True
        assert not any(row["alive"] for row in await ledger(service))
        assert await received(service) == 2


async def test_what_is_refused_names_the_order_and_takes_none(tmp_path: Path) -> None:
    async with trading_service(tmp_path, max_open_orders=2) as service:
        good = order(None)
        wrong: list[tuple[list[dict[str, Any]], int, str]] = [
            ([good, order(None, limit_price=99.503)], 422, "orders.1.limit_price"),
            ([good, {**good, "bracket": {"stop_loss": {"stop_price": 95}}}], 422, "orders.1.bracket"),
            ([{**good, "client_order_id": "x"}, good], 422, "orders.0.client_order_id"),
            ([good], 422, "orders"),
            ([good] * 11, 422, "orders"),
        ]
        for orders, status, field in wrong:
            answer = await place(service, "g-1", *orders)
            assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text
        over = await place(service, "g-1", good, good, good)
        assert (over.status_code, over.json()["code"], over.json()["member"]) == (422, "order_limit", 2), over.text
        assert await ledger(service) == []
        assert (await service.get("/orders?status=all"))["orders"] == []
        kept = await place(service, "g-1", good, good)
        assert kept.status_code == 201, "the client_order_id was not used up, and nothing is counted of what was refused"


async def test_the_id_of_a_group_gives_all_of_it_up(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        for each in (await place(service, oca={"group": "mine", "type": "reduce"})).json()["orders"]:
            assert each["oca"] == {"group": "mine", "type": "reduce"}
        gone = await service.http.delete("/orders/by-client-id/g-1")
        assert gone.status_code in {200, 202}, gone.text
        await service.until("/orders", lambda response: response.json()["orders"] == [])
        assert not any(row["alive"] for row in await ledger(service))
        void = await service.http.delete("/orders/by-client-id/g-2")
        assert void.status_code == 204
        late = await place(service, "g-2")
        assert (late.status_code, late.json()["code"]) == (409, "client_order_id_void")


async def test_each_order_of_a_group_has_a_preview_where_previews_are_asked_for(tmp_path: Path) -> None:
    async with trading_service(tmp_path, require_preview=True) as service:
        bare = await place(service)
        assert (bare.status_code, bare.json()["code"], bare.json()["member"]) == (409, "preview_required", 0)
        tokens = [(await service.http.post("/orders/preview", json=each)).json()["preview_token"] for each in two()]
        orders = [{**each, "preview_token": token} for each, token in zip(two(), tokens, strict=True)]
        assert (await place(service, "g-1", *orders)).status_code == 201
        assert (await place(service)).status_code == 200, "a repetition is a question"
        assert await received(service) == 2
