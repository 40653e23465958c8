"""What is scarce is shared between callers: whatever one of them asks for, and in whatever way, the others get their quotes."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import pytest
import trio

from ibactors.keys import read_keys
from ibactors.limits import Rate
from ibactors.sim import SimulatorOptions
from tests.conftest import Service, running_service
from tests.service.keyed import KEYS, LINES, bearer, keyed_service
from tests.service.test_events import events

TWO = read_keys("\n".join(LINES[name].replace(f":{name}:", ":read+stream:") for name in ("read", "stream")))
"""Two keys that are good for quotes and streams."""
GREEDY, MODEST = bearer("read"), bearer("stream")
ROUNDS = 2
LINES_IN_ALL = 20

Attack = Callable[[Service], Awaitable[None]]


@asynccontextmanager
async def shared_service(**settings: object) -> AsyncIterator[Service]:
    options = SimulatorOptions(extra_symbols=200)
    async with keyed_service(options=options, **{"api_keys": TWO, "max_lines": LINES_IN_ALL, **settings}) as service:
        yield service


async def unknown_symbols(service: Service) -> None:
    numbers = count()

    async def ask() -> None:
        while True:
            symbols = ",".join(f"ZQ{next(numbers)}X" for _ in range(5))
            await service.http.get(f"/market/quotes?symbols={symbols}", headers=GREEDY, timeout=60)

    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(ask)


async def known_symbols_in_turn(service: Service) -> None:
    numbers = count()

    async def ask() -> None:
        while True:
            await service.http.get(f"/market/quote/S{next(numbers) % 139 + 1:03}", headers=GREEDY, timeout=60)

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(ask)


async def one_websocket(service: Service) -> None:
    async with service.stream(headers=GREEDY) as stream:
        await stream.send(action="subscribe", symbols=[f"S{number:03}" for number in range(1, 101)])
        while True:
            await stream.receive(60)


async def several_websockets(service: Service) -> None:
    async with AsyncExitStack() as streams:
        for place in range(5):
            stream = await streams.enter_async_context(service.stream(headers=GREEDY))
            await stream.send(action="subscribe", symbols=[f"S{place * 20 + number:03}" for number in range(1, 21)])
        await trio.sleep_forever()


async def event_streams(service: Service) -> None:
    async with AsyncExitStack() as sources:
        for place in range(16):  # of one line each
            await sources.enter_async_context(events(service, f"S{place + 1:03}", **GREEDY))
        for place in range(16, 40):
            await service.http.get(f"/market/stream?symbols=S{place + 1:03}", headers=GREEDY)
        await trio.sleep_forever()


async def long_polls(service: Service) -> None:
    async def poll(symbol: str) -> None:
        after = ""
        while True:
            response = await service.http.get(f"/market/quote/{symbol}?wait=60{after}", headers=GREEDY, timeout=90)
            after = f"&after={response.json().get('timestamp')}" if response.status_code == 200 else ""

    async with trio.open_nursery() as nursery:
        for number in range(40):
            nursery.start_soon(poll, f"S{number + 1:03}")


@pytest.mark.parametrize("attack", [unknown_symbols, known_symbols_in_turn, one_websocket, several_websockets, event_streams, long_polls])
async def test_one_key_does_not_cost_another_its_quotes(attack: Attack) -> None:
    answers: Counter[str] = Counter()
    async with shared_service() as service, trio.open_nursery() as nursery:
        nursery.start_soon(attack, service)
        await trio.sleep(1)
        for number in range(ROUNDS):
            for symbol in ("AAPL", f"S{150 + number}"):
                response = await service.http.get(f"/market/quote/{symbol}", headers=MODEST, timeout=30)
                answers[response.json().get("code", "quote")] += 1
            async with service.stream(headers=MODEST) as stream:
                await stream.send(action="subscribe", symbol=f"S{170 + number}")
                message = await stream.receive()
                while message["type"] not in {"quote", "error"}:
                    message = await stream.receive()
                answers[message.get("code", "quote")] += 1
            await trio.sleep(1.2)  # longer than a line counts as in use, if nothing goes on
        nursery.cancel_scope.cancel(reason="enough")
    assert answers == {"quote": 3 * ROUNDS}


async def test_caller_hears_that_it_has_its_share() -> None:
    async with shared_service() as service, service.stream(headers=GREEDY) as stream:
        await stream.send(action="subscribe", symbols=[f"S{number:03}" for number in range(1, 21)])
        refused = [await stream.expect("error") for _ in range(4)]
        assert {error["code"] for error in refused} == {"no_free_line"}
        assert "16 market-data lines" in refused[0]["message"]
        assert len((await stream.expect("subscribed"))["symbols"]) == 16
        await stream.send(action="unsubscribe", symbols=["S001", "S002"])
        await stream.expect("unsubscribed")
        await trio.sleep(1.2)
        await stream.send(action="subscribe", symbol="S030")
        await stream.expect("quote", symbol="S030")


async def test_share_may_be_set_and_counts_per_address_without_keys() -> None:
    async with running_service(options=SimulatorOptions(extra_symbols=20), max_lines=10, lines_per_caller=2) as service:
        quotes = (await service.get("/market/quotes?symbols=S001,S002,S003"))["quotes"]
        assert sorted(quote.get("code", "quote") for quote in quotes.values()) == ["no_free_line", "quote", "quote"]


@pytest.mark.parametrize("path", ["/market/quotes", "/market/stream"])
async def test_symbols_count_in_the_rate(path: str) -> None:
    symbols = ",".join(f"S{number:03}" for number in range(1, 11))
    async with shared_service(rate_per_key=Rate(5.0, 10)) as service:
        async with service.http.stream("GET", f"{path}?symbols={symbols}", headers=GREEDY) as response:
            assert response.status_code == 200
        refused = await service.http.get("/market/quote/S001", headers=GREEDY)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert (await service.http.get("/market/quote/S001", headers=MODEST)).status_code == 200


async def test_subscriptions_count_in_the_rate() -> None:
    symbols = [f"S{number:03}" for number in range(1, 8)]
    async with shared_service(rate_per_key=Rate(1.0, 2)) as service, service.stream() as stream:
        await stream.send(action="auth", api_key=KEYS["read"])
        await stream.send(action="subscribe", symbols=symbols)
        await stream.expect("subscribed")
        refused = await service.http.get("/market/quote/S001", headers=GREEDY)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        await stream.send(action="subscribe", symbols=symbols, id=1)
        assert (await stream.expect("error", id=1))["code"] == "rate_limited"


async def test_unknown_symbol_is_looked_up_once_in_a_while() -> None:
    async with shared_service() as service:
        assert (await service.http.get("/market/quote/NOPE", headers=GREEDY)).status_code == 404
        looked_up = (await service.gateway.stats())["requests"]["reqContractDetails"]
        for _ in range(5):
            assert (await service.http.get("/market/quote/NOPE", headers=GREEDY)).status_code == 404
            assert (await service.http.get("/market/quote/NOPE", headers=MODEST)).status_code == 404
        assert (await service.gateway.stats())["requests"]["reqContractDetails"] == looked_up
