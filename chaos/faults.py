"""What a fault is: commands of the control port, how long it lasts, and what clients must and may see of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from chaos.truth import Truth

PROBE_IDLE_S, PROBE_TIMEOUT_S, CONNECT_TIMEOUT_S = 0.5, 1.0, 1.0
NOTICE_S = 1.0
"""A fault that announces itself, by a socket or a message, is known to every client after this time."""
SILENCE_NOTICE_S = PROBE_IDLE_S + PROBE_TIMEOUT_S + 0.5
"""Silence is known after the probe has run out."""
BASE_RATE = 2.0
FAILED_LINGER_S = 5.0
"""So long the service remembers what the gateway refused, and answers with it."""
CLIENT_IDS = (1, 2)
"""What the service may connect with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One planned misbehaviour."""

    name: str
    begin: tuple[str, ...]
    end: tuple[str, ...] = ()
    hold_s: float = 0.0
    symbols: frozenset[str] = frozenset()
    """Symbols whose values before its begin are void."""
    session: bool = False
    """Whether account data is not to be had either."""
    health: bool = False
    """Whether /health must say so."""
    notice_s: float = NOTICE_S
    suspects: frozenset[str] = frozenset()
    """Further symbols that may be taken for broken, as the gateway's notices do not say which they mean."""
    linger_s: float = 0.0
    """For so long after its end the service may still answer as it did during it."""
    statuses: frozenset[int] = frozenset()
    """What REST may answer besides 409, 502, 503 and 504."""
    delayed: bool = False
    """Data is delayed while it lasts, and must be shown as that."""
    still: frozenset[str] = frozenset()
    """Symbols that do not tick while it lasts, although what is shown of them is good."""
    alone: bool = False
    """Not to be mixed with others."""

    def __str__(self) -> str:
        return f"{' '.join(self.begin)}{f' for {self.hold_s:.1f} s' if self.hold_s else ''}"


Recipe = Callable[[random.Random, Truth], Fault]


def everything(truth: Truth) -> frozenset[str]:
    return frozenset(truth.symbols)


def of_farm(truth: Truth, farm: str) -> frozenset[str]:
    return frozenset(symbol.name for symbol in truth.symbols.values() if symbol.farm == farm)


def near_farm(truth: Truth, farm: str) -> frozenset[str]:
    """Options of the United States have a farm of their own, but no notice says so."""
    return of_farm(truth, "usopt") if farm == "usfarm" else frozenset()


def stocks(truth: Truth) -> list[str]:
    return sorted(of_farm(truth, "usfarm"))


def drop_of(truth: Truth) -> Fault:
    """The simplest break: all API sockets are reset."""
    return Fault(name="drop", begin=("drop",), symbols=everything(truth), session=True, health=True)
