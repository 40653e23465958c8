"""The rules of the past, each by itself: stretches, what is asked for, what is kept, tokens."""

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.errors import InvalidRequest
from ibactors.history.cache import KEPT, Cache, Finished
from ibactors.history.calendar import Calendar, read_sessions
from ibactors.history.merge import LATE, finished, forms, within
from ibactors.history.pages import Place, read_token, write_token
from ibactors.history.plan import wanted
from ibactors.history.rows import Fields, Rows, fields_of
from ibactors.history.sizes import DAY, SIZES
from ibactors.model.bars import BarSize, Session

TIMES = st.integers(0, 4_000_000_000)


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def row(when: int, price: float = 1.0) -> Fields:
    return fields_of(when, (price, price, price, price), 10, price, 2)


@given(st.sampled_from(list(BarSize)), TIMES)
def test_stretches_of_a_size_tile_all_time_and_share_no_bar(bar: BarSize, when: int) -> None:
    size = SIZES[bar]
    begin, end = size.stretch_of(when)
    assert begin <= when < end
    assert size.stretch_of(end)[0] == end
    assert size.stretch_of(begin) == (begin, end)
    assert size.bucket(begin) == begin
    assert size.over(when) > when


@given(st.lists(st.lists(st.integers(0, 30), max_size=8), max_size=5), st.booleans())
def test_an_answer_read_in_turns_is_the_answer_read_at_once(parts: list[list[int]], ascending: bool) -> None:
    """Whatever its order; of several bars of one time the last one counts."""
    times = [when for part in parts for when in part]
    fields = [row(60 * when, float(n)) for n, when in enumerate(sorted(times) if ascending else times)]
    bounds = [0, *(sum(len(part) for part in parts[:n]) for n in range(1, len(parts))), len(fields)]
    turns = [Rows(fields[begin:end]) for begin, end in itertools.pairwise(bounds)]
    assert list(Rows.joined(turns)) == list(Rows(fields))


@given(st.sampled_from(list(BarSize)), st.integers(1_000_000_000, 1_790_000_000))
def test_no_request_is_longer_than_ib_takes(bar: BarSize, when: int) -> None:
    """By what a paper gateway took."""
    size = SIZES[bar]
    count, unit = wanted(size, *size.stretch_of(when), now=2_000_000_000).duration.split()
    longest = {"S": DAY, "D": 365, "Y": 20}[unit]
    assert 0 < int(count) <= longest
    if bar is BarSize.S1:
        assert int(count) <= 2000


def test_request_reaches_beyond_its_stretch_so_that_no_bar_is_cut() -> None:
    begin, end = SIZES[BarSize.H4].stretch_of(at("2026-04-02"))
    assert wanted(SIZES[BarSize.H4], begin, end, now=end + 10 * DAY).end == dt.datetime.fromtimestamp(end + 14_400, dt.UTC).strftime(
        "%Y%m%d-%H:%M:%S"
    )
    begin, end = SIZES[BarSize.D1].stretch_of(at("2020-04-02"))
    assert wanted(SIZES[BarSize.D1], begin, end, now=end + 10 * DAY).duration == "339 D"


def test_days_that_ib_takes_no_end_for_are_asked_for_in_years() -> None:
    """IB refuses more than 365 of them otherwise (321)."""
    now = at("2026-11-28")
    assert wanted(SIZES[BarSize.D1], at("1980-12-12"), now, now=now).duration == "47 Y"
    assert wanted(SIZES[BarSize.D1], at("2026-11-01"), now, now=now).duration == "30 D"


def test_sessions_are_counted_where_they_are_known() -> None:
    size = SIZES[BarSize.M1]
    begin, end = size.stretch_of(at("2026-04-01"))
    sessions = tuple(Session(date="", opens=begin + n * DAY, closes=begin + n * DAY + 3600) for n in range(4))
    known = Calendar(since=begin, until=end + DAY, sessions=sessions)
    assert wanted(size, begin, end, now=end + 10 * DAY, calendar=known).duration == "5 D"
    assert wanted(size, begin, end, now=end + 10 * DAY).duration == "10 D"


def test_present_has_no_end_but_for_small_bars_which_would_be_the_same_question_twice() -> None:
    now = at("2026-04-02T15:00:00") + 0.5
    assert wanted(SIZES[BarSize.M5], int(now) - 600, int(now) + 600, now=now).end == ""
    assert wanted(SIZES[BarSize.S5], int(now) - 600, int(now) + 600, now=now).end == "20260402-15:00:01"


def test_weeks_are_found_by_their_monday_whatever_day_they_are_stamped_with() -> None:
    size = SIZES[BarSize.W1]
    monday = at("2026-03-30")
    assert {size.bucket(monday + n * DAY) for n in range(7)} == {monday}
    rows = within(size, [row(at("2026-04-02")), row(at("2026-04-10"))], monday, at("2026-04-06"))
    assert [bar.at for bar in rows] == [at("2026-04-02")]


