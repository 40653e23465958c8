"""What a control command is: a name, its arguments as `help` shows them, and what it does to a server.

The control port and scenario files take the same commands; both check a line with `fit` before it is carried out, so that a scenario's
mistakes show when it is read and not hours later.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ibactors.sim.gateway import HISTORY_FARM
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.registry import REQUESTS
from ibactors.sim.server import Server
from ibactors.sim.session import Line
from ibactors.sim.wire.script import ANSWERS

_NUMBERS = frozenset({"SECONDS", "R", "BID", "ASK", "LAST", "CODE", "ID", "ORDERID", "N", "NTH", "PRICE", "SIZE", "PORT"})
_MESSAGES = frozenset({*ANSWERS, *(r.name for r in REQUESTS.values())})


class CommandRefused(Exception):
    """The command is unknown or its arguments are wrong; the text is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command. In `usage` capitals are values, `a|b` a choice, `[...]` may be left out, `...` takes the rest of the line."""

    usage: str
    act: Callable[[Server, list[str]], None]


def table(*rows: tuple[str, str, Callable[[Server, list[str]], None]]) -> Mapping[str, Command]:
    """Commands by name, from rows of name, usage and act."""
    return {name: Command(usage=usage, act=act) for name, usage, act in rows}


def fit(name: str, usage: str, arguments: list[str]) -> list[str]:
    """The arguments as the command takes them; CommandRefused when they do not fit its usage."""
    wanted = usage.split()
    if usage.endswith("...") and len(arguments) >= len(wanted):
        last = len(wanted) - 1
        arguments = [*arguments[:last], " ".join(arguments[last:])]
    least = sum(not w.startswith("[") for w in wanted)
    if not least <= len(arguments) <= len(wanted):
        raise CommandRefused(f"usage: {name} {usage}".rstrip())
    for word, argument in zip(wanted, arguments, strict=False):
        _check(name, usage, word.strip("[]"), argument)
    return arguments


def number(text: str, lowest: float, highest: float) -> float:
    """A number in a range; CommandRefused for anything else."""
    try:
        value = float(text)
    except ValueError as error:
        raise CommandRefused(f"{text!r} is not a number") from error
    if not lowest <= value <= highest:
        raise CommandRefused(f"{text} is not between {lowest:g} and {highest:g}")
    return value


def instruments_named(server: Server, name: str) -> list[Instrument]:
    """The instruments of a symbol or local symbol; CommandRefused when there is none."""
    found = server.gateway.catalogue.named(name)
    if not found:
        raise CommandRefused(f"there is no instrument {name!r}")
    return found


def farm_named(server: Server, name: str) -> str:
    """The farm of that name; CommandRefused when there is none."""
    farms = sorted({HISTORY_FARM, *(i.farm for i in server.gateway.catalogue.by_con_id.values())})
    if name not in farms:
        raise CommandRefused(f"there is no farm {name!r}; there are {', '.join(farms)}")
    return name


def lines(server: Server) -> list[Line]:
    """The market data lines of all clients at this moment."""
    return [line for session in server.sessions() for line in session.lines.values()]


def _check(name: str, usage: str, word: str, argument: str) -> None:
    if word == "MESSAGE" and argument.partition(":")[0] not in _MESSAGES:
        raise CommandRefused(f"there is no message {argument!r}; there are {', '.join(sorted(_MESSAGES))}")
    # A choice is written in lower case; MKT|LIMIT stands for a word or a value.
    if "|" in word and word == word.lower() and argument not in word.split("|"):
        raise CommandRefused(f"usage: {name} {usage}")
    if word in _NUMBERS:
        number(argument, float("-inf"), float("inf"))
