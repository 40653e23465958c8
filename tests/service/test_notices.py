"""IB's own notices: which data they stop, and what brings it back."""

import pytest
import trio

from ibactors.actors.account import AccountTerms
from ibactors.config.session import CLIENT_ID
from ibactors.service import Terms
from tests.conftest import Service, Stream, eventually, running_service
from tests.service.scripted import REAL, running_script, scripted_gateway


async def subscribed(stream: Stream, *symbols: str) -> None:
    for symbol in symbols:
        await stream.send(action="subscribe", symbol=symbol)
        await stream.expect("quote", symbol=symbol)


async def requests_of(service: Service, kind: str) -> int:
    return int((await service.gateway.stats())["requests"].get(kind, 0))


async def test_lost_connectivity_stops_everything_but_the_socket(service: Service) -> None:
    async with service.stream() as stream:
        await subscribed(stream, "AAPL")
        await service.gateway.do("1100")
        await stream.expect("stale", symbol="AAPL", within=10)
        health = await service.get("/health")
        assert (health["status"], health["ib_connected"], health["session"]["phase"]) == ("degraded", False, "lost")
        assert "1100" in health["reason"]
        for path in ("/market/quote/AAPL", "/account/summary", "/health/gateway"):
            assert (await service.get(path, 503))["code"] == "gateway_disconnected"
        opened = await requests_of(service, "reqMktData")
        await service.gateway.do("1102")
        await stream.expect("quote", symbol="AAPL", within=5)
        health = await service.get("/health")
        assert (health["status"], health["session"]["epoch"]) == ("healthy", 1)
        # Data was maintained and ticks came by themselves: nothing was requested again.
        assert await requests_of(service, "reqMktData") == opened
        await service.get("/account/summary")
        await service.get("/account/positions")


async def test_lost_data_is_requested_again_at_once(service: Service) -> None:
    async with service.stream() as stream:
        await subscribed(stream, "AAPL", "MSFT")
        await service.gateway.do("1100")
        await stream.expect("stale", symbol="AAPL")
        await service.gateway.do("1101")
        await stream.expect("quote", symbol="AAPL", within=10)
        await stream.expect("quote", symbol="MSFT", within=10)
        assert (await service.get("/health"))["session"]["epoch"] == 2
        assert await requests_of(service, "reqMktData") == 4


async def test_broken_farm_stops_its_symbols_only(service: Service) -> None:
    async with service.stream() as stream:
        await subscribed(stream, "AAPL")
        await stream.send(action="subscribe", symbol="EUR", sec_type="CASH")
        await stream.expect("quote", symbol="EUR")
        await service.gateway.do("farm-down usfarm")
        stale = await stream.expect("stale", within=10)
        assert stale["symbol"] == "AAPL"
        assert "usfarm" in stale["reason"]
        health = await service.get("/health")
        assert (health["status"], health["ib_connected"], health["session"]["phase"]) == ("degraded", True, "farm_degraded")
        assert "usfarm" in health["reason"]
        assert (await service.get("/market/quote/AAPL", 503))["code"] == "gateway_disconnected"
        await stream.expect("quote", symbol="EUR")
        assert (await service.http.get("/market/quote/EUR?sec_type=CASH")).status_code == 200
        await service.gateway.do("farm-up usfarm")
        await stream.expect("quote", symbol="AAPL", within=5)
        health = await service.get("/health")
        assert (health["status"], health["session"]["epoch"]) == ("healthy", 1)


async def test_value_from_before_a_farm_break_never_comes_back(service: Service) -> None:
    await service.gateway.do("set AAPL 10 11 10")
    assert (await service.get("/market/quote/AAPL"))["bid"] == 10.0
    await service.gateway.do("farm-down usfarm")
    await service.until("/market/quote/AAPL", lambda response: response.status_code == 503, within=10)
    await service.gateway.do("set AAPL 20 21 20")
    await service.gateway.do("farm-up usfarm")
    response = await service.until("/market/quote/AAPL", lambda response: response.status_code == 200, within=5)
    assert response.json()["bid"] == 20.0


async def test_line_that_stays_dead_after_its_farm_came_back_is_opened_again() -> None:
    """Real gateways sometimes say that a farm is back and send nothing more on the lines it served."""
    opened: list[str] = []

    def ticks_then_break(request: list[str]) -> list[list[str]]:
        opened.append(request[2])
        frames = REAL["1"](request)
        if len(opened) == 1:
            frames += [
                ["4", "2", "-1", "2103", "Market data farm connection is broken:usfarm", ""],
                ["4", "2", "-1", "2104", "Market data farm connection is OK:usfarm", ""],
            ]
        return frames

    async with scripted_gateway({**REAL, "1": ticks_then_break}, version=178) as port, running_service(gateway_port=port) as service:
        response = await service.until("/market/quote/TSLA", lambda response: response.status_code == 200, within=5)
        assert response.json()["last"] == 121.82
        assert len(opened) == 2


async def test_competing_session_stops_data_until_it_ends(service: Service) -> None:
    async with service.stream() as stream:
        await subscribed(stream, "AAPL")
        await service.gateway.do("competing on")
        assert (await stream.expect("stale", symbol="AAPL", within=10))["code"] == "competing_session"
        assert (await service.get("/market/quote/AAPL", 409))["ib_code"] == 10197
        await service.gateway.do("competing off")
        await stream.expect("quote", symbol="AAPL", within=5)
        await service.get("/market/quote/AAPL")


