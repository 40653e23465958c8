"""Where to ask for books and for ticks: a directory of each, which knows the contract that is meant before it looks for the feed.

A login has few of either. Names of one contract share one feed.
"""

from collections import Counter
from functools import partial

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.depth import DepthRef
from ibactors.actors.depth_actor import DepthActor
from ibactors.actors.directory import DirectoryActor, DirectoryRef, Room
from ibactors.actors.history import HistoryRef
from ibactors.actors.lookup import Lookups
from ibactors.actors.ticks import TicksRef
from ibactors.actors.ticks_actor import TicksActor
from ibactors.errors import DepthLimit, DepthNotSupported, TicksLimit
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.instruments import Instrument, SecType
from ibactors.model.ticks import LiveKind

BOOK_IDLE, TICKS_IDLE = 30.0, 20.0
"""Seconds for which one is kept that nobody wants. IB takes one request for the ticks of an instrument in 15."""


class TickersRef(DirectoryRef[TicksRef]):
    """Where to ask for ticks."""

    def __init__(self, connection: ConnectionRef) -> None:
        super().__init__("tickers")
        self._sessions = connection.sessions
        self._lookups = Lookups(connection)

    async def ticks(self, instrument: Instrument, of: LiveKind, *, caller: str) -> TicksRef:
        """The ticks of an instrument. Raises TicksLimit and what `Lookups.find` raises.

        It counts among those of *caller*; who goes on using it enters `held` in the step that gets it.
        """
        found = await self._lookups.find(instrument, caller=caller)
        key = ("ticks", found[1].con_id, found[0].exchange or found[1].exchange, of)
        return await self.open(key, lambda: TicksRef(key, of, found, self._sessions), caller=caller)


class BooksRef(DirectoryRef[DepthRef]):
    """Where to ask for books."""

    def __init__(self, connection: ConnectionRef) -> None:
        super().__init__("books")
        self._sessions = connection.sessions
        self._lookups = Lookups(connection)

    async def book(self, instrument: Instrument, *, smart: bool | None, caller: str) -> DepthRef:
        """The book of an instrument: of its exchange, or put together from all, as there is of stocks, and None means for them.

        Raises DepthNotSupported, DepthLimit and what `Lookups.find` raises.
        """
        reading, contract = await self._lookups.find(instrument, caller=caller)
        is_stock = contract.sec_type == SecType.STK.value
        whole = is_stock if smart is None else smart
        if whole and not is_stock:
            raise DepthNotSupported(f"There is no book of all exchanges of {reading.name}, which is no stock.")
        exchange = "SMART" if whole else reading.exchange if reading.exchange not in {"", "SMART"} else contract.primary_exchange
        named = Instrument.of_id(contract.con_id, exchange or contract.exchange)
        key = ("depth", named, whole)
        return await self.open(key, lambda: DepthRef(key, (named, contract), self._sessions, smart=whole), caller=caller)


class BooksActor(DirectoryActor[DepthRef]):
    """One incarnation of the directory of books; those that IB has not let go of yet count."""

    def __init__(self, ref: BooksRef, connection: ConnectionRef, supervisor: Supervisor, *, most: int, share: int) -> None:
        room = Room(most=most, share=share, idle_seconds=BOOK_IDLE, lent=lambda: Counter({"": connection.closing_books}))

        def build(book: DepthRef) -> partial[DepthActor]:
            return partial(DepthActor, book, connection, ref, idle_seconds=BOOK_IDLE)

        super().__init__(ref, supervisor, DepthRef, build, room, DepthLimit)


class TickersActor(DirectoryActor[TicksRef]):
    """One incarnation of the directory of ticks."""

    def __init__(
        self, ref: TickersRef, connection: ConnectionRef, history: HistoryRef, supervisor: Supervisor, *, most: int, share: int
    ) -> None:
        room = Room(most=most, share=share, idle_seconds=TICKS_IDLE)

        def build(ticks: TicksRef) -> partial[TicksActor]:
            return partial(TicksActor, ticks, connection, ref, history, idle_seconds=TICKS_IDLE)

        super().__init__(ref, supervisor, TicksRef, build, room, TicksLimit)
