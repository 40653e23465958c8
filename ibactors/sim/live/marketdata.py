"""Market data requests: subscribe, snapshot, cancel, and the kind of data wanted."""

from collections.abc import Mapping

from ibactors.sim.live.combinations import CombinationLine
from ibactors.sim.live.lines import Line
from ibactors.sim.market.instruments import ContractSpec, Fate, Instrument
from ibactors.sim.messages import market as messages
from ibactors.sim.orders.combo import combination, read_legs
from ibactors.sim.request import NO_DEFINITION, Request, invalid, unprocessable
from ibactors.sim.requests.contracts import the_one
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

DELAYED_AFTER_S = 0.1
NOT_SUBSCRIBED = 354

_DELAYED_TYPES = (3, 4)
_KNOWN_TYPES = (1, 2, 3, 4)
_LEGAL_TICKS = (
    "100,101,104,105,106,107,125,165,166,220,221,225,232,233,236,256,258,292,293,294,295,318,370,375,377,"
    "381,384,387,388,391,407,411,428,439,456,459,460,499,506,511,512,513,545,547,576,577,578,584,585,586,"
    "587,588,595,614,619,623,645,646,652,653,658,659,668,669,674,685,686,687,688,689,691,693,704,736"
)
_GENERIC_TICKS = frozenset(_LEGAL_TICKS.split(","))


def _subscribe(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    rows = [[str(fields.integer()), str(fields.integer()), fields.text(), fields.text()] for _ in range(_leg_count(spec, fields))]
    if fields.flag():
        fields.skip(3)
    generic = [g for g in fields.text().split(",") if g]
    snapshot = fields.flag()
    regulatory = fields.flag()
    if request_id in session.lines:
        unprocessable(session, request_id, "Duplicate ticker id")
        return
    if len(session.lines) >= session.gateway.limits.lines:
        session.error(request_id, 101, "Max number of tickers has been reached")
        return
    if (snapshot or regulatory) and generic:
        cause = "Snapshot market data subscription is not applicable to generic ticks"
        invalid(session, request_id, cause)
        return
    if spec.sec_type == "BAG":
        _open_combination(session, request_id, spec, rows, snapshot=snapshot or regulatory)
        return
    instrument = the_one(session, request_id, spec)
    if instrument is not None and _ticks_are_known(session, request_id, instrument, generic):
        _open_line(session, request_id, instrument, frozenset(generic), snapshot=snapshot or regulatory)


def _leg_count(spec: ContractSpec, fields: FieldReader) -> int:
    return fields.integer() if spec.sec_type == "BAG" else 0


def _open_combination(session: Session, request_id: int, spec: ContractSpec, rows: list[list[str]], *, snapshot: bool) -> None:
    legs = read_legs(rows, session.gateway.catalogue.by_con_id)
    if not legs:
        session.error(request_id, 200, NO_DEFINITION)
        return
    if any(leg.instrument.fate is Fate.NOT_SUBSCRIBED for leg in legs):
        session.error(request_id, NOT_SUBSCRIBED, "Requested market data is not subscribed. Delayed market data is not available.")
        return
    line = CombinationLine(session, request_id, combination(spec, legs), legs, delayed=session.gateway.faults.delayed)
    session.lines[request_id] = line
    line.begin()
    if snapshot:
        line.end_snapshot()


def _ticks_are_known(session: Session, request_id: int, instrument: Instrument, generic: list[str]) -> bool:
    # `mdoff` switches the top of book off, a suffix after a colon filters news providers.
    unknown = [g for g in generic if g.split(":")[0] not in _GENERIC_TICKS and g != "mdoff"]
    if unknown:
        cause = f"Incorrect generic tick list of {','.join(generic)[:80]}. "
        cause += f"Legal ones for ({instrument.sec_type}) are: {_LEGAL_TICKS}"
        invalid(session, request_id, cause)
    return not unknown


def _open_line(session: Session, request_id: int, instrument: Instrument, generic: frozenset[str], *, snapshot: bool) -> None:
    if instrument.sec_type == "CFD" and instrument.under_sec_type == "STK":
        # The client is to ask for the stock instead, and hears nothing else of this request.
        session.send(messages.reroute(request_id, session.gateway.catalogue.by_con_id[instrument.under_con_id]))
        return
    wants_delayed = session.market_data_type in _DELAYED_TYPES
    only_delayed = instrument.fate is Fate.DELAYED_ONLY
    outage = session.gateway.faults.outages.get(instrument.con_id) == NOT_SUBSCRIBED
    if outage or instrument.fate is Fate.NOT_SUBSCRIBED or (only_delayed and not wants_delayed):
        available = "available" if only_delayed else "not available"
        text = f"Requested market data is not subscribed. Delayed market data is {available}."
        session.error(request_id, NOT_SUBSCRIBED, text)
        return
    line = Line(session, request_id, instrument, delayed=only_delayed or session.gateway.faults.delayed, generic=generic)
    session.lines[request_id] = line
    if only_delayed:
        text = "Requested market data is not subscribed. Displaying delayed market data."
        session.error(request_id, 10167, text)
        # A real gateway turns to the delayed feed some 100 ms after it said so.
        session.later(DELAYED_AFTER_S, line.begin)
    else:
        line.begin()
    if snapshot:
        _end_snapshot_in_time(session, line)


def _end_snapshot_in_time(session: Session, line: Line) -> None:
    waits = line.instrument.fate is Fate.QUIET or session.gateway.faults.silence(line.instrument)
    if waits:
        session.later(session.gateway.snapshot_wait_s, line.end_snapshot)
    elif line.delayed:
        session.later(DELAYED_AFTER_S * 1.5, line.end_snapshot)
    else:
        line.end_snapshot()


def _cancel(session: Session, fields: FieldReader) -> None:
    # Clients send version 1 or 2; it makes no difference.
    fields.version()
    request_id = fields.identifier()
    line = session.lines.get(request_id)
    if line is not None:
        line.end()
    if line is None or session.gateway.faults.cancels_too_late:
        session.error(request_id, 300, f"Can't find EId with tickerId:{request_id}")


def _set_type(session: Session, fields: FieldReader) -> None:
    fields.version()
    kind = fields.integer()
    if kind in _KNOWN_TYPES:
        session.market_data_type = kind
    else:
        invalid(session, -1, f"Invalid market data type {kind}")


REQUESTS: Mapping[int, Request] = {
    1: Request(name="reqMktData", handle=_subscribe),
    2: Request(name="cancelMktData", handle=_cancel),
    59: Request(name="reqMarketDataType", handle=_set_type),
}
