"""Orders that belong together: brackets, one-cancels-all groups, and cancels of many, over real sockets."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DEADLINE, Service, eventually
from tests.service.trading import ledger, place, received, trading_service

BRACKET = {"take_profit": {"limit_price": 105}, "stop_loss": {"stop_price": 95}}


async def members(service: Service, answer: dict[str, Any]) -> dict[str, Any]:
    return {each["role"]: await service.get(f"/orders/{each['order_id']}") for each in answer["group"]["members"]}


async def test_bracket_is_one_request_three_orders_and_one_write(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        first = await place(service, bracket=BRACKET)
        assert first.status_code == 201, first.text
        family = await members(service, first.json())
        assert [each["client_order_id"] for each in family.values()] == ["o-1", "o-1/tp", "o-1/sl"]
        assert [each["side"] for each in family.values()] == ["buy", "sell", "sell"]
        assert (family["stop_loss"]["type"], family["stop_loss"]["stop_price"]) == ("stop", 95)
        again = await place(service, bracket=BRACKET)
        assert (again.status_code, again.json()["order_id"]) == (200, first.json()["order_id"])
        assert await received(service) == 3
        held = await service.until(f"/orders/{family['stop_loss']['order_id']}", lambda response: response.json()["status"] == "held")
        assert "child" in held.json()["status_reason"]


async def test_bracket_works_fills_and_its_children_end_each_other(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        answer = (await place(service, limit_price=100.02, bracket=BRACKET)).json()
        family = await members(service, answer)
        profit, loss = family["take_profit"]["order_id"], family["stop_loss"]["order_id"]
        await service.until(f"/orders/{profit}", lambda response: response.json()["status"] == "working")
        changed = await service.http.patch(f"/orders/{profit}", json={"change_id": "c", "limit_price": 104})
        assert (changed.status_code, changed.json()["limit_price"]) == (200, 104), changed.text
        await service.gateway.do("set AAPL 104.50 104.52 104.51")
        await service.until(f"/orders/{profit}", lambda response: response.json()["status"] == "filled")
        await service.until(f"/orders/{loss}", lambda response: response.json()["status"] == "cancelled")


async def test_cancelled_parent_takes_its_children_along(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        answer = (await place(service, bracket=BRACKET)).json()
        gone = await service.http.delete(f"/orders/{answer['order_id']}?wait=5")
        assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
        for each in answer["group"]["members"]:
            await service.until(f"/orders/{each['order_id']}", lambda response: response.json()["status"] == "cancelled")


@pytest.mark.parametrize("refused", [1, 2, 3])
async def test_hole_27_no_member_goes_on_without_one_that_was_refused(tmp_path: Path, refused: int) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do(f"answer-order 201 1 {refused}")
        await place(service, bracket=BRACKET, wait=0)
        ended = {"rejected", "cancelled", "unknown", "not_received"}
        await service.until(
            "/orders?status=all", lambda response: {each["status"] for each in response.json()["orders"]} <= ended, within=2 * DEADLINE
        )
        assert not any(row["alive"] for row in await ledger(service))


async def test_hole_22_what_a_break_left_of_a_bracket_is_cancelled_by_its_number(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("sever placeOrder before 2")
        answer = (await place(service, bracket=BRACKET, wait=0)).json()
        (part,) = [row for row in await ledger(service) if not row["lost"]]
        assert part["alive"], "one part is at the gateway, untransmitted"

        async def gone() -> bool:
            return not any(row["alive"] for row in await ledger(service))

        await eventually(gone, within=3 * DEADLINE)
        parent = await service.until(f"/orders/{answer['order_id']}", lambda response: response.json()["status"] == "cancelled")
        assert parent.json()["filled_quantity"] == 0
        assert await received(service) <= 3


async def test_bracket_that_does_not_fit_names_its_member(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        for wrong, field in (
            ({"stop_loss": {"stop_price": 100}}, "bracket.stop_loss.stop_price"),
            ({"take_profit": {"limit_price": 99}}, "bracket.take_profit.limit_price"),
            ({"take_profit": {"limit_price": 105.003}}, "bracket.take_profit.limit_price"),
            ({"stop_loss": {"trail_amount": 0}}, "bracket.stop_loss.trail_amount"),
            ({}, "bracket"),
        ):
            answer = await place(service, bracket=wrong)
            assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
        assert await ledger(service) == []


async def test_group_is_the_callers_own_and_one_fill_ends_the_rest(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        low = (await place(service, "low", limit_price=99, oca={"group": "g"})).json()
        other = await place(service, "other", limit_price=98, oca={"group": "g", "type": "reduce"})
        assert (other.status_code, other.json()["field"]) == (422, "oca.type")
        high = (await place(service, "high", limit_price=99.5, oca={"group": "g"})).json()
        assert (low["oca"], high["oca"]["group"]) == ({"group": "g", "type": "cancel_with_block"}, "g")
        await service.gateway.do("set AAPL 99.48 99.49 99.49")
        await service.until(f"/orders/{high['order_id']}", lambda response: response.json()["status"] == "filled")
        await service.until(f"/orders/{low['order_id']}", lambda response: response.json()["status"] == "cancelled")
        late = (await place(service, "late", limit_price=98, oca={"group": "g", "type": "reduce"})).json()
        assert late["status"] == "working", "a name whose members are all done begins anew"


async def test_many_are_cancelled_by_what_they_have_in_common(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed: dict[str, dict[str, Any]] = {"a": {}, "b": {"limit_price": 99}, "c": {"side": "sell", "limit_price": 101}}
        for name, changes in placed.items():
            assert (await place(service, name, quantity=1, **changes)).status_code == 201
        await service.gateway.do("manual BUY 5 AAPL 90")
        refused = await service.http.delete("/orders")
        assert (refused.status_code, refused.json()["field"]) == (422, "all")
        none = await service.http.delete("/orders?symbol=MSFT")
        assert (none.status_code, none.json()) == (200, {"orders": [], "open": 0})
        buys = await service.http.delete("/orders?side=buy&symbol=AAPL&wait=10")
        assert (buys.status_code, buys.json()["open"]) == (200, 0), buys.text
        assert [each["client_order_id"] for each in buys.json()["orders"]] == ["a", "b"]
        rest = await service.http.delete("/orders?all=true&wait=10")
        assert [(each["client_order_id"], each["status"]) for each in rest.json()["orders"]] == [("c", "cancelled")]
        assert sum(row["alive"] for row in await ledger(service)) == 1, "what was entered by hand stays"


async def test_halt_that_says_all_cancels_what_was_entered_by_hand_too(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await place(service, quantity=1)
        await service.gateway.do("manual BUY 5 AAPL 90")
        halted = await service.http.post("/trading/halt", json={"cancel": "ours", "reason": "test"})
        assert halted.status_code == 200
        await service.until("/trading", lambda response: response.json()["open_orders"] == 0)
        assert sum(row["alive"] for row in await ledger(service)) == 1
        assert (await service.http.post("/trading/halt", json={"cancel": "all", "reason": "test"})).status_code == 200

        async def gone() -> bool:
            return not any(row["alive"] for row in await ledger(service))

        await eventually(gone)
        requests = (await service.gateway.stats())["requests"]
        assert requests["reqGlobalCancel"] == 1
