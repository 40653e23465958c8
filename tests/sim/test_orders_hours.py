from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from ordertools import answers, kinds, pinned, place

from ibactors.sim import hours
from ibactors.sim.datetimes import Dialect
from ibactors.sim.instruments import Session
from ibactors.sim.orders_time import expiry, opening, parse_moment

if TYPE_CHECKING:
    from rawclient import Bench

    from ibactors.sim import Simulator


def order(tif: str = "DAY", outside: str = "0", till: str = "", session: Session = Session.US_STOCK) -> Any:
    ticket = SimpleNamespace(tif=tif, echo={"outsideRth": outside, "goodTillDate": till})
    zone = "US/Central" if session is Session.CME_INDEX else "US/Eastern"
    leg = SimpleNamespace(instrument=SimpleNamespace(session=session, time_zone=zone))
    return SimpleNamespace(ticket=ticket, legs=(leg,))


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
def test_market_opens_when_its_session_does(now: str, outside: str, opens: str | None):
    assert opening(order(outside=outside), utc(now)) == (utc(opens) if opens else None)


@pytest.mark.parametrize(
    ("now", "of", "ends"),
    [
        ("2026-11-23 15:00", order(), "2026-11-23 21:00"),
        ("2026-11-23 15:00", order(outside="1"), "2026-11-24 01:00"),
        ("2026-11-20 21:30", order(), "2026-11-23 21:00"),
        ("2026-11-22 23:30", order(outside="1", session=Session.CME_INDEX), "2026-11-23 22:00"),
        ("2026-11-23 15:00", order("GTC"), None),
        ("2026-11-23 15:00", order("GTD", till="20261124-10:00:00"), "2026-11-24 10:00"),
        ("2026-11-23 15:00", order("GTD", till="20261124"), "2026-11-24 00:00"),
    ],
)
def test_order_ends_with_its_day_or_its_date(now: str, of: Any, ends: str | None):
    assert expiry(of, utc(now)) == (utc(ends) if ends else None)


@pytest.mark.parametrize("text", ["", "soon", "20261301", "20261124 25:00:00", "20261124 10:00:00 Mars/Olympus", "2026-11-24"])
def test_nonsense_is_no_moment(text: str):
    assert parse_moment(text) is None


async def test_closed_market_holds_an_order_with_a_warning(bench: Bench, simulator: Simulator):
    client = await bench.client()
    await pinned(bench)
    assert await bench.control("hours on") == "ok"
    apple = simulator.gateway.catalogue.by_con_id[265598]
    now = simulator.gateway.now()
    frames = await answers(client, place(1))
    day = now + dt.timedelta(microseconds=1)
    if any(True for _ in hours.spans(apple.session, apple.time_zone, now, day, regular=True)):
        assert ("3", "Filled") in kinds(frames)
        return
    assert kinds(frames) == [("5", "PreSubmitted"), ("3", "PreSubmitted"), ("4", "399")]
    text = r"Order Message:\nBUY 100 AAPL NASDAQ.NMS\nWarning: Your order will not be placed at the exchange until"
    assert re.match(rf"{text} \d{{4}}-\d\d-\d\d 09:30:00 US/Eastern\.$", frames[2][4])


async def test_market_order_outside_hours_is_told_that_the_wish_is_ignored(bench: Bench):
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
async def test_times_of_orders_are_in_the_dialect_of_the_gateway(bench: Bench, simulator: Simulator, dialect: Dialect, pattern: str):
    client = await bench.client()
    await pinned(bench)
    simulator.gateway.dialect = dialect
    frames = await answers(client, place(1), (99, 0))
    assert re.fullmatch(pattern, next(f for f in frames if f[0] == "11")[15])
    assert re.fullmatch(pattern, next(f for f in frames if f[0] == "101")[93])
