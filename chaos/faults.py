"""The ways in which the gateway misbehaves: a recipe for each command of the control port, with arguments, length and undo."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chaos.truth import SCALE, Truth

PROBE_IDLE_S, PROBE_TIMEOUT_S, CONNECT_TIMEOUT_S = 0.5, 1.0, 1.0
NOTICE_S = 1.0
"""A fault that announces itself, by a socket or a message, is known to every client after this time."""
SILENCE_NOTICE_S = PROBE_IDLE_S + PROBE_TIMEOUT_S + 0.5
"""Silence is known after the probe has run out."""
BASE_RATE = 2.0
_ALONE = 0.65
"""The share of faults that come alone."""
ROUTINE = frozenset({"stats", "help", "clock"})


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
    still: frozenset[str] = frozenset()
    """Symbols that do not tick while it lasts, although what is shown of them is good."""
    alone: bool = False
    """Not to be mixed with others."""

    def __str__(self) -> str:
        return f"{' '.join(self.begin)}{f' for {self.hold_s:.1f} s' if self.hold_s else ''}"


Recipe = Callable[[random.Random, Truth], Fault]


def _all(truth: Truth) -> frozenset[str]:
    return frozenset(truth.symbols)


def _drop(_: random.Random, truth: Truth) -> Fault:
    return drop_of(truth)


def drop_of(truth: Truth) -> Fault:
    """The simplest break: all API sockets are reset."""
    return Fault(name="drop", begin=("drop",), symbols=_all(truth), session=True, health=True)


def _refuse(chance: random.Random, truth: Truth) -> Fault:
    seconds = round(chance.choice([0.3, 1, chance.uniform(1, 6)]), 1)
    return Fault(name="refuse", begin=(f"refuse {seconds}",), hold_s=seconds, symbols=_all(truth), session=True, health=True)


def _mute(chance: random.Random, truth: Truth) -> Fault:
    hold = chance.uniform(3, 7)
    return Fault(
        name="mute",
        begin=("mute",),
        end=("unmute",),
        hold_s=hold,
        symbols=_all(truth),
        session=True,
        health=True,
        notice_s=SILENCE_NOTICE_S,
    )


def _blink(chance: random.Random, truth: Truth) -> Fault:
    # Too short to be found out, and no break: what was shown is as old as what the gateway said last.
    return Fault(name="mute, short", begin=("mute",), end=("unmute",), hold_s=chance.uniform(0.05, 0.4), still=_all(truth), alone=True)


def _garbage(chance: random.Random, _: Truth) -> Fault:
    return Fault(name="garbage", begin=("garbage",) * chance.randint(1, 3))


def _reset(command: str) -> Recipe:
    def recipe(_: random.Random, truth: Truth) -> Fault:
        return Fault(name=command, begin=(command,), symbols=_all(truth), session=True, health=True)

    return recipe


def _restart(chance: random.Random, truth: Truth) -> Fault:
    # It forgets what else is broken, so that a second fault would end too early.
    hold = round(chance.uniform(0.5, 6), 1)
    return Fault(name="restart", begin=(f"restart {hold}",), hold_s=hold, symbols=_all(truth), session=True, health=True, alone=True)


def _half_open(chance: random.Random, truth: Truth) -> Fault:
    return Fault(
        name="half-open",
        begin=("half-open on",),
        end=("half-open off",),
        hold_s=chance.uniform(3, 6),
        symbols=_all(truth),
        session=True,
        health=True,
        notice_s=SILENCE_NOTICE_S,
        alone=True,
    )


def _delivery(command: str) -> Recipe:
    def recipe(chance: random.Random, _: Truth) -> Fault:
        return Fault(name=command, begin=(f"{command} on",), end=(f"{command} off",), hold_s=chance.uniform(1, 4))

    return recipe


def _connectivity(code: str, lost: str = "1100") -> Recipe:
    def recipe(chance: random.Random, truth: Truth) -> Fault:
        hold = chance.uniform(0.5, 5)
        return Fault(name=f"{lost}, {code}", begin=(lost,), end=(code,), hold_s=hold, symbols=_all(truth), session=True, health=True)

    return recipe


def _farm(chance: random.Random, truth: Truth) -> Fault:
    farm = chance.choice(["usfarm", "usfarm", "cashfarm", "usfuture", "usopt"])
    symbols = frozenset(symbol.name for symbol in truth.symbols.values() if symbol.farm == farm)
    return Fault(
        name=f"farm-down {'of' if symbols else 'not of'} the symbols",
        begin=(f"farm-down {farm}",),
        end=(f"farm-up {farm}",),
        hold_s=chance.uniform(0.5, 5),
        symbols=symbols,
        health=True,
    )


def _competing(chance: random.Random, truth: Truth) -> Fault:
    return Fault(name="competing", begin=("competing on",), end=("competing off",), hold_s=chance.uniform(0.5, 5), symbols=_all(truth))


def _halt(chance: random.Random, truth: Truth) -> Fault:
    names = chance.sample(sorted(truth.symbols), 3)
    return Fault(
        name="halt",
        begin=tuple(f"halt {name}" for name in names),
        end=tuple(f"resume {name}" for name in names),
        hold_s=chance.uniform(1, 4),
        still=frozenset(names),
    )


def _rate(chance: random.Random, truth: Truth) -> Fault:
    rate = chance.choice([0.05, 0.5, 6])
    still = _all(truth) if rate < BASE_RATE else frozenset[str]()
    return Fault(name="rate", begin=(f"rate {rate}",), end=(f"rate {BASE_RATE:g}",), hold_s=chance.uniform(1, 4), still=still)


def _set(chance: random.Random, truth: Truth) -> Fault:
    # The exact prices are a time like all others, so that nobody need know which were set by hand.
    symbol = truth.symbols[chance.choice(sorted(truth.symbols))]
    ticks = int(truth.now + 20) * SCALE + 2 * symbol.number
    bid, ask = (f"{ticks * symbol.tick:.2f}", f"{(ticks + 1) * symbol.tick:.2f}")
    return Fault(
        name="set",
        begin=(f"set {symbol.name} {bid} {ask} {bid}",),
        end=(f"free {symbol.name}",),
        hold_s=chance.uniform(0.5, 2),
        still=frozenset({symbol.name}),
        alone=True,
    )


def _bulletin(_: random.Random, __: Truth) -> Fault:
    return Fault(name="bulletin", begin=("bulletin an exchange is late",))


def _hours(chance: random.Random, truth: Truth) -> Fault:
    # A market that is closed is not broken: what is shown stays good.
    return Fault(name="closed market", begin=("hours on",), end=("hours off",), hold_s=chance.uniform(1, 3), still=_all(truth), alone=True)


RECIPES: dict[tuple[str, ...], tuple[Recipe, ...]] = {
    ("drop",): (_drop,),
    ("refuse",): (_refuse,),
    ("mute", "unmute"): (_mute, _blink),
    ("garbage",): (_garbage,),
    ("1100", "1101"): (_connectivity("1101"),),
    ("1100", "1102"): (_connectivity("1102"),),
    ("2110", "1102"): (_connectivity("1102", "2110"),),
    ("1300",): (_reset("1300"),),
    ("oversize",): (_reset("oversize"),),
    ("restart",): (_restart,),
    ("half-open",): (_half_open,),
    ("split",): (_delivery("split"),),
    ("glue",): (_delivery("glue"),),
    ("farm-down", "farm-up"): (_farm,),
    ("competing",): (_competing,),
    ("bulletin",): (_bulletin,),
    ("hours",): (_hours,),
    ("halt", "resume"): (_halt,),
    ("rate",): (_rate,),
    ("set", "free"): (_set,),
}
"""By the commands that they use."""


class Menu:
    """What this simulator can do, by its own `help`; `unknown` are commands that nobody has written a recipe for."""

    def __init__(self, commands: Iterable[str], *, only: frozenset[str] = frozenset()) -> None:
        offered = set(commands)
        used = {name for names in RECIPES for name in names}
        self.unknown = sorted(offered - used - ROUTINE)
        self._recipes = [
            recipe
            for names, recipes in RECIPES.items()
            if offered.issuperset(names) and (not only or only & set(names))
            for recipe in recipes
        ]

    def choose(self, chance: random.Random, truth: Truth) -> list[Fault]:
        """One fault, or in a third of the cases two that overlap."""
        first = chance.choice(self._recipes)(chance, truth)
        if first.alone or chance.random() < _ALONE:
            return [first]
        others = [fault for fault in (recipe(chance, truth) for recipe in self._recipes) if not fault.alone and _mixes(first, fault)]
        return [first, chance.choice(others)] if others else [first]


def _mixes(first: Fault, second: Fault) -> bool:
    """Whether two faults do not undo each other: of the same command, or one that ends the other."""
    words = [{text.split()[0] for text in fault.begin + fault.end} for fault in (first, second)]
    return not words[0] & words[1]
