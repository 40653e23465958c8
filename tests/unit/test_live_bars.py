# ruff: noqa: ARG002  # autojump_clock acts by being asked for; listeners are told more than they note
"""Live bars: what of a series is told when, from IB's messages on; and what is missing."""

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.bridge.live_bars import ArrivedBar, BarLine
from ibactors.errors import Doubtful, GatewayRefused, HistoryPacing, IbactorsError
from ibactors.history.live import BarTrack, Hole
from ibactors.history.sizes import SIZES
from ibactors.model.bars import Bar, BarSize, What
from tests.unit.test_lines import CONTRACT
from tests.unit.test_requests import Line, line

MINUTE = SIZES[BarSize.M1]


def bar(at: int, close: float = 1.0) -> Bar:
    return Bar(at=at, open=1.0, high=2.0, low=0.5, close=close, volume=1, vwap=None, count=None)


def track(size: BarSize = BarSize.M1, *, grows: bool = True) -> BarTrack:
    return BarTrack(size=SIZES[size], grows=grows)


def taken(of: BarTrack, *bars: int, updated: bool = True) -> list[tuple[int, bool]]:
    return [(told.at, final) for at in bars for told, final in of.take(bar(at), at + of.size.seconds, updated=updated)]


def test_a_bar_is_final_when_the_next_begins_and_never_again() -> None:
    series = track()
    assert taken(series, 60, 60, 120, 60, 120, 180) == [
        (60, False), (60, False), (60, True), (120, False), (120, False), (120, True), (180, False),
    ]  # fmt: skip
    assert not series.holes


def test_what_a_break_has_swallowed_is_a_hole_with_the_bar_that_was_forming() -> None:
    series = track()
    taken(series, 60, 120)
    series.lose()
    assert taken(series, 300) == [(300, False)]
    assert series.holes == [Hole(begin=120, end=300)]


def test_a_bar_that_goes_on_after_a_break_leaves_no_hole() -> None:
    series = track()
    taken(series, 60, 120)
    series.lose()
    assert taken(series, 120, 180) == [(120, False), (120, True), (180, False)]
    assert not series.holes


def test_a_bar_of_which_no_update_came_is_not_final_but_missing() -> None:
    series = track()
    taken(series, 60, updated=False)
    assert taken(series, 120) == [(120, False)]
    assert series.holes == [Hole(begin=60, end=120)]
    assert series.close() == bar(120)


def test_a_bar_whose_last_update_came_well_before_its_end_is_not_final_but_missing() -> None:
    series = track()
    series.take(bar(60), 118.5)
    assert taken(series, 120) == [(120, False)]
    series.take(bar(120), 170.0)
    assert series.close() is None
    assert series.holes == [Hole(begin=60, end=120), Hole(begin=120, end=121)]
    small = track(BarSize.S30)
    small.take(bar(60), 85.0)
    assert taken(small, 90) == [(60, True), (90, False)]


def test_a_spell_without_updates_is_a_hole_and_a_session_that_begins_off_the_grid_is_none() -> None:
    hours = track(BarSize.H1)
    taken(hours, 1800, 3600, 7200)
    assert not hours.holes
    taken(hours, 5 * 3600)
    assert hours.holes == [Hole(begin=7201, end=5 * 3600)]


def test_weeks_are_stamped_with_their_last_session_and_are_one_bar() -> None:
    week, day = 7 * 86_400, 86_400
    series = track(BarSize.W1)
    monday = 4 * day + 100 * week
    told = [(told.at, final) for at in (monday, monday + day, monday + week) for told, final in series.take(bar(at), at)]
    assert told == [(monday, False), (monday + day, False), (monday + week, False)]
    assert series.holes == [Hole(begin=monday + day, end=monday + week)], "when a week is over depends on where"


def test_bars_that_come_when_they_are_over_are_final_at_once() -> None:
    series = track(BarSize.S5, grows=False)
    assert taken(series, 5, 10, 10, 25) == [(5, True), (10, True), (25, True)]
    assert series.holes == [Hole(begin=11, end=25)]


