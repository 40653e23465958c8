"""Requests for bars and schedules of the past, and their cancel.

Long answers are computed in a task of the session, a stretch at a time, so that a client that asks for a year
of minutes holds up nobody else.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import trio

from ibactors.sim.history.bars import KeptBars
from ibactors.sim.history.farm import first_moment, known_past
from ibactors.sim.history.moments import BadMoment, read_moment
from ibactors.sim.history.past import Bar, Past
from ibactors.sim.history.query import SMALL_BAR_S, WHAT, BadQuery, BarQuery, other_trades, read_query, too_long
from ibactors.sim.history.rows import bar_row
from ibactors.sim.market.instruments import ContractSpec, Fate, Instrument
from ibactors.sim.messages import history as encode
from ibactors.sim.request import Request, invalid, unprocessable
from ibactors.sim.session import Session
from ibactors.sim.wire.datetimes import Dialect, moment
from ibactors.sim.wire.frames import FieldReader

MAX_OPEN = 50
_SCHEDULE_SINCE = 165
_BARS_A_TURN = 100
# A data service has bars of up to 30 seconds for half a year only.
_SMALL_BARS_LAST = dt.timedelta(days=183)
_UP_TO_DATE = dt.timedelta(minutes=15)
_SERVICE = "Historical Market Data Service error message:"
_NO_DATA = _SERVICE + "HMDS query returned no data: {local}@{exchange} {what}"
_PACING = _SERVICE + "Historical data request pacing violation"
_NOT_PERMITTED = _SERVICE + "No market data permissions for {exchange} {sec_type}"
_CANCELLED = _SERVICE + "API historical data query cancelled: {id}"
_UP_TO_THE_SECOND = "Up-to-the-second historical data requires additional subscription for the API."


def _historical_data(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    fields.flag()
    end_text, size, duration = fields.text().strip(), fields.text(), fields.text()
    regular, what, epoch = fields.flag(), fields.text().upper(), fields.integer(1) == 2
    if spec.sec_type == "BAG":
        fields.skip(4 * fields.integer())
    keep = fields.flag()
    if ("history", request_id) in session.streams:
        unprocessable(session, request_id, "Duplicate ticker id")
        return
    if sum(kind == "history" for kind, _ in session.streams) >= MAX_OPEN:
        unprocessable(session, request_id, "Only 50 simultaneous API historical data requests allowed.")
        return
    instrument = known_past(session, request_id, spec)
    if instrument is None:
        return
    now = session.gateway.now()
    try:
        end = min(read_moment(session, request_id, instrument, end_text) or now, now)
        query = read_query(end=end, size=size, duration=duration, regular=regular)
        _check_kind(session, what, query, end_text, keep=keep)
    except BadQuery as wrong:
        invalid(session, request_id, str(wrong))
        return
    except BadMoment:
        return
    if not _refused(session, request_id, spec, instrument, query, what):
        chart = Chart(session, request_id, instrument, query, what=what, epoch=epoch, asked=now)
        if keep:
            chart.kept = KeptBars(session, request_id, instrument, query, what, epoch=epoch)
        session.streams["history", request_id] = chart
        session.start(chart.run, name=f"sim:client {session.client_id} history")


def _check_kind(session: Session, what: str, query: BarQuery, end_text: str, *, keep: bool) -> None:
    if what not in WHAT:
        raise BadQuery(f"Invalid what to show. Legal ones are: {', '.join(WHAT)}")
    if what == "SCHEDULE" and (session.version < _SCHEDULE_SINCE or query.size_s != 86_400):
        raise BadQuery("SCHEDULE is only available with a bar size of 1 day")
    if what == "ADJUSTED_LAST" and end_text:
        raise BadQuery("End Date not supported with adjusted last")
    if keep and end_text:
        raise BadQuery("End date/time cannot be set for a request that keeps up to date")


def _refused(session: Session, request_id: int, spec: ContractSpec, instrument: Instrument, query: BarQuery, what: str) -> bool:
    """Refuse what a gateway's data service refuses: too much at once, small bars too often, data not subscribed."""
    service = too_long(query)
    if wrong := other_trades(instrument, what):
        session.error(request_id, 10299, wrong)
    elif service is not None:
        session.error(request_id, 162, _SERVICE + service)
    elif query.size_s <= SMALL_BAR_S and session.gateway.pacing.breaks(
        trio.current_time(),
        question=(instrument.con_id, spec.exchange, query.end, query.size_s, query.count, query.unit, query.regular, what),
        subject=(instrument.con_id, spec.exchange, what),
        weight=2 if what == "BID_ASK" else 1,
    ):
        session.error(request_id, 162, _PACING)
    elif instrument.fate is Fate.NOT_SUBSCRIBED:
        venue = instrument.primary_exchange or instrument.exchanges[0]
        session.error(request_id, 162, _NOT_PERMITTED.format(exchange=venue, sec_type=instrument.sec_type))
    elif instrument.fate is Fate.DELAYED_ONLY and session.gateway.now() - query.end < _UP_TO_DATE:
        session.error(request_id, 2188, _UP_TO_THE_SECOND)
    else:
        return False
    return True


