"""Executions and activities: commissions and corrections, what was traded elsewhere, and where some may be missing."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Service, eventually, running_gateway, serving
from tests.service.trading import ACCOUNT, configured, place, trading_service


async def filled(service: Service, name: str = "o-1", **changes: Any) -> dict[str, Any]:
    placed = (await place(service, name, limit_price=100.02, **changes)).json()
    answer = await service.until(f"/orders/{placed['order_id']}", lambda response: response.json()["commission"] is not None)
    found: dict[str, Any] = answer.json()
    assert found["status"] == "filled"
    return found


async def test_a_correction_replaces_what_it_corrects_everywhere(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        order = await filled(service)
        before = (await service.get("/executions"))["executions"]
        assert sum(each["quantity"] for each in before) == 10
        await service.gateway.do(f"correct {order['ib']['order_id']} 99.98")
        path = f"/executions?order_id={order['order_id']}"
        answer = await service.until(path, lambda response: any(each["price"] == 99.98 for each in response.json()["executions"]))
        after = answer.json()["executions"]
        assert len(after) == len(before)
        assert sum(each["quantity"] for each in after) == 10
        kinds = [each["event"] for each in (await service.get("/account/activities?type=fill"))["activities"]]
        assert "correction" in kinds


async def test_a_commission_that_comes_with_the_next_session_joins(tmp_path: Path) -> None:
    async with running_gateway() as gateway:
        await gateway.do("set AAPL 100.00 100.02 100.01")
        await gateway.do("commissions minus-one")
        async with serving(configured(gateway, tmp_path), gateway) as service:
            await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
            placed = (await place(service, limit_price=100.02)).json()
            await service.until(f"/orders/{placed['order_id']}", lambda response: response.json()["status"] == "filled")
            assert {each["commission"] for each in (await service.get("/executions"))["executions"]} == {None}
        async with serving(configured(gateway, tmp_path), gateway) as service:
            path = f"/orders/{placed['order_id']}"
            found = await service.until(path, lambda response: response.json()["commission"] is not None)
            shown = (await service.get("/executions"))["executions"]
            assert sum(each["commission"] for each in shown) == pytest.approx(found.json()["commission"])


async def test_what_was_traded_elsewhere_is_taken_over_once_and_never_counted_into_an_order(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        order = await filled(service)
        await service.gateway.do("manual BUY 7 AAPL MKT")
        strange: list[dict[str, Any]] = []

        async def is_whole() -> bool:
            await service.http.post("/orders/reconcile")
            found = (await service.get("/executions?symbol=AAPL"))["executions"]
            strange[:] = [each for each in found if each["source"] == "manual"]
            return sum(each["quantity"] for each in strange) == 7 and all(each["commission"] is not None for each in strange)

        await eventually(is_whole)
        assert {(each["order_id"], each["account"], each["side"], each["symbol"]) for each in strange} == {(None, ACCOUNT, "buy", "AAPL")}
        assert (await service.get(f"/orders/{order['order_id']}"))["filled_quantity"] == 10
        told = [each for each in (await service.get("/orders/events?limit=500"))["events"] if each["event"] == "elsewhere"]
        assert {each["execution"]["execution_id"] for each in told} == {each["execution_id"] for each in strange}
        assert (await service.get("/executions?symbol=MSFT"))["executions"] == []
        before = await service.get("/trading")
        await service.http.post("/orders/reconcile")
        assert (await service.get("/trading"))["sequence"] == before["sequence"], "a list that says nothing new is told to nobody"


async def test_pages_tables_and_spans_in_which_some_may_be_missing(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        for number in range(3):
            await filled(service, f"o-{number}", quantity=1)
        seen: list[str] = []
        token = ""
        while token is not None:
            page = await service.get(f"/executions?limit=2&page_token={token}")
            seen += [each["execution_id"] for each in page["executions"]]
            token = page["next_page_token"]
        assert len(seen) == len(set(seen)) == 3
        # No list was whole yet: the gateway may still have been loading.
        (gap,) = page["gaps"]
        assert gap["account"] == ACCOUNT
        assert gap["from"] < gap["to"]
        table = list(csv.DictReader(io.StringIO((await service.http.get("/executions?format=csv")).text)))
        assert [row["execution_id"] for row in table] == seen
        assert {row["client_order_id"] for row in table} == {"o-0", "o-1", "o-2"}
        assert float(table[0]["commission"]) > 0
        for query, field in (("page_token=nonsense", "page_token"), ("since=yesterday", "since"), ("limit=0", "limit")):
            assert (await service.get(f"/executions?{query}", 422))["field"] == field
        assert (await service.get("/executions?since=2099-01-01"))["executions"] == []


async def test_activities_are_what_the_journal_has_by_type_and_page(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await filled(service)
        await service.http.post("/trading/halt", json={"cancel": "none", "reason": "lunch"})
        await service.http.post("/trading/resume")
        everything = (await service.get("/account/activities?limit=500"))["activities"]
        assert [each["sequence"] for each in everything] == list(range(1, len(everything) + 1))
        by_type = {kind: (await service.get(f"/account/activities?type={kind}"))["activities"] for kind in ("fill", "order", "halt")}
        assert sorted(each["sequence"] for found in by_type.values() for each in found) == [each["sequence"] for each in everything]
        assert [each["event"] for each in by_type["halt"]] == ["halt", "resume"]
        assert {each["event"] for each in by_type["fill"]} == {"fill", "commission"}
        paged: list[int] = []
        token = ""
        while token is not None:
            page = await service.get(f"/account/activities?type=fill&limit=1&page_token={token}")
            paged += [each["sequence"] for each in page["activities"]]
            token = page["next_page_token"]
        assert paged == [each["sequence"] for each in by_type["fill"]]
        assert (await service.get("/account/activities?after=2099-01-01"))["activities"] == []
        assert (await service.get("/account/activities?page_token=x-1", 422))["field"] == "page_token"
        assert "execution_price" in (await service.http.get("/account/activities?format=csv")).text.splitlines()[0]
