"""What the simulator remembers of orders for a judge outside, over restarts, corrections and second incarnations."""

import json
from typing import Any

import pytest
import trio

from ibactors.sim import Simulator, SimulatorOptions, parse_scenario
from ibactors.sim.control import messages, orders, quirks
from tests.sim.ordertools import OPEN, answers, kinds, pinned, place, told
from tests.sim.rawclient import Bench

RESTING = place(1, kind="LMT", limit="50.00", orderRef="mine")
EXECUTIONS = (7, 3, 8, 0, "", "", "", "", "", "")
FILLED_FRAMES = ["11", "59"]


async def ledger(bench: Bench, what: str) -> Any:
    return json.loads(await bench.control(f"ledger {what}"))


async def test_ledger_tells_of_every_order_what_became_of_it(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, "lose placeOrder:lost")
    await answers(client, place(1, orderRef="mine"), place(2, orderRef="lost"), place(3, size="0", orderRef="bad"))
    await answers(client, place(4, kind="LMT", limit="50.00", orderRef="rests"), place(4, kind="LMT", limit="51.00", orderRef="rests"))
    await answers(client, place(5, whatIf=1, orderRef="only asked"))
    answer = await ledger(bench, "orders")
    assert answer["next"] is None
    rows = {row["orderRef"]: row for row in answer["orders"]}
    assert list(rows) == ["mine", "lost", "bad", "rests"]
    mine = rows["mine"]
    assert len(mine["permIds"]) == 1
    assert [f["size"] for f in mine["fills"]] == [100]
    keys = ("clientId", "orderId", "incarnations", "received", "lost", "filled", "status", "alive")
    assert [mine[k] for k in keys] == [1, 1, 1, 1, 0, 100, "Filled", 0]
    assert [rows["lost"][k] for k in keys] == [1, 2, 0, 1, 1, 0, None, 0]
    assert [rows["bad"][k] for k in keys] == [1, 3, 0, 1, 0, 0, None, 0]
    assert [rows["rests"][k] for k in keys] == [1, 4, 1, 2, 0, 0, "Submitted", 1]
    assert await ledger(bench, "alive") == {"alive": [rows["rests"]], "next": None}


async def test_ledger_counts_by_reference_and_comes_in_pages(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING, place(2, kind="LMT", limit="50.00", orderRef="mine"))
    assert await ledger(bench, "tokens") == {
        "tokens": {"mine": {"received": 2, "lost": 0, "orders": 2, "alive": 2, "filled": 0}},
        "next": None,
    }
    assert await ledger(bench, "orders 1") == {"orders": [(await ledger(bench, "orders"))["orders"][1]], "next": None}
    assert await bench.control("ledger secrets") == "error: usage: ledger orders|alive|tokens|positions [N]"


async def test_executions_explain_every_change_of_a_position(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1), place(2, "SELL", size="30"))
    await told(bench, "correct 1 100.03 90", "midnight")
    rows = (await ledger(bench, "positions"))["positions"]
    assert all(row["now"] - row["before"] == row["executed"] for row in rows)
    [apple] = [row for row in rows if row["symbol"] == "AAPL" and row["account"] == "DU1234567"]
    assert (apple["before"], apple["executed"], apple["now"]) == (120, 60, 180)


async def test_change_under_1100_makes_a_second_order_of_the_same_id(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, "incarnations on", "1100")
    await answers(client, place(1, kind="LMT", limit="51.00", orderRef="mine"))
    await told(bench, "1102")
    frames = await answers(client, (5, 1))
    opened = [f for f in frames if f[0] == "5"]
    assert [(f[1], f[OPEN["limit"]]) for f in opened] == [("1", "51.0"), ("1", "50.0")]
    assert len({f[OPEN["perm"]] for f in opened}) == 2
    assert (await ledger(bench, "tokens"))["tokens"]["mine"]["orders"] == 2
    # A cancel takes one, the next the other.
    for left in (1, 0):
        assert kinds(await answers(client, (4, 1, 1, ""))) == [("3", "Cancelled"), ("4", "202")]
        assert [f[0] for f in await answers(client, (5, 1))] == ["5", "3"] * left + ["53"]


async def test_fork_makes_a_second_order_at_any_time(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, "fork 1")
    assert kinds(await answers(client))[-1] == ("3", "Submitted")
    assert [f[1] for f in await answers(client, (5, 1)) if f[0] == "5"] == ["1", "1"]


async def test_restart_keeps_orders_unless_told_otherwise(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, RESTING, place(2))
    await told(bench, "restart 0")
    again = await bench.returning()
    assert again.startup[1] == ["9", "1", "3"]
    assert [f[0] for f in await answers(again, (5, 1), EXECUTIONS, (99, 0))] == ["5", "3", "53", "11", "59", "55", "101", "102"]


@pytest.mark.parametrize(
    ("which", "next_id", "listed"),
    [
        ("ended", "2", ["5", "3", "53", "11", "59", "55", "102"]),
        ("recent", "3", ["53", "11", "59", "55", "101", "102"]),
        ("all", "1", ["53", "55", "102"]),
    ],
)
async def test_restart_forgets_and_ids_go_back(bench: Bench, which: str, next_id: str, listed: list[str]) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, RESTING, place(2, orderRef="done"), *([place(3, kind="LMT", limit="50.00")] if which == "recent" else []))
    await told(bench, f"restart 0 {which}")
    again = await bench.returning()
    assert again.startup[1] == ["9", "1", next_id]
    assert [f[0] for f in await answers(again, (5, 1), EXECUTIONS, (99, 0))] == listed
    # The judge outside has forgotten nothing.
    assert {"mine", "done"} <= set((await ledger(bench, "tokens"))["tokens"])


