"""Quotes by instrument, for other systems at the bus: recorders, screens, models. A second client of the fan-out, beside that of edges.

Each is the JSON of the stream, at `PREFIX.tick.SEC_TYPE.CON_ID`. They have no lease: who needs one is an edge.
"""

from collections.abc import Hashable
from contextlib import ExitStack

from ibactors.actors.symbol import Failed, SymbolRef
from ibactors.bus import wire
from ibactors.bus.link import Link
from ibactors.web.fanout import News, Subject
from ibactors.web.system import System


class Ticks:
    """Those of one connection to the bus."""

    def __init__(self, system: System, link: Link, subjects: wire.Subjects) -> None:
        self.wanted: dict[Subject, Hashable] = {}
        self._system = system
        self._link = link
        self._subjects = subjects
        self._listening: dict[SymbolRef, ExitStack] = {}

    def look(self) -> None:
        """Take up the symbols that run now, and let go of those that do not; to be called now and then."""
        if not self._system.settings.bus_ticks:
            return
        running = {ref for ref in self._system.site.market.symbols.values() if ref.contract is not None}
        for ref in self._listening.keys() - running:
            self._listening.pop(ref).close()
        for ref in running - self._listening.keys():
            stack = self._listening[ref] = ExitStack()
            stack.enter_context(self._system.fanout.listening(ref.updates, self, ref))

    def close(self) -> None:
        """Listen to nothing any more."""
        while self._listening:
            self._listening.popitem()[1].close()

    def flush(self, news: News) -> None:
        """Publish what is new."""
        if not self._system.site.session.current:
            return
        for subject, ref in self.wanted.items():
            if subject in news and isinstance(ref, SymbolRef) and ref.contract is not None:
                self._link.publish(self._subjects.tick(ref.contract.sec_type, ref.contract.con_id), news[subject].json)

    def put(self, key: Hashable, value: Failed) -> None:
        """A symbol is over; the next look lets go of it."""

    def fail(self, error: Exception) -> None:
        """What cannot be published ends the connection."""
        self._link.end(f"A tick could not be published: {error}")
