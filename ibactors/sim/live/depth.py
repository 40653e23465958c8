"""The book in depth (10, 11): one book of an exchange, or the books of all venues put together for a stock.

The rows are the ticks below the best bid and above the best ask. A change of the market updates the rows that it changed; only the end of a
side ever grows or shrinks. Clients disagree about an insert between rows: ibapi and ib_insync shift what follows, ib_async overwrites
(wrapper.py, `updateMktDepthL2`), and this suits both.
"""

import random
from collections.abc import Mapping

from ibactors.sim.market.instruments import ContractSpec, Fate, Instrument
from ibactors.sim.market.ticks import Change, size_for
from ibactors.sim.messages import market as messages
from ibactors.sim.request import Request, invalid, unprocessable
from ibactors.sim.requests.contracts import the_one
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

_MAX_ROWS = 20
_KIND = "depth"
_INSERT, _UPDATE, _DELETE = 0, 1, 2
_ASK, _BID = 0, 1
_TRADED_IN = 0.3


class Book:
    """One client's view of one book; `by_venue` for the message that names the venue of a row."""

    is_line = False
    hears_all = False

    def __init__(self, session: Session, request_id: int, instrument: Instrument, *, rows: int, by_venue: bool, smart: bool) -> None:
        self._session = session
        self._request_id = request_id
        self.instrument = instrument
        self._rows = rows
        self._by_venue = by_venue
        self._smart = smart
        self._walk = session.gateway.market.walk(instrument)
        self._dice = random.Random(f"{session.gateway.market.seed}:{instrument.con_id}:depth")
        # Price in ticks and size of each row, best first.
        self._sides: dict[int, list[tuple[int, int]]] = {_BID: [], _ASK: []}
        self.begun = self.is_lost = self._over = False

    def begin(self) -> None:
        """Send the whole book and every change from now on."""
        if self._over:
            return
        self.begun = True
        if self._smart:
            self._session.error(self._request_id, 2152, f"Exchanges - Depth: {'; '.join(self.instrument.exchanges[1:])}; Top: ; ")
        self._session.gateway.market.watch(self.instrument, self)
        if not self._session.gateway.faults.silence(self.instrument):
            self._follow()

    def end(self) -> None:
        """Stop."""
        self._over = True
        self._session.gateway.market.unwatch(self.instrument, self)

    def reset(self) -> None:
        """Throw the book away, say so, and send it anew."""
        text = "Market depth data has been RESET. Please empty deep book contents before applying any new entries."
        self._session.error(self._request_id, 317, text)
        self._sides = {_BID: [], _ASK: []}
        self._follow()

    def moved(self, _: Change) -> None:
        """Send what the change did to the rows."""
        self._follow()

    def _follow(self) -> None:
        self._turn(_BID, self._walk.bid, self._walk.bid_size, -1)
        self._turn(_ASK, self._walk.ask, self._walk.ask_size, 1)

    def _turn(self, side: int, best: int, best_size: int, away: int) -> None:
        """Make one side's rows begin at `best` and go on `away` from it."""
        rows = self._sides[side]
        known = dict(rows)
        prices = [best + away * n for n in range(self._rows) if best + away * n > 0] if best > 0 else []
        wanted = [(p, best_size if p == best else self._next_size(known.get(p))) for p in prices]
        for position in range(len(rows) - 1, len(wanted) - 1, -1):
            self._send(position, _DELETE, side, *rows[position])
        for position, row in enumerate(wanted):
            if position >= len(rows):
                self._send(position, _INSERT, side, *row)
            elif row != rows[position]:
                self._send(position, _UPDATE, side, *row)
        self._sides[side] = wanted

    def _send(self, position: int, operation: int, side: int, price: int, size: int) -> None:
        text = self._walk.text(price) if operation != _DELETE else "0.0"
        shown = size_for(self._session.version, self.instrument, size) if operation != _DELETE else 0
        # A book with a lost row is wrong for good, so these frames are never left out.
        if self._by_venue:
            venues = self.instrument.exchanges[1:]
            venue = venues[price % len(venues)]
            data = messages.depth_of_venue(self._request_id, position, venue, operation, side, text, shown, smart=True)
        else:
            data = messages.depth(self._request_id, position, operation, side, text, shown)
        self._session.send(data)

    def _next_size(self, size: int | None) -> int:
        if size is None or self._dice.random() < _TRADED_IN / self._rows:
            return self._dice.randrange(1, 15) * max(1, self.instrument.lot)
        return size


def _subscribe(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    rows, smart = fields.integer(), fields.flag()
    if (_KIND, request_id) in session.streams:
        unprocessable(session, request_id, "Duplicate ticker id")
        return
    instrument = the_one(session, request_id, spec)
    if instrument is None:
        return
    if rows < 1:
        invalid(session, request_id, "Number of market depth rows must be positive")
    elif instrument.sec_type == "CFD" and instrument.under_sec_type == "STK":
        session.send(messages.reroute(request_id, session.gateway.catalogue.by_con_id[instrument.under_con_id], book=True))
    elif not instrument.has_book or (spec.exchange == "SMART" and not (smart and instrument.sec_type == "STK")):
        text = "Deep market data is not supported for this combination of security type/exchange"
        session.error(request_id, 10092, text)
    elif instrument.fate in (Fate.NOT_SUBSCRIBED, Fate.DELAYED_ONLY):
        text = "Requested market data is not subscribed. Delayed market data is not enabled."
        session.error(request_id, 10186, text)
    elif sum(kind == _KIND for kind, _ in session.streams) >= session.gateway.limits.books:
        session.error(request_id, 309, f"Max number ({session.gateway.limits.books}) of market depth requests has been reached")
    else:
        book = Book(session, request_id, instrument, rows=min(rows, _MAX_ROWS), by_venue=instrument.sec_type == "STK", smart=smart)
        session.streams[_KIND, request_id] = book
        if smart and session.gateway.faults.depth_s:
            session.later(session.gateway.faults.depth_s, book.begin)
        else:
            book.begin()


def _cancel(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    book = session.streams.get((_KIND, request_id))
    if isinstance(book, Book) and not book.begun:
        book.is_lost = True  # the cancel is ignored, and the book is one of the login's until the session ends
    elif (isinstance(book, Book) and book.is_lost) or not session.end_stream(_KIND, request_id):
        session.error(request_id, 310, f"Can't find the subscribed market depth with tickerId:{request_id}")


REQUESTS: Mapping[int, Request] = {
    10: Request(name="reqMktDepth", handle=_subscribe),
    11: Request(name="cancelMktDepth", handle=_cancel),
}
