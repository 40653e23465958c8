"""Which gateway is asked, and what moves to another one: on trio's clock, with sessions and nothing behind them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.site import Site
from ibactors.errors import GatewayDisconnected, IbactorsError, InvalidRequest, MarketDataNotSubscribed, NoFreeLine
from ibactors.kernel.topic import Topic
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.web import choosing
from ibactors.web.choosing import MOMENT, Choices
from ibactors.web.moving import RETRY, SETTLE, Moves, moving


class Place(SimpleNamespace):
    """A gateway, as far as choices look at it."""

    @property
    def session(self) -> SessionStatus:
        return cast("SessionStatus", self.connection.sessions.value)

    def tell(self, phase: SessionPhase, epoch: int = 1) -> None:
        self.connection.sessions.publish(SessionStatus(phase=phase, epoch=epoch, since="", reason="broken"))


def place(name: str, phase: SessionPhase = SessionPhase.UP) -> Any:
    status = SessionStatus(phase=phase, epoch=1, since="")
    connection = ConnectionRef(name)
    connection.sessions = Topic(status)
    return Place(name=name, connection=connection)


@pytest.fixture
def main() -> Any:
    return place("main")


@pytest.fixture
def second() -> Any:
    return place("second")


@pytest.fixture
def choices(main: Any, second: Any) -> Choices:
    return Choices((main, second))


def answering(**answers: object) -> Callable[[Site], Any]:
    """What each gateway says: an answer, or the error that it refuses with."""

    async def ask(site: Site) -> object:
        await trio.lowlevel.checkpoint()
        answer = answers[site.name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


async def test_permission_is_remembered_for_the_session_and_no_longer(choices: Choices, main: Any, second: Any) -> None:
    refusal = MarketDataNotSubscribed("no")
    assert await choices.ask("AAPL", answering(main=refusal, second=2)) == 2
    assert list(choices.order("AAPL")) == [second, main]
    assert list(choices.order("MSFT")) == [main, second]
    main.tell(SessionPhase.UP, epoch=2)
    assert list(choices.order("AAPL")) == [main, second]


async def test_a_budget_is_tried_again_after_a_moment(choices: Choices, main: Any, second: Any, autojump_clock: object) -> None:
    assert await choices.ask("AAPL", answering(main=NoFreeLine("full"), second=2)) == 2
    assert list(choices.order("AAPL")) == [second, main]
    await trio.sleep(MOMENT)
    assert list(choices.order("AAPL")) == [main, second]


async def test_what_is_the_callers_fault_is_asked_once(choices: Choices) -> None:
    with pytest.raises(InvalidRequest):
        await choices.ask("AAPL", answering(main=InvalidRequest("what?"), second=2))


async def test_budgets_of_all_are_added_up_in_the_refusal(choices: Choices) -> None:
    def full(used: int, yours: int, others: int) -> NoFreeLine:
        budget = {"name": "lines", "limit": 100, "used": used, "share": 80, "yours": yours, "others": others}
        return NoFreeLine("full", extra={"budget": budget})

    with pytest.raises(NoFreeLine) as refused:
        await choices.ask("AAPL", answering(main=full(100, 30, 3), second=full(90, 80, 1)))
    assert refused.value.extra["budget"] == {"name": "lines", "limit": 200, "used": 190, "share": 160, "yours": 110, "others": 3}
    assert "main: full second: full" in str(refused.value)


async def test_a_break_hides_no_refusal(choices: Choices) -> None:
    with pytest.raises(MarketDataNotSubscribed):
        await choices.ask("AAPL", answering(main=GatewayDisconnected("gone"), second=MarketDataNotSubscribed("no")))


async def test_table_of_refusals_is_bounded(choices: Choices, main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_REFUSALS", 2)
    for what in "abc":
        choices.refused(main, what, MarketDataNotSubscribed("no"))
    assert [choices.order(what)[0].name for what in "abc"] == ["main", "second", "second"]


def test_the_one_gateway_is_asked_whatever_it_is(main: Any) -> None:
    alone = Choices((main,))
    alone.refused(main, "AAPL", MarketDataNotSubscribed("no"))
    main.tell(SessionPhase.BACKING_OFF)
    assert alone.order("AAPL") == (main,)


@dataclass(eq=False)
class Stream:
    """What moves."""

    site: Any
    refused_by: dict[str, IbactorsError] = field(default_factory=dict)
    void: bool = True
    what: str = "AAPL"
    was: list[str] = field(default_factory=list)
    failed: list[IbactorsError] = field(default_factory=list)

    async def move(self, site: Any) -> None:
        await trio.lowlevel.checkpoint()
        if site.name in self.refused_by:
            raise self.refused_by[site.name]
        self.site = site
        self.was.append(site.name)

    def fail(self, error: IbactorsError) -> None:
        self.failed.append(error)


async def test_a_stream_moves_when_its_gateway_breaks_and_stays(choices: Choices, main: Any, autojump_clock: object) -> None:
    moves, stream = Moves(choices), Stream(main)
    async with moving(moves):
        with moves.following(stream):
            main.tell(SessionPhase.SILENT)
            await trio.sleep(2 * SETTLE)
            assert (stream.was, moves.moved) == (["second"], 1)
            main.tell(SessionPhase.UP)
            await trio.sleep(2 * RETRY)
            assert stream.was == ["second"]


async def test_a_moment_of_silence_moves_nothing(choices: Choices, main: Any, autojump_clock: object) -> None:
    moves, stream = Moves(choices), Stream(main)
    async with moving(moves):
        with moves.following(stream):
            await trio.sleep(1)
            main.tell(SessionPhase.SILENT)
            main.tell(SessionPhase.UP)
            await trio.sleep(1)
    assert stream.was == []


async def test_nothing_moves_before_its_client_has_been_told(choices: Choices, main: Any, autojump_clock: object) -> None:
    moves, stream = Moves(choices), Stream(main, void=False)
    async with moving(moves):
        with moves.following(stream):
            main.tell(SessionPhase.BACKING_OFF)
            await trio.sleep(1)
            assert stream.was == []
            stream.void = True
            await trio.sleep(2 * SETTLE)
            assert stream.was == ["second"]


async def test_what_has_no_place_elsewhere_is_tried_again_until_it_has(choices: Choices, main: Any, autojump_clock: object) -> None:
    moves, stream = Moves(choices), Stream(main, {"second": NoFreeLine("full")})
    async with moving(moves):
        with moves.following(stream):
            main.tell(SessionPhase.BACKING_OFF)
            await trio.sleep(3 * RETRY)
            assert (stream.was, stream.failed) == ([], [])
            stream.refused_by.clear()
            await trio.sleep(MOMENT + 2 * RETRY)
            assert stream.was == ["second"]


async def test_what_all_refuse_is_over_and_what_one_that_is_down_may_give_waits_there(
    choices: Choices, main: Any, second: Any, autojump_clock: object
) -> None:
    moves, stream, refusal = Moves(choices), Stream(second), MarketDataNotSubscribed("no")
    async with moving(moves):
        with moves.following(stream):
            main.tell(SessionPhase.BACKING_OFF)
            choices.refused(second, stream.what, refusal)
            moves.refused(stream, refusal)
            await trio.sleep(1)
            assert (stream.was, stream.failed) == (["main"], [])
            main.tell(SessionPhase.UP, epoch=2)
            choices.refused(main, stream.what, refusal)
            moves.refused(stream, refusal)
            await trio.sleep(1)
            assert (stream.was, stream.failed) == (["main"], [refusal])
