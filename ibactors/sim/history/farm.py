"""The farm that answers questions about the past, and what clients hear while it is broken."""

from ibactors.sim.gateway import HISTORY_FARM
from ibactors.sim.market.instruments import ContractSpec, Instrument
from ibactors.sim.requests.contracts import the_one
from ibactors.sim.session import Session

_BROKEN = "Historical Market Data Service error message:HMDS server disconnect occurred.  Attempting reconnection..."


def known_past(session: Session, request_id: int, spec: ContractSpec) -> Instrument | None:
    """The single instrument whose past a request is about; None after an error answer, 162 while the farm is broken."""
    instrument = the_one(session, request_id, spec)
    if instrument is not None and HISTORY_FARM in session.gateway.faults.farms_down:
        session.error(request_id, 162, _BROKEN)
        return None
    return instrument
