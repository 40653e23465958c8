"""Bulletins over breaks and days: each is told once, and what may have been missed is a gap."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.bulletins import BulletinsActor, BulletinsRef
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.sessions import SessionPhase
from ibactors.model.times import now, rfc3339
from tests.unit.test_feeds import StandIn


class Heard:
    """What listeners have been told."""

    def __init__(self, ref: BulletinsRef, connection: StandIn) -> None:
        self.ref, self.connection = ref, connection
        self.told: list[Any] = []

    async def say(self, number: int, text: str, at: str | None = None) -> None:
        value = {"bulletin_id": number, "kind": "regular", "text": text, "exchange": "SMART", "timestamp": at or now()}
        self.connection.listeners[-1].told(value)
        await wait_all_tasks_blocked()

    async def again(self, epoch: int, reason: str | None = "gone") -> None:
        """A break, and another session."""
        self.connection.enter(SessionPhase.LOST, epoch - 1, reason=reason)
        await wait_all_tasks_blocked()
        self.connection.enter(SessionPhase.UP, epoch)
        await wait_all_tasks_blocked()

    @property
    def texts(self) -> list[str]:
        return [getattr(each.value, "text", "gap") for each in self.told]


@asynccontextmanager
async def heard() -> AsyncIterator[Heard]:
    connection, ref = StandIn(), BulletinsRef()
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, lambda: BulletinsActor(ref, connection))
        there = Heard(ref, connection)
        with ref.updates.listening(there.told.append):
            connection.enter(SessionPhase.UP)
            await wait_all_tasks_blocked()
            yield there


async def test_a_session_repeats_those_of_the_day_and_they_are_told_once(autojump_clock: MockClock) -> None:
    async with heard() as there:
        await there.say(1, "late")
        await there.again(2)
        await there.say(1, "late")
        await there.say(2, "later")
        assert there.texts == ["late", "later"]
        assert [known.bulletin_id for known in there.ref.known] == [1, 2]


async def test_a_day_that_ended_in_a_break_is_told_as_a_gap(autojump_clock: MockClock) -> None:
    async with heard() as there:
        there.connection.enter(SessionPhase.LOST, reason="gone")
        await wait_all_tasks_blocked()
        assert there.ref.broken_at is not None
        there.ref.broken_at = rfc3339((dt.datetime.now(dt.UTC) - dt.timedelta(days=2)).timestamp())
        there.connection.enter(SessionPhase.UP, 2)
        await wait_all_tasks_blocked()
        assert there.texts == ["gap"]


async def test_numbers_and_texts_of_another_day_are_new(autojump_clock: MockClock) -> None:
    async with heard() as there:
        await there.say(1, "late", at=rfc3339((dt.datetime.now(dt.UTC) - dt.timedelta(days=2)).timestamp()))
        await there.say(1, "late")
        assert there.texts == ["late", "late"]


async def test_after_a_silence_they_are_asked_for_again(autojump_clock: MockClock) -> None:
    async with heard() as there:
        there.connection.enter(SessionPhase.SILENT, reason="silent")
        await wait_all_tasks_blocked()
        there.connection.enter(SessionPhase.UP)
        await wait_all_tasks_blocked()
        assert len(there.connection.opened) == 2
