# ruff: noqa: ARG002  # autojump_clock acts by being asked for; listeners are told more than they note
"""What a session keeps open: requested and cancelled once, told of errors and breaks, and fed by nothing but its own messages."""

import math
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.bridge.incoming import SETTLING
from ibactors.bridge.profits import ProfitLine
from ibactors.bridge.quote_line import QuoteLine
from ibactors.bridge.scans import ScanLine, ScanTerms
from ibactors.bridge.subscriptions import Subscription, Subscriptions
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import ContractNotFound, Doubtful, GatewayDisconnected, IbactorsError, InvalidRequest, MarketDataNotSubscribed
from ibactors.model.accounts import ProfitKey
from ibactors.model.instruments import Instrument
from ibactors.model.quotes import Quote
from tests.unit.test_connection import CONTRACT
from tests.unit.test_requests import Line, line


class Heard:
    def __init__(self) -> None:
        self.said: list[object] = []

    def ticked(self, quote: Quote) -> None:
        self.said.append(quote.bid)

    def failed(self, error: IbactorsError) -> None:
        self.said.append(error)

    def interrupted(self, error: IbactorsError) -> None:
        self.said.append("interrupted")

    def resumed(self) -> None:
        self.said.append("resumed")


def quotes(there: Line, symbol: str = "AAPL", currency: str = "USD") -> tuple[int, Heard]:
    heard = Heard()
    listing = "IBIS" if currency == "EUR" else "NASDAQ"
    contract = msgspec.structs.replace(CONTRACT, symbol=symbol, currency=currency, primary_exchange=listing)
    return there.session.subscribe(QuoteLine(Instrument(symbol=symbol, currency=currency), contract, heard)), heard


def bid(there: Line, request_id: int, price: float) -> None:
    there.say(1, 6, request_id, 1, price, 100, 0)
    there.inbox.packet_done()


