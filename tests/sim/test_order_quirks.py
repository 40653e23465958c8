"""How a gateway treats orders by its settings and moods: read-only, precautions, presets, what-ifs, hangs, answers."""

import datetime as dt

import pytest
import trio

from tests.sim.ordertools import AAPL, OPEN, answers, kinds, pinned, place, told
from tests.sim.rawclient import Bench, Clock, contract

RESTING = place(1, kind="LMT", limit="50.00")
PLACED = [("5", "PreSubmitted"), ("3", "PreSubmitted"), ("5", "Submitted"), ("3", "Submitted")]
CANCELLED = [("3", "Cancelled"), ("4", "202")]
WHAT_IF = place(1, whatIf=1, kind="LMT", limit="99.00")
DBL_MAX = "1.7976931348623157E308"
MARGIN, COMMISSION = 94, 103


async def test_read_only_gateway_refuses_orders_lists_and_ids(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "read-only on")
    frames = await answers(client, RESTING, (4, 1, 7, ""), (5, 1), (16, 1), (99, 0), (58, 1), (8, 1, 1))
    assert [(f[2], f[3]) for f in frames] == [("1", "321"), ("7", "321"), *[("-1", "321")] * 5]
    assert "currently in Read-Only mode" in frames[0][4]
    await told(bench, "read-only off")
    assert kinds(await answers(client, RESTING)) == PLACED


@pytest.mark.parametrize(
    ("precaution", "order", "code"),
    [
        ("value 1000", place(1, kind="LMT", limit="50.00"), "451"),
        ("size 99", place(1, kind="LMT", limit="50.00"), "383"),
        ("percentage 3", place(1, kind="LMT", limit="104.00"), "382"),
        ("percentage 3", place(1, "SELL", kind="LMT", limit="96.00"), "382"),
        ("direct 1", place(1, block=contract("AAPL", exchange="NASDAQ"), kind="LMT", limit="50.00"), "10311"),
    ],
)
async def test_precaution_stops_an_order_until_it_is_off(bench: Bench, precaution: str, order: tuple[str | int, ...], code: str) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, f"precaution {precaution}")
    frames = await answers(client, order)
    assert kinds(frames) == [("4", code)]
    assert "Precautionary Settings" in frames[0][4]
    await told(bench, f"precaution {precaution.split(maxsplit=1)[0]} 0")
    assert kinds(await answers(client, (order[0], 2, *order[2:])))[0] == ("5", "PreSubmitted")


async def test_precautions_let_pass_what_is_within_them(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, "precaution value 6000", "precaution size 100", "precaution percentage 3", "precaution direct 1")
    assert kinds(await answers(client, RESTING)) == PLACED


async def test_preset_completes_a_time_in_force_and_says_so(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "presets on")
    frames = await answers(client, place(1, kind="LMT", limit="50.00", tif=""))
    assert kinds(frames) == [*PLACED, ("4", "10349")]
    assert kinds(await answers(client, place(2, kind="LMT", limit="50.00"))) == PLACED


async def test_next_order_is_answered_with_any_code(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "answer-order 10311")
    assert kinds(await answers(client, RESTING)) == [("4", "10311")]
    await told(bench, "answer-order 404 2")
    assert kinds(await answers(client, place(2, kind="LMT", limit="50.00"))) == [*PLACED, ("4", "404")]
    await told(bench, "answer-order 201")
    # A change that is refused repeats the order as it stays.
    frames = await answers(client, place(2, kind="LMT", limit="51.00"))
    assert kinds(frames) == [("5", "Submitted"), ("3", "Submitted"), ("4", "201")]
    assert frames[0][OPEN["limit"]] == "50.0"
    assert (await bench.control("answer-order 5")).startswith("error: no order is answered with 5; there are 110, ")


@pytest.mark.parametrize(("code", "left"), [("161", ["5", "3"]), ("10147", []), ("10148", [])])
async def test_cancel_is_answered_oddly(bench: Bench, code: str, left: list[str]) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, f"answer-cancel {code}")
    assert kinds(await answers(client, (4, 1, 1, ""))) == [("4", code)]
    assert [f[0] for f in await answers(client, (5, 1))] == [*left, "53"]


@pytest.mark.parametrize(
    ("mode", "parts"),
    [
        ("parts", [(DBL_MAX, ""), (None, "1.0")]),
        ("one", [(None, "1.0")]),
        ("first", [(DBL_MAX, "")]),
        ("placeholder", [(DBL_MAX, "0"), (None, "1.0")]),
        ("no-commission", [(DBL_MAX, ""), (None, "")]),
        ("never", []),
    ],
)
async def test_what_if_is_answered_in_the_form_that_was_told(bench: Bench, mode: str, parts: list[tuple[str | None, str]]) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, f"what-if {mode}")
    frames = await answers(client, WHAT_IF)
    assert [f[0] for f in frames] == ["5"] * len(parts)
    for frame, (margin, commission) in zip(frames, parts, strict=True):
        assert frame[COMMISSION] == commission
        assert (frame[MARGIN] == DBL_MAX) == (margin == DBL_MAX)
    assert await answers(client, (16, 1)) == [["53", "1"]]


