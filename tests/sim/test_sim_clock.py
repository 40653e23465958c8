"""Prices that tell when they were sent: what a checker at the far end of a client relies on."""

import json

import pytest

from ibactors.sim import Simulator, SimulatorOptions
from tests.sim.rawclient import Bench, RawClient, contract, market_data

BID, ASK = "1", "2"


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(SimulatorOptions(port=0, control_port=0, rate=50, clock_prices=True, extra_symbols=3))


async def clock(bench: Bench) -> tuple[int, int]:
    """The milliseconds now, and the number of S002."""
    answer = json.loads(await bench.control("clock"))
    return answer["milliseconds"], answer["instruments"]["S002"]["number"]


async def price(client: RawClient, side: str) -> int:
    """The next price of line 5, in minimum ticks."""
    frame = await client.find("1", "6", "5", side)
    return round(float(frame[4]) * 100)


async def test_each_price_tells_its_instrument_its_side_and_when_it_was_sent(bench: Bench) -> None:
    client = await bench.client()
    before, number = await clock(bench)
    await client.stream.send_all(market_data(5, contract("S002")))
    bids = [await price(client, BID) for _ in range(5)]
    ask = await price(client, ASK)
    after, _ = await clock(bench)
    assert {bid % 1000 for bid in bids} == {2 * number}
    assert ask % 1000 == 2 * number + 1
    assert bids == sorted(set(bids))
    assert before <= bids[0] // 1000 <= bids[-1] // 1000 <= after


async def test_values_sent_again_after_a_fault_tell_the_new_time(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, contract("S002")))
    await price(client, ASK)
    await bench.control("1100")
    await client.find("4", "2", "-1", "1100")
    restored, _ = await clock(bench)
    await bench.control("1102")
    assert await price(client, BID) // 1000 >= restored


async def test_prices_that_walk_have_no_clock(bench: Bench, simulator: Simulator) -> None:
    simulator.gateway.clock = None
    assert (await bench.control("clock")).startswith("error: prices do not tell the time")
