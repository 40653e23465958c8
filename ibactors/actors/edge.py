"""The connection of an edge: it keeps a session with the holder of the real one, over the bus.

To others it is what the connection with a gateway is: `sessions` tells the state, and a new epoch that all is to be asked for anew. What an
edge shows is refused from the first step in which the lease is over, whichever task that step is of: a process that was frozen answers
requests before its timers run.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import structlog
import trio

from ibactors.actors.connection import ConnectionMessage, ConnectionNews, ConnectionRef
from ibactors.actors.edge_relay import Relay
from ibactors.actors.edge_session import EdgeSession
from ibactors.actors.lookup import Found
from ibactors.actors.session_board import SessionBoard
from ibactors.bridge.incoming import PacketObserver
from ibactors.bridge.quote_line import QuoteListener
from ibactors.bus import wire
from ibactors.bus.link import Bus, open_link
from ibactors.config import Settings
from ibactors.errors import GatewayDisconnected, GatewayRefused, GatewayTimeout, IbactorsError, MailboxFull
from ibactors.kernel.actor import Actor
from ibactors.kernel.backoff import Backoff
from ibactors.kernel.mailbox import Mailbox
from ibactors.model.instruments import Instrument
from ibactors.model.sessions import SessionPhase

log = structlog.get_logger(__name__)

MOST_ASKING = 32
"""Channels that are asked for at once when a session begins."""
AGAIN = 1.0
"""Seconds until a holder that had too much to do is asked again."""


class EdgeRef(ConnectionRef):
    """The session with the holder, as actors and the web layer of an edge see it."""

    def __init__(self, site: str = "") -> None:
        super().__init__(site)
        self.held: EdgeSession | None = None
        """The live session; set by the actor."""
        self.relays: set[Relay] = set()
        """What clients follow of other channels, session or not."""

    @property
    def lines(self) -> int:
        """Lines that the holder keeps in the feed for this edge."""
        return 0 if self.held is None else self.held.lines

    @property
    def proof_age(self) -> float | None:
        return None if self.held is None else self.held.follower.age

    @property
    def live(self) -> EdgeSession:
        """The session, if what comes of it may be shown. Raises GatewayDisconnected."""
        session = self.sessions.value
        if self.held is None or not session.current:
            raise GatewayDisconnected(session.reason or "There is no session with the holder of the real one.")
        return self.held

    async def find(self, instrument: Instrument, *, caller: str) -> Found:
        """What is meant; raises what `lookup.find` raises at the holder."""
        return await self.live.find(instrument, caller=caller)

    async def open(self, owner: Hashable, question: wire.Open, listener: QuoteListener) -> None:
        """Have *listener* told of an instrument's quotes; raises what the holder's market raises."""
        await self.live.open(owner, question, listener)

    def unsubscribe(self, owner: Hashable) -> None:
        """The owner wants nothing more."""
        if self.held is not None:
            self.held.close(owner)

    async def follow(self, relay: Relay) -> None:
        """Have the relay told of its channel, from now on or from the next session on. Raises what subscribing does at the holder."""
        self.relays.add(relay)
        if self.held is None:
            await trio.lowlevel.checkpoint()
            return
        try:
            await self.held.following.follow(relay)
        except GatewayDisconnected:
            pass  # the next session follows it
        except BaseException:
            self.relays.discard(relay)
            raise

    def leave(self, relay: Relay) -> None:
        """It is to be told nothing more."""
        self.relays.discard(relay)
        if self.held is not None:
            self.held.following.leave(relay)

    async def next(self, question: wire.Next) -> list[wire.Told]:
        """What comes next of a channel that is pulled; nothing, when nothing does for a while."""
        return await self.live.next(question)

    def takes_orders(self) -> bool:
        """Whether the holder takes orders from edges. Raises GatewayDisconnected while there is none."""
        return self.live.takes_orders

    async def act(self, question: wire.Act) -> tuple[wire.Response, list[bytes]]:
        """How the holder answers what changes orders. Raises AnswerLost where nobody knows whether it was done."""
        return await self.live.act(question)

    async def read(self, question: wire.Read) -> tuple[wire.Response, list[bytes]]:
        """How the holder answers a client's GET: response and pieces of the body."""
        return await self.live.read(question)


