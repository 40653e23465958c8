"""Several gateways in one service: what is told of each, and who answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import httpx2 as httpx
import trio

from ibactors.config import Settings
from ibactors.service import run_demo
from ibactors.sim import SimulatorOptions
from tests.conftest import Gateway, Service, running_service

SECOND = SimulatorOptions(accounts=("DU7654321",))


@asynccontextmanager
async def both() -> AsyncIterator[Service]:
    """A service with two gateways, both up."""
    async with running_service(further={"second": SECOND}) as service:
        await service.until("/health", lambda response: response.json()["status"] == "healthy")
        yield service


async def test_each_gateway_is_shown_with_what_is_its_own() -> None:
    async with both() as service:
        main, second = (await service.get("/gateways"))["gateways"]
        assert (main["name"], main["default"], second["name"], second["default"]) == ("main", True, "second", False)
        assert second["accounts"] == ["DU7654321"]
        assert not set(main["accounts"]) & set(second["accounts"])
        for gateway in main, second:
            assert (gateway["managed"], gateway["phase"], gateway["reason"], gateway["max_lines"]) == (False, "up", None, 100)


async def test_health_names_the_gateway_that_is_broken_and_the_other_goes_on() -> None:
    async with both() as service:
        await service.gateway.do("refuse 600")
        broken = (await service.until("/health", lambda response: response.json()["status"] == "degraded")).json()
        assert broken["reason"].startswith("main: ")
        assert broken["ib_connected"]
        assert [(one["name"], one["connected"]) for one in broken["gateways"]] == [("main", False), ("second", True)]
        assert (await service.get("/health/gateway"))["status"] == "connected"


async def test_quotes_come_from_the_next_gateway_while_one_is_broken() -> None:
    async with both() as service:
        await service.gateway.do("set AAPL 50 51 50")
        await service.further["second"].do("set AAPL 70 71 70")
        assert (await service.get("/market/quote/AAPL"))["bid"] == 50
        await service.gateway.do("refuse 600")
        await service.until("/market/quote/AAPL", lambda response: response.status_code == 200 and response.json()["bid"] == 70)
        async with service.stream() as later:
            await later.send(action="subscribe", symbol="AAPL")
            assert (await later.expect("quote"))["bid"] == 70


async def test_stream_is_told_of_each_gateway() -> None:
    async with both() as service, service.stream() as stream:
        await stream.send(action="ping")
        await stream.expect("pong")
        await service.further["second"].do("refuse 600")
        while True:
            after = await stream.expect("status")
            if not after["gateways"][1]["connected"]:
                break
        assert after["connected"]
        assert after["gateways"][0]["connected"]


async def test_login_is_of_the_gateway_that_is_named() -> None:
    async with both() as service:
        status = await service.get("/auth/status?gateway=second")
        assert status["accounts"] == ["DU7654321"]
        assert (await service.get("/auth/status"))["accounts"] != status["accounts"]
        refusal = await service.get("/auth/status?gateway=third", status=404)
        assert refusal["code"] == "gateway_not_found"
        assert "main, second" in refusal["detail"]


async def test_actors_and_metrics_name_the_gateway() -> None:
    async with both() as service:
        report = await service.get("/debug/actors?format=json")
        names = {actor["name"] for actor in report["actors"]}
        assert {"connection", "second.connection", "market", "second.market"} <= names
        assert [use["name"] for use in report["gateways"]] == ["main", "second"]
        assert (await service.get("/debug/actors/second.account?format=json"))["restarts"] == 0
        metrics = (await service.http.get("/metrics")).text
        assert 'ibactors_session_up{gateway="main"} 1.0' in metrics
        assert 'ibactors_session_up{gateway="second"} 1.0' in metrics
        assert 'ibactors_session_phase{gateway="second",phase="up"} 1.0' in metrics
        tasks = (await service.http.get("/debug/tasks?format=text")).text
        assert "actor:second.connection" in tasks


async def test_with_one_gateway_nothing_names_it() -> None:
    async with running_service(further={}) as service:
        assert "gateways" not in await service.get("/health")
        assert "gateways" not in await service.get("/debug/actors?format=json")
        assert "gateway=" not in (await service.http.get("/metrics")).text
        (only,) = (await service.get("/gateways"))["gateways"]
        assert (only["name"], only["default"]) == ("main", True)


async def test_demo_has_as_many_gateways_as_are_asked_for() -> None:
    simulators = {"main": SimulatorOptions(port=0), "second": replace(SECOND, port=0)}
    async with trio.open_nursery() as nursery:
        stop = trio.Event()
        url, ports = await nursery.start(partial(run_demo, Settings(port=0), simulators, stop=stop))
        async with httpx.AsyncClient(base_url=url) as http:
            service = Service(url=url, http=http, gateway=Gateway(ports=ports[0]), stop=stop)
            await service.until("/health", lambda response: response.json()["status"] == "healthy")
            main, second = (await service.get("/gateways"))["gateways"]
            assert (main["managed"], second["managed"]) == (True, True)
            assert (main["accounts"], second["accounts"]) == (["DU1234567"], ["DU7654321"])
            assert (await service.get("/health"))["simulated"]
        stop.set()
