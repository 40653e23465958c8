"""Reference data over HTTP, against the simulator: found, kept, shared, refused with a way on."""

import datetime as dt
from typing import Any

import pytest
import trio

from ibactors.model.contracts import ContractDetails
from ibactors.sim import SimulatorOptions
from ibactors.web.rest.contracts import hours_of
from tests.conftest import Service, running_service


async def asked(service: Service, name: str) -> int:
    """How often the gateway has been asked."""
    count: int = (await service.gateway.stats())["requests"].get(name, 0)
    return count


async def test_details_are_told_in_full_and_asked_for_once(service: Service) -> None:
    found = (await service.get("/contracts?symbol=AAPL"))["contracts"]
    assert len(found) == 1
    apple = found[0]
    assert (apple["con_id"], apple["long_name"], apple["stock_type"], apple["min_tick"]) == (265598, "APPLE INC", "COMMON", 0.01)
    assert (apple["min_size"], apple["size_increment"], apple["suggested_size_increment"]) == (0.0001, 0.0001, 100.0)
    assert len(apple["market_rule_ids"]) == len(apple["valid_exchanges"])
    before = await asked(service, "reqContractDetails")
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(service.get, "/contracts?symbol=AAPL")
    assert await asked(service, "reqContractDetails") == before


@pytest.mark.parametrize(
    ("query", "con_id"),
    [
        ("symbol=EUR.USD", 12087792),
        ("symbol=US0378331005", 265598),
        ("symbol=265598", 265598),
        ("con_id=265598", 265598),
        ("symbol=SPY&sec_type=ETF", 756733),
        ("symbol=SPX", 416904),
    ],
)
async def test_contract_is_found_by_whatever_people_write(service: Service, query: str, con_id: int) -> None:
    assert [row["con_id"] for row in (await service.get(f"/contracts?{query}"))["contracts"]] == [con_id]


async def test_all_that_fit_are_listed(service: Service) -> None:
    found = (await service.get("/contracts?symbol=AMBIG"))["contracts"]
    assert sorted(row["primary_exchange"] for row in found) == ["NASDAQ", "NYSE"]


@pytest.mark.parametrize("kind", ["OPT", "FOP"])
async def test_whole_class_of_options_is_refused_with_the_way_to_narrow_it(service: Service, kind: str) -> None:
    problem = await service.get(f"/contracts?symbol=SPX&sec_type={kind}", 422)
    assert (problem["code"], problem["field"]) == ("invalid_request", "expiry")
    assert "/options/chain/SPX" in problem["hint"]
    assert await asked(service, "reqContractDetails") == 0


async def test_options_of_a_strike_are_refused_when_they_are_too_many_and_the_service_goes_on() -> None:
    async with running_service(options=SimulatorOptions()) as service:
        with trio.fail_after(10):
            problem = await service.get("/contracts?symbol=SPX&sec_type=OPT&expiry=2026", 422)
            assert problem["code"] == "invalid_request"
            chains = (await service.get("/options/chain/SPX"))["chains"]
            days = next(row["expirations"] for row in chains if row["trading_class"] == "SPXW")
            problem = await service.get(f"/contracts?symbol=SPX&sec_type=OPT&expiry={days[5][:6]}", 422)
        assert problem["code"] == "too_many_contracts"
        assert "strike" in problem["hint"]
        with trio.fail_after(8):
            assert (await service.get("/market/quote/MSFT"))["bid"]


async def test_what_is_not_found_says_what_to_try_and_is_not_asked_again_at_once(service: Service) -> None:
    problem = await service.get("/contracts?symbol=NOPE", 404)
    assert problem["code"] == "contract_not_found"
    assert "/contracts/search" in problem["hint"]
    before = await asked(service, "reqContractDetails")
    await service.get("/contracts?symbol=NOPE", 404)
    assert await asked(service, "reqContractDetails") == before
    assert (await service.get("/contracts/1", 404))["code"] == "contract_not_found"


