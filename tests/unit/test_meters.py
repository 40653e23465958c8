import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.inside.histogram import BOUNDS, Histogram
from ibactors.model.encoded import Encoded
from ibactors.model.quotes import MarketDataType, Quote, Stale
from ibactors.model.times import rfc3339
from ibactors.web.meters import Meters


def quote_arrived(seconds_ago: float) -> Encoded[Quote]:
    return Encoded(
        Quote(
            symbol="AAPL",
            exchange="SMART",
            currency="USD",
            timestamp=rfc3339(time.time() - seconds_ago),
            market_data_type=MarketDataType.DELAYED,
            con_id=1,
            sec_type="STK",
        )
    )


def test_histogram_without_observations_has_no_percentile() -> None:
    assert Histogram().percentile(0.5) is None


@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_percentile_lies_in_the_bucket_of_the_true_one(durations: list[float], share: float) -> None:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    exact = sorted(durations)[math.ceil(share * len(durations)) - 1]
    low, high = max((0.0, *(bound for bound in BOUNDS if bound < exact))), min((bound for bound in BOUNDS if bound >= exact), default=1000)
    found = histogram.percentile(share)
    assert found is not None
    assert low <= found <= min(high, max(durations))
    assert (histogram.count, histogram.highest) == (len(durations), max(durations))
    assert histogram.sum == pytest.approx(sum(durations))


def test_bounds_belong_to_the_bucket_below_as_in_prometheus() -> None:
    histogram = Histogram()
    histogram.add(BOUNDS[3])
    assert histogram.counts.index(1) == 3


@pytest.mark.parametrize("seconds", [None, 0.0, BOUNDS[5], BOUNDS[-1], BOUNDS[-1] + 1])
def test_counts_have_a_place_for_each_bucket_and_one_above_all_bounds(seconds: float | None) -> None:
    histogram = Histogram()
    if seconds is not None:
        histogram.add(seconds)
    assert (len(histogram.counts), sum(histogram.counts)) == (len(BOUNDS) + 1, histogram.count)


def test_quotes_are_counted_by_way_and_freshness_with_their_age() -> None:
    meters = Meters()
    meters.quoted(quote_arrived(2.0))
    meters.streamed([quote_arrived(0.1), quote_arrived(0.2)], delayed=False)
    meters.streamed([quote_arrived(0.7)], delayed=True)
    meters.streamed([Encoded(Stale(symbol="AAPL", code="gateway_disconnected", reason="", since=""))], delayed=False)
    assert meters.served == {("rest", "delayed"): 1, ("stream", "delayed"): 3, ("stream", "stale"): 1}
    assert meters.stream_sent == 4
    assert meters.quote_age.sum == pytest.approx(2.0, abs=0.1)
    assert (meters.tick_to_client.count, meters.tick_to_client.sum) == (1, pytest.approx(0.2, abs=0.1))


def test_requests_are_told_apart_by_method_route_and_status() -> None:
    meters = Meters()
    for status in (200, 200, 404):
        meters.answered("GET", "/market/quote/{symbol}", status, 0.01)
    assert {key: histogram.count for key, histogram in meters.requests.items()} == {
        ("GET", "/market/quote/{symbol}", 200): 2,
        ("GET", "/market/quote/{symbol}", 404): 1,
    }
