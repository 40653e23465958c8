"""Every kind of order, over real sockets: what is sent is what was asked for."""

from pathlib import Path
from typing import Any

import pytest

from tests.service.trading import ledger, place, trading_service

AAPL = 265598
CONDITIONS = [
    {"kind": "price", "con_id": AAPL, "exchange": "SMART", "above": False, "price": 90.5, "join": "or"},
    {"kind": "time", "time": "2099-12-04T21:00:00Z"},
    {"kind": "margin", "percent": 5, "above": False},
    {"kind": "execution", "symbol": "MSFT", "sec_type": "STK", "exchange": "SMART"},
    {"kind": "volume", "con_id": AAPL, "exchange": "SMART", "volume": 2_000_000_000, "above": True},
    {"kind": "percent_change", "con_id": AAPL, "exchange": "SMART", "percent": 50.5, "above": True},
]
KINDS: tuple[dict[str, Any], ...] = (
    {"extra": {"displaySize": 100, "allOrNone": True, "discretionaryAmt": 0.1, "openClose": "O", "minTradeQty": 5}},
    {"extra": {"scaleInitLevelSize": 5, "scalePriceIncrement": 0.1}},
    {"algo": {"strategy": "Adaptive", "params": {"adaptivePriority": "Patient"}}},
    {"algo": {"strategy": "Vwap", "params": {"maxPctVol": "0.1", "startTime": "09:45:00 US/Eastern", "noTakeLiq": "1"}}},
    {"algo": {"strategy": "SomebodysOwn", "params": {"x": "1"}}},
    {"conditions": CONDITIONS, "conditions_ignore_rth": True},
    {"conditions": CONDITIONS[:1], "conditions_cancel_order": True},
)


async def test_kinds_of_orders_are_taken_by_the_gateway_as_they_were_asked_for(tmp_path: Path) -> None:
    async with trading_service(tmp_path, orders_per_minute=100) as service:
        for number, kind in enumerate(KINDS):
            answer = await place(service, f"k-{number}", quantity=1, **kind)
            assert answer.status_code == 201, (kind, answer.text)
            shown = answer.json()
            for name, wanted in kind.items():
                assert shown[name] == wanted or (name in {"conditions", "algo", "extra"} and shown[name]), (name, shown[name])
        assert len(await ledger(service)) == len(KINDS)


async def test_forex_is_bought_by_an_amount_of_cash(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        euro = {"symbol": "EUR", "sec_type": "CASH", "exchange": "IDEALPRO", "currency": "USD"}
        answer = await place(service, instrument=euro, quantity=None, cash_quantity=5000, type="market", limit_price=None)
        assert answer.status_code in {201, 202}, answer.text
        done = await service.until(f"/orders/{answer.json()['order_id']}", lambda response: response.json()["status"] == "filled")
        assert done.json()["filled_quantity"] > 1000
        (row,) = await ledger(service)
        assert row["received"] == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cash_quantity": 1000, "quantity": None}, "cash_quantity"),
        ({"extra": {"hedgeType": "D"}}, "extra.hedgeType"),
        ({"extra": {"transmit": False}}, "extra.transmit"),
        ({"algo": {"strategy": "Vwap", "params": {"maxPctVol": "2"}}}, "algo.params.maxPctVol"),
        ({"algo": {"strategy": "Adaptive", "params": {"adaptivePriority": "Now"}}}, "algo.params.adaptivePriority"),
        ({"conditions_cancel_order": True}, "conditions"),
        ({"conditions": [{"kind": "volume", "con_id": 1, "exchange": "SMART", "above": True, "volume": 2**31}]}, "conditions.0.volume"),
        ({"conditions": [{"kind": "margin", "percent": 1.5, "above": True}]}, "conditions.0.percent"),
        ({"conditions": CONDITIONS[:1], "type": "stop", "limit_price": None, "stop_price": 110}, "conditions"),
        ({"limit_price": 99.5, "extra": {"discretionaryAmt": 50}}, None),
    ],
)
async def test_what_does_not_fit_names_its_member_and_uses_nothing_up(tmp_path: Path, changes: dict[str, Any], field: str | None) -> None:
    async with trading_service(tmp_path) as service:
        answer = await place(service, **changes)
        assert (answer.status_code, answer.json().get("field")) == (422, field), answer.text
        assert await ledger(service) == []


async def test_combination_is_one_order_by_its_legs_and_changes_as_one(tmp_path: Path) -> None:
    async with trading_service(tmp_path, max_order_notional=100_000, max_day_notional=None) as service:
        chains = (await service.get("/options/chain/AAPL"))["chains"]
        expiry = next(each["expirations"][-1] for each in chains if each["trading_class"] == "AAPL")
        rows = (await service.get(f"/options/chain/AAPL/{expiry}?strikes_around=2&greeks=true&trading_class=AAPL"))["rows"]
        low, high = rows[0]["call"]["con_id"], rows[1]["call"]["con_id"]
        legs = [{"con_id": low, "ratio": 1, "side": "buy"}, {"con_id": high, "ratio": 1, "side": "sell"}]
        spread: dict[str, Any] = {"instrument": {"symbol": "AAPL", "sec_type": "BAG"}, "quantity": 1, "legs": legs}
        answer = await place(service, **spread, limit_price=-0.05)
        assert answer.status_code == 201, answer.text
        shown = answer.json()
        assert (shown["instrument"]["sec_type"], shown["status"], len(shown["legs"])) == ("BAG", "working", 2)
        changed = await service.http.patch(f"/orders/{shown['order_id']}", json={"change_id": "c", "limit_price": -0.1})
        assert (changed.status_code, changed.json()["limit_price"]) == (200, -0.1), changed.text
        far = await place(service, "far", **spread, limit_price=50)
        assert (far.status_code, far.json()["code"]) == (422, "price_collar"), far.text
        half = await place(service, "half", **spread | {"legs": legs[:1]}, limit_price=0.05)
        assert (half.status_code, half.json()["field"]) == (422, "legs")
        ask = round(rows[0]["call"]["ask"] - rows[1]["call"]["bid"], 2)
        filled = await place(service, "filled", **spread, limit_price=ask)
        assert filled.status_code in {201, 202}, filled.text
        done = await service.until(f"/orders/{filled.json()['order_id']}", lambda response: response.json()["status"] == "filled")
        assert done.json()["filled_quantity"] == 1, "legs are not added to it"
        sold = await place(service, "sold", instrument={"con_id": low}, side="sell", quantity=1, limit_price=90)
        assert sold.status_code == 201, "a sold option is measured by what it is on"
