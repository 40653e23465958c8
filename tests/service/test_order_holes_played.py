"""Holes of the order design, played over the wire by a gateway that behaves as in the book of behaviours; see also test_order_holes.py.

Those about changes, brackets and groups (2, 22, 25, 27, 32, 35) are with the tests of these; those about hours and midnights
(3, 14, 23, 40) are in tests/orders/test_holes.py, on its clock.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ErrorLog, Service
from tests.service.trading import ledger, place, received, trading_service


async def shown(service: Service, order_id: str, **wanted: Any) -> dict[str, Any]:
    def fits(answer: Any) -> bool:
        order = answer.json()
        return all(order[name] == value for name, value in wanted.items())

    found: dict[str, Any] = (await service.until(f"/orders/{order_id}", fits)).json()
    return found


async def events(service: Service, order_id: str) -> list[str]:
    return [event["event"] for event in (await service.get(f"/orders/{order_id}/events"))["events"]]


async def test_hole_10_texts_that_would_shift_the_fields_reach_no_frame(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        for changes in ({"label": "a\0b"}, {"instrument": {"symbol": "AA\0PL"}}, {"instrument": {"symbol": "AAPL", "exchange": "SM\0ART"}}):
            refused = await place(service, "o-1", **changes)
            assert refused.status_code == 422, refused.text
        assert await ledger(service) == []
        assert (await place(service)).status_code == 201, "its id was not used up"


@pytest.mark.slow
async def test_hole_15_a_list_that_never_ends_proves_no_absence(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("lose placeOrder")
        await service.gateway.do("lose completedOrdersEnd all")
        placed = await place(service, wait=0)
        answer = await service.http.post("/orders/reconcile", timeout=30)
        assert "completed orders" in answer.json()["reconciled"]["unfit"], answer.text
        found = await shown(service, placed.json()["order_id"], status="unknown")
        assert not found["new_client_order_id_allowed"]
        assert await received(service) == 1


async def test_hole_19_a_copy_that_somebody_made_in_tws_is_neither_ours_nor_cancelled(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        await service.gateway.do(f"manual BUY 10 AAPL 99.5 {placed['ib']['order_ref']}")
        assert (await service.http.post("/orders/reconcile")).status_code == 200
        assert (await service.get("/trading"))["halted"] is None
        await service.http.delete(f"/orders/{placed['order_id']}?wait=5")
        await shown(service, placed["order_id"], status="cancelled", filled_quantity=0)
        (copy,) = [row for row in await ledger(service) if row["clientId"] == 0]
        assert copy["alive"] == 1, "it is the user's own"


@pytest.mark.slow
async def test_hole_19_two_orders_of_one_halt_trading_and_end_together(tmp_path: Path, error_log: ErrorLog) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        await service.gateway.do(f"fork {placed['ib']['order_id']}")
        await service.until("/trading", lambda answer: "duplicate_at_broker" in (answer.json()["halted"] or ""))
        await shown(service, placed["order_id"], status="cancelled")
        (row,) = await ledger(service)
        assert (row["incarnations"], row["alive"], row["received"]) == (2, 0, 1)
        assert error_log.take()


async def test_hole_26_a_halt_leaves_what_only_reduces_the_position(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        entry = (await place(service, "entry")).json()
        protection = (await place(service, "protection", side="sell", limit_price=100.5)).json()
        assert (await service.http.post("/trading/halt", json={"reason": "test"})).status_code == 200
        await shown(service, entry["order_id"], status="cancelled")
        await shown(service, protection["order_id"], status="working")
        assert [row["alive"] for row in await ledger(service)] == [0, 1]


async def test_hole_28_without_a_live_price_a_market_order_is_refused_and_a_limit_has_a_wider_collar(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("delayed on")
        refused = await place(service, "m", type="market", limit_price=None)
        assert (refused.status_code, refused.json()["code"]) == (409, "no_reference_price"), refused.text
        assert (await place(service, "wide", limit_price=110)).status_code == 201
        far = await place(service, "far", limit_price=130)
        assert (far.status_code, far.json()["code"]) == (422, "price_collar")


async def test_hole_29_a_gateway_that_is_read_only_refuses_and_leaves_no_doubt(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("read-only on")
        first = await place(service)
        assert (first.status_code, first.json()["order"]["status"]) == (422, "rejected"), first.text
        await service.until("/trading", lambda answer: answer.json()["gateway_read_only"])
        second = await place(service, "o-2")
        assert (second.status_code, second.json()["code"]) == (409, "gateway_read_only"), second.text
        assert (await service.get("/trading"))["unknown_orders"] == 0


async def test_hole_31_a_flood_of_orders_of_others_crashes_nothing(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        for number in range(60):
            await service.gateway.do(f"foreign 7 BUY 1 AAPL 99 other-{number}")
        assert (await service.http.post("/orders/reconcile")).json()["reconciled"]["foreign_orders"] == 60
        assert (await place(service)).status_code == 201
        actors = {actor["name"]: actor for actor in (await service.get("/debug/actors"))["actors"]}
        assert actors["orders"]["restarts"] == 0


async def test_hole_34_an_execution_told_twice_under_two_names_is_disputed(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service, limit_price=100.02)).json()
        await shown(service, placed["order_id"], status="filled", filled_quantity=10)
        await service.gateway.do(f"repeat-fill {placed['ib']['order_id']}")
        await shown(service, placed["order_id"], status="filled", fills_disputed=True)


async def test_hole_34_a_fill_after_the_cancel_is_told_and_counted(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        await service.http.delete(f"/orders/{placed['order_id']}?wait=5")
        await service.gateway.do(f"fill-late {placed['ib']['order_id']}")
        await shown(service, placed["order_id"], filled_quantity=10)
        assert "late" in await events(service, placed["order_id"])


async def test_hole_38_a_code_that_nobody_knows_is_a_warning_and_never_an_end(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        await service.gateway.do(f"order-error {placed['ib']['order_id']} 31337 A code of tomorrow.")
        found = await service.until(f"/orders/{placed['order_id']}", lambda answer: bool(answer.json()["warnings"]))
        assert found.json()["status"] == "working"
        assert (await ledger(service))[0]["alive"] == 1


async def test_hole_39_a_repetition_needs_no_gateway(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service, rounding="nearest")).json()
        await service.gateway.do("refuse 60")
        await service.gateway.do("drop")
        await service.until("/health", lambda answer: not answer.json()["ib_connected"])
        again = await place(service, rounding="nearest", wait=0)
        assert (again.status_code, again.json()["order_id"]) == (200, placed["order_id"]), again.text
        assert (await place(service, "o-2")).status_code == 503


@pytest.mark.parametrize("message", ["openOrder", "orderStatus", "execDetails", "commissionReport"])
async def test_what_is_told_twice_counts_once(tmp_path: Path, message: str) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do(f"double {message} all")
        placed = (await place(service, limit_price=100.02)).json()
        found = await service.until(f"/orders/{placed['order_id']}", lambda answer: answer.json()["commission"] is not None)
        assert (found.json()["filled_quantity"], found.json()["fills_disputed"]) == (10, False)
        told = await events(service, placed["order_id"])
        assert (told.count("fill"), told.count("commission")) == (1, 1), told
