"""An instrument is named, not only its symbol: by a contract id alone, by whatever people write, and in all that is said about it."""

from typing import Any

import pytest

from tests.conftest import Service, eventually, running_service
from tests.service.test_events import events

APPLE = 265598


async def option(service: Service, right: str) -> dict[str, Any]:
    """One of Apple's options."""
    problem = await service.get(f"/market/quote/AAPL?sec_type=OPT&strike=230&right={right}", 409)
    found: dict[str, Any] = problem["candidates"][0]
    return found


async def opened(service: Service) -> int:
    return int((await service.gateway.stats())["requests"].get("reqMktData", 0))


@pytest.mark.parametrize(
    "path",
    [
        f"AAPL?con_id={APPLE}",
        f"ANYTHING?con_id={APPLE}",
        f"{APPLE}",
        f"AAPL?con_id={APPLE}&sec_type=FUT&currency=EUR&exchange=&primary_exchange=&expiry=&right=&strike=0.0",
        "US0378331005",
        "AAPL?sec_type=STK",
        "AAPL?primary_exchange=NASDAQ",
    ],
)
async def test_names_of_one_contract_share_one_line_and_one_actor(service: Service, path: str) -> None:
    quote = await service.get("/market/quote/AAPL")
    other = await service.get(f"/market/quote/{path}")
    assert (other["con_id"], other["symbol"], other["exchange"]) == (quote["con_id"], "AAPL", "SMART")
    assert await opened(service) == 1
    actors = [actor["name"] for actor in (await service.get("/debug/actors"))["actors"] if actor["name"].startswith("symbol:")]
    assert actors == ["symbol:AAPL"]


async def test_contract_id_that_came_first_leads(service: Service) -> None:
    assert (await service.get(f"/market/quote/{APPLE}"))["symbol"] == "AAPL"
    assert (await service.get("/market/quote/AAPL"))["con_id"] == APPLE
    assert await opened(service) == 1


async def test_another_exchange_is_another_line(service: Service) -> None:
    assert (await service.get("/market/quote/AAPL"))["exchange"] == "SMART"
    assert (await service.get(f"/market/quote/AAPL?con_id={APPLE}&exchange=NYSE"))["exchange"] == "NYSE"
    assert await opened(service) == 2


@pytest.mark.parametrize(
    ("written", "members"),
    [
        (
            "EUR.USD",
            {"symbol": "EUR", "sec_type": "CASH", "currency": "USD", "local_symbol": "EUR.USD", "exchange": "IDEALPRO", "expiry": None},
        ),
        ("EURUSD", {"symbol": "EUR", "sec_type": "CASH"}),
        ("VIX", {"sec_type": "IND", "exchange": "CBOE", "strike": None}),
        ("SPX?sec_type=IND", {"sec_type": "IND", "exchange": "CBOE"}),
        ("SPY?sec_type=ETF", {"sec_type": "STK", "symbol": "SPY"}),
    ],
)
async def test_symbols_are_taken_as_people_write_them(service: Service, written: str, members: dict[str, object]) -> None:
    quote = await service.get(f"/market/quote/{written}")
    assert {name: quote[name] for name in members} == members


async def test_stock_is_no_etf(service: Service) -> None:
    assert (await service.get("/market/quote/AAPL?sec_type=ETF", 404))["code"] == "contract_not_found"


async def test_future_and_option_are_found_by_the_exchanges_own_symbols(service: Service) -> None:
    futures = (await service.get("/market/quote/ES?sec_type=FUT", 409))["candidates"]
    quote = await service.get(f"/market/quote/{futures[1]['local_symbol']}")
    members = ("con_id", "expiry", "multiplier", "local_symbol", "trading_class")
    assert [quote[name] for name in members] == [futures[1][name] for name in members]
    assert quote["right"] is None
    put = await option(service, "P")
    for written in (put["local_symbol"], put["local_symbol"].replace(" ", "")):
        quote = await service.get(f"/market/quote/{written}")
        assert (quote["con_id"], quote["strike"], quote["right"], quote["expiry"]) == (put["con_id"], 230.0, "P", put["expiry"])
    assert await opened(service) == 2


async def test_what_is_not_found_tells_what_was_tried(service: Service) -> None:
    hint = (await service.get("/market/quote/NOSUCHSYM", 404))["hint"]
    assert "STK NOSUCHSYM" in hint
    assert "IND NOSUCHSYM" in hint
    assert "CASH CHF" in (await service.get("/market/quote/CHF.SEK", 404))["hint"]


async def test_quotes_of_mixed_instruments_are_each_named(service: Service) -> None:
    quotes = (await service.get(f"/market/quotes?symbols=MSFT,EUR.USD,NOSUCH&con_ids={APPLE}"))["quotes"]
    assert {name: entry.get("sec_type") for name, entry in quotes.items()} == {
        "MSFT": "STK",
        "EUR.USD": "CASH",
        "NOSUCH": None,
        str(APPLE): "STK",
    }
    assert quotes[str(APPLE)]["symbol"] == "AAPL"
    assert quotes["NOSUCH"]["instrument"]["symbol"] == "NOSUCH"


