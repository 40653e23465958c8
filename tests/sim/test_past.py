"""The past is one: whatever a request is cut into, and whoever asks when, the bars are the same and add up."""

import datetime as dt
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibactors.sim.history.past import Bar, Past
from ibactors.sim.history.query import BarQuery, read_query
from ibactors.sim.market.catalogue import build_catalogue
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.market import Market
from tests.examples import examples

NOW = dt.datetime(2026, 11, 24, 17, 3, 20, tzinfo=dt.UTC)
CATALOGUE = build_catalogue(NOW.date())
AAPL = CATALOGUE.by_con_id[265598]
FUTURE = next(i for i in CATALOGUE.by_con_id.values() if i.sec_type == "FUT")
OPTION = next(i for i in CATALOGUE.by_con_id.values() if i.sec_type == "OPT" and i.right == "P")
PAIR = CATALOGUE.by_con_id[12087792]
SIZES = ["1 min", "2 mins", "3 mins", "5 mins", "15 mins", "30 mins", "1 hour", "2 hours", "3 hours", "4 hours", "8 hours"]
instruments = st.sampled_from([AAPL, FUTURE, OPTION, PAIR])


def past(instrument: Instrument = AAPL) -> Past:
    return Past(Market(CATALOGUE, seed=1, rate=4, now=lambda: NOW, silent=lambda _: False), instrument)


def bars(instrument: Instrument, query: BarQuery) -> list[Bar]:
    what = "TRADES" if instrument.has_trades else "MIDPOINT"
    known = past(instrument)
    return [known.sum(b.pieces, what, start=b.start, day=b.day) for b in query.buckets(instrument)]


def question(size: str, duration: str, end: dt.datetime = NOW, *, regular: bool = True) -> BarQuery:
    return read_query(end=end, size=size, duration=duration, regular=regular)


@pytest.mark.thorough
@given(instruments, st.sampled_from(SIZES), st.integers(0, 20), st.booleans())
@settings(deadline=None, max_examples=examples(10, 40))
def test_bars_of_any_size_add_up_to_the_day(instrument: Instrument, size: str, days: int, regular: bool) -> None:
    end = dt.datetime(2026, 11, 24, 5, tzinfo=dt.UTC) - dt.timedelta(days=days)
    [day] = bars(instrument, question("1 day", "1 D", end, regular=regular))
    parts = [b for b in bars(instrument, question(size, "2 D", end, regular=regular)) if b.day == day.day]
    assert (parts[0].open, parts[-1].close) == (day.open, day.close)
    assert max(p.high for p in parts) == day.high
    assert min(p.low for p in parts) == day.low
    if instrument.has_volume:
        assert sum(p.volume for p in parts) == day.volume
        assert sum(p.count for p in parts) == day.count


@pytest.mark.thorough
@given(instruments, st.sampled_from(SIZES), st.integers(1, 5), st.integers(0, 40 * 86400))
@settings(deadline=None, max_examples=examples(10, 40))
def test_any_cutting_of_a_request_gives_the_same_bars(instrument: Instrument, size: str, days: int, age: int) -> None:
    end = NOW - dt.timedelta(seconds=age)
    whole = bars(instrument, question(size, f"{days + 3} D", end, regular=False))
    pieces: dict[dt.datetime, Bar] = {}
    while end > whole[0].start:
        part = bars(instrument, question(size, f"{days} D", end, regular=False))
        if not part:
            # Today is empty until the opening.
            end = end.replace(hour=3, minute=59)
            continue
        pieces = {b.start: b for b in part} | pieces
        end = part[0].start
    assert [b for start, b in sorted(pieces.items()) if start >= whole[0].start] == whole


def test_seconds_are_the_minute_they_make() -> None:
    start = dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC)
    minute = past().bar(start, 60, "TRADES")
    seconds = [past().bar(start + dt.timedelta(seconds=n), 1, "TRADES") for n in range(60)]
    assert (seconds[0].open, max(s.high for s in seconds)) == (minute.open, minute.high)
    assert (min(s.low for s in seconds), seconds[-1].close) == (minute.low, minute.close)
    assert sum(s.volume for s in seconds) == minute.volume
    assert all(a.close == b.open for a, b in itertools.pairwise(seconds))


