"""Requests to the gateway, from the frame on: each ends exactly once, with all of its rows or with the reason why not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.bridge import codes
from ibactors.bridge.answers import ANSWERS, CURRENT_TIME, OPEN_ORDERS, market_rule
from ibactors.bridge.codes import Verdict
from ibactors.bridge.contracts import find_contracts
from ibactors.bridge.incoming import Inbox
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.session import Session
from ibactors.bridge.subscriptions import release
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.wire import GatewayClient
from ibactors.config import Settings
from ibactors.errors import ContractNotFound, Doubtful, GatewayDisconnected, GatewayRefused, GatewayTimeout, IbactorsError, InvalidRequest
from ibactors.model.instruments import Instrument
from ibactors.orders.placing import FIRST_REQUEST_ID
from tests.unit.unobserved import Unobserved


class Wire(GatewayClient):
    """A client whose socket is a list."""

    def __init__(self, inbox: Inbox, tally: GatewayTally) -> None:
        super().__init__(inbox, tally)
        self._serverVersion = self.decoder.serverVersion = 178
        self._apiReady = True
        self.connState = self.CONNECTED
        self.updateReqId(FIRST_REQUEST_ID)
        self.sent: list[list[str]] = []

    def isConnected(self) -> bool:  # noqa: N802  # ib_async's name
        return True

    def write(self, *messages: str) -> None:
        self.sent.extend(message.split("\0")[:-1] for message in messages)


class Line:
    """A session with nobody behind it: what was sent, and what the test has the gateway say."""

    def __init__(self) -> None:
        tally = GatewayTally()
        self.inbox = Inbox(tally, Unobserved())
        self.client = Wire(self.inbox, tally)
        self.inbox.on_abandoned = partial(release, self.client)
        self.session = Session(self.client, self.inbox, Settings(request_timeout=10.0), OrderDesk(self.client, self.inbox, 1))

    @property
    def sent(self) -> list[list[str]]:
        return self.client.sent

    def say(self, *fields: object) -> None:
        self.client.decoder.interpret([str(field) for field in fields])


@asynccontextmanager
async def line() -> AsyncIterator[Line]:
    there = Line()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(there.client.outbox.run, there.client.write)
        yield there
        nursery.cancel_scope.cancel(reason="the test is over")


class Call:
    """One caller of `Session.request`."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.rows: tuple[Any, ...] | None = None
        self.error: IbactorsError | None = None

    async def run(self, there: Line, spec: RequestSpec[Any]) -> None:
        with self.scope:
            try:
                self.rows = await there.session.request(spec)
            except IbactorsError as exc:
                self.error = exc


@asynccontextmanager
async def asking(there: Line, *specs: RequestSpec[Any]) -> AsyncIterator[list[Call]]:
    """Callers of *specs*, whose requests have left; all of them have ended when the block is left."""
    calls = [Call() for _ in specs]
    async with trio.open_nursery() as nursery:
        for call, spec in zip(calls, specs, strict=True):
            nursery.start_soon(call.run, there, spec)
            await wait_all_tasks_blocked()
        yield calls


def bars(**more: Any) -> RequestSpec[float]:
    return RequestSpec(
        to="send bars",
        kind="bars",
        send=lambda client, request_id: client.send(20, request_id),
        cancel=lambda client, request_id: client.send(25, 1, request_id),
        rows={"historicalData": lambda _, bar: bar.close},
        **more,
    )


def orders() -> RequestSpec[int]:
    return RequestSpec(
        to="list the open orders",
        kind="orders",
        name=OPEN_ORDERS,
        send=lambda client, _: client.send(16, 1),
        rows={"orderStatus": lambda order_id, *_: order_id},
    )


def status(order_id: int) -> tuple[object, ...]:
    return (3, order_id, "Submitted", 0, 100, 0, 7, 0, 0, 1, "", 0)


BAR = ("20260102", 1, 2, 0.5, 1.5, 100, 1.2, 7)


async def test_contracts_are_found_by_the_generic_request(autojump_clock: MockClock) -> None:
    async with line() as there, asking(there, find_contracts(Instrument(symbol="AAPL"))) as (call,):
        assert there.sent[-1][:2] == ["9", "8"]
        request_id = there.sent[-1][2]
        there.say(4, 2, request_id, 200, "No security definition has been found", "")
    assert isinstance(call.error, ContractNotFound)
    assert there.sent[-1][0] == "9", "what the gateway has refused is not cancelled"


async def test_all_rows_come_with_the_end_and_no_cancel_follows(autojump_clock: MockClock) -> None:
    async with line() as there, asking(there, bars()) as (call,):
        request_id = there.sent[0][1]
        there.say(17, int(request_id) + 1, "a", "b", 0)  # somebody else's
        there.say(17, request_id, "a", "b", 2, *BAR, *BAR)
        there.say(17, request_id, "a", "b", 0)  # after the end
    assert call.rows == (1.5, 1.5)
    assert len(there.sent) == 1


