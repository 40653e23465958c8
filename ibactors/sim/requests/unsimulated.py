"""Requests that have no simulation yet: each gets the error, or the empty answer, that ends it at the client.

The errors are those a real gateway gives for a user without the permission in question.
"""

from collections.abc import Mapping

from ibactors.sim.request import Request, invalid
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

_CANNOT = "Error processing request.-'bQ' : cause - {}"
_NO_NEWS = "News feed is not allowed."
_NO_EID = "Can't find EId with tickerId:{id}"


def _refusal(name: str, code: int, text: str, *, versioned: bool = False) -> Request:
    """A request that is refused with an error that carries its request id."""

    def refuse(session: Session, fields: FieldReader) -> None:
        if versioned:
            fields.version()
        request_id = fields.identifier()
        session.error(request_id, code, text.format(id=request_id))

    return Request(name=name, handle=refuse)


def _invalid(name: str, cause: str) -> Request:
    """A request without a request id that is refused as not valid for this user."""

    def refuse(session: Session, fields: FieldReader) -> None:
        fields.version()
        invalid(session, -1, cause)

    return Request(name=name, handle=refuse)


def _silent(name: str) -> Request:
    """A request that even a real gateway does not answer."""

    def ignore(session: Session, fields: FieldReader) -> None:
        """Nothing to say."""

    return Request(name=name, handle=ignore)


REQUESTS: Mapping[int, Request] = {
    21: _refusal("exerciseOptions", 322, _CANNOT.format("Option exercise is not available"), versioned=True),
    52: _refusal("reqFundamentalData", 430, "Fundamentals data is not allowed.", versioned=True),
    53: _refusal("cancelFundamentalData", 300, _NO_EID, versioned=True),
    56: _silent("cancelCalculateImpliedVolatility"),
    57: _silent("cancelCalculateOptionPrice"),
    65: _invalid("verifyRequest", "Verification is not offered by this gateway"),
    66: _invalid("verifyMessage", "Verification is not offered by this gateway"),
    68: _refusal("subscribeToGroupEvents", 322, _CANNOT.format("There are no display groups"), versioned=True),
    69: _refusal("updateDisplayGroup", 322, _CANNOT.format("There are no display groups"), versioned=True),
    70: _refusal("unsubscribeFromGroupEvents", 322, _CANNOT.format("There are no display groups"), versioned=True),
    72: _invalid("verifyAndAuthRequest", "Verification is not offered by this gateway"),
    73: _invalid("verifyAndAuthMessage", "Verification is not offered by this gateway"),
    100: _refusal("reqWshMetaData", 10276, _NO_NEWS),
    101: _refusal("cancelWshMetaData", 300, _NO_EID),
    102: _refusal("reqWshEventData", 10276, _NO_NEWS),
    103: _refusal("cancelWshEventData", 300, _NO_EID),
}
