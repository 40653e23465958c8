"""What stops orders over the wire: rules that halt, limits of a key, a read-only gateway; and the audit of each action."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import trio
from structlog.testing import capture_logs

from ibactors.keys import read_keys
from ibactors.model.halting import HaltAfter
from tests.conftest import ErrorLog, eventually, running_gateway, serving
from tests.service.keyed import bearer
from tests.service.trading import configured, ledger, order, place, received, trading_service


async def test_refusals_in_a_row_halt_trading_and_name_the_setting(tmp_path: Path, error_log: ErrorLog) -> None:
    async with trading_service(tmp_path, halt_after=HaltAfter(rejects=2)) as service:
        await service.gateway.do("answer-order 201 2")
        assert (await place(service)).status_code == 422
        assert (await service.get("/trading"))["halted"] is None
        assert (await place(service, "o-2")).status_code == 422
        assert "IBACTORS_HALT_AFTER" in (await service.get("/trading"))["halted"]
        assert (await place(service, "o-3")).status_code == 423
        assert await received(service) == 2
        assert error_log.take()


async def test_a_halts_cancel_that_ib_refuses_is_asked_for_again_until_the_order_is_over(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        assert (await place(service)).status_code == 201
        await service.gateway.do("answer-cancel 161 1")
        halt = await service.http.post("/trading/halt", json={"cancel": "ours", "reason": "test"})
        assert halt.status_code == 200
        left = [(await service.get("/trading"))["halt"]["orders_left"]]

        def is_over(response: httpx.Response) -> bool:
            left.append(response.json()["halt"]["orders_left"])
            return not left[-1]

        await service.until("/trading", is_over)
        assert set(left) == {1, 0}
        (order,) = (await service.get("/orders?status=closed"))["orders"]
        assert order["status"] == "cancelled"
        events = (await service.get(f"/orders/{order['order_id']}/events"))["events"]
        assert [each["event"] for each in events].count("cancel_rejected") == 1


async def test_limits_of_a_key_bind_it_and_no_other(tmp_path: Path) -> None:
    lines = "\n".join(f"{name}:trade+read:{hashlib.sha256(f'ibk_{name}'.encode()).hexdigest()}" for name in ("one", "two"))
    limits = tmp_path / "limits"
    limits.write_text("one quantity=5 open_orders=1\n")
    async with running_gateway() as gateway:
        await gateway.do("set AAPL 100.00 100.02 100.01")
        settings = configured(gateway, tmp_path, api_keys=read_keys(lines), order_limits_file=str(limits))
        async with serving(settings, gateway) as service:
            headers = bearer("ibk_one")

            async def reconciled() -> bool:
                return (await service.http.get("/trading", headers=headers)).json()["reconciled"] is not None

            await eventually(reconciled)
            refused = await service.http.post("/orders", json=order(), headers=headers)
            told = refused.json()
            assert (refused.status_code, told["limit"], told["value"]) == (422, 5, 10), refused.text
            assert told["setting"] == "IBACTORS_ORDER_LIMITS_FILE (one quantity)"
            verdict = await service.http.post("/orders/preview", json=order(), headers=headers)
            assert verdict.json()["refusal"]["setting"] == "IBACTORS_ORDER_LIMITS_FILE (one quantity)", verdict.text
            assert (await service.http.post("/orders", json=order(quantity=5), headers=headers)).status_code == 201
            second = await service.http.post("/orders", json=order("o-2", quantity=5), headers=headers)
            assert second.json()["setting"] == "IBACTORS_ORDER_LIMITS_FILE (one open_orders)", second.text
            assert (await service.http.post("/orders", json=order("o-3"), headers=bearer("ibk_two"))).status_code == 201


async def test_hole_29_a_read_only_gateway_is_named_and_nothing_is_unknown(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("read-only on")
        first = await place(service)
        assert (first.status_code, first.json()["ib_code"]) == (422, 321), first.text
        found = await service.until("/trading", lambda response: response.json()["gateway_read_only"])
        assert found.json()["unknown_orders"] == 0
        second = await place(service, "o-2")
        assert (second.status_code, second.json()["code"]) == (409, "gateway_read_only"), second.text
        assert "Read-Only API" in second.json()["hint"]
        assert "IBACTORS_READ_ONLY_API" in second.json()["hint"]
        await service.gateway.do("read-only off")
        assert (await service.http.post("/orders/reconcile")).status_code == 200
        assert (await place(service, "o-2")).status_code == 201


async def test_a_setting_of_the_gateway_that_stops_an_order_is_named(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("precaution size 5")
        refused = await place(service)
        assert (refused.status_code, refused.json()["ib_code"]) == (422, 383), refused.text
        assert "Precautionary Settings" in refused.json()["hint"]


async def test_each_action_is_audited_with_the_order(tmp_path: Path) -> None:
    with capture_logs() as logged:
        await _trade(tmp_path)
    lines = {line["event"]: line for line in logged if "by" in line}
    assert {"order_placed", "order_changed", "order_cancelled", "trading_halted", "trading_resumed", "order_previewed"} <= lines.keys()
    assert lines["order_placed"]["order_id"] == lines["order_cancelled"]["order_id"] == lines["order_changed"]["order_id"]
    assert (lines["order_placed"]["limit_price"], lines["order_changed"]["limit_price"]) == ("99.5", "99.4")
    assert {line["by"] for line in lines.values()} == {"key:anonymous"}


async def _trade(folder: Path) -> None:
    async with trading_service(folder) as service:
        await service.http.post("/orders/preview", json=order())
        placed = (await place(service)).json()
        await service.http.patch(f"/orders/{placed['order_id']}", json={"change_id": "c-1", "limit_price": 99.4})
        await service.http.delete(f"/orders/{placed['order_id']}?wait=5")
        await service.http.post("/trading/halt", json={"cancel": "none", "reason": "test"})
        await service.http.post("/trading/resume")
        assert await ledger(service)


async def test_a_flood_of_orders_leaves_in_the_order_of_its_numbers_or_is_refused_before_it_is_written_down(tmp_path: Path) -> None:
    async with trading_service(tmp_path, orders_per_minute=1_000, max_open_orders=1_000, max_day_notional=None) as service:
        answers: list[tuple[int, str]] = []

        async def ask(number: int) -> None:
            until = (datetime.now(UTC) + timedelta(seconds=55)).isoformat()  # a busy machine takes more than the usual 10 s
            answer = await place(service, f"f-{number}", quantity=1, limit_price=100.02, send_before=until)
            answers.append((answer.status_code, answer.json().get("code", "")))

        async with trio.open_nursery() as nursery:
            for number in range(60):
                nursery.start_soon(ask, number)
        taken = sum(status in {200, 201, 202} for status, _ in answers)
        refused = [code for status, code in answers if status not in {200, 201, 202}]
        # All but the first where this process got no processor for long: what waited then is taken back, and written down.
        assert set(refused) <= {"order_rate", "gateway_disconnected", "no_reference_price", "order_not_sent"}, answers
        assert taken == await received(service)
        assert taken + refused.count("order_not_sent") == len((await service.get("/orders?status=all&limit=500"))["orders"])
