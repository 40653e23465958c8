"""The WebSocket contract, through a real client."""

import json

import pytest
import trio
from trio_websocket import ConnectionClosed, open_websocket_url

from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Service, Stream, eventually, running_service


async def test_quotes_flow_after_subscribing(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL", id="first")
        subscribed = await stream.receive()
        assert {"type": "subscribed", "symbols": ["AAPL"], "id": "first"}.items() <= subscribed.items()
        quote = await stream.receive()
        assert quote["type"] == "quote"
        assert quote["symbol"] == "AAPL"
        assert quote["bid"] > 0
        assert quote["timestamp"].endswith("Z")
        later = await stream.expect("quote")
        assert later["timestamp"] > quote["timestamp"]


async def test_newest_value_comes_at_once_for_a_known_symbol(service: Service) -> None:
    await service.gateway.do("set AAPL 50 51 50")
    await service.get("/market/quote/AAPL")
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="aapl")
        assert (await stream.receive(1))["type"] == "subscribed"
        assert (await stream.receive(1))["bid"] == 50.0


async def test_unsubscribed_symbol_is_silent(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbols=["AAPL", "MSFT"])
        assert (await stream.expect("subscribed"))["symbols"] == ["AAPL", "MSFT"]
        await stream.expect("quote", symbol="AAPL")
        await stream.send(action="unsubscribe", symbol="AAPL", id=2)
        assert (await stream.expect("unsubscribed", id=2))["symbols"] == ["MSFT"]
        await service.gateway.do("set AAPL 1 2 1")
        await service.gateway.do("set MSFT 3 4 3")
        while (message := await stream.receive())["bid"] != 3.0:
            assert message["symbol"] == "MSFT"
        await stream.send(action="list", id="l")
        assert (await stream.expect("list", id="l"))["symbols"] == ["MSFT"]


async def test_ping_is_answered_with_its_id(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="ping", id="abc")
        pong = await stream.receive()
        assert (pong["type"], pong["id"]) == ("pong", "abc")


@pytest.mark.parametrize(
    ("text", "field", "message_id"),
    [
        ("no json", None, None),
        ("[]", None, None),
        ("null", None, None),
        ("[" * 20_000, None, None),
        ('{"action":"dance","id":5}', "action", 5),
        ('{"id":"x"}', "action", "x"),
        ('{"action":"subscribe","id":"x"}', "symbol", "x"),
        ('{"action":"subscribe","symbol":7}', "symbol", None),
        ('{"action":"subscribe","symbol":"A\\u0000B"}', "symbol", None),
        ('{"action":"subscribe","symbols":[]}', "symbols", None),
        ('{"action":"subscribe","symbol":"AAPL","interval_ms":-1}', "interval_ms", None),
        ('{"action":"subscribe","symbol":"AAPL","exchnge":"X"}', "exchnge", None),
    ],
)
async def test_bad_message_is_answered_and_the_socket_stays_open(
    service: Service, text: str, field: str | None, message_id: str | int | None
) -> None:
    async with service.stream() as stream:
        await stream.connection.send_message(text)
        error = await stream.receive()
        assert error["type"] == "error"
        assert error["code"] == "invalid_request"
        assert error["field"] == field
        assert error["id"] == message_id
        await stream.send(action="ping")
        await stream.expect("pong")


async def test_symbol_that_fails_is_reported_and_dropped(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        for symbol, code in (("BADSYM", "contract_not_found"), ("NOSUB", "market_data_not_subscribed"), ("AMBIG", "contract_ambiguous")):
            await stream.send(action="subscribe", symbol=symbol, id=symbol)
            error = await stream.expect("error", symbol=symbol)
            assert error["code"] == code
            assert error["id"] == symbol
            assert (await stream.expect("unsubscribed", id=symbol))["symbols"] == ["AAPL"]
        await stream.expect("quote", symbol="AAPL")


async def test_interval_limits_the_pace_and_keeps_the_newest() -> None:
    async with running_service(options=SimulatorOptions(rate=50)) as service, service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL", interval_ms=300)
        first = await stream.expect("quote")
        started = trio.current_time()
        for _ in range(3):
            newer = await stream.expect("quote")
            assert newer["timestamp"] > first["timestamp"]
        assert trio.current_time() - started > 0.85
        await service.gateway.do("set AAPL 7 8 7")
        await stream.expect("quote", bid=7.0)


async def test_batch_mode_sends_arrays(service: Service) -> None:
    async with service.stream("?batch=1") as stream:
        await stream.send(action="subscribe", symbols=["AAPL", "MSFT", "TSLA"])
        kinds: set[str] = set()
        while not {"subscribed", "AAPL", "MSFT", "TSLA"} <= kinds:
            batch = await stream.receive()
            assert isinstance(batch, list)
            kinds |= {message.get("symbol", message["type"]) for message in batch}


async def test_binary_message_closes_with_1003(service: Service) -> None:
    async with service.stream() as stream:
        await stream.connection.send_message(b"\x00\x01")
        assert await close_code(stream) == 1003


async def test_too_large_message_closes_with_1009(service: Service) -> None:
    async with service.stream() as stream:
        await stream.connection.send_message("x" * 100_000)
        assert await close_code(stream) == 1009


async def test_stop_closes_with_1001(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote")
        service.stop.set()
        assert await close_code(stream) == 1001


async def test_too_many_connections_close_with_1013() -> None:
    async with running_service(max_streams=1) as service, service.stream() as first:
        await first.send(action="ping")
        await first.expect("pong")
        async with service.stream() as second:
            assert await close_code(second) == 1013
        await first.send(action="ping")
        await first.expect("pong")


async def test_client_that_leaves_releases_everything() -> None:
    async with running_service(line_idle_seconds=1.0) as service:
        for _ in range(5):
            async with service.stream() as stream:
                await stream.send(action="subscribe", symbol="AAPL")
                await stream.expect("quote")

        async def all_gone() -> bool:
            text = (await service.http.get("/debug/tasks")).text
            return "ws:/ws/stream" not in text and "actor:symbol" not in text

        await eventually(all_gone, within=5)


async def test_client_that_floods_without_reading_delays_nobody(service: Service) -> None:
    ping = json.dumps({"action": "ping"})
    async with service.stream() as reader, open_websocket_url(f"{service.url.replace('http', 'ws', 1)}/ws/stream") as flooder:
        await reader.send(action="subscribe", symbol="AAPL")
        await reader.expect("quote")
        with trio.move_on_after(1.0):
            while True:
                await flooder.send_message(ping)
        for bid in (1.0, 2.0, 3.0):
            await service.gateway.do(f"set AAPL {bid} {bid + 1} {bid}")
            await reader.expect("quote", within=10, bid=bid)


async def close_code(stream: Stream) -> int:
    """Read until the server closes; the code that it gave."""
    with trio.fail_after(DEADLINE), pytest.raises(ConnectionClosed) as closed:
        while True:
            await stream.connection.get_message()
    assert closed.value.reason is not None
    return int(closed.value.reason.code)
