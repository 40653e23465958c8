"""Profit and loss, and whole portfolios, as streams have them: of one account or of all of a login, each change once.

An actor of a kind listens to the account actor for what is held, and to the actors of `profits` for the figures, and publishes one message
for each account when something has changed, five times a second at most. A figure that stops being current is taken back in the same step.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Literal, assert_never

from ibactors.actors.account import AccountRef, AccountStates
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.directory import DirectoryActor, Room
from ibactors.actors.holdings import (
    HeldChanged,
    HoldingsMessage,
    HoldingsNews,
    HoldingsRef,
    HoldingsRefs,
    IdleCheck,
    ProfitChanged,
    SessionChanged,
    Update,
    instrument_of,
    profit_of,
)
from ibactors.actors.profits import ProfitsRef
from ibactors.errors import IbactorsError, TooManyProfits
from ibactors.kernel.actor import Actor, Alarm
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.accounts import AccountStale, AccountState, HeldPosition, PnlState, PortfolioState, Position, Profit, ProfitKey
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import Instrument
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import now

MOST, SHARE, IDLE_WAIT = 200, 40, 10.0
"""Streams of different accounts, contracts and models at once; of one caller; seconds for which one is kept that nobody listens to."""
PUBLISH_WAIT = 0.2
"""Seconds for which changes are collected: IB sends the figures of one position at a time, about once a second each."""
RETRY_WAIT = 10.0
"""Seconds until figures are asked for again that were refused."""


class HoldingsDirectory(DirectoryActor[HoldingsRef]):
    """One incarnation of their directory."""

    def __init__(
        self, ref: HoldingsRefs, connection: ConnectionRef, account: AccountRef, profits: ProfitsRef, supervisor: Supervisor
    ) -> None:
        def builder(holdings: HoldingsRef) -> Callable[[], HoldingsActor]:
            return lambda: HoldingsActor(holdings, connection, account, profits, ref)

        room = Room(most=MOST, share=SHARE, idle_seconds=IDLE_WAIT)
        super().__init__(ref, supervisor, HoldingsRef, builder, room, lambda why: TooManyProfits(f"Of streams of profit and loss {why}"))


class HoldingsActor(Actor[HoldingsMessage, HoldingsNews]):
    """One incarnation: it begins with nothing."""

    mailbox_size = 64

    def __init__(
        self, ref: HoldingsRef, connection: ConnectionRef, account: AccountRef, profits: ProfitsRef, directory: HoldingsRefs
    ) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._account = account
        self._profits = profits
        self._directory = directory
        self._listening: dict[ProfitKey, ExitStack] = {}
        self._outcomes: dict[ProfitKey, Profit | IbactorsError] = {}
        self._updating = Alarm(self, Update())

    async def run(self, mailbox: Mailbox[HoldingsMessage, HoldingsNews]) -> None:
        self.after(IDLE_WAIT, IdleCheck())
        with ExitStack() as listening:
            listening.callback(self._listen_to_none)
            listening.enter_context(self._account.states.listening(self._held_changed))
            listening.enter_context(self._connection.sessions.listening(self._session_changed))
            self._updating.set(0.0)
            try:
                await self.serve(mailbox)
            finally:
                self._go_stale("actor_down", "The stream's actor stopped.")

    async def handle(self, msg: HoldingsMessage) -> None:
        match msg:
            case Update():
                if self._updating.rings():
                    await self._listen()
                    self._publish()
            case IdleCheck():
                self._directory.retire(self._me)
                self.after(max(IDLE_WAIT - self._me.idle_for(), 1.0), IdleCheck())
            case _:
                assert_never(msg)

    def handle_newest(self, msg: HoldingsNews) -> None:
        match msg:
            case SessionChanged():
                if not msg.session.current or msg.session.epoch != self._me.states.value.epoch:
                    self._go_stale("gateway_disconnected", msg.session.reason or "The session was replaced.")
                self._updating.set(0.0)
            case HeldChanged():
                if self._me.of.channel == "portfolio" and msg.states.is_stale:
                    self._go_stale("gateway_disconnected", "What the account holds is not known at the moment.")
                self._updating.set(PUBLISH_WAIT)
            case ProfitChanged():
                self._on_profit(msg.key, msg.outcome)
            case _:
                assert_never(msg)

    def _session_changed(self, session: SessionStatus) -> None:
        self._me.tell_newest("session", SessionChanged(session=session))

    def _held_changed(self, states: AccountStates) -> None:
        self._me.tell_newest("held", HeldChanged(states=states))

    def _on_profit(self, key: ProfitKey, outcome: Profit | IbactorsError | None) -> None:
        if key not in self._listening or outcome is None:
            return
        lost = isinstance(outcome, IbactorsError) and isinstance(self._outcomes.get(key), Profit)
        self._outcomes[key] = outcome
        if lost:
            self._publish()  # what was shown is not current: that is not put off
        self._updating.set(PUBLISH_WAIT)

    # who is listened to

    def _accounts(self) -> tuple[str, ...]:
        accounts = self._connection.sessions.value.accounts
        return tuple(account for account in accounts if self._me.of.account in {"", account})

    def _held(self) -> dict[str, tuple[Position, ...]]:
        """What each account holds, as far as that is known."""
        states = self._account.states.value.by_account
        known = {account: states[account].value for account in self._accounts() if account in states}
        return {account: state.positions for account, state in known.items() if isinstance(state, AccountState)}

    def _wanted(self) -> Mapping[ProfitKey, Instrument | None]:
        of, held = self._me.of, self._held()
        if of.channel == "portfolio":
            return {
                ProfitKey(account=account, con_id=position.con_id): instrument_of(position)
                for account, positions in held.items()
                for position in positions
            }
        if not of.con_id:
            return {ProfitKey(account=account, model=of.model): None for account in self._accounts()}
        instruments = {position.con_id: instrument_of(position) for positions in held.values() for position in positions}
        return {
            ProfitKey(account=account, model=of.model, con_id=of.con_id): instruments.get(of.con_id)
            for account in (self._accounts() if of.account else held)
            if of.account or any(position.con_id == of.con_id for position in held[account])
        }

    async def _listen(self) -> None:
        """Listen to what is wanted now, and to nothing else."""
        if not self._connection.sessions.value.up:
            return
        wanted = self._wanted()
        for key in self._listening.keys() - wanted.keys():
            self._forget(key)
        for key in [key for key in self._listening if isinstance(self._outcomes.get(key), IbactorsError)]:
            if key not in self._profits.running:  # it was refused, and has ended
                self._forget(key)
        for key, instrument in wanted.items():
            if key not in self._listening:
                try:
                    profit = await self._profits.of(key, instrument)
                except IbactorsError as exc:
                    self._outcomes[key] = exc
                    continue
                stack = self._listening[key] = ExitStack()
                self._on_profit(key, stack.enter_context(profit.updates.listening(partial(self._profit_changed, key))))
        if any(isinstance(outcome, IbactorsError) for outcome in self._outcomes.values()):
            self._updating.set(RETRY_WAIT)

    def _profit_changed(self, key: ProfitKey, outcome: Profit | IbactorsError | None) -> None:
        self._me.tell_newest(key, ProfitChanged(key=key, outcome=outcome))

    def _forget(self, key: ProfitKey) -> None:
        self._listening.pop(key).close()
        self._outcomes.pop(key, None)

    def _listen_to_none(self) -> None:
        for key in tuple(self._listening):
            self._forget(key)

    # what is told

    def _publish(self) -> None:
        session = self._connection.sessions.value
        if not session.current:
            return
        known: dict[str, Encoded[Any]] = {}
        for account, message in self._messages().items():
            before = self._me.states.value.by_account.get(account)
            known[account] = before if before is not None and _same(before.value, message) else Encoded(message)
        gone = {
            account: _stale(self._me.of.channel, account, "gateway_disconnected", "There is no figure at the moment.")
            for account, before in self._me.states.value.by_account.items()
            if account not in known and not isinstance(before.value, AccountStale)
        }
        if known or gone:
            self._me.states.publish(AccountStates(epoch=session.epoch, by_account=known | gone))

    def _messages(self) -> dict[str, PnlState | PortfolioState]:
        if self._me.of.channel == "portfolio":
            if self._account.states.value.epoch != self._connection.sessions.value.epoch:
                return {}
            return {
                account: PortfolioState(account=account, positions=tuple(map(self._holding, positions)), timestamp=now())
                for account, positions in self._held().items()
            }
        found = {key: outcome for key, outcome in self._outcomes.items() if isinstance(outcome, Profit) and key in self._listening}
        return {key.account: self._pnl(key, profit) for key, profit in found.items()}

    def _holding(self, position: Position) -> HeldPosition:
        outcome = self._outcomes.get(ProfitKey(account=position.account, con_id=position.con_id))
        members = {field: getattr(position, field) for field in position.__struct_fields__}
        # Figures of another quantity than is held now are of what was held before.
        fits = isinstance(outcome, Profit) and outcome.position in {None, position.position}
        pnl = profit_of(position, outcome) if isinstance(outcome, Profit) and fits else None
        return HeldPosition(**members, pnl=pnl, problem=outcome.code if isinstance(outcome, IbactorsError) else None)

    def _pnl(self, key: ProfitKey, profit: Profit) -> PnlState:
        return PnlState(
            account=key.account,
            model=key.model or None,
            con_id=key.con_id or None,
            currency=self._currency(key),
            daily=profit.daily,
            unrealized=profit.unrealized,
            realized=profit.realized,
            position=profit.position,
            value=profit.value,
            timestamp=profit.timestamp,
        )

    def _currency(self, key: ProfitKey) -> str | None:
        state = self._account.states.value.by_account.get(key.account)
        if state is None or not isinstance(state.value, AccountState):
            return None
        if key.con_id:
            return next((position.currency for position in state.value.positions if position.con_id == key.con_id), None)
        liquidation = state.value.account_summary.get("NetLiquidation")
        return None if liquidation is None else liquidation.currency

    def _go_stale(self, code: str, reason: str) -> None:
        states = self._me.states.value
        if not states.is_stale:
            stale = {account: _stale(self._me.of.channel, account, code, reason) for account in states.by_account}
            self._me.states.publish(AccountStates(epoch=0, by_account=stale))


def _stale(channel: Literal["pnl", "portfolio"], account: str, code: str, reason: str) -> Encoded[Any]:
    return Encoded(AccountStale(channel=channel, account=account, code=code, reason=reason, since=now()))


def _same(before: Any, message: PnlState | PortfolioState) -> bool:
    """Whether nothing but the time of a portfolio differs."""
    if isinstance(before, PortfolioState) and isinstance(message, PortfolioState):
        return before.positions == message.positions
    return bool(before == message)
