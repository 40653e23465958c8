from datetime import UTC, datetime

from ibactors_client import Bar
from ibactors_client.tables import columns


def test_times_of_a_table_are_utc_whatever_their_zone() -> None:
    bars = [
        Bar(t=t, o=1, h=1, l=1, c=1, v=None, vwap=None, n=None, complete=True)
        for t in ("2026-01-02", "2026-01-05T10:00:00.5+01:00", "2026-01-05T10:00:00Z")
    ]
    assert columns(bars)["t"] == [
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(2026, 1, 5, 9, 0, 0, 500_000, tzinfo=UTC),
        datetime(2026, 1, 5, 10, tzinfo=UTC),
    ]
    assert columns(bars)["v"] == [None, None, None]