class EdgeActor(Actor[ConnectionMessage, ConnectionNews]):
    """One incarnation; sessions come and go inside it."""

    def __init__(self, ref: EdgeRef, bus: Bus, subjects: wire.Subjects, observer: PacketObserver, lease: float) -> None:
        super().__init__(ref)
        self._me = ref
        self._bus = bus
        self._subjects = subjects
        self._observer = observer
        self._lease = lease
        self._board = SessionBoard(ref.sessions)
        self._backoff = Backoff()
        self._asking = trio.CapacityLimiter(MOST_ASKING)

    async def run(self, mailbox: Mailbox[ConnectionMessage, ConnectionNews]) -> None:
        self.nursery.start_soon(self._keep_session, name="actor:connection/session")
        try:
            await self.serve(mailbox)
        finally:
            self._session_over(SessionPhase.STOPPED, "The connection actor stopped.")

    async def handle(self, msg: ConnectionMessage) -> None:
        msg.reply.fail(GatewayRefused("An edge has no gateway."))

    def handle_newest(self, msg: ConnectionNews) -> None:
        """Nothing here has anything to do with a gateway."""

    async def _keep_session(self) -> NoReturn:
        failures = 0
        while True:
            began = self._me.sessions.value.epoch
            lost: GatewayDisconnected | None = None
            try:
                await self._one_session()
            except* GatewayDisconnected as group:
                lost = _first(group)
            failures = 1 if self._me.sessions.value.epoch != began else failures + 1
            self._session_over(SessionPhase.BACKING_OFF, str(lost))
            await trio.sleep(self._backoff.delay(failures))

    async def _one_session(self) -> NoReturn:
        async with open_link(self._bus, "ibactors edge") as link:
            session = EdgeSession(link, self._subjects, self._observer, lease=self._lease)
            await session.begin()
            self._session_up(session)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.keep_lease, name="session/lease")
                nursery.start_soon(self._follow_state, session, name="session/state")
                for relay in self._me.relays:
                    nursery.start_soon(self._follow_again, session, relay, name="session/relay")
                with leased(session, self._board):
                    await session.over.wait()
                nursery.cancel_scope.cancel(reason=session.lost)
            # Told before the connection is closed, which takes its time.
            self._session_over(SessionPhase.BACKING_OFF, session.lost or "")
            raise GatewayDisconnected(session.lost or "")

    def _session_up(self, session: EdgeSession) -> None:
        self._me.held = session
        self._show(session, self._me.sessions.value.epoch + 1)

    async def _follow_again(self, session: EdgeSession, relay: Relay) -> None:
        """After a break; errors are its client's."""
        while relay in self._me.relays and session.lost is None:
            try:
                async with self._asking:
                    await session.following.follow(relay)
            except (MailboxFull, GatewayTimeout):
                await trio.sleep(AGAIN)
                continue
            except GatewayDisconnected:
                return  # the next session does
            except IbactorsError as exc:
                relay.heard("", exc)
            if relay not in self._me.relays:
                session.following.leave(relay)
            return

    async def _follow_state(self, session: EdgeSession) -> NoReturn:
        while True:
            await session.state_changed.wait()
            session.state_changed = trio.Event()
            if session.lost is None:
                self._show(session, self._me.sessions.value.epoch)

    def _show(self, session: EdgeSession, epoch: int) -> None:
        state, accounts = session.state, session.accounts
        phase = SessionPhase(state.phase)
        self.ref.status.epoch = self._board.show(phase, state.reason, epoch=epoch, accounts=accounts, server_version=session.server_version)

    def _session_over(self, phase: SessionPhase, reason: str) -> None:
        if self._me.held is not None:
            self._me.held.end(reason)
            self._me.held = None
            for relay in self._me.relays:
                relay.interrupted(reason)
        self.ref.status.epoch = self._board.show(phase, reason)


class Leased(trio.abc.Instrument):
    """Has nobody take what an edge knows for current from the first step on in which the lease is over."""

    def __init__(self, session: EdgeSession, board: SessionBoard) -> None:
        self._session = session
        self._board = board

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002  # trio's signature
        session = self._session
        if session.lost is None and not session.follower.fresh:
            session.end(session.follower.overdue)
        if session.lost is not None:
            self._board.hold(session.lost)


@contextmanager
def leased(session: EdgeSession, board: SessionBoard) -> Iterator[None]:
    """The lease is looked at before each step inside the block."""
    instrument = Leased(session, board)
    trio.lowlevel.add_instrument(instrument)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(instrument)


def edge_builder(ref: EdgeRef, settings: Settings, observer: PacketObserver) -> Callable[[], EdgeActor]:
    """Makes incarnations of an edge's connection actor."""
    return lambda: EdgeActor(ref, bus_of(settings), wire.Subjects(settings.bus_prefix), observer, settings.bus_lease)


def bus_of(settings: Settings) -> Bus:
    """Where the bus is, as the settings say."""
    return Bus(url=settings.bus, user=settings.bus_user, password=settings.bus_password, ca=settings.bus_ca)


def _first(group: BaseExceptionGroup[GatewayDisconnected]) -> GatewayDisconnected:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
