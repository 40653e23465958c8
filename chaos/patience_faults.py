"""Recipes for what tells the present from the past: pauses of the service, late answers, refusals in bad times, closed markets."""

import random

from chaos.faults import Fault, everything, stocks
from chaos.truth import Truth


def pause(chance: random.Random, truth: Truth) -> Fault:
    # What lies in its socket's buffer meanwhile must not be taken for new, and nothing is shown until the gateway has answered again.
    return Fault(
        name="pause of the service",
        begin=(),
        hold_s=chance.uniform(1.5, 6),
        suspects=everything(truth),
        session=True,
        pause=True,
        alone=True,
    )


def late_answers(chance: random.Random, truth: Truth) -> Fault:
    # Ticks go on: the session is kept, and nothing that is shown is old.
    return Fault(
        name="late answers",
        begin=(f"slow {chance.uniform(0.2, 0.7):.1f}",),
        end=("slow 0",),
        hold_s=chance.uniform(2, 5),
        suspects=everything(truth),
        session=True,
        alone=True,
    )


def refusals_in_an_outage(chance: random.Random, truth: Truth) -> Fault:
    # The contracts exist: no subscription may end, and no caller may hear that they do not.
    names = chance.sample(stocks(truth), 3)
    code = chance.choice((200, 354, 321, 162))
    return Fault(
        name="1100, refusals, 1102",
        begin=("1100", *(f"line-error {name} {code} refused in an outage" for name in names)),
        end=("1102",),
        hold_s=chance.uniform(0.5, 4),
        symbols=everything(truth),
        session=True,
        health=True,
        alone=True,
    )


def account_outage(chance: random.Random, truth: Truth) -> Fault:
    # Only what is requested anew is refused, so that the session begins anew.
    return Fault(
        name="account-outage, drop",
        begin=(f"account-outage {chance.choice((321, 322))}", "drop"),
        end=("account-outage off", "drop"),
        hold_s=chance.uniform(1, 4),
        symbols=everything(truth),
        session=True,
        health=True,
        alone=True,
    )


def definitions_outage(chance: random.Random, truth: Truth) -> Fault:
    # After the drop everything is requested anew, and contracts that exist are refused.
    names = chance.sample(stocks(truth), 3)
    return Fault(
        name="outage of definitions, drop",
        begin=(
            *(f"outage {name} {chance.choice((200, 354))}" for name in names),
            "drop",
            "error 2157 Sec-def data farm connection is broken:secdefil",
        ),
        end=(*(f"outage {name} off" for name in names), "error 2158 Sec-def data farm connection is OK:secdefil"),
        hold_s=chance.uniform(1, 4),
        symbols=everything(truth),
        session=True,
        health=True,
        alone=True,
    )
