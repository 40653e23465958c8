"""On an edge: a channel's source, with the messages of the session's holder in place of actors of its own.

Source and client are what they are elsewhere. What depends on one client stays here: its pace, its gaps, changes in place of whole values.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import msgspec
import trio

from ibactors.actors.edge_relay import Relay
from ibactors.bus import wire
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.model.gaps import Gap
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import now
from ibactors.web.contract.codec import encode
from ibactors.web.contract.messages import Command
from ibactors.web.stream.source import Source
from ibactors.web.system import System

AGAIN = 1.0
"""Seconds until the next question to a holder that had no answer."""
_OWN = {"id": None, "interval_ms": 0, "api_key": None, "after_sequence": None, "delta": False}
"""What the edge does itself, so that those who differ in nothing else share a line."""
_Kinds = Sequence[type[msgspec.Struct]]


@runtime_checkable
class Relaying(Protocol):
    """The connection of an edge."""

    sessions: Topic[SessionStatus]

    async def follow(self, relay: Relay) -> None:
        """Have the relay told of its channel."""

    def leave(self, relay: Relay) -> None:
        """It is to be told nothing more."""

    async def next(self, question: wire.Next) -> list[wire.Told]:
        """What comes next of a channel that is pulled."""


def relayed(system: System, channel: str, kinds: _Kinds, command: Command, source: Source, *, conflated: bool) -> Source:
    """*source* of a channel with such messages, followed at the holder. *command* has named it, maybe among others."""
    edge = system.site.connection
    if not isinstance(edge, Relaying):
        raise TypeError("an edge has an edge's connection")
    alone = _alone(command, source)
    after: int | None = getattr(command, "after_sequence", None)
    if source.pull is not None:
        return replace(source, open=partial(_open_pulled, edge, kinds, alone), pull=_Pulled(edge, kinds, alone).next, position="")
    return _followed(edge, channel, kinds, alone, after, source, conflated=conflated)


def _followed(
    edge: Relaying, channel: str, kinds: _Kinds, command: Command, after: int | None, source: Source, *, conflated: bool
) -> Source:
    relays: list[Relay] = []
    decode = _decoder(kinds)
    void = next((kind for kind in kinds if kind.__struct_config__.tag == "stale"), None)

    async def follow(holder: str, until_stopped: ExitStack) -> Topic[Any]:
        relay = Relay(encode(command), after, holder[:200], conflated=conflated, decode=decode, void=partial(_voided, channel, void))
        until_stopped.callback(edge.leave, relay)
        await edge.follow(relay)
        relays.append(relay)
        return relay.updates

    def names() -> Mapping[str, Any]:
        return (relays[-1].names if relays else {}) or source.names()

    return replace(
        source,
        open=follow,
        names=names,
        split=dict if conflated else None,
        is_current=lambda value: value is not None and (edge.sessions.value.current or relays[-1].voided),
        first=lambda _topic: relays[-1].first(current=edge.sessions.value.current),
        resumed=lambda number: _followed(edge, channel, kinds, command, number, source, conflated=conflated),
    )


async def _open_pulled(edge: Relaying, kinds: _Kinds, command: Command, holder: str, _until_stopped: ExitStack) -> Topic[None]:
    """Raises what the holder has against it."""
    relay = Relay(encode(command), None, holder[:200], conflated=False, decode=_decoder(kinds), void=lambda _last, _reason: None)
    try:
        await edge.follow(relay)
    finally:
        edge.leave(relay)
    return Topic(None)


class _Pulled:
    """One reader of a channel that is pulled. It goes on behind the `cursor` of the last message."""

    def __init__(self, edge: Relaying, kinds: _Kinds, command: Command) -> None:
        self._edge = edge
        self._decode = _decoder(kinds)
        self._command = command

    async def next(self) -> Sequence[Encoded[Any]]:
        """What comes next, however long that takes; a break of the edge's session is waited for."""
        while True:
            await self._edge.sessions.until(lambda session: session.current)
            try:
                told = await self._edge.next(wire.Next(encode(self._command), ""))
            except IbactorsError:
                await trio.sleep(AGAIN)
                continue
            if told:
                messages = [Encoded(self._decode(message.json), message.json) for message in told]
                self._command = msgspec.structs.replace(self._command, after=messages[-1].value.cursor)
                return messages


def _alone(command: Command, source: Source) -> Command:
    """The command for this source alone."""
    own: dict[str, object] = {name: value for name, value in _OWN.items() if hasattr(command, name)}
    con_ids: Sequence[int] = getattr(command, "con_ids", None) or ()
    if source.symbol is not None and source.symbol in [str(con_id) for con_id in con_ids]:
        own |= {"symbol": None, "symbols": None, "con_ids": [int(source.symbol)]}
    elif getattr(command, "symbol", None) or getattr(command, "symbols", None):
        own |= {"symbol": source.symbol, "symbols": None, "con_ids": None}
    return msgspec.structs.replace(command, **own)


def _decoder(kinds: _Kinds) -> Any:
    union: Any = wire.Refusal | Gap
    for kind in kinds:
        union |= kind
    return msgspec.json.Decoder(union).decode


def _voided(channel: str, void: type[msgspec.Struct] | None, last: Any, reason: str) -> Any:
    """What makes *last* void, of the same instrument, account or scan; None where it is void, or is not voided by a break."""
    if void is None or isinstance(last, void | Gap):
        return None
    known = {name: getattr(last, name) for name in last.__struct_fields__}
    known |= {"scan": known.get("code")}  # what a scan is ranked by has two names
    known |= {"channel": channel, "code": GatewayDisconnected.code, "reason": reason, "since": now(), "timestamp": now()}
    return void(**{name: known[name] for name in void.__struct_fields__ if name in known})
