"""The account channel of one client of /ws/stream: summary and positions, at once and with every change."""

from contextlib import ExitStack

from ibactors.actors.account import AccountStates
from ibactors.errors import UnknownAccount
from ibactors.keys import Scope
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.messages import Command
from ibactors.web.gate.refusals import ScopeMissing
from ibactors.web.stream.sender import Sender, Subscription
from ibactors.web.system import System


class AccountChannel:
    """Subscribed or not; each account has one place at the sender, where a break takes the place of what it voids."""

    def __init__(self, system: System, caller: Caller, sender: Sender) -> None:
        self._system = system
        self._caller = caller
        self._sender = sender
        self._listening = ExitStack()
        self._command: Command | None = None
        self._places: dict[str, Subscription] = {}

    @property
    def is_open(self) -> bool:
        """Whether the client is subscribed."""
        return self._command is not None

    def check(self, command: Command) -> None:
        """Raises ScopeMissing, TooManySubscriptions or UnknownAccount when it must not be opened."""
        if Scope.READ not in self._caller.scopes:
            raise ScopeMissing(f"The account channel needs the scope 'read', which the key of {self._caller.name!r} does not have.")
        if not self.is_open:
            self._caller.check_subscriptions(0)
        session = self._system.connection.sessions.value
        if session.up and command.account is not None and command.account not in session.accounts:
            raise UnknownAccount(f"There is no account {command.account!r} in this session.")

    def open(self, command: Command) -> None:
        """Subscribe, or anew with other wishes; what is known comes at once."""
        self.close()
        self._command = command
        self._listening.enter_context(self._caller.subscribed())
        states = self._listening.enter_context(self._system.account.states.listening(self._changed))
        session = self._system.connection.sessions.value
        # Of a session that has just ended the actor may not know yet; it will tell.
        if states.is_stale or (session.up and session.epoch == states.epoch):
            self._changed(states)

    def close(self) -> None:
        """Unsubscribe; nothing more is sent."""
        self._listening.close()
        self._command = None
        for place in self._places.values():
            self._sender.forget(place)
        self._places.clear()

    def _changed(self, states: AccountStates) -> None:
        command = self._command
        for account, state in states.by_account.items():
            if command is not None and command.account in {None, account}:
                if account not in self._places:
                    self._places[account] = Subscription(interval=command.interval_ms / 1000)
                self._sender.put(self._places[account], state)
