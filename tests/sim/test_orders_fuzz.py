"""Whatever a client writes into an order, it gets an answer and the log stays clean."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.sim.orders.ticket import read_ticket
from ibactors.sim.wire.frames import BadField, FieldReader
from tests.sim.ordertools import answers, place
from tests.sim.rawclient import Bench, contract, pack

NASTY = [
    *("", "0", "1", "-1", "2147483647", "-2147483648", "2147483648", "99999999999999999999", "1e308", "1e-308", "-0.0"),
    *("1.7976931348623157E308", "1.7976931348623157e+308", "inf", "-inf", "Infinite", "nan", "NaN", "1_000", "0x10"),
    *("?", "None", "x" * 300, "\u20ac\u4e2d", "\r\n", " ", "true", "BUY", "SELL", "STP", "TRAIL", "TRAIL LIMIT", "IOC", "GTD"),
    *("BAG", "CASH", "EUR", "20990101 00:00:00", "20200101-00:00:00", "PEG BENCH", "PEG BEST", "PEG MID", "IBKRATS"),
]


def fields_after_id(fields: tuple[str | int, ...]) -> FieldReader:
    """A reader that stands after the message id, as handlers get it."""
    reader = FieldReader(pack(*fields)[4:])
    reader.integer()
    return reader


@given(
    st.integers(157, 178),
    st.lists(st.tuples(st.integers(1, 113), st.sampled_from(NASTY) | st.text(max_size=8)), max_size=12),
    st.integers(0, 120),
)
def test_ticket_is_read_or_refused(version: int, changes: list[tuple[int, str]], length: int) -> None:
    fields = list(place(1, kind="LMT", limit="1.00", version=version))
    for position, value in changes:
        if position < len(fields):
            fields[position] = value.replace("\0", "")
    reader = fields_after_id(tuple(fields[: max(1, 120 - length)]))
    try:
        ticket = read_ticket(reader, version)
    except BadField:
        return
    assert ticket.order_type is not None


@pytest.mark.parametrize("seed", range(6))
async def test_orders_of_nasty_values_are_answered_and_leave_the_log_clean(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)
    await bench.control("rate 200")
    blocks = [contract("AAPL"), contract("EUR", "CASH", "IDEALPRO"), contract("AAPL", "BAG"), contract("MSFT")]
    # A client may send fifty messages a second, so many clients share the work.
    for n in range(8):
        client = await bench.client(n, f"v157..{chance.randrange(157, 179)}")
        for order_id in range(1, 16):
            kind = chance.choice(["MKT", "LMT", "STP", "STP LMT", "TRAIL"])
            terms = {"whatIf": chance.randrange(2), "parentId": chance.choice([0, 0, order_id - 1])}
            block = chance.choice(blocks)
            request = list(place(order_id, chance.choice(["BUY", "SELL"]), "10", kind, "1.00", "2.00", block=block, **terms))
            for _ in range(chance.randrange(4)):
                request[chance.randrange(14, len(request))] = chance.choice(NASTY)
            await client.send(*request)
        await answers(client, (16, 1), (99, 0), (7, 3, 1, 0, "", "", "", "", "", ""), (6, 2, 1, "DU1234567"), (58, 1))
        await client.stream.aclose()
    await bench.control("rate 20")
