"""The judges of the channels in the chaos run: what each blames, and what it must not blame."""

from datetime import UTC, datetime
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from chaos.market_feeds import Bars, Books, Ticks
from chaos.record import Record
from chaos.slow_feeds import Bulletins, Headlines, Profits, Scans
from chaos.truth import Break, Symbol, Truth, View
from tests.unit.test_chaos_truth import rules, wall

TICK, NUMBER = 0.01, 7
STOCK = Symbol(
    name="S001",
    local_symbol="S001",
    number=NUMBER,
    farm="usfarm",
    tick=TICK,
    sec_type="STK",
    con_id=1,
    exchange="SMART",
    currency="USD",
)


@pytest.fixture
async def truth() -> Truth:
    return Truth([STOCK], offset_ms=20_000 - trio.current_time() * 1000, wall=wall)


def price(sent: float) -> float:
    return (int(sent) * 1000 + 2 * NUMBER) * TICK


def feed(kind: Any, truth: Truth, **more: Any) -> Any:
    made = kind(kind.__name__, {}, truth, View(client="ws"), STOCK, **more)
    made.begin()
    return made


def broken(truth: Truth, *, frozen: bool = False) -> None:
    now = truth.now
    truth.breaks.append(Break(fault="drop", symbols=frozenset({"S001"}), session=True, begun=now, void_from=now + 1000, frozen=frozen))


def tick(sequence: int, sent: float) -> dict[str, Any]:
    return {"type": "tick", "sequence": sequence, "bid": price(sent), "t": "", "id": "ticks"}


def recorded(*sent: float) -> Record:
    record = Record()
    record.tapes["S001"].add([int(at) * 1000 + 2 * NUMBER for at in sent])
    return record


SENT = (10_000, 10_500, 11_000, 11_500)


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ((0, 1, 2, 3), set()),
        ((1, 2), set()),
        ((0, 1, 3), {"a tick is lost untold"}),
        ((0, 1, 1, 2), {"ticks out of order"}),
        ((0, 2, 1), {"a tick is lost untold", "ticks out of order"}),
        ((0, "gap", 3), set()),
    ],
)
async def test_ticks_are_those_of_the_record_or_a_gap_says_so(truth: Truth, told: tuple[int | str, ...], rule: set[str]) -> None:
    ticks = feed(Ticks, truth)
    for sequence, place in enumerate(told):
        gap = {"type": "gap", "sequence": sequence, "lost": None}
        ticks.take(tick(sequence, SENT[place]) if isinstance(place, int) else gap)
    ticks.compare(recorded(*SENT))
    assert rules(truth) == rule


async def test_ticks_that_the_gateway_has_thrown_away_without_a_word_are_no_loss(truth: Truth) -> None:
    ticks, record = feed(Ticks, truth), recorded(*SENT)
    record.hidden.append((10_400, 11_100))
    for sequence, place in enumerate((0, 3)):
        ticks.take(tick(sequence, SENT[place]))
    ticks.compare(record)
    assert rules(truth) == set()


async def test_ticks_wait_for_the_record(truth: Truth) -> None:
    ticks = feed(Ticks, truth)
    for sequence, place in enumerate((0, 3)):
        ticks.take(tick(sequence, SENT[place]))
    ticks.compare(recorded(*SENT[:2]))
    assert rules(truth) == set()
    ticks.compare(recorded(*SENT))
    assert rules(truth) == {"a tick is lost untold"}


@pytest.mark.parametrize(("lost", "next_one", "rule"), [(5, 17, set()), (5, 16, {"lost or double"}), (4, 17, {"lost or double"})])
async def test_numbers_and_losses_add_up(truth: Truth, lost: int, next_one: int, rule: set[str]) -> None:
    ticks = feed(Ticks, truth)
    ticks.take(tick(11, SENT[0]))
    ticks.take({"type": "gap", "sequence": 16, "lost": lost})
    ticks.take(tick(next_one, SENT[3]))
    assert rules(truth) == rule


def bar(at: int, close: float, *, final: bool, sequence: int) -> dict[str, Any]:
    t = datetime.fromtimestamp(at, UTC).isoformat()
    prices = {"o": 1.0, "h": 1.0, "l": 1.0, "c": close}
    return {"type": "bar", "t": t, "final": final, "backfill": False, "sequence": sequence} | prices


MINUTES = (60, 120, 180)


