"""Requests about the past: bars, head timestamps, ticks, histograms, schedules, and their cancels.

Long answers are computed in a task of the session, in stretches: a client that asks for a year of minutes does not hold up the others.
"""

import datetime as dt
from collections.abc import Mapping

import trio

from ibactors.sim.history.bars import KeptBars
from ibactors.sim.history.farm import known_past
from ibactors.sim.history.past import Bar, Past
from ibactors.sim.history.query import MAX_BARS, SMALL_BAR_S, WHAT, BadQuery, BarQuery, read_query, too_long
from ibactors.sim.history.rows import bar_row
from ibactors.sim.market.instruments import ContractSpec, Instrument
from ibactors.sim.messages import history as encode
from ibactors.sim.request import Request, invalid, unprocessable
from ibactors.sim.session import Session
from ibactors.sim.wire.datetimes import Dialect, moment, parse
from ibactors.sim.wire.frames import FieldReader

MAX_SMALL_REQUESTS = 60
SMALL_REQUESTS_S = 600.0
_SCHEDULE_SINCE = 165
_BARS_PER_TURN = 100
_NO_DATA = "Historical Market Data Service error message:HMDS query returned no data: {local}@{exchange} {what}"
_PACING = "Historical Market Data Service error message:Historical data request pacing violation"
_TOO_LONG = "Historical Market Data Service error message:Time length exceed max."
_CANCELLED = "Historical Market Data Service error message:API historical data query cancelled: {id}"


