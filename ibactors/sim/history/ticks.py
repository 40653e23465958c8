"""Requests for single facts of the past: the first moment of data, ticks, and how trades spread over prices."""

import collections
import datetime as dt
import re
from collections.abc import Iterator, Mapping

from ibactors.sim.history.farm import first_moment, known_past
from ibactors.sim.history.moments import BadMoment, read_moment
from ibactors.sim.history.past import Past, PastTick
from ibactors.sim.history.tape import Moment, Tape
from ibactors.sim.market import hours
from ibactors.sim.market.instruments import ContractSpec, Fate, Instrument
from ibactors.sim.market.walk import PriceWalk
from ibactors.sim.messages import history as encode
from ibactors.sim.request import Request, cancel_of, invalid
from ibactors.sim.session import Session
from ibactors.sim.wire.datetimes import Dialect, moment
from ibactors.sim.wire.frames import FieldReader

_MAX_TICKS = 1000
# Where the search for ticks gives up: more than a long weekend without any.
_SEARCH_DAYS = 5
_KINDS = ("TRADES", "BID_ASK", "MIDPOINT")
_PERIOD = re.compile(r"(\d{1,4}) ?(S|D|W|M|Y)[a-z]*\Z", re.IGNORECASE)
_PERIOD_DAYS = {"S": 1, "D": 1, "W": 5, "M": 21, "Y": 252}
_SAMPLES_A_DAY = 78
_UNREPORTED = 2
_ODD_LOT = "   I"