async def test_ids_that_were_rolled_back_are_used_again_for_other_orders(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, "restart 0 recent")
    again = await bench.returning()
    assert again.startup[1] == ["9", "1", "1"]
    await answers(again, place(1, kind="LMT", limit="60.00", orderRef="other"))
    tokens = (await ledger(bench, "tokens"))["tokens"]
    assert (tokens["mine"]["alive"], tokens["other"]["alive"]) == (0, 1)


async def test_next_id_is_what_it_was_told(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "next-id 1 77")
    await client.send(8, 1, 1)
    assert await client.find("9") == ["9", "1", "77"]


async def test_correction_has_the_next_revision_of_the_execution(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    first = next(f for f in await answers(client, place(1)) if f[0] == "11")
    await told(bench, "correct 1 100.01 60")
    new, charge = await answers(client)
    assert (new[0], charge[0]) == ("11", "59")
    assert new[14] == first[14].removesuffix("01") + "02" == charge[2]
    assert new[19:21] == ["60", "100.01"]
    assert new[24:26] == ["60", "100.01"]
    assert [f[14] for f in await answers(client, EXECUTIONS) if f[0] == "11"] == [first[14], new[14]]


async def test_bust_takes_the_execution_and_the_position_back(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1))
    await told(bench, "bust 1")
    new, _ = await answers(client)
    assert new[19] == "0"
    [apple] = [r for r in (await ledger(bench, "positions"))["positions"] if r["symbol"] == "AAPL" and r["account"] == "DU1234567"]
    assert (apple["executed"], apple["now"]) == (0, apple["before"])
    assert await bench.control("correct 2 1") == "error: no order has the id 2"
    assert await bench.control("bust 1") == "error: the last execution of order 1 is busted already"


async def test_cancelled_order_is_executed_after_all(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, RESTING, (4, 1, 1, ""))
    await told(bench, "fill-late 1")
    assert [f[0] for f in await answers(client)] == ["11", "59"]
    row = (await ledger(bench, "tokens"))["tokens"]["mine"]
    assert (row["alive"], row["filled"]) == (0, 100)
    rows = (await ledger(bench, "positions"))["positions"]
    assert all(row["now"] - row["before"] == row["executed"] for row in rows)
    assert await bench.control("fill-late 1") == "error: order 1 is not cancelled"


async def test_execution_is_told_twice_under_two_ids(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    [first] = [f for f in await answers(client, place(1)) if f[0] == "11"]
    await told(bench, "repeat-fill 1")
    [again] = await answers(client)
    assert [n for n, (a, b) in enumerate(zip(first, again, strict=True)) if a != b] == [14]
    assert [f[14] for f in await answers(client, EXECUTIONS) if f[0] == "11"] == [first[14]]


async def test_commissions_follow_after_all_executions(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1), place(2))
    assert [f[0] for f in await answers(client, EXECUTIONS)] == ["11", "11", "59", "59", "55"]


async def test_lists_are_of_today_only(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1))
    await told(bench, "midnight")
    assert [f[0] for f in await answers(client, EXECUTIONS, (99, 0))] == ["55", "102"]
    await answers(client, place(2))
    assert [f[0] for f in await answers(client, EXECUTIONS, (99, 0))] == [*FILLED_FRAMES, "55", "101", "102"]


async def test_order_of_a_client_that_is_not_connected_is_in_the_list_of_all(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "foreign 9 BUY 5 AAPL 50.00 theirs", "manual SELL 5 AAPL 900.00 mine")
    frames = await answers(client, (16, 1))
    assert [(f[1], f[23], f[24]) for f in frames if f[0] == "5"] == [("1", "theirs", "9"), ("0", "mine", "0")]
    assert await answers(client, (5, 1)) == [["53", "1"]]
    nine = await bench.client(9)
    assert [f[0] for f in await answers(nine, (5, 1))] == ["5", "3", "53"]
    assert nine.startup[1] == ["9", "1", "2"]


async def test_orders_go_wrong_by_a_scenario_as_by_command(nursery: trio.Nursery) -> None:
    scenario = parse_scenario("at 0s lose placeOrder\nat 0s answer-cancel 161\nat 0s foreign 9 BUY 5 AAPL 50.00\n")
    bench = Bench(await nursery.start(Simulator(SimulatorOptions(port=0, control_port=0, scenario=scenario)).run))
    await bench.until(lambda _: True)
    client = await bench.client()
    frames = await answers(client, RESTING, (16, 1), place(2, kind="LMT", limit="50.00"), (4, 1, 2, ""))
    assert [f[1] for f in frames if f[0] == "5"] == ["1", "2", "2"]
    assert kinds(frames)[-1] == ("4", "161")
    bench.close()
    nursery.cancel_scope.cancel()


def test_every_command_about_orders_is_a_step_of_a_scenario() -> None:
    given = {
        "MESSAGE": "openOrder", "COUNT": "all", "NTH": "2", "SECONDS": "3", "ORDERID": "1", "REASON...": "why not", "CODE": "201",
        "TEXT...": "a text", "PRICE": "1.5", "SIZE": "10", "ACTION": "BUY", "SYMBOL": "AAPL", "MKT|LIMIT": "MKT", "REF": "mine",
        "ID": "1", "STATUS": "Inactive", "N": "1", "VALUE": "51", "COMMAND...": "fill 1",
    }  # fmt: skip
    lines = []
    for commands in (orders.COMMANDS, quirks.COMMANDS, messages.COMMANDS):
        for name, command in commands.items():
            words = [w.strip("[]") for w in command.usage.split()]
            lines.append(" ".join(["at 1s", name, *(given.get(w) or w.split("|")[0] for w in words)]))
    assert len(parse_scenario("\n".join(lines)).steps) == len(lines) > 30
