from tests.sim.ordertools import AAPL, OPEN, answers, kinds, pinned, place
from tests.sim.rawclient import Bench

FILL = [("11",), ("5", "Filled"), ("3", "Filled"), ("5", "Filled"), ("3", "Filled"), ("59",)]


async def test_market_order_fills_at_the_touch_in_the_real_order_of_frames(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1))
    assert kinds(frames) == [("5", "PreSubmitted"), ("3", "PreSubmitted"), *FILL]
    perm = frames[0][OPEN["perm"]]
    assert frames[1] == ["3", "1", "PreSubmitted", "0", "100", "0", perm, "0", "0", "1", "", "0"]
    assert frames[4] == ["3", "1", "Filled", "100", "0", "100.02", perm, "0", "100.02", "1", "", "0"]
    assert frames[5][OPEN["commission"] : OPEN["warning"]] == ["1.0", "", "", "USD"]


async def test_limit_order_rests_until_the_market_comes(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, kind="LMT", limit="99.50"))
    assert kinds(frames) == [("5", "PreSubmitted"), ("3", "PreSubmitted"), ("5", "Submitted"), ("3", "Submitted")]
    await pinned(bench, "99.40", "99.45", "99.40")
    frames = await answers(client)
    assert kinds(frames) == FILL
    assert frames[0][20:22] == ["99.45", frames[1][OPEN["perm"]]]


async def test_cancelled_order_is_confirmed_with_202(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, kind="LMT", limit="99.50"))
    frames = await answers(client, (4, 1, 1, ""))
    assert kinds(frames) == [("3", "Cancelled"), ("4", "202")]
    assert frames[1][4] == "Order Canceled - reason:"
    await pinned(bench, "99.40", "99.45", "99.40")
    assert await answers(client) == []


async def test_large_order_fills_in_parts_as_sizes_are_displayed(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, size="3000"))
    seen = [f for f in frames if f[0] == "11"]
    assert 0 < int(seen[0][19]) < 3000
    assert kinds(frames)[2:] == [("11",), ("5", "Submitted"), ("3", "Submitted"), ("59",)]
    while sum(int(f[19]) for f in seen) < 3000:
        await pinned(bench)
        frames = await answers(client)
        seen += [f for f in frames if f[0] == "11"]
    assert kinds(frames) == FILL
    assert [int(f[24]) for f in seen][-1] == 3000
    assert len({f[14] for f in seen}) == len(seen)


async def test_modified_order_is_acknowledged_and_filled_at_its_new_price(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    first = await answers(client, place(1, kind="LMT", limit="99.50"))
    frames = await answers(client, place(1, kind="LMT", limit="99.60", size="50"))
    assert kinds(frames) == [("5", "Submitted"), ("3", "Submitted")]
    assert frames[0][OPEN["quantity"] : OPEN["aux"]] == ["50", "LMT", "99.6"]
    assert frames[0][OPEN["perm"]] == first[0][OPEN["perm"]]
    frames = await answers(client, place(1, kind="LMT", limit="100.02", size="50"))
    assert kinds(frames) == [("5", "Submitted"), ("3", "Submitted"), *FILL]
    assert kinds(await answers(client, place(1, kind="LMT", limit="99.50"))) == [("4", "104")]


async def test_what_is_left_of_an_immediate_order_is_cancelled(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, size="3000", tif="IOC"))
    # Recorded: the gateway cancels without a word of why, and what had to fill whole is Inactive.
    assert kinds(frames)[-2:] == [("3", "PendingCancel"), ("3", "Cancelled")]
    assert ("11",) in kinds(frames)
    frames = await answers(client, place(2, size="3000", tif="FOK"))
    assert kinds(frames) == [("5", "PreSubmitted"), ("3", "PreSubmitted"), ("5", "Inactive"), ("3", "Inactive")]


async def test_order_ids_grow_and_survive_a_reconnection(bench: Bench) -> None:
    client = await bench.client(7)
    await answers(client, place(41, kind="LMT", limit="1.00"))
    assert kinds(await answers(client, place(40))) == [("4", "103")]
    await client.send(8, 1, 1)
    assert await client.find("9") == ["9", "1", "42"]
    await client.stream.aclose()
    await bench.until(lambda stats: not stats["clients"])
    again = await bench.client(7)
    assert ["9", "1", "42"] in again.startup
    frames = await answers(again, (5, 1))
    assert kinds(frames) == [("5", "Submitted"), ("3", "Submitted")]
    assert frames[-1] == ["53", "1"]


async def test_orders_are_no_market_data_lines(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, place(1, kind="LMT", limit="1.00", block=AAPL))
    stats = await bench.until(lambda stats: "placeOrder" in stats["requests"])
    assert stats["lines"] == {}
