"""The connection actor: keeps one API session with the gateway, and carries requests to it.

It connects, waits and connects again for as long as it lives. Requests made while there is no session are refused at once with
GatewayDisconnected, and those in flight at a break end with it; nothing is kept to be sent later.
"""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NoReturn, Protocol, TypeVar, assert_never

import structlog
import trio

from ibactors.actors.connection import (
    AccountsTold,
    ConnectionMessage,
    ConnectionNews,
    ConnectionRef,
    Request,
    Retarget,
    Subscribe,
    Target,
    Unsubscribe,
    WatchAccounts,
)
from ibactors.actors.session_board import SessionBoard
from ibactors.bridge.codes import CLIENT_ID_IN_USE
from ibactors.bridge.connectivity import Effect
from ibactors.bridge.incoming import PacketObserver
from ibactors.bridge.session import Session, slow_start
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.terms import Endpoint, SessionTerms
from ibactors.config.session import SessionSettings
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.kernel.actor import Actor
from ibactors.kernel.backoff import Backoff
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.ref import Reply
from ibactors.model.sessions import SessionPhase

log = structlog.get_logger(__name__)

T = TypeVar("T")

SLOW_START = 3.0
"""Seconds after which a gateway that has not started the API is said to be slow."""
TRIES_PER_CLIENT_ID = 5
"""Attempts with a client id that is in use (326) before the next of the range is tried."""


class RunSession(Protocol):
    """`bridge.session.run_session`, or what a test puts in its place."""

    async def __call__(
        self,
        endpoint: Endpoint,
        terms: SessionTerms,
        tally: GatewayTally,
        observer: PacketObserver,
        /,
        *,
        task_status: trio.TaskStatus[Session],
    ) -> NoReturn:
        """Run one session; raises GatewayDisconnected when it is over."""


