"""One test by name for each hole of the order design that needs the wire. Those that need none are in tests/orders/test_holes.py."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ibactors.actors.site import check_trading
from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.keys import read_keys
from ibactors.orders.journal import Journal
from tests.conftest import ErrorLog, running_gateway, serving
from tests.service.keyed import bearer
from tests.service.trading import configured, ledger, order, place, received, trading_service


async def test_hole_1_an_error_of_a_request_never_touches_an_order(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        assert 0 < placed["ib"]["order_id"] < 2**30
        for number in range(3):
            assert (await service.http.get(f"/market/quote/NOSUCH{number}")).status_code == 404
        shown = await service.get(f"/orders/{placed['order_id']}")
        assert (shown["status"], shown["warnings"]) == ("working", [])


async def test_hole_5_an_order_ref_that_does_not_come_back_halts_trading(tmp_path: Path, error_log: ErrorLog) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("strip openOrder all")
        await place(service, wait=0)
        found = await service.until("/trading", lambda response: response.json()["halted"] is not None)
        assert "order_ref_unreliable" in found.json()["halted"]
        assert (await place(service, "o-2")).status_code == 423
        assert await received(service) == 1
        assert error_log.take()


async def test_hole_7_what_becomes_unreachable_while_an_order_is_on_its_way_takes_it_back_or_finds_it(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        for number in range(5):
            await service.gateway.do("1100")
            answer = await place(service, f"o-{number}", wait=0)
            assert answer.status_code in {202, 409, 503}, answer.text
            await service.gateway.do("1102")
            await service.until("/health", lambda response: response.json()["ib_connected"])
        for row in await ledger(service):
            assert row["received"] <= 1


async def test_hole_8_a_journal_that_was_lost_halts_and_sends_no_repetition(tmp_path: Path, error_log: ErrorLog) -> None:
    async with running_gateway() as gateway:
        await gateway.do("set AAPL 100.00 100.02 100.01")
        async with serving(configured(gateway, tmp_path / "old"), gateway) as service:
            await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
            assert (await place(service)).status_code == 201
        async with serving(configured(gateway, tmp_path / "new"), gateway) as service:
            found = await service.until("/trading", lambda response: response.json()["halted"] is not None)
            assert "journal_behind" in found.json()["halted"]
            assert (await place(service)).status_code == 423
            assert await received(service) == 1
        assert error_log.take()


async def test_hole_11_what_was_not_sent_is_no_5xx_and_says_that_another_id_is_allowed(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("answer-order 201 1")
        answer = (await place(service)).json()
        assert (answer["status"], answer["new_client_order_id_allowed"]) == (422, True)


async def test_hole_12_a_request_that_comes_too_late_is_refused_unjournaled(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        late = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        answer = await place(service, send_before=late)
        assert (answer.status_code, answer.json()["field"]) == (422, "send_before")
        assert (await place(service)).status_code == 201


async def test_hole_16_another_key_does_not_send_it_again(tmp_path: Path) -> None:
    lines = "\n".join(f"{name}:trade+read:{hashlib.sha256(f'ibk_{name}'.encode()).hexdigest()}" for name in ("one", "two"))
    async with running_gateway() as gateway:
        await gateway.do("set AAPL 100.00 100.02 100.01")
        async with serving(configured(gateway, tmp_path, api_keys=read_keys(lines)), gateway) as service:
            one, two = bearer("ibk_one"), bearer("ibk_two")
            await service.until("/health", lambda response: response.json()["ib_connected"])
            first: Any = None
            while first is None or first.status_code == 503:
                first = await service.http.post("/orders", json=order(), headers=one)
            assert first.status_code == 201, first.text
            again = await service.http.post("/orders", json=order(), headers=two)
            assert (again.status_code, again.json()["code"]) == (409, "client_order_id_taken")
            assert "order" not in again.json()
            assert await received(service) == 1


async def test_hole_30_a_dead_mans_switch_cancels_blocks_and_outlives_a_restart(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        assert (await service.http.put("/trading/deadman", json={"seconds": 1})).status_code == 200
        await service.until(f"/orders/{placed['order_id']}", lambda response: response.json()["status"] == "cancelled")
        assert (await place(service, "o-2")).json()["code"] == "deadman_expired"
    async with trading_service(tmp_path) as service:
        assert (await place(service, "o-2")).status_code == 423
        assert (await service.http.put("/trading/deadman", json={"seconds": 60})).status_code == 200
        assert (await place(service, "o-2")).status_code == 201


def refused_to_start(tmp_path: Path, **wrong: Any) -> str:
    settings = Settings(**{"trading": "paper", "state_path": str(tmp_path), "journal_ephemeral": True, **wrong})
    with pytest.raises(StartupError, match="IBACTORS_") as refusal:
        check_trading(settings)
    return str(refusal.value)


def test_hole_6_live_trading_does_not_start_before_its_accounts_are_named(tmp_path: Path) -> None:
    assert "IBACTORS_LIVE_ACCOUNTS" in refused_to_start(tmp_path, trading="live")


def test_hole_17_trading_does_not_start_where_the_client_id_may_move(tmp_path: Path) -> None:
    assert "IBACTORS_CLIENT_IDS" in refused_to_start(tmp_path, client_ids=2)


def test_hole_18_trading_does_not_start_as_the_client_that_orders_entered_by_hand_are_bound_to(tmp_path: Path) -> None:
    assert "IBACTORS_CLIENT_ID" in refused_to_start(tmp_path, client_id=0)


def test_hole_29_trading_does_not_start_with_a_managed_gateway_that_refuses_it(tmp_path: Path) -> None:
    assert "IBACTORS_READ_ONLY_API" in refused_to_start(tmp_path, gateway="managed", read_only_api="yes")


def test_hole_37_two_services_never_have_one_journal(tmp_path: Path) -> None:
    settings = Settings(trading="paper", state_path=str(tmp_path), journal_ephemeral=True)
    journal = Journal(tmp_path, allow_ephemeral=True)
    with pytest.raises(StartupError, match="locked"):
        check_trading(settings)
    journal.close()
    check_trading(settings)
