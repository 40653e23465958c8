"""A reader's place in the journal: it outlives whoever reads the journal for it."""

from pathlib import Path

import pytest
import trio
import trio.testing

from ibactors.actors.order_following import Follower, Stream
from ibactors.actors.orders import OrdersRef
from ibactors.errors import ActorDown
from ibactors.orders.errors import CursorGone
from ibactors.orders.reader import Page, Snapshot, cursor_of
from ibactors.orders.safety import Mode
from ibactors.orders.transaction import Entry


class Journal(OrdersRef):
    """Answers in place of the actor."""

    def __init__(self) -> None:
        super().__init__(Mode.PAPER, Path("nowhere"))
        self.name_of_journal = "j"
        self.down = False
        self.looks = 0

    def grow(self, count: int = 1) -> None:
        self.durable(self.sequence + count)

    async def events(self, after: str, *, limit: int, **_filter: object) -> Page:
        self.looks += 1
        await trio.sleep(0.01)
        if self.down:
            raise ActorDown("orders", started=True)
        name, _, number = after.rpartition("-")
        if name not in {"", self.name_of_journal}:
            raise CursorGone("It is another one.")
        first = int(number or 0)
        last = min(first + limit, self.sequence)
        entries = tuple(Entry(sequence=n, at=0.0, kind="sent", body=b"{}") for n in range(first + 1, last + 1))  # type: ignore[arg-type]
        cursor = cursor_of(self.name_of_journal, last)
        return Page(entries=entries, previous=first, journal_id=self.name_of_journal, cursor=cursor, more=last < self.sequence)

    async def snapshot(self, *, account: str | None) -> Snapshot:  # noqa: ARG002
        await trio.lowlevel.checkpoint()
        if self.down:
            raise ActorDown("orders", started=False)
        return Snapshot(orders=(), journal_id=self.name_of_journal, sequence=self.sequence)


@pytest.fixture
def journal() -> Journal:
    return Journal()


def numbers(page: Page | Snapshot) -> list[int]:
    assert isinstance(page, Page)
    return [entry.sequence for entry in page.entries]


async def test_a_follower_takes_page_by_page_and_then_waits(journal: Journal, autojump_clock: trio.testing.MockClock) -> None:
    journal.grow(5)
    follower = Follower(journal, "j-1", limit=2)
    assert [numbers(await follower.next()) for _ in range(2)] == [[2, 3], [4, 5]]
    with trio.move_on_after(60):
        await follower.next()
    assert journal.looks == 2, "it has read to the end, and looks no more until there is something"
    journal.grow()
    assert numbers(await follower.next()) == [6]


async def test_what_was_cancelled_comes_the_next_time(journal: Journal, autojump_clock: trio.testing.MockClock) -> None:
    follower = Follower(journal, "j-0")
    journal.grow(3)
    with trio.move_on_after(0.005):
        await follower.next()
    assert numbers(await follower.next()) == [1, 2, 3]


async def test_a_stream_waits_for_an_actor_that_is_down(journal: Journal, autojump_clock: trio.testing.MockClock) -> None:
    stream = Stream(journal, "")
    journal.down = True
    with trio.move_on_after(2):
        await stream.next()
    journal.down = False
    assert isinstance(await stream.next(), Snapshot)
    journal.grow(2)
    journal.down = True
    with trio.move_on_after(2):
        await stream.next()
    journal.down = False
    assert numbers(await stream.next()) == [1, 2]
    assert not stream.was_reset


async def test_a_stream_of_another_journal_begins_with_the_open_orders(journal: Journal, autojump_clock: trio.testing.MockClock) -> None:
    stream = Stream(journal, "before-7")
    assert isinstance(await stream.next(), Snapshot)
    assert stream.was_reset
    journal.name_of_journal = "restored"
    journal.grow()
    assert isinstance(await stream.next(), Snapshot)
    journal.grow()
    assert numbers(await stream.next()) == [2]