def test_last_of_two_bars_of_one_time_counts_and_their_order_is_that_of_time() -> None:
    rows = Rows([row(300, 2.0), row(60), row(300, 3.0)])
    assert [(bar.at, bar.close) for bar in rows] == [(60, 1.0), (300, 3.0)]
    with pytest.raises(ValueError, match="does not come after"):
        rows + Rows([row(300)])


def test_minus_one_is_nothing() -> None:
    bar = Rows([fields_of(60, (1.0, 2.0, 0.5, 1.5), -1, -1, -1)]).bar(0)
    assert (bar.volume, bar.vwap, bar.count) == (None, None, None)
    assert Rows([fields_of(60, (-37.6, -37.0, -40.0, -1.0), 0.5, -38.0, 3)]).bar(0).volume == 0.5


def test_bar_that_may_change_is_not_finished_and_what_follows_a_cut_bar_is_asked_for() -> None:
    size, now = SIZES[BarSize.H1], at("2026-04-02T15:20:00")
    # The first hour of a session is half an hour: what is kept must not reach over the beginning of the next bar.
    rows = Rows([row(at("2026-04-02T13:30:00")), row(at("2026-04-02T14:00:00")), row(at("2026-04-02T15:00:00"))])
    done = finished(size, rows, at("2026-04-03"), now=now, since=now)
    assert (len(done.rows), done.until) == (1, at("2026-04-02T13:30:01"))
    later = finished(size, rows, at("2026-04-03"), now=at("2026-04-05"), since=now)
    assert (len(later.rows), later.until) == (3, at("2026-04-03"))


def test_newest_bar_forms_until_its_session_is_over_for_a_while() -> None:
    opens, closes = at("2026-04-02T13:30:00"), at("2026-04-02T20:00:00")
    calendar = Calendar(since=0, until=closes + DAY, sessions=(Session(date="2026-04-02", opens=opens, closes=closes),))
    day = Rows([row(at("2026-04-02"))]).bar(0)
    assert forms(SIZES[BarSize.D1], day, now=closes - 1, calendar=calendar)
    assert not forms(SIZES[BarSize.D1], day, now=closes + LATE, calendar=calendar)
    assert forms(SIZES[BarSize.D1], day, now=closes + LATE, calendar=None)


def test_sessions_are_read_in_the_exchanges_zone_across_a_change_of_its_clocks() -> None:
    sessions = read_sessions(
        "US/Eastern", [("20260306-09:30:00", "20260306-16:00:00", "20260306"), ("20260309-09:30:00", "20260309-16:00:00", "20260309")]
    )
    assert [session.opens for session in sessions] == [at("2026-03-06T14:30:00"), at("2026-03-09T13:30:00")]
    with pytest.raises(ValueError, match="Bogus"):
        read_sessions("Bogus Standard Time", [])


def test_calendar_says_nothing_of_what_it_does_not_cover() -> None:
    calendar = Calendar(since=1000, until=2000, sessions=(Session(date="", opens=1200, closes=1400),))
    assert calendar.count(1000, 1200) == 0
    assert calendar.count(1000, 1201) == 1
    assert calendar.count(1400, 2000) == 0
    assert calendar.count(999, 1500) is None
    assert calendar.count(1500, 2001) is None


def test_cache_gives_way_by_use_and_forgets_after_a_time() -> None:
    cache = Cache(3 * 1200)
    rows = Rows(row(60 * n) for n in range(10))
    for name in "abc":
        cache.put(name, Finished(rows=rows, until=1, since=0.0))
    assert cache.get("a", 1.0) is not None
    cache.put("d", Finished(rows=rows, until=1, since=0.0))
    assert [name for name in "abcd" if cache.get(name, 1.0)] == ["a", "c", "d"]
    assert cache.get("a", KEPT) is None
    cache.put("big", Finished(rows=Rows(row(60 * n) for n in range(100)), until=1, since=0.0))
    assert len(cache) == 0
    assert cache.octets == 0


@given(TIMES, st.integers(0, 2000), TIMES)
def test_token_comes_back_as_it_went_and_only_to_its_question(when: int, done: int, end: int) -> None:
    token = write_token(Place(7, when, done, end))
    assert read_token(token, 7) == Place(7, when, done, end)
    with pytest.raises(InvalidRequest):
        read_token(token, 8)


@given(st.text(max_size=60))
def test_any_other_text_is_no_token(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_token(text, 7)


@pytest.mark.parametrize("place", [(10**18, 0, 0), (-(10**15), 0, 0), (0, -1, 0), (0, 10**30, 0), (0, 0, 10**18), (0, 0, -1)])
def test_token_of_no_place_that_there_is_is_none(place: tuple[int, int, int]) -> None:
    """A token is not sealed: whoever changes the numbers in it must not get anywhere that a question does not."""
    with pytest.raises(InvalidRequest):
        read_token(write_token(Place(7, *place)), 7)
