"""Much at once and much in all: a year of minutes, and twenty clients with fifty questions each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio

from tests.conftest import Service

YEAR_OF_MINUTES = 97_000
TODAY = datetime.now(UTC).date()
SYMBOLS = ("AAPL", "MSFT", "TSLA", "NVDA", "SPY")
# Bar, days back from today, and length in days.
RANGES = [("1m", 40, 5), ("5m", 60, 18), ("15m", 90, 30), ("30m", 200, 30), ("1h", 300, 150), ("2h", 300, 60), ("4h", 600, 200)]
RANGES += [("1d", 1000, 700), ("1w", 3000, 1500), ("30s", 20, 1)]


async def loop(service: Service, query: str) -> list[str]:
    """The times of all bars, page by page."""
    times: list[str] = []
    token = ""
    while token is not None:
        response = await service.http.get(query + (f"&page_token={token}" if token else ""), timeout=90)
        assert response.status_code == 200, response.text
        page = response.json()
        times += [bar["t"] for bar in page["bars"]]
        token = page["next_page_token"]
    return times


@pytest.mark.slow
@pytest.mark.alone
async def test_year_of_minutes_comes_in_one_loop_of_pages_and_is_kept(service: Service) -> None:
    query = f"/history/bars/AAPL?bar=1m&start={TODAY - timedelta(days=368)}&end={TODAY - timedelta(days=2)}&limit=10000&wait=60"
    times = await loop(service, query)
    assert len(times) > YEAR_OF_MINUTES
    assert times == sorted(set(times))
    requests = (await service.gateway.stats())["requests"]["reqHistoricalData"]
    assert requests <= 57  # one a week, and two for the sessions
    assert await loop(service, query) == times
    assert (await service.gateway.stats())["requests"]["reqHistoricalData"] == requests


@pytest.mark.slow
@pytest.mark.alone
async def test_crowd_costs_ib_each_question_once_and_never_breaks_its_pacing(service: Service) -> None:
    queries = [
        f"/history/bars/{symbol}?bar={bar}&wait=60&limit=10000"
        f"&start={TODAY - timedelta(days=back)}&end={TODAY - timedelta(days=back - length)}"
        for symbol in SYMBOLS
        for bar, back, length in RANGES
    ]
    assert len(queries) == 50
    answers: dict[str, set[Any]] = {query: set() for query in queries}

    async def client(number: int) -> None:
        for n in range(len(queries)):
            query = queries[(number * 7 + n) % len(queries)]
            response = await service.http.get(query, timeout=90)
            assert response.status_code == 200, response.text
            answers[query].add(response.text)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(client, number)
    assert all(len(texts) == 1 for texts in answers.values())
    stats = await service.gateway.stats()
    assert stats["pacing"]["violations"] == {}
    # A question spans two stretches at most, besides the sessions of its instrument.
    assert stats["requests"]["reqHistoricalData"] <= 2 * len(queries) + 3 * len(SYMBOLS)