@pytest.mark.parametrize("broken", [(17, "{}", "a", "b", 2, *BAR), (17, "{}", "a", "b", 1, *BAR[:4], "x", *BAR[5:]), (17, "{}", "a")])
async def test_rows_that_cannot_be_read_fail_the_request(broken: tuple[object, ...], autojump_clock: MockClock) -> None:
    async with line() as there, asking(there, bars()) as (call,):
        there.say(*(there.sent[0][1] if field == "{}" else field for field in broken))
    assert isinstance(call.error, GatewayRefused)
    assert call.error.code == "gateway_error"
    assert "send bars" in str(call.error)


async def test_rows_of_unexpected_fields_fail_simple_messages_too(autojump_clock: MockClock) -> None:
    spec = RequestSpec(to="tell", kind="a", send=lambda client, n: client.send(1, n), rows={"headTimestamp": lambda _, time: int(time)})
    async with line() as there, asking(there, spec, spec) as (one, other):
        there.say(88, there.sent[0][1], "not a time")
        there.say(88, there.sent[1][1])
    assert isinstance(one.error, GatewayRefused)
    assert isinstance(other.error, GatewayRefused)


@pytest.mark.parametrize(
    ("code", "ends"), [(162, None), (366, ContractNotFound), (2174, "goes on"), (10314, InvalidRequest), (504, GatewayDisconnected)]
)
async def test_errors_mean_what_the_request_says_and_else_what_the_table_says(code: int, ends: object, autojump_clock: MockClock) -> None:
    meanings: codes.Meanings = {162: Verdict.END, 366: ContractNotFound, 10314: InvalidRequest}
    async with line() as there, asking(there, bars(judge=partial(codes.judge, meanings=meanings))) as (call,):
        request_id = there.sent[0][1]
        there.say(4, 2, request_id, code, "in IB's words", "")
        await wait_all_tasks_blocked()
        if ends == "goes on":
            assert call.rows is call.error is None
            there.say(17, request_id, "a", "b", 0)
    if isinstance(ends, type):
        assert type(call.error) is ends
    else:
        assert call.rows == ()
    assert len(there.sent) == 1


async def test_time_out_cancels_the_request_at_the_gateway(autojump_clock: MockClock) -> None:
    begun = autojump_clock.current_time()
    async with line() as there, asking(there, bars(timeout=3.0)) as (call,):
        pass
    assert isinstance(call.error, GatewayTimeout)
    assert str(call.error) == "The gateway did not send bars within 3 s."
    assert autojump_clock.current_time() - begun == pytest.approx(3)
    await wait_all_tasks_blocked()


@pytest.mark.parametrize(
    "trouble",
    [
        (2157, "Sec-def data farm connection is broken:secdefnj"),
        (2105, "HMDS data farm connection is broken:ushmds"),
        (2103, "Market data farm connection is broken:usfarm"),
    ],
)
@pytest.mark.parametrize("code", [162, 200, 321, 354])
async def test_error_while_a_farm_is_broken_says_nothing_of_the_request(
    trouble: tuple[int, str], code: int, autojump_clock: MockClock
) -> None:
    async with line() as there:
        there.say(4, 2, -1, *trouble, "")
        async with asking(there, bars()) as (call,):
            there.say(4, 2, there.sent[-1][1], code, "Not found", "")
        assert isinstance(call.error, Doubtful)
        assert call.error.ib_code == code
        there.say(4, 2, -1, trouble[0] + 1, trouble[1].replace("broken", "OK"), "")
        async with asking(there, bars()) as (again,):
            there.say(4, 2, there.sent[-1][1], code, "Not found", "")
        assert not isinstance(again.error, Doubtful)


async def test_caller_that_leaves_has_its_request_cancelled_first_of_all(autojump_clock: MockClock) -> None:
    async with line() as there, asking(there, bars()) as (call,):
        call.scope.cancel(reason="the client left")
        await wait_all_tasks_blocked()
        assert [fields[0] for fields in there.sent] == ["20", "25"]


async def test_request_that_has_not_left_is_withdrawn(autojump_clock: MockClock) -> None:
    async with line() as there:
        there.client.outbox.pause()
        async with asking(there, bars()) as (call,):
            assert len(there.client.outbox) == 1
            call.scope.cancel(reason="the client left")
        assert not len(there.client.outbox)
        await trio.sleep(5)
        assert there.sent == []


