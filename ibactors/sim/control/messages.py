"""Control commands for single messages: lose, double, delay, hold back, strip or maim them, or cut the socket there.

A MESSAGE is the name of a request or an answer, `placeOrder` or `openOrder`, perhaps with a text that one of its
fields must be: `orderStatus:Filled`, `errMsg:202`, `placeOrder:AAPL`. COUNT is how many, or `all`; NTH is the first.
"""

import math

from ibactors.sim.control.commands import CommandRefused, number, table
from ibactors.sim.server import Server
from ibactors.sim.wire.script import ANSWERS, Pattern, Rule

_MOST = 1_000_000
_LONGEST_S = 86_400


def _pattern(text: str, *, answers_only: bool = False) -> Pattern:
    name, _, wanted = text.partition(":")
    if answers_only and name not in ANSWERS:
        raise CommandRefused(f"{name!r} is no answer; there are {', '.join(ANSWERS)}")
    return Pattern(name=name, text=wanted)


def _add(server: Server, action: str, pattern: Pattern, which: list[str], *, seconds: float = 0.0, until: Pattern | None = None) -> None:
    count, nth = [*which, *("1", "1")[len(which) :]]
    times = math.inf if count == "all" else number(count, 1, _MOST)
    skips = int(number(nth, 1, _MOST)) - 1
    server.gateway.script.rules.append(
        Rule(action=action, pattern=pattern, skips=skips, count=times, seconds=seconds, until=until),
    )


def _lose(server: Server, arguments: list[str]) -> None:
    _add(server, "lose", _pattern(arguments[0]), arguments[1:])


def _double(server: Server, arguments: list[str]) -> None:
    _add(server, "double", _pattern(arguments[0]), arguments[1:])


def _late(server: Server, arguments: list[str]) -> None:
    _add(server, "late", _pattern(arguments[0]), arguments[2:], seconds=number(arguments[1], 0, _LONGEST_S))


def _hold(server: Server, arguments: list[str]) -> None:
    held, until = (_pattern(a, answers_only=True) for a in arguments[:2])
    _add(server, "hold", held, arguments[2:], until=until)


def _sever(server: Server, arguments: list[str]) -> None:
    _add(server, f"sever-{arguments[1]}", _pattern(arguments[0]), ["1", *arguments[2:]])


def _strip(server: Server, arguments: list[str]) -> None:
    _add(server, "strip", _pattern(arguments[0], answers_only=True), arguments[1:])


def _maim(server: Server, arguments: list[str]) -> None:
    _add(server, "maim", _pattern(arguments[0], answers_only=True), arguments[1:])


def _when(server: Server, arguments: list[str]) -> None:
    server.gateway.script.rules.append(Rule(action="when", pattern=_pattern(arguments[0]), command=arguments[1]))


def _behave(server: Server, _: list[str]) -> None:
    server.gateway.script.clear()


COMMANDS = table(
    ("lose", "MESSAGE [COUNT] [NTH]", _lose),
    ("double", "MESSAGE [COUNT] [NTH]", _double),
    ("late", "MESSAGE SECONDS [COUNT] [NTH]", _late),
    ("hold", "MESSAGE MESSAGE [COUNT] [NTH]", _hold),
    ("sever", "MESSAGE before|after [NTH]", _sever),
    ("strip", "MESSAGE [COUNT] [NTH]", _strip),
    ("maim", "MESSAGE [COUNT] [NTH]", _maim),
    ("when", "MESSAGE COMMAND...", _when),
    ("behave", "", _behave),
)
