"""What an admin does by hand when evidence has come to its end."""

import json
from argparse import Namespace
from pathlib import Path

import pytest
import trio

from ibactors import journalling
from ibactors.config import Settings
from tests.conftest import ErrorLog, running_gateway, serving
from tests.service.trading import configured, place, received, trading_service


async def test_an_unknown_order_is_resolved_by_an_admins_word_and_journaled(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        working = (await place(service)).json()
        refused = await service.http.post(f"/orders/{working['order_id']}/resolve", json={"as": "cancelled"})
        assert (refused.status_code, refused.json()["code"]) == (409, "order_not_resolvable"), refused.text
        await service.gateway.do("sever placeOrder before")
        lost = (await place(service, "o-2", wait=0)).json()
        await service.until(f"/orders/{lost['order_id']}", lambda response: response.json()["status"] == "unknown")
        together = {"order_ids": [lost["order_id"], working["order_id"]], "as": "not_received"}
        assert (await service.http.post("/orders/resolve", json=together)).status_code == 409
        body = {"as": "not_received", "reason": "TWS shows nothing"}
        done = await service.http.post(f"/orders/{lost['order_id']}/resolve", json=body)
        assert (done.status_code, done.json()["status"], done.json()["new_client_order_id_allowed"]) == (200, "not_received", True)
        events = (await service.get(f"/orders/{lost['order_id']}/events"))["events"]
        assert any(event["event"] == "resolved" and "TWS shows nothing" in event["reason"] for event in events)
        again = await place(service, "o-2")
        assert (again.status_code, again.json()["code"]) == (409, "order_not_received")
        wrong = await service.http.post(f"/orders/{lost['order_id']}/resolve", json={"as": "unknown"})
        assert (wrong.status_code, wrong.json()["field"]) == (422, "as"), wrong.text
        assert await received(service) == 2


async def test_a_lost_journal_adopts_its_orders_and_answers_repetitions_by_them(
    tmp_path: Path, error_log: ErrorLog, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway() as gateway:
        await gateway.do("set AAPL 100.00 100.02 100.01")
        async with serving(configured(gateway, tmp_path / "old"), gateway) as service:
            await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
            assert (await place(service)).json()["status"] == "working"
            assert (await place(service, "o-2", limit_price=100.02)).status_code == 201
        async with serving(configured(gateway, tmp_path / "new"), gateway) as service:
            await service.until("/trading", lambda response: response.json()["halted"] is not None)
            assert error_log.take()
            monkeypatch.setenv("IBACTORS_URL", str(service.http.base_url))
            asking = Namespace(action="adopt", url=None)
            assert await trio.to_thread.run_sync(journalling.run, Settings(), asking) == 0
            taken = json.loads(capsys.readouterr().out)["orders"]
            assert sorted(each["status"] for each in taken) == ["filled", "working"], taken
            assert (await service.http.post("/orders/adopt")).json() == {"orders": []}
            assert (await service.http.post("/trading/resume")).status_code == 200
            again = await place(service)
            assert (again.status_code, again.headers["Idempotent-Replayed"], again.json()["status"]) == (200, "true", "working"), again.text
            assert (await place(service, "o-2", limit_price=100.02)).json()["filled_quantity"] == 10
            assert (await place(service, quantity=11)).json()["fields"] == ["quantity"]
            assert await received(service) == 2
            gone = await service.http.delete("/orders/by-client-id/o-1")
            assert gone.status_code in {200, 202}
            await service.until(f"/orders/{again.json()['order_id']}", lambda response: response.json()["status"] == "cancelled")
            assert (await place(service, "o-3")).json()["status"] == "working"
        settings = Settings(state_path=str(tmp_path / "new"))
        assert journalling.run(settings, Namespace(action="check")) == 0


async def test_cancel_all_ends_what_is_ours_without_service_and_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running_gateway() as gateway:
        await gateway.do("set AAPL 100.00 100.02 100.01")
        settings = configured(gateway, tmp_path)
        async with serving(settings, gateway) as service:
            await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
            for number in range(3):
                assert (await place(service, f"o-{number}")).json()["status"] == "working"
            await gateway.do("foreign 9 BUY 5 AAPL 99")
        assert await trio.to_thread.run_sync(journalling.run, settings, Namespace(action="cancel-all")) == 0
        assert capsys.readouterr().out.count("cancel sent") == 3
        alive = [row["alive"] for row in json.loads(await gateway.control("ledger orders"))["orders"]]
        assert sum(alive) == 1, alive


async def test_a_word_of_several_is_taken_as_a_whole(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        answers = [
            await service.http.post("/trading/halt", json={"reason": "test", "cancel": "small"}),
            await service.http.get("/orders", params={"status": "opened"}),
            await service.http.get("/orders/ord_A.B"),
        ]
        assert [(answer.status_code, answer.json()["field"]) for answer in answers] == [(422, "cancel"), (422, "status"), (422, "order_id")]
        assert (await service.http.get("/trading")).json()["halted"] is None