def _head_timestamp(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    fields.skip(2)
    what = fields.text().upper()
    epoch = fields.integer(1) == 2
    instrument = known_past(session, request_id, spec)
    if instrument is None:
        return
    is_traded = what in ("TRADES", "AGGTRADES")
    if (is_traded and not instrument.has_trades) or (not is_traded and not instrument.has_book):
        text = "Historical Market Data Service error message:No head time stamp"
        session.error(request_id, 162, text)
        return
    first = first_moment(instrument)
    # Head timestamps are in UTC and without a zone, whatever the dialect.
    text = str(int(first.timestamp())) if epoch else moment(first, "UTC", Dialect.PLAIN)
    session.send(encode.head_timestamp(request_id, text))


def _historical_ticks(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    fields.flag()
    start_text, end_text, count = fields.text(), fields.text(), fields.integer()
    what, regular = fields.text().upper(), fields.flag()
    instrument = known_past(session, request_id, spec)
    if instrument is None:
        return
    try:
        start, end = (read_moment(session, request_id, instrument, t) for t in (start_text, end_text))
    except BadMoment:
        return
    cause = _objection(instrument, what, count, start, end)
    if cause is not None:
        session.error(request_id, 10187, f"Failed to request historical ticks:{cause}")
        return
    tape = session.gateway.tapes.get(instrument.con_id)
    if isinstance(tape, Tape) and start is not None and int(start.timestamp()) > tape.began:
        until = int(end.timestamp()) if end is not None else 1 << 62
        moments = tape.ticks(what, int(start.timestamp()), until, count)
        session.send(_recorded(request_id, session.gateway.market.walk(instrument), what, moments))
        return
    past = Past(session.gateway.market, instrument)
    end = min(end or session.gateway.now(), session.gateway.now())
    ticks = _collect(past, start, end, count, regular=regular)
    session.send(_tick_frame(request_id, past, what, ticks))


def recent_ticks(session: Session, request_id: int, instrument: Instrument, what: str, count: int) -> bytes:
    """The last ticks before now, as a tick-by-tick stream has them before its first."""
    now = session.gateway.now()
    past = Past(session.gateway.market, instrument)
    ticks = _collect(past, None, now, min(count, _MAX_TICKS), regular=False)
    return _tick_frame(request_id, past, what, ticks)


def _objection(instrument: Instrument, what: str, count: int, start: dt.datetime | None, end: dt.datetime | None) -> str | None:
    if what not in _KINDS:
        return f"Invalid what to show. Legal ones are: {', '.join(_KINDS)}"
    if not 1 <= count <= _MAX_TICKS:
        return f"Number of ticks must be between 1 and {_MAX_TICKS}"
    if start is None and end is None:
        return "Either start date/time or end date/time must be specified"
    if (what == "TRADES" and not instrument.has_trades) or (what != "TRADES" and not instrument.has_book):
        return "No data of this type"
    return None


def _collect(past: Past, start: dt.datetime | None, end: dt.datetime, count: int, *, regular: bool) -> list[PastTick]:
    """Ticks from `start` on, or back from `end`; a second that has begun is given in full, as a gateway does."""
    found: list[PastTick] = []
    for second in _seconds(past.instrument, start, end, regular=regular):
        ticks = past.ticks_of(second)
        found = found + ticks if start is not None else ticks + found
        if len(found) >= count:
            break
    return found


def _seconds(instrument: Instrument, start: dt.datetime | None, end: dt.datetime, *, regular: bool) -> Iterator[int]:
    head, reach = first_moment(instrument), dt.timedelta(days=_SEARCH_DAYS)
    # Whatever a client asks for, from the first data to now.
    start = None if start is None else max(head, min(start, end))
    if end <= head or instrument.fate is Fate.QUIET:
        return
    first, last = (max(head, end - reach), end) if start is None else (start, min(end, start + reach))
    sessions = [s for _, s in hours.spans(instrument.trading_hours, instrument.time_zone, first, last, regular=regular)]
    if start is None:
        for opens, closes in reversed(sessions):
            yield from range(int(min(closes, last).timestamp()) - 1, int(max(opens, first).timestamp()) - 1, -1)
    else:
        for opens, closes in sessions:
            yield from range(int(max(opens, first).timestamp()), int(min(closes, last).timestamp()))


def _tick_frame(request_id: int, past: Past, what: str, ticks: list[PastTick]) -> bytes:
    if what == "MIDPOINT":
        rows = [(t.epoch_s, past.text((t.bid + t.ask) / 2, finer=1)) for t in ticks]
        return encode.ticks_midpoint(request_id, rows)
    if what == "BID_ASK":
        quotes = [(t.epoch_s, 0, past.text(t.bid), past.text(t.ask), t.size, t.size) for t in ticks]
        return encode.ticks_bid_ask(request_id, quotes)
    trades = [(t.epoch_s, _UNREPORTED if t.odd else 0, past.text(t.price), t.size, t.exchange, _ODD_LOT if t.odd else "") for t in ticks]
    return encode.ticks_last(request_id, trades)


def _recorded(request_id: int, walk: PriceWalk, what: str, moments: list[Moment]) -> bytes:
    """What a tape has noted, with the texts that live ticks have."""
    if what == "MIDPOINT":
        tick = float(walk.instrument.min_tick)
        rows = [(m.epoch_s, f"{(m.bid + m.ask) / 2 * tick:.{walk.decimals + 1}f}") for m in moments]
        return encode.ticks_midpoint(request_id, rows)
    if what == "BID_ASK":
        return encode.ticks_bid_ask(
            request_id, [(m.epoch_s, 0, walk.text(m.bid), walk.text(m.ask), m.bid_size, m.ask_size) for m in moments]
        )
    venue = walk.instrument.primary_exchange or walk.instrument.exchanges[0]
    return encode.ticks_last(request_id, [(m.epoch_s, 0, walk.text(m.last), m.last_size, venue, "") for m in moments])


def _histogram(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    fields.flag()
    regular, period = fields.flag(), fields.text()
    instrument = known_past(session, request_id, spec)
    if instrument is None:
        return
    match = _PERIOD.match(period.strip())
    if match is None:
        invalid(session, request_id, f"Invalid time period '{period[:40]}'")
        return
    days = int(match[1]) * _PERIOD_DAYS[match[2].upper()]
    now = session.gateway.now()
    past = Past(session.gateway.market, instrument)
    sizes: collections.Counter[str] = collections.Counter()
    for _, (opens, closes) in hours.days_back(instrument.trading_hours, instrument.time_zone, now, min(days, 25), regular=regular):
        step = (closes - opens).total_seconds() / _SAMPLES_A_DAY
        for n in range(_SAMPLES_A_DAY):
            sizes[past.text(past.quoted(past.price(opens.timestamp() + n * step), "TRADES"))] += 10 * instrument.lot
    session.send(encode.histogram(request_id, sorted(sizes.items(), key=lambda row: float(row[0]))))


REQUESTS: Mapping[int, Request] = {
    87: Request(name="reqHeadTimeStamp", handle=_head_timestamp),
    88: Request(name="reqHistogramData", handle=_histogram),
    # These are answered at once: there is never anything left to cancel.
    89: cancel_of("histogram", "cancelHistogramData", versioned=False),
    90: cancel_of("head timestamp", "cancelHeadTimeStamp", versioned=False),
    96: Request(name="reqHistoricalTicks", handle=_historical_ticks),
}