async def test_next_client_id_is_taken_when_ours_stays_in_use(service: Service) -> None:
    async with running_service(gateway_port=service.gateway.ports.port, wait=False, client_ids=3) as second:
        await second.until("/health", lambda response: response.json()["ib_connected"])
        clients = (await service.gateway.stats())["clients"]
        assert sorted(client["id"] for client in clients) == [CLIENT_ID, CLIENT_ID + 1]


async def test_request_that_the_gateway_threw_away_is_sent_again() -> None:
    """Error 100 does not say which message was dropped."""
    asked: list[str] = []

    def drop_the_first(request: list[str]) -> list[list[str]]:
        asked.append(request[2])
        complaint = [["4", "2", "-1", "100", "Max rate of messages per second has been exceeded. max=50 rec=51", ""]]
        return complaint if len(asked) == 1 else REAL["1"](request)

    async with scripted_gateway({**REAL, "1": drop_the_first}, version=178) as port, running_service(gateway_port=port) as service:
        assert (await service.get("/market/quote/TSLA"))["last"] == 121.82
        assert len(asked) == 2


async def test_lines_that_were_not_served_before_data_was_lost_are_cancelled() -> None:
    cancelled: list[str] = []

    def note(request: list[str]) -> list[list[str]]:
        cancelled.append(request[2])
        return []

    script = {**REAL, "1": lambda _request: [], "2": note}
    async with running_script(script) as scripted, running_service(gateway_port=scripted.port) as service, service.stream() as stream:
        await stream.send(action="subscribe", symbol="TSLA")

        async def opened() -> bool:
            return bool((await service.get("/debug/actors"))["lines"] == 1)

        await eventually(opened)
        await scripted.push(["4", "2", "-1", "1101", "Connectivity restored - data lost.", ""])

        async def seen() -> bool:
            return len(cancelled) == 1

        await eventually(seen)


async def test_too_many_messages_pause_the_sender() -> None:
    asked: list[float] = []

    def complain(request: list[str]) -> list[list[str]]:
        asked.append(trio.current_time())
        complaint = [["4", "2", "-1", "100", "Max rate of messages per second has been exceeded. max=50 rec=51", ""]]
        return complaint + REAL["1"](request)

    def describe(request: list[str]) -> list[list[str]]:
        if asked:
            asked.append(trio.current_time())
        return REAL["9"](request)

    async with (
        scripted_gateway({**REAL, "1": complain, "9": describe}, version=178) as port,
        running_service(gateway_port=port) as service,
    ):
        await service.get("/market/quote/TSLA")
        with trio.fail_after(8):
            await service.get("/market/quote/TSLA?primary_exchange=NASDAQ")
        assert asked[1] - asked[0] > 0.9
        assert (await service.get("/health"))["ib_connected"]


async def test_streams_have_lines_that_requests_cannot_take() -> None:
    async with running_service(max_lines=10, stream_lines=5, lines_per_caller=10) as service, service.stream() as stream:
        symbols = ["AAPL", "MSFT", "TSLA", "SPY", "QQQ", "NVDA", "AMZN", "GOOGL", "META"]
        for symbol in symbols:
            await stream.send(action="subscribe", symbol=symbol)
            await stream.expect("quote", symbol=symbol)
        assert (await service.get("/market/quote/IBM", 429))["code"] == "no_free_line"
        await subscribed(stream, "IBM")

        async def ten_lines() -> bool:
            return len((await service.gateway.stats())["lines"]) == 10

        await eventually(ten_lines)


@pytest.mark.parametrize("named", ["the request", "nothing"])
async def test_complaint_about_the_pace_is_no_callers_problem(named: str) -> None:
    """Some gateways name the request that they threw away; either way it is asked again."""
    asked: list[str] = []

    def drop_the_first(request: list[str]) -> list[list[str]]:
        asked.append(request[2])
        number = request[2] if named == "the request" else "-1"
        complaint = [["4", "2", number, "100", "Max rate of messages per second has been exceeded.", ""]]
        return complaint if len(asked) == 1 else REAL["9"](request)

    async with scripted_gateway({**REAL, "9": drop_the_first}, version=178) as port, running_service(gateway_port=port) as service:
        assert (await service.get("/market/quote/TSLA"))["last"] == 121.82


async def test_account_data_that_was_refused_is_asked_for_again() -> None:
    """Error 322: two summaries at a time. What stays incomplete would leave the session syncing for ever."""
    terms = Terms(account=AccountTerms(ask_again=0.3))
    asked: list[str] = []

    def refuse_the_first(request: list[str]) -> list[list[str]]:
        asked.append(request[2])
        text = "Error processing request.-'bS' : cause - Maximum number of account summary requests exceeded"
        return [["4", "2", request[2], "322", text, ""]] if len(asked) == 1 else REAL["62"](request)

    script = {**REAL, "62": refuse_the_first}
    async with scripted_gateway(script, version=178) as port, running_service(gateway_port=port, terms=terms) as service:
        await service.until("/health", lambda response: response.json()["status"] == "healthy", within=10)
        assert (await service.get("/account/summary"))["account_summary"]
        assert len(asked) == 2
