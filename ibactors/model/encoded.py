"""Values with their JSON, encoded once however many clients get them."""

import math
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from ibactors.model.quotes import Quote, Stale

T_co = TypeVar("T_co", covariant=True)

_encode = msgspec.json.Encoder(decimal_format="number").encode
"""Decimals are numbers, as in answers."""
_FIN_TEXT = 0x81
_SHORT, _MEDIUM = 126, 1 << 16


def text_frame(payload: bytes) -> bytes:
    """A WebSocket message in one unmasked frame, as a server sends it (RFC 6455, 5.2)."""
    length = len(payload)
    if length < _SHORT:
        return bytes((_FIN_TEXT, length)) + payload
    if length < _MEDIUM:
        return bytes((_FIN_TEXT, 126, length >> 8, length & 0xFF)) + payload
    return bytes((_FIN_TEXT, 127)) + length.to_bytes(8, "big") + payload


class Encoded(Generic[T_co]):
    """A value, its JSON, and that as a message of a WebSocket."""

    __slots__ = ("arrived", "frame", "freshness", "value")

    def __init__(self, value: T_co, json: bytes | None = None) -> None:
        """*json*: the value's, where it is known already."""
        # At once, so that a value that cannot be encoded is the error of whoever made it, not of a client that gets it.
        self.value = value
        self.frame = text_frame(_encode(value) if json is None else json)
        self.freshness = _freshness(value)
        """The kind of market data, or `stale` for what stands in a quote's place; None for anything else."""
        self.arrived = datetime.fromisoformat(value.timestamp).timestamp() if isinstance(value, Quote) else math.inf
        """When the newest value of a quote arrived, in Unix time; infinity for anything else."""

    @property
    def json(self) -> bytes:
        """The text of the frame, which is not kept twice: each symbol has one of these."""
        length = self.frame[1]
        return self.frame[2 if length < _SHORT else 4 if length == _SHORT else 10 :]

    def json_with(self, members: bytes) -> bytes:
        """The JSON with further members, such as `,"id":1`, for one client."""
        json = self.json
        return json[:-1] + members + b"}" if members else json


def _freshness(value: object) -> str | None:
    if isinstance(value, Quote):
        return value.market_data_type.value
    return "stale" if isinstance(value, Stale) else None
