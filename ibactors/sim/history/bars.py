"""Bars that grow while the client watches: historical bars kept up to date, and five-second real-time bars."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import NoReturn

import trio

from ibactors.sim.history.past import Bar, Past
from ibactors.sim.history.query import BarQuery
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
_REAL_TIME_KINDS = ("TRADES", "MIDPOINT", "BID", "ASK")


class Growing:
    """The bar that an instrument is in, fed by its walk; `price` is what the bar is of."""

    def __init__(self, session: Session, instrument: Instrument, what: str) -> None:
        self.session = session
        self.instrument = instrument
        self.what = what
        self.past = Past(session.gateway.market, instrument)
        self._walk = session.gateway.market.walk(instrument)
        self._volume_before = self._walk.volume
        now = session.gateway.now()
        self.bar = self.fresh(now, now.date())

    def fresh(self, start: dt.datetime, day: dt.date) -> Bar:
        """An empty bar at the present price, of a time that is stamped so."""
        price = self.price()
        trades = self.what == "TRADES"
        nothing = 0 if trades else -1
        average = price if trades else -1.0
        return Bar(start=start, day=day, open=price, high=price, low=price, close=price, average=average, volume=nothing, count=nothing)

    def price(self) -> float:
        """The present price of the kind that the bar is of."""
        walk, tick = self._walk, float(self.instrument.min_tick)
        if self.what == "TRADES" or not self.instrument.has_book:
            return walk.mark
        if self.what in ("BID", "ASK"):
            return (walk.bid if self.what == "BID" else walk.ask) * tick
        return (walk.bid + walk.ask) * tick / 2

    def grow(self) -> None:
        """Take in the present price and what was traded since the last time."""
        price, bar = self.price(), self.bar
        traded = max(0, self._walk.volume - self._volume_before) if self.what == "TRADES" else 0
        self._volume_before = self._walk.volume
        self.bar = replace(
            bar,
            high=max(bar.high, price),
            low=min(bar.low, price),
            close=price,
            average=(bar.average * bar.count + price) / (bar.count + 1) if traded else bar.average,
            volume=bar.volume + traded,
            count=bar.count + (1 if traded else 0),
        )


class KeptBars:
    """Historical bars that keep up to date; the last bar is sent again whenever it has grown."""

    is_line = False
    hears_all = False

    def __init__(self, session: Session, request_id: int, instrument: Instrument, query: BarQuery, what: str, *, epoch: bool) -> None:
        self._session = session
        self._request_id = request_id
        self.instrument = instrument
        self._query = query
        self._what = "TRADES" if what == "ADJUSTED_LAST" else what
        self._epoch = epoch
        self._growing: Growing | None = None
        self._sent = 0.0

    def begin(self, last: Bar) -> None:
        """Go on from the last bar of the answer."""
        self._growing = Growing(self._session, self.instrument, self._what)
        start, day = self._stamp()
        self._growing.bar = last if (last.day == day if self._query.daily else last.start == start) else self._growing.fresh(start, day)
        self._session.gateway.market.watch(self.instrument, self)

    @property
    def has_begun(self) -> bool:
        """Whether the answer is out and updates follow it."""
        return self._growing is not None

    def end(self) -> None:
        """Stop; harmless before the beginning."""
        self._session.gateway.market.unwatch(self.instrument, self)

    def moved(self, _: Change) -> None:
        """Send the bar as it is now, four times a second at most."""
        growing = self._growing
        if growing is None:
            return
        start, day = self._stamp()
        if (growing.bar.day != day) if self._query.daily else (growing.bar.start != start):
            growing.bar = growing.fresh(start, day)
            self._sent = 0.0
        growing.grow()
        if trio.current_time() - self._sent >= _UPDATE_PAUSE_S:
            self._sent = trio.current_time()
            row = bar_row(self._session, growing.past, growing.bar, self._what, daily=self._query.daily, epoch=self._epoch)
            self._session.send_if_room(past_messages.historical_data_update(self._request_id, row))

    def _stamp(self) -> tuple[dt.datetime, dt.date]:
        return self._query.bucket_at(self.instrument, self._session.gateway.now())


class RealTimeBars:
    """One client's five-second bars of one instrument."""

    is_line = False
    hears_all = False

    def __init__(self, session: Session, request_id: int, instrument: Instrument, what: str) -> None:
        self._session = session
        self._request_id = request_id
        self.instrument = instrument
        self._growing = Growing(session, instrument, what)
        self._scope = trio.CancelScope()
        session.gateway.market.watch(instrument, self)

    def end(self) -> None:
        """Stop."""
        self._session.gateway.market.unwatch(self.instrument, self)
        self._scope.cancel(reason="the client cancelled its real-time bars")

    def moved(self, _: Change) -> None:
        """Let the present bar grow."""
        self._growing.grow()

    async def run(self) -> None:
        """Send the bar of every five seconds when these are over."""
        with self._scope:
            await self._send_forever()

    async def _send_forever(self) -> NoReturn:
        size = dt.timedelta(seconds=REAL_TIME_BAR_S)
        start = self._round(self._session.gateway.now())
        while True:
            self._growing.bar = self._growing.fresh(start, start.date())
            await trio.sleep(max(0, (start + size - self._session.gateway.now()).total_seconds()))
            if not self._session.gateway.faults.silence(self.instrument):
                self._send()
            # Never the same five seconds twice, even when the timer was early by a hair.
            start = max(start + size, self._round(self._session.gateway.now()))

    def _round(self, when: dt.datetime) -> dt.datetime:
        return dt.datetime.fromtimestamp(when.timestamp() // REAL_TIME_BAR_S * REAL_TIME_BAR_S, dt.UTC)

    def _send(self) -> None:
        bar, past = self._growing.bar, self._growing.past
        finer = 1 if self._growing.what == "MIDPOINT" else 0
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
