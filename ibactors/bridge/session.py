"""The way to the gateway: one API session, as typed requests in and frozen values out.

Nothing else imports ib_async or trio_asyncio. A session is an asyncio loop with one ib_async `Client` in it; both end with the socket, so
that no value can outlive its session. ib_async's higher layer (`IB`, `Ticker`) is not used on purpose: it keeps one Ticker a contract with
its old values across cancels and reconnects, swallows time-outs of its start-up requests and never ends a request on error 321. Here ticks
are collected by request id, and each request has its own deadline and its own errors.

`run_session` ends with `GatewayDisconnected`, whatever the cause; requests in flight end with it too.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

import trio
import trio_asyncio

from ibactors.bridge import elsewhere
from ibactors.bridge.accounts import AccountListener
from ibactors.bridge.connectivity import Effect
from ibactors.bridge.incoming import CLOSED, Inbox, PacketObserver
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.pacing import MOST_WAITING
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.subscriptions import Subscription, ask, release
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.terms import Endpoint, SessionTerms
from ibactors.bridge.vigil import beat, watched
from ibactors.bridge.wire import CLOSED_BY_PEER, GatewayClient
from ibactors.errors import GatewayDisconnected, GatewayTimeout, MailboxFull

T = TypeVar("T")

_SUMMARY_TAGS = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "PreviousDayEquityWithLoanValue,GrossPositionValue,RegTEquity,RegTMargin,SMA,InitMarginReq,MaintMarginReq,"
    "AvailableFunds,ExcessLiquidity,Cushion,FullInitMarginReq,FullMaintMarginReq,FullAvailableFunds,"
    "FullExcessLiquidity,LookAheadNextChange,LookAheadInitMarginReq,LookAheadMaintMarginReq,"
    "LookAheadAvailableFunds,LookAheadExcessLiquidity,HighestSeverity,DayTradesRemaining,DayTradesRemainingT+1,"
    "DayTradesRemainingT+2,DayTradesRemainingT+3,DayTradesRemainingT+4,Leverage,$LEDGER:ALL"
)

FIRST_TURN, TURN = 0.5, 20.0
"""Seconds for which IB sends the portfolio of one of several accounts. It sends all of it at the beginning, and then changes."""


class Session:
    """One API session that is up: what the connection actor may ask of it. Its methods but `request` return at once."""

    def __init__(self, client: GatewayClient, inbox: Inbox, terms: SessionTerms, desk: OrderDesk) -> None:
        self._client = client
        self._inbox = inbox
        self._terms = terms
        self.orders = desk
        self.accounts: tuple[str, ...] = tuple(client.getAccounts())
        self._turn = 0
        """Whose portfolio IB sends, by its place among the accounts."""
        self.server_version: int = client.serverVersion()

    @property
    def alive(self) -> bool:
        """False from the moment the socket is gone, before `run_session` has ended."""
        return self._client.isReady() and not self._inbox.lost.is_set()

    @property
    def lost(self) -> str | None:
        """Why the gateway has no data although the socket is open (1100, 2110); None while it has."""
        return self._inbox.connectivity.lost

    @property
    def degraded(self) -> str | None:
        """Which data farms are broken; None when none is."""
        return self._inbox.connectivity.degraded

    @property
    def silent(self) -> str | None:
        """That the gateway owes the answer to a probe; None while it does not."""
        return self._inbox.connectivity.silent

    def on_change(self, listener: Callable[[Effect], None]) -> None:
        """Call *listener* whenever `lost`, `degraded` or `silent` has changed, or the gateway lost all lines (1101)."""
        self._inbox.on_change = listener

    def on_pause(self, listener: Callable[[str], None]) -> None:
        """Call *listener* with the reason at the first step after a pause of this process, before `on_change`."""
        self._inbox.vigil.paused = listener

    @property
    def waiting(self) -> int:
        """Messages that wait for their turn to be sent."""
        return len(self._client.outbox)

    @property
    def lines(self) -> int:
        """Open market-data lines."""
        return len(self._inbox.quotes.open)

    @property
    def closing_books(self) -> int:
        """Books that nobody wants any more and IB does not let go yet."""
        return sum(line.closing is not None for line in self._inbox.feeds.open.values())

    async def request(self, spec: RequestSpec[T]) -> tuple[T, ...]:
        """All rows of the answer to *spec*.

        Raises what the spec makes of IB's errors, MailboxFull when too much waits to be sent, GatewayRefused (its answer cannot be read),
        GatewayTimeout or GatewayDisconnected.
        """
        if not self.alive:
            raise GatewayDisconnected(self._inbox.reason)
        if self.waiting >= MOST_WAITING:
            raise MailboxFull("connection", self.waiting)
        timeout = spec.timeout or self._terms.request_timeout
        with self._inbox.requests.opened(self._client, spec) as request:
            try:
                with trio.fail_after(timeout):
                    await request.ended.wait()
            except trio.TooSlowError:
                raise GatewayTimeout(f"The gateway did not {spec.to} within {timeout:g} s.") from None
        if request.error is not None:
            raise request.error.with_traceback(None)  # several callers may share it
        return tuple(request.rows)

    def subscribe(self, subscription: Subscription[Any]) -> int:
        """Have the gateway send something from now on; messages and errors go to its listener. Returns what `unsubscribe` takes.

        Raises InvalidRequest for what cannot be sent.
        """
        if self._inbox.connectivity.interrupts(subscription.origin):
            subscription.expect_resume()
        request_id = self._inbox.of_kind(subscription).add(self._client, subscription)
        self._inbox.turn_markets()
        return request_id

    def unsubscribe(self, request_id: int) -> None:
        """End a subscription; unknown ids are ignored, because it may have been given up after a break."""
        for subscriptions in self._inbox.subscriptions.values():
            subscriptions.close(self._client, request_id)

    def watch_accounts(self, listener: AccountListener) -> None:
        """Subscribe to summary, positions and portfolio (messages 62, 61, 6), in place of an earlier listener."""
        self._inbox.accounts.listener = listener
        asked = self._inbox.accounts.requests
        if asked.summary_id is not None:
            # A gateway allows two summaries a session (error 322), and one that goes on does not send all of it again.
            self._client.cancelAccountSummary(asked.summary_id)
            self._client.cancelPositions()
            self._client.reqAccountUpdates(subscribe=False, acctCode=self.accounts[self._turn])
        summary_id = self._client.getReqId()
        asked.sent(summary_id)
        self._client.reqPositions()
        self._client.reqAccountSummary(summary_id, "All", _SUMMARY_TAGS)
        self._client.reqAccountUpdates(subscribe=True, acctCode=self.accounts[self._turn])

    def next_portfolio(self) -> bool:
        """Have IB send the portfolio of another account, of which it keeps one current at a time; tells whether it is that one's turn."""
        if self.lost or self.silent or not self._inbox.accounts.requests.may_turn:
            return False
        self._client.reqAccountUpdates(subscribe=False, acctCode=self.accounts[self._turn])
        self._turn = (self._turn + 1) % len(self.accounts)
        self._inbox.accounts.requests.turned()
        self._client.reqAccountUpdates(subscribe=True, acctCode=self.accounts[self._turn])
        return True


