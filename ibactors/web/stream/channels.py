"""The table of channels. One more is a row here, besides the module that describes it and the actor behind it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from ibactors.web.contract.messages import Command
from ibactors.web.stream.account import ACCOUNT
from ibactors.web.stream.bars import BARS
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.depth import DEPTH
from ibactors.web.stream.holdings import PNL, PORTFOLIO
from ibactors.web.stream.news import BULLETINS, NEWS, SCANNER
from ibactors.web.stream.orders import ORDERS
from ibactors.web.stream.quotes import QUOTES
from ibactors.web.stream.ticks import TICKS
from ibactors.web.stream.trading import TRADING

_ALL: tuple[Channel[Any], ...] = (QUOTES, ACCOUNT, PNL, PORTFOLIO, ORDERS, TRADING, TICKS, DEPTH, BARS, NEWS, BULLETINS, SCANNER)
CHANNELS: dict[str, Channel[Any]] = {channel.name: channel for channel in _ALL}
"""By name. The first is that of commands that name none."""


def command_type(channels: Sequence[Channel[Any]]) -> type[Command]:
    """`Command` with the names of the channels and the members of their parameters, so that one schema describes all commands.

    Raises TypeError where two channels have another type for one member.
    """
    named = {channel.name: channel for channel in channels[1:]}
    summary = "; ".join(f"{name}: {channel.summary}" for name, channel in named.items())
    names: Any = Literal[tuple(named)]  # type checkers want literals here, but the names are the table's
    members: dict[str, tuple[str, Any, Any]] = {
        "channel": ("channel", Annotated[names, msgspec.Meta(description=f"{summary}.")] | None, None)
    }
    for channel in channels:
        for member in msgspec.structs.fields(channel.parameters):
            if members.setdefault(member.name, (member.name, member.type, member.default))[1] != member.type:
                raise TypeError(f"Two channels disagree about {member.name!r}.")
    made = msgspec.defstruct(
        "Command",
        list(members.values()),
        bases=(Command,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__doc__": Command.__doc__},
        module=__name__,
    )
    if not issubclass(made, Command):
        raise TypeError("it was made of Command")
    return made


COMMAND = command_type(tuple(CHANNELS.values()))
"""What a client may send."""


def command_for(channel: Channel[Any], **members: Any) -> Command:
    """What a client would send to subscribe."""
    return COMMAND(action="subscribe", channel=channel.name, **members)


def channel_of(command: Command) -> Channel[Any]:
    """The channel that a command is about."""
    return CHANNELS[command.channel] if command.channel is not None else QUOTES
