"""A market data line: one client's subscription to one instrument, live or delayed, streaming or snapshot."""

from ibactors.sim.live.generics import Generics
from ibactors.sim.live.optionticks import computations
from ibactors.sim.market.instruments import Fate, Instrument
from ibactors.sim.market.ticks import SIZES_IN_SHARES, Change
from ibactors.sim.market.walk import Field
from ibactors.sim.messages import market as messages
from ibactors.sim.requests.news import headline_tick
from ibactors.sim.session import Session

LIVE = 1
FROZEN = 2
DELAYED = 3
DELAYED_FROZEN = 4
QUOTES = frozenset({Field.BID, Field.BID_SIZE, Field.ASK, Field.ASK_SIZE})
COMPETING_TEXT = "No market data during competing live session"


class Line:
    """Turns changes of an instrument into frames of one request. `begin` starts it, `end` is final."""

    is_line = True
    hears_all = False

    def __init__(
        self, session: Session, request_id: int, instrument: Instrument, *, delayed: bool, generic: frozenset[str] = frozenset()
    ) -> None:
        self.request_id = request_id
        self.instrument = instrument
        self.delayed = delayed
        self._session = session
        self._id_bytes = f"{request_id}\0".encode()
        self._lots = session.version < SIZES_IN_SHARES
        self._introduced = False
        self._dead = False
        self._top = "mdoff" not in generic
        walk = session.gateway.market.walk(instrument)
        self._generics = Generics(request_id, session.version, walk, generic, session.gateway.market.seed)
        self._wants_generics = bool(generic)
        self._headlines = "292" in {g.split(":")[0] for g in generic}

    def begin(self) -> None:
        """Send all present values and every change from now on."""
        if self._session.lines.get(self.request_id) is not self:
            return
        self._session.gateway.market.watch(self.instrument, self)
        if self._session.gateway.faults.competing:
            self.tell_competing()
        self.refresh()

    def end(self) -> None:
        """Stop for good and free the line; does nothing if it is over already."""
        self._session.gateway.market.unwatch(self.instrument, self)
        if self._session.lines.get(self.request_id) is self:
            del self._session.lines[self.request_id]

    def die(self) -> None:
        """Send nothing more, though the client believes it subscribed: a farm has forgotten the line."""
        self._dead = True
        self._session.gateway.market.unwatch(self.instrument, self)

    def turn(self, *, delayed: bool) -> None:
        """Go over from live to delayed data or back, and say so."""
        if self.delayed != delayed and self.instrument.fate is not Fate.DELAYED_ONLY:
            self.delayed = delayed
            self._introduced = False
            self.refresh()

    def end_snapshot(self) -> None:
        """Finish a snapshot with tickSnapshotEnd, unless it was cancelled."""
        if self._session.lines.get(self.request_id) is self:
            self.end()
            self._session.send(messages.snapshot_end(self.request_id))

    def moved(self, change: Change) -> None:
        """Send a change of the instrument."""
        if self.instrument.fate is not Fate.QUIET and self._introduced:
            self._send(change)
            # Most lines want none, and this is the hottest path there is.
            if self._wants_generics and not self.delayed:
                self._send_frames(self._generics.then(change, self._session.gateway.now()))

    def refresh(self) -> None:
        """Send every value of the instrument, preceded the first time by the kind of data it is."""
        if self._dead or self._session.lines.get(self.request_id) is not self:
            return
        if self._session.gateway.faults.silence(self.instrument):
            return
        if not self._introduced:
            self._introduced = True
            self._introduce()
        if self.instrument.fate is not Fate.QUIET:
            self._send_all()

    def tell_competing(self) -> None:
        """Report that another session of the user has the data."""
        self._session.error(self.request_id, 10197, COMPETING_TEXT)

    def _introduce(self) -> None:
        i = self.instrument
        exchange_map = "9c0001" if i.sec_type in ("STK", "OPT") else ""
        self._session.send(messages.tick_parameters(self.request_id, i.min_tick, exchange_map))
        kind = DELAYED if self.delayed else LIVE
        if self._is_frozen:
            kind += 1
        self._session.send(messages.market_data_type(self.request_id, kind))

    @property
    def _is_frozen(self) -> bool:
        """Whether the last values of a closed market are wanted: types 2 and 4."""
        wanted = self._session.market_data_type == (DELAYED_FROZEN if self.delayed else FROZEN)
        return wanted and not self._session.gateway.market.is_open(self.instrument)

    def _send_all(self) -> None:
        market = self._session.gateway.market
        change = market.look(self.instrument)
        if not market.is_open(self.instrument) and not self._is_frozen:
            # A closed market has no quotes, only what was traded.
            self._send_frames([messages.no_quote(self.request_id, t) for t in ((66, 67) if self.delayed else (1, 2))])
            change = Change(market.walk(self.instrument), set(change.fields) - QUOTES)
        self._send(change)
        if not self.delayed:
            self._send_frames(self._generics.first(self._session.gateway.now()))
        if self._headlines:
            self._session.send(headline_tick(self.request_id, self.instrument, self._session.gateway.now()))

    def _send(self, change: Change) -> None:
        if not self._top:
            return
        data = change.frames(self._id_bytes, delayed=self.delayed, lots=self._lots)
        self._session.send_ticks(self, data, count=change.size)
        if self.instrument.is_option:
            market = self._session.gateway.market
            self._send_frames(computations(market, self.instrument, change.fields, self.request_id, delayed=self.delayed))

    def _send_frames(self, frames: list[bytes]) -> None:
        if frames:
            self._session.send_ticks(self, b"".join(frames), count=len(frames))
