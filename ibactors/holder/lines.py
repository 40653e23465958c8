"""What the holder knows of a line of quotes in the feed, and how many calls there is room for."""

from contextlib import ExitStack

from ibactors.actors.symbol import SymbolRef
from ibactors.errors import MailboxFull


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
