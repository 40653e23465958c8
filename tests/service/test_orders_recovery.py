"""What becomes of orders when something breaks: the session, the service, the gateway, a message. Judged by the gateway's ledger."""

from pathlib import Path
from typing import Any

import trio

from tests.conftest import DEADLINE, ErrorLog, Service, running_gateway, serving
from tests.service.trading import configured, ledger, order, place, received, trading_service


async def until_state(service: Service, *states: str, name: str = "o-1", within: float = DEADLINE) -> dict[str, Any]:
    answer = await service.until(f"/orders/by-client-id/{name}", lambda response: response.json().get("status") in states, within)
    found: dict[str, Any] = answer.json()
    return found


async def test_order_whose_answer_was_lost_with_the_session_is_found_again(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("sever placeOrder after")
        first = await place(service, wait=0)
        assert first.status_code == 202, first.text
        found = await until_state(service, "working")
        assert found["ib"]["perm_id"] is not None
        again = await place(service)
        assert (again.status_code, again.json()["order_id"]) == (200, first.json()["order_id"])
        assert await received(service) == 1


async def test_order_that_was_lost_on_its_way_is_unknown_and_never_sent_again(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("sever placeOrder before")
        await place(service, wait=0)
        found = await until_state(service, "unknown")
        assert found["sent"] is None
        assert not found["new_client_order_id_allowed"]
        await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
        again = await place(service, wait=0)
        assert (again.status_code, again.json()["status"]) == (202, "unknown")
        (row,) = await ledger(service)
        assert row["received"] == 1, "the one that was severed"


async def test_service_that_starts_anew_knows_its_orders_and_cancels_them(tmp_path: Path) -> None:
    async with running_gateway() as gateway:
        await gateway.do("set AAPL 100.00 100.02 100.01")
        for _ in range(2):
            async with serving(configured(gateway, tmp_path), gateway) as service:
                await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
                placed = await place(service)
                assert placed.json()["status"] == "working", placed.text
                assert await received(service) == 1
        async with serving(configured(gateway, tmp_path), gateway) as service:
            await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
            gone = await service.http.delete(f"/orders/{placed.json()['order_id']}?wait=5")
            assert gone.json()["status"] == "cancelled"


async def test_orders_placed_at_once_are_each_sent_once(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(place, service, f"c-{number}")
        for row in await ledger(service):
            assert row["received"] == 1
        tokens = [row["orderRef"] for row in await ledger(service)]
        assert len(set(tokens)) == len(tokens) == 10


async def test_equal_requests_at_once_are_one_order(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        answers: list[tuple[int, str]] = []

        async def ask() -> None:
            answer = await place(service)
            answers.append((answer.status_code, answer.json()["order_id"]))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(ask)
        assert len({order_id for _, order_id in answers}) == 1
        assert sorted(status for status, _ in answers) == [200] * 19 + [201]
        assert await received(service) == 1


async def test_caller_that_hangs_up_changes_nothing(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("slow 0.3")
        with trio.move_on_after(0.2):
            await service.http.post("/orders", json=order())
        await service.gateway.do("slow 0")
        await until_state(service, "working")
        assert (await place(service)).status_code == 200
        assert await received(service) == 1


async def test_nothing_is_taken_while_ib_is_not_reachable(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("1100")
        await service.until("/health", lambda response: not response.json()["ib_connected"])
        refused = await place(service)
        assert (refused.status_code, refused.json()["code"]) == (503, "gateway_disconnected")
        await service.gateway.do("1102")
        await service.until("/health", lambda response: response.json()["ib_connected"])
        assert (await place(service)).status_code == 201
        assert await received(service) == 1


async def test_cancel_waits_for_ib_and_is_then_carried_out(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        await service.gateway.do("1100")
        await service.until("/health", lambda response: not response.json()["ib_connected"])
        asked = await service.http.delete(f"/orders/{placed['order_id']}")
        assert (asked.status_code, asked.json()["status"]) == (202, "pending_cancel")
        await service.gateway.do("1102")
        await until_state(service, "cancelled")


async def test_undecodable_order_halts_trading_and_is_not_absent(tmp_path: Path, error_log: ErrorLog) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("maim openOrder all")
        await service.gateway.do("lose orderStatus all")
        await place(service, wait=0)
        await service.until("/trading", lambda response: response.json()["halted"] is not None)
        found = await until_state(service, "cancelled")  # a halt takes entries with it
        assert not found["new_client_order_id_allowed"]
        assert (await place(service, "o-2")).status_code == 423
        assert error_log.take()
