"""Orders from HTTP to the gateway and back, over real sockets."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import trio

from ibactors import journalling
from ibactors.actors.orders import OrdersRef
from ibactors.config import Settings
from ibactors.web.operation import Operation
from tests.conftest import Service, running_service
from tests.service.trading import ledger, place, received, trading_service


async def test_order_is_placed_seen_and_cancelled(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        answer = await place(service)
        assert answer.status_code == 201, answer.text
        placed = answer.json()
        assert (placed["status"], placed["sent"], placed["ib"]["status"]) == ("working", True, "Submitted")
        assert answer.headers["Location"] == f"/orders/{placed['order_id']}"
        assert (await service.get(answer.headers["Location"]))["status"] == "working"
        assert [each["order_id"] for each in (await service.get("/orders"))["orders"]] == [placed["order_id"]]
        table = await service.http.get("/orders", headers={"Accept": "text/csv"})
        (row,) = csv.DictReader(table.text.splitlines(), strict=True)
        assert (row["order_id"], row["instrument_symbol"], row["side"]) == (placed["order_id"], "AAPL", placed["side"])
        gone = await service.http.delete(f"/orders/{placed['order_id']}?wait=5")
        assert (gone.status_code, gone.json()["status"]) == (200, "cancelled"), gone.text
        assert (await service.get("/orders"))["orders"] == []
        (row,) = await ledger(service)
        assert row["received"] == 1


async def test_order_is_filled_and_its_commission_joins(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service, limit_price=100.02)).json()
        shown = await service.until(f"/orders/{placed['order_id']}", lambda response: response.json()["commission"] is not None)
        assert (shown.json()["status"], shown.json()["filled_quantity"]) == ("filled", 10)
        assert shown.json()["average_price"] == 100.02


async def test_repetition_is_answered_by_the_order_and_sends_nothing(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        first = await place(service)
        again = await place(service)
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
        assert again.json()["order_id"] == first.json()["order_id"]
        other = await place(service, quantity=11)
        assert (other.status_code, other.json()["code"], other.json()["fields"]) == (409, "client_order_id_reused", ["quantity"])
        assert await received(service) == 1


async def test_refusal_of_ib_is_the_answer_each_time(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("answer-order 201 1")
        first = await place(service)
        again = await place(service)
        for answer in (first, again):
            assert (answer.status_code, answer.json()["code"], answer.json()["ib_code"]) == (422, "order_rejected", 201)
            assert answer.json()["new_client_order_id_allowed"] is True
        assert await received(service) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"limit_price": 130}, "price_collar"),
        ({"quantity": 200}, "order_limit"),
        ({"limit_price": 99.503}, "invalid_request"),
        ({"quantity": -1}, "invalid_request"),
        ({"time_in_force": None}, "invalid_request"),
        ({"label": "a\u0000b"}, "bad_text"),
        ({"account": "DU9999999"}, "invalid_request"),
        ({"nonsense": 1}, "invalid_request"),
    ],
)
async def test_what_is_refused_is_not_journaled_and_uses_nothing_up(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    async with trading_service(tmp_path) as service:
        refused = await place(service, **changes)
        assert (refused.status_code in {403, 422}, refused.json()["code"]) == (True, code), refused.text
        quote = {"kind": "quote", "bid": 100.0, "ask": 100.02} if code == "price_collar" else {}
        assert {name: value for name, value in refused.json().get("quote", {}).items() if name != "timestamp"} == quote
        assert await ledger(service) == []
        assert (await place(service)).status_code == 201


async def test_trading_is_off_unless_somebody_says_otherwise_and_writes_no_byte_of_an_order(service: Service) -> None:
    for method, path in (("POST", "/orders"), ("GET", "/orders"), ("DELETE", "/orders/ord_1"), ("DELETE", "/orders/by-client-id/x")):
        body = {
            "client_order_id": "x",
            "instrument": {"symbol": "AAPL"},
            "side": "buy",
            "type": "market",
            "time_in_force": "day",
            "quantity": 1,
        }
        answer = await service.http.request(method, path, json=body if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "trading_off"), (method, path, answer.text)
    assert (await service.get("/trading"))["mode"] == "off"
    assert await ledger(service) == []
    requests = (await service.gateway.stats())["requests"]
    assert not {"placeOrder", "cancelOrder", "reqOpenOrders", "reqAllOpenOrders", "reqGlobalCancel"} & set(requests)


async def test_void_id_is_never_taken(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        assert (await service.http.delete("/orders/by-client-id/o-1")).status_code == 204
        answer = await place(service)
        assert (answer.status_code, answer.json()["code"]) == (409, "client_order_id_void")
        assert await ledger(service) == []


async def test_halt_refuses_orders_lets_cancels_pass_and_outlives_a_restart(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        halted = await service.http.post("/trading/halt", json={"cancel": "none", "reason": "test"})
        assert (halted.status_code, halted.json()["halted"]) == (200, "test"), halted.text
        assert (await place(service, "o-2")).status_code == 423
        assert (await place(service)).status_code == 200, "a repetition is a question"
        gone = await service.http.delete(f"/orders/{placed['order_id']}?wait=5")
        assert gone.json()["status"] == "cancelled"
    async with trading_service(tmp_path) as service:
        assert (await service.get("/trading"))["halted"] == "test"
        assert (await service.http.post("/trading/resume")).status_code == 200
        assert (await place(service, "o-3")).status_code == 201


async def test_halt_by_file_is_seen_and_stays(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        (tmp_path / "HALT").touch()
        assert (await place(service)).status_code == 423
        (tmp_path / "HALT").unlink()
        assert (await place(service)).status_code == 423
        assert await ledger(service) == []


async def test_trading_does_not_start_on_another_kind_of_account(tmp_path: Path) -> None:
    async with running_service(trading="live", live_accounts=("U7654321",), state_path=str(tmp_path), journal_ephemeral=True) as service:
        await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
        answer = await place(service)
        assert (answer.status_code, answer.json()["setting"]) == (403, "IBACTORS_LIVE_ACCOUNTS"), answer.text
        assert await ledger(service) == []


async def test_events_are_numbered_without_a_gap_and_resume_over_a_restart(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        page = await service.get("/orders/events")
        assert [event["event"] for event in page["events"]] == ["accepted", "sent", "working"]
        await service.http.delete(f"/orders/{placed['order_id']}?wait=5")
        more = await service.get(f"/orders/events?after={page['cursor']}&wait=5")
        assert more["events"][0]["sequence"] == page["events"][-1]["sequence"] + 1
    async with trading_service(tmp_path) as service:
        everything = (await service.get("/orders/events?limit=500"))["events"]
        assert [event["sequence"] for event in everything] == list(range(1, len(everything) + 1))
        assert everything[-1]["status"] == "cancelled"
        gone = await service.http.get("/orders/events?after=0123456789ab-1")
        assert (gone.status_code, gone.json()["code"]) == (410, "cursor_gone")
        assert (await service.get(f"/orders/{placed['order_id']}/events"))["events"] == everything


async def test_long_poll_is_answered_by_the_next_event(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        cursor = (await service.get("/orders/events"))["cursor"]
        found: list[dict[str, Any]] = []

        async def poll() -> None:
            found.extend((await service.get(f"/orders/events?after={cursor}&wait=8"))["events"])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await place(service)
        assert found[0]["event"] == "accepted"


async def test_executions_are_told_with_their_commission(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service, limit_price=100.02)).json()
        path = f"/executions?order_id={placed['order_id']}"
        answer = await service.until(path, lambda response: all("commission" in each for each in response.json()["executions"] or [{}]))
        assert sum(each["quantity"] for each in answer.json()["executions"]) == 10


async def test_journal_command_finds_it_sound_and_masks_accounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with trading_service(tmp_path) as service:
        await place(service)
    settings = Settings(state_path=str(tmp_path))
    assert journalling.run(settings, Namespace(action="check")) == 0
    assert journalling.run(settings, Namespace(action="export", unmasked=False)) == 0
    said = capsys.readouterr().out
    assert "DU***567" in said
    assert "DU1234567" not in said


async def test_orders_of_others_are_shown_with_whose_they_are_and_left_alone(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        mine = (await place(service)).json()["order_id"]
        await service.gateway.do("manual BUY 5 AAPL 90")
        await service.gateway.do("foreign 7 SELL 1 AAPL 120 other")
        assert (await service.http.post("/orders/reconcile")).json()["reconciled"]["foreign_orders"] == 2
        every = await service.get("/orders")
        assert [each["order_id"] for each in every["orders"]] == [mine]
        assert {(each["source"], each["side"], each["quantity"], each["limit_price"]) for each in every["foreign"]} == {
            ("manual", "buy", 5, 90),
            ("client:7", "sell", 1, 120),
        }
        for source, ours, others in (("ibactors", 1, 0), ("manual", 0, 1), ("client:7", 0, 1), ("client:8", 0, 0)):
            found = await service.get(f"/orders?source={source}")
            assert (len(found["orders"]), len(found["foreign"])) == (ours, others), source
        for each in every["foreign"]:
            assert await service.get(f"/orders/{each['order_id']}") == each
        missing = await service.http.get("/orders/ext_1")
        assert (missing.status_code, missing.json()["code"]) == (404, "order_not_found")
        previewed = await service.http.post(f"/orders/{every['foreign'][0]['order_id']}/preview", json={"quantity": 1})
        assert (previewed.status_code, previewed.json()["code"]) == (409, "order_not_ours"), previewed.text
        other = every["foreign"][0]["order_id"]
        for method in ("DELETE", "PATCH"):
            left = await service.http.request(method, f"/orders/{other}", json={"limit_price": 1} if method == "PATCH" else None)
            assert (left.status_code, left.json()["code"]) == (409, "order_not_ours"), left.text
        assert sum(row["alive"] for row in await ledger(service)) == 3


async def test_orders_are_listed_by_symbol_and_time_and_trading_tells_its_limits(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        placed = (await place(service)).json()
        for query, found in (
            ("symbol=AAPL", 1),
            ("symbol=MSFT", 0),
            ("after=2020-01-01", 1),
            ("after=2099-01-01", 0),
            ("status=closed", 0),
        ):
            assert len((await service.get(f"/orders?{query}"))["orders"]) == found, query
        assert placed["status"] == "working"
        trading = await service.get("/trading")
        limits = {each["name"]: (each["used"], each["limit"]) for each in trading["limits"]}
        assert (limits["day_notional"], limits["open_orders"], limits["order_notional"]) == ((995, 100_000), (1, 50), (None, 10_000))
        assert trading["journal"]["sequence"] == trading["sequence"] > 0
        assert trading["journal"]["lag_seconds"] > 0


LISTS = (
    "",
    "?limit=2",
    "?limit=3",
    "?account=DU1234567",
    "?account=DU7654321",
    "?symbol=AAPL",
    "?symbol=MSFT",
    "?source=ibactors",
    "?source=manual",
)


async def test_orders_from_memory_are_those_of_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked, at each state of an order; and a list that was asked for before is not told again when it has changed."""
    async with trading_service(tmp_path) as service:
        names = [(await place(service, f"o-{n}")).json()["order_id"] for n in range(3)]
        await same_both_ways(service, monkeypatch, *(f"/orders/{name}" for name in names), f"/orders?page_token={names[0]}")
        assert (await service.http.delete(f"/orders/{names[1]}?wait=5")).json()["status"] == "cancelled"
        assert (await service.get(f"/orders/{names[1]}"))["status"] == "cancelled"
        await service.gateway.do("set AAPL 99.00 99.02 99.01")
        await service.until(f"/orders/{names[0]}", lambda response: response.json()["commission"] is not None)
        await same_both_ways(service, monkeypatch, *(f"/orders/{name}" for name in names), f"/orders?page_token={names[0]}")
        assert (await service.http.get("/orders/ord_0")).status_code == 404


async def same_both_ways(service: Service, monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    """Each path has the same answer from memory and from the journal."""
    for path in (*paths, *(f"/orders{query}" for query in LISTS)):
        with monkeypatch.context() as patch:
            for name in ("list", "find"):
                patch.delattr(OrdersRef, name)  # nobody asks the journal
            from_memory = [(await service.http.get(path)).content for _ in range(4)]
        with monkeypatch.context() as patch:
            patch.setattr(Operation, "remembered", lambda *_: None)
            assert from_memory == [(await service.http.get(path)).content] * 4, path
