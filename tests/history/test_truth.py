"""Whatever is asked for, and however it is cut and interrupted: exactly the bars of one endless request, none missing, double or cut."""

import datetime as dt
from collections.abc import Iterator
from functools import partial

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ibactors.actors.history_questions import BarsQuestion
from ibactors.history.sizes import SIZES
from ibactors.model.bars import Bar, BarSize, What
from ibactors.model.instruments import Instrument, SecType
from tests.history.desk import NOW, Bureau, Desk, truth

APPLE = Instrument(symbol="AAPL")
EURO = Instrument(symbol="EUR", sec_type=SecType.CASH, exchange="IDEALPRO")
COIN = Instrument(symbol="BTC", sec_type=SecType.CRYPTO, exchange="PAXOS")
FUTURE = Instrument(symbol="ES", sec_type=SecType.FUT, exchange="CME", expiry="202612")
INSTRUMENTS = [APPLE, EURO, COIN, FUTURE]
# Seconds of range. A second of the simulator's past is dear, and IB's pacing, which is real here, must let the example end.
_MOST = {BarSize.S1: 2200, BarSize.S5: 9000, BarSize.S10: 40_000, BarSize.S15: 40_000, BarSize.S30: 80_000}


@pytest.fixture(scope="module")
def bureau() -> Iterator[Bureau]:
    there = Bureau()
    yield there
    there.close()


@st.composite
def questions(draw: st.DrawFn) -> BarsQuestion:
    instrument = draw(st.sampled_from(INSTRUMENTS))
    bar = draw(st.sampled_from([bar for bar in BarSize if bar is not BarSize.S1]))
    span = draw(st.integers(1, _MOST.get(bar) or max(2 * 86_400, min(SIZES[bar].seconds * 1200, 4 * 366 * 86_400))))
    end = int(NOW.timestamp()) - draw(st.integers(-100, 170 * 86_400))
    return BarsQuestion(
        instrument=instrument,
        bar=bar,
        what=draw(st.sampled_from([*([What.TRADES] if instrument != EURO else []), What.MIDPOINT, What.BID, What.BID_ASK])),
        rth=draw(st.booleans()),
        start=end - span,
        end=end,
        limit=draw(st.integers(40, 10_000)),
        descending=draw(st.booleans()),
    )


async def compared(desk: Desk, question: BarsQuestion, breaks: set[int]) -> tuple[list[Bar], list[Bar]]:
    """What comes in pages, with the session broken while some of them are made; and what there is."""

    found: list[Bar] = []
    for page in await desk.pages(question, breaks):
        found = [*page.rows, *found] if question.backwards else [*found, *page.rows]
    known = desk.simulator.gateway.catalogue.by_con_id[page.contract.con_id]
    start, end = question.start or 0, question.end or int(NOW.timestamp()) + 1
    return found, truth(desk.simulator, known, question.bar, question.what, rth=question.rth, start=start, end=end)


@pytest.mark.slow
@given(questions(), st.sets(st.integers(0, 12), max_size=2))
@settings(max_examples=25)
def test_pages_are_the_bars_of_one_endless_request(bureau: Bureau, question: BarsQuestion, breaks: set[int]) -> None:
    found, known = bureau.run(partial(compared, question=question, breaks=breaks))
    assert found == known


@pytest.mark.slow
def test_seconds_across_two_requests_are_whole(bureau: Bureau) -> None:
    end = int(NOW.timestamp()) // 1800 * 1800 + 200
    question = BarsQuestion(instrument=APPLE, bar=BarSize.S1, start=end - 400, end=end, limit=150)
    found, known = bureau.run(partial(compared, question=question, breaks=set()))
    assert found == known
    assert len(found) == 400


@pytest.mark.parametrize(
    ("bar", "start", "end", "rth"),
    [
        ("1h", "2026-10-30", "2026-11-04", True),  # the clocks of New York go back on the 1st of November
        ("1h", "2026-03-05", "2026-03-11", False),  # and forward on the 8th of March
        ("5m", "2025-11-26", "2025-12-01", True),  # Thanksgiving, and the half day after it
        ("4h", "2026-07-01", "2026-07-08", False),
        ("1w", "2026-03-01", "2026-04-20", True),  # Good Friday: the week is stamped with Thursday
        ("1mo", "2024-01-01", "2026-11-24", True),
    ],
)
def test_holidays_and_clocks_leave_no_hole(bureau: Bureau, bar: str, start: str, end: str, rth: bool) -> None:
    begin, until = (int(dt.datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) for day in (start, end))
    question = BarsQuestion(instrument=APPLE, bar=BarSize(bar), rth=rth, start=begin, end=until, limit=40)
    found, known = bureau.run(partial(compared, question=question, breaks={1}))
    assert found == known
    assert found


async def twice(desk: Desk, question: BarsQuestion) -> tuple[int, int, int]:
    counts = [desk.simulator.gateway.counters.requests["reqHistoricalData"]]
    for limit in (10_000, 500):
        await desk.pages(msgspec.structs.replace(question, limit=limit))
        counts.append(desk.simulator.gateway.counters.requests["reqHistoricalData"])
    return counts[0], counts[1], counts[2]


def test_finished_bars_are_never_asked_for_again_whatever_the_pages(bureau: Bureau) -> None:
    now = int(NOW.timestamp())
    question = BarsQuestion(instrument=APPLE, bar=BarSize.M1, start=now - 20 * 86_400, end=now - 3600, limit=1)
    before, first, second = bureau.run(partial(twice, question=question))
    assert first > before
    assert second == first


def test_bar_that_forms_is_marked_and_asked_for_again(bureau: Bureau) -> None:
    async def newest(desk: Desk) -> tuple[bool, int]:
        requests = desk.simulator.gateway.counters.requests
        question = BarsQuestion(instrument=APPLE, bar=BarSize.M5, limit=3)
        page = await desk.history.bars(question, caller="test", wait=10)
        before = requests["reqHistoricalData"]
        await desk.history.bars(question, caller="test", wait=10)
        return page.forming == page.rows.at(2), requests["reqHistoricalData"] - before

    assert bureau.run(newest) == (True, 1)
