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
from tests.service.keyed import KEYS, bearer, keyed_service
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


@pytest.mark.parametrize(
    ("hole", "wrong"),
    [
        ("17", {"client_ids": 2}),
        ("18", {"client_id": 0}),
        ("29", {"gateway": "managed", "read_only_api": "yes"}),
        ("6", {"trading": "live"}),
    ],
)
def test_holes_of_the_settings_refuse_to_start(tmp_path: Path, hole: str, wrong: dict[str, Any]) -> None:
    settings = Settings(**{"trading": "paper", "state_path": str(tmp_path), "journal_ephemeral": True, **wrong})
    with pytest.raises(StartupError, match="IBACTORS_"):
        check_trading(settings)
    assert hole


def test_hole_37_two_services_never_have_one_journal(tmp_path: Path) -> None:
    settings = Settings(trading="paper", state_path=str(tmp_path), journal_ephemeral=True)
    journal = Journal(tmp_path, allow_ephemeral=True)
    with pytest.raises(StartupError, match="locked"):
        check_trading(settings)
    journal.close()
    check_trading(settings)


ROUTES: tuple[tuple[str, str, str, Any], ...] = (
    ("POST", "/orders", "trade", order()),
    ("GET", "/orders", "read", None),
    ("GET", "/orders/ord_1", "read", None),
    ("PATCH", "/orders/ord_1", "trade", {"limit_price": 1}),
    ("DELETE", "/orders/ord_1", "trade", None),
    ("GET", "/orders/by-client-id/x", "read", None),
    ("DELETE", "/orders/by-client-id/x", "trade", None),
    ("GET", "/orders/events", "read", None),
    ("GET", "/orders/stream", "read", None),
    ("GET", "/executions", "read", None),
    ("GET", "/trading", "read", None),
    ("POST", "/trading/halt", "trade", {"cancel": "none"}),
    ("PUT", "/trading/deadman", "trade", {"seconds": 0}),
    ("POST", "/trading/resume", "admin", None),
    ("POST", "/orders/reconcile", "admin", None),
)
ALLOWED: dict[tuple[str, str], int] = {
    ("GET", "/orders/ord_1"): 404,
    ("PATCH", "/orders/ord_1"): 404,
    ("DELETE", "/orders/ord_1"): 404,
    ("GET", "/orders/by-client-id/x"): 404,
    ("DELETE", "/orders/by-client-id/x"): 204,
}


@pytest.mark.parametrize("mode", ["off", "paper"])
@pytest.mark.parametrize("halted", [False, True])
async def test_every_route_by_scope_mode_and_halt(tmp_path: Path, mode: str, halted: bool) -> None:
    if halted:
        (tmp_path / "HALT").touch()
    async with keyed_service(trading=mode, state_path=str(tmp_path), journal_ephemeral=True) as service:
        await service.gateway.do("set AAPL 100.00 100.02 100.01")
        if mode == "paper":
            while (await service.http.get("/trading", headers=bearer("read"))).json()["reconciled"] is None:
                pass
        for key in (None, *KEYS):
            for method, path, scope, body in ROUTES:
                allowed = _allowed(method, path, mode, halted=halted)
                wanted = allowed if key == scope else 401 if key is None else 403
                async with service.http.stream(method, path, json=body, headers=bearer(key) if key else {}) as answer:
                    if path != "/orders/stream" or answer.status_code != wanted:  # the stream itself has no end
                        await answer.aread()
                    assert answer.status_code == wanted, (key, method, path, answer.text)
            await service.http.post("/trading/resume", headers=bearer("admin"))
        if mode == "off" or halted:
            assert await ledger(service) == []


def _allowed(method: str, path: str, mode: str, *, halted: bool) -> int:
    """The status for who may."""
    if path == "/trading":
        return 200
    if mode == "off":
        return 403
    if (method, path) == ("POST", "/orders"):
        return 423 if halted else 201
    if path == "/trading/resume":
        return 423 if halted else 200
    return ALLOWED.get((method, path), 200)
