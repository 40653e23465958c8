"""What the holder knows of a line of quotes in the feed, how many calls there is room for, and how old a call is."""

from collections import deque
from contextlib import ExitStack

from ibactors.actors.symbol import SymbolRef
from ibactors.bridge.vigil import boot_time
from ibactors.errors import GatewayDisconnected, MailboxFull

OLDEST_ORDER = 2.0
"""Seconds from what an edge had heard when it sent an order to the order's arrival."""


class Line:
    """One instrument in the feed, with the edges that want it, and what each holds of it for its callers."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.edges: dict[str, dict[str, ExitStack]] = {}
        self.ref: SymbolRef
        self.listening = ExitStack()

    def hold(self, edge: str, caller: str) -> None:
        """It counts among those of a caller, as long as the edge wants it."""
        held = self.edges.setdefault(edge, {})
        if caller not in held:
            held[caller] = ExitStack()
            held[caller].enter_context(self.ref.held(caller))

    def let_go(self, edge: str) -> None:
        """The edge does not want it any more, nor do its callers there."""
        for held in self.edges.pop(edge, {}).values():
            held.close()

    def close(self) -> dict[str, list[str]]:
        """Let go of all of it; who had it."""
        who = {edge: list(callers) for edge, callers in self.edges.items()}
        for edge in who:
            self.let_go(edge)
        self.listening.close()
        return who


class Room:
    """For calls that are answered at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    def check(self) -> None:
        """Raises MailboxFull where there is none."""
        if self.taken >= self._most:
            raise MailboxFull("bus", self.taken)


class Beats:
    """When which messages of the feed were published, of the last moments."""

    def __init__(self) -> None:
        self._known: deque[tuple[int, float]] = deque()

    def note(self, sequence: int) -> None:
        """It is published now."""
        self._known.append((sequence, boot_time()))
        self._forget()

    def check(self, seen: int) -> None:
        """An order that hung somewhere on its way is not placed. Raises GatewayDisconnected for who had not *seen* the feed of late."""
        self._forget()
        if not self._known or seen < self._known[0][0]:
            raise GatewayDisconnected(f"The request was under way for more than {OLDEST_ORDER:g} s; nothing was done.")

    def _forget(self) -> None:
        while self._known and self._known[0][1] < boot_time() - OLDEST_ORDER:
            self._known.popleft()
