"""Requests that find instruments: contract details, by description or by number, and the search for symbols.

Details come with an instrument's market rules; only then does a gateway know these. Long answers trickle, as those of whole option
classes do, in a task of the session.
"""

from collections.abc import Iterator, Mapping

import trio

from ibactors.sim.market import hours
from ibactors.sim.market.instruments import ContractSpec, Instrument
from ibactors.sim.messages import contracts as messages
from ibactors.sim.request import NO_DEFINITION, Request, invalid
from ibactors.sim.requests.contracts import names_a_type
from ibactors.sim.session import Session
from ibactors.sim.wire.datetimes import parse, zone
from ibactors.sim.wire.frames import FieldReader

AT_ONCE = 100
SEARCH_PAUSE_S = 1.0
_TRICKLE_S = 0.05
_ISSUER_SINCE = 176
_NUMBER_KINDS = ("ISIN", "CUSIP", "FIGI", "SEDOL")


def _contract_details(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    expired, kind, number, issuer = _rest(session, fields)
    catalogue = session.gateway.catalogue
    if not names_a_type(spec) and not issuer:
        invalid(session, request_id, "Please enter a valid security type")
        return
    del expired  # Nothing that is listed here has ever expired.
    if kind and kind not in _NUMBER_KINDS:
        invalid(session, request_id, f"Invalid security id type {kind[:20]}")
        return
    rows: Iterator[Instrument] = iter(catalogue.numbered(spec, kind, number)) if kind else catalogue.matches(spec)
    if issuer:
        rows = iter(catalogue.issued(issuer))
    rows = (i for i in rows if session.gateway.faults.outages.get(i.con_id) != 200)
    first = [i for _, i in zip(range(AT_ONCE), rows, strict=False)]
    if not first:
        session.error(request_id, 200, NO_DEFINITION)
        return
    for instrument in first:
        _send(session, request_id, instrument, spec)
    if len(first) < AT_ONCE:
        session.send(messages.contract_data_end(request_id))
        return

    async def trickle() -> None:
        await _trickle(session, request_id, rows, spec)

    session.start(trickle, name=f"sim:client {session.client_id} details")


def _rest(session: Session, fields: FieldReader) -> tuple[bool, str, str, str]:
    """What follows the contract: expired ones too, kind and value of a number, issuer; old clients leave some out."""
    if not fields.remaining:
        return False, "", "", ""
    expired, kind, number = fields.flag(), fields.text().strip().upper(), fields.text().strip()
    issuer = fields.text() if session.version >= _ISSUER_SINCE and fields.remaining else ""
    return expired, kind, number, issuer


async def _trickle(session: Session, request_id: int, rows: Iterator[Instrument], spec: ContractSpec) -> None:
    """Send the rest at the pace of the gateway; a client that does not read holds up its own answer only."""
    ready = 0.0
    for instrument in rows:
        while ready < 1 or not session.has_room:
            await trio.sleep(_TRICKLE_S)
            ready = min(ready, 1) + session.gateway.limits.details_per_s * _TRICKLE_S
        ready -= 1
        _send(session, request_id, instrument, spec)
    session.send(messages.contract_data_end(request_id))


def _send(session: Session, request_id: int, instrument: Instrument, spec: ContractSpec) -> None:
    exchange = spec.exchange or instrument.exchanges[0]
    today = session.gateway.now().astimezone(zone(instrument.time_zone)).date()
    last = parse(f"{instrument.last_trade_date} 12:00", "UTC").date() if instrument.is_option else None
    texts = hours.trading_and_liquid_hours(instrument.trading_hours, today, last)
    session.gateway.known_rules.update(map(instrument.rule_at, instrument.exchanges))
    encode = messages.bond_contract_data if instrument.sec_type == "BOND" else messages.contract_data
    session.send(encode(session.version, request_id, instrument, exchange=exchange, hours=texts))


def _matching_symbols(session: Session, fields: FieldReader) -> None:
    """Answer a search; the answers to one client are a second apart, however fast it asks."""
    request_id = fields.identifier()
    catalogue = session.gateway.catalogue
    rows = [(i, catalogue.derivatives(i)) for i in catalogue.search(fields.text())]
    data = messages.symbol_samples(session.version, request_id, rows)
    now = trio.current_time()
    due = max(now, session.next_search)
    session.next_search = due + SEARCH_PAUSE_S
    if due == now:
        session.send(data)
    else:
        session.later(due - now, lambda: session.send(data))


REQUESTS: Mapping[int, Request] = {
    9: Request(name="reqContractDetails", handle=_contract_details),
    81: Request(name="reqMatchingSymbols", handle=_matching_symbols),
}