def test_ticks_lie_within_their_second() -> None:
    start = dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC)
    for n in range(100):
        second = past().bar(start + dt.timedelta(seconds=n), 1, "TRADES")
        for tick in past().ticks_of(int(start.timestamp()) + n):
            assert second.low <= tick.price <= second.high


def stamps(size: str, duration: str, end: str, instrument: Instrument = AAPL, *, regular: bool = True) -> list[str]:
    query = question(size, duration, dt.datetime.fromisoformat(end), regular=regular)
    return [f"{b.day:%m%d}" if query.daily else f"{b.start:%m%d %H:%M}" for b in query.buckets(instrument)]


def test_days_are_sessions_and_holidays_are_none() -> None:
    # Thanksgiving is the 26th; on Sunday the last session is Friday's.
    assert stamps("1 day", "4 D", "2026-11-29T15:00Z") == ["1123", "1124", "1125", "1127"]
    assert stamps("1 day", "2 D", "2026-11-27T15:00Z") == ["1125", "1127"]


def test_half_day_ends_early() -> None:
    assert stamps("1 hour", "1 D", "2026-11-27T23:00Z") == ["1127 14:30", "1127 15:00", "1127 16:00", "1127 17:00"]
    assert stamps("1 hour", "1 D", "2026-11-27T23:50Z", regular=False)[-1] == "1127 21:00"


def test_today_is_empty_until_the_opening_but_only_within_days() -> None:
    assert stamps("1 hour", "1 D", "2026-11-24T13:00Z") == []
    assert stamps("1 hour", "2 D", "2026-11-24T13:00Z")[0] == "1123 14:30"
    assert stamps("1 day", "1 D", "2026-11-24T13:00Z") == ["1123"]


def test_regular_hours_begin_with_a_half_and_long_bars_lie_on_utc() -> None:
    assert stamps("1 hour", "1 D", "2026-11-20T22:00Z") == [f"1120 {h}" for h in "14:30 15:00 16:00 17:00 18:00 19:00 20:00".split()]
    assert stamps("4 hours", "1 D", "2026-11-20T22:00Z") == ["1120 14:30", "1120 16:00", "1120 20:00"]
    # Summer time ended on the first of November.
    assert stamps("1 hour", "1 D", "2026-10-30T22:00Z")[0] == "1030 13:30"


def test_seconds_count_through_sessions() -> None:
    assert stamps("1 hour", "7200 S", "2026-11-23T15:30Z") == ["1120 20:00", "1123 14:30", "1123 15:00"]
    assert stamps("30 mins", "3600 S", "2026-11-22T15:00Z") == ["1120 20:00", "1120 20:30"]


def test_weeks_and_months_of_short_bars_are_whole_sessions() -> None:
    assert stamps("8 hours", "1 W", "2026-11-24T17:00Z") == [
        *("1118 14:30", "1118 16:00", "1119 14:30", "1119 16:00", "1120 14:30"),
        *("1120 16:00", "1123 14:30", "1123 16:00", "1124 14:30", "1124 16:00"),
    ]


def test_weekly_and_monthly_bars_have_their_last_day_and_are_partial_at_the_edges() -> None:
    assert stamps("1 week", "2 W", "2026-11-24T17:00Z") == ["1113", "1120", "1124"]
    assert stamps("1 month", "3 M", "2026-11-24T17:00Z") == ["0831", "0930", "1030", "1124"]


def test_end_inside_a_bar_cuts_it() -> None:
    [*_, cut] = bars(AAPL, question("1 hour", "1 D", dt.datetime(2026, 11, 20, 16, 20, tzinfo=dt.UTC)))
    [*_, rest] = bars(AAPL, question("20 mins", "1 D", dt.datetime(2026, 11, 20, 16, 20, tzinfo=dt.UTC)))
    assert cut.start == rest.start == dt.datetime(2026, 11, 20, 16, tzinfo=dt.UTC)
    assert (cut.open, cut.high, cut.low, cut.close, cut.volume) == (rest.open, rest.high, rest.low, rest.close, rest.volume)


@pytest.mark.parametrize(("size", "duration"), [("1 day", "1 Y"), ("1 month", "20 Y"), ("1 week", "10 Y")])
def test_long_requests_have_a_bar_for_each_time(size: str, duration: str) -> None:
    found = bars(AAPL, question(size, duration))
    assert all(a.day < b.day for a, b in itertools.pairwise(found))
    assert len(found) == {"1 day": 252, "1 month": 241, "1 week": 523}[size]