class ConnectionActor(Actor[ConnectionMessage, ConnectionNews]):
    """One incarnation; sessions come and go inside it, and a lost gateway is not a crash."""

    mailbox_size = 1024  # one ask per symbol and session; more means that the service is swamped, and asks fail with 503

    def __init__(
        self,
        ref: ConnectionRef,
        settings: SessionSettings,
        observer: PacketObserver,
        run_session: RunSession,
        backoff: Backoff,
    ) -> None:
        super().__init__(ref)
        self._me = ref
        self._board = SessionBoard(ref.sessions)
        self._settings = settings
        self._observer = observer
        self._taken = 0
        self._run_session = run_session
        self._backoff = backoff
        self._accounts: AccountsTold | None = None
        self._subscribed: dict[Hashable, int] = {}
        """By owner, the id that the session knows a subscription by."""
        self._aim = trio.CancelScope()

    async def run(self, mailbox: Mailbox[ConnectionMessage, ConnectionNews]) -> None:
        self.nursery.start_soon(self._keep_session, name=f"actor:{self.ref.name}/session")
        try:
            await self.serve(mailbox)
        finally:
            self._session_over(SessionPhase.STOPPED, "The connection actor stopped.")

    async def handle(self, msg: ConnectionMessage) -> None:
        match msg:
            case Request():
                session = self._session_or_refuse(msg.reply)
                if session is not None:
                    msg.reply.defer()
                    self.nursery.start_soon(_request, session, msg, name=f"actor:{self.ref.name}/{msg.spec.to}")
            case Subscribe():
                self._subscribe(msg)
            case _:
                assert_never(msg)

    def handle_newest(self, msg: ConnectionNews) -> None:
        match msg:
            case Unsubscribe():
                self._unsubscribe(msg.owner)
            case WatchAccounts():
                if (session := self._live()) is not None:
                    session.watch_accounts(msg.listener)
            case AccountsTold():
                if self._me.session is not None and msg.epoch == self._me.sessions.value.epoch:
                    self._accounts = msg
                    self._publish_session(self._me.session, msg.epoch)
            case Retarget():
                self._retarget(msg.target)
            case _:
                assert_never(msg)

    def _session_or_refuse(self, reply: Reply[T]) -> Session | None:
        session = self._live()
        if session is None:
            reply.fail(GatewayDisconnected(self._me.sessions.value.reason or "There is no session with the gateway."))
        return session

    def _live(self) -> Session | None:
        """The session, unless its socket is gone already and only the news is still on its way."""
        session = self._me.session
        return session if session is not None and session.alive else None

    def _subscribe(self, msg: Subscribe) -> None:
        session = self._session_or_refuse(msg.reply)
        if session is not None:
            self._unsubscribe(msg.owner)
            try:
                self._subscribed[msg.owner] = session.subscribe(msg.subscription)
            except IbactorsError as exc:
                msg.reply.fail(exc)
            else:
                msg.reply.send(None)

    def _unsubscribe(self, owner: Hashable) -> None:
        request_id = self._subscribed.pop(owner, None)
        if request_id is not None and (session := self._live()) is not None:
            session.unsubscribe(request_id)

    async def _keep_session(self) -> NoReturn:
        while True:
            target = self._me.target
            self._announce(target)
            with trio.CancelScope() as self._aim:
                if target.closed is not None:
                    await trio.sleep_forever()
                await self._connect_forever(target)

    def _retarget(self, target: Target) -> None:
        self._aim.cancel(reason="there is another gateway to connect to, or none")
        self._announce(target)

    def _announce(self, target: Target) -> None:
        if target.closed is not None:
            self._session_over(SessionPhase.LOGGED_OUT, target.closed)
        else:
            self._session_over(SessionPhase.CONNECTING, "Connecting to the gateway.")

    async def _connect_forever(self, target: Target) -> NoReturn:
        failures = 0
        while True:
            up = False
            lost: IbactorsError | None = None
            try:
                async with trio.open_nursery() as nursery:
                    endpoint = self._endpoint_for(target)
                    nursery.start_soon(self._tell_slow_start, endpoint, name="session/slow start")
                    run = partial(self._run_session, endpoint, self._settings, self._me.tally, self._observer)
                    session: Session = await nursery.start(run, name="session")
                    await trio.lowlevel.checkpoint_if_cancelled()  # what came up too late is not announced
                    up, self._taken = True, 0
                    self._session_up(session)
            except* GatewayDisconnected as group:
                lost = next(exc for exc in group.exceptions if isinstance(exc, GatewayDisconnected))
            # A session that broke because the service stops is not to be shown as one that is tried again.
            await trio.lowlevel.checkpoint_if_cancelled()
            if lost is not None and lost.ib_code == CLIENT_ID_IN_USE:
                self._taken += 1
            failures = 1 if up else failures + 1
            self._session_over(SessionPhase.BACKING_OFF, str(lost))
            await trio.sleep(self._backoff.delay(failures))

    async def _tell_slow_start(self, endpoint: Endpoint) -> None:
        """Say why there is no session yet, when it is a while that the gateway has not started the API."""
        epoch = self._me.sessions.value.epoch
        await trio.sleep(SLOW_START)
        status = self._me.sessions.value
        if self._me.session is None and status.epoch == epoch:
            self._publish(status.phase, slow_start(endpoint, self._settings.connect_timeout), epoch=epoch)

    def _endpoint_for(self, target: Target) -> Endpoint:
        """With the client id to try: a dead predecessor may hold ours for a moment, so that the next one is taken only after a while."""
        settings = self._settings
        step = self._taken // TRIES_PER_CLIENT_ID % settings.client_ids
        return Endpoint(host=settings.gateway_host, port=target.port or settings.api_port, client_id=settings.client_id + step)

    def _session_up(self, session: Session) -> None:
        self._me.session = session
        self._accounts = None
        self._subscribed.clear()
        log.info("session_up", server_version=session.server_version, accounts=len(session.accounts))
        session.on_change(lambda effect: self._on_change(session, effect))
        session.on_pause(lambda reason: self._on_pause(session, reason))
        session.orders.log.begin(self._me.sessions.value.epoch + 1)
        self._publish_session(session, self._me.sessions.value.epoch + 1)

    def _on_change(self, session: Session, effect: Effect) -> None:
        """IB's notices changed what the session is worth; after lost data everything must be requested again, as in a new session."""
        if self._me.session is session:
            epoch = self._me.sessions.value.epoch
            if effect is Effect.DATA_LOST:
                self._subscribed.clear()
                epoch += 1
                session.orders.lost("IB lost the data of the session (1101).")
                session.orders.log.begin(epoch)
            self._publish_session(session, epoch)

    def _on_pause(self, session: Session, reason: str) -> None:
        if self._me.session is session:
            self._board.hold(reason)

    def _publish_session(self, session: Session, epoch: int) -> None:
        phase, reason = SessionPhase.UP, None
        if session.lost:
            phase, reason = SessionPhase.LOST, session.lost
        elif session.silent:
            phase, reason = SessionPhase.SILENT, session.silent
        elif session.degraded:
            phase, reason = SessionPhase.FARM_DEGRADED, session.degraded
        elif self._accounts is None or not self._accounts.complete:
            phase, reason = SessionPhase.SYNCING, "The gateway has not sent all account data yet."
        if reason is None or phase is SessionPhase.SYNCING:
            reason = (self._accounts and self._accounts.refused) or reason
        self._publish(phase, reason, epoch=epoch, accounts=session.accounts, server_version=session.server_version)

    def _session_over(self, phase: SessionPhase, reason: str) -> None:
        self._me.session = None
        self._subscribed.clear()
        self._publish(phase, reason)

    def _publish(self, phase: SessionPhase, reason: str | None, **more: Any) -> None:
        self.ref.status.epoch = self._board.show(phase, reason, **more)


async def _request(session: Session, msg: Request) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when_over, msg.reply, nursery.cancel_scope)
        try:
            msg.reply.send(await session.request(msg.spec))
        except IbactorsError as exc:
            msg.reply.fail(exc)


async def _cancel_when_over(reply: Reply[Any], scope: trio.CancelScope) -> None:
    await reply.over()
    scope.cancel(reason="answered, or nobody waits for the answer")


def connection_builder(
    ref: ConnectionRef,
    settings: SessionSettings,
    observer: PacketObserver,
    run_session: RunSession,
    *,
    backoff: Backoff | None = None,
) -> Callable[[], ConnectionActor]:
    """Makes incarnations of the connection actor."""
    return lambda: ConnectionActor(ref, settings, observer, run_session, backoff or Backoff())
