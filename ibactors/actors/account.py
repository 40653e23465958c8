"""The account actor: summary, positions and portfolio of the session's accounts, as the gateway keeps them up to date.

It subscribes once a session and answers from memory. Before the first complete set of a session is in, a request waits for it; while there
is no session it is refused, so that figures from before a break are never shown as current.

WebSocket clients listen to `AccountRef.states`: the whole state of each account with every change, and `AccountStale` on a break.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import assert_never

import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.known_accounts import Complete, Item, KnownAccounts, Refused, TaggedFigure, Unreadable
from ibactors.bridge.accounts import AccountHalf, AccountPart
from ibactors.errors import AccountAmbiguous, GatewayDisconnected, GatewayRefused, GatewayTimeout, IbactorsError, UnknownAccount
from ibactors.kernel.actor import Actor, Alarm
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.ref import Ask, Ref, Reply
from ibactors.kernel.topic import Topic, TopicName
from ibactors.model.accounts import AccountBook, AccountStale, AccountState, Figure, PortfolioItem, Position
from ibactors.model.encoded import Encoded
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import now


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GetBook(Ask[AccountBook]):
    """Everything that is known of one account, once *needs* is complete; None stands for the only one, and has the positions of all."""

    account: str | None
    needs: AccountHalf


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged:
    """The session with the gateway came up or broke."""

    session: SessionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The gateway sent one item of account data."""

    feed: "_Feed"
    item: Item
    arrived: float
    """Unix time."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Time to tell listeners what has changed."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """By now the first full set should be in."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """One answer to `GetBook`, which is good until something changes."""

    book: AccountBook
    made: dict[object, bytes] = field(default_factory=dict)
    """What callers have made of it, each by its maker, so that it is made once."""


AccountMessage = GetBook | Publish | AskAgain
AccountNews = SessionChanged | Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTerms:
    """In seconds."""

    timeout: float = 8.0
    """How long a caller waits for the first complete set of a session."""
    ask_again: float = 10.0
    """Account data that is still incomplete after it is requested again: the gateway refused it (322) or threw it away (100)."""


ACCOUNT_TERMS = AccountTerms()
_UNREADABLE = "The gateway sent {} of which a row cannot be read; they are requested again in a few seconds."
ASK_AGAIN_LONGEST = 300.0
"""It is asked for less and less often, up to so many seconds apart: some refusals last."""
PUBLISH_WAIT = 0.1
"""Seconds for which changes are collected before listeners hear of them: the gateway sends a figure or a position at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStates:
    """What is known of each account, as text for all who listen."""

    epoch: int
    """The session that it belongs to; 0 when it is stale."""
    by_account: dict[str, Encoded[AccountState] | Encoded[AccountStale]]

    @property
    def is_stale(self) -> bool:
        """Whether there is nothing that may be taken for current."""
        return self.epoch == 0


class AccountRef(Ref[AccountMessage, AccountNews]):
    """Account data, as the web layer sees it."""

    def __init__(self, site: str = "", terms: AccountTerms = ACCOUNT_TERMS) -> None:
        super().__init__("account")
        self.terms = terms
        self.states = Topic(AccountStates(epoch=0, by_account={}), TopicName(site, "accounts"))
        """Every change, and the present state; outlives a crash of the actor."""
        self.look: Callable[[str | None, AccountHalf], Told | None] | None = None
        """The actor's own, while there is one."""

    def newest(self, account: str | None, *, needs: AccountHalf) -> Told | None:
        """What `book` would answer without waiting; None where it would wait or raise."""
        return None if self.look is None or not self.idle else self.look(account, needs)

    async def book(self, account: str | None, *, needs: AccountHalf) -> AccountBook:
        """What is known of *account*; None is the only one, or the positions of all. Waits for the session's first full set of *needs*.

        Raises UnknownAccount, AccountAmbiguous, GatewayRefused, GatewayDisconnected, GatewayTimeout or an ActorError.
        """
        msg = GetBook(account=account, needs=needs)
        try:
            with trio.fail_after(self.terms.timeout):
                return await self.ask(msg, msg.reply)
        except trio.TooSlowError:
            raise GatewayTimeout(f"The gateway did not send the {needs} within {self.terms.timeout:g} s.") from None


