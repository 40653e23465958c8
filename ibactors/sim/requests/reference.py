"""Requests for lists that hardly ever change: exchanges with depth, letters of exchanges, families, groups."""

from collections.abc import Mapping

from ibactors.sim.request import Request, invalid
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import UNSET_INTEGER, FieldReader, frame

SMART_MAP = "9c0001"
# Exchange, security type, listing exchange, service, aggregation group.
_DEPTH_EXCHANGES: tuple[tuple[str, str, str, str, str], ...] = (
    ("NASDAQ", "STK", "", "Deep2", "1"),
    ("NYSE", "STK", "", "Deep2", "1"),
    ("ARCA", "STK", "", "Deep2", "1"),
    ("BATS", "STK", "", "Deep2", "1"),
    ("IEX", "STK", "", "Deep2", "1"),
    ("CME", "FUT", "", "Deep", UNSET_INTEGER),
    ("IDEALPRO", "CASH", "", "Deep", "4"),
)
# The letters are those of the consolidated tape; the bits count up.
_LETTERS = (
    ("AMEX", "A"),
    ("ARCA", "P"),
    ("BATS", "Z"),
    ("BEX", "B"),
    ("BYX", "Y"),
    ("CBOE", "W"),
    ("CHX", "M"),
    ("DRCTEDGE", "K"),
    ("EDGEA", "J"),
    ("IEX", "V"),
    ("ISE", "I"),
    ("MEMX", "U"),
    ("NASDAQ", "Q"),
    ("NYSE", "N"),
    ("PEARL", "H"),
    ("PSX", "X"),
)


def _depth_exchanges(session: Session, _: FieldReader) -> None:
    session.send(frame(80, len(_DEPTH_EXCHANGES), *(x for row in _DEPTH_EXCHANGES for x in row)))


def _smart_components(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    name = fields.text()
    if name != SMART_MAP:
        invalid(session, request_id, f"Invalid BBO exchange '{name[:40]}'")
        return
    rows = [x for bit, (exchange, letter) in enumerate(_LETTERS) for x in (bit, exchange, letter)]
    session.send(frame(82, request_id, len(_LETTERS), *rows))


def _family_codes(session: Session, _: FieldReader) -> None:
    # A user without linked accounts gets one row that says so.
    session.send(frame(78, 1, "*", ""))


def _soft_dollar_tiers(session: Session, fields: FieldReader) -> None:
    # Tiers are agreed with institutions; a retail user has none.
    session.send(frame(77, fields.identifier(), 0))


def _display_groups(session: Session, fields: FieldReader) -> None:
    fields.version()
    # IB Gateway has no windows, so its list of window groups is empty.
    session.send(frame(67, 1, fields.identifier(), ""))


REQUESTS: Mapping[int, Request] = {
    67: Request(name="queryDisplayGroups", handle=_display_groups),
    79: Request(name="reqSoftDollarTiers", handle=_soft_dollar_tiers),
    80: Request(name="reqFamilyCodes", handle=_family_codes),
    82: Request(name="reqMktDepthExchanges", handle=_depth_exchanges),
    83: Request(name="reqSmartComponents", handle=_smart_components),
}
