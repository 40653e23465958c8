"""Recipes for faults that end the session, or all of its data."""

import random

from chaos.faults import CLIENT_IDS, FAILED_LINGER_S, SILENCE_NOTICE_S, Fault, Recipe, drop_of, everything
from chaos.truth import Truth


def drop(_: random.Random, truth: Truth) -> Fault:
    return drop_of(truth)


def refuse(chance: random.Random, truth: Truth) -> Fault:
    seconds = round(chance.choice([0.3, 1, chance.uniform(1, 6)]), 1)
    return Fault(name="refuse", begin=(f"refuse {seconds}",), hold_s=seconds, symbols=everything(truth), session=True, health=True)


def mute(chance: random.Random, truth: Truth) -> Fault:
    hold = chance.uniform(3, 7)
    return Fault(
        name="mute",
        begin=("mute",),
        end=("unmute",),
        hold_s=hold,
        symbols=everything(truth),
        session=True,
        health=True,
        notice_s=SILENCE_NOTICE_S,
    )


def truncated(_: random.Random, truth: Truth) -> Fault:
    # What follows is misread until the session is given up, as no frame comes to its end.
    return Fault(
        name="garbage truncated",
        begin=("garbage truncated",),
        symbols=everything(truth),
        session=True,
        health=True,
        notice_s=SILENCE_NOTICE_S,
        alone=True,
    )


def reset(command: str) -> Recipe:
    def recipe(_: random.Random, truth: Truth) -> Fault:
        return Fault(name=command, begin=(command,), symbols=everything(truth), session=True, health=True)

    return recipe


def restart(chance: random.Random, truth: Truth) -> Fault:
    # It forgets what else is broken, so that a second fault would end too early.
    hold = round(chance.uniform(0.5, 6), 1)
    return Fault(name="restart", begin=(f"restart {hold}",), hold_s=hold, symbols=everything(truth), session=True, health=True, alone=True)


def half_open(chance: random.Random, truth: Truth) -> Fault:
    return Fault(
        name="half-open",
        begin=("half-open on",),
        end=("half-open off",),
        hold_s=chance.uniform(3, 6),
        symbols=everything(truth),
        session=True,
        health=True,
        notice_s=SILENCE_NOTICE_S,
        alone=True,
    )


def connectivity(code: str, lost: str = "1100") -> Recipe:
    def recipe(chance: random.Random, truth: Truth) -> Fault:
        hold = chance.uniform(0.5, 5)
        return Fault(name=f"{lost}, {code}", begin=(lost,), end=(code,), hold_s=hold, symbols=everything(truth), session=True, health=True)

    return recipe


def nightly(chance: random.Random, truth: Truth) -> Fault:
    seconds = round(chance.uniform(2, 6), 1)
    return Fault(
        name="nightly", begin=(f"nightly {seconds}",), hold_s=seconds, symbols=everything(truth), session=True, health=True, alone=True
    )


def occupy(chance: random.Random, truth: Truth) -> Fault:
    ids = chance.choice([CLIENT_IDS[:1], CLIENT_IDS])
    return Fault(
        name=f"occupy {'all' if ids == CLIENT_IDS else 'the first'} of the ids, drop",
        begin=(*(f"occupy {number}" for number in ids), "drop"),
        end=tuple(f"release {number}" for number in ids),
        hold_s=chance.uniform(0.5, 5),
        symbols=everything(truth),
        session=True,
        health=True,
    )


def limit_rate(chance: random.Random, truth: Truth) -> Fault:
    # Fewer messages than the service sends: it is told to be slower, and thrown out the third time.
    return Fault(
        name="limit rate, drop",
        begin=(f"limit rate {chance.randint(10, 40)}", "drop"),
        end=("limit rate 50",),
        hold_s=chance.uniform(1, 4),
        symbols=everything(truth),
        session=True,
        health=True,
    )


def limit_lines(chance: random.Random, truth: Truth) -> Fault:
    return Fault(
        name="limit lines, drop",
        begin=(f"limit lines {chance.randint(10, 50)}", "drop"),
        end=("limit lines 100",),
        hold_s=chance.uniform(1, 4),
        symbols=everything(truth),
        session=True,
        health=True,
        statuses=frozenset({429}),
        linger_s=FAILED_LINGER_S,
    )
