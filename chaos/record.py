"""What the simulator itself says of ticks, bars and bulletins: read over its control port, beside the clients under test."""

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field

from chaos.processes import Control

LOOK_S = 3.0
_BARS = 20
"""Bars of each series that are looked at each time."""


@dataclass(slots=True)
class Tape:
    """All changes of one instrument's quote, by their bids in ticks."""

    bids: list[int] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    next: int = 0

    def add(self, bids: list[int]) -> None:
        """Go on."""
        self.places |= {bid: place for place, bid in enumerate(bids, start=len(self.bids))}
        self.bids += bids


class Record:
    """What was sent, or would have been."""

    def __init__(self) -> None:
        self.tapes: dict[str, Tape] = defaultdict(Tape)
        """By local symbol."""
        self.bars: dict[tuple[str, int], dict[int, list[float]]] = defaultdict(dict)
        """By local symbol and seconds: of each second in which one begins its open, high, low and close."""
        self.bulletins: dict[str, float] = {}
        """Texts, and when each was sent, by the simulator's clock."""
        self.hidden: list[tuple[float, float]] = []
        """From when to when the gateway has thrown away what it had to send, without a word: nobody can know."""

    async def look(self, control: Control) -> None:
        """Read what is new of all that somebody has asked for here."""
        for name, tape in list(self.tapes.items()):
            answer = await control.ask(f"tape {name} {tape.next}")
            if not answer.startswith("error"):
                told = json.loads(answer)
                tape.add(told["bids"])
                tape.next = told["next"]
        for (name, seconds), bars in list(self.bars.items()):
            told = json.loads(await control.ask(f"bars {name} {seconds} {_BARS}"))
            bars |= {int(second): prices for second, prices in told.items() if int(second) > time.time() - _BARS * seconds}

    def hides(self, at: float) -> bool:
        """Whether what was to be sent at that time was thrown away."""
        return any(begun <= at <= ended for begun, ended in self.hidden)
