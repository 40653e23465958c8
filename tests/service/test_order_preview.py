"""Previews over the wire: what IB would make of an order, which is never placed."""

from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import trio

from tests.conftest import Service
from tests.service.trading import ledger, order, place, received, trading_service


async def preview(service: Service, **changes: Any) -> httpx.Response:
    body = order(**changes)
    del body["client_order_id"]
    return await service.http.post("/orders/preview", json=body)


async def test_preview_tells_margins_commission_limits_and_market_and_places_nothing(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        answer = await preview(service, limit_price=99.503, rounding="passive")
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["complete"], found["allowed"], found["refusal"]) == (True, True, None)
        initial = found["margin"]["initial"]
        assert initial["after"] - initial["before"] == pytest.approx(initial["change"])
        assert (found["margin"]["currency"], found["commission"]["amount"], found["commission"]["currency"]) == ("USD", 1, "USD")
        assert (found["order"]["limit_price"], found["adjusted"]["limit_price"]["asked"]) == (99.5, 99.503)
        assert {"name": "order_notional", "value": 995, "limit": 10000, "ok": True, "setting": "IBACTORS_MAX_ORDER_NOTIONAL"} in found[
            "limits"
        ]
        assert (found["quote"]["kind"], found["quote"]["bid"], found["quote"]["ask"]) == ("quote", 100, 100.02)
        assert await ledger(service) == []
        assert (await service.get("/orders?status=all"))["orders"] == []


async def test_preview_tells_what_the_limits_would_refuse_and_gives_no_token(tmp_path: Path) -> None:
    async with trading_service(tmp_path, order_symbols=("AAPL",)) as service:
        found = (await preview(service, quantity=200)).json()
        assert (found["allowed"], found["preview_token"], found["complete"]) == (False, None, True)
        assert (found["refusal"]["code"], found["refusal"]["setting"]) == ("order_limit", "IBACTORS_MAX_ORDER_NOTIONAL")
        assert (await preview(service, limit_price=130)).json()["refusal"]["code"] == "price_collar"
        other = await preview(service, instrument={"symbol": "MSFT"})
        assert (other.status_code, other.json()["setting"]) == (403, "IBACTORS_ORDER_SYMBOLS")


