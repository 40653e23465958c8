# ruff: noqa: ARG002  # autojump_clock acts by being asked for; listeners are told more than they note
"""What a session keeps open: requested and cancelled once, told of errors and breaks, and fed by nothing but its own messages."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.bridge.quote_line import QuoteLine
from ibactors.bridge.subscriptions import Subscription, Subscriptions
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import GatewayDisconnected, IbactorsError, MarketDataNotSubscribed
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
    return there.session.subscribe(QuoteLine(Instrument(symbol=symbol, currency=currency), CONTRACT, heard)), heard


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
