import pytest

from tests.sim.ordertools import answers, kinds, pinned, place
from tests.sim.rawclient import Bench, contract

LEGS = (265598, 1, "BUY", "SMART", 0, 0, "", -1, 272093, 2, "SELL", "SMART", 0, 0, "", -1)
Fields = tuple[str | int, ...]


def spread(order_id: int, action: str = "BUY", kind: str = "MKT", limit: str = "", legs: Fields = LEGS) -> Fields:
    """An order for one AAPL against two MSFT."""
    fields = place(order_id, action, "1", kind, limit, block=contract("AAPL", "BAG"))
    return (*fields[:35], len(legs) // 8, *legs, 0, 0, *fields[35:])


async def test_combination_fills_at_the_net_price_leg_by_leg(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench, "300.00", "300.02", "300.00")
    await pinned(bench, symbol="MSFT")
    await answers(client, (61, 1))
    frames = await answers(client, spread(1))
    executions = [f for f in frames if f[0] == "11"]
    assert [(f[4], f[5], f[18], f[19], f[20]) for f in executions] == [
        ("AAPL", "BAG", "BOT", "1", "100.02"),
        ("AAPL", "STK", "BOT", "1", "300.02"),
        ("MSFT", "STK", "SLD", "2", "100"),
    ]
    assert [f[2] for f in frames if f[0] == "59"] == [f[14] for f in executions[1:]]
    assert [(f[4], f[14]) for f in frames if f[0] == "61"] == [("AAPL", "121"), ("MSFT", "38")]
    assert ("3", "Filled") in kinds(frames)


async def test_combination_rests_at_its_net_limit_until_a_leg_moves(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench, "300.00", "300.02", "300.00")
    await pinned(bench, symbol="MSFT")
    assert ("3", "Submitted") in kinds(await answers(client, spread(1, kind="LMT", limit="90.00")))
    await pinned(bench, "105.01", "105.03", "105.01", symbol="MSFT")
    frames = await answers(client)
    assert next(f for f in frames if f[0] == "11")[20] == "90"
    assert frames[-1][0] == "59"


async def test_combination_that_is_sold_is_turned_around(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench, "100.00", "100.02", "100.00")
    await pinned(bench, symbol="MSFT")
    frames = await answers(client, spread(1, "SELL", "LMT", "-150.00"))
    assert [(f[18], f[20]) for f in frames if f[0] == "11"] == [("SLD", "-100.04"), ("SLD", "100"), ("BOT", "100.02")]


@pytest.mark.parametrize("legs", [(), (1, *LEGS[1:]), (265598, 0, *LEGS[2:]), (265598, 1, "HOLD", *LEGS[3:])])
async def test_combination_of_impossible_legs_does_not_exist(bench: Bench, legs: Fields) -> None:
    client = await bench.client()
    frames = await answers(client, spread(1, legs=legs))
    assert [f[3] for f in frames] == ["200"]


async def test_combination_takes_no_stop(bench: Bench) -> None:
    client = await bench.client()
    frames = await answers(client, spread(1, kind="STP"))
    assert [f[3] for f in frames] == ["387"]