def _historical_data(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    fields.flag()
    end_text, size, duration = fields.text(), fields.text(), fields.text()
    regular, what, epoch = fields.flag(), fields.text().upper(), fields.integer(1) == 2
    if spec.sec_type == "BAG":
        fields.skip(4 * fields.integer())
    keep = fields.flag()
    if ("history", request_id) in session.streams:
        unprocessable(session, request_id, "Duplicate ticker id")
        return
    instrument = known_past(session, request_id, spec)
    if instrument is None:
        return
    try:
        query = read_query(end=_end(session, instrument, end_text), size=size, duration=duration, regular=regular)
        _check_kind(session, what, query)
        if keep and end_text:
            raise BadQuery("End date/time cannot be set for a request that keeps up to date")
    except (BadQuery, ValueError) as wrong:
        invalid(session, request_id, str(wrong))
        return
    if not _rationed(session, request_id, query):
        chart = Chart(session, request_id, instrument, query, what=what, epoch=epoch)
        if keep:
            chart.kept = KeptBars(session, request_id, instrument, query, what, epoch=epoch)
        session.streams["history", request_id] = chart
        session.start(chart.run, name=f"sim:client {session.client_id} history")


def _check_kind(session: Session, what: str, query: BarQuery) -> None:
    if what not in WHAT:
        raise BadQuery(f"Invalid what to show. Legal ones are: {', '.join(WHAT)}")
    if what == "SCHEDULE" and (session.version < _SCHEDULE_SINCE or query.size_s != 86_400):
        raise BadQuery("SCHEDULE is only available with a bar size of 1 day")


def _rationed(session: Session, request_id: int, query: BarQuery) -> bool:
    """Refuse what a gateway's data service refuses: too much at once, or small bars too often."""
    if too_long(query):
        session.error(request_id, 162, _TOO_LONG)
        return True
    if query.size_s > SMALL_BAR_S:
        return False
    now, recent = trio.current_time(), session.small_bar_requests
    while recent and now - recent[0] > SMALL_REQUESTS_S:
        recent.popleft()
    if len(recent) >= MAX_SMALL_REQUESTS:
        session.error(request_id, 162, _PACING)
        return True
    recent.append(now)
    return False


def _end(session: Session, instrument: Instrument, text: str) -> dt.datetime:
    now = session.gateway.now()
    return min(now, parse(text, instrument.time_zone)) if text.strip() else now


class Chart:
    """One request for historical bars, from its question to the answer and, if wanted, the updates after it."""

    def __init__(self, session: Session, request_id: int, instrument: Instrument, query: BarQuery, *, what: str, epoch: bool) -> None:
        self._session = session
        self._request_id = request_id
        self._instrument = instrument
        self._query = query
        self._what = what
        self._epoch = epoch
        self._past = Past(session.gateway.market, instrument, session.gateway.now())
        self._scope = trio.CancelScope()
        self.kept: KeptBars | None = None

    @property
    def instrument(self) -> Instrument | None:
        """What the updates are about; None for the answer, which another farm gives."""
        return self._instrument if self.kept is not None and self.kept.has_begun else None

    def end(self) -> None:
        """Stop computing, or stop updating."""
        self._scope.cancel(reason="the client cancelled its historical data")
        if self.kept is not None:
            self.kept.end()

    async def run(self) -> None:
        """Compute and send the answer."""
        with self._scope:
            if self._what == "SCHEDULE":
                self._send_schedule()
            elif not _never(self._instrument, self._what):
                self._send_bars(await self._bars())
            else:
                self._send_nothing()
            if self.kept is None:
                self._session.streams.pop(("history", self._request_id), None)

    async def _bars(self) -> list[Bar]:
        bars: list[Bar] = []
        for start, seconds in self._query.starts(self._instrument):
            bars.append(self._past.bar(start, seconds, self._what))
            if len(bars) % _BARS_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        return bars[-MAX_BARS:]

    def _send_bars(self, bars: list[Bar]) -> None:
        if not bars:
            self._send_nothing()
            return
        daily = self._query.daily
        rows = [bar_row(self._session, self._past, b, self._what, daily=daily, epoch=self._epoch) for b in bars]
        zone, dialect = self._instrument.time_zone, self._session.gateway.dialect
        start, end = min(bars[0].start, self._query.end), self._query.end
        texts = moment(start, zone, dialect), moment(end, zone, dialect)
        self._session.send(encode.historical_data(self._request_id, *texts, rows))
        if self.kept is not None:
            self.kept.begin(bars[-1])

    def _send_nothing(self) -> None:
        i = self._instrument
        text = _NO_DATA.format(local=i.local_symbol, exchange=i.exchanges[0], what=self._what.capitalize())
        self._session.error(self._request_id, 162, text)

    def _send_schedule(self) -> None:
        zone = self._instrument.time_zone

        def text(when: dt.datetime) -> str:
            # Local time with a dash, whatever the dialect; the zone is a field of its own.
            return moment(when, zone, Dialect.PLAIN).replace("  ", "-")

        _, found = self._query.sessions(self._instrument)
        rows = [(text(opens), text(closes), f"{day:%Y%m%d}") for day, (opens, closes) in found]
        self._session.send(encode.schedule(self._request_id, str(rows[0][0]), str(rows[-1][1]), zone, rows))


def _never(instrument: Instrument, what: str) -> bool:
    """Whether an instrument of this kind has no such data at all."""
    trades = what in ("TRADES", "ADJUSTED_LAST", "AGGTRADES")
    quotes = what in ("BID", "ASK", "BID_ASK", "MIDPOINT")
    volatility = what.endswith("_VOLATILITY") and instrument.sec_type not in ("STK", "IND")
    other = what.startswith("YIELD") or what == "FEE_RATE"
    return (trades and not instrument.has_trades) or (quotes and not instrument.has_book) or volatility or other


def _cancel(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    if session.end_stream("history", request_id):
        session.error(request_id, 162, _CANCELLED.format(id=request_id))
    else:
        session.error(request_id, 366, f"No historical data query found for ticker id:{request_id}")


REQUESTS: Mapping[int, Request] = {
    20: Request(name="reqHistoricalData", handle=_historical_data),
    25: Request(name="cancelHistoricalData", handle=_cancel),
}
