"""Option chains over HTTP, against the simulator."""

import asyncio
from typing import Any

import ib_async
import trio
import trio.to_thread

from ibactors.sim import SimulatorOptions
from tests.conftest import Service, running_service


async def first_day(service: Service, symbol: str, trading_class: str) -> str:
    chains = (await service.get(f"/options/chain/{symbol}"))["chains"]
    day: str = next(row["expirations"][0] for row in chains if row["trading_class"] == trading_class)
    return day


async def no_line_of(service: Service, local_symbol: str) -> bool:
    return local_symbol not in (await service.gateway.stats())["lines"]


def legs_of(chain: Any) -> list[Any]:
    return [leg for row in chain["rows"] for leg in (row["call"], row["put"]) if leg]


async def test_forty_expiries_in_two_classes_are_told_apart(service: Service) -> None:
    with trio.fail_after(8):
        chain = await service.get("/options/chain/SPX")
    classes = {(row["trading_class"], row["exchange"]): row for row in chain["chains"]}
    assert {(name, len(row["expirations"])) for (name, _), row in classes.items()} == {("SPX", 10), ("SPXW", 30)}
    assert {exchange for _, exchange in classes} == {"SMART", "CBOE"}
    assert all(len(row["strikes"]) == 200 for row in classes.values())
    one = await service.get("/options/chain/SPX?exchange=CBOE&trading_class=spxw")
    assert [(row["trading_class"], row["exchange"]) for row in one["chains"]] == [("SPXW", "CBOE")]


async def test_adjusted_options_are_apart_and_a_day_of_two_classes_asks_which(service: Service) -> None:
    day = await first_day(service, "AAPL", "2AAPL")
    problem = await service.get(f"/options/chain/AAPL/{day}", 409)
    assert problem["code"] == "contract_ambiguous"
    assert [candidate["trading_class"] for candidate in problem["candidates"]] == ["2AAPL", "AAPL"]
    adjusted = await service.get(f"/options/chain/AAPL/{day}?trading_class=2AAPL")
    assert [row["strike"] for row in adjusted["rows"]] == [291.0]
    usual = await service.get(f"/options/chain/AAPL/{day}?trading_class=AAPL")
    assert 291.0 not in [row["strike"] for row in usual["rows"]]
    assert {row["trading_class"] for row in usual["rows"]} == {"AAPL"}


async def test_expiry_has_quotes_greeks_and_open_interest_and_leaves_no_line(service: Service) -> None:
    day = await first_day(service, "AAPL", "AAPL")
    chain = await service.get(f"/options/chain/AAPL/{day}?trading_class=AAPL")
    legs = legs_of(chain)
    assert len(legs) == 14
    for leg in legs:
        assert None not in [leg[name] for name in ("implied_volatility", "delta", "gamma", "theta", "vega", "model_price", "timestamp")]
        assert leg["open_interest"] > 0
        assert leg["problem"] is None
    assert all(0 < row["call"]["delta"] <= 1 and -1 <= row["put"]["delta"] < 0 for row in chain["rows"])
    assert chain["underlying"]["con_id"] == 265598
    assert await no_line_of(service, legs[0]["local_symbol"])


async def test_contracts_of_a_day_are_asked_for_once(service: Service) -> None:
    day = await first_day(service, "AAPL", "AAPL")
    await service.get(f"/options/chain/AAPL/{day}?trading_class=AAPL")
    before = (await service.gateway.stats())["requests"]["reqContractDetails"]
    await service.get(f"/options/chain/AAPL/{day}?trading_class=AAPL&right=C")
    assert (await service.gateway.stats())["requests"]["reqContractDetails"] == before


async def test_strikes_around_the_price_are_half_below_and_half_above(service: Service) -> None:
    day = await first_day(service, "SPX", "SPX")
    chain = await service.get(f"/options/chain/SPX/{day}?trading_class=SPX&strikes_around=3&right=P")
    price = chain["underlying"]["last"]
    strikes = [row["strike"] for row in chain["rows"]]
    assert len(strikes) == 6
    assert strikes[0] < price < strikes[-1]
    assert all(row["call"] is None for row in chain["rows"])


async def test_chain_of_unknown_day_or_symbol_says_what_there_is(service: Service) -> None:
    problem = await service.get("/options/chain/SPX/20200101", 404)
    assert await first_day(service, "SPX", "SPXW") in problem["detail"]
    assert (await service.get("/options/chain/KO", 404))["code"] == "contract_not_found"
    assert (await service.get("/options/chain/SPX?trading_class=NOPE", 404))["detail"].count("SPXW")


async def test_more_options_than_one_answer_may_bring_are_refused_with_the_way_to_narrow_them(service: Service) -> None:
    day = await first_day(service, "SPX", "SPX")
    problem = await service.get(f"/options/chain/SPX/{day}?trading_class=SPX&strikes_around=51", 422)
    assert problem["field"] == "strikes_around"


