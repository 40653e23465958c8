"""One look at an option, tick by tick."""

from collections.abc import Set as AbstractSet

import pytest

from ibactors.bridge.incoming import Inbox
from ibactors.bridge.option_line import OPEN_INTEREST, OptionLine
from ibactors.bridge.subscriptions import Subscriptions
from ibactors.errors import IbactorsError
from ibactors.model.contracts import OptionLeg
from ibactors.model.instruments import ContractInfo
from tests.unit.test_requests import Line

DBL_MAX = 1.7976931348623157e308
CALL = ContractInfo(
    con_id=633127624,
    symbol="SPX",
    sec_type="OPT",
    exchange="SMART",
    primary_exchange="",
    currency="USD",
    local_symbol="SPXW  230714C04325000",
    trading_class="SPXW",
    expiry="20230714",
    strike=4325.0,
    right="C",
    multiplier="100",
    min_tick=0.05,
    long_name="",
)
MODEL = [0.28, 0.57, 184.9, 0.0, 0.001, 5.4, -4.1, 5968.0]


class Heard:
    def __init__(self) -> None:
        self.leg: OptionLeg | None = None
        self.missing: AbstractSet[str] = frozenset({"everything"})
        self.is_over = False

    def looked(self, leg: OptionLeg, missing: AbstractSet[str]) -> None:
        self.leg, self.missing = leg, missing

    def ended(self) -> None:
        self.is_over = True

    def failed(self, error: IbactorsError) -> None:
        raise error

    def interrupted(self, error: IbactorsError) -> None:
        raise error

    def resumed(self) -> None:
        raise AssertionError("nothing was interrupted")


def look(*, greeks: bool = True, open_interest: bool = False) -> tuple[OptionLine, Heard]:
    heard = Heard()
    return OptionLine(CALL, heard, greeks=greeks, open_interest=open_interest), heard


def leg_of(heard: Heard) -> OptionLeg:
    assert heard.leg is not None
    return heard.leg


def test_look_is_complete_with_bid_ask_and_model() -> None:
    line, heard = look()
    line.price(1, 184.8, 60.0)
    line.price(2, 185.0, 20.0)
    line.packet_done(1_700_000_000.0)
    assert heard.missing
    line.computation(13, MODEL)
    line.packet_done(1_700_000_001.0)
    assert not heard.missing
    leg = leg_of(heard)
    assert (leg.bid, leg.bid_size, leg.ask, leg.delta, leg.theta, leg.vega, leg.model_price) == (184.8, 60, 185.0, 0.57, -4.1, 5.4, 184.9)
    assert (leg.timestamp, leg.market_data_type) == ("2023-11-14T22:13:21.000000Z", "live")


def test_there_is_no_bid_is_an_answer_too() -> None:
    line, heard = look()
    line.price(1, -1.0, 0.0)
    line.price(2, -1.0, 0.0)
    line.computation(13, MODEL)
    line.packet_done(1.0)
    assert not heard.missing
    assert (leg_of(heard).bid, leg_of(heard).delta) == (None, 0.57)


@pytest.mark.parametrize("tick_type", [10, 11, 12, 80, 81, 82])
def test_computations_beside_prices_are_not_the_models(tick_type: int) -> None:
    line, heard = look()
    line.computation(tick_type, MODEL)
    line.packet_done(1.0)
    assert (leg_of(heard).delta, leg_of(heard).timestamp) == (None, None)


@pytest.mark.parametrize("nothing", [[-1.0, -2.0, -1.0, -1.0, -2.0, -2.0, -2.0, -1.0], [DBL_MAX] * 8, [float("inf")] * 8])
def test_what_was_not_computed_is_null(nothing: list[float]) -> None:
    line, heard = look()
    line.computation(13, nothing)
    line.packet_done(1.0)
    leg = leg_of(heard)
    assert (leg.implied_volatility, leg.delta, leg.gamma, leg.theta, leg.vega, leg.model_price, leg.underlying_price) == (None,) * 7
    assert leg.timestamp is None


def test_live_and_delayed_values_are_never_mixed() -> None:
    line, heard = look()
    line.price(1, 184.8, 60.0)
    line.computation(13, MODEL)
    line.data_type(3)
    line.price(66, 170.0, 10.0)
    line.packet_done(1.0)
    assert (leg_of(heard).bid, leg_of(heard).delta, leg_of(heard).market_data_type) == (170.0, None, "delayed")
    line.computation(83, [0.3, *MODEL[1:]])
    line.packet_done(2.0)
    assert (leg_of(heard).implied_volatility, leg_of(heard).delta) == (0.3, 0.57)


def test_open_interest_is_that_of_the_options_own_side() -> None:
    line, heard = look(open_interest=True)
    line.price(1, 184.8, 60.0)
    line.price(2, 185.0, 20.0)
    line.computation(13, MODEL)
    line.size(28, 0.0)
    line.packet_done(1.0)
    assert heard.missing == {OPEN_INTEREST}
    line.size(27, 3400.0)
    line.packet_done(2.0)
    assert not heard.missing
    assert leg_of(heard).open_interest == 3400


async def test_end_of_a_snapshot_completes_it_and_nothing_is_cancelled() -> None:
    there = Line()
    _, heard = look()
    request_id = there.session.subscribe(OptionLine(CALL, heard, greeks=True, open_interest=False))
    there.say(1, 6, request_id, 1, 184.8, 60, 0)
    there.say(21, request_id, 13, 1, *MODEL)
    there.say(57, 1, request_id)
    there.inbox.packet_done()
    assert (heard.missing, leg_of(heard).bid, leg_of(heard).delta) == (frozenset(), 184.8, 0.57)
    waiting = there.session.waiting
    there.session.unsubscribe(request_id)
    assert there.session.waiting == waiting
    assert there.session.lines == 0


async def test_stream_is_asked_for_open_interest_and_cancelled() -> None:
    there = Line()
    _, heard = look()
    first = there.session.subscribe(OptionLine(CALL, heard, greeks=True, open_interest=True))
    assert isinstance(there.inbox.quotes, Subscriptions)
    assert isinstance(there.inbox, Inbox)
    assert there.session.lines == 1
    there.session.unsubscribe(first)
    assert there.session.lines == 0