async def test_two_options_of_one_underlying_are_told_apart_in_all_messages(service: Service) -> None:
    call, put = await option(service, "C"), await option(service, "P")
    async with service.stream() as stream:
        for name, found in (("call", call), ("put", put)):
            terms = {key: found[key] for key in ("expiry", "strike", "right")}
            await stream.send(action="subscribe", symbol="AAPL", sec_type="OPT", id=name, **terms)
            subscribed = await stream.expect("subscribed", id=name)
            assert [entry["id"] for entry in subscribed["instruments"]] == [name]
            quote = await stream.expect("quote", id=name)
            assert {key: quote[key] for key in terms} == terms
            assert (quote["con_id"], quote["local_symbol"], quote["multiplier"]) == (found["con_id"], found["local_symbol"], "100")
        await stream.send(action="list", id="l")
        listed = await stream.expect("list", id="l")
        assert listed["symbols"] == ["AAPL", "AAPL"]
        assert [(entry["con_id"], entry["id"]) for entry in listed["instruments"]] == [(call["con_id"], "call"), (put["con_id"], "put")]
        await service.gateway.do("farm-down usopt")
        stale = {name: await stream.expect("stale", id=name) for name in ("call",)}
        assert (stale["call"]["con_id"], stale["call"]["right"], stale["call"]["sec_type"]) == (call["con_id"], "C", "OPT")
        await stream.send(action="unsubscribe", con_id=put["con_id"], id="u")
        unsubscribed = await stream.expect("unsubscribed", id="u")
        assert [(entry["right"], entry["id"]) for entry in unsubscribed["instruments"]] == [("P", "put")]


async def test_candidates_come_with_the_error_of_a_stream(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AMBIG", id=7)
        error = await stream.expect("error", id=7)
        assert {candidate["symbol"] for candidate in error["candidates"]} == {"AMBIG"}
        await stream.send(action="subscribe", con_id=error["candidates"][1]["con_id"], id=8)
        assert (await stream.expect("quote", id=8))["con_id"] == error["candidates"][1]["con_id"]


@pytest.mark.parametrize("query", ["", "?batch=1"])
async def test_one_client_may_have_an_instrument_by_two_names_with_an_id_each(service: Service, query: str) -> None:
    async with service.stream(query) as stream:
        await stream.connection.send_message('{"action":"subscribe","symbol":"AAPL","id":"a"}')
        await stream.connection.send_message(f'{{"action":"subscribe","con_id":{APPLE},"id":"b","symbol":null}}')
        seen: set[object] = set()

        async def both() -> bool:
            got = await stream.receive()
            seen.update(message.get("id") for message in (got if isinstance(got, list) else [got]) if message["type"] == "quote")
            return seen >= {"a", "b"}

        await eventually(both)
        assert await opened(service) == 1
        await stream.connection.send_message('{"action":"unsubscribe","symbol":"AAPL","id":"u"}')

        async def ended() -> bool:
            got = await stream.receive()
            return any(message["type"] == "unsubscribed" for message in (got if isinstance(got, list) else [got]))

        await eventually(ended)
        seen.clear()

        async def other() -> bool:
            got = await stream.receive()
            seen.update(message.get("id") for message in (got if isinstance(got, list) else [got]) if message["type"] == "quote")
            return bool(seen)

        await eventually(other)
        assert seen == {"b"}


async def test_two_names_that_are_asked_for_at_once_before_anything_is_known_share_a_line(service: Service) -> None:
    async with service.stream() as first, service.stream() as second:
        await first.send(action="subscribe", symbols=["AAPL", "MSFT"], id=1)
        await second.send(action="subscribe", con_ids=[APPLE], symbol="EUR.USD", id=2)
        for stream in (first, second):
            while (await stream.expect("quote"))["con_id"] != APPLE:
                pass
            await stream.expect("quote", con_id=APPLE)
    assert await opened(service) == 3


async def test_events_take_mixed_instruments(service: Service) -> None:
    async with events(service, f"EUR.USD&con_ids={APPLE}") as source:
        await source.expect("quote", symbol="EUR", sec_type="CASH")
        await source.expect("quote", con_id=APPLE, symbol="AAPL")


async def test_names_that_are_asked_for_during_an_outage_share_a_line_afterwards() -> None:
    async with running_service() as service:
        await service.gateway.do("refuse 1")
        async with service.stream() as stream:
            await stream.send(action="subscribe", symbol="AAPL", id="a")
            await stream.send(action="subscribe", con_id=APPLE, id="b")
            assert (await stream.expect("quote", id="a", within=10))["con_id"] == APPLE
            assert (await stream.expect("quote", id="b", within=10))["con_id"] == APPLE
            assert await opened(service) == 1
