"""Trading hours as gateways write them, recorded ones among them, and the moments that they mean."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.model.hours import parse_hours, utc, zone_of

STOCK = (
    "20260709:0930-20260709:1600;20260710:0930-20260710:1600;20260711:CLOSED;20260712:CLOSED;"
    "20260713:0930-20260713:1600;20260714:0930-20260714:1600"
)
"""Recorded at server version 205."""
BOND = (
    "20260708:2000-20260709:1700;20260709:2000-20260710:1700;20260711:CLOSED;20260712:2000-20260713:1700;"
    "20260713:2000-20260714:1700;20260714:2000-20260715:1700"
)
"""Recorded: it opens on the evening before."""


def spans(text: str, zone: str) -> list[tuple[str, str, str]]:
    return [(f"{span.day}", utc(span.opens)[:16], utc(span.closes)[:16]) for span in parse_hours(text, zone).spans]


def test_recorded_hours_of_a_stock_are_those_of_its_zone() -> None:
    assert spans(STOCK, "US/Eastern") == [
        ("2026-07-09", "2026-07-09T13:30", "2026-07-09T20:00"),
        ("2026-07-10", "2026-07-10T13:30", "2026-07-10T20:00"),
        ("2026-07-13", "2026-07-13T13:30", "2026-07-13T20:00"),
        ("2026-07-14", "2026-07-14T13:30", "2026-07-14T20:00"),
    ]
    assert parse_hours(STOCK, "US/Eastern").closed == (date(2026, 7, 11), date(2026, 7, 12))


def test_session_that_opens_on_the_evening_before_belongs_to_the_day_on_which_it_ends() -> None:
    assert [day for day, _, _ in spans(BOND, "US/Eastern")] == ["2026-07-09", "2026-07-10", "2026-07-13", "2026-07-14", "2026-07-15"]


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        # New York's clocks go back on 1 November, Europe's a week before.
        (
            "20261030:0930-20261030:1600;20261102:0930-20261102:1600",
            "US/Eastern",
            [("2026-10-30", "2026-10-30T13:30", "2026-10-30T20:00"), ("2026-11-02", "2026-11-02T14:30", "2026-11-02T21:00")],
        ),
        # The session of the night in which summer time begins has one hour less.
        (
            "20260307:0000-20260308:0000;20260308:0000-20260309:0000",
            "US/Eastern",
            [("2026-03-07", "2026-03-07T05:00", "2026-03-08T05:00"), ("2026-03-08", "2026-03-08T05:00", "2026-03-09T04:00")],
        ),
        # London, by its name in Windows.
        (
            "20261023:0800-20261023:1630;20261026:0800-20261026:1630",
            "GMT Standard Time",
            [("2026-10-23", "2026-10-23T07:00", "2026-10-23T15:30"), ("2026-10-26", "2026-10-26T08:00", "2026-10-26T16:30")],
        ),
        # No summer time at all.
        (
            "20261030:0900-20261030:1130,20261030:1230-20261030:1530",
            "JST (Japan Standard Time)",
            [("2026-10-30", "2026-10-30T00:00", "2026-10-30T02:30"), ("2026-10-30", "2026-10-30T03:30", "2026-10-30T06:30")],
        ),
    ],
)
def test_clocks_are_those_of_the_zone_across_a_change_of_summer_time(text: str, zone: str, expected: list[tuple[str, str, str]]) -> None:
    assert spans(text, zone) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20090507:0700-1830,1830-2330;20090508:CLOSED", [("0700", "1830"), ("1830", "2330")]),
        ("20090507:1700-1515", [("1700", "1515")]),
        ("20261005:0000-20261005:2400", [("0000", "0000")]),
        ("", []),
        ("20261005:CLOSED", []),
    ],
)
def test_older_forms_are_read(text: str, expected: list[tuple[str, str]]) -> None:
    found = parse_hours(text, "UTC").spans
    assert [(f"{span.opens:%H%M}", f"{span.closes:%H%M}") for span in found] == expected


@pytest.mark.parametrize(
    "text", ["20261305:0930-20261305:1600", "20261005", "x", "20261005:0930-20261004:1600", "20261005:2561-20261006:1000"]
)
def test_what_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of several makers
        parse_hours(text, "US/Eastern")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("US/Eastern", "US/Eastern"),
        ("EST (Eastern Standard Time)", "America/New_York"),
        ("EST", "America/New_York"),
        ("Central Standard Time", "America/Chicago"),
        ("America/New_York (Eastern Standard Time)", "America/New_York"),
        ("Tokyo Standard Time", "Asia/Tokyo"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("GB-Eire", "GB-Eire"),
    ],
)
def test_zone_is_found_by_every_name_that_gateways_use(name: str, key: str) -> None:
    assert zone_of(name).key == key


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "Middle Earth Standard Time", "\0"])
def test_unknown_zone_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        zone_of(name)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-07-09T13:29:59Z", False),
        ("2026-07-09T13:30:00Z", True),
        ("2026-07-09T20:00:00Z", False),
        ("2026-07-11T15:00:00Z", False),
        ("2026-07-14T23:00:00Z", False),
        ("2026-07-16T15:00:00Z", None),
        ("2026-06-01T15:00:00Z", None),
    ],
)
def test_open_closed_and_unknown_are_told_apart(moment: str, expected: bool | None) -> None:
    assert parse_hours(STOCK, "US/Eastern").is_open(datetime.fromisoformat(moment)) is expected


@given(st.dates(date(2000, 1, 3), date(2037, 12, 1)), st.sampled_from(["US/Eastern", "Europe/Berlin", "Australia/Sydney", "Asia/Kolkata"]))
def test_every_day_of_every_year_opens_and_closes_on_the_clock(day: date, zone: str) -> None:
    night = day - timedelta(days=1)
    text = f"{night:%Y%m%d}:1800-{day:%Y%m%d}:1700"
    [span] = parse_hours(text, zone).spans
    assert span.day == day
    assert (f"{span.opens:%H%M}", f"{span.closes:%H%M}") == ("1800", "1700")
    assert timedelta(hours=22) <= span.closes.astimezone(UTC) - span.opens.astimezone(UTC) <= timedelta(hours=24)