async def test_instruments_are_named_as_everywhere(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        future = (await service.get("/contracts?symbol=ES&sec_type=FUT"))["contracts"][0]
        option = (await service.get("/contracts?symbol=AAPL&sec_type=OPT&strike=230&right=C"))["contracts"][0]
        meant: list[tuple[dict[str, Any], int, str]] = [
            ({"symbol": "US0378331005"}, 265598, "SMART"),
            ({"symbol": "265598"}, 265598, "SMART"),
            ({"symbol": "EUR.USD"}, 12087792, "IDEALPRO"),
            ({"symbol": "SPY", "sec_type": "ETF"}, 756733, "SMART"),
            ({"symbol": "AMBIG", "primary_exchange": "NYSE"}, 700000004, "SMART"),
            ({"symbol": future["local_symbol"]}, future["con_id"], "CME"),
            ({"symbol": "ES", "sec_type": "FUT", "expiry": future["expiry"][:6]}, future["con_id"], "CME"),
            ({"symbol": option["local_symbol"].replace(" ", "")}, option["con_id"], "SMART"),
            ({"symbol": "AAPL", "expiry": option["expiry"], "strike": 230, "right": "C"}, option["con_id"], "SMART"),
        ]
        for instrument, con_id, exchange in meant:
            answer = await preview(service, instrument=instrument)
            assert answer.status_code == 200, (instrument, answer.text)
            shown = answer.json()["order"]["instrument"]
            assert (shown["con_id"], shown["exchange"]) == (con_id, exchange), instrument
        for instrument, status, code in (
            ({"symbol": "ES", "sec_type": "CONTFUT"}, 422, "invalid_request"),
            ({"symbol": "ES", "sec_type": "FUT"}, 409, "contract_ambiguous"),
            ({"symbol": ";AAPL"}, 422, "invalid_request"),
            ({"symbol": "AAPL", "sec_type": "SHARE"}, 422, "invalid_request"),
            ({"symbol": "NOPE"}, 404, "contract_not_found"),
        ):
            refused = await preview(service, instrument=instrument)
            assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text


@pytest.mark.parametrize(
    ("mode", "complete", "commission"),
    [("one", True, 1), ("placeholder", True, 1), ("no-commission", True, None), ("first", False, None)],
)
async def test_what_if_in_parts_is_one_answer(tmp_path: Path, mode: str, complete: bool, commission: float | None) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do(f"what-if {mode}")
        found = (await preview(service)).json()
        assert (found["complete"], found["commission"]["amount"]) == (complete, commission)
        assert (found["incomplete_reason"] is None) is complete


async def test_equal_previews_share_an_answer_and_refusals_of_ib_are_told(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await preview(service)
        await service.gateway.do("answer-order 201 1")
        assert (await preview(service)).status_code == 200
        refused = await preview(service, quantity=11)
        assert (refused.status_code, refused.json()["code"], refused.json()["ib_code"]) == (422, "preview_rejected", 201), refused.text
        await service.gateway.do("read-only on")
        refused = await preview(service, quantity=12)
        assert (refused.status_code, refused.json()["code"]) == (409, "gateway_read_only"), refused.text


async def test_a_preview_is_needed_where_the_setting_says_so(tmp_path: Path) -> None:
    async with trading_service(tmp_path, require_preview=True) as service:
        bare = await place(service)
        assert (bare.status_code, bare.json()["code"], bare.json()["setting"]) == (409, "preview_required", "IBACTORS_REQUIRE_PREVIEW")
        token = (await preview(service)).json()["preview_token"]
        other = await place(service, quantity=11, preview_token=token)
        assert (other.status_code, other.json()["code"]) == (409, "preview_required")
        assert await ledger(service) == []
        assert (await place(service, preview_token=token)).status_code == 201
        assert (await place(service)).status_code == 200, "a repetition is a question"
        assert await received(service) == 1


async def test_a_change_is_previewed_by_its_limits_and_by_a_what_if_of_its_own(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        where = f"/orders/{(await place(service)).json()['order_id']}"
        answer = await service.http.post(f"{where}/preview", json={"limit_price": 99.4, "quantity": 20})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["allowed"], found["complete"], found["notional"]) == (True, True, 1988)
        assert (found["order"]["limit_price"], found["order"]["quantity"]) == (99.4, 20)
        assert {each["name"]: each["value"] for each in found["limits"]}["open_orders"] == 1, "it is counted once"
        over = (await service.http.post(f"{where}/preview", json={"quantity": 200})).json()
        assert (over["allowed"], over["refusal"]["code"], over["preview_token"]) == (False, "order_limit", None)
        same = await service.http.post(f"{where}/preview", json={"quantity": 10})
        assert same.status_code == 422
        stale = await service.http.post(f"{where}/preview", json={"quantity": 11}, headers={"If-Match": '"7"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "revision_changed")
        (row,) = await ledger(service)
        assert row["received"] == 1, "a what-if never has the number of the order"
        assert (await service.get(where))["revision"] == 1


async def test_a_change_needs_a_preview_of_itself_where_the_setting_says_so(tmp_path: Path) -> None:
    async with trading_service(tmp_path, require_preview=True) as service:
        token = (await preview(service)).json()["preview_token"]
        where = f"/orders/{(await place(service, preview_token=token)).json()['order_id']}"

        async def token_of(**changes: Any) -> str:
            return str((await service.http.post(f"{where}/preview", json=changes)).json()["preview_token"])

        bare = await service.http.patch(where, json={"change_id": "c", "limit_price": 99.4})
        assert (bare.status_code, bare.json()["code"], bare.json()["setting"]) == (409, "preview_required", "IBACTORS_REQUIRE_PREVIEW")
        dear, cheap = await token_of(limit_price=99.4), await token_of(limit_price=99.3)
        other = await service.http.patch(where, json={"change_id": "c", "limit_price": 99.4, "preview_token": cheap})
        assert (other.status_code, other.json()["code"]) == (409, "preview_required"), "it is of another change"
        for expected in (None, "true"):
            made = await service.http.patch(where, json={"change_id": "c", "limit_price": 99.4, "preview_token": dear})
            assert (made.status_code, made.headers.get("Idempotent-Replayed")) == (200, expected), made.text
        late = await service.http.patch(where, json={"change_id": "d", "limit_price": 99.3, "preview_token": cheap})
        assert (late.status_code, late.json()["code"]) == (409, "preview_required"), "the order has been changed since"
        assert await received(service) == 2


async def test_mode_preview_asks_and_places_nothing(tmp_path: Path) -> None:
    async with trading_service(tmp_path, trading="preview") as service:
        found = await preview(service)
        assert (found.status_code, found.json()["complete"], found.json()["preview_token"]) == (200, True, None), found.text
        refused = await place(service)
        assert (refused.status_code, refused.json()["code"], refused.json()["limit"]) == (403, "trading_off", "preview")
        assert await ledger(service) == []
        await service.http.post("/trading/halt", json={"cancel": "none"})
        assert (await preview(service, quantity=11)).status_code == 423


async def test_numbers_of_previews_are_never_those_of_orders(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        first = (await place(service)).json()["ib"]["order_id"]
        await preview(service)
        await preview(service, quantity=11)
        assert (await place(service, "o-2")).json()["ib"]["order_id"] == first + 3


async def test_a_what_if_that_is_never_answered_is_told_as_such(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service:
        await service.gateway.do("what-if never")
        with trio.fail_after(25):
            found = (await service.http.post("/orders/preview", json=order(), timeout=20)).json()
        assert (found["complete"], found["margin"]["initial"]["after"]) == (False, None)
        assert "has not answered" in found["incomplete_reason"]
