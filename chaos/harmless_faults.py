"""Recipes for what must disturb nobody: slow and odd delivery, frames that cannot be read, and talk."""

import random

from chaos.faults import Fault, Recipe, everything, stocks
from chaos.truth import Truth

_TALK = (
    "100 Max rate of messages per second has been exceeded",
    "162 Historical Market Data Service error message:API historical data query cancelled",
    "202 Order Canceled - reason:",
    "321 Error validating request",
    "322 Error processing request",
    "366 No historical data query found for ticker id",
    "420 Invalid Real-time Query",
    "502 Couldn't connect to TWS",
    "504 Not connected",
    "2104 Market data farm connection is OK:usfarm",
    "2107 HMDS data farm connection is inactive but should be available upon demand.ushmds",
    "2119 Market data farm is connecting:usfarm",
    "2137 Cross Side Warning",
    "10182 Failed to request live updates (disconnected)",
)


def blink(chance: random.Random, truth: Truth) -> Fault:
    # Too short to be found out, and no break: what was shown is as old as what the gateway said last.
    return Fault(
        name="mute, short",
        begin=("mute",),
        end=("unmute",),
        hold_s=chance.uniform(0.05, 0.4),
        still=everything(truth),
        hides=True,
        alone=True,
    )


def garbage(chance: random.Random, _: Truth) -> Fault:
    kinds = ("number", "utf8", "empty")
    return Fault(name="garbage", begin=tuple(f"garbage {chance.choice(kinds)}" for _ in range(chance.randint(1, 3))))


def delivery(command: str) -> Recipe:
    def recipe(chance: random.Random, _: Truth) -> Fault:
        return Fault(name=command, begin=(f"{command} on",), end=(f"{command} off",), hold_s=chance.uniform(1, 4))

    return recipe


def drip(chance: random.Random, truth: Truth) -> Fault:
    # So slow that everything comes late, what tells of a second fault too; a late value has no other mark of its age than the price.
    hold = chance.uniform(1, 3)
    return Fault(name="drip", begin=("drip on",), end=("drip off",), hold_s=hold, still=everything(truth), alone=True)


def notice(chance: random.Random, _: Truth) -> Fault:
    # Talk that concerns nothing which the service has asked for.
    return Fault(name="error", begin=tuple(f"error {text}" for text in chance.sample(_TALK, 3)))


def line_notice(chance: random.Random, truth: Truth) -> Fault:
    codes = (165, 399, 492, 2176, 10090, 10167)
    return Fault(name="line-error, a notice", begin=(f"line-error {chance.choice(stocks(truth))} {chance.choice(codes)} by the way",))


def reset_depth(chance: random.Random, truth: Truth) -> Fault:
    # The book is thrown away and comes anew: nothing of before may be in it.
    return Fault(name="reset-depth", begin=(f"reset-depth {chance.choice(stocks(truth)[:2])}",))


def bulletin(chance: random.Random, _: Truth) -> Fault:
    text = f"an exchange is late, number {chance.randrange(10**9)}"
    return Fault(name="bulletin", begin=(f"bulletin {text}",), says=text)


def dialect(chance: random.Random, _: Truth) -> Fault:
    dialect = chance.choice(("plain", "utc"))
    return Fault(name="dialect", begin=(f"dialect {dialect}",), end=("dialect zoned",), hold_s=chance.uniform(1, 3))


def manual(_: random.Random, truth: Truth) -> Fault:
    # A trade by hand changes positions, and nothing else.
    return Fault(name="manual", begin=(f"manual BUY 1 {stocks(truth)[0]} MKT",))