async def run_session(
    endpoint: Endpoint,
    terms: SessionTerms,
    tally: GatewayTally,
    observer: PacketObserver,
    *,
    task_status: trio.TaskStatus[Session] = trio.TASK_STATUS_IGNORED,
) -> NoReturn:
    """Connect, hand out the session by `started()`, watch over it, and raise GatewayDisconnected when it is over.

    What *observer* does at the end of a packet it does in this session's reading task.

    The message of the exception is the reason: refused, client id in use, closed by the gateway, silent, …
    """
    inbox = Inbox(tally, observer)
    client = GatewayClient(inbox, tally)
    desk = OrderDesk(client, inbox, endpoint.client_id)
    inbox.client_id = endpoint.client_id
    inbox.on_pacing = client.outbox.pause
    inbox.on_abandoned = partial(release, client)
    inbox.on_rerouted = partial(ask, client)
    lost: GatewayDisconnected
    try:
        async with trio_asyncio.open_loop():
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(client.outbox.run, client.write, name="session/sender")
                    nursery.start_soon(_end_when_lost, inbox, nursery.cancel_scope, name="session/watch")
                    nursery.start_soon(_limit_connecting, client, inbox, endpoint, terms, name="session/connect limit")
                    await _connect(client, endpoint)
                    nursery.start_soon(client.read, name="session/reader")
                    session = Session(client, inbox, terms, desk)
                    task_status.started(session)
                    if len(session.accounts) > 1:
                        nursery.start_soon(take_turns, session, name="session/portfolios")
                    client.reqMarketDataType(terms.market_data_type.ib_number)
                    client.reqCurrentTime()  # markets open and close by its clock
                    nursery.start_soon(beat, inbox.beat, name="session/beat")
                    with watched(inbox.vigil):
                        await inbox.vigil.keep(client, terms)
                raise GatewayDisconnected(inbox.reason, ib_code=inbox.reason_code)
            finally:
                with trio.move_on_after(0.5, shield=True):
                    await _disconnect(client, inbox)
    except* GatewayDisconnected as group:
        lost = _first(group)
    except* asyncio.CancelledError:  # noqa: ASYNC103  # translated, not swallowed: it is raised below as our own error
        # The asyncio side was cancelled, not we; as a BaseException it would pass every handler of the supervisor.
        lost = GatewayDisconnected("The asyncio side of the session was cancelled.")
    finally:
        desk.close(inbox.reason)
        inbox.end_all(GatewayDisconnected(inbox.reason if inbox.lost.is_set() else "The session was closed."))
    raise lost