async def test_what_if_is_refused_like_an_order(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "answer-order 201")
    assert kinds(await answers(client, WHAT_IF)) == [("4", "201")]


@pytest.mark.parametrize(("status", "held"), [("PreSubmitted", ""), ("PendingSubmit", ""), ("Inactive", "locate")])
async def test_order_hangs_until_it_is_let_go(bench: Bench, status: str, held: str) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, f"hang {status}")
    frames = await answers(client, place(1))
    assert kinds(frames) == [("5", status), ("3", status)]
    assert frames[1][10] == held
    await pinned(bench)
    assert [f[0] for f in await answers(client, (5, 1))] == ["5", "3", "53"]
    await told(bench, "let-go 1")
    assert kinds(await answers(client))[-1] == ("59",)
    assert (await bench.control("hang Filled")).startswith("error: no order hangs in 'Filled'")


async def test_hanging_order_can_be_cancelled_filled_and_rejected(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, "hang Inactive 3")
    await answers(client, *(place(n) for n in (1, 2, 3)))
    assert kinds(await answers(client, (4, 1, 1, ""))) == CANCELLED
    await told(bench, "fill 2")
    assert ("3", "Filled") in kinds(await answers(client))
    await told(bench, "reject-open 3 no shares to borrow")
    frames = await answers(client)
    assert kinds(frames) == [("5", "Inactive"), ("3", "Inactive"), ("4", "201")]
    assert frames[2][4] == "Order rejected - reason:no shares to borrow"


async def test_broker_cancels_of_its_own_accord(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, "system-cancel 1 At the open order can not be executed")
    frames = await answers(client)
    assert kinds(frames) == [("3", "PendingCancel"), *CANCELLED]
    assert frames[2][4] == "Order Canceled - reason:At the open order can not be executed"
    [done, _] = await answers(client, (99, 0))
    assert "Cancelled by System:\n" in done
    assert [f[3:5] for f in await answers(client, (4, 1, 1, ""))] == [
        ["10148", "OrderId 1 that needs to be cancelled cannot be cancelled, state: Cancelled."]
    ]


async def test_cancels_stay_pending_until_the_broker_takes_them(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, "pending-cancels on")
    assert kinds(await answers(client, (4, 1, 1, ""))) == [("3", "PendingCancel")]
    assert kinds(await answers(client, (4, 1, 1, ""))) == [("4", "161")]
    await told(bench, "pending-cancels off")
    with trio.fail_after(5):
        assert kinds(await client.until("4", "2", "1")) == CANCELLED


async def test_permanent_id_is_missing_in_the_first_answer(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "late-perm-ids on")
    frames = await answers(client, RESTING)
    perms = [f[OPEN["perm"]] if f[0] == "5" else f[6] for f in frames]
    assert perms[:2] == ["0", "0"]
    assert perms[2] == perms[3] != "0"


@pytest.mark.parametrize(("mode", "amount"), [("minus-one", "-1.0"), ("unset", DBL_MAX)])
async def test_commission_is_a_placeholder_at_first(bench: Bench, mode: str, amount: str) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, f"commissions {mode} 0.2")
    first = (await answers(client, place(1)))[-1]
    assert (first[0], first[3]) == ("59", amount)
    with trio.fail_after(5):
        second = await client.find("59")
    assert (second[2], second[3]) == (first[2], "1.0")


async def test_open_orders_come_unasked_at_connect(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, "open-at-connect on", "drop")
    again = await bench.returning()
    assert [f[0] for f in again.startup][:5] == ["5", "3", "53", "15", "9"]


async def test_any_error_comes_for_any_order(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, "order-error 1 2161 Your order is subject to a price cap")
    [frame] = await answers(client)
    assert frame[2:5] == ["1", "2161", "Your order is subject to a price cap"]
    assert await bench.control("order-error 2 399 x") == "error: no order has the id 2"


async def test_child_is_changed_without_its_parent_once_that_has_filled(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, transmit=0), place(2, "SELL", kind="LMT", limit="120.00", parentId=1))
    frames = await answers(client, place(2, "SELL", kind="LMT", limit="121.00", parentId=1))
    assert kinds(frames) == [("4", "135")]
    assert kinds(await answers(client, place(2, "SELL", kind="LMT", limit="121.00"))) == [("5", "Submitted"), ("3", "Submitted")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (place(1, kind="LMT", limit="50.00", tif="IOC"), "462"),
        (place(1, kind="LMT", limit="50.00", tif="FOK"), "462"),
        (place(1, kind="LMT", limit="50.00", ocaGroup="other"), "10326"),
    ],
)
async def test_some_terms_of_an_order_cannot_change(bench: Bench, change: tuple[str | int, ...], code: str) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    assert kinds(await answers(client, change)) == [("4", code)]
    assert kinds(await answers(client, place(1, kind="LMT", limit="50.00", tif="GTC"))) == [("5", "Submitted"), ("3", "Submitted")]


