"""The farm that answers questions about the past: since when it has data, and what clients hear while it has a problem."""

import datetime as dt

from ibactors.sim.gateway import HISTORY_FARM
from ibactors.sim.market.instruments import ContractSpec, Instrument
from ibactors.sim.requests.contracts import the_one
from ibactors.sim.session import Session
from ibactors.sim.wire.datetimes import parse

_SERVICE = "Historical Market Data Service error message:"
_BROKEN = _SERVICE + "HMDS server disconnect occurred.  Attempting reconnection..."
_ELSEWHERE = _SERVICE + "Trading TWS session is connected from a different IP address"
_FIRST_DAYS = {"STK": "19930129 14:30:00", "IND": "19900102 14:30:00", "CASH": "20050309 22:15:00", "CRYPTO": "20210915 00:00:00"}
_KNOWN_FIRST_DAYS = {"AAPL": "19801212 14:30:00", "MSFT": "19860313 14:30:00", "TSLA": "20100629 13:30:00", "NVDA": "19990122 14:30:00"}


def known_past(session: Session, request_id: int, spec: ContractSpec) -> Instrument | None:
    """The single instrument whose past a request is about; None after an error answer, 162 while the farm has a problem."""
    instrument = the_one(session, request_id, spec)
    if instrument is None:
        return None
    faults = session.gateway.faults
    if HISTORY_FARM in faults.farms_down:
        session.error(request_id, 162, _BROKEN)
        return None
    if faults.competing:
        session.error(request_id, 162, _ELSEWHERE)
        return None
    return instrument


def first_moment(instrument: Instrument) -> dt.datetime:
    """Since when there are data of an instrument."""
    if instrument.last_trade_date:
        listed_days = 270 if instrument.is_option else 450
        expiry = dt.datetime.strptime(instrument.last_trade_date, "%Y%m%d").replace(tzinfo=dt.UTC)
        return expiry - dt.timedelta(days=listed_days)
    text = _KNOWN_FIRST_DAYS.get(instrument.symbol) or _FIRST_DAYS.get(instrument.sec_type, _FIRST_DAYS["STK"])
    return parse(text, "UTC")
