"""What a fault is: commands of the control port, how long it lasts, and what clients must and may see of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from chaos.truth import Truth

PROBE_IDLE_S, PROBE_TIMEOUT_S, CONNECT_TIMEOUT_S = 0.5, 1.0, 1.0
NOTICE_S = 1.0
"""Seconds after which every client knows of a fault that a socket or a message announces."""
SILENCE_NOTICE_S = PROBE_IDLE_S + PROBE_TIMEOUT_S + 0.5
"""Seconds after which every client knows of a silence: the probe has failed by then."""
BASE_RATE = 2.0
FAILED_LINGER_S = 5.0
"""The service repeats a refusal of the gateway for this many seconds."""
CLIENT_IDS = (1, 2)
"""Client ids that the service may use."""


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
    """Whether account data is unavailable, too."""
    health: bool = False
    """Whether /health must say so."""
    notice_s: float = NOTICE_S
    suspects: frozenset[str] = frozenset()
    """Further symbols that the service may take for broken, because the gateway's notices do not name symbols."""
    linger_s: float = 0.0
    """Seconds after its end during which the service may still answer as it did during the fault."""
    statuses: frozenset[int] = frozenset()
    """What REST may answer besides 409, 502, 503 and 504."""
    delayed: bool = False
    """Data is delayed during the fault, and must be shown as delayed."""
    still: frozenset[str] = frozenset()
    """Symbols that do not tick during the fault, although their shown values are valid."""
    by_hand: frozenset[str] = frozenset()
    """Symbols whose price is set by hand."""
    pause: bool = False
    """The service is stopped (SIGSTOP) for so long, and goes on."""
    hides: bool = False
    """What the gateway had to send meanwhile is thrown away, and nobody can know."""
    says: str = ""
    """The bulletin that is sent."""
    alone: bool = False
    """Never overlaps another fault."""

    def __str__(self) -> str:
        return f"{' '.join(self.begin) or self.name}{f' for {self.hold_s:.1f} s' if self.hold_s else ''}"


_MAY_SERVE = {"STK": ("usfarm",), "FUT": ("usfuture", "usfarm"), "CASH": ("cashfarm",)}
"""By kind of instrument, of those that this harness asks for: the farms that may serve it, among those that the simulator breaks."""

Recipe = Callable[[random.Random, Truth], Fault]


def everything(truth: Truth) -> frozenset[str]:
    return frozenset(truth.symbols)


def of_farm(truth: Truth, farm: str) -> frozenset[str]:
    return frozenset(symbol.name for symbol in truth.symbols.values() if symbol.farm == farm)


def near_farm(truth: Truth, farm: str) -> frozenset[str]:
    """What is not known to come from elsewhere: no notice says what a farm serves, and only the exchange that lists something tells."""
    return frozenset(name for name, symbol in truth.symbols.items() if farm in _MAY_SERVE.get(symbol.sec_type, (farm,)))


def stocks(truth: Truth) -> list[str]:
    return sorted(of_farm(truth, "usfarm"))


def drop_of(truth: Truth) -> Fault:
    """The simplest break: all API sockets are reset."""
    return Fault(name="drop", begin=("drop",), symbols=everything(truth), session=True, health=True)
