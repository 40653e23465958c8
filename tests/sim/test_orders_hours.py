import datetime as dt
import re
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from ibactors.sim import Simulator, SimulatorOptions
from ibactors.sim.market.instruments import TradingHours
from ibactors.sim.orders.kinds import KINDS
from ibactors.sim.orders.times import expiry, opening, parse_moment
from ibactors.sim.wire.datetimes import Dialect
from tests.sim.ordertools import answers, kinds, pinned, place
from tests.sim.rawclient import Bench, Clock


def order(tif: str = "DAY", outside: str = "0", till: str = "", hours: TradingHours = TradingHours.US_STOCK) -> Any:
    ticket = SimpleNamespace(tif=tif, echo={"outsideRth": outside, "goodTillDate": till})
    zone = "US/Central" if hours is TradingHours.CME_INDEX else "US/Eastern"
    leg = SimpleNamespace(instrument=SimpleNamespace(trading_hours=hours, time_zone=zone))
    return SimpleNamespace(ticket=ticket, legs=(leg,), kind=KINDS["LMT"])


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("now", "outside", "opens"),
    [
        ("2026-11-23 15:00", "0", None),
        ("2026-11-23 14:29", "0", "2026-11-23 14:30"),
        ("2026-11-23 14:29", "1", None),
        ("2026-11-20 21:30", "0", "2026-11-23 14:30"),
        ("2026-11-22 12:00", "1", "2026-11-23 09:00"),
        ("2026-07-03 22:00", "0", "2026-07-06 13:30"),
    ],
)
def test_market_opens_when_its_session_does(now: str, outside: str, opens: str | None) -> None:
    assert opening(order(outside=outside), utc(now)) == (utc(opens) if opens else None)


@pytest.mark.parametrize(
    ("now", "of", "ends"),
    [
        ("2026-11-23 15:00", order(), "2026-11-23 21:00"),
        ("2026-11-23 15:00", order(outside="1"), "2026-11-24 01:00"),
        ("2026-11-20 21:30", order(), "2026-11-23 21:00"),
        ("2026-11-22 23:30", order(outside="1", hours=TradingHours.CME_INDEX), "2026-11-23 22:00"),
        ("2026-11-23 15:00", order("GTC"), None),
        ("2026-11-23 15:00", order("GTD", till="20261124-10:00:00"), "2026-11-24 10:00"),
        ("2026-11-23 15:00", order("GTD", till="20261124"), "2026-11-24 00:00"),
    ],
)
def test_order_ends_with_its_day_or_its_date(now: str, of: Any, ends: str | None) -> None:
    assert expiry(of, utc(now)) == (utc(ends) if ends else None)


@pytest.mark.parametrize("text", ["", "soon", "20261301", "20261124 25:00:00", "20261124 10:00:00 Mars/Olympus", "2026-11-24"])
def test_nonsense_is_no_moment(text: str) -> None:
    assert parse_moment(text) is None


# A Tuesday morning in New York before the bell, in the regular session, and after the closing bell.
EARLY, OPEN, LATE = utc("2026-11-24 13:00"), utc("2026-11-24 20:00"), utc("2026-11-24 21:30")


async def test_closed_market_holds_an_order_with_a_warning_until_it_opens(strict: Bench, clock: Clock) -> None:
    clock.now = EARLY
    client = await strict.client()
    frames = await answers(client, place(1))
    pair = [("5", "PreSubmitted"), ("3", "PreSubmitted")]
    assert kinds(frames) == [*pair, ("4", "399"), *pair, *pair]
    text = "Order Message:\nBUY 100 AAPL NASDAQ.NMS\nWarning: Your order will not be placed at the exchange until"
    assert frames[2][4] == f"{text} 2026-11-24 09:30:00 US/Eastern."
    clock.now = OPEN
    with trio.fail_after(8):
        await client.find("3", "1", "Filled")


async def test_order_for_the_long_hours_fills_before_the_bell(strict: Bench, clock: Clock) -> None:
    clock.now = EARLY
    client = await strict.client()
    frames = await answers(client, place(1, kind="LMT", limit="900.00", outsideRth=1))
    assert ("3", "Filled") in kinds(frames)


async def test_order_rests_outside_its_hours_and_ends_with_its_day(strict: Bench, clock: Clock) -> None:
    client = await strict.client()
    await pinned(strict)
    await answers(client, place(1, kind="LMT", limit="50.00"), place(2, kind="LMT", limit="50.00", tif="GTC"))
    clock.now = LATE
    with trio.fail_after(8):
        await client.find("3", "1", "Cancelled")
    assert (await client.error(1))[0] == 202
    await pinned(strict, "49.00", "49.02", "49.00")
    assert ("11",) not in kinds(await answers(client))
    clock.now = OPEN + dt.timedelta(days=1)
    await pinned(strict, "48.90", "48.92", "48.90")
    assert ("3", "Filled") in kinds(await answers(client))


async def fills_of(nursery: trio.Nursery, seed: int) -> list[list[str]]:
    """What becomes of some large orders on a market that only this seed moves."""
    simulator = Simulator(SimulatorOptions(port=0, rate=0.001, seed=seed, now=Clock()))
    bench = Bench(await nursery.start(simulator.run))
    client = await bench.client()
    frames = await answers(client, place(1, size="900"), place(2, "SELL", "700"), place(3, size="2000", tif="IOC"))
    bench.close()
    return frames


async def test_same_seed_gives_the_same_fills(nursery: trio.Nursery) -> None:
    first, second, other = [await fills_of(nursery, seed) for seed in (7, 7, 8)]
    nursery.cancel_scope.cancel()
    assert ("11",) in kinds(first)
    assert first == second
    assert first != other


async def test_market_order_outside_hours_is_told_that_the_wish_is_ignored(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, outsideRth=1))
    assert kinds(frames)[:3] == [("5", "PreSubmitted"), ("3", "PreSubmitted"), ("4", "2109")]


@pytest.mark.parametrize(
    ("dialect", "pattern"),
    [
        (Dialect.PLAIN, r"\d{8}  \d\d:\d\d:\d\d"),
        (Dialect.ZONED, r"\d{8} \d\d:\d\d:\d\d UTC"),
        (Dialect.UTC, r"\d{8}-\d\d:\d\d:\d\d"),
    ],
)
async def test_times_of_orders_are_in_the_dialect_of_the_gateway(
    bench: Bench, simulator: Simulator, dialect: Dialect, pattern: str
) -> None:
    client = await bench.client()
    await pinned(bench)
    simulator.gateway.dialect = dialect
    frames = await answers(client, place(1), (99, 0))
    assert re.fullmatch(pattern, next(f for f in frames if f[0] == "11")[15])
    assert re.fullmatch(pattern, next(f for f in frames if f[0] == "101")[93])