def _first(group: BaseExceptionGroup[GatewayDisconnected]) -> GatewayDisconnected:
    """The first leaf; all of them report the same loss."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _connect(client: GatewayClient, endpoint: Endpoint) -> None:
    address = f"{endpoint}"
    try:
        await trio_asyncio.aio_as_trio(client.connectAsync)(endpoint.host, endpoint.port, endpoint.client_id, 0)
    except ConnectionRefusedError:
        hint = elsewhere.advice(endpoint.host, endpoint.port)
        raise GatewayDisconnected(f"Nothing listens at {address}: the gateway is down or not logged in. {hint}".rstrip()) from None
    except (socket.gaierror, UnicodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not a host name"
        raise GatewayDisconnected(
            f"IBACTORS_GATEWAY_HOST is {endpoint.host!r}, for which no address was found: {why}. Check the name, and this machine's DNS."
        ) from exc
    except OSError as exc:
        if exc.errno in CLOSED_BY_PEER:
            raise GatewayDisconnected(CLOSED) from exc
        what = os.strerror(exc.errno) if exc.errno else exc  # asyncio's own text repeats the address
        raise GatewayDisconnected(f"The gateway at {address} cannot be reached: {what}.") from exc
    if client.serverVersion() > client.MaxClientVersion:
        raise GatewayDisconnected(f"The gateway answered protocol version {client.serverVersion()}, above {client.MaxClientVersion}.")


async def _limit_connecting(client: GatewayClient, inbox: Inbox, endpoint: Endpoint, terms: SessionTerms) -> None:
    """A gateway may accept the connection and then show a dialog, or wait for its own login."""
    await trio.sleep(terms.connect_timeout)
    if not client.isReady():
        inbox.connection_lost(slow_start(endpoint, terms.connect_timeout))


async def take_turns(session: Session) -> NoReturn:
    """Once through all accounts at once, so that each has figures, and then again and again."""
    turns = 0
    while True:
        await trio.sleep(FIRST_TURN if turns < len(session.accounts) else TURN)
        turns += session.next_portfolio()


def slow_start(endpoint: Endpoint, timeout: float) -> str:
    """The reason while the API does not start, and when its time is over: one sentence, so that it is one outage."""
    return (
        f"The gateway at {endpoint} did not start the API yet. A dialog in its window may ask whether to accept the connection, or "
        f"a login may wait for somebody. If it is only slow, set IBACTORS_CONNECT_TIMEOUT_SECONDS above {timeout:g}; "
        "if it is another program, check IBACTORS_GATEWAY_HOST and IBACTORS_GATEWAY_PORT."
    )


async def _end_when_lost(inbox: Inbox, scope: trio.CancelScope) -> None:
    await inbox.lost.wait()
    scope.cancel(reason=inbox.reason)


async def _disconnect(client: GatewayClient, inbox: Inbox) -> None:
    """Close the socket and let the loop see it close, so that the gateway frees the client id at once."""
    transport = client.conn.transport
    client.disconnect()
    if transport is None:
        return
    try:
        await inbox.lost.wait()
    finally:
        transport.abort()