@pytest.mark.parametrize(
    ("told", "rule"),
    [
        ((60, 120, 180), set()),
        ((60, 180), {"a bar is missing"}),
        ((60, 120, 120, 180), {"a bar is double"}),
    ],
)
async def test_bars_are_those_of_the_record(truth: Truth, told: tuple[int, ...], rule: set[str]) -> None:
    bars, record = feed(Bars, truth, seconds=60, whole=True), Record()
    record.bars["S001", 60] = {at: [1.0, 1.0, 1.0, 2.0] for at in MINUTES}
    for sequence, at in enumerate(told):
        bars.take(bar(at, 2.0, final=True, sequence=sequence))
    bars.compare(record)
    assert rules(truth) == rule


async def test_a_bar_with_another_price_is_blamed_and_a_told_gap_is_not(truth: Truth) -> None:
    bars, record = feed(Bars, truth, seconds=60, whole=True), Record()
    record.bars["S001", 60] = {at: [1.0, 1.0, 1.0, 2.0] for at in MINUTES}
    bars.take(bar(60, 2.0, final=True, sequence=1))
    stretch = {"from": datetime.fromtimestamp(120, UTC).isoformat(), "to": datetime.fromtimestamp(180, UTC).isoformat()}
    bars.take({"type": "gap", "sequence": 2, "lost": None} | stretch)
    bars.compare(record)
    assert rules(truth) == set()
    bars.take(bar(180, 2.5, final=True, sequence=3))
    bars.compare(record)
    assert rules(truth) == {"a wrong bar"}


def book(sequence: int, sent: float) -> dict[str, Any]:
    ask = (int(sent) * 1000 + 2 * NUMBER + 1) * TICK
    return {"type": "depth", "sequence": sequence, "bids": [{"price": price(sent)}], "asks": [{"price": ask}]}


async def test_a_book_may_be_told_again_only_after_stale(truth: Truth) -> None:
    books = feed(Books, truth)
    books.take(book(1, truth.now))
    books.take({"type": "stale"})
    books.take(book(1, truth.now))
    assert rules(truth) == set()
    books.take(book(1, truth.now))
    assert rules(truth) == {"an old book"}


async def test_profit_from_before_a_break_is_blamed_but_after_a_silence_it_may_be_the_newest(
    truth: Truth, autojump_clock: MockClock
) -> None:
    profits, old = feed(Profits, truth), price(truth.now - 100)
    profits.take({"type": "pnl", "position": 120.0, "value": 120 * old})
    broken(truth, frozen=True)
    await trio.sleep(2)
    profits.take({"type": "pnl", "position": 120.0, "value": 120 * old})
    assert rules(truth) == set()
    broken(truth)
    await trio.sleep(2)
    profits.take({"type": "pnl", "position": 120.0, "value": 120 * old})
    assert rules(truth) == {"from before a break"}


async def test_profit_of_another_quantity_is_blamed(truth: Truth) -> None:
    profits = feed(Profits, truth)
    profits.take({"type": "pnl", "position": 121.0, "value": 120 * price(truth.now)})
    assert rules(truth) == {"invented"}


async def test_who_holds_a_value_over_a_break_must_be_told(truth: Truth, autojump_clock: MockClock) -> None:
    profits = feed(Profits, truth)
    await trio.sleep(1)
    profits.take({"type": "pnl", "position": 120.0, "value": 120 * price(truth.now)})
    await trio.sleep(1)
    assert profits.untold(truth.now)
    begun = truth.now
    profits.take({"type": "stale"})
    assert not profits.untold(begun)


async def test_a_scan_from_before_a_break_is_blamed(truth: Truth, autojump_clock: MockClock) -> None:
    scans, before = feed(Scans, truth), datetime.fromtimestamp(wall(), UTC).isoformat()
    await trio.sleep(1)
    broken(truth)
    await trio.sleep(2)
    scans.take({"type": "scan", "timestamp": before, "rows": [{"rank": 0, "con_id": 1}]})
    assert rules(truth) == {"from before a break"}


async def test_a_bulletin_that_was_sent_in_a_calm_is_missed(truth: Truth, autojump_clock: MockClock) -> None:
    bulletins, record = feed(Bulletins, truth), Record()
    record.bulletins = {"one": truth.now, "two": truth.now}
    bulletins.take({"type": "bulletin", "sequence": 1, "text": "one"})
    await trio.sleep(10)
    bulletins.compare(record)
    assert rules(truth) == set()
    await trio.sleep(30)
    bulletins.compare(record)
    assert rules(truth) == {"a bulletin is missing"}


async def test_a_headline_about_another_instrument_is_blamed(truth: Truth) -> None:
    headlines = feed(Headlines, truth)
    headlines.take({"type": "headline", "sequence": 1, "con_id": 255, "article_id": "BRFG$ff-1"})
    assert rules(truth) == set()
    headlines.take({"type": "headline", "sequence": 2, "con_id": 255, "article_id": "BRFG$fe-1"})
    assert rules(truth) == {"invented"}
