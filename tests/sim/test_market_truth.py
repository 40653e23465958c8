"""What the control port tells a judge of ticks and bars is what clients get of them."""

import json

from tests.sim.rawclient import Bench
from tests.sim.test_history import COIN, STOCK, ask, bars_of, history
from tests.sim.test_streams import ticks


async def test_tape_has_each_tick_that_was_sent_and_those_that_were_kept_back(bench: Bench) -> None:
    client = await bench.client()
    assert "nobody has followed" in await bench.control("tape AAPL")
    await client.send(*ticks(1, STOCK, "BidAsk"))
    first = [(await client.find("99", "1", "3"))[4] for _ in range(3)]
    told = json.loads(await bench.control("tape AAPL"))
    assert [f"{bid / 100:.2f}" for bid in told["bids"][:3]] == first
    await bench.control("1100")
    await client.synchronise()
    hidden: list[int] = []
    while not hidden:
        later = json.loads(await bench.control(f"tape AAPL {told['next']}"))
        hidden, told = later["bids"], later
    assert hidden, "the market goes on behind a break"


async def test_bars_that_are_over_are_those_of_history(bench: Bench) -> None:
    client = await bench.client()
    past = {
        row[0]: row[1:5] for row in bars_of(await ask(client, *history(1, COIN, size="1 min", duration="600 S", what="AGGTRADES", date=2)))
    }
    told = json.loads(await bench.control("bars BTC.USD 60 5"))
    same = [second for second in told if second in past]
    assert len(same) >= 3
    assert all([float(text) for text in past[second]] == told[second] for second in same)


async def test_bars_of_an_instrument_that_is_not_there_are_refused(bench: Bench) -> None:
    assert "there is no instrument" in await bench.control("bars NOSUCH 60 5")
