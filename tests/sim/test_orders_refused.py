import pytest

from tests.sim.ordertools import AAPL, OPEN, answers, kinds, pinned, place
from tests.sim.rawclient import Bench, contract, pack

Fields = tuple[str | int, ...]


@pytest.mark.parametrize(
    ("request_", "code", "part"),
    [
        (place(1, size="0"), 434, "The order size cannot be zero."),
        (place(1, size="-5"), 321, "size"),
        (place(1, size="170141183460469231731687303715884105727"), 321, "size"),
        (place(1, size="0.5"), 10243, "Fractional"),
        (place(1, "HOLD"), 321, "Invalid action 'HOLD'"),
        (place(1, kind="VOL"), 387, "Unsupported order type"),
        (place(1, kind="MKT PRT", limit="1.00"), 387, "Unsupported order type"),
        (place(1, kind="LIMIT", limit="1.00"), 321, "Invalid order type 'LIMIT'"),
        (place(1, kind="LMT"), 321, "limit price"),
        (place(1, kind="LMT", limit="1.7976931348623157e+308"), 321, "limit price"),
        (place(1, kind="LMT", limit="100.005"), 110, "minimum price variation"),
        (place(1, kind="LMT", limit="-1.00"), 110, "minimum price variation"),
        (place(1, kind="LMT", limit="Infinite"), 110, "minimum price variation"),
        (place(1, kind="STP", aux="0.001"), 110, "minimum price variation"),
        (place(1, kind="STP"), 321, "stop price"),
        (place(1, kind="STP LMT", limit="1.00"), 321, "stop price"),
        (place(1, kind="TRAIL"), 321, "trailing"),
        (place(1, kind="TRAIL", aux="1.00", trailingPercent="1"), 321, "trailing"),
        (place(1, kind="TRAIL LIMIT", aux="1.00"), 321, "offset"),
        (place(1, tif="FOREVER"), 321, "Invalid time in force 'FOREVER'"),
        (place(1, tif="GTD"), 321, "goodTillDate"),
        (place(1, tif="GTD", goodTillDate="20261399 00:00:00"), 321, "goodTillDate"),
        (place(1, goodAfterTime="20260101 00:00:00 Mars/Olympus"), 321, "goodAfterTime"),
        (place(1, account="DU0"), 321, "Invalid account code 'DU0'."),
        (place(1, account=""), 435, "You must specify an account."),
        (place(0), 321, "order id"),
        (place(-4), 321, "order id"),
        (place(1, block=contract("BADSYM")), 200, "No security definition"),
        (place(1, block=contract("AMBIG")), 200, "ambiguous"),
        (place(1, block=contract("AAPL", "STOCK")), 321, "security type"),
        (place(1, block=contract("SPX", "IND", "CBOE")), 201, "Order rejected - reason:"),
    ],
)
async def test_bad_order_is_refused_and_uses_its_id_up_unless_it_is_invalid(bench: Bench, request_: Fields, code: int, part: str) -> None:
    client = await bench.client()
    frames = await answers(client, request_)
    assert [(f[0], f[3]) for f in frames] == [("4", str(code))]
    assert frames[0][2] == str(request_[1])
    assert part in frames[0][4]
    assert "\n" not in frames[0][4]
    await client.send(8, 1, 1)
    assert await client.find("9") == ["9", "1", "1" if code == 321 else "2"]
    if code != 321:
        assert kinds(await answers(client, place(1, kind="LMT", limit="50.00"))) == [("4", "103")]


@pytest.mark.parametrize("position", [1, 2, 17, 19, 20, 25, 28, 31, 32, 36])
async def test_number_that_is_none_is_a_reading_error(bench: Bench, position: int) -> None:
    client = await bench.client()
    fields = list(place(1, kind="LMT", limit="1.00"))
    fields[position] = "abc"
    frames = await answers(client, tuple(fields))
    assert [f[3] for f in frames] == ["320"], frames
    assert "abc" in frames[0][4]


async def test_truncated_order_is_a_reading_error_wherever_it_ends(bench: Bench) -> None:
    client = await bench.client()
    whole = place(1, kind="LMT", limit="1.00")
    await bench.control("rate 0.01")
    for length in range(14, len(whole), 7):
        # Blanks at the end are no truncation, the reader takes them for what they are.
        cut = [*whole[:length]]
        frames = await answers(client, tuple(cut))
        assert [f[3] for f in frames] == ["320"], length


@pytest.mark.parametrize("fields", [(4, 1, "x", ""), (4,), (7, 3, "x"), (15, 1), (99,)])
async def test_order_request_that_cannot_be_read_harms_nobody(bench: Bench, fields: Fields) -> None:
    client = await bench.client()
    await client.stream.send_all(pack(*fields))
    assert {f[3] for f in await client.synchronise() if f[0] == "4"} <= {"320", "321"}