async def test_last_member_of_a_bracket_is_refused(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "answer-order 201 1 2")
    frames = await answers(client, place(1, kind="LMT", limit="50.00", transmit=0), place(2, "SELL", kind="STP", aux="40.00", parentId=1))
    # The parent stays in the gateway, and nobody can see it.
    assert [(f[2], f[3]) for f in frames] == [("2", "201")]
    assert await answers(client, (16, 1)) == [["53", "1"]]


async def test_lists_are_empty_while_the_gateway_loads(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, RESTING, place(2))
    await told(bench, "loading 3600")
    lists = ((5, 1), (16, 1), (7, 3, 8, 0, "", "", "", "", "", ""), (99, 0))
    assert [f[0] for f in await answers(client, *lists)] == ["53", "53", "55", "102"]
    await told(bench, "loading 0")
    assert [f[0] for f in await answers(client, *lists)] == ["5", "3", "53", "5", "3", "53", "11", "59", "55", "101", "102"]


async def test_lists_come_in_no_useful_order(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, *(place(n, kind="LMT", limit="50.00") for n in range(1, 9)))
    await told(bench, "shuffled-lists on")
    listed = [int(f[1]) for f in await answers(client, (5, 1)) if f[0] == "5"]
    assert sorted(listed) == list(range(1, 9)) != listed


async def test_cap_of_a_price_is_told_in_the_status_and_with_a_warning(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, "cap 1 50.25")
    status, warning = await answers(client)
    assert (status[0], status[11], warning[3]) == ("3", "50.25", "2161")


async def test_day_orders_expire_and_others_stay(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING, place(2, kind="LMT", limit="50.00", tif="GTC"))
    await told(bench, "expire")
    assert kinds(await answers(client)) == CANCELLED
    assert [f[1] for f in await answers(client, (5, 1)) if f[0] == "5"] == ["2"]


async def test_order_is_edited_in_the_windows_of_the_gateway(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, RESTING)
    await told(bench, "edit 1 limit 51", "edit 1 size 70", "edit 1 ref other")
    opened = [f for f in await answers(client) if f[0] == "5"]
    assert [(f[OPEN["limit"]], f[OPEN["quantity"]], f[23]) for f in opened] == [
        ("51.0", "100", ""),
        ("51.0", "70", ""),
        ("51.0", "70", "other"),
    ]
    assert (await bench.control("edit 1 size none")).startswith("error: ")


async def test_first_status_may_be_submitted(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, "submits-at-once on")
    assert kinds(await answers(client, RESTING)) == PLACED[2:]
    assert kinds(await answers(client, place(2)))[:3] == [*PLACED[2:], ("11",)]
    assert kinds(await answers(client, place(3, kind="STP", aux="120.00"))) == PLACED[:2]


async def test_bracket_at_a_closed_market_is_told_as_recorded(strict: Bench, clock: Clock) -> None:
    clock.now = dt.datetime(2026, 11, 24, 8, tzinfo=dt.UTC)
    client = await strict.client()
    children = (place(2, "SELL", kind="LMT", limit="900.00", transmit=0, parentId=1), place(3, "SELL", kind="STP", aux="5.00", parentId=1))
    frames = await answers(client, place(1, transmit=0), *children)
    assert [(f[3], f[2]) if f[0] == "4" else (f[0], f[1]) for f in frames if f[0] != "3"] == [
        *[pair for n in "123" for pair in (("399", n), ("5", n))],
        *[("5", n) for n in "23123"],
    ]
    assert {(f[1], f[10]) for f in frames if f[0] == "3"} == {("1", ""), ("2", "child"), ("3", "child,trigger")}


async def test_price_conforms_to_the_rule_of_its_exchange_at_its_own_height(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "market-rule AAPL NASDAQ 110")
    there = contract("AAPL", exchange="NASDAQ")
    orders = [("2.95", AAPL), ("2.95", there), ("2.96", there), ("3.05", there), ("3.10", there), ("3.05", AAPL)]
    refused = []
    for n, (limit, block) in enumerate(orders, start=1):
        refused += [f[2:4] for f in await answers(client, place(n, kind="LMT", limit=limit, block=block)) if f[0] == "4"]
    assert refused == [["3", "110"], ["4", "110"]]
    frames = await answers(client, (9, 8, 1, *AAPL, 0, "", "", ""))
    [details] = [f for f in frames if f[0] == "10"]
    exchanges = next(f for f in details if "SMART," in f).split(",")
    rules = next(f for f in details if "110" in f.split(",")).split(",")
    assert len(rules) == len(exchanges)
    assert rules[exchanges.index("NASDAQ")] == "110" != rules[exchanges.index("SMART")]
    assert "there is no market rule 1;" in await bench.control("market-rule AAPL NASDAQ 1")
    assert "does not trade at 'NOWHERE'" in await bench.control("market-rule AAPL NOWHERE 26")
