import datetime as dt

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from ibactors.sim.market.catalogue import build_catalogue
from ibactors.sim.market.greeks import option_price
from ibactors.sim.market.hours import trading_and_liquid_hours
from ibactors.sim.market.instruments import Instrument, TradingHours
from ibactors.sim.market.market import Market
from ibactors.sim.market.ticks import Change
from ibactors.sim.market.walk import Field, PriceWalk

NOW = dt.datetime(2026, 11, 23, 15, tzinfo=dt.UTC)
CATALOGUE = build_catalogue(NOW.date())
AAPL = CATALOGUE.by_con_id[265598]
PAIR = CATALOGUE.by_con_id[15016059]


def market(*, seed: int = 1, rate: float = 4, silent: bool = False) -> Market:
    return Market(CATALOGUE, seed=seed, rate=rate, now=lambda: NOW, silent=lambda _: silent)


class Collector:
    is_line = True
    hears_all = False

    def __init__(self) -> None:
        self.times: list[float] = []

    def moved(self, change: Change) -> None:
        assert change.size
        self.times.append(trio.current_time())


@given(st.sampled_from(list(CATALOGUE.by_con_id.values())), st.integers(0, 50))
def test_every_walk_stays_a_market(instrument: Instrument, seed: int) -> None:
    walk = PriceWalk(instrument, seed, 0)
    volume = walk.volume
    for step in range(200):
        changed = walk.step(step)
        assert changed, "each step is an update"
        assert walk.bid < walk.ask
        assert walk.low <= walk.last <= walk.high
        assert walk.volume >= volume
        assert changed <= walk.known() | {Field.LAST}
        volume = walk.volume
    assert 0.7 < walk.mark / walk.close_price < 1.4


def test_same_seed_gives_the_same_prices_and_another_does_not() -> None:
    def prices(seed: int) -> list[int]:
        walk = PriceWalk(AAPL, seed, 0)
        return [(walk.step(n), walk.bid)[1] for n in range(50)]

    assert prices(1) == prices(1)
    assert prices(1) != prices(2)


@pytest.mark.parametrize(("instrument", "text"), [(AAPL, "100.00"), (PAIR, "100.000")])
def test_prices_have_the_decimals_of_the_tick(instrument: Instrument, text: str) -> None:
    walk = PriceWalk(instrument, 1, 0)
    walk.fix(100, 100.05, 100, 0)
    assert walk.text(walk.bid) == text


async def test_lines_tick_at_the_rate_and_not_in_lockstep(autojump_clock: trio.testing.MockClock) -> None:
    shop = market(rate=4)
    collectors = [Collector() for _ in range(10)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shop.run)
        for instrument, collector in zip(list(CATALOGUE.by_con_id.values())[:10], collectors, strict=True):
            shop.watch(instrument, collector)
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert all(380 < len(c.times) < 420 for c in collectors)
    everything = [t for c in collectors for t in c.times]
    assert len(set(everything)) > 0.99 * len(everything)


async def test_market_sleeps_when_nobody_watches(autojump_clock: trio.testing.MockClock) -> None:
    shop = market(rate=1000)
    collector = Collector()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shop.run)
        shop.watch(AAPL, collector)
        await trio.sleep(1)
        shop.unwatch(AAPL, collector)
        seen = len(collector.times)
        await trio.sleep(1000)
        assert len(collector.times) == seen > 500
        shop.watch(AAPL, collector)
        await trio.sleep(1)
        assert len(collector.times) > seen + 500
        nursery.cancel_scope.cancel()


async def test_pace_is_not_made_up_for_after_a_pause(autojump_clock: trio.testing.MockClock) -> None:
    shop = market(rate=10)
    collector = Collector()
    shop.watch(AAPL, collector)
    await trio.sleep(1000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shop.run)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert len(collector.times) < 16


async def test_unwatched_prices_move_when_read(autojump_clock: trio.testing.MockClock) -> None:
    shop = market()
    marks = set()
    for _ in range(20):
        marks.add(shop.mark(AAPL))
        await trio.sleep(1)
    assert len(marks) > 3


async def test_option_follows_its_underlying(autojump_clock: trio.testing.MockClock) -> None:
    shop = market()
    call = next(i for i in CATALOGUE.by_con_id.values() if i.right == "C" and i.strike == "230")
    put = next(i for i in CATALOGUE.by_con_id.values() if i.right == "P" and i.strike == "230")
    before = shop.mark(call), shop.mark(put)
    shop.fix(AAPL, 260, 260.01, 260)
    await trio.sleep(1)
    for option in (call, put):
        for n in range(20):
            shop.walk(option).step(n)
    assert shop.mark(call) > before[0] + 15
    assert shop.mark(put) < before[1]


def test_option_prices_obey_put_call_parity() -> None:
    call = option_price(spot=100, strike=100, years=1, call=True)
    put = option_price(spot=100, strike=100, years=1, call=False)
    assert call - put == pytest.approx(100 - 100 * 2.718281828 ** (-0.04), abs=1e-6)


def test_hours_have_closed_weekends_and_evenings_before() -> None:
    stock, _ = trading_and_liquid_hours(TradingHours.US_STOCK, dt.date(2026, 11, 20))
    assert stock.split(";")[:3] == ["20261120:0400-20261120:2000", "20261121:CLOSED", "20261122:CLOSED"]
    future, _ = trading_and_liquid_hours(TradingHours.CME_INDEX, dt.date(2026, 11, 20))
    assert future.split(";")[:3] == ["20261119:1700-20261120:1600", "20261121:CLOSED", "20261122:1700-20261123:1600"]
