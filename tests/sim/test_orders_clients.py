from tests.sim.ordertools import OPEN, answers, kinds, pinned, place
from tests.sim.rawclient import Bench

RESTING = place(1, kind="LMT", limit="50.00")


async def test_only_the_client_that_placed_an_order_hears_of_it(bench: Bench) -> None:
    one, two = await bench.client(1), await bench.client(2)
    await pinned(bench)
    await answers(one, place(1))
    assert await answers(two) == []


async def test_own_orders_are_listed_apart_from_all_orders(bench: Bench) -> None:
    clients = [await bench.client(n) for n in (0, 1, 2)]
    for client in clients:
        await answers(client, RESTING)
    for n, client in enumerate(clients):
        own = await answers(client, (5, 1))
        assert [f[24] for f in own if f[0] == "5"] == [str(n)]
        everything = await answers(client, (16, 1))
        assert [(f[1], f[24]) for f in everything if f[0] == "5"] == [("1", "0"), ("1", "1"), ("1", "2")]
        assert [f[0] for f in everything] == ["5", "3"] * 3 + ["53"]


async def test_each_client_has_its_own_order_ids_and_every_order_its_permanent_one(bench: Bench) -> None:
    one, two = await bench.client(1), await bench.client(2)
    first = await answers(one, place(30, kind="LMT", limit="50.00"))
    second = await answers(two, RESTING)
    perms = {f[OPEN["perm"]] for f in first + second if f[0] == "5"}
    assert len(perms) == 2
    for client, following in ((one, "31"), (two, "2")):
        await client.send(8, 1, 1)
        assert await client.find("9") == ["9", "1", following]


async def test_cancel_by_another_client_ends_the_order_and_names_who_did_it(bench: Bench) -> None:
    one, two = await bench.client(1), await bench.client(2)
    await answers(one, place(7, kind="LMT", limit="50.00"))
    frames = await answers(two, (4, 1, 7, ""))
    assert kinds(frames) == [("3", "Cancelled"), ("4", "202")]
    assert frames[0][9] == "2"
    assert kinds(await answers(one)) == [("3", "Cancelled"), ("4", "202")]


async def test_cancel_goes_to_the_own_order_where_two_clients_have_the_number(bench: Bench) -> None:
    one, two = await bench.client(1), await bench.client(2)
    await answers(one, RESTING)
    await answers(two, RESTING)
    assert kinds(await answers(two, (4, 1, 1, ""))) == [("3", "Cancelled"), ("4", "202")]
    assert await answers(one) == []
    assert [f[3] for f in await answers(two, (4, 1, 1, ""))] == ["10148"]


async def test_cancel_of_a_number_that_nobody_has_is_not_found(bench: Bench) -> None:
    client = await bench.client(1)
    frames = await answers(client, (4, 1, 1, ""))
    assert [f[3:5] for f in frames] == [["10147", "OrderId 1 that needs to be cancelled is not found."]]


async def test_global_cancel_ends_the_orders_of_every_client(bench: Bench) -> None:
    one, two = await bench.client(1), await bench.client(2)
    await answers(one, RESTING)
    await answers(two, RESTING)
    assert kinds(await answers(one, (58, 1))) == [("3", "Cancelled"), ("4", "202")]
    assert kinds(await answers(two)) == [("3", "Cancelled"), ("4", "202")]
    assert await answers(one, (16, 1)) == [["53", "1"]]


async def test_only_client_zero_can_bind_orders(bench: Bench) -> None:
    zero, one = await bench.client(0), await bench.client(1)
    assert await answers(zero, (15, 1, 1)) == []
    assert [f[3] for f in await answers(one, (15, 1, 1))] == ["321"]


async def test_orders_fill_while_their_client_is_away(bench: Bench) -> None:
    client = await bench.client(1)
    await pinned(bench)
    await answers(client, place(1, kind="LMT", limit="99.50"))
    await client.stream.aclose()
    await bench.until(lambda stats: not stats["clients"])
    await pinned(bench, "99.40", "99.45", "99.40")
    again = await bench.client(1)
    frames = await answers(again, (5, 1), (7, 3, 8, 0, "", "", "", "", "", ""), (99, 1))
    assert [f[0] for f in frames] == ["53", "11", "59", "55", "101", "102"]


async def test_completed_orders_of_all_clients_are_listed(bench: Bench) -> None:
    one, two = await bench.client(1), await bench.client(2)
    await pinned(bench)
    await answers(one, place(1))
    await answers(two, RESTING, (4, 1, 1, ""))
    frames = await answers(one, (99, 0))
    assert [len(f) for f in frames] == [100, 100, 1]
    assert [(f[13], f[76], f[94]) for f in frames[:-1]] == [
        ("0", "Filled", "Filled Size: 100"),
        ("100", "Cancelled", "Cancelled by Trader"),
    ]


async def test_typed_in_order_is_seen_by_all_and_belongs_to_nobody(bench: Bench) -> None:
    zero, one = await bench.client(0), await bench.client(1)
    assert await bench.control("manual BUY 10 AAPL 50.00") == "ok"
    assert await answers(zero) == await answers(one) == []
    assert await answers(one, (5, 1)) == [["53", "1"]]
    opened, status, _ = await answers(one, (16, 1))
    assert (opened[1], opened[24], status[1]) == ("0", "0", "0")


async def test_client_zero_binds_typed_in_orders_by_asking_for_its_own(bench: Bench) -> None:
    zero = await bench.client(0)
    await bench.control("manual SELL 10 AAPL 900.00")
    bound, opened, status, end = await answers(zero, (5, 1))
    assert bound == ["100", opened[OPEN["perm"]], "0", "1"]
    assert (opened[1], status[1], end[0]) == ("1", "1", "53")
    assert kinds(await answers(zero, (4, 1, 1, ""))) == [("3", "Cancelled"), ("4", "202")]


async def test_client_zero_can_have_all_typed_in_orders_at_once(bench: Bench) -> None:
    zero = await bench.client(0)
    await pinned(bench)
    await answers(zero, (15, 1, 1))
    await bench.control("manual BUY 10 AAPL MKT")
    frames = await answers(zero)
    assert frames[0][0] == "100"
    assert ("3", "Filled") in kinds(frames)
    await answers(zero, (15, 1, 0))
    await bench.control("manual BUY 10 AAPL MKT")
    assert await answers(zero) == []


async def test_typed_in_orders_are_in_the_lists_of_what_has_been(bench: Bench) -> None:
    client = await bench.client(1)
    await pinned(bench)
    await bench.control("manual BUY 10 AAPL MKT")
    assert [f[2] for f in await answers(client, (7, 3, 8, 0, "", "", "", "", "", "")) if f[0] == "11"] == ["2147483647"]
    assert len(await answers(client, (99, 0))) == 2
    assert await answers(client, (99, 1)) == [["102"]]


async def test_bad_order_is_not_typed_in(bench: Bench) -> None:
    assert (await bench.control("manual BUY 10 AAPL 1.001")).startswith("error: The price does not conform")
    assert (await bench.control("manual BUY 10 AAPL x")).startswith("error: java")
    assert (await bench.control("manual HOLD 10 AAPL 1")).startswith("error: ")
    assert (await bench.control("manual BUY 10 NOPE 1")).startswith("error: there is no instrument")
