"""Who is calling: keys and tickets become a `Caller`."""

import secrets

import trio

from ibactors.config import Settings
from ibactors.keys import GRANTABLE, ApiKey, Keyring, Scope
from ibactors.web.contract.caller import Caller

TICKET_LIFE = 30.0
"""Seconds in which a ticket must be used."""
MOST_TICKETS = 10_000


class Access:
    """The keys that are valid now, and their callers."""

    def __init__(self, settings: Settings) -> None:
        self._keyring = Keyring(settings.api_keys)
        self.generation = 0
        """Another number whenever the keys are others: what was found by them before is to be found anew."""
        self._secured = bool(settings.api_keys)
        self._most_subscriptions = settings.max_subscriptions_per_key
        self._callers = {key: self._caller(key) for key in settings.api_keys}
        self._tickets: dict[str, tuple[ApiKey | None, float]] = {}
        everything = frozenset(GRANTABLE)
        self._anonymous = Caller(name="anonymous", scopes=everything if settings.loopback_only else everything - {Scope.ADMIN})

    @property
    def secured(self) -> bool:
        """Whether keys are asked for: once there were some, until the next start, or a file that is emptied would open the service."""
        return self._secured

    @property
    def anonymous(self) -> Caller | None:
        """Everybody without a key, where no keys are configured."""
        return None if self._secured else self._anonymous

    def find(self, key_text: str) -> Caller | None:
        """The caller with this key."""
        key = self._keyring.find(key_text)
        return None if key is None else self._callers[key]

    def issue_ticket(self, caller: Caller) -> str:
        """A text that stands for *caller* once, within `TICKET_LIFE` seconds, where a key must not be shown: in a URL."""
        present = trio.current_time()
        # In the order of issue, so that the oldest ones come first.
        for ticket, (_, until) in list(self._tickets.items()):
            if until > present and len(self._tickets) < MOST_TICKETS:
                break
            del self._tickets[ticket]
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = caller.key, present + TICKET_LIFE
        return ticket

    def redeem(self, ticket: str) -> Caller | None:
        """The caller that the ticket was issued to; None when it was used before, is too old, or its key is not valid any more."""
        key, until = self._tickets.pop(ticket, (None, 0.0))
        if trio.current_time() >= until:
            return None
        return self.anonymous if key is None else self._callers.get(key)

    def replace_keys(self, keys: tuple[ApiKey, ...]) -> list[str]:
        """Take *keys* from now on and end all that is under way for those that are gone; returns the names of the latter.

        With the first keys that is what is under way for everybody without one.
        """
        self.generation += 1
        gone = [self._callers.pop(key) for key in self._keyring.replace(keys)]
        self._callers |= {key: self._caller(key) for key in keys if key not in self._callers}
        if keys and not self._secured:
            self._secured = True
            gone.append(self._anonymous)
        for caller in gone:
            caller.revoke("its key was revoked")
        return sorted(caller.name for caller in gone)

    def _caller(self, key: ApiKey) -> Caller:
        return Caller(name=key.name, scopes=key.scopes, key=key, most_subscriptions=self._most_subscriptions)