async def test_chain_without_a_free_line_is_refused_and_gets_them_when_they_are_free() -> None:
    async with running_service(max_lines=10, line_idle_seconds=60.0) as service:
        day = await first_day(service, "AAPL", "AAPL")
        async with service.stream() as stream:
            for symbol in ("MSFT", "TSLA", "NVDA", "AMZN", "META", "AMD", "INTC", "NFLX", "IBM", "KO"):
                await stream.send(action="subscribe", symbol=symbol)
            for _ in range(10):
                await stream.expect("quote")
            problem = await service.get(f"/options/chain/AAPL/{day}?trading_class=AAPL", 429)
            assert problem["code"] == "no_free_line"
        with trio.fail_after(15):
            await service.until(f"/options/chain/AAPL/{day}?trading_class=AAPL", lambda response: response.status_code == 200, within=14)


async def test_chain_that_loses_its_session_is_refused_and_shows_nothing_of_before() -> None:
    async with running_service(options=SimulatorOptions()) as service:
        day = await first_day(service, "SPX", "SPX")
        statuses: list[tuple[int, str]] = []

        async def ask() -> None:
            response = await service.http.get(f"/options/chain/SPX/{day}?trading_class=SPX&right=C", timeout=20)
            statuses.append((response.status_code, response.json().get("code", "")))

        with trio.fail_after(15):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await trio.sleep(1.5)
                await service.gateway.control("restart 0.1")
        assert statuses == [(503, "gateway_disconnected")]


async def test_calculator_turns_volatility_into_price_and_back(service: Service) -> None:
    day = await first_day(service, "AAPL", "AAPL")
    chain = await service.get(f"/options/chain/AAPL/{day}?trading_class=AAPL&right=C&min_strike=230&max_strike=230")
    con_id = legs_of(chain)[0]["con_id"]

    async def calculate(status: int = 200, **body: Any) -> Any:
        response = await service.http.post("/options/calculate", json=body)
        assert response.status_code == status, response.text
        return response.json()

    priced = await calculate(con_id=con_id, volatility=0.25, underlying_price=229.5)
    assert priced["option_price"] > 0
    back = await calculate(con_id=con_id, price=priced["option_price"], underlying_price=229.5)
    assert abs(back["implied_volatility"] - 0.25) < 0.001
    assert (await calculate(422, con_id=con_id, underlying_price=229.5))["code"] == "invalid_request"
    assert (await calculate(422, con_id=265598, price=1, underlying_price=229.5))["field"] == "con_id"


async def test_ib_async_sees_the_same_details_and_chains(service: Service) -> None:
    theirs = await trio.to_thread.run_sync(_ask_ib_async, service.gateway.ports.port)
    ours = (await service.get("/contracts?symbol=AAPL"))["contracts"][0]
    details = theirs["details"]
    assert ours["con_id"] == details.contract.conId
    assert (ours["long_name"], ours["min_tick"], ours["time_zone"]) == (details.longName, details.minTick, details.timeZoneId)
    assert ",".join(ours["order_types"]) == details.orderTypes
    assert ",".join(map(str, ours["market_rule_ids"])) == details.marketRuleIds
    assert (ours["trading_hours"], ours["liquid_hours"]) == (details.tradingHours, details.liquidHours)
    chains = (await service.get("/options/chain/SPX"))["chains"]
    assert {(row["exchange"], row["trading_class"], tuple(row["expirations"]), tuple(row["strikes"])) for row in chains} == {
        (row.exchange, row.tradingClass, tuple(row.expirations), tuple(row.strikes)) for row in theirs["chains"]
    }
    day = chains[0]["expirations"][0]
    legs = legs_of(await service.get(f"/options/chain/SPX/{day}?trading_class=SPX&greeks=false&right=C"))
    assert {leg["con_id"] for leg in legs} == {row.contract.conId for row in theirs["options"]}


def _ask_ib_async(port: int) -> dict[str, Any]:
    """The same questions, by ib_async's own client, in a thread with an event loop of its own."""

    async def ask() -> dict[str, Any]:
        ib = ib_async.IB()
        await ib.connectAsync("127.0.0.1", port, clientId=77)
        try:
            (details,) = await ib.reqContractDetailsAsync(ib_async.Stock("AAPL", "SMART", "USD"))
            chains = await ib.reqSecDefOptParamsAsync("SPX", "", "IND", 416904)
            day = next(min(row.expirations) for row in chains if row.tradingClass == "SPX")
            option = ib_async.Option("SPX", day, right="C", exchange="SMART", currency="USD", tradingClass="SPX")
            return {"details": details, "chains": chains, "options": await ib.reqContractDetailsAsync(option)}
        finally:
            ib.disconnect()

    # Named explicitly: importing trio_asyncio elsewhere changes what asyncio.run makes.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(ask())


async def test_chain_is_a_table_too(service: Service) -> None:
    day = await first_day(service, "AAPL", "AAPL")
    response = await service.http.get(f"/options/chain/AAPL/{day}?trading_class=AAPL&format=csv&right=C")
    header, *rows = response.text.splitlines()
    assert {"strike", "call_bid", "call_delta", "put_bid"} <= set(header.split(","))
    assert len(rows) == 7
