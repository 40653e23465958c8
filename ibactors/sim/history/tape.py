"""What was traded and quoted since somebody first followed an instrument tick by tick, whether or not it could be sent.

A gateway's past ticks are those that it has sent live, and those that it would have sent during a break. So the market keeps moving for a
tape, and past ticks of its time are read from it.
"""

from collections import deque
from dataclasses import dataclass

from ibactors.sim.gateway import Gateway
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.ticks import Change
from ibactors.sim.market.walk import Field

_MOST = 200_000
TRADE = frozenset({Field.LAST, Field.LAST_SIZE})
QUOTE = frozenset({Field.BID, Field.ASK, Field.BID_SIZE, Field.ASK_SIZE})
MIDDLE = frozenset({Field.BID, Field.ASK})
_WANTED = {"TRADES": TRADE, "BID_ASK": QUOTE, "MIDPOINT": MIDDLE}


@dataclass(frozen=True, slots=True)
class Moment:
    """The market after one change; prices in ticks."""

    epoch_s: int
    fields: frozenset[Field]
    bid: int
    ask: int
    bid_size: int
    ask_size: int
    last: int
    last_size: int


class Tape:
    """Watches one instrument for good."""

    is_line = False
    hears_all = True

    def __init__(self, gateway: Gateway, instrument: Instrument) -> None:
        self._gateway = gateway
        self.began = int(gateway.now().timestamp())
        """Only of later seconds it has all ticks."""
        self.newest_s = self.began
        """The time of the last change."""
        self.moments: deque[Moment] = deque(maxlen=_MOST)
        gateway.market.watch(instrument, self)

    def moved(self, change: Change) -> None:
        """Note a change."""
        walk = change.walk
        self.newest_s = int(self._gateway.now().timestamp())
        self.moments.append(
            Moment(
                self.newest_s,
                frozenset(change.fields),
                walk.bid,
                walk.ask,
                walk.bid_size,
                walk.ask_size,
                walk.last,
                walk.last_size,
            )
        )

    def ticks(self, what: str, start: int, end: int, count: int) -> list[Moment]:
        """Those from the second `start` on and before `end`: at least `count`, if there are so many, and whole seconds."""
        found: list[Moment] = []
        for moment in self.moments:
            if not start <= moment.epoch_s < end or _WANTED[what].isdisjoint(moment.fields):
                continue
            if len(found) >= count and moment.epoch_s != found[-1].epoch_s:
                break
            found.append(moment)
        return found


def tape_of(gateway: Gateway, instrument: Instrument) -> Tape:
    """The tape of an instrument, begun on first use."""
    tape = gateway.tapes.get(instrument.con_id)
    if not isinstance(tape, Tape):
        tape = Tape(gateway, instrument)
        gateway.tapes[instrument.con_id] = tape
    return tape
