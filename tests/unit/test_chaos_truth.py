"""The judge of the chaos run: what it blames, and what it must not blame."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import trio
from trio.testing import MockClock

from chaos.menu import Menu
from chaos.truth import Break, Message, Symbol, Truth, View

NUMBER = 7


@pytest.fixture
async def truth() -> Truth:
    return Truth(
        [
            Symbol(
                name="S001",
                local_symbol="S001",
                number=NUMBER,
                farm="usfarm",
                tick=0.01,
                sec_type="STK",
                con_id=1,
                exchange="SMART",
                currency="USD",
            )
        ],
        offset_ms=20_000 - trio.current_time() * 1000,
        wall=wall,
    )


def wall() -> float:
    """A wall clock that jumps with trio's."""
    return trio.current_time() + 1.7e9


def wall_now() -> str:
    return datetime.fromtimestamp(wall(), UTC).isoformat()


@pytest.fixture
def view(truth: Truth) -> View:
    return View(client="ws", wanted={"S001": truth.now})


def quote(sent: float, *, number: int = NUMBER, symbol: str = "S001") -> Message:
    ticks = int(sent) * 1000 + 2 * number
    return Message(type="quote", symbol=symbol, bid=ticks * 0.01, ask=(ticks + 1) * 0.01, last=ticks * 0.01, market_data_type="live")


def broken(truth: Truth, *, notice_ms: float = 1000, ended: float = float("inf")) -> Break:
    found = Break(fault="drop", symbols=frozenset({"S001"}), session=True, begun=truth.now, void_from=truth.now + notice_ms, ended=ended)
    truth.breaks.append(found)
    return found


def rules(truth: Truth) -> set[str]:
    return {violation.rule for violation in truth.violations}


async def test_present_values_in_order_are_fine(truth: Truth, view: View) -> None:
    for sent in (19_000, 19_000, 19_500):
        truth.check_quote(view, quote(sent), truth.now)
    assert rules(truth) == set()
    assert truth.checked["values"] == 9


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (lambda truth: quote(truth.now, number=NUMBER + 1), "invented"),
        (lambda truth: quote(truth.now + 1000), "invented"),
        (lambda _: Message(type="quote", symbol="S001", bid=123.45), "invented"),
        (lambda truth: quote(truth.now, symbol="S002"), "invented"),
        (lambda _: quote(18_000), "out of order"),
    ],
)
async def test_wrong_values_are_blamed(truth: Truth, view: View, wrong: Callable[[Truth], Message], rule: str) -> None:
    truth.check_quote(view, quote(19_000), truth.now)
    truth.check_quote(view, wrong(truth), truth.now)
    assert rules(truth) == {rule}


async def test_value_from_before_a_break_is_blamed_once_the_break_must_be_known(
    truth: Truth, view: View, autojump_clock: MockClock
) -> None:
    old = quote(truth.now - 100)
    broken(truth)
    await trio.sleep(0.9)
    truth.check_quote(view, old, truth.now)
    assert rules(truth) == set()
    await trio.sleep(0.2)
    truth.check_quote(view, old, truth.now)
    assert rules(truth) == {"from before a break"}


async def test_request_sent_before_the_break_may_get_an_old_value(truth: Truth, view: View, autojump_clock: MockClock) -> None:
    asked, old = truth.now, quote(truth.now - 100)
    broken(truth)
    await trio.sleep(3)
    truth.check_quote(view, old, truth.now, asked=asked)
    assert rules(truth) == set()


async def test_client_that_pauses_is_judged_by_the_order_of_its_messages(truth: Truth, view: View, autojump_clock: MockClock) -> None:
    view.prompt = False
    old = quote(truth.now - 100)
    broken(truth)
    await trio.sleep(0.5)
    stale = Message(type="stale", symbol="S001", code="gateway_disconnected", since=wall_now())
    await trio.sleep(5)
    truth.check_quote(view, old, truth.now)
    assert rules(truth) == set()
    truth.check_stale(view, stale, truth.now)
    truth.check_quote(view, old, truth.now)
    assert rules(truth) == {"from before a break"}


async def test_breaks_long_ago_still_count(truth: Truth, view: View, autojump_clock: MockClock) -> None:
    old = quote(truth.now - 100)
    broken(truth, ended=truth.now)
    await trio.sleep(100)
    truth.forget_old_breaks()
    assert truth.breaks == []
    truth.check_quote(view, old, truth.now)
    assert rules(truth) == {"from before a break"}


async def test_stale_without_a_break_is_blamed(truth: Truth, view: View) -> None:
    truth.check_stale(view, Message(type="stale", symbol="S001", code="gateway_disconnected"), truth.now)
    assert rules(truth) == {"stale for nothing"}


async def test_old_value_with_a_fresh_timestamp_is_blamed(truth: Truth, view: View) -> None:
    old = quote(truth.now - 5000)
    fresh = Message(type="quote", symbol="S001", bid=old.bid, market_data_type="live", timestamp=wall_now())
    truth.check_quote(view, fresh, truth.now)
    assert rules(truth) == {"wrong timestamp"}


async def test_excuses_last_for_the_time_of_recovery(truth: Truth, autojump_clock: MockClock) -> None:
    broken(truth, ended=truth.now)
    assert truth.excuses("S001", truth.now, truth.now)
    assert truth.excuses(None, truth.now, truth.now)
    await trio.sleep(5.1)
    assert not truth.excuses("S001", truth.now, truth.now)


async def test_commands_without_recipe_are_named() -> None:
    menu = Menu(["drop", "mute", "unmute", "earthquake", "stats", "help"])
    assert menu.unknown == ["earthquake"]
