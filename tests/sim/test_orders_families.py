from tests.sim.ordertools import OPEN, answers, kinds, pinned, place
from tests.sim.rawclient import Bench

PARENT = place(1, kind="LMT", limit="99.00", transmit=0)
PROFIT = place(2, "SELL", kind="LMT", limit="105.00", parentId=1, transmit=0)
STOP = place(3, "SELL", kind="STP", aux="98.00", parentId=1, transmit=1)


def statuses(frames: list[list[str]]) -> dict[str, str]:
    """The last status of each order, with the reason for which it is held."""
    return {f[1]: f"{f[2]} {f[10]}".strip() for f in frames if f[0] == "3"}


async def test_bracket_is_silent_until_its_last_order_transmits_it(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    assert await answers(client, PARENT, PROFIT) == []
    assert await answers(client, (5, 1)) == [["53", "1"]]
    frames = await answers(client, STOP)
    assert statuses(frames) == {"1": "Submitted", "2": "PreSubmitted child", "3": "PreSubmitted child,trigger"}
    opened = {f[1]: f for f in frames if f[0] == "5"}
    perm = opened["1"][OPEN["perm"]]
    assert [opened[n][OPEN["group"]] for n in "123"] == ["", perm, perm]
    assert [f[7] for f in frames if f[0] == "3" and f[1] == "2"] == ["1"]


async def test_children_work_when_the_parent_is_filled_and_one_cancels_the_other(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, PARENT, PROFIT, STOP)
    await pinned(bench, "98.98", "99.00", "98.99")
    frames = await answers(client)
    assert statuses(frames) == {"1": "Filled", "2": "Submitted", "3": "PreSubmitted trigger"}
    await pinned(bench, "105.00", "105.02", "105.00")
    frames = await answers(client)
    assert statuses(frames) == {"2": "Filled", "3": "Cancelled"}
    assert kinds(frames)[-1] == ("4", "202")


async def test_cancelled_parent_takes_its_children_along(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, PARENT, PROFIT, STOP)
    frames = await answers(client, (4, 1, 1, ""))
    assert statuses(frames) == {"1": "Cancelled", "2": "Cancelled", "3": "Cancelled"}
    assert [f[2] for f in frames if f[0] == "4"] == ["1", "2", "3"]


async def test_children_of_a_partly_filled_parent_protect_what_it_bought(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    parent = place(1, size="3000", kind="LMT", limit="100.02", transmit=0)
    frames = await answers(client, parent, place(2, "SELL", size="3000", kind="STP", aux="98.00", parentId=1))
    bought = next(f for f in frames if f[0] == "11")[19]
    frames = await answers(client, (4, 1, 1, ""), (5, 1))
    [child] = [f for f in frames if f[0] == "5"]
    assert child[OPEN["quantity"]] == bought


async def test_child_of_an_unknown_parent_is_refused(bench: Bench) -> None:
    client = await bench.client()
    await client.send(*place(2, "SELL", kind="LMT", limit="105.00", parentId=1))
    assert await client.error(2) == (135, "Can't find order with id =1")


async def test_untransmitted_order_can_be_transmitted_or_cancelled(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    assert await answers(client, place(1, transmit=0)) == []
    assert ("3", "Filled") in kinds(await answers(client, place(1)))
    await answers(client, place(2, transmit=0))
    assert kinds(await answers(client, (4, 1, 2, ""))) == [("3", "Cancelled"), ("4", "202")]


async def test_one_fill_cancels_the_rest_of_its_group(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    terms = {"ocaGroup": "exit", "ocaType": 1}
    await answers(client, *(place(n, kind="LMT", limit=f"{90 + n}.00", **terms) for n in (1, 2, 3)))  # type: ignore[arg-type]
    await answers(client, place(4, kind="LMT", limit="90.00", ocaGroup="other", ocaType=1))
    await pinned(bench, "91.98", "92.00", "91.99")
    frames = await answers(client)
    # The limits of 2 and 3 are both met; the one that came first fills.
    assert statuses(frames) == {"2": "Filled", "1": "Cancelled", "3": "Cancelled"}
    assert [f[1] for f in await answers(client, (5, 1)) if f[0] == "5"] == ["4"]


async def test_partial_fill_reduces_the_rest_of_its_group(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, size="3000", kind="LMT", limit="90.00", ocaGroup="exit", ocaType=3))
    frames = await answers(client, place(2, size="3000", kind="LMT", limit="100.02", ocaGroup="exit", ocaType=3))
    bought = int(next(f for f in frames if f[0] == "11")[19])
    assert bought < 3000
    other = [f for f in frames if f[0] == "5" and f[1] == "1"][-1]
    assert int(other[OPEN["quantity"]]) == 3000 - bought


async def test_partial_fill_of_the_blocking_kind_cancels_the_rest_of_its_group(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, size="3000", kind="LMT", limit="90.00", ocaGroup="exit", ocaType=1))
    frames = await answers(client, place(2, size="3000", kind="LMT", limit="100.02", ocaGroup="exit", ocaType=1))
    assert statuses(frames) == {"1": "Cancelled", "2": "Submitted"}
