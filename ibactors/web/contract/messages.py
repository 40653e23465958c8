"""The messages of /ws/stream: what a client may send, and what it gets besides quotes."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from ibactors.errors import IbactorsError
from ibactors.model.instruments import Named
from ibactors.web.contract.changes import StatusChange
from ibactors.web.contract.problems import problem_of

GOING_AWAY, NOT_TEXT, NOT_AUTHORISED, TOO_BIG, INTERNAL_ERROR, TRY_AGAIN_LATER = 1001, 1003, 1008, 1009, 1011, 1013
"""Codes that the service closes a WebSocket with (RFC 6455, section 7.4.1, and IANA's registry)."""
LONGEST_REASON = 120
"""Characters; a closing frame holds 123 octets."""

MessageId = str | int | None


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client may send."""

    action: Annotated[Literal["subscribe", "unsubscribe", "list", "ping", "auth"], msgspec.Meta(description="What is wanted.")]
    channel: str | None = None
    id: Annotated[str, msgspec.Meta(max_length=200, description="A text or a whole number that the answer repeats.")] | int | None = None
    interval_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000, description="Milliseconds between two quotes at least: 0 to 3600000.")] = 0
    api_key: str | None = None
    """With `auth`: a key, where none came with the connection."""


class SubscribedInstrument(Named, frozen=True, kw_only=True):
    """One subscription, as far as its contract is known by now."""

    id: MessageId = None
    """Of the command that began it."""


class Subscribed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="subscribed"):
    """A subscription was accepted; `symbols` is the full list, `instruments` what is new."""

    symbols: list[str]
    """All symbols that are subscribed to now."""
    instruments: list[SubscribedInstrument] | msgspec.UnsetType = msgspec.UNSET
    """What is new; left out where nothing is."""
    channels: list[str] | msgspec.UnsetType = msgspec.UNSET
    """All other channels that are subscribed to now."""
    id: MessageId = None
    """Of the command."""


class Unsubscribed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="unsubscribed"):
    """A subscription ended; `symbols` is what is left, `instruments` what ended."""

    symbols: list[str]
    """All symbols that are left."""
    instruments: list[SubscribedInstrument] | msgspec.UnsetType = msgspec.UNSET
    """What ended."""
    channels: list[str] | msgspec.UnsetType = msgspec.UNSET
    """All other channels that are left."""
    id: MessageId = None
    """Of the command; where the service ended it, of the one that began it."""


class Listing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="list"):
    """The present subscriptions; `symbols` as they were asked for."""

    symbols: list[str]
    """As they were asked for."""
    instruments: list[SubscribedInstrument] | msgspec.UnsetType = msgspec.UNSET
    """All subscriptions, as far as their contracts are known."""
    channels: list[str] | msgspec.UnsetType = msgspec.UNSET
    """All other channels."""
    id: MessageId = None
    """Of the command."""


class Pong(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """The answer to a ping."""

    timestamp: str
    """When it was sent."""
    id: MessageId = None
    """Of the command."""


class Authenticated(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="authenticated"):
    """The answer to an auth message."""

    id: MessageId = None
    """Of the command."""


class StreamError(Named, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Something did not work; the socket stays open. An instrument is named, where it is about one."""

    code: str
    """What is wrong, for programs."""
    message: str
    """What is wrong, in words."""
    id: MessageId = None
    """Of the command that it answers, if it answers one."""
    ib_code: int | None = None
    field: str | None = None
    """The member of the command that is wrong."""
    hint: str | None = None
    candidates: list[dict[str, Any]] | None = None
    """What may have been meant, where it is ambiguous."""
    budget: dict[str, Any] | None = None
    """Which budget of the login is used up."""


Message = Subscribed | Unsubscribed | Listing | Pong | Authenticated | StatusChange | StreamError


class _OnlyId(msgspec.Struct, frozen=True):
    id: str | int | None = None


def id_of(text: str) -> MessageId:
    """The id of a message that is wrong otherwise, so that its sender can tell which one it was."""
    try:
        return msgspec.json.decode(text, type=_OnlyId).id
    except (msgspec.DecodeError, RecursionError):
        return None


def error_message(error: IbactorsError, *, names: Mapping[str, Any] | None = None, message_id: MessageId = None) -> StreamError:
    """An error as clients get it; *names*: of the instrument that it is about, by the members of `Named`."""
    problem = problem_of(error)
    return StreamError(
        **(names or {}),
        code=problem.code,
        message=problem.detail,
        id=message_id,
        ib_code=problem.ib_code,
        field=problem.field,
        hint=problem.hint,
        candidates=problem.candidates,
        budget=problem.budget,
    )