class _Feed:
    """Carries one session's account data into the mailbox: the newest value of each item, so that nothing overflows."""

    def __init__(self, ref: AccountRef) -> None:
        self._ref = ref

    def figure_seen(self, tag: str, figure: Figure, arrived: float) -> None:
        self._saw(("figure", figure.account, tag, figure.currency), TaggedFigure(tag=tag, figure=figure), arrived)

    def position_seen(self, position: Position, arrived: float) -> None:
        self._saw(("position", position.account, position.con_id), position, arrived)

    def portfolio_seen(self, item: PortfolioItem) -> None:
        self._saw(("portfolio", item.account, item.con_id), item)

    def complete(self, what: AccountHalf, arrived: float) -> None:
        self._saw(("complete", what), Complete(what=what), arrived)

    def refused(self, what: AccountPart, error: IbactorsError) -> None:
        self._saw(("refused", what), Refused(what=what, error=error))

    def unreadable(self, what: AccountHalf) -> None:
        self._saw(("unreadable", what), Unreadable(what=what))

    def _saw(self, key: Hashable, item: Item, arrived: float = 0.0) -> None:
        self._ref.tell_newest(key, Seen(feed=self, item=item, arrived=arrived))


class AccountActor(Actor[AccountMessage, AccountNews]):
    """One incarnation; it begins with nothing and subscribes in each new session."""

    mailbox_size = 256  # one ask per waiting request; more are refused with 503

    def __init__(self, ref: AccountRef, connection: ConnectionRef) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._feed: _Feed | None = None
        self._epoch = 0
        self._known = KnownAccounts()
        self._told: dict[tuple[str | None, AccountHalf], Told] = {}
        """Since something has changed."""
        self._waiting: list[GetBook] = []
        self._publishing = Alarm(self, Publish())
        self._asking_again = Alarm(self, AskAgain())
        self._ask_again_wait = ref.terms.ask_again

    async def run(self, mailbox: Mailbox[AccountMessage, AccountNews]) -> None:
        with self._connection.sessions.listening(self._session_changed) as session:
            self._session_changed(session)
            self._me.look = self._look
            try:
                await self.serve(mailbox)
            finally:
                self._me.look = None
                self._go_stale("actor_down", "The account's actor stopped.")

    async def handle(self, msg: AccountMessage) -> None:
        match msg:
            case GetBook():
                self._answer_or_wait(msg)
            case Publish():
                if self._publishing.rings():
                    self._publish()
            case AskAgain():
                if self._asking_again.rings():
                    self._ask_again()
            case _:
                assert_never(msg)

    def handle_newest(self, msg: AccountNews) -> None:
        self._told.clear()
        match msg:
            case SessionChanged():
                self._on_session(msg.session)
            case Seen():
                if msg.feed is self._feed:
                    self._on_item(msg.item, msg.arrived)
                    self._publish_later()
            case _:
                assert_never(msg)

    def _session_changed(self, session: SessionStatus) -> None:
        self._me.tell_newest("session", SessionChanged(session=session))

    def _on_session(self, session: SessionStatus) -> None:
        if session.up and session.epoch == self._epoch and self._feed is not None:
            if not session.current:
                self._go_stale("gateway_disconnected", session.reason or "The gateway is silent.")
            elif self._me.states.value.is_stale:
                self._publish_later()
            return
        self._known = KnownAccounts()
        self._feed = None
        self._ask_again_wait = self._me.terms.ask_again
        self._go_stale("gateway_disconnected", session.reason or "The session was replaced.")
        if session.up:
            self._epoch = self.ref.status.epoch = session.epoch
            self._begin()
        else:
            self._answer_waiting()

    def _begin(self) -> None:
        """Request everything anew."""
        self._told.clear()
        self._known = KnownAccounts()
        self._feed = _Feed(self._me)
        self._asking_again.unset()
        self._watch(self._feed)

    def _watch(self, feed: _Feed) -> None:
        self._connection.watch_accounts(feed)
        self._asking_again.set(self._ask_again_wait)
        self._ask_again_wait = min(2 * self._ask_again_wait, ASK_AGAIN_LONGEST)

    def _ask_again(self) -> None:
        if self._feed is not None and self._known.unreadable:
            self._begin()
        elif self._feed is not None and (not self._known.is_complete or self._known.refusals):
            self._watch(self._feed)

    def _on_item(self, item: Item, arrived: float) -> None:
        self._known.take(item, arrived)
        if isinstance(item, Unreadable):
            self._go_stale("gateway_error", _UNREADABLE.format(item.what))
            self._answer_waiting()
            self._asking_again.set(self._me.terms.ask_again)
        if isinstance(item, Complete | Refused | Unreadable):
            self._connection.accounts_told(self._epoch, complete=self._known.is_complete, refused=self._known.refused)
            self._answer_waiting()
        if isinstance(item, Refused):
            self._on_refusal(item)

    def _on_refusal(self, refused: Refused) -> None:
        if refused.what != "portfolio":
            self._go_stale(refused.error.code, str(refused.error))
            self._asking_again.set(self._ask_again_wait)
        elif self._known.is_complete:
            # It is asked for again much later: whoever took it over would lose it, and ask again as well.
            self._asking_again.unset()
            self._asking_again.set(ASK_AGAIN_LONGEST)

    def _publish_later(self) -> None:
        if self._known.is_complete:
            self._publishing.set(PUBLISH_WAIT if self._epoch == self._me.states.value.epoch else 0.0)

    def _publish(self) -> None:
        session = self._connection.sessions.value
        if session.current and session.epoch == self._epoch and self._known.is_complete and not self._known.unreadable:
            states = {account: Encoded(self._known.state(account)) for account in session.accounts}
            self._me.states.publish(AccountStates(epoch=self._epoch, by_account=dict(states)))

    def _go_stale(self, code: str, reason: str) -> None:
        states = self._me.states.value
        if not states.is_stale:
            stale = {
                account: Encoded(AccountStale(account=account, code=code, reason=reason, since=now())) for account in states.by_account
            }
            self._me.states.publish(AccountStates(epoch=0, by_account=dict(stale)))

    def _look(self, account: str | None, needs: AccountHalf) -> Told | None:
        """What is known, if it may be shown now and answers the question."""
        session = self._connection.sessions.value
        if not session.current or self._epoch != session.epoch or not self._known.has(needs) or needs in self._known.unreadable:
            return None
        if account not in session.accounts and (account is not None or (needs == "summary" and len(session.accounts) > 1)):
            return None
        key = account, needs
        if key not in self._told:
            owners = None if account is None else frozenset({account})
            self._told[key] = Told(book=self._known.book(account or session.accounts[0], owners=owners))
        return self._told[key]

    def _answer_or_wait(self, msg: GetBook) -> None:
        reply: Reply[AccountBook] = msg.reply
        session = self._connection.sessions.value
        told = self._look(msg.account, msg.needs)
        if told is not None:
            reply.send(told.book)
        elif not session.up:
            reply.fail(GatewayDisconnected(session.reason or "There is no session with the gateway."))
        elif msg.account is not None and msg.account not in session.accounts:
            reply.fail(UnknownAccount(f"There is no account {msg.account!r} in this session."))
        elif not session.current:
            reply.fail(GatewayDisconnected(session.reason or "The gateway is silent."))
        elif self._epoch == session.epoch and msg.needs in self._known.unreadable:
            reply.fail(GatewayRefused(_UNREADABLE.format(msg.needs)))
        elif self._epoch == session.epoch and (error := self._known.refusals.get(msg.needs)) and not self._known.has(msg.needs):
            reply.fail(error)
        elif msg.account is None and msg.needs == "summary" and len(session.accounts) > 1:
            reply.fail(AccountAmbiguous(session.accounts))  # the first one would be somebody's guess
        else:
            reply.defer()
            self._waiting = [waiting for waiting in self._waiting if not waiting.reply.settled]
            self._waiting.append(msg)

    def _answer_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for msg in waiting:
            self._answer_or_wait(msg)


def account_builder(ref: AccountRef, connection: ConnectionRef) -> Callable[[], AccountActor]:
    """Makes incarnations of the account actor."""
    return lambda: AccountActor(ref, connection)