async def test_order_id_below_the_next_one_is_a_duplicate(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, place(10, kind="LMT", limit="1.00"))
    frames = await answers(client, place(9, kind="LMT", limit="1.00"))
    assert [f[2:5] for f in frames] == [["9", "103", "Duplicate order id"]]


async def test_cancel_of_what_cannot_be_cancelled_says_why(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1))
    frames = await answers(client, (4, 1, 1, ""), (4, 1, 99, ""))
    assert [f[2:5] for f in frames] == [
        ["1", "10148", "OrderId 1 that needs to be cancelled cannot be cancelled, state: Filled."],
        ["99", "10147", "OrderId 99 that needs to be cancelled is not found."],
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (place(1, "SELL", kind="LMT", limit="1.00"), "105"),
        (place(1, kind="LMT", limit="1.00", block=contract("MSFT")), "105"),
        (place(1, kind="LMT", limit="1.00", account="DU7654321"), "105"),
        (place(1, kind="TRAIL", aux="1.00"), "329"),
        (place(1, kind="LMT", limit="1.001"), "110"),
        (place(1, kind="LMT", limit="1.00", size="0"), "434"),
    ],
)
async def test_change_that_does_not_fit_leaves_the_order_alone(bench: Bench, change: Fields, code: str) -> None:
    client = await bench.client()
    await answers(client, place(1, kind="LMT", limit="1.00"))
    frames = await answers(client, change)
    assert [f[3] for f in frames] == [code]
    [opened] = [f for f in await answers(client, (5, 1)) if f[0] == "5"]
    assert opened[OPEN["action"] : OPEN["aux"]] == ["BUY", "100", "LMT", "1.0"]


async def test_cancelled_order_cannot_be_changed(bench: Bench) -> None:
    client = await bench.client()
    await answers(client, place(1, kind="LMT", limit="1.00"), (4, 1, 1, ""))
    assert kinds(await answers(client, place(1, kind="LMT", limit="2.00"))) == [("4", "103")]


async def test_order_beyond_the_account_is_rejected_and_inactive(bench: Bench) -> None:
    client = await bench.client()
    frames = await answers(client, place(1, size="100000"))
    assert kinds(frames) == [("5", "Inactive"), ("3", "Inactive"), ("4", "201")]
    assert "MUST EXCEED THE INITIAL MARGIN" in frames[2][4]
    assert await answers(client, (5, 1)) == [["53", "1"]]
    assert kinds(await answers(client, (4, 1, 1, ""))) == [("4", "10148")]


async def test_next_order_can_be_made_to_fail(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    assert await bench.control("reject No trading permissions.") == "ok"
    frames = await answers(client, place(1), place(2))
    assert kinds(frames)[:3] == [("5", "Inactive"), ("3", "Inactive"), ("4", "201")]
    assert frames[2][4] == "Order rejected - reason:No trading permissions."
    assert ("3", "Filled") in kinds(frames)


async def test_order_can_be_filled_on_command(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, place(1, kind="LMT", limit="50.00"), place(2, "SELL", kind="STP", aux="10.00"))
    assert await bench.control("fill 1") == "ok"
    frames = await answers(client)
    assert next(f for f in frames if f[0] == "11")[20] == "50"
    assert await bench.control("fill 2") == "ok"
    assert next(f for f in await answers(client) if f[0] == "11")[20] == "100"
    assert (await bench.control("fill 3")).startswith("error: no open order has the id 3")


async def test_odd_lot_of_currency_is_warned_of(bench: Bench) -> None:
    client = await bench.client()
    request = place(1, kind="LMT", limit="1.00", block=contract("EUR", "CASH", "IDEALPRO"))
    frames = await answers(client, request)
    [warning] = [f for f in frames if f[0] == "4"]
    assert warning[2:4] == ["1", "399"]
    assert warning[4].startswith("Order Message:\nBUY 100 EUR.USD Forex\nWarning: Your order size is below the EUR 20000")
    assert ("3", "Submitted") in kinds(frames)


async def test_order_of_every_type_of_instrument_is_taken(bench: Bench) -> None:
    client = await bench.client()
    details = await answers(client, (9, 8, 3, *contract("AAPL", "OPT", strike="230.0"), 0, "", "", ""))
    option = next(f for f in details if f[0] == "10")[12]
    blocks = [AAPL, contract("", "", "SMART", con_id=int(option)), contract("EUR", "CASH", "IDEALPRO")]
    for n, block in enumerate(blocks, 1):
        frames = await answers(client, place(n, kind="LMT", limit="0.05", size="1", block=block))
        assert ("3", "Submitted") in kinds(frames)
