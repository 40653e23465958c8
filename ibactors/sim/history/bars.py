"""Bars that grow while the client watches: historical bars kept up to date, and five-second real-time bars."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

import trio

from ibactors.sim.history.past import Bar, Past
from ibactors.sim.history.query import BarQuery, Bucket, other_trades
from ibactors.sim.history.rows import bar_row, shares
from ibactors.sim.market.instruments import ContractSpec, Fate, Instrument
from ibactors.sim.market.ticks import Change
from ibactors.sim.messages import history as past_messages
from ibactors.sim.messages import market as messages
from ibactors.sim.request import Request, cancel_of, invalid, unprocessable
from ibactors.sim.requests.contracts import the_one
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

REAL_TIME_BAR_S = 5
_UPDATE_PAUSE_S = 0.25
_NO_SESSION = dt.timedelta(seconds=1)
_REAL_TIME_KINDS = ("TRADES", "MIDPOINT", "BID", "ASK", "AGGTRADES")


class KeptBars:
    """Historical bars that keep up to date; the last bar is sent again whenever it has grown, and once more when the next one begins.

    What is sent of a bar that is over is what history has of it, as a gateway's five-second bars fit into those of any other size.
    """

    is_line = False
    hears_all = False

    def __init__(self, session: Session, request_id: int, instrument: Instrument, query: BarQuery, what: str, *, epoch: bool) -> None:
        self._session = session
        self._request_id = request_id
        self.instrument = instrument
        # As little as has the present bar in it, and its sessions.
        self._query = query if query.daily else replace(query, count=max(2 * query.size_s, 60), unit="S")
        self._what = "TRADES" if what == "ADJUSTED_LAST" else what
        self._epoch = epoch
        self._past = Past(session.gateway.market, instrument)
        self._present: Bucket | None = None
        self._sent = 0.0
        self._next_look = session.gateway.now()
        self.has_begun = False
        """Whether the answer is out and updates follow it."""

    def begin(self) -> None:
        """Go on from the last bar of the answer."""
        self.has_begun = True
        self._present = self._bucket()
        self._session.gateway.market.watch(self.instrument, self)

    def end(self) -> None:
        """Stop; harmless before the beginning."""
        self._session.gateway.market.unwatch(self.instrument, self)

    def moved(self, _: Change) -> None:
        """Send the bar as it is now, four times a second at most."""
        due = trio.current_time() - self._sent >= _UPDATE_PAUSE_S
        now = self._session.gateway.now()
        over = self._present is not None and now >= max(self._present.until, self._next_look)
        if self._session.gateway.faults.silence(self.instrument) or not (due or over):
            return
        before, self._present = self._present, self._bucket()
        if before is not None and (self._present is None or self._present.start != before.start):
            *pieces, (opened, _cut) = before.pieces
            self._send(replace(before, pieces=(*pieces, (opened, before.until))))
        if self._present is not None and now < self._present.until:
            quiet = self.instrument.fate is Fate.QUIET
            self._send(self._present, live=None if quiet else self._session.gateway.market.mark(self.instrument))
        elif self._present is not None and due and not self._session.gateway.market.keeps_hours:
            self._send(self._present)  # a market that ticks around the clock sends its last bar on, whatever the hour
        self._sent = trio.current_time()

    def _bucket(self) -> Bucket | None:
        """The time of the present bar, as far as it has come."""
        now, present = self._session.gateway.now(), self._present
        if present is not None and now < present.until:
            *pieces, (opened, _cut) = present.pieces
            return replace(present, pieces=(*pieces, (opened, now)))
        if now < self._next_look:
            return present
        found = list(replace(self._query, end=now).buckets(self.instrument))
        if not found or now >= found[-1].until:
            self._next_look = now + _NO_SESSION  # to look for one takes long
        return found[-1] if found else None

    def _send(self, bucket: Bucket, *, live: float | None = None) -> None:
        bar = self._past.sum(bucket.pieces, self._what, start=bucket.start, day=bucket.day, live=live)
        row = bar_row(self._session, self._past, bar, self._what, daily=self._query.daily, epoch=self._epoch)
        # Only what is not over may be left out: a newer one will follow.
        send = self._session.send if live is None else self._session.send_if_room
        send(past_messages.historical_data_update(self._request_id, row))


class RealTimeBars:
    """One client's five-second bars of one instrument: what history has of the five seconds."""

    is_line = False
    hears_all = False

    def __init__(self, session: Session, request_id: int, instrument: Instrument, what: str) -> None:
        self._session = session
        self._request_id = request_id
        self.instrument = instrument
        self._what = what
        self._past = Past(session.gateway.market, instrument)
        self._scope = trio.CancelScope()

    def end(self) -> None:
        """Stop."""
        self._scope.cancel(reason="the client cancelled its real-time bars")

    async def run(self) -> None:
        """Send the bar of every five seconds when these are over."""
        with self._scope:
            await self._send_forever()

    async def _send_forever(self) -> NoReturn:
        size = dt.timedelta(seconds=REAL_TIME_BAR_S)
        start = self._round(self._session.gateway.now())
        while True:
            await trio.sleep(max(0, (start + size - self._session.gateway.now()).total_seconds()))
            if not self._session.gateway.faults.silence(self.instrument):
                self._send(self._past.bar(start, REAL_TIME_BAR_S, self._what))
            # Never the same five seconds twice, even when the timer was early by a hair.
            start = max(start + size, self._round(self._session.gateway.now()))

    def _round(self, when: dt.datetime) -> dt.datetime:
        return dt.datetime.fromtimestamp(when.timestamp() // REAL_TIME_BAR_S * REAL_TIME_BAR_S, dt.UTC)

    def _send(self, bar: Bar) -> None:
        past = self._past
        finer = 1 if self._what == "MIDPOINT" else 0
        prices = [past.text(p, finer=finer) for p in (bar.open, bar.high, bar.low, bar.close)]
        volume = shares(self._session, past, bar.volume)
        average = past.text(bar.average, finer=1) if bar.count >= 0 else "-1"
        data = messages.real_time_bar(self._request_id, int(bar.start.timestamp()), prices, volume, average, bar.count)
        self._session.send_if_room(data)


def _real_time_bars(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    size, what = fields.integer(), fields.text().upper()
    fields.flag()
    if ("bars", request_id) in session.streams:
        unprocessable(session, request_id, "Duplicate ticker id")
        return
    instrument = the_one(session, request_id, spec)
    if instrument is None:
        return
    if size != REAL_TIME_BAR_S:
        invalid(session, request_id, "Bar size must be 5 seconds")
    elif what not in _REAL_TIME_KINDS:
        invalid(session, request_id, "Invalid what to show")
    elif wrong := other_trades(instrument, what):
        session.error(request_id, 10299, wrong)
    elif instrument.fate in (Fate.NOT_SUBSCRIBED, Fate.DELAYED_ONLY):
        name = f"{instrument.local_symbol}, {instrument.sec_type}"
        session.error(request_id, 420, f"Invalid Real-time Query:No market data permissions for {name}")
    elif session.gateway.pacing.breaks(trio.current_time(), question=object(), subject=object()):
        # They count among the 60 requests of ten minutes, and are never the same as one for past bars.
        session.error(request_id, 420, "Invalid Real-time Query:Historical data request pacing violation")
    else:
        bars = RealTimeBars(session, request_id, instrument, what)
        session.streams["bars", request_id] = bars
        session.start(bars.run, name=f"sim:client {session.client_id} bars")


REQUESTS: Mapping[int, Request] = {
    50: Request(name="reqRealTimeBars", handle=_real_time_bars),
    51: cancel_of("bars", "cancelRealTimeBars"),
}
