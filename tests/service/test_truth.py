"""Never newer than it is: closed markets, refusals in bad times, one reason for all that is dead, one beginning of an outage."""

import datetime as dt

import pytest

from ibactors.sim import SimulatorOptions
from tests.conftest import Service, eventually, running_service
from tests.service.test_events import events

SATURDAY = dt.datetime(2026, 11, 28, 15, tzinfo=dt.UTC)
CLOSE = "2026-11-27T22:00:00.000000Z"
"""A half day, on which late trading ends at 17 o'clock in New York."""


async def test_closed_market_is_said_by_rest_stream_and_events() -> None:
    options = SimulatorOptions(keeps_hours=True, now=lambda: SATURDAY)
    async with running_service(options=options) as service, service.stream() as stream:
        # The gateway's clock is what markets go by; it is asked when the session begins.
        quote = (await service.until("/market/quote/AAPL", lambda answer: answer.json().get("market") == "closed", within=5)).json()
        assert (quote["bid"], quote["ask"], quote["market_data_type"]) == (None, None, "live")
        assert quote["as_of"] == quote["last_timestamp"] <= CLOSE
        await stream.send(action="subscribe", symbol="AAPL")
        told = await stream.expect("quote", symbol="AAPL")
        assert (told["market"], told["as_of"]) == ("closed", quote["as_of"])
        async with events(service, "AAPL") as source:
            event = await source.expect("quote")
            assert (event["market"], event["as_of"]) == ("closed", quote["as_of"])


async def test_health_names_the_one_reason_why_all_lines_are_dead(service: Service) -> None:
    async with service.stream() as stream:
        for symbol in ("AAPL", "MSFT"):
            await stream.send(action="subscribe", symbol=symbol)
            await stream.expect("quote", symbol=symbol)
        await service.gateway.do("competing on")
        health = (await service.until("/health", lambda answer: answer.json()["status"] == "degraded", within=10)).json()
        assert "10197" in health["reason"]
        assert health["ib_connected"] is True
        await service.gateway.do("competing off")
        await service.until("/health", lambda answer: answer.json()["status"] == "healthy", within=15)


@pytest.mark.parametrize("code", [200, 354])
async def test_refusals_in_an_outage_end_no_subscription(service: Service, code: int) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote", symbol="AAPL")
        await service.gateway.do("1100")
        await service.gateway.do(f"line-error AAPL {code} refused in an outage")
        await stream.expect("stale", symbol="AAPL", within=10)
        await service.gateway.do("1102")
        await stream.expect("quote", symbol="AAPL", within=8)
        await stream.send(action="list")
        assert "AAPL" in (await stream.expect("list"))["symbols"]


async def test_lookup_is_not_found_only_when_nothing_is_broken(service: Service) -> None:
    await service.gateway.do("error 2157 Sec-def data farm connection is broken:secdefnj")
    await service.until("/health", lambda answer: "secdef" in (answer.json()["reason"] or ""), within=10)
    assert (await service.get("/market/quote/NOSUCH", 503))["ib_code"] == 200
    await service.gateway.do("error 2158 Sec-def data farm connection is OK:secdefnj")
    await service.until("/market/quote/NOSUCH", lambda answer: answer.status_code == 404, within=8)


async def test_an_outage_has_one_beginning_and_reasons_do_not_alternate(service: Service) -> None:
    async with service.stream() as stream:
        await service.gateway.do("refuse 4")
        first = await stream.expect("status", connected=False)
        since: set[str] = set()

        async def over() -> bool:
            session = (await service.get("/health"))["session"]
            if session["phase"] == "backing_off":
                since.add(session["since"])
            return bool(session["phase"] == "up")

        await eventually(over, within=15)
        assert len(since) == 1
        again = await stream.expect("status")
        assert again["connected"] is True or again["reason"] != first["reason"]


async def test_account_data_have_the_time_at_which_they_arrived(service: Service) -> None:
    for path in ("/account/summary", "/account/positions", "/account/balance"):
        first = (await service.get(path))["timestamp"]
        assert first <= (await service.get("/health"))["timestamp"]


async def test_day_of_the_session_is_remembered(service: Service) -> None:
    await service.gateway.do("1100")
    await service.until("/health", lambda answer: answer.json()["session"]["phase"] == "lost", within=10)
    await service.gateway.do("1102")
    await service.until("/health", lambda answer: answer.json()["status"] == "healthy", within=15)
    history = await service.get("/health/history?hours=1")
    assert history["since"] <= history["changes"][1]["at"] <= history["timestamp"]
    phases = [change["phase"] for change in history["changes"]]
    assert phases[-1] == "up"
    assert "1100" in history["changes"][phases.index("lost")]["reason"]
    assert [change["at"] for change in history["changes"]] == sorted(change["at"] for change in history["changes"])
    table = (await service.http.get("/health/history?format=csv")).text.splitlines()
    assert table[0] == "at,phase,epoch,reason"
    for hours in (0, 25):
        assert (await service.get(f"/health/history?hours={hours}", 422))["field"] == "hours"
    assert (await service.get("/health/history?gateway=second", 404))["code"] == "gateway_not_found"
