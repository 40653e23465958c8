"""What IB's own notices say about the data behind a socket that stays open: connectivity lost and restored, farms broken and back.

A farm is named in its notice, but no message says which farm serves an instrument. `serves` says no only where that is known: by the
exchange that lists it. Everything else may come from any farm: taking a live line for interrupted costs a moment, as its next tick proves
that it lives; taking a dead one for live shows an old price.
"""

import enum
from dataclasses import dataclass
from string import ascii_letters, digits

from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.model.instruments import Instrument, SecType

LOST = frozenset({1100, 2110})
RESTORED_WITHOUT_DATA = 1101
RESTORED_WITH_DATA = 1102
SOCKET_RESET = 1300
_NAME = ascii_letters + digits + "_.-"
_MOST_FARMS = 50
"""Farms that are kept as broken; IB has some 30."""
_MOST_TOLD = 5
"""Farms whose notices are told in full."""
_NOT_CONNECTED = "not connected:"
"""What comes before the broken farms in a 1101 or 1102 that lists them."""


class FarmKind(enum.Enum):
    """What a farm is for."""

    MARKET = "live data"
    HISTORY = "history"
    DEFINITIONS = "security definitions"


_BROKEN = {2103: FarmKind.MARKET, 2105: FarmKind.HISTORY, 2157: FarmKind.DEFINITIONS}
_BACK = {2104: FarmKind.MARKET, 2106: FarmKind.HISTORY, 2107: FarmKind.HISTORY, 2108: FarmKind.MARKET, 2158: FarmKind.DEFINITIONS}

_FUTURES = frozenset({SecType.FUT, SecType.FOP, SecType.CONTFUT})
_KNOWN_FARMS = ("usfarm", "usopt", "usfuture", "cashfarm", "eufarm", "hfarm", "jfarm")
_SERVED_BY: tuple[tuple[frozenset[SecType], frozenset[str], tuple[str, ...]], ...] = (
    (frozenset({SecType.STK}), frozenset({"NASDAQ", "ISLAND", "NYSE", "ARCA", "AMEX", "BATS", "IEX"}), ("usfarm",)),
    (frozenset({SecType.OPT}), frozenset({"CBOE", "CBOE2", "ISE", "PHLX", "NASDAQOM", "BOX", "MIAX", "PSE"}), ("usopt", "usfarm")),
    (_FUTURES, frozenset({"CME", "CBOT", "NYMEX", "COMEX", "CFE"}), ("usfuture", "usfarm")),
    (frozenset({SecType.CASH}), frozenset({"IDEALPRO"}), ("cashfarm",)),
    (frozenset({SecType.STK}), frozenset({"AEB", "BM", "BVME", "EBS", "IBIS", "LSE", "LSEETF", "SBF", "SFB", "VSE"}), ("eufarm",)),
    (frozenset({SecType.STK}), frozenset({"SEHK"}), ("hfarm",)),
    (frozenset({SecType.STK}), frozenset({"TSEJ"}), ("jfarm",)),
)
"""Instruments of these kinds that these exchanges list come from farms whose names begin so, and from no other of the known farms."""


class Effect(enum.Enum):
    """What a notice does to market-data lines."""

    INTERRUPT = "interrupt"
    RESUME = "resume"
    DATA_LOST = "data lost"
    NONE = "none"


def serves(farm: str | None, instrument: Instrument | None) -> bool:
    """Whether the instrument's data may come from the farm; None stands for all farms, and for what depends on many instruments."""
    if farm is None or instrument is None or not farm.startswith(_KNOWN_FARMS):
        return True
    # SMART routes to wherever it trades; its data come from where it is listed.
    listing = instrument.primary_exchange if instrument.exchange in {"SMART", ""} else instrument.exchange
    for kinds, exchanges, prefixes in _SERVED_BY:
        if instrument.sec_type in kinds and listing in exchanges:
            return farm.startswith(prefixes)
    return True


