"""What the chaos of two gateways finds: each of its rules can be broken."""

from typing import Any

import pytest
import trio

from chaos.gateways import APART_S, LATE_S, MOVED_S, Run
from chaos.truth import SCALE


@pytest.fixture
def run() -> Run:
    """The clock of the first is ours, and that of the second begins later."""
    return Run(offsets={"main": APART_S * 1000, "second": 0.0}, broken="main")


def quote(run: Run, whose: str, *, age: float = 0.0) -> dict[str, Any]:
    sent = round(trio.current_time() * 1000 + run.offsets[whose] - age * 1000)
    return {"symbol": "AAPL", "bid": sent * SCALE / 100}


STALE = {"symbol": "AAPL"}


async def test_a_move_is_told_of_and_in_time(run: Run, autojump_clock: object) -> None:
    run.quote(quote(run, "main"))
    run.break_told(STALE)
    await trio.sleep(MOVED_S / 2)
    run.quote(quote(run, "second"))
    assert (run.found, run.counts["moves"], run.at) == ([], 1, {"AAPL": "second"})
    assert run.moves == [pytest.approx(MOVED_S / 2)]


async def test_a_move_without_a_word_is_found(run: Run) -> None:
    run.quote(quote(run, "main"))
    run.quote(quote(run, "second"))
    assert "without a word" in run.found[0]


async def test_a_slow_move_is_found(run: Run, autojump_clock: object) -> None:
    run.quote(quote(run, "main"))
    run.break_told(STALE)
    await trio.sleep(MOVED_S + 0.1)
    run.quote(quote(run, "second"))
    assert "moved in 1.10 s" in run.found[0]


async def test_a_late_price_is_found(run: Run) -> None:
    run.quote(quote(run, "second", age=LATE_S + 1))
    assert "late by both clocks" in run.found[0]


async def test_a_break_of_the_other_gateway_is_found(run: Run) -> None:
    run.quote(quote(run, "second"))
    run.break_told(STALE)
    run.break_told({"account": "DU2222222"})
    assert len(run.found) == 2
    run.break_told({"account": "DU1111111"})
    assert len(run.found) == 2
