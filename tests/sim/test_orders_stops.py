import datetime as dt

import pytest
import trio

from tests.sim.ordertools import OPEN, answers, kinds, pinned, place
from tests.sim.rawclient import Bench

HELD = [("5", "PreSubmitted"), ("3", "PreSubmitted")]
ELECTED = [("5", "Submitted"), ("3", "Submitted")]
FILL = [("11",), ("5", "Filled"), ("3", "Filled"), ("5", "Filled"), ("3", "Filled"), ("59",)]


@pytest.mark.parametrize(
    ("action", "stop", "away", "reached"),
    [
        ("SELL", "99.00", ("99.00", "99.02", "99.01"), ("98.99", "99.01", "99.00")),
        ("BUY", "101.00", ("100.99", "101.01", "100.99"), ("100.99", "101.01", "101.00")),
    ],
)
async def test_stop_waits_for_its_trigger_and_then_fills_at_the_market(
    bench: Bench, action: str, stop: str, away: tuple[str, str, str], reached: tuple[str, str, str]
) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, action, kind="STP", aux=stop))
    assert kinds(frames) == HELD
    assert frames[1][10] == "trigger"
    await pinned(bench, *away)
    assert await answers(client) == []
    await pinned(bench, *reached)
    assert kinds(await answers(client)) == [*ELECTED, *FILL]


async def test_elected_stop_limit_rests_at_its_limit(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, "SELL", kind="STP LMT", limit="98.95", aux="99.00"))
    await pinned(bench, "98.50", "98.52", "98.50")
    frames = await answers(client)
    assert kinds(frames) == ELECTED
    assert frames[1][10] == ""
    await pinned(bench, "98.95", "98.97", "98.95")
    frames = await answers(client)
    assert kinds(frames) == FILL
    assert next(f for f in frames if f[0] == "11")[30] == "1"


@pytest.mark.parametrize("terms", [{"aux": "1.00"}, {"trailingPercent": "1"}])
async def test_trailing_stop_follows_the_market_one_way(bench: Bench, terms: dict[str, str]) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, "SELL", kind="TRAIL", **terms))  # type: ignore[arg-type]
    assert frames[0][113] == "99.0"
    await pinned(bench, "110.00", "110.02", "110.00")
    await pinned(bench, "109.50", "109.52", "109.50")
    frames = await answers(client, (5, 1))
    assert frames[0][113] == ("109.0" if "aux" in terms else "108.9")
    await pinned(bench, "108.80", "108.82", "108.80")
    frames = await answers(client)
    assert kinds(frames) == [*ELECTED, *FILL]
    assert next(f for f in frames if f[0] == "11")[20] == "108.8"


async def test_trailing_stop_starts_where_it_is_told(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, "BUY", kind="TRAIL", aux="5.00", trailStopPrice="101.00"))
    assert (frames[0][73], frames[0][113]) == ("101.0", "101.0")
    await pinned(bench, "101.00", "101.02", "101.00")
    assert ("3", "Filled") in kinds(await answers(client))


async def test_trailing_stop_limit_has_a_limit_at_its_offset(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    request = place(1, "SELL", kind="TRAIL LIMIT", aux="1.00", trailStopPrice="99.00", lmtPriceOffset="0.10")
    assert kinds(await answers(client, request)) == HELD
    await pinned(bench, "98.80", "98.82", "98.80")
    assert kinds(await answers(client)) == ELECTED
    await pinned(bench, "98.90", "98.92", "98.90")
    assert kinds(await answers(client)) == FILL


async def test_stop_can_be_moved_while_it_waits(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, "SELL", kind="STP", aux="99.00"))
    frames = await answers(client, place(1, "SELL", kind="STP", aux="98.00"))
    assert kinds(frames) == HELD
    assert frames[0][OPEN["aux"]] == "98.0"
    await pinned(bench, "98.50", "98.52", "98.50")
    assert await answers(client) == []


async def test_order_is_good_until_its_date(bench: Bench) -> None:
    client = await bench.client()
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1.2)
    request = place(1, kind="LMT", limit="1.00", tif="GTD", goodTillDate=f"{until:%Y%m%d-%H:%M:%S}")
    await client.send(*request)
    with trio.fail_after(4):
        await client.find("3", "1", "Cancelled")
    assert await client.error(1) == (202, "Order Canceled - reason:")


async def test_order_waits_until_it_is_good(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    after = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1.2)
    frames = await answers(client, place(1, goodAfterTime=f"{after:%Y%m%d %H:%M:%S} UTC"))
    assert kinds(frames) == HELD
    with trio.fail_after(4):
        await client.find("3", "1", "Filled")


async def test_order_for_a_halted_stock_waits_for_the_resumption(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("halt AAPL")
    frames = await answers(client, place(1))
    assert ("11",) not in kinds(frames)
    await bench.control("resume AAPL")
    await client.find("3", "1", "Filled")


async def test_order_waits_while_the_broker_is_out_of_reach(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("1100")
    assert ("11",) not in kinds(await answers(client, place(1)))
    await bench.control("1102")
    await client.find("3", "1", "Filled")


async def test_all_or_none_waits_for_enough(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    assert ("11",) not in kinds(await answers(client, place(1, size="3000", allOrNone=1)))
