# autojump_clock acts by being asked for
"""Books as changes: each makes the book that the client has into the newest one, whatever was skipped in between."""

import json

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.depth import change
from ibactors.model.depth import Depth, DepthRow, DepthStale, delta
from ibactors.model.encoded import Encoded
from ibactors.model.times import now
from ibactors.web.stream.slot import Slot
from tests.following import Follower
from tests.unit.test_stream_sender import FakeWire, sender_on

ROWS = st.lists(
    st.builds(DepthRow, price=st.sampled_from([1.0, 2.0, 3.0]), size=st.integers(1, 2), maker=st.sampled_from(["IEX", None])), max_size=8
).map(tuple)


def book(sequence: int, bids: tuple[DepthRow, ...], asks: tuple[DepthRow, ...] = ()) -> Depth:
    return Depth(symbol="AAPL", con_id=265598, smart=True, sequence=sequence, bids=bids, asks=asks, timestamp=now())


def ladder(best: float, rows: int = 10) -> tuple[DepthRow, ...]:
    return tuple(DepthRow(price=best - place, size=5, maker="IEX") for place in range(rows))


def heard(follower: Follower, value: object) -> None:
    follower.take(json.loads(Encoded(value).json))


@given(ROWS, ROWS, ROWS, ROWS)
def test_changes_make_any_book_into_any_other(
    bids: tuple[DepthRow, ...], asks: tuple[DepthRow, ...], new_bids: tuple[DepthRow, ...], new_asks: tuple[DepthRow, ...]
) -> None:
    follower, old, new = Follower(), book(1, bids, asks), book(5, new_bids, new_asks)
    heard(follower, old)
    heard(follower, delta(old, new))
    assert follower.book == json.loads(Encoded(new).json) | {"timestamp": new.timestamp}


def test_a_new_best_row_is_one_row_in_and_one_out() -> None:
    change = delta(book(1, ladder(100)), book(2, ladder(101)))
    assert [(step.operation, step.place) for step in change.bids] == [("insert", 0), ("delete", 10)]
    assert change.asks == ()


async def test_a_whole_book_is_sent_where_that_is_shorter_or_nothing_was_before(autojump_clock: MockClock) -> None:
    old, alike, other = (Encoded(book(number, ladder(best))) for number, best in ((1, 100.0), (2, 101.0), (3, 900.0)))
    gone = Encoded(DepthStale(smart=True, code="x", reason="y", since=now()))
    assert type(change(old, alike).value).__name__ == "DepthDelta"
    assert change(old, alike) is change(old, alike), "made once for all"
    for before in (None, gone):
        assert change(before, alike) is alike
    assert change(old, gone) is gone
    assert change(old, other) is other


@pytest.mark.parametrize("interval", [0.0, 0.2])
@pytest.mark.parametrize("batch", [False, True])
async def test_a_reader_that_skips_books_gets_what_makes_the_last_it_has_into_the_newest(
    autojump_clock: MockClock, batch: bool, interval: float
) -> None:
    wire, follower = FakeWire(autojump_clock), Follower()
    slot = Slot(interval=interval, change=change, members=b',"id":7')
    async with sender_on(wire, batch=batch) as sender:
        for sequence, best in enumerate((100, 101, 103, 102, 101, 105, 104), start=1):
            wire.room = -1 if sequence in {2, 3, 5} else 10**9
            sender.put(slot, Encoded(book(sequence, ladder(best), ladder(best + 20))))
            if sequence not in {2, 3, 5}:
                wire.make_room()
            await wait_all_tasks_blocked()
        await trio.sleep(1)
    for message in wire.messages:
        for each in message if batch else [message]:
            assert each["id"] == 7
            follower.take(each)
    assert follower.book is not None
    assert (follower.book["sequence"], follower.book["bids"][0]["price"], len(follower.book["bids"])) == (7, 104, 10)
    assert follower.deltas >= (1 if interval else 3)