class Chart:
    """One request for historical bars, from its question to the answer and, if wanted, the updates after it."""

    def __init__(
        self,
        session: Session,
        request_id: int,
        instrument: Instrument,
        query: BarQuery,
        *,
        what: str,
        epoch: bool,
        asked: dt.datetime,
    ) -> None:
        self._session = session
        self._request_id = request_id
        self._instrument = instrument
        self._query = replace(query, head=first_moment(instrument))
        self._what = what
        self._epoch = epoch
        self._past = Past(session.gateway.market, instrument)
        self._asked = asked
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
            if self._query.end <= self._query.head:
                self._send_nothing()
            elif self._what == "SCHEDULE":
                self._send_schedule()
            elif not _never(self._instrument, self._what):
                self._send_bars(await self._bars())
            else:
                self._send_nothing()
            if self.kept is None:
                self._session.streams.pop(("history", self._request_id), None)

    async def _bars(self) -> list[Bar]:
        bars: list[Bar] = []
        market, now = self._session.gateway.market, self._session.gateway.now()
        if self._query.size_s <= SMALL_BAR_S and now - self._query.end > _SMALL_BARS_LAST:
            return bars
        for bucket in self._query.buckets(self._instrument):
            # Only a bar that time has not finished meets the live price; one that the request cuts is cut as it was.
            growing = bucket.until > now and self._query.end >= self._asked
            live = market.mark(self._instrument) if growing and self._instrument.fate is not Fate.QUIET else None
            bars.append(self._past.sum(bucket.pieces, self._what, start=bucket.start, day=bucket.day, live=live))
            if len(bars) % _BARS_A_TURN == 0:
                await trio.lowlevel.checkpoint()
        return bars

    def _send_bars(self, bars: list[Bar]) -> None:
        if not bars:
            self._send_nothing()
            return
        daily = self._query.daily
        rows = [bar_row(self._session, self._past, b, self._what, daily=daily, epoch=self._epoch) for b in bars]
        zone, dialect = self._instrument.time_zone, self._session.gateway.dialect
        texts = moment(self._query.begin, zone, dialect), moment(self._query.end, zone, dialect)
        self._session.send(encode.historical_data(self._request_id, *texts, rows))
        if self.kept is not None:
            self.kept.begin()

    def _send_nothing(self) -> None:
        i = self._instrument
        text = _NO_DATA.format(local=i.local_symbol, exchange=i.exchanges[0], what=self._what.capitalize())
        self._session.error(self._request_id, 162, text)

    def _send_schedule(self) -> None:
        zone = self._instrument.time_zone

        def text(when: dt.datetime) -> str:
            # Local time with a dash, whatever the dialect; the zone is a field of its own.
            return moment(when, zone, Dialect.PLAIN).replace("  ", "-")

        found = self._query.sessions(self._instrument)
        if not found:
            self._send_nothing()
            return
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
