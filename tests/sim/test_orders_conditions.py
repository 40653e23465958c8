import pytest
import trio

from tests.sim.ordertools import AAPL, OPEN, answers, kinds, pinned, place
from tests.sim.rawclient import Bench, contract

# Where the number of conditions stands in a placeOrder of version 178 without them.
COUNT = 89
MSFT = 272093
Fields = tuple[str | int, ...]

PRICE = (1, "a", 1, "150.00", MSFT, "SMART", 0)
NEVER = (1, "a", 1, "99999.00", MSFT, "SMART", 0)


def conditional(order_id: int, *conditions: Fields, cancels: int = 0, kind: str = "MKT", limit: str = "") -> Fields:
    fields = place(order_id, kind=kind, limit=limit, block=AAPL)
    assert fields[COUNT] == 0
    flat = [x for condition in conditions for x in condition]
    return (*fields[:COUNT], len(conditions), *flat, 0, cancels, *fields[COUNT + 1 :])


async def test_order_is_held_until_its_price_condition_is_met(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await pinned(bench, symbol="MSFT")
    frames = await answers(client, conditional(1, PRICE))
    assert kinds(frames) == [("5", "PreSubmitted"), ("3", "PreSubmitted")]
    assert frames[0][110:118] == ["1", "1", "a", "1", "150.00", str(MSFT), "SMART", "0"]
    await pinned(bench, "151.00", "151.02", "151.00", symbol="MSFT")
    with trio.fail_after(8):
        await client.find("3", "1", "Filled")


@pytest.mark.parametrize(
    "condition",
    [
        (3, "a", 1, "20200101 00:00:00 UTC"),
        (3, "a", 0, "20990101-00:00:00"),
        (4, "a", 1, "1"),
        (6, "a", 1, "1", MSFT, "SMART"),
        (7, "a", 0, "500.0", MSFT, "SMART"),
    ],
)
async def test_condition_of_each_kind_lets_the_order_work_when_it_holds(bench: Bench, condition: Fields) -> None:
    client = await bench.client()
    await client.send(*conditional(1, condition))
    with trio.fail_after(8):
        await client.find("3", "1", "Filled")


async def test_execution_condition_waits_for_a_trade(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, conditional(1, (5, "a", "STK", "SMART", "KO")))
    await client.send(*place(2, block=contract("KO")))
    with trio.fail_after(8):
        await client.find("3", "1", "Filled")


@pytest.mark.parametrize(("joined", "fills"), [("a", False), ("o", True)])
async def test_conditions_are_joined_by_and_or_or(bench: Bench, joined: str, fills: bool) -> None:
    client = await bench.client()
    met = (3, joined, 1, "20200101 00:00:00 UTC")
    await client.send(*conditional(1, met, NEVER))
    await client.send(*conditional(2, (3, "a", 1, "20200101 00:00:00 UTC")))
    with trio.fail_after(8):
        frames = await client.until("3", "2", "Filled")
    assert (["3", "1", "Filled"] in [f[:3] for f in frames]) is fills


async def test_conditions_can_cancel_an_order(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await pinned(bench, symbol="MSFT")
    frames = await answers(client, conditional(1, PRICE, cancels=1, kind="LMT", limit="50.00"))
    assert ("3", "Submitted") in kinds(frames)
    await pinned(bench, "151.00", "151.02", "151.00", symbol="MSFT")
    with trio.fail_after(8):
        await client.find("3", "1", "Cancelled")


async def test_change_can_put_a_working_order_on_hold(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, kind="LMT", limit="50.00"), conditional(1, NEVER, kind="LMT", limit="101.00"))
    await pinned(bench, "90.00", "90.02", "90.00")
    assert ("11",) not in kinds(await answers(client))


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ((1, "a", 1, "x", MSFT, "SMART", 0), "321"),
        ((1, "a", 1, "nan", MSFT, "SMART", 0), "321"),
        ((1, "a", 1, "1.0", 5, "SMART", 0), "321"),
        ((1, "and", 1, "1.0", MSFT, "SMART", 0), "321"),
        ((3, "a", 1, "tomorrow"), "321"),
        ((2, "a", 1, "1"), "320"),
        ((99, "a", 1, "1"), "320"),
    ],
)
async def test_condition_that_cannot_be_judged_is_refused(bench: Bench, condition: Fields, code: str) -> None:
    client = await bench.client()
    assert [f[3] for f in await answers(client, conditional(1, condition))] == [code]


async def test_cancel_waits_while_the_broker_is_out_of_reach(bench: Bench) -> None:
    client = await bench.client()
    perm = (await answers(client, place(1, kind="LMT", limit="50.00")))[0][OPEN["perm"]]
    await bench.control("1100")
    frames = await answers(client, (4, 1, 1, ""), (4, 1, 1, ""))
    assert kinds(frames) == [("4", "1100"), ("3", "PendingCancel"), ("4", "161")]
    assert frames[2][4] == f"Cancel attempted when order is not in a cancellable state.  Order permId ={perm}"
    await bench.control("1102")
    with trio.fail_after(8):
        await client.find("3", "1", "Cancelled")
    assert (await client.error(1))[0] == 202
