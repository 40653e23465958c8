# autojump_clock acts by being asked for
"""Whether what comes is of this moment: silence of the gateway, pauses of this process, and the answer that ends the doubt."""

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.bridge.quote_line import QuoteLine
from ibactors.bridge.vigil import PAUSE, Pulse, beat
from ibactors.config import Settings
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.model.instruments import Instrument
from ibactors.model.quotes import Quote
from ibactors.model.times import rfc3339
from tests.unit.test_connection import CONTRACT
from tests.unit.test_requests import Line

SETTINGS = Settings()


class Timed:
    def __init__(self) -> None:
        self.quotes: list[Quote] = []

    def ticked(self, quote: Quote) -> None:
        self.quotes.append(quote)

    def failed(self, error: IbactorsError) -> None:
        raise error

    def interrupted(self, error: IbactorsError) -> None:
        raise error

    def resumed(self) -> None:
        raise AssertionError("nothing was interrupted")


class Watched(Line):
    """A session that is watched over, whose clock of pauses is set by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0.0
        self.pulse = Pulse(self.inbox.vigil, lambda: self.clock)
        self.changes: list[str | None] = []
        self.held: list[str] = []
        self.ended: str | None = None
        self.session.on_change(lambda _: self.changes.append(self.session.silent))
        self.session.on_pause(self.held.append)

    @property
    def probes(self) -> int:
        return sum(fields[0] == "49" for fields in self.sent)

    def step(self, seconds: float) -> None:
        """A step of some task, so long after the one before."""
        self.clock += seconds
        self.pulse.before_task_step(trio.lowlevel.current_task())

    def packet(self, *messages: tuple[object, ...]) -> None:
        self.inbox.packet_arrived()
        for message in messages:
            self.say(*message)
        self.inbox.heard()
        self.inbox.packet_done()

    def answer(self) -> None:
        self.packet((49, 1, 1_800_000_000))

    async def keep(self) -> None:
        try:
            await self.inbox.vigil.keep(self.client, SETTINGS)
        except GatewayDisconnected as exc:
            self.ended = str(exc)


@asynccontextmanager
async def watched() -> AsyncIterator[Watched]:
    there = Watched()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(there.client.outbox.run, there.client.write)
        nursery.start_soon(there.keep)
        await wait_all_tasks_blocked()
        yield there
        nursery.cancel_scope.cancel(reason="the test is over")


def line_in(there: Watched) -> tuple[int, Timed]:
    heard = Timed()
    return there.session.subscribe(QuoteLine(Instrument(symbol="AAPL"), CONTRACT, heard)), heard


@pytest.mark.parametrize("late", [0.5, 2.0, 4.0, 4.9, 6.5])
async def test_gateway_that_answers_late_keeps_its_session(late: float, autojump_clock: MockClock) -> None:
    async with watched() as there:
        for _ in range(5):
            await trio.sleep(SETTINGS.probe_idle + 0.01)
            await trio.sleep(late)
            there.answer()
            await wait_all_tasks_blocked()
            assert there.session.silent is None
        assert there.ended is None
        assert any(there.changes) == (late > SETTINGS.probe_timeout / 4), "it is said to be silent meanwhile"


async def test_gateway_without_a_word_is_given_up_after_ten_seconds(autojump_clock: MockClock) -> None:
    async with watched() as there:
        await trio.sleep(4.9)
        assert there.session.silent
        await trio.sleep(5.0)
        assert there.ended is None
        await trio.sleep(0.2)
        assert "silent" in (there.ended or "")


async def test_only_the_answer_to_a_probe_ends_a_silence(autojump_clock: MockClock) -> None:
    """What comes first may have lain in a buffer all the time."""
    async with watched() as there:
        request_id, heard = line_in(there)
        await trio.sleep(6.0)
        assert there.session.silent
        there.packet((1, 6, request_id, 1, 9.0, 100, 0))
        assert there.session.silent
        assert heard.quotes[-1].timestamp < rfc3339(time.time() - 4), "it came at some time since the last sign of life"
        there.answer()
        assert there.session.silent is None
        there.packet((1, 6, request_id, 1, 10.0, 100, 0))
        assert heard.quotes[-1].timestamp > rfc3339(time.time() - 1)


async def test_from_the_first_step_after_a_pause_nothing_is_current_until_a_later_probe_is_answered(autojump_clock: MockClock) -> None:
    async with watched() as there:
        request_id, heard = line_in(there)
        there.client.reqCurrentTime()  # its answer may lie in the buffer
        await wait_all_tasks_blocked()
        there.step(25.0)
        assert there.session.silent
        assert there.held == [there.session.silent]
        assert not there.changes, "it is told by a task"
        there.answer()
        assert there.session.silent, "that was asked before the pause"
        for price in (1.0, 2.0):
            there.packet((1, 6, request_id, 1, price, 100, 0))
        assert rfc3339(time.time() - 26) < heard.quotes[0].timestamp < heard.quotes[1].timestamp < rfc3339(time.time() - 24)
        await wait_all_tasks_blocked()
        assert there.changes == [there.held[0]]
        assert there.probes == 2
        there.answer()
        assert (there.session.silent, there.changes[-1]) == (None, None)
        await trio.sleep(1)
        assert there.ended is None


async def test_pause_while_a_probe_is_out_is_no_reason_to_give_the_gateway_up(autojump_clock: MockClock) -> None:
    async with watched() as there:
        await trio.sleep(4.0)
        assert there.probes == 1
        there.step(60.0)
        await trio.sleep(0.1)
        assert there.probes == 2
        there.answer()
        assert there.session.silent, "the answer to the later one is still to come"
        there.answer()
        assert there.session.silent is None
        assert there.ended is None


async def test_pause_again_before_the_answer_takes_another_probe(autojump_clock: MockClock) -> None:
    async with watched() as there:
        for seconds in (10.0, 20.0):
            there.step(seconds)
            await wait_all_tasks_blocked()
        assert there.probes == 2
        there.answer()
        assert there.session.silent
        there.answer()
        assert there.session.silent is None


async def test_busy_loop_is_no_pause(autojump_clock: MockClock) -> None:
    async with watched() as there:
        for _ in range(100):
            there.step(PAUSE * 0.9)
        assert there.session.silent is None
        assert not there.held


async def test_there_are_steps_to_notice_the_lack_of_three_a_second(autojump_clock: MockClock) -> None:
    times: list[float] = []
    with trio.move_on_after(9.9 * PAUSE):
        await beat(lambda: times.append(trio.current_time()))
    assert len(times) == 29
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) == pytest.approx(PAUSE / 3)
