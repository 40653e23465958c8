"""The messages of /ws/stream: what a client may send, and what it gets besides quotes."""

from typing import Annotated, Literal

import msgspec

from ibactors.errors import IbactorsError
from ibactors.web.contract.changes import StatusChange
from ibactors.web.contract.problems import hint_of

GOING_AWAY, NOT_TEXT, NOT_AUTHORISED, TOO_BIG, INTERNAL_ERROR, TRY_AGAIN_LATER = 1001, 1003, 1008, 1009, 1011, 1013
"""Codes that the service closes a WebSocket with (RFC 6455, section 7.4.1, and IANA's registry)."""
LONGEST_REASON = 120
"""Characters; a closing frame holds 123 octets."""

MessageId = str | int | None


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client may send."""

    action: Literal["subscribe", "unsubscribe", "list", "ping", "auth"]
    channel: str | None = None
    id: Annotated[str, msgspec.Meta(max_length=200)] | int | None = None
    interval_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 0
    api_key: str | None = None


class Subscribed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="subscribed"):
    """A subscription was accepted; `symbols` is the full list."""

    symbols: list[str]
    channels: list[str] | msgspec.UnsetType = msgspec.UNSET
    id: MessageId = None


class Unsubscribed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="unsubscribed"):
    """A subscription ended; `symbols` is what is left."""

    symbols: list[str]
    channels: list[str] | msgspec.UnsetType = msgspec.UNSET
    id: MessageId = None


class Listing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="list"):
    """The present subscriptions."""

    symbols: list[str]
    channels: list[str] | msgspec.UnsetType = msgspec.UNSET
    id: MessageId = None


class Pong(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """The answer to a ping."""

    timestamp: str
    id: MessageId = None


class Authenticated(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="authenticated"):
    """The answer to an auth message."""

    id: MessageId = None


class StreamError(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Something did not work; the socket stays open."""

    code: str
    message: str
    symbol: str | None = None
    id: MessageId = None
    ib_code: int | None = None
    field: str | None = None
    hint: str | None = None


Message = Subscribed | Unsubscribed | Listing | Pong | Authenticated | StatusChange | StreamError


class _OnlyId(msgspec.Struct, frozen=True):
    id: str | int | None = None


def id_of(text: str) -> MessageId:
    """The id of a message that is wrong otherwise, so that its sender can tell which one it was."""
    try:
        return msgspec.json.decode(text, type=_OnlyId).id
    except (msgspec.DecodeError, RecursionError):
        return None


def error_message(error: IbactorsError, *, symbol: str | None = None, message_id: MessageId = None) -> StreamError:
    field = error.extra.get("field")
    return StreamError(
        code=error.code,
        message=str(error),
        symbol=symbol,
        id=message_id,
        ib_code=error.ib_code,
        field=field if isinstance(field, str) else None,
        hint=hint_of(error),
    )
