"""The audit log: who used which key, who was turned away and why, who logged in or looked inside.

Its lines are those of the logger `ibactors.audit`, in the same pipe as all others, where account numbers are masked. They hold no key, no
password, no query string and no body. What repeats is told once an interval, with how often it happened since, so that nobody can fill
the disk by being refused.
"""

from collections import OrderedDict
from dataclasses import dataclass

import structlog
import trio

from ibactors.errors import IbactorsError
from ibactors.keys import Scope
from ibactors.web.contract.addresses import network_of

USE_INTERVAL = 3600.0
REFUSAL_INTERVAL = 10.0
"""Seconds within which the same is told once: the same key from the same network, the same look inside by it; the same refusal of the
same caller."""
MOST_REMEMBERED = 10_000
LONGEST_PATH = 200
AUDITED = frozenset({Scope.LOGIN, Scope.TRADE, Scope.ADMIN})
"""What these scopes allow has a line each time."""
LOOKS = frozenset({"GET", "HEAD"})

log = structlog.get_logger("ibactors.audit")


@dataclass(slots=True)
class _Told:
    next: float
    since: int = 0


class Audit:
    """Writes the lines; `caller` is the name of a key, or `anonymous`, or `-` for who has shown none that is valid."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, ...], _Told] = OrderedDict()

    def key_used(self, caller: str, address: str) -> None:
        """A request with a valid key."""
        times = self._due(("key_used", caller, network_of(address)), USE_INTERVAL)
        if times:
            log.info("key_used", caller=caller, address=address, times=times)

    def tells_use(self, caller: str, address: str) -> bool:
        """Whether the next `key_used` of it is told."""
        told = self._told.get(("key_used", caller, network_of(address)))
        return told is None or trio.current_time() >= told.next

    def refused(self, refusal: IbactorsError, caller: str, address: str, method: str, path: str) -> None:
        """A request that was turned away."""
        # By network, as a /64 has more addresses than a disk has room for lines.
        times = self._due(("refused", caller, network_of(address), refusal.code), REFUSAL_INTERVAL)
        if times:
            log.warning(
                "refused", code=refusal.code, caller=caller, address=address, method=method, path=ascii(path[:LONGEST_PATH]), times=times
            )

    def acted(self, scope: str, caller: str, address: str, method: str, path: str, status: int) -> None:
        """A login, a logout, an order, or a look inside, and how it was answered; a scraper looks inside every few seconds."""
        shown = ascii(path[:LONGEST_PATH])
        what = "acted", caller, network_of(address), method, shown, str(status)
        times = self._due(what, USE_INTERVAL) if method in LOOKS else 1
        if times:
            log.info("acted", scope=scope, caller=caller, address=address, method=method, path=shown, status=status, times=times)

    def keys_replaced(self, revoked: list[str], valid: list[str]) -> None:
        """The keys were read again."""
        log.info("keys_replaced", revoked=revoked, valid=valid)

    def _due(self, what: tuple[str, ...], interval: float) -> int:
        """How often it has happened since it was told last, if it is to be told now."""
        present = trio.current_time()
        told = self._told.get(what)
        if told is None:
            self._told[what] = _Told(present + interval)
            if len(self._told) > MOST_REMEMBERED:
                self._told.popitem(last=False)
            return 1
        told.since += 1
        if present < told.next:
            return 0
        times, told.since, told.next = told.since, 0, present + interval
        return times
