"""The shape of a request handler, and the texts of the errors that several topics give."""

from collections.abc import Callable
from dataclasses import dataclass

from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

NO_DEFINITION = "No security definition has been found for the request"
_UNKNOWN_ID = "Can't find EId with tickerId:{id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request kind. `handle` gets the fields after the message id and answers through the session."""

    name: str
    handle: Callable[[Session, FieldReader], None]


def invalid(session: Session, request_id: int, cause: str) -> None:
    """Answer 321: the request was understood and is not acceptable."""
    session.error(request_id, 321, f"Error validating request.-'bQ' : cause - {cause}")


def unprocessable(session: Session, request_id: int, cause: str) -> None:
    """Answer 322: the request is acceptable and cannot be carried out."""
    session.error(request_id, 322, f"Error processing request.-'bQ' : cause - {cause}")


def cancel_of(kind: str, name: str, *, code: int = 300, text: str = _UNKNOWN_ID, versioned: bool = True) -> Request:
    """The request that ends a stream of a kind; `code` and `text` answer an id that has none."""

    def cancel(session: Session, fields: FieldReader) -> None:
        if versioned:
            fields.version()
        request_id = fields.identifier()
        if not session.end_stream(kind, request_id):
            session.error(request_id, code, text.format(id=request_id))

    return Request(name=name, handle=cancel)