def farm_of(text: str) -> str:
    """The farm that a notice names at its end, after a colon or a full stop; the whole notice where there is none."""
    text = text.strip()
    sentence = text.rstrip(_NAME)
    name = text[len(sentence) :]
    if not sentence.rstrip().endswith((":", ".")):
        name = name.partition(".")[2]  # "… upon demand.ushmds"; a farm may have a full stop in its own name
    return shown(name or text, LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class _Broken:
    kind: FarmKind
    text: str
    """In IB's words."""


class Connectivity:
    """The state that notices add up to."""

    def __init__(self) -> None:
        self.lost: str | None = None
        """Why all data stopped, in IB's words; None while the gateway reaches IB."""
        self.silent: str | None = None
        """Why it is not known whether the gateway lives; None while it is."""
        self._farms: dict[str, _Broken] = {}

    @property
    def degraded(self) -> str | None:
        """Which farms are broken, in IB's words; None when none is."""
        told = [farm.text for farm in self._farms.values()][:_MOST_TOLD]
        more = len(self._farms) - len(told)
        return "; ".join([*told, *([f"and {more} more"] if more else [])]) or None

    @property
    def trouble(self) -> str | None:
        """Why an error of IB's may come from what is broken, and is not believed; None when nothing is broken."""
        return self.lost or self.silent or self.degraded

    def trouble_for(self, instrument: Instrument | None) -> str | None:
        """The same for what the gateway keeps sending of one instrument: a farm for others, or for history, does not count."""
        return self.lost or self.silent or next((farm.text for name, farm in self._farms.items() if self._concerns(name, instrument)), None)

    def interrupts(self, instrument: Instrument | None) -> bool:
        """Whether the instrument's data may not come for now."""
        return self.lost is not None or any(farm.kind is FarmKind.MARKET and serves(name, instrument) for name, farm in self._farms.items())

    def notice(self, code: int, text: str) -> tuple[Effect, str | None]:
        """Take note; the effect on lines, and the farm whose lines it concerns (None: all)."""
        if code in LOST:
            # IB repeats itself for as long as it lasts, in other words now and then: that is one state, with its first reason.
            self.lost = self.lost or f"{text.strip()} ({code})"
            return Effect.INTERRUPT, None
        if code in {RESTORED_WITHOUT_DATA, RESTORED_WITH_DATA}:
            self.lost = None
            # What was broken before is said again if it still is.
            self._farms = _not_connected(code, text)
            return (Effect.DATA_LOST if code == RESTORED_WITHOUT_DATA else Effect.RESUME), None
        if code in _BROKEN:
            farm = farm_of(text)
            if farm in self._farms or len(self._farms) < _MOST_FARMS:
                self._farms[farm] = _Broken(_BROKEN[code], f"{text.strip()} ({code})")
            return (Effect.INTERRUPT, farm) if _BROKEN[code] is FarmKind.MARKET else (Effect.NONE, None)
        if code in _BACK:
            farm = farm_of(text)
            self._farms.pop(farm, None)
            return (Effect.RESUME, farm) if _BACK[code] is FarmKind.MARKET else (Effect.NONE, None)
        return Effect.NONE, None

    def _concerns(self, farm: str, instrument: Instrument | None) -> bool:
        kind = self._farms[farm].kind
        return kind is FarmKind.DEFINITIONS or (kind is FarmKind.MARKET and serves(farm, instrument))


def _not_connected(code: int, text: str) -> dict[str, _Broken]:
    """The farms that a notice of restored connectivity lists as not connected; their kinds are told by their names alone."""
    _, _, listed = text.partition(_NOT_CONNECTED)
    names = [name for part in listed.partition(". ")[0].split(";") if (name := shown(part.strip().rstrip("."), LONGEST_NAME))]
    return {name: _Broken(_kind_of(name), f"Farm not connected: {name} ({code})") for name in names[:_MOST_FARMS]}


def _kind_of(farm: str) -> FarmKind:
    if "hmds" in farm:
        return FarmKind.HISTORY
    return FarmKind.DEFINITIONS if farm.startswith("secdef") else FarmKind.MARKET
