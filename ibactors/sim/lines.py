"""A market data line: one client's subscription to one instrument, live or delayed, streaming or snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibactors.sim import messages
from ibactors.sim.instruments import Fate
from ibactors.sim.ticks import SIZES_IN_SHARES, Change

if TYPE_CHECKING:
    from ibactors.sim.instruments import Instrument
    from ibactors.sim.session import Session

LIVE = 1
DELAYED = 3
_COMPETING_TEXT = "No market data during competing live session"


class Line:
    """Turns changes of an instrument into frames of one request. `begin` starts it, `end` is final."""

    is_line = True

    def __init__(self, session: Session, request_id: int, instrument: Instrument, *, delayed: bool) -> None:
        self.request_id = request_id
        self.instrument = instrument
        self.delayed = delayed
        self._session = session
        self._id_bytes = f"{request_id}\0".encode()
        self._lots = session.version < SIZES_IN_SHARES
        self._introduced = False

    def begin(self) -> None:
        """Send all present values and every change from now on."""
        if self._session.lines.get(self.request_id) is not self:
            return
        self._session.gateway.market.watch(self.instrument, self)
        if self._session.gateway.faults.competing:
            self.tell_competing()
        self.refresh()

    def end(self) -> None:
        """Stop for good and free the line; harmless when it is over already."""
        self._session.gateway.market.unwatch(self.instrument, self)
        if self._session.lines.get(self.request_id) is self:
            del self._session.lines[self.request_id]

    def end_snapshot(self) -> None:
        """Finish a snapshot with tickSnapshotEnd, unless it was cancelled."""
        if self._session.lines.get(self.request_id) is self:
            self.end()
            self._session.send(messages.snapshot_end(self.request_id))

    def moved(self, change: Change) -> None:
        """Send a change of the instrument."""
        if self.instrument.fate is not Fate.QUIET and self._introduced:
            self._send(change)

    def refresh(self) -> None:
        """Send every value of the instrument, preceded on the first time by what kind of data it is."""
        if self._session.lines.get(self.request_id) is not self:
            return
        if self._session.gateway.faults.silence(self.instrument):
            return
        if not self._introduced:
            self._introduced = True
            self._introduce()
        if self.instrument.fate is not Fate.QUIET:
            self._send(self._session.gateway.market.look(self.instrument))

    def tell_competing(self) -> None:
        """Report that another session of the user has the data."""
        self._session.error(self.request_id, 10197, _COMPETING_TEXT)

    def _introduce(self) -> None:
        i = self.instrument
        exchange_map = "9c0001" if i.sec_type in ("STK", "OPT") else ""
        self._session.send(messages.tick_parameters(self.request_id, i.min_tick, exchange_map))
        kind = DELAYED if self.delayed else LIVE
        self._session.send(messages.market_data_type(self.request_id, kind))

    def _send(self, change: Change) -> None:
        data = change.frames(self._id_bytes, delayed=self.delayed, lots=self._lots)
        self._session.send_ticks(self, data, count=change.size)
