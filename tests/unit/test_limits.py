"""Rates with bursts and attempts per window, on a clock that the test turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.limits import MOST_CALLERS, Attempts, Rate, RateLimit

PAUSES = st.lists(st.floats(0, 3), min_size=1, max_size=50)


def test_burst_is_allowed_at_once_and_the_next_when_it_was_said() -> None:
    limit = RateLimit(Rate(2.0, 3))
    verdicts = [limit.take("key", 100.0) for _ in range(4)]
    assert [verdict.allowed for verdict in verdicts] == [True, True, True, False]
    assert [verdict.remaining for verdict in verdicts] == [2, 1, 0, 0]
    assert (verdicts[3].retry_after, verdicts[3].reset) == (1, 2)
    assert not limit.take("key", 100.4).allowed
    assert limit.take("key", 100.5).allowed
    assert not limit.take("key", 100.5).allowed


def test_callers_do_not_use_up_each_others_rate() -> None:
    limit = RateLimit(Rate(1.0, 1))
    assert [limit.take(caller, 0.0).allowed for caller in ("a", "b", "a")] == [True, True, False]


@given(st.integers(1, 5), st.floats(0.5, 10), PAUSES)
def test_never_more_than_the_burst_and_the_rate_allow(burst: int, per_second: float, pauses: list[float]) -> None:
    limit, present, allowed = RateLimit(Rate(per_second, burst)), 1000.0, 0
    for pause in pauses:
        present += pause
        verdict = limit.take("key", present)
        allowed += verdict.allowed
        assert 0 <= verdict.remaining < burst
        assert verdict.allowed == (verdict.retry_after == 0)
    assert allowed <= burst + sum(pauses[1:]) * per_second + 1e-6


def test_the_caller_seen_longest_ago_is_forgotten() -> None:
    limit = RateLimit(Rate(0.001, 1))
    assert limit.take("first", 0.0).allowed
    assert not limit.take("first", 0.0).allowed
    for number in range(MOST_CALLERS):
        limit.take(number, 0.0)
    assert limit.take("first", 0.0).allowed


@pytest.mark.parametrize(("present", "seconds"), [(0.0, 10), (4.5, 6), (9.9, 1), (10.0, 0)])
def test_attempts_are_counted_within_the_window(present: float, seconds: int) -> None:
    attempts = Attempts(most=2, window=10.0)
    assert attempts.wait("key", 0.0) == 0
    attempts.add("key", 0.0)
    attempts.add("key", 0.0)
    assert attempts.wait("key", present) == seconds
    assert attempts.wait("other", present) == 0


def test_attempt_that_is_taken_back_counts_no_more_and_those_before_it_do() -> None:
    attempts = Attempts(most=2, window=10.0)
    attempts.add("key", 0.0)
    attempts.add("key", 1.0)
    attempts.take_back("key", 1.0)
    attempts.take_back("key", 1.0)
    attempts.take_back("other", 0.0)
    assert attempts.wait("key", 2.0) == 0
    attempts.add("key", 2.0)
    assert attempts.wait("key", 2.0) == 8


def test_many_things_in_one_request_count_as_many_and_what_comes_next_waits_the_longer() -> None:
    limit = RateLimit(Rate(10.0, 20))
    assert limit.take("key", 0.0).remaining == 19
    assert limit.charge("key", 0.0, number=99, timeout=0.0) == 0.0
    refused = limit.take("key", 0.0)
    assert (refused.allowed, refused.retry_after) == (False, 9)
    assert not limit.take("key", 8.0).allowed
    assert limit.take("key", 8.2).allowed


def test_charge_beyond_the_timeout_is_not_counted() -> None:
    limit = RateLimit(Rate(10.0, 20))
    limit.charge("key", 0.0, number=50, timeout=0.0)
    assert limit.charge("key", 0.0, number=100, timeout=3.0) == pytest.approx(3.1)
    assert limit.charge("key", 0.0, number=100, timeout=5.0) == pytest.approx(3.1)
    assert limit.charge("other", 0.0, number=1, timeout=0.0) == 0.0
