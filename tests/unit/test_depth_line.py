# ruff: noqa: ARG002  # autojump_clock acts by being asked for; listeners are told more than they note
"""The bridge's side of books and ticks: rows by their place, resets, cancels that IB would ignore, ticks in order."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.bridge.depth_line import FIRST_ROW_LIMIT, DepthLine
from ibactors.bridge.incoming import SETTLING
from ibactors.bridge.tick_line import RawTick, TickLine
from ibactors.errors import DepthLimit, GatewayRefused, IbactorsError, MarketDataNotSubscribed, TicksLimit
from ibactors.model.depth import DepthRow
from ibactors.model.instruments import Instrument
from ibactors.model.ticks import LiveKind
from tests.unit.test_connection import CONTRACT
from tests.unit.test_requests import Line, line


class Heard:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def changed(self, bids: tuple[DepthRow, ...], asks: tuple[DepthRow, ...], arrived: float, changes: int) -> None:
        self.said.append(([row.price for row in bids], [row.price for row in asks]))

    def reset(self) -> None:
        self.said.append("reset")

    def ticked(self, ticks: Sequence[RawTick]) -> None:
        self.said += [tick.get("price") or tick["bid"] for tick in ticks]

    def failed(self, error: IbactorsError) -> None:
        self.said.append(type(error))

    def interrupted(self, error: IbactorsError) -> None:
        self.said.append("interrupted")

    def resumed(self) -> None:
        self.said.append("resumed")


INSTRUMENT = Instrument(symbol="AAPL")
INSERT, UPDATE, DELETE = 0, 1, 2


async def book(there: Line) -> tuple[int, Heard]:
    heard = Heard()
    request_id = there.session.subscribe(DepthLine(INSTRUMENT, CONTRACT, heard, smart=True))
    await wait_all_tasks_blocked()
    return request_id, heard


def row(there: Line, request_id: int, place: int, operation: int, price: object, *, size: object = 100) -> None:
    there.say(13, 1, request_id, place, "IEX", operation, 1, price, size, 1)


async def test_rows_are_inserted_changed_and_deleted_by_their_place(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = await book(there)
        for place, operation, price in ((0, INSERT, 10.0), (1, INSERT, 9.0), (1, INSERT, 9.5), (2, UPDATE, 8.5), (0, DELETE, 0.0)):
            row(there, request_id, place, operation, price)
        there.inbox.packet_done()
        assert heard.said == [([9.5, 8.5], [])]
        row(there, request_id, 5, UPDATE, 7.0)  # places beyond the end are seen
        row(there, request_id, 9, DELETE, 0.0)
        there.say(12, 1, request_id, 0, INSERT, 0, 11.0, 5)
        there.inbox.packet_done()
        assert heard.said[-1] == ([9.5, 8.5, 7.0], [11.0])


async def test_a_cancel_waits_for_the_first_row_as_ib_would_ignore_it(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, _ = await book(there)
        there.session.unsubscribe(request_id)
        await wait_all_tasks_blocked()
        assert ([fields[0] for fields in there.sent], there.session.closing_books) == (["10"], 1)
        row(there, request_id, 0, INSERT, 10.0)
        there.inbox.packet_done()
        await wait_all_tasks_blocked()
        assert ([fields[0] for fields in there.sent], there.session.closing_books) == (["10", "11"], 0)


async def test_a_book_that_never_began_is_cancelled_all_the_same(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, _ = await book(there)
        await trio.sleep(FIRST_ROW_LIMIT + 1)
        there.session.unsubscribe(request_id)
        await wait_all_tasks_blocked()
        assert ("11" in [fields[0] for fields in there.sent], there.session.closing_books) == (True, 0)


async def test_a_book_that_is_closed_before_it_begins_and_never_does_is_cancelled_when_ib_heeds_that(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, _ = await book(there)
        there.session.unsubscribe(request_id)
        await trio.sleep(FIRST_ROW_LIMIT - 1)
        there.inbox.beat()
        assert there.session.closing_books == 1
        await trio.sleep(2)
        there.inbox.beat()
        await wait_all_tasks_blocked()
        assert ("11" in [fields[0] for fields in there.sent], there.session.closing_books) == (True, 0), "a login has three of them"


@pytest.mark.parametrize(("code", "cancels"), [(317, True), (309, False), (10092, False)])
async def test_a_reset_lets_a_cancel_pass_and_a_refusal_needs_none(code: int, cancels: bool, autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, _ = await book(there)
        await trio.sleep(SETTLING + 1)
        there.session.unsubscribe(request_id)
        there.say(4, 2, request_id, code, "text", "")
        row(there, request_id, 0, INSERT, 10.0)
        there.inbox.packet_done()
        await wait_all_tasks_blocked()
        assert ("11" in [fields[0] for fields in there.sent], there.session.closing_books) == (cancels, 0)


async def test_after_a_reset_nothing_of_before_is_in_the_book(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = await book(there)
        row(there, request_id, 0, INSERT, 10.0)
        there.inbox.packet_done()
        there.say(4, 2, request_id, 317, "Market depth data has been RESET.", "")
        row(there, request_id, 0, INSERT, 9.0)
        there.inbox.packet_done()
        assert heard.said == [([10.0], []), "reset", ([9.0], [])]


@pytest.mark.parametrize(
    ("place", "operation", "price", "size"),
    [(-1, 0, 1.0, 1), (10**9, 0, 1.0, 1), (0, 7, 1.0, 1), (0, 0, "x", 1), (0, 0, 1.0, "nan"), (0, 0, "inf", 1)],
)
async def test_a_row_that_cannot_be_read_voids_the_book(
    place: int, operation: int, price: object, size: object, autojump_clock: MockClock
) -> None:
    async with line() as there:
        request_id, heard = await book(there)
        row(there, request_id, 0, INSERT, 10.0)
        row(there, request_id, place, operation, price, size=size)
        there.inbox.packet_done()
        assert heard.said == [GatewayRefused]


async def ticks(there: Line, of: LiveKind) -> tuple[int, Heard]:
    heard = Heard()
    request_id = there.session.subscribe(TickLine(INSTRUMENT, CONTRACT, of, heard))
    await wait_all_tasks_blocked()
    return request_id, heard


async def test_each_tick_of_a_packet_is_told_in_order_and_before_a_break(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = await ticks(there, LiveKind.LAST)
        for price in (1.0, 1.0, 2.0):
            there.say(99, request_id, 1, 1_700_000_000, price, 100, 0, "IEX", "")
        there.say(4, 2, -1, 1100, "Connectivity has been lost.", "")
        there.inbox.packet_done()
        assert heard.said == [1.0, 1.0, 2.0, "interrupted"]


@pytest.mark.parametrize(
    "fields", [(1, "x", 1.0, 1, 0, "", ""), (1, 1_700_000_000, "", 1, 0, "", ""), (3, 1, 1.0), (9, 1, 1.0), (4, -5, 1.0)]
)
async def test_a_tick_that_cannot_be_read_is_not_left_out_silently(fields: tuple[object, ...], autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = await ticks(there, LiveKind.LAST)
        there.say(99, request_id, *fields)
        there.inbox.packet_done()
        assert heard.said == [GatewayRefused]


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [
        (10190, "Max number of tick-by-tick requests has been reached", TicksLimit),
        (10189, "Failed to request tick-by-tick data:No market data permissions for ISLAND STK", MarketDataNotSubscribed),
        (10189, "Failed to request tick-by-tick data:BidAsk ticks are not available for IND", GatewayRefused),
        (309, "Max number (3) of market depth requests has been reached", GatewayRefused),
    ],
)
async def test_refusals_of_ticks_say_what_they_mean(code: int, text: str, error: type[IbactorsError], autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = await ticks(there, LiveKind.ALL_LAST)
        await trio.sleep(SETTLING + 1)
        there.say(4, 2, request_id, code, text, "")
        assert heard.said == [error]


async def test_refusals_of_books_say_what_they_mean(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = await book(there)
        await trio.sleep(SETTLING + 1)
        there.say(4, 2, request_id, 2152, "Exchanges - Depth: IEX; Top: BYX; ", "")
        there.say(4, 2, request_id, 309, "Max number (3) of market depth requests has been reached", "")
        assert heard.said == [DepthLimit]


def test_rows_are_small_values() -> None:
    assert msgspec.json.encode(DepthRow(price=1.5, size=3, maker=None)) == b'{"price":1.5,"size":3,"maker":null}'
