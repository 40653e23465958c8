"""What IB's own notices say about the data behind a socket that stays open: connectivity lost and restored, farms broken and back.

A farm is named in its notice, but no message says which farm serves an instrument. `serves` answers by the names that IB uses; where a
name is unknown the answer is yes: taking a live line for interrupted costs a moment, taking a dead one for live shows an old price.
"""

import enum
from string import ascii_letters, digits

from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.model.instruments import Instrument, SecType

LOST = frozenset({1100, 2110})
RESTORED_WITHOUT_DATA = 1101
RESTORED_WITH_DATA = 1102
SOCKET_RESET = 1300
_MARKET_DATA_BROKEN = 2103
_BROKEN = frozenset({_MARKET_DATA_BROKEN, 2105, 2157})
_BACK = frozenset({2104, 2106, 2107, 2108, 2158})
_LISTED = frozenset({2103, 2104, 2108})
"""Notices about farms of live data; the others are about history and security definitions."""
_NAME = ascii_letters + digits + "_.-"
_MOST_FARMS = 50
"""Farms that are kept as broken; IB has some 30."""
_MOST_TOLD = 5
"""Farms whose notices are told in full."""

_US = frozenset({"USD", "CAD", "MXN"})
_EUROPE = frozenset({"EUR", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "ILS", "ZAR", "AED", "SAR", "TRY"})
_CASH_LIKE = frozenset({SecType.CASH, SecType.CMDTY, SecType.CRYPTO})
_FUTURES = frozenset({SecType.FUT, SecType.FOP, SecType.CONTFUT})
_ALL = frozenset(SecType)

_FARMS: tuple[tuple[str, frozenset[SecType], frozenset[str] | None], ...] = (
    ("usfuture", _FUTURES | {SecType.IND}, None),
    ("usopt", frozenset({SecType.OPT, SecType.FOP, SecType.IND}), _US),
    ("usfarm", _ALL - _CASH_LIKE - _FUTURES, _US),
    ("cashfarm", _CASH_LIKE, None),
    ("eufarm", _ALL - _CASH_LIKE, _EUROPE),
    ("hfarm", _ALL - _CASH_LIKE, frozenset({"HKD", "CNH", "CNY"})),
    ("jfarm", _ALL - _CASH_LIKE, frozenset({"JPY"})),
)


class Effect(enum.Enum):
    """What a notice does to market-data lines."""

    INTERRUPT = "interrupt"
    RESUME = "resume"
    DATA_LOST = "data lost"
    NONE = "none"


def serves(farm: str | None, instrument: Instrument) -> bool:
    """Whether the instrument's data may come from the farm; None stands for all farms."""
    for prefix, kinds, currencies in _FARMS:
        if farm is not None and farm.startswith(prefix):
            return instrument.sec_type in kinds and (currencies is None or instrument.currency in currencies)
    return True


def farm_of(text: str) -> str:
    """The farm that a notice names at its end, after a colon or a full stop; the whole notice where there is none."""
    text = text.strip()
    sentence = text.rstrip(_NAME)
    name = text[len(sentence) :]
    if not sentence.rstrip().endswith((":", ".")):
        name = name.partition(".")[2]  # "… upon demand.ushmds"; a farm may have a full stop in its own name
    return shown(name or text, LONGEST_NAME)


class Connectivity:
    """The state that notices add up to."""

    def __init__(self) -> None:
        self.lost: str | None = None
        """Why all data stopped, in IB's words; None while the gateway reaches IB."""
        self.silent: str | None = None
        """That the gateway itself is slow to answer a probe; None while it answers."""
        self._farms: dict[str, str] = {}

    @property
    def degraded(self) -> str | None:
        """Which farms are broken, in IB's words; None when none is."""
        told = list(self._farms.values())[:_MOST_TOLD]
        more = len(self._farms) - len(told)
        return "; ".join([*told, *([f"and {more} more"] if more else [])]) or None

    def notice(self, code: int, text: str) -> tuple[Effect, str | None]:
        """Take note; the effect on lines, and the farm whose lines it concerns (None: all)."""
        if code in LOST:
            self.lost = f"{text.strip()} ({code})"
            return Effect.INTERRUPT, None
        if code in {RESTORED_WITHOUT_DATA, RESTORED_WITH_DATA}:
            self.lost = None
            # What was broken before is said again if it still is.
            self._farms.clear()
            return (Effect.DATA_LOST if code == RESTORED_WITHOUT_DATA else Effect.RESUME), None
        if code in _BROKEN | _BACK:
            return self._farm_notice(code, text)
        return Effect.NONE, None

    def _farm_notice(self, code: int, text: str) -> tuple[Effect, str | None]:
        farm = farm_of(text)
        if code in _BROKEN:
            if farm in self._farms or len(self._farms) < _MOST_FARMS:
                self._farms[farm] = f"{text.strip()} ({code})"
        else:
            self._farms.pop(farm, None)
        if code not in _LISTED:
            return Effect.NONE, None
        return (Effect.INTERRUPT if code == _MARKET_DATA_BROKEN else Effect.RESUME), farm
