"""One caller takes all that it can of what is scarce, in every way that there is, and another goes on asking for quotes."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import trio

from ibactors.keys import read_keys
from ibactors.sim import SimulatorOptions
from tests.conftest import Service
from tests.service.keyed import LINES, bearer, keyed_service
from tests.service.test_events import events

TWO = read_keys("\n".join(LINES[name].replace(f":{name}:", ":read+stream:") for name in ("read", "stream")))
"""Two keys that are good for quotes and streams."""
GREEDY, MODEST = bearer("read"), bearer("stream")
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
        for place in range(12):  # of one line each; as many as it may have beside others
            await sources.enter_async_context(events(service, f"S{place + 1:03}", **GREEDY))
        for place in range(12, 40):
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


GREEDS = (unknown_symbols, known_symbols_in_turn, one_websocket, several_websockets, event_streams, long_polls)


async def starve(attack: Attack, rounds: int) -> Counter[str]:
    """What the modest caller gets, beside an attack: `quote`, or the codes of problems; three a round."""
    answers: Counter[str] = Counter()
    async with shared_service() as service, trio.open_nursery() as nursery:
        nursery.start_soon(attack, service)
        await trio.sleep(1)
        for number in range(rounds):
            for symbol in ("AAPL", f"S{150 + number % 20}"):
                response = await service.http.get(f"/market/quote/{symbol}", headers=MODEST, timeout=30)
                answers[response.json().get("code", "quote")] += 1
            async with service.stream(headers=MODEST) as stream:
                await stream.send(action="subscribe", symbol=f"S{170 + number % 20}")
                message = await stream.receive()
                while message["type"] not in {"quote", "error"}:
                    message = await stream.receive()
                answers[message.get("code", "quote")] += 1
            await trio.sleep(1.2)  # longer than a line counts as in use, if nothing goes on
        nursery.cancel_scope.cancel(reason="enough")
    return answers
