"""Changes of orders, over real sockets."""

from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.conftest import DEADLINE, Service
from tests.service.trading import ledger, place, received, trading_service


async def change(service: Service, order_id: str, *, revision: int | None = None, **changes: Any) -> httpx.Response:
    headers = {} if revision is None else {"If-Match": f'"{revision}"'}
    return await service.http.patch(f"/orders/{order_id}", json=changes, headers=headers)


async def test_change_is_made_once_and_told_again(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        first = await change(service, placed["order_id"], change_id="c-1", limit_price=99.4, quantity=12)
        assert first.status_code == 200, first.text
        shown = first.json()
        assert (shown["limit_price"], shown["quantity"], shown["revision"], shown["status"]) == (99.4, 12, 2, "working")
        again = await change(service, placed["order_id"], change_id="c-1", limit_price=99.4, quantity=12)
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
        other = await change(service, placed["order_id"], change_id="c-1", limit_price=99.3)
        assert (other.status_code, other.json()["code"]) == (409, "change_id_reused")
        later = await change(service, placed["order_id"], change_id="c-2", limit_price=99.2)
        assert later.json()["revision"] == 3
        assert (await change(service, placed["order_id"], change_id="c-1", limit_price=99.4, quantity=12)).json()["limit_price"] == 99.2
        (row,) = await ledger(service)
        assert row["received"] == 3


async def test_prices_that_were_put_on_the_tick_are_told_with_the_order_for_as_long_as_it_has_them(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        bracket = {"take_profit": {"limit_price": 110.006}, "stop_loss": {"stop_price": 90}}
        placed = (await place(service, limit_price=99.503, rounding="passive", bracket=bracket)).json()
        assert placed["adjusted"]["limit_price"].items() >= {"asked": 99.503, "sent": 99.5}.items(), placed
        _, profit, loss = [(await service.get(f"/orders/{each['order_id']}"))["adjusted"] for each in placed["group"]["members"]]
        assert (profit["limit_price"]["sent"], loss) == (110.01, {})
        more = (await change(service, placed["order_id"], change_id="c-1", quantity=12)).json()
        assert more["adjusted"] == placed["adjusted"]
        moved = (await change(service, placed["order_id"], change_id="c-2", limit_price=99.408, rounding="nearest")).json()
        assert moved["adjusted"]["limit_price"].items() >= {"asked": 99.408, "sent": 99.41}.items(), moved
        plain = (await change(service, placed["order_id"], change_id="c-3", limit_price=99.3)).json()
        assert plain["adjusted"] == {}


async def test_change_to_what_it_is_sends_nothing_and_uses_its_id_up(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        order_id = (await place(service)).json()["order_id"]
        same = await change(service, order_id, change_id="c-1", limit_price=99.5)
        assert (same.status_code, same.json()["revision"]) == (200, 1), same.text
        moved = await change(service, order_id, limit_price=99.4)
        assert (moved.status_code, moved.headers["Ibactors-Do-Not-Repeat"]) == (200, "true")
        late = await change(service, order_id, change_id="c-1", limit_price=99.5)
        assert (late.status_code, late.json()["limit_price"]) == (200, 99.4)
        assert await received(service) == 2


async def test_time_in_force_changes_between_day_and_gtc(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        order_id = (await place(service)).json()["order_id"]
        answer = await change(service, order_id, change_id="c-1", time_in_force="gtc")
        assert (answer.status_code, answer.json()["time_in_force"], answer.json()["revision"]) == (200, "gtc", 2), answer.text


async def test_change_that_ib_refuses_leaves_the_order_as_it_was(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        order_id = (await place(service)).json()["order_id"]
        await service.gateway.do("answer-order 201 1")
        for _ in range(2):
            answer = await change(service, order_id, change_id="c-1", limit_price=99.4)
            assert (answer.status_code, answer.json()["code"], answer.json()["ib_code"]) == (422, "change_rejected", 201), answer.text
            order = answer.json()["order"]
            assert (order["status"], order["limit_price"], order["revision"]) == ("working", 99.5, 1)
        assert (await change(service, order_id, change_id="c-2", limit_price=99.4)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({}, 422, "quantity"),
        ({"limit_price": 99.503}, 422, "limit_price"),
        ({"limit_price": 130}, 422, None),
        ({"quantity": 0}, 422, "quantity"),
        ({"quantity": 2000}, 422, None),
        ({"stop_price": 98}, 422, "stop_price"),
        ({"time_in_force": "ioc"}, 422, "time_in_force"),
        ({"side": "sell"}, 422, "side"),
        ({"good_till": "2020-01-01T00:00:00Z"}, 422, "good_till"),
        ({"limit_price": 99.4, "revision": 2}, 412, None),
    ],
)
async def test_bad_change_names_its_field_and_uses_nothing_up(
    tmp_path: Path, changes: dict[str, Any], status: int, field: str | None
) -> None:
    async with trading_service(tmp_path) as service:
        order_id = (await place(service)).json()["order_id"]
        answer = await change(service, order_id, **{"change_id": "c-1", **changes})
        assert (answer.status_code, answer.json().get("field")) == (status, field), answer.text
        assert (await change(service, order_id, change_id="c-1", limit_price=99.4, revision=1)).status_code == 200
        assert await received(service) == 2


async def test_order_that_is_over_or_out_of_sight_cannot_be_changed(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        order_id = (await place(service)).json()["order_id"]
        await service.gateway.do("1100")
        answer = await change(service, order_id, limit_price=99.4)
        assert (answer.status_code, answer.json()["code"]) == (503, "gateway_disconnected"), answer.text
        await service.gateway.do("1102")
        await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
        assert (await service.http.delete(f"/orders/{order_id}?wait=10")).status_code == 200
        answer = await change(service, order_id, limit_price=99.4)
        assert (answer.status_code, answer.json()["code"]) == (409, "order_not_changeable"), answer.text
        assert (await change(service, "ord_0000000000000000", limit_price=1)).status_code == 404
        assert await received(service) == 1


@pytest.mark.slow
async def test_change_without_an_answer_is_found_in_the_lists(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        order_id = (await place(service)).json()["order_id"]
        await service.gateway.do("lose placeOrder 1 1")
        answer = await change(service, order_id, change_id="c-1", limit_price=99.4, wait=0)
        assert (answer.status_code, answer.json()["status"], answer.json()["change_id"]) == (202, "pending_replace", "c-1"), answer.text
        busy = await change(service, order_id, change_id="c-2", limit_price=99.3)
        assert (busy.status_code, busy.json()["code"]) == (409, "order_not_changeable")
        await service.gateway.do("drop")
        await service.until(f"/orders/{order_id}", lambda response: response.json()["status"] == "working", within=2 * DEADLINE)
        answer = await change(service, order_id, change_id="c-1", limit_price=99.4)
        assert (answer.status_code, answer.json()["code"], answer.json()["order"]["limit_price"]) == (422, "change_rejected", 99.5)
        assert (await change(service, order_id, change_id="c-3", limit_price=99.3)).status_code == 200
