"""What is scarce is shared between callers: whatever one of them asks for, and in whatever way, the others get their quotes."""

import pytest
import trio

from ibactors.limits import Rate
from ibactors.sim import SimulatorOptions
from tests.conftest import running_service
from tests.service.keyed import KEYS
from tests.siege.greed import GREEDS, GREEDY, MODEST, Attack, shared_service, starve

ROUNDS = 2


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("attack", GREEDS)
async def test_one_key_does_not_cost_another_its_quotes(attack: Attack) -> None:
    assert await starve(attack, ROUNDS) == {"quote": 3 * ROUNDS}


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


@pytest.mark.parametrize("path", ["/market/quotes", "/market/stream", "/udf/quotes"])
async def test_symbols_count_in_a_rate_of_their_own(path: str) -> None:
    symbols = ",".join(f"S{number:03}" for number in range(1, 11))
    async with shared_service(rate_of_symbols=Rate(0.5, 8)) as service:
        async with service.http.stream("GET", f"{path}?symbols={symbols}", headers=GREEDY) as response:
            assert response.status_code == 200
        refused = await service.http.get("/market/quotes?symbols=S001,S002", headers=GREEDY)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) in {3, 4}
        assert (await service.http.get("/market/quote/S001", headers=GREEDY)).status_code == 200
        assert (await service.http.get("/market/quotes?symbols=S001,S002", headers=MODEST)).status_code == 200


async def test_subscriptions_count_among_the_symbols() -> None:
    symbols = [f"S{number:03}" for number in range(1, 11)]
    async with shared_service(rate_of_symbols=Rate(1.0, 2)) as service, service.stream() as stream:
        await stream.send(action="auth", api_key=KEYS["read"])
        await stream.send(action="subscribe", symbols=symbols)
        await stream.expect("subscribed")
        refused = await service.http.get("/market/quotes?symbols=S001,S002", headers=GREEDY)
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
