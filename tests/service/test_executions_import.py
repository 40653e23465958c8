"""Executions from statements, over the wire: those that IB does not list any more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx

from tests.conftest import Service
from tests.service.trading import ACCOUNT, ledger, place, trading_service


def row(execution_id: str, ref: str = "", **changes: Any) -> str:
    members = {
        "accountId": ACCOUNT, "ibExecID": execution_id, "conid": 265598, "symbol": "AAPL", "assetCategory": "STK", "currency": "USD",
        "buySell": "BUY", "quantity": 10, "tradePrice": "99.5", "dateTime": "20261120;110000", "exchange": "IEX", "ibCommission": "-1",
        "ibCommissionCurrency": "USD", "orderReference": ref, "levelOfDetail": "EXECUTION",
    }  # fmt: skip
    told = " ".join(f'{name}="{value}"' for name, value in (members | changes).items())
    return f"<Trade {told}/>"


async def send(service: Service, *rows: str, **body: Any) -> httpx.Response:
    return await service.http.post("/executions/import", json={"statement": f"<Trades>{''.join(rows)}</Trades>", **body})


async def test_what_ib_does_not_list_any_more_comes_by_a_statement_once(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        order = (await place(service)).json()
        ours, other = row("a.01", order["ib"]["order_ref"], quantity=4), row("b.01", buySell="SELL", quantity=-3)
        first = await send(service, ours, other)
        assert first.status_code == 200, first.text
        assert first.json() == {"new": 2, "known": 0, "skipped": 0, "order_ids": [order["order_id"]]}
        assert (await send(service, ours, other)).json()["new"] == 0
        found = (await service.get("/executions"))["executions"]
        assert [(each["execution_id"], each["order_id"], each["source"], each["side"]) for each in found] == [
            ("a.01", order["order_id"], "ibactors", "buy"),
            ("b.01", None, "statement", "sell"),
        ]
        assert (found[0]["time"], found[0]["commission"]) == ("2026-11-20T16:00:00.000000Z", 1)
        shown = await service.get(f"/orders/{order['order_id']}")
        assert (shown["status"], shown["filled_quantity"], shown["commission"]) == ("partially_filled", 4, 1)
        fills = (await service.get("/account/activities?type=fill"))["activities"]
        assert [each["event"] for each in fills] == ["fill", "commission", "elsewhere"]
        (at_ib,) = await ledger(service)
        assert at_ib["received"] == 1
        assert (await service.get("/trading"))["halted"] is None


async def test_a_statement_that_contradicts_an_order_or_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        ref = (await place(service)).json()["ib"]["order_ref"]
        good = row("a.01", ref)
        for bad in (
            row("b.01", ref, buySell="SELL"),
            row("b.01", ref, conid=1),
            row("b.01", ref, accountId="DU9"),
            row("b.01", quantity="x"),
        ):
            refused = await send(service, good, bad)
            assert (refused.status_code, refused.json()["field"]) == (422, "statement"), refused.text
            assert "Row 2" in refused.json()["detail"]
        zone = await send(service, good, time_zone="Mars")
        assert (zone.status_code, zone.json()["field"]) == (422, "time_zone")
        assert (await service.get("/executions"))["executions"] == []
        assert (await service.get("/trading"))["halted"] is None


async def test_our_own_export_is_taken_back_and_gaps_end_where_a_statement_is_whole(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("set AAPL 99.40 99.42 99.41")
        await place(service)
        await service.until("/executions", lambda response: bool(response.json()["executions"]))
        for form in ("csv", "json"):
            text = (await service.http.get(f"/executions?format={form}")).text
            again = await service.http.post("/executions/import", json={"statement": text})
            assert (again.status_code, again.json()["new"], again.json()["known"]) == (200, 0, 1), again.text
        ends = datetime.now(UTC).replace(microsecond=0)
        begins = ends - timedelta(days=10)
        span = {"account": ACCOUNT, "from": begins.isoformat().replace("+00:00", "Z"), "to": ends.isoformat().replace("+00:00", "Z")}
        assert (await send(service, row("c.01"), whole=span)).status_code == 200
        gaps = (await service.get("/executions"))["gaps"]
        assert all(each["from"] >= f"{ends:%Y-%m-%dT%H:%M:%S}" for each in gaps), gaps
        ahead = await send(service, whole={**span, "to": "2098-01-01"})
        assert (ahead.status_code, ahead.json()["field"]) == (422, "whole.to")


async def test_a_statement_may_be_larger_than_other_bodies(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        many = await send(service, *(row(f"{number:08x}.01") for number in range(600)))
        assert (many.status_code, many.json()["new"]) == (200, 600), many.text
        huge = await service.http.post("/orders", json={"x": "y" * 70_000})
        assert huge.status_code == 413