async def test_single_request_ends_with_its_first_row_and_is_cancelled(autojump_clock: MockClock) -> None:
    spec = RequestSpec(
        to="tell the cash",
        kind="cash",
        single=True,
        send=lambda client, n: client.send(76, n),
        cancel=lambda client, n: client.send(77, n),
        rows={"accountUpdateMulti": lambda _, __, ___, ____, value, _____: value},
    )
    async with line() as there, asking(there, spec) as (call,):
        there.say(73, 1, there.sent[0][1], "DU1", "", "Cash", "1.5", "USD")
        there.say(73, 1, there.sent[0][1], "DU1", "", "Cash", "9.5", "USD")
        await wait_all_tasks_blocked()
    assert call.rows == ("1.5",)
    assert [fields[0] for fields in there.sent] == ["76", "77"]


async def test_requests_without_an_id_are_shared_while_in_flight(autojump_clock: MockClock) -> None:
    async with line() as there:
        async with asking(there, orders(), orders(), orders()) as (one, two, three):
            there.say(*status(4))
            one.scope.cancel(reason="the client left")
            await wait_all_tasks_blocked()
            there.say(*status(5))
            there.say(53, 1)
        assert (one.rows, two.rows, three.rows) == (None, (4, 5), (4, 5))
        assert len(there.sent) == 1
        async with asking(there, orders()) as (again,):
            there.say(53, 1)
        assert again.rows == (), "what ended is not shared"
        assert len(there.sent) == 2


async def test_late_answer_to_an_abandoned_request_is_not_the_next_ones(autojump_clock: MockClock) -> None:
    async with line() as there:
        async with asking(there, orders()) as (given_up,):
            there.say(*status(1))
        assert isinstance(given_up.error, GatewayTimeout)
        async with asking(there, orders()) as (call,):
            there.say(*status(2))
            there.say(53, 1)
            await wait_all_tasks_blocked()
            assert call.rows is None
            there.say(*status(3))
            there.say(53, 1)
        assert call.rows == (3,)


async def test_late_answer_that_comes_while_nobody_asks_is_settled(autojump_clock: MockClock) -> None:
    async with line() as there:
        async with asking(there, orders()):
            pass
        there.say(*status(2))
        there.say(53, 1)
        async with asking(there, orders()) as (call,):
            there.say(53, 1)
        assert call.rows == ()


async def test_answer_lost_by_the_gateway_costs_one_request_only(autojump_clock: MockClock) -> None:
    async with line() as there:
        async with asking(there, orders()):
            pass  # lost
        async with asking(there, orders()) as (second,):
            there.say(53, 1)
        assert isinstance(second.error, GatewayTimeout)
        async with asking(there, orders()) as (third,):
            there.say(53, 1)
        assert third.rows == ()


async def test_what_if_is_told_by_the_id_of_its_order_and_not_to_who_lists_them(autojump_clock: MockClock) -> None:
    what_if = RequestSpec(
        to="preview", kind="orders", single=True, send=lambda client, n: client.send(3, n), rows={"orderStatus": lambda n, *_: n}
    )
    async with line() as there, asking(there, orders(), what_if) as (listing, preview):
        there.say(*status(int(there.sent[1][1])))
        there.say(*status(7))
        there.say(53, 1)
    assert listing.rows == (7,)
    assert preview.rows == (int(there.sent[1][1]),)


async def test_named_requests_of_different_names_do_not_meet(autojump_clock: MockClock) -> None:
    def rule(number: int) -> RequestSpec[int]:
        return RequestSpec(
            to="tell a rule",
            kind="rules",
            name=market_rule(number),
            send=lambda client, _: client.send(91, number),
            rows={"marketRule": lambda _, increments: len(increments)},
        )

    time = RequestSpec(to="tell", kind="a", name=CURRENT_TIME, send=lambda client, _: client.send(49, 1), rows={"currentTime": int})
    async with line() as there, asking(there, rule(26), rule(32), time) as calls:
        there.say(93, 32, 2, 0, 0.01, 1, 0.05)
        there.say(49, 1, 1790000000)
        there.say(93, 26, 1, 0, 0.01)
    assert [call.rows for call in calls] == [(1,), (2,), (1790000000,)]


@pytest.mark.parametrize("how", ["lost", "too fast", "no connection to IB"])
async def test_all_requests_end_with_what_they_stand_on(how: str, autojump_clock: MockClock) -> None:
    async with line() as there, asking(there, bars(), orders(), orders()) as calls:
        match how:
            case "lost":
                there.inbox.end_all(GatewayDisconnected("gone"))
            case "too fast":
                there.say(4, 2, -1, 100, "Max rate of messages per second has been exceeded", "")
            case _:
                there.say(4, 2, -1, 1100, "Connectivity between IB and TWS has been lost.", "")
    assert {type(call.error) for call in calls} == {GatewayTimeout if how == "too fast" else GatewayDisconnected}


def test_table_has_an_end_for_every_kind_of_request_that_has_one() -> None:
    unending = {number for number, answer in ANSWERS.items() if answer.ends is False}
    assert unending == {3, 5, 10, 11, 18, 21, 71, 73, 75, 86, 101}
