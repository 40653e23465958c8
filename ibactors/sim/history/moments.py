"""Dates with a time as requests about the past have them, and what a gateway answers to those it does not like."""

import datetime as dt

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.session import Session
from ibactors.sim.wire.datetimes import names_a_zone, parse

_BAD_DATE = (
    "End Date/Time: The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xx/xxxx where yyyymmdd and "
    "xx/xxxx are optional. E.g.: 20031126 15:59:00 US/Eastern  Note that there is a space between the date and time, and between the time "
    "and time-zone.  If no date is specified, current date is assumed. If no time-zone is specified, local time-zone is "
    "assumed(deprecated).  You can also provide yyyymmddd-hh:mm:ss time is in UTC. Note that there is a dash between the date and time in "
    "UTC notation."
)
_NO_ZONE = (
    "Warning: You submitted request with date-time attributes without explicit time zone. Please switch to use yyyymmdd-hh:mm:ss in UTC or "
    "use instrument timezone, like US/Eastern. Implied time zone functionality will be removed in the next API release"
)
# A gateway knows the zones of its exchanges, and UTC by a dash.
_UNKNOWN_ZONES = (" GMT",)


class BadMoment(Exception):
    """The date is none, and the client has been told: 10314."""


def read_moment(session: Session, request_id: int, instrument: Instrument, text: str) -> dt.datetime | None:
    """The moment in a request, None for an empty one; a time without a zone is the instrument's and gets the warning 2174."""
    text = text.strip()
    if not text:
        return None
    try:
        moment = parse(text, instrument.time_zone)
    except ValueError as wrong:
        session.error(request_id, 10314, _BAD_DATE)
        raise BadMoment from wrong
    if text.endswith(_UNKNOWN_ZONES):
        session.error(request_id, 10314, _BAD_DATE)
        raise BadMoment
    if not names_a_zone(text):
        session.error(request_id, 2174, _NO_ZONE)
    return moment
