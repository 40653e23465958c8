"""What IB's error numbers mean here: fatal to a request, a notice, or news about the session.

Source: the TWS API's message codes and the behaviour of real gateways; see docs/architecture.md, "Errors of the gateway". Codes are data,
so that a new one is a line in a table and not a branch in an actor.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType

from ibactors.errors import (
    CompetingSession,
    ContractNotFound,
    Doubtful,
    GatewayDisconnected,
    GatewayRefused,
    IbactorsError,
    InvalidRequest,
    MarketDataNotSubscribed,
    NoFreeLine,
)

_CLASSES: dict[int, type[IbactorsError]] = {
    101: NoFreeLine,
    200: ContractNotFound,
    320: InvalidRequest,
    321: InvalidRequest,
    354: MarketDataNotSubscribed,
    502: GatewayDisconnected,
    504: GatewayDisconnected,
    10089: MarketDataNotSubscribed,
    10168: MarketDataNotSubscribed,
    10186: MarketDataNotSubscribed,
    10197: CompetingSession,
}

_NOTICES = frozenset({165, 399, 404, 492, 10090, 10091, 10167}) | frozenset(range(2100, 2200))
"""These accompany a request that goes on."""

ADVISORY = frozenset({10089})
"""Fatal to live data, but delayed ticks may still follow where the session asks for delayed data."""

REFUSED = frozenset({320, 321, 322})
"""A request was refused, in some cases without its id."""

ACCOUNT_UPDATES_LOST = frozenset({2100, 2101})
"""Another client has taken account updates over: what came by them is not kept up to date any more."""

PASSING = ADVISORY | {10197}
"""After these a subscription goes on, so that there is nothing to doubt."""

CLIENT_ID_IN_USE = 326
"""Sent just before the gateway closes the socket."""

TOO_FAST = 100
"""More than 50 messages a second; the third time the gateway closes the socket."""

CANCEL_OF_UNKNOWN = frozenset({300, 310})
"""A cancel crossed the end of its request; nothing is wrong."""


class Verdict(enum.Enum):
    """What a code is to its request, if not its failure."""

    NOTICE = "the request goes on"
    END = "there is nothing more, and nothing is wrong"


Meanings = Mapping[int, type[IbactorsError] | Verdict]
"""What some codes mean to one kind of request, where that differs from this module's table."""


def judge(code: int, text: str, meanings: Meanings = MappingProxyType({})) -> IbactorsError | Verdict:
    """What a code means to the request that it belongs to."""
    meaning = meanings.get(code)
    if meaning is None:
        return Verdict.NOTICE if is_notice(code) else to_error(code, text)
    return meaning if isinstance(meaning, Verdict) else _error(meaning, code, text)


def refusal(code: int, text: str) -> IbactorsError:
    """The exception for what was not asked on behalf of a caller, who is not to blame for it."""
    return _error(GatewayRefused, code, text)


def doubted(error: IbactorsError, trouble: str) -> IbactorsError:
    """What stands in the place of an error that came while something was broken: it says nothing of what was asked for."""
    return Doubtful(f"{error} That is not taken for an answer, because it came while something was wrong: {trouble}", ib_code=error.ib_code)


def is_notice(code: int) -> bool:
    """True when the request that the code belongs to goes on."""
    return code in _NOTICES or code in CANCEL_OF_UNKNOWN


def to_error(code: int, text: str) -> IbactorsError:
    """The exception for a code that ended a request; `text` is IB's own message."""
    return _error(_CLASSES.get(code, GatewayRefused), code, text)


def _error(kind: type[IbactorsError], code: int, text: str) -> IbactorsError:
    return kind(f"IB answered with error {code}: {text.strip()}", ib_code=code)
