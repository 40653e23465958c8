"""The channel of trading as a whole: halted or not, compared with IB or not; the newest state, at once and with each change."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import msgspec

from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.web.contract.trading import Trading, trading_shown
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.source import Source
from ibactors.web.system import System


class TradingParameters(msgspec.Struct, frozen=True, kw_only=True):
    """There is one state, and nothing to choose."""


def _sources(system: System, _parameters: TradingParameters) -> list[Source]:
    return [Source(key="trading", open=partial(_open, system), split=partial(_split, system))]


async def _open(system: System, _holder: str, _until_stopped: ExitStack) -> Topic[int]:
    return system.site.orders.changes


def _split(system: System, _number: int) -> Mapping[str, Encoded[Trading]]:
    return {"": Encoded(trading_shown(system.site.orders, system.site.connection.sessions.value))}


TRADING: Channel[Any] = Channel(
    name="trading",
    summary="halts, resumes, and whether orders were compared with IB's lists, in place of symbols",
    scope=Scope.READ,
    parameters=TradingParameters,
    sources=_sources,
    messages={"trading": (Trading, "The state of trading: at once after subscribing and with each change, four times per second at most.")},
)