@given(st.lists(st.one_of(st.integers(1, 40), st.just("lost"), st.just("over")), max_size=60))
def test_each_bar_is_final_once_and_all_others_are_in_holes(steps: list[Any]) -> None:
    series = track()
    finals: list[int] = []
    for step in steps:
        if step == "lost":
            series.lose()
        elif step == "over":
            finals += [told.at for told in [series.close()] if told is not None]
        else:
            finals += [told.at for told, final in series.take(bar(60 * step), 60.0 * step + 60) if final]
    assert finals == sorted(set(finals))
    filled = [at for at in range(60, 2460, 60) for hole in series.holes if hole.begin <= at < hole.end]
    assert not set(filled) & set(finals)
    assert len(filled) == len(set(filled))
    if finals:
        last = max([*finals, *filled])
        assert set(range(min([*finals, *filled]), last + 60, 60)) == {*finals, *filled}, "none is missing"


class Heard:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def told(self, value: ArrivedBar) -> None:
        self.said.append((*value.read[:1], value.read[1], value.updated))

    def failed(self, error: IbactorsError) -> None:
        self.said.append(type(error))

    def interrupted(self, error: IbactorsError) -> None:
        self.said.append("interrupted")

    def resumed(self) -> None:
        self.said.append("resumed")


def subscribed(there: Line, seconds: int = 60, text: str = "1 min") -> tuple[int, Heard]:
    heard = Heard()
    feed = BarLine(CONTRACT, heard, seconds=seconds, text=text, of=What.TRADES, rth=True, origin=None)
    return there.session.subscribe(feed), heard


async def test_answer_and_updates_are_read_in_their_own_orders(autojump_clock: MockClock) -> None:
    async with line() as there:
        number, heard = subscribed(there)
        rows = ["60", "1", "3", "0.5", "2", "10", "1.5", "4", "120", "1", "3", "0.5", "2", "10", "1.5", "4"]
        there.say(17, number, "", "", 2, *rows)
        there.inbox.packet_done()
        there.say(90, number, 5, "120", "1", "2.5", "3", "0.5", "1.6", "11")
        there.inbox.packet_done()
        assert heard.said == [(120, (1.0, 3.0, 0.5, 2.0), False), (120, (1.0, 3.0, 0.5, 2.5), True)]


async def test_five_seconds_are_asked_for_as_real_time_bars(autojump_clock: MockClock) -> None:
    async with line() as there:
        number, heard = subscribed(there, 5, "5 secs")
        there.say(50, 3, number, 1000, "1", "3", "0.5", "2", "10", "1.5", "4")
        there.inbox.packet_done()
        assert heard.said == [(1000, (1.0, 3.0, 0.5, 2.0), True)]
        await wait_all_tasks_blocked()
        there.session.unsubscribe(number)
        await wait_all_tasks_blocked()
        assert [message[0] for message in there.sent] == ["50", "51"]


@pytest.mark.parametrize(
    ("code", "text", "means"),
    [
        (10182, "Failed to request live updates (disconnected).", Doubtful),
        (10225, "Bust event occurred, current subscription is deactivated.", Doubtful),
        (162, "Historical Market Data Service error message:Historical data request pacing violation", HistoryPacing),
        (420, "Invalid Real-time Query:Historical data request pacing violation", HistoryPacing),
    ],
)
async def test_errors_after_which_it_is_asked_again(code: int, text: str, means: type[IbactorsError], autojump_clock: MockClock) -> None:
    async with line() as there:
        number, heard = subscribed(there)
        there.say(4, 2, number, code, text, "")
        await trio.lowlevel.checkpoint()
        assert heard.said == [means]


async def test_a_bar_that_cannot_be_read_fails_the_series(autojump_clock: MockClock) -> None:
    async with line() as there:
        number, heard = subscribed(there)
        there.say(90, number, 5, "soon", "1", "2.5", "3", "0.5", "1.6", "11")
        assert heard.said == [GatewayRefused]
