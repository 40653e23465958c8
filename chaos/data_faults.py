"""Recipes for faults of the data of some symbols, or of all of them, behind a session that stays up."""

import random

from chaos.faults import BASE_RATE, FAILED_LINGER_S, Fault, Recipe, everything, near_farm, of_farm, stocks
from chaos.truth import SCALE, Truth

_LATE_CANCELS = 0.3
_FARMS = ("usfarm", "usfarm", "cashfarm", "usfuture", "usopt")


def farm(chance: random.Random, truth: Truth) -> Fault:
    farm = chance.choice(_FARMS)
    return Fault(
        name="farm-down",
        begin=(f"farm-down {farm}",),
        end=(f"farm-up {farm}",),
        hold_s=chance.uniform(0.5, 5),
        symbols=of_farm(truth, farm),
        suspects=near_farm(truth, farm),
        health=True,
    )


def dead_farm(chance: random.Random, truth: Truth) -> Fault:
    # Broken and well in one breath, and the lines stay silent: only who looks whether ticks come finds out.
    farm = chance.choice(_FARMS)
    late = chance.random() < _LATE_CANCELS
    return Fault(
        name=f"dead-farm{', late-cancel' if late else ''}",
        begin=(*(["late-cancel on"] if late else []), f"dead-farm {farm}"),
        end=("late-cancel off",) if late else (),
        hold_s=3.0 if late else 0.0,
        symbols=of_farm(truth, farm),
        suspects=near_farm(truth, farm),
    )


def other_farm(name: str, *, suspected: bool, broken: str, back: str) -> Recipe:
    """Notices about a farm that none of the symbols is known to come from."""

    def recipe(chance: random.Random, truth: Truth) -> Fault:
        return Fault(
            name=name,
            begin=(f"error {broken}",),
            end=(f"error {back}",),
            hold_s=chance.uniform(0.5, 4),
            suspects=everything(truth) if suspected else frozenset(),
            health=True,
        )

    return recipe


def competing(chance: random.Random, truth: Truth) -> Fault:
    return Fault(
        name="competing", begin=("competing on",), end=("competing off",), hold_s=chance.uniform(0.5, 5), symbols=everything(truth)
    )


def line_error(chance: random.Random, truth: Truth) -> Fault:
    names = chance.sample(stocks(truth), 3)
    code, status = chance.choice(((101, 429), (162, 502), (200, 404), (322, 502), (354, 403), (420, 502)))
    return Fault(
        name="line-error",
        begin=tuple(f"line-error {name} {code} refused for the time being" for name in names),
        symbols=frozenset(names),
        statuses=frozenset({status}),
        linger_s=FAILED_LINGER_S,
    )


def line_competing(chance: random.Random, truth: Truth) -> Fault:
    name = chance.choice(stocks(truth))
    return Fault(name="line-error 10197", begin=(f"line-error {name} 10197 another session",), symbols=frozenset({name}))


def halt(chance: random.Random, truth: Truth) -> Fault:
    names = chance.sample(stocks(truth), 3)
    return Fault(
        name="halt",
        begin=tuple(f"halt {name}" for name in names),
        end=tuple(f"resume {name}" for name in names),
        hold_s=chance.uniform(1, 4),
        still=frozenset(names),
    )


def rate(chance: random.Random, truth: Truth) -> Fault:
    rate = chance.choice([0.05, 0.5, 6])
    still = everything(truth) if rate < BASE_RATE else frozenset[str]()
    return Fault(name="rate", begin=(f"rate {rate}",), end=(f"rate {BASE_RATE:g}",), hold_s=chance.uniform(1, 4), still=still)


def set_price(chance: random.Random, truth: Truth) -> Fault:
    # The exact prices are a time like all others, so that nobody need know which were set by hand.
    symbol = truth.symbols[chance.choice(stocks(truth))]
    ticks = int(truth.now + 20) * SCALE + 2 * symbol.number
    bid, ask = (f"{ticks * symbol.tick:.2f}", f"{(ticks + 1) * symbol.tick:.2f}")
    return Fault(
        name="set",
        begin=(f"set {symbol.name} {bid} {ask} {bid}",),
        end=(f"free {symbol.name}",),
        hold_s=chance.uniform(0.5, 2),
        still=frozenset({symbol.name}),
        by_hand=frozenset({symbol.name}),
        alone=True,
    )


def hours(chance: random.Random, truth: Truth) -> Fault:
    # A market that is closed is not broken: what is shown stays good.
    return Fault(
        name="closed market", begin=("hours on",), end=("hours off",), hold_s=chance.uniform(1, 3), still=everything(truth), alone=True
    )


def delayed(chance: random.Random, _: Truth) -> Fault:
    return Fault(name="delayed", begin=("delayed on",), end=("delayed off",), hold_s=chance.uniform(1, 4), delayed=True)
