"""A market that keeps hours, on a clock that the test sets; greeks; generic ticks; delayed and frozen data."""

import datetime as dt
import itertools
import math

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from ibactors.sim import Simulator, SimulatorOptions
from ibactors.sim.market.greeks import greeks, implied_volatility, option_price
from tests.sim.rawclient import Bench, Clock, contract, contract_details, market_data

STOCK = contract("AAPL")
# A Tuesday in New York, an hour before the closing bell.
OPEN = dt.datetime(2026, 11, 24, 20, tzinfo=dt.UTC)
NIGHT = dt.datetime(2026, 11, 25, 4, tzinfo=dt.UTC)


async def line(bench: Bench, kind: int = 1, client_id: int = 1) -> list[list[str]]:
    """The first frames of a line, with a market data type."""
    client = await bench.client(client_id)
    await client.send(59, 1, kind)
    await client.stream.send_all(market_data(5, STOCK))
    return await client.synchronise()


async def test_clock_is_the_one_that_was_given(strict: Bench) -> None:
    client = await strict.client()
    await client.send(49, 1)
    assert await client.find("49") == ["49", "1", str(int(OPEN.timestamp()))]


async def test_open_market_ticks_and_closed_market_does_not(strict: Bench, clock: Clock) -> None:
    client = await strict.client()
    await client.stream.send_all(market_data(5, STOCK))
    for _ in range(3):
        await client.find("1", "6", "5", "1")
    clock.now = NIGHT
    await client.synchronise()
    for _ in range(3):
        assert not [f for f in await client.synchronise() if f[0] in ("1", "2")]
    clock.now = OPEN + dt.timedelta(days=1)
    await client.find("1", "6", "5", "1")


async def test_closed_market_has_trades_and_no_quotes(strict: Bench, clock: Clock) -> None:
    clock.now = NIGHT
    frames = await line(strict)
    assert ["1", "6", "5", "1", "-1.00", "0", "0"] in frames
    assert ["1", "6", "5", "2", "-1.00", "0", "0"] in frames
    assert [f for f in frames if f[0] == "1" and f[3] == "4" and float(f[4]) > 0]
    assert ["58", "1", "5", "1"] in frames


async def test_frozen_data_are_the_last_quotes_of_a_closed_market(strict: Bench, clock: Clock) -> None:
    assert ["58", "1", "5", "1"] in await line(strict, 2, 1)
    clock.now = NIGHT
    frames = await line(strict, 2, 2)
    assert ["58", "1", "5", "2"] in frames
    assert [f for f in frames if f[0] == "1" and f[3] == "1" and float(f[4]) > 0]


async def test_same_seed_and_clock_give_the_same_first_quotes(nursery: trio.Nursery) -> None:
    seen = []
    for _ in range(2):
        simulator = Simulator(SimulatorOptions(port=0, rate=0.01, seed=7, now=Clock()))
        bench = Bench(await nursery.start(simulator.run))
        client = await bench.client()
        await client.stream.send_all(market_data(5, STOCK))
        seen.append([f for f in await client.synchronise() if f[0] in ("1", "2")])
        bench.close()
    nursery.cancel_scope.cancel()
    assert seen[0] == seen[1]


def computations(frames: list[list[str]]) -> dict[int, dict[str, float]]:
    names = ("volatility", "delta", "price", "dividend", "gamma", "vega", "theta", "spot")
    found = {int(f[2]): dict(zip(names, map(float, f[4:]), strict=True)) for f in frames if f[0] == "21"}
    assert all(len(f) == 12 for f in frames if f[0] == "21")
    return found


async def test_greeks_of_an_option_fit_price_and_underlying(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("set AAPL 228.00 228.02 228.00")
    await client.stream.send_all(contract_details(1, contract("AAPL", "OPT", strike="230", right="C")))
    details = (await client.until("52"))[0]
    await client.stream.send_all(market_data(5, contract("", "OPT", con_id=int(details[12]))))
    frames = await client.synchronise()
    prices = {f[3]: float(f[4]) for f in frames if f[0] == "1"}
    found = computations(frames)
    assert set(found) == {10, 11, 12, 13}
    for tick_type, price in ((10, "1"), (11, "2"), (12, "4")):
        assert found[tick_type]["price"] == pytest.approx(prices[price], abs=0.002)
        assert found[tick_type]["spot"] == 228.0
    assert found[10]["volatility"] < found[11]["volatility"]
    assert 0.3 < found[13]["delta"] < 0.7
    assert found[13]["theta"] < 0 < found[13]["vega"]


@given(st.floats(50, 500), st.floats(0.7, 1.4), st.floats(0.02, 2), st.booleans(), st.floats(0.1, 1.5))
def test_implied_volatility_inverts_the_price(spot: float, money: float, years: float, call: bool, volatility: float) -> None:
    strike = spot * money
    price = option_price(spot=spot, strike=strike, years=years, call=call, volatility=volatility)
    g = greeks(spot=spot, strike=strike, years=years, call=call, volatility=volatility)
    if g.vega < 1e-3:
        return
    found = implied_volatility(price=price, spot=spot, strike=strike, years=years, call=call)
    assert found == pytest.approx(volatility, rel=1e-3)
    nudged = option_price(spot=spot * 1.0001, strike=strike, years=years, call=call, volatility=volatility)
    assert (nudged - price) / (spot * 0.0001) == pytest.approx(g.delta, abs=0.01)


def test_price_below_every_volatility_implies_none() -> None:
    assert implied_volatility(price=0.01, spot=100, strike=50, years=0.5, call=True) is None


async def test_generic_ticks_come_when_asked_for_only(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, STOCK) + market_data(6, STOCK, generic="100,101,104,106,165,233,236,293,456"))
    frames = await client.synchronise()
    plain, asked = ({int(f[3]) for f in frames if f[0] in ("1", "2", "45", "46") and f[2] == n} for n in ("5", "6"))
    assert asked - plain == {29, 30, 27, 28, 23, 24, 15, 16, 17, 18, 19, 20, 21, 48, 46, 89, 54, 59}
    volume = (await client.find("46", "6", "6", "48"))[4].split(";")
    assert len(volume) == 6
    assert float(volume[0]) > 0


async def test_volume_only_grows(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, STOCK))
    volumes = [int((await client.find("2", "6", "5", "8"))[4]) for _ in range(15)]
    assert all(a < b for a, b in itertools.pairwise(volumes))


async def test_option_calculators_agree_with_each_other(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(contract_details(1, contract("AAPL", "OPT", strike="230", right="C")))
    con_id = int((await client.until("52"))[0][12])
    option = contract("", "OPT", con_id=con_id)
    await client.send(55, 3, 2, *option, 0.35, 228, "")
    price = computations([await client.find("21", "2")])[53]["price"]
    await client.send(54, 3, 3, *option, price, 228, "")
    assert math.isclose(computations([await client.find("21", "3")])[53]["volatility"], 0.35, rel_tol=1e-3)
    await client.send(54, 3, 4, *option, 1e6, 228, "")
    assert (await client.find("21", "4"))[4:] == ["-1", "-2", "-1", "-1", "-2", "-2", "-2", "-1"]
    await client.send(54, 3, 5, *STOCK, 10, 228, "")
    assert (await client.error(5))[0] == 321
