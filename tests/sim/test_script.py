"""Single messages that are lost, doubled, late, out of order, maimed, or cost the socket."""

import pytest
import trio

from tests.sim.ordertools import OPEN, answers, kinds, pinned, place, told
from tests.sim.rawclient import Bench

RESTING = place(1, kind="LMT", limit="50.00", orderRef="mine")
PLACED = [("5", "PreSubmitted"), ("3", "PreSubmitted"), ("5", "Submitted"), ("3", "Submitted")]
FILL = [("11",), ("5", "Filled"), ("3", "Filled"), ("5", "Filled"), ("3", "Filled"), ("59",)]
EXECUTIONS = (7, 3, 8, 0, "", "", "", "", "", "")


async def test_lost_order_vanishes_without_a_word_and_the_next_one_works(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "lose placeOrder")
    assert await answers(client, RESTING) == []
    assert await answers(client, (16, 1)) == [["53", "1"]]
    assert kinds(await answers(client, place(2, kind="LMT", limit="50.00"))) == PLACED


async def test_orders_are_lost_by_their_place_in_the_row(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "lose placeOrder 2 2")
    await answers(client, *(place(n, kind="LMT", limit="50.00") for n in (1, 2, 3, 4)))
    frames = await answers(client, (16, 1))
    assert [f[1] for f in frames if f[0] == "5"] == ["1", "4"]


async def test_messages_are_chosen_by_a_text_in_them(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "lose placeOrder:mine all", "lose errMsg:202")
    assert await answers(client, RESTING) == []
    assert kinds(await answers(client, place(2, kind="LMT", limit="50.00"))) == PLACED
    assert kinds(await answers(client, (4, 1, 2, ""))) == [("3", "Cancelled")]


async def test_answers_that_a_gateway_may_leave_out_are_lost(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, "lose orderStatus all", "lose execDetailsEnd", "lose openOrderEnd", "lose completedOrdersEnd")
    assert kinds(await answers(client, place(1))) == [("5", "PreSubmitted"), ("11",), ("5", "Filled"), ("5", "Filled"), ("59",)]
    assert [f[0] for f in await answers(client, EXECUTIONS, (16, 1), (99, 0))] == ["11", "59", "101"]
    await told(bench, "behave")
    assert [f[0] for f in await answers(client, EXECUTIONS, (16, 1), (99, 0))] == ["11", "59", "55", "53", "101", "102"]


async def test_doubled_order_is_one_order_and_doubled_status_two_messages(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "double placeOrder")
    await answers(client, RESTING)
    assert [f[0] for f in await answers(client, (16, 1))] == ["5", "3", "53"]
    await told(bench, "double orderStatus:Cancelled")
    assert kinds(await answers(client, (4, 1, 1, ""))) == [("3", "Cancelled"), ("3", "Cancelled"), ("4", "202")]


async def test_late_order_is_taken_though_its_client_is_gone(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "late placeOrder 0.3")
    assert await answers(client, RESTING) == []
    await client.stream.aclose()
    await bench.until(lambda stats: not stats["clients"])
    again = await bench.client()
    with trio.fail_after(5):
        assert (await again.find("5"))[OPEN["status"]] == "PreSubmitted"


async def test_late_rejection_comes_after_the_inactive_order(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, "reject no shares", "late errMsg:201 0.2")
    assert kinds(await answers(client, place(1))) == [("5", "Inactive"), ("3", "Inactive")]
    with trio.fail_after(5):
        assert (await client.error(1))[0] == 201


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("hold execDetails orderStatus:Filled", [*PLACED[:2], ("5", "Filled"), ("3", "Filled"), ("11",), *FILL[3:]]),
        ("hold openOrder execDetails", [("3", "PreSubmitted"), ("11",), ("5", "PreSubmitted"), *FILL[1:]]),
        ("hold execDetails commissionReport", [*PLACED[:2], *FILL[1:], ("11",)]),
    ],
)
async def test_held_messages_come_after_those_that_usually_follow(bench: Bench, rule: str, expected: list[tuple[str, ...]]) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, rule)
    assert kinds(await answers(client, place(1))) == expected


async def test_held_messages_go_out_when_the_rules_end(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "hold openOrder execDetails all")
    assert kinds(await answers(client, RESTING)) == [("3", "PreSubmitted"), ("3", "Submitted")]
    await told(bench, "behave")
    assert kinds(await answers(client)) == [("5", "PreSubmitted"), ("5", "Submitted")]


@pytest.mark.parametrize(
    ("rule", "heard", "left"),
    [
        ("sever placeOrder before", [], []),
        ("sever placeOrder after", [], ["5", "3"]),
        ("sever openOrder before", [], ["5", "3"]),
        ("sever openOrder after", PLACED[:1], ["5", "3"]),
        ("sever orderStatus after", PLACED[:2], ["5", "3"]),
    ],
)
async def test_socket_is_cut_at_one_message(bench: Bench, rule: str, heard: list[tuple[str, ...]], left: list[str]) -> None:
    client = await bench.client()
    await told(bench, rule)
    await client.send(*RESTING)
    assert kinds(await client.ended()) == heard
    again = await bench.returning()
    assert [f[0] for f in await answers(again, (5, 1))] == [*left, "53"]


async def test_order_reference_is_missing_where_it_is_stripped(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await told(bench, "strip openOrder all", "strip completedOrder", "strip execDetails")
    frames = await answers(client, place(1, orderRef="mine"), (99, 0), (99, 0), EXECUTIONS)
    assert {f[OPEN["account"] + 3] for f in frames if f[0] == "5"} == {""}
    assert [f[22] for f in frames if f[0] == "101"] == ["", "mine"]
    assert [f[26] for f in frames if f[0] == "11"] == ["", "mine"]


async def test_maimed_answer_ends_early_and_the_stream_goes_on(bench: Bench) -> None:
    client = await bench.client()
    whole = await answers(client, RESTING)
    await told(bench, "maim openOrder")
    frames = await answers(client, (5, 1))
    assert [f[0] for f in frames] == ["5", "3", "53"]
    assert len(frames[0]) < len(whole[0])
    assert whole[0][: len(frames[0]) - 1] == frames[0][:-1]


async def test_command_is_carried_out_right_before_a_message(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, RESTING)
    await told(bench, "when cancelOrder fill 1", "when errMsg:10148 order-error 1 399 first")
    frames = await answers(client, (4, 1, 1, ""))
    assert kinds(frames) == [*FILL, ("4", "399"), ("4", "10148")]
    await told(bench, "when placeOrder 1100", "incarnations on")
    assert kinds(await answers(client, place(2, kind="LMT", limit="50.00")))[0] == ("4", "1100")


async def test_command_that_cannot_be_carried_out_then_changes_nothing(bench: Bench) -> None:
    client = await bench.client()
    await told(bench, "when placeOrder fill 77")
    assert kinds(await answers(client, RESTING)) == PLACED


async def test_nonsense_is_refused_with_the_messages_there_are(bench: Bench) -> None:
    assert "there is no message 'nothing'" in await bench.control("lose nothing")
    assert "is no answer" in await bench.control("strip placeOrder")
    assert (await bench.control("lose openOrder many")).startswith("error")
    assert await bench.control("sever openOrder sometimes") == "error: usage: sever MESSAGE before|after [NTH]"
