"""Every trade or quote as it happens: tick-by-tick subscriptions (97, 98)."""

import enum
import math
from collections.abc import Mapping

import trio

from ibactors.sim.history.tape import tape_of
from ibactors.sim.history.ticks import recent_ticks
from ibactors.sim.market.instruments import ContractSpec, Fate, Instrument
from ibactors.sim.market.ticks import Change, size_for
from ibactors.sim.market.walk import Field
from ibactors.sim.messages import market as messages
from ibactors.sim.request import Request, cancel_of, unprocessable
from ibactors.sim.requests.contracts import the_one
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

_FAILED = "Failed to request tick-by-tick data:"
_KIND = "tick by tick"


class Of(enum.Enum):
    """What is wanted: the name in the request, the number in the answer, the question for the ticks before."""

    LAST = ("Last", 1, "TRADES")
    ALL_LAST = ("AllLast", 2, "TRADES")
    BID_ASK = ("BidAsk", 3, "BID_ASK")
    MIDPOINT = ("MidPoint", 4, "MIDPOINT")


class TickStream:
    """One subscription."""

    is_line = False
    hears_all = False

    def __init__(self, session: Session, request_id: int, instrument: Instrument, of: Of, *, ignore_size: bool) -> None:
        self._session = session
        self._request_id = request_id
        self.instrument = instrument
        self._of = of
        self._walk = session.gateway.market.walk(instrument)
        self._tape = tape_of(session.gateway, instrument)
        """Begun before this one watches, so that it is told first: a tick has one time, live and later."""
        self._wanted = {Field.LAST, Field.LAST_SIZE} if of in (Of.LAST, Of.ALL_LAST) else {Field.BID, Field.ASK}
        if of is Of.BID_ASK and not ignore_size:
            self._wanted |= {Field.BID_SIZE, Field.ASK_SIZE}

    def begin(self) -> None:
        """Send every tick from now on."""
        self._session.gateway.market.watch(self.instrument, self)

    def end(self) -> None:
        """Stop."""
        self._session.gateway.market.unwatch(self.instrument, self)

    def moved(self, change: Change) -> None:
        """Send a change if it is one of the wanted kind."""
        if not self._wanted.isdisjoint(change.fields):
            self._session.send(self._frame())  # none is left out, however slow the client

    def _frame(self) -> bytes:
        walk, request_id = self._walk, self._request_id
        epoch_s = self._tape.newest_s
        if self._of is Of.MIDPOINT:
            tick = float(self.instrument.min_tick)
            middle = (walk.bid + walk.ask) / 2 * tick
            return messages.tick_midpoint(request_id, epoch_s, f"{middle:.{walk.decimals + 1}f}")
        if self._of is Of.BID_ASK:
            bid, ask = walk.text(walk.bid), walk.text(walk.ask)
            return messages.tick_bid_ask(request_id, epoch_s, bid, ask, self._size(walk.bid_size), self._size(walk.ask_size))
        venue = self.instrument.primary_exchange or self.instrument.exchanges[0]
        size = self._size(walk.last_size)
        return messages.tick_last(request_id, self._of.value[1], epoch_s, walk.text(walk.last), size, venue)

    def _size(self, size: int) -> int:
        return size_for(self._session.version, self.instrument, size)


def _subscribe(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    name, before, ignore_size = fields.text(), fields.integer(), fields.flag()
    if (_KIND, request_id) in session.streams:
        unprocessable(session, request_id, "Duplicate ticker id")
        return
    instrument = the_one(session, request_id, spec)
    if instrument is None:
        return
    of = next((o for o in Of if o.value[0] == name), None)
    if of is None:
        session.error(request_id, 10189, f"{_FAILED}Invalid tick type '{name[:40]}'. Legal ones are: {', '.join(o.value[0] for o in Of)}")
    elif not _has(instrument, of):
        session.error(request_id, 10189, f"{_FAILED}{name} ticks are not available for {instrument.sec_type}")
    elif instrument.fate in (Fate.NOT_SUBSCRIBED, Fate.DELAYED_ONLY):
        session.error(request_id, 10189, f"{_FAILED}No market data permissions for {instrument.exchanges[0]} {instrument.sec_type}")
    elif sum(kind == _KIND for kind, _ in session.streams) >= session.gateway.limits.tick_streams or _too_soon(session, instrument):
        session.error(request_id, 10190, "Max number of tick-by-tick requests has been reached")
    else:
        _begin(session, request_id, TickStream(session, request_id, instrument, of, ignore_size=ignore_size), instrument, of, before)


def _begin(session: Session, request_id: int, stream: TickStream, instrument: Instrument, of: Of, before: int) -> None:
    session.streams[_KIND, request_id] = stream
    if before > 0:
        session.send(recent_ticks(session, request_id, instrument, of.value[2], before))
    stream.begin()


def _too_soon(session: Session, instrument: Instrument) -> bool:
    """Whether the instrument was asked for a moment ago; the gateway has no other code for that."""
    asked, now = session.gateway.ticks_asked, trio.current_time()
    too_soon = now < asked.get(instrument.con_id, -math.inf) + session.gateway.faults.tick_gap_s
    if not too_soon:
        asked[instrument.con_id] = now
    return too_soon


def _has(instrument: Instrument, of: Of) -> bool:
    if instrument.is_option or instrument.sec_type == "BAG":
        return False
    return instrument.has_volume if of in (Of.LAST, Of.ALL_LAST) else instrument.has_book


REQUESTS: Mapping[int, Request] = {
    97: Request(name="reqTickByTickData", handle=_subscribe),
    98: cancel_of(_KIND, "cancelTickByTickData", versioned=False),
}
