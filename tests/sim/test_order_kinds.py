"""Order types beyond market, limit and stop: what elects them, at which price they fill, and where they are not taken."""

import datetime as dt

import pytest
import trio

from tests.sim.ordertools import OPEN, answers, kinds, pinned, place, told
from tests.sim.rawclient import Bench, Clock, contract

PRESUBMITTED = [("5", "PreSubmitted"), ("3", "PreSubmitted")]
FUTURE = contract("ES", "FUT", "CME")
EURO = contract("EUR", "CASH", "IDEALPRO")


def prices(frames: list[list[str]]) -> list[str]:
    return [f[20] for f in frames if f[0] == "11"]


@pytest.mark.parametrize(("action", "stop", "bid", "ask"), [("BUY", "99.25", "98.98", "99.25"), ("SELL", "101.25", "101.25", "101.50")])
async def test_order_if_touched_waits_on_the_favourable_side(bench: Bench, action: str, stop: str, bid: str, ask: str) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, action, kind="MIT", aux=stop))
    assert kinds(frames) == PRESUBMITTED
    assert frames[1][10] == "trigger"
    await pinned(bench, bid, ask, stop)
    assert prices(await answers(client)) == [stop]


async def test_trigger_that_is_passed_already_fills_at_once(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    assert prices(await answers(client, place(1, kind="MIT", aux="101.00"))) == ["100.02"]


async def test_limit_if_touched_becomes_a_limit_order(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, kind="LIT", aux="99.00", limit="98.50"))
    await pinned(bench, "98.98", "99.00", "99.00")
    assert prices(await answers(client)) == []
    await pinned(bench, "98.40", "98.45", "98.40")
    assert prices(await answers(client)) == ["98.45"]


async def test_rest_of_market_to_limit_waits_at_the_price_of_the_first_fill(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    assert prices(await answers(client, place(1, size="3000", kind="MTL"))) == ["100.02"]
    await pinned(bench, "100.03", "100.05", "100.03")
    assert prices(await answers(client)) == []
    await pinned(bench)
    assert prices(await answers(client)) == ["100.02"]


@pytest.mark.parametrize("kind", ["MIDPRICE", "PEG MID", "SNAP MID"])
async def test_midpoint_order_fills_in_the_middle(bench: Bench, kind: str) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, kind=kind))
    assert prices(frames) == ["100.01"]


async def test_midpoint_order_waits_at_its_cap_and_a_snap_order_has_none(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    assert prices(await answers(client, place(1, kind="MIDPRICE", limit="99.00"))) == []
    frames = await answers(client, place(2, kind="SNAP MID", limit="99.00"))
    assert prices(frames) == ["100.01"]
    assert frames[0][OPEN["limit"]] == "0.0"
    assert prices(await answers(client, place(3, kind="SNAP MKT", limit="99.00"))) == ["100.02"]


async def test_relative_order_follows_the_near_side(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    assert prices(await answers(client, place(1, kind="REL", aux="0.01"))) == []
    await pinned(bench, "100.00", "100.01", "100.00")
    assert prices(await answers(client)) == ["100.01"]


@pytest.mark.parametrize(
    "order",
    [
        place(1, kind="MOC", block=FUTURE),
        place(1, kind="MOC", block=EURO),
        place(1, kind="MIDPRICE", block=FUTURE),
        place(1, kind="MIDPRICE", block=contract("AAPL", exchange="NASDAQ")),
        place(1, kind="PEG MID", block=contract("AAPL", exchange="NASDAQ")),
        place(1, kind="MTL", block=EURO),
        place(1, kind="MKT PRT"),
    ],
)
async def test_order_type_is_refused_where_it_does_not_exist(bench: Bench, order: tuple[str | int, ...]) -> None:
    client = await bench.client()
    assert [f[3] for f in await answers(client, order)] in (["387"], ["200"])


@pytest.mark.parametrize("order", [place(1, kind="MOC", tif="GTC"), place(1, kind="STP", aux="120.00", tif="OPG")])
async def test_order_for_an_auction_has_its_own_time_in_force(bench: Bench, order: tuple[str | int, ...]) -> None:
    client = await bench.client()
    assert [f[3] for f in await answers(client, order)] == ["201"]


async def test_order_for_the_close_fills_at_the_close_if_its_limit_allows(strict: Bench, clock: Clock) -> None:
    client = await strict.client()
    await pinned(strict)
    orders = (place(1, kind="MOC"), place(2, kind="LOC", limit="100.01"), place(3, kind="LOC", limit="99.00"))
    frames = await answers(client, *orders)
    assert kinds(frames)[:2] == PRESUBMITTED
    assert prices(frames) == []
    clock.now += dt.timedelta(hours=1)
    with trio.fail_after(5):
        seen = await client.until("4", "2", "3", "202")
    assert [f[2] for f in seen if f[0] == "11"] == ["1", "2"]
    assert ("3", "Cancelled") in kinds(seen)


async def test_change_of_an_order_for_the_close_has_no_answer(strict: Bench) -> None:
    client = await strict.client()
    await answers(client, place(1, kind="LOC", limit="99.00"))
    assert await answers(client, place(1, kind="LOC", limit="98.00")) == []
    opened, status, _ = await answers(client, (5, 1))
    assert (opened[OPEN["limit"]], opened[OPEN["status"]], status[2]) == ("98.0", "PendingSubmit", "PendingSubmit")


async def test_order_for_the_opening_fills_then_or_ends(strict: Bench, clock: Clock) -> None:
    client = await strict.client()
    await pinned(strict)
    frames = await answers(client, place(1, tif="OPG"), place(2, kind="LMT", limit="50.00", tif="OPG"))
    assert prices(frames) == []
    clock.now = dt.datetime(2026, 11, 25, 14, 30, tzinfo=dt.UTC)
    with trio.fail_after(5):
        seen = await client.until("4", "2", "2", "202")
    assert [f[2] for f in seen if f[0] == "11"] == ["1"]
    assert seen[-1][4] == "Order Canceled - reason:At the open order can not be executed"


async def test_long_hours_are_ignored_with_a_warning_where_an_order_cannot_have_them(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(
        client, place(1, kind="MIT", aux="90.00", outsideRth=1), place(2, kind="LIT", aux="90.00", limit="90.00", outsideRth=1)
    )
    assert [(f[2], f[3]) for f in frames if f[0] == "4"] == [("1", "2109")]


async def test_filled_by_force_and_cancelled_like_any_other(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, kind="MOC"), place(2, kind="MOC"))
    await told(bench, "fill 1")
    assert ("3", "Filled") in kinds(await answers(client))
    assert kinds(await answers(client, (4, 1, 2, ""))) == [("3", "Cancelled"), ("4", "202")]
