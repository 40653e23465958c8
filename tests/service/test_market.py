"""Lines are shared, budgeted and released."""

import trio

from ibactors.sim import SimulatorOptions
from tests.conftest import Service, eventually, running_service

TWENTY = [
    "AAPL",
    "MSFT",
    "TSLA",
    "SPY",
    "QQQ",
    "NVDA",
    "AMZN",
    "GOOGL",
    "META",
    "IBM",
    "KO",
    "DIS",
    "JPM",
    "IWM",
    "GLD",
    "XOM",
    "INTC",
    "AMD",
    "NFLX",
    "GE",
]


async def lines(service: Service) -> dict[str, int]:
    found: dict[str, int] = (await service.gateway.stats())["lines"]
    return found


async def no_lines(service: Service) -> bool:
    return not await lines(service)


async def test_twenty_new_symbols_at_once_do_not_wait_for_one_another(service: Service) -> None:
    answers: dict[str, float] = {}

    async def ask(symbol: str) -> None:
        quote = await service.get(f"/market/quote/{symbol}")
        answers[symbol] = quote["bid"]

    with trio.fail_after(8):
        async with trio.open_nursery() as nursery:
            for symbol in TWENTY:
                nursery.start_soon(ask, symbol)
    assert len(answers) == 20
    before = (await service.gateway.stats())["requests"]
    await service.get("/market/quote/AAPL")
    assert (await service.gateway.stats())["requests"] == before


async def test_all_clients_of_a_symbol_share_one_line_and_see_every_change() -> None:
    async with running_service(line_idle_seconds=1.0) as service:
        async with service.stream() as one, service.stream() as two:
            for stream in (one, two):
                await stream.send(action="subscribe", symbol="AAPL")
                await stream.expect("quote")
            async with trio.open_nursery() as nursery:
                for _ in range(10):
                    nursery.start_soon(service.get, "/market/quote/AAPL")
            assert await lines(service) == {"AAPL": 1}
            for step in range(1, 6):
                await service.gateway.do(f"set AAPL {100 + step} {101 + step} {100 + step}")
                for stream in (one, two):
                    await stream.expect("quote", bid=100.0 + step, ask=101.0 + step, last=100.0 + step)
        await eventually(lambda: no_lines(service), within=5)
        # Released is not lost: the next request opens the line again.
        assert (await service.get("/market/quote/AAPL"))["bid"] == 105.0


async def test_line_of_a_listener_is_kept_beyond_the_idle_time() -> None:
    async with running_service(line_idle_seconds=1.0, options=SimulatorOptions(rate=50)) as service, service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        started = trio.current_time()
        while trio.current_time() < started + 2.5:
            await stream.expect("quote")
        assert await lines(service) == {"AAPL": 1}


async def test_an_old_price_is_not_shown_when_a_released_line_is_opened_again() -> None:
    async with running_service(line_idle_seconds=1.0) as service:
        await service.gateway.do("set AAPL 10 11 10")
        assert (await service.get("/market/quote/AAPL"))["bid"] == 10.0
        await eventually(lambda: no_lines(service), within=5)
        await service.gateway.do("set AAPL 20 21 20")
        assert (await service.get("/market/quote/AAPL"))["bid"] == 20.0


async def test_symbols_that_do_not_exist_take_no_lines() -> None:
    async with running_service(max_lines=3) as service:
        for number in range(6):
            await service.get(f"/market/quote/NOPE{number}", 404)
        assert (await service.get("/market/quote/AAPL"))["bid"] > 0


async def test_idle_symbol_gives_way_when_all_lines_are_in_use() -> None:
    async with running_service(max_lines=2) as service, service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote")
        await service.get("/market/quote/MSFT")
        refused = await service.http.get("/market/quote/TSLA")
        assert refused.status_code == 429
        assert refused.json()["code"] == "no_free_line"
        assert int(refused.headers["retry-after"]) > 0
        await service.until("/market/quote/TSLA", lambda response: response.status_code == 200)
        assert (await lines(service)).keys() == {"AAPL", "TSLA"}


async def test_head_is_answered_like_get_without_the_body(service: Service) -> None:
    await service.get("/market/quote/AAPL")
    for path in ("/market/quote/AAPL", "/market/quote/AAPL/", "/health", "/accounts"):
        head, get = await service.http.head(path), await service.http.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers.keys() == get.headers.keys()


async def test_symbol_of_the_path_cannot_be_given_again(service: Service) -> None:
    twice = await service.get("/market/quote/AAPL?symbol=MSFT", status=422)
    assert twice["field"] == "symbol"
    other = await service.get("/market/quote/AAPL?sort=up", status=422)
    assert "symbol" not in other["hint"].partition("Accepted:")[2].split(", ")