async def test_quotes_come_from_request_to_cancel_and_not_after(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = quotes(there)
        await wait_all_tasks_blocked()
        bid(there, request_id, 1.0)
        bid(there, request_id + 1, 2.0)
        there.session.unsubscribe(request_id)
        there.session.unsubscribe(request_id)
        bid(there, request_id, 3.0)
        await wait_all_tasks_blocked()
        assert heard.said == [1.0]
        assert [fields[0] for fields in there.sent] == ["1", "2"]
        assert there.session.lines == 0


async def test_subscription_that_has_not_left_is_withdrawn_and_needs_no_cancel(autojump_clock: MockClock) -> None:
    async with line() as there:
        there.client.outbox.pause()
        request_id, _ = quotes(there)
        there.session.unsubscribe(request_id)
        await trio.sleep(5)
        assert there.sent == []


async def test_error_is_told_and_notice_is_not(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = quotes(there)
        bid(there, request_id, 1.0)
        await trio.sleep(SETTLING + 1)
        there.say(4, 2, request_id, 10167, "Displaying delayed market data", "")
        there.say(4, 2, request_id, 354, "Not subscribed", "")
        assert heard.said[0] == 1.0
        assert [type(said) for said in heard.said[1:]] == [MarketDataNotSubscribed]


@pytest.mark.parametrize(("code", "text"), [(1100, "Connectivity lost"), (2103, "Market data farm connection is broken:usfarm")])
async def test_break_interrupts_those_that_it_concerns_and_its_end_resumes_them(code: int, text: str, autojump_clock: MockClock) -> None:
    async with line() as there:
        _, american = quotes(there)
        _, european = quotes(there, "SAP", "EUR")
        there.say(4, 2, -1, code, text, "")
        there.say(4, 2, -1, 1102, "Connectivity restored, data maintained", "")
        assert american.said == ["interrupted", "resumed"]
        assert european.said == (["interrupted", "resumed"] if code == 1100 else [])


REFUSALS = [(200, "No security definition has been found"), (354, "Not subscribed"), (321, "Error validating request"), (162, "No data")]


@pytest.mark.parametrize(("code", "text"), REFUSALS)
@pytest.mark.parametrize(
    ("trouble", "over"),
    [
        ((1100, "Connectivity lost"), (1102, "Connectivity restored")),
        ((2110, "Connectivity broken"), (1102, "Connectivity restored")),
        ((2103, "Market data farm connection is broken:usfarm"), (2104, "Market data farm connection is OK:usfarm")),
        ((2157, "Sec-def data farm connection is broken:secdefnj"), (2158, "Sec-def data farm connection is OK:secdefnj")),
    ],
)
async def test_refusal_is_believed_only_when_nothing_is_broken(
    trouble: tuple[int, str], over: tuple[int, str], code: int, text: str, autojump_clock: MockClock
) -> None:
    async with line() as there:
        request_id, heard = quotes(there)
        bid(there, request_id, 1.0)
        await trio.sleep(SETTLING + 1)
        there.say(4, 2, -1, *trouble, "")
        there.say(4, 2, request_id, code, text, "")
        assert isinstance(heard.said[-1], Doubtful)
        assert heard.said[-1].ib_code == code
        assert trouble[1] in str(heard.said[-1])
        there.say(4, 2, -1, *over, "")
        there.say(4, 2, request_id, code, text, "")
        assert isinstance(heard.said[-1], Doubtful), "the gateway may be slower to recover than to tell"
        await trio.sleep(SETTLING + 1)
        there.say(4, 2, request_id, code, text, "")
        assert not isinstance(heard.said[-1], Doubtful)


async def test_farm_for_others_is_no_reason_to_doubt(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = quotes(there)
        there.say(4, 2, -1, 2103, "Market data farm connection is broken:cashfarm", "")
        there.say(4, 2, -1, 2105, "HMDS data farm connection is broken:ushmds", "")
        there.say(4, 2, request_id, 354, "Not subscribed", "")
        assert [type(said) for said in heard.said] == [MarketDataNotSubscribed]


async def test_contract_that_was_found_does_not_vanish_while_anything_is_broken(autojump_clock: MockClock) -> None:
    """A search for it would not be believed now either."""
    async with line() as there:
        request_id, heard = quotes(there)
        bid(there, request_id, 1.0)
        await trio.sleep(SETTLING + 1)
        for farm in ((2103, "Market data farm connection is broken:cashfarm"), (2105, "HMDS data farm connection is broken:ushmds")):
            there.say(4, 2, -1, *farm, "")
            there.say(4, 2, request_id, 200, "No security definition has been found for the request", "")
            assert isinstance(heard.said[-1], Doubtful)
            there.say(4, 2, -1, 1102, "Connectivity restored, data maintained", "")


@pytest.mark.parametrize("unreadable", ["five", "0x10", "1,000"])
async def test_tick_that_cannot_be_read_leaves_no_old_value(unreadable: str, autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = quotes(there)
        bid(there, request_id, 1.0)
        there.say(1, 6, request_id, 1, unreadable, 100, 0)
        there.inbox.packet_done()
        assert heard.said == [1.0, None]


async def test_first_refusal_of_what_was_had_in_an_earlier_session_is_not_believed(autojump_clock: MockClock) -> None:
    async with line() as there:
        known, new = Heard(), Heard()
        first = there.session.subscribe(QuoteLine(Instrument(symbol="AAPL"), CONTRACT, known, proven=True))
        second = there.session.subscribe(QuoteLine(Instrument(symbol="MSFT"), CONTRACT, new))
        for request_id in (first, second):
            there.say(4, 2, request_id, 200, "No security definition has been found for the request", "")
        assert [type(said) for said in (*known.said, *new.said)] == [Doubtful, ContractNotFound]


async def test_line_that_is_opened_in_a_break_is_looked_at_when_it_is_over(autojump_clock: MockClock) -> None:
    """The gateway may take the request and throw it away; two breaks in a row leave a line that nobody asks for again."""
    async with line() as there:
        there.say(4, 2, -1, 2103, "Market data farm connection is broken:usfarm", "")
        _, heard = quotes(there)
        there.say(4, 2, -1, 1100, "Connectivity lost", "")
        there.say(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")
        assert heard.said == ["interrupted"], "IB is still away"
        there.say(4, 2, -1, 1102, "Connectivity restored, data maintained", "")
        assert heard.said == ["interrupted", "resumed"]


async def test_what_is_still_broken_when_ib_is_back_is_not_resumed(autojump_clock: MockClock) -> None:
    async with line() as there:
        _, american = quotes(there)
        _, european = quotes(there, "SIE", "EUR")
        there.say(4, 2, -1, 1100, "Connectivity lost", "")
        there.say(4, 2, -1, 1102, "Restored. The following farms are not connected: usfarm; ushmds.", "")
        assert (american.said, european.said) == (["interrupted"], ["interrupted", "resumed"])
        there.say(4, 2, -1, 2104, "Market data farm connection is OK:usfarm", "")
        assert american.said == ["interrupted", "resumed"]


async def test_lost_data_ends_all_and_cancels_what_the_gateway_had_not_served(autojump_clock: MockClock) -> None:
    async with line() as there:
        served, _ = quotes(there)
        unserved, _ = quotes(there, "MSFT")
        await wait_all_tasks_blocked()
        bid(there, served, 1.0)
        there.say(4, 2, -1, 1101, "Connectivity restored, data lost", "")
        await wait_all_tasks_blocked()
        assert [fields for fields in there.sent if fields[0] == "2"] == [["2", "2", str(unserved)]]
        assert there.session.lines == 0


async def test_lost_data_are_no_reason_for_the_gateway_to_forget_profit_and_loss(autojump_clock: MockClock) -> None:
    async with line() as there:
        listener: Any = Heard()
        profits = there.session.subscribe(ProfitLine(ProfitKey(account="DU1"), None, listener))
        await wait_all_tasks_blocked()
        listener.told = listener.said.append
        there.say(94, profits, 1.0, 2.0, 3.0)
        there.inbox.packet_done()
        assert len(listener.said) == 1
        there.say(4, 2, -1, 1101, "Connectivity restored, data lost", "")
        await wait_all_tasks_blocked()
        assert there.sent[-1] == ["93", str(profits)]


async def test_dropped_messages_make_those_without_data_doubtful(autojump_clock: MockClock) -> None:
    async with line() as there:
        served, lively = quotes(there)
        _, silent = quotes(there, "MSFT")
        bid(there, served, 1.0)
        there.say(4, 2, -1, 100, "Max rate of messages per second has been exceeded", "")
        assert lively.said == [1.0]
        assert silent.said == ["resumed"]


async def test_another_kind_has_its_own_requests_and_shares_breaks(autojump_clock: MockClock) -> None:
    """What a coming kind must write."""

    class Depth(Subscription[Heard]):
        kind = "depth"

        def request(self, client: GatewayClient, request_id: int) -> None:
            client.send(10, 5, request_id)

        def cancel(self, client: GatewayClient, request_id: int) -> None:
            client.send(11, 1, request_id)

        def forget(self) -> None:
            self.listener.said.append("forgotten")

        def packet_done(self, arrived: float) -> None:
            self.listener.said.append("told")

    async with line() as there:
        depths: Subscriptions[Depth] = Subscriptions()
        there.inbox.subscriptions[Depth] = depths
        heard = Heard()
        request_id = there.session.subscribe(Depth(Instrument(symbol="AAPL"), heard))
        depths.touched[request_id] = depths.open[request_id]
        there.inbox.packet_done()
        there.inbox.packet_done()
        there.say(4, 2, -1, 1100, "Connectivity lost", "")
        await wait_all_tasks_blocked()
        there.session.unsubscribe(request_id)
        await wait_all_tasks_blocked()
        assert heard.said == ["told", "forgotten", "interrupted"]
        assert [fields[0] for fields in there.sent] == ["10", "11"]


async def test_listener_may_close_what_it_hears_of(autojump_clock: MockClock) -> None:
    async with line() as there:

        class Closing(Heard):
            def interrupted(self, error: IbactorsError) -> None:
                there.session.unsubscribe(request_id)

        request_id = there.session.subscribe(QuoteLine(Instrument(symbol="AAPL"), CONTRACT, Closing()))
        quotes(there, "MSFT")
        there.say(4, 2, -1, 1100, "Connectivity lost", "")
        assert there.session.lines == 1


async def test_end_of_the_session_ends_all_without_a_word(autojump_clock: MockClock) -> None:
    async with line() as there:
        request_id, heard = quotes(there)
        there.inbox.end_all(GatewayDisconnected("gone"))
        bid(there, request_id, 1.0)
        assert heard.said == []


@pytest.mark.parametrize("inherited", [True, False])
async def test_refusal_in_a_young_session_is_believed_of_what_no_session_before_had(inherited: bool, autojump_clock: MockClock) -> None:
    async with line() as there:
        heard = Heard()
        request_id = there.session.subscribe(QuoteLine(Instrument(symbol="AAPL"), CONTRACT, heard, proven=inherited))
        bid(there, request_id, 1.0)
        there.say(4, 2, request_id, 354, "Requested market data is not subscribed.", "")
        assert isinstance(heard.said[-1], Doubtful if inherited else MarketDataNotSubscribed)


async def test_what_cannot_be_sent_leaves_nothing_open(autojump_clock: MockClock) -> None:
    async with line() as there:
        terms = ScanTerms(instrument="STK", location="STK.US", code="TOP", above_price=math.inf)
        listener: Any = object()
        with pytest.raises(InvalidRequest):
            there.session.subscribe(ScanLine(terms, listener))
        assert not there.inbox.feeds.open