async def test_searches_are_a_second_apart_and_equal_ones_are_one(service: Service) -> None:
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        for text in ("AAPL", "aapl", "apple", "APPLE"):
            nursery.start_soon(service.get, f"/contracts/search?q={text}")
    assert await asked(service, "reqMatchingSymbols") == 2
    assert trio.current_time() - begun >= 0.9
    rows = (await service.get("/contracts/search?q=AAPL"))["results"]
    assert (rows[0]["con_id"], rows[0]["symbol"]) == (265598, "AAPL")
    assert [row["con_id"] for row in rows if row["sec_type"] == "BOND"] == [None]
    assert [row["con_id"] for row in (await service.get("/contracts/search?q=AAPL&sec_type=OPT"))["results"]] == [265598]


async def test_price_steps_are_those_of_the_exchange(service: Service) -> None:
    rules = await service.get("/contracts/265598/rules")
    assert (rules["exchange"], rules["market_rule_id"], rules["increments"]) == ("SMART", 26, [{"low_edge": 0.0, "increment": 0.01}])
    # Nobody has asked this gateway for the details of this contract before, without which it knows no rule.
    assert (await service.get("/contracts/12087792/rules"))["increments"] == [{"low_edge": 0.0, "increment": 0.00005}]
    problem = await service.get("/contracts/265598/rules?exchange=LSE", 422)
    assert problem["field"] == "exchange"
    assert "NASDAQ" in problem["hint"]


async def test_price_steps_are_told_after_the_gateway_was_started_anew(service: Service) -> None:
    await service.get("/contracts/265598")
    await service.gateway.control("restart 0.1")
    await service.until("/health", lambda response: response.json()["ib_connected"])
    await service.until("/contracts/265598/rules", lambda response: response.status_code == 200)


async def test_hours_are_told_in_utc(service: Service) -> None:
    hours = await service.get("/contracts/265598/hours?days=6")
    assert hours["time_zone"] == "US/Eastern"
    assert {session["kind"] for session in hours["sessions"]} == {"trading", "liquid"}
    assert all(session["open"] < session["close"] for session in hours["sessions"])
    assert hours["closed"]
    assert isinstance(hours["open_now"], bool)


async def test_hours_of_a_recorded_contract_are_as_recorded_across_the_end_of_summer_time() -> None:
    # Recorded at server version 193, put by three weeks so that the clocks go back in the middle.
    days = ["20261030:0930-20261030:1600", "20261031:CLOSED", "20261101:CLOSED", "20261102:0930-20261102:1600"]
    details = _details(liquid_hours=";".join(days), trading_hours=";".join(days).replace("0930", "0400").replace("1600", "2000"))
    now = dt.datetime(2026, 10, 30, 15, tzinfo=dt.UTC)
    hours = hours_of(details, now, 6)
    liquid = [(session.date, session.open[11:16], session.close[11:16]) for session in hours.sessions if session.kind == "liquid"]
    assert liquid == [("2026-10-30", "13:30", "20:00"), ("2026-11-02", "14:30", "21:00")]
    assert (hours.closed, hours.through, hours.open_now, hours.liquid_now) == (("2026-10-31", "2026-11-01"), "2026-11-02", True, True)
    assert [session.date for session in hours_of(details, now, 1).sessions] == ["2026-10-30", "2026-10-30"]


async def test_contract_without_hours_is_neither_open_nor_closed() -> None:
    hours = hours_of(_details(liquid_hours="", trading_hours="", time_zone=None), dt.datetime(2026, 10, 30, tzinfo=dt.UTC), 6)
    assert (hours.sessions, hours.through, hours.open_now, hours.liquid_now) == ((), None, None, None)


def _details(**changes: Any) -> ContractDetails:
    texts = dict.fromkeys(("symbol", "sec_type", "exchange", "currency", "local_symbol", "long_name", "trading_hours", "liquid_hours"), "")
    nothing = dict.fromkeys(ContractDetails.__struct_fields__)
    values = {"con_id": 1, "min_tick": 0.01, "price_magnifier": 1.0, "order_types": (), "valid_exchanges": (), "market_rule_ids": ()}
    return ContractDetails(**{**nothing, **texts, **values, "sec_ids": {}, "time_zone": "US/Eastern", **changes})
