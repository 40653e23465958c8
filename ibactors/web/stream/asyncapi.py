"""The AsyncAPI document of /ws/stream, made from the types of its messages."""

from typing import Any

import msgspec

from ibactors import __version__
from ibactors.model.gaps import Gap
from ibactors.web.contract.changes import StatusChange
from ibactors.web.contract.messages import Authenticated, Listing, Pong, StreamError, Subscribed, Unsubscribed
from ibactors.web.contract.routes import STREAM
from ibactors.web.contract.schemas import REF, schemas_of
from ibactors.web.stream.channels import CHANNELS, COMMAND

_DESCRIPTION = (
    "Live quotes and account data. A message to the service is one JSON object; messages from it are objects too, or arrays of them with "
    "`?batch=1`. A slow reader gets the newest value of each symbol and skips the rest. After `stale`, what was shown before must not be "
    "taken for current; the next message of the symbol or account ends it. An error never closes the socket. Closing codes: 1001 the "
    "service stops, 1003 not text, 1007 not UTF-8, 1008 not authorised, 1009 message too large, 1011 no answer to pings, 1013 too many "
    "connections."
)
_SENT: dict[str, tuple[type[msgspec.Struct], str]] = {
    **{name: message for channel in CHANNELS.values() for name, message in channel.messages.items()},
    "gap": (Gap, "Values of a channel that skips nothing were lost: why, how many, and from when to when."),
    "status": (StatusChange, "The session with the gateway changed."),
    "subscribed": (Subscribed, "A subscription was accepted."),
    "unsubscribed": (Unsubscribed, "A subscription ended."),
    "list": (Listing, "The present subscriptions."),
    "pong": (Pong, "The answer to a ping."),
    "authenticated": (Authenticated, "The API key was accepted."),
    "error": (StreamError, "Something did not work; the socket stays open."),
}
"""Messages from the service by name, with what they tell."""
_EXAMPLES: tuple[dict[str, object], ...] = (
    {"action": "subscribe", "symbol": "AAPL"},
    {"action": "subscribe", "symbols": ["AAPL", "MSFT"], "interval_ms": 1000, "id": 1},
    {"action": "subscribe", "channel": "account"},
    {"action": "unsubscribe", "symbol": "AAPL"},
    {"action": "list"},
    {"action": "ping", "id": "a"},
)


def build_asyncapi() -> dict[str, Any]:
    """The whole document as JSON-ready objects."""
    sent = [kind for kind, _ in _SENT.values()]
    _, schemas = schemas_of([COMMAND, *sent], sent=sent)
    messages: dict[str, object] = {
        "command": {
            "title": "What a client sends",
            "payload": {"$ref": REF.format(name="Command")},
            "examples": [{"payload": example} for example in _EXAMPLES],
        }
    }
    for name, (kind, summary) in _SENT.items():
        messages[name] = {"title": name, "summary": summary, "payload": {"$ref": REF.format(name=kind.__name__)}}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ibactors",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
            "contact": {"name": "ibactors"},
            "tags": [{"name": "stream", "description": "What is new, as it comes."}],
        },
        "servers": {
            "service": {"host": "localhost:8000", "protocol": "ws", "description": "Where the service runs; wss where it has TLS."}
        },
        "defaultContentType": "application/json",
        "channels": {
            "stream": {
                "address": STREAM,
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"query": {"type": "object", "properties": {"batch": {"type": "string", "enum": ["0", "1"]}}}}},
            }
        },
        "operations": {
            "command": _operation(
                "receive", "A client asks for something: to subscribe, to unsubscribe, for its list, for a pong.", ["command"]
            ),
            "news": _operation("send", "The service tells what is new of what was subscribed, and answers commands.", list(_SENT)),
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _operation(action: str, summary: str, messages: list[str]) -> dict[str, object]:
    channel = "#/channels/stream"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": summary.partition(":")[0].removesuffix("."),
        "description": summary,
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in messages],
    }
