"""Pages of a long answer: what a token says, and how it is written.

A token is a time in the data and a count, not an offset into an answer, so that it stays good when bars come in. It is bound to its
question, but not sealed: the numbers in it are a caller's, and bounded as such.
"""

import base64
import binascii
import zlib
from typing import Annotated

import msgspec

from ibactors.errors import InvalidRequest

_LAST_SECOND = 4_102_444_800
"""The end of the year 2099."""


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where the next page begins."""

    question: int
    """What was asked for, as a number."""
    at: Annotated[int, msgspec.Meta(ge=-_LAST_SECOND, le=_LAST_SECOND)]
    """In Unix seconds."""
    done: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    """How much of that second was delivered; for ticks."""
    end: Annotated[int, msgspec.Meta(ge=0, le=_LAST_SECOND)] = 0
    """The end of the whole answer, when the question left it open; 0 for one that has it."""


def fingerprint(question: object) -> int:
    """A number for all that a question is about."""
    return zlib.crc32(msgspec.json.encode(question))


def write_token(place: Place) -> str:
    """A token for the place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_token(token: str, question: int) -> Place:
    """The place that a token is for. Raises InvalidRequest for a token of another question, or none at all."""
    try:
        place = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=Place)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidRequest("The page_token is none.", field="page_token", remedy="Send next_page_token as it came.") from None
    if place.question != question:
        raise InvalidRequest(
            "The page_token belongs to another question.",
            field="page_token",
            remedy="Send all other parameters as in the first request, or leave page_token out.",
        )
    return place
