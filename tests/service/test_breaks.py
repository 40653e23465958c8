"""What callers see when the gateway goes away, falls silent or comes back."""

import statistics
import time
from datetime import datetime
from typing import Any

import pytest
import trio

from ibactors.sim import SimulatorOptions
from tests.conftest import ErrorLog, Service, eventually, running_service


async def test_reset_is_noticed_at_once_and_everything_comes_back_by_itself(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote")
        await service.gateway.do("refuse 2")
        health = await service.until("/health", lambda response: not response.json()["ib_connected"], within=10)
        assert health.status_code == 200
        assert health.json()["status"] == "degraded"
        assert health.json()["reason"]
        await stream.expect("stale", symbol="AAPL", within=10)
        for path in ("/market/quote/AAPL", "/market/quote/MSFT", "/account/summary", "/account/positions", "/accounts", "/health/gateway"):
            response = await service.http.get(path)
            assert response.status_code == 503
            assert response.json()["code"] == "gateway_disconnected"
            assert int(response.headers["retry-after"]) > 0
        back = await stream.expect("quote", symbol="AAPL", within=5)
        assert back["bid"] > 0
        await service.get("/market/quote/AAPL")
        await service.get("/account/positions")
        assert (await service.get("/health"))["session"]["epoch"] == 2


async def test_symbols_that_somebody_waits_for_come_back_before_those_that_nobody_wants() -> None:
    """Requests for all lines would take seconds at the pace that the gateway allows."""
    async with running_service(options=SimulatorOptions(extra_symbols=60)) as service, service.stream() as stream:
        idle = ",".join(f"S{number:03}" for number in range(1, 41))
        await service.get(f"/market/quotes?symbols={idle}")
        await stream.send(action="subscribe", symbol="S050")
        await stream.expect("quote")
        await trio.sleep(1.1)  # so that they are idle
        await service.gateway.do("drop")
        await stream.expect("stale")
        await stream.expect("quote", within=10)
        assert sum((await service.gateway.stats())["lines"].values()) == 1
        quotes = (await service.get(f"/market/quotes?symbols={idle}"))["quotes"]
        assert {quote["type"] for quote in quotes.values()} == {"quote"}


async def test_status_messages_tell_each_change_once(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="ping")
        await stream.expect("pong")
        await service.gateway.do("refuse 1.5")
        down = await stream.expect("status")
        assert down["connected"] is False
        assert down["reason"]
        changes = [down]
        while not changes[-1]["connected"]:
            changes.append(await stream.expect("status"))
        # Lost, then refused, then syncing; not one message for each attempt.
        assert len(changes) <= 3
        assert changes[-1]["epoch"] == 2
        assert (await stream.expect("status"))["phase"] == "up"


async def test_live_again_soon_after_the_port_returns(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote")
        for _ in range(3):
            returns_at = time.time() + 1.0
            await service.gateway.do("refuse 1")
            await stream.expect("stale")
            quote = await stream.expect("quote")
            came = datetime.fromisoformat(quote["timestamp"]).timestamp()
            assert returns_at - 0.2 < came < returns_at + 2


@pytest.mark.slow
@pytest.mark.alone
async def test_first_tick_comes_within_a_second_of_the_ports_return(service: Service) -> None:
    waits: list[float] = []
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote")
        for _ in range(20):
            asked = time.time()
            await service.gateway.do("refuse 0.5")
            await stream.expect("stale")
            quote = await stream.expect("quote")
            waits.append(datetime.fromisoformat(quote["timestamp"]).timestamp() - asked - 0.5)
    assert statistics.median(waits) < 1.0, waits


async def test_no_value_from_before_a_break_is_ever_shown_after_it() -> None:
    async with running_service() as service, service.stream() as stream:
        await service.gateway.do("set AAPL 10 11 10")
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote", bid=10.0)
        seen: list[Any] = []
        for old in range(1, 6):
            new = 10.0 * (old + 1)
            await service.gateway.do("refuse 0.3")
            await service.gateway.do(f"set AAPL {new} {new + 1} {new}")
            await stream.expect("stale", symbol="AAPL")
            response = await service.until("/market/quote/AAPL", lambda response: response.status_code == 200)
            assert response.json()["bid"] == new
            seen.append(await stream.expect("quote"))
        assert [quote["bid"] for quote in seen] == [20.0, 30.0, 40.0, 50.0, 60.0]


async def test_silent_gateway_is_found_and_left() -> None:
    async with running_service(probe_idle=0.5, probe_timeout=0.5, quote_timeout=1.0) as service, service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote")
        await service.gateway.do("mute")
        suspicion = await stream.expect("status", within=10)
        assert (suspicion["phase"], suspicion["connected"]) == ("silent", True)
        status = await stream.expect("status", within=10, connected=False)
        assert "silent" in status["reason"]
        assert (await service.get("/market/quote/AAPL", 503))["code"] == "gateway_disconnected"
        await service.gateway.do("unmute")
        await stream.expect("quote", within=15)


async def test_quiet_but_answering_gateway_is_kept() -> None:
    options = SimulatorOptions(rate=0.01)
    async with running_service(options=options, probe_idle=0.2, probe_timeout=1.0) as service:
        epoch = (await service.get("/health"))["session"]["epoch"]

        async def probed() -> bool:
            return bool((await service.gateway.stats())["requests"].get("reqCurrentTime", 0) >= 5)

        await eventually(probed)
        assert (await service.get("/health"))["session"]["epoch"] == epoch


async def test_requests_in_flight_end_with_the_session(service: Service) -> None:
    await service.gateway.do("mute")
    answers: list[int] = []

    async def ask(number: int) -> None:
        answers.append((await service.http.get(f"/market/quote/NEW{number}")).status_code)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(ask, number)
        await eventually(lambda: all_asked(service))
        dropped = trio.current_time()
        await service.gateway.do("drop")
    assert trio.current_time() - dropped < 8
    assert len(answers) == 20
    assert set(answers) == {503}


async def all_asked(service: Service) -> bool:
    return bool((await service.gateway.stats())["requests"].get("reqContractDetails", 0) >= 20)


async def test_service_starts_without_a_gateway() -> None:
    async with running_service(wait=False, gateway_port=1) as service:
        health = await service.until("/health", lambda response: "listens" in (response.json()["reason"] or ""))
        assert health.json()["status"] == "degraded"
        assert (await service.get("/health/ready"))["status"] == "ready"
        assert (await service.get("/market/quote/AAPL", 503))["code"] == "gateway_disconnected"
        assert (await service.get("/auth/status"))["phase"] == "disconnected"


async def test_client_id_in_use_is_named_as_the_reason(service: Service) -> None:
    async with running_service(wait=False, gateway_port=service.gateway.ports.port) as second:
        health = await second.until("/health", lambda response: "326" in (response.json()["reason"] or ""))
        assert "The client id 4817 is already in use" in health.json()["reason"]
        assert "IBACTORS_CLIENT_ID" in health.json()["reason"]


async def test_malformed_frame_costs_one_log_line_and_no_session(service: Service, error_log: ErrorLog) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote")
        await service.gateway.do("garbage")
        for _ in range(3):
            await stream.expect("quote")
        assert (await service.get("/health"))["session"]["epoch"] == 1
        error_log.take()
