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
_LATE_CANCELS = 0.3
_FARMS = ("usfarm", "usfarm", "cashfarm", "usfuture", "usopt")
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
CLIENT_IDS = (1, 2)
"""What the service may connect with."""
_FAILED_LINGER_S = 5.0
"""So long the service remembers what the gateway refused, and answers with it."""
ROUTINE = {
    "stats": "tells only",
    "help": "tells only",
    "clock": "tells only",
    "fill": "needs an order of the client, and the service places none",
    "reject": "is about the client's next order, and the service places none",
}
"""Commands that need no recipe, and why."""


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
    suspects: frozenset[str] = frozenset()
    """Further symbols that may be taken for broken, as the gateway's notices do not say which they mean."""
    linger_s: float = 0.0
    """For so long after its end the service may still answer as it did during it."""
    statuses: frozenset[int] = frozenset()
    """What REST may answer besides 409, 502, 503 and 504."""
    delayed: bool = False
    """Data is delayed while it lasts, and must be shown as that."""
    still: frozenset[str] = frozenset()
    """Symbols that do not tick while it lasts, although what is shown of them is good."""
    alone: bool = False
    """Not to be mixed with others."""

    def __str__(self) -> str:
        return f"{' '.join(self.begin)}{f' for {self.hold_s:.1f} s' if self.hold_s else ''}"


Recipe = Callable[[random.Random, Truth], Fault]


def _all(truth: Truth) -> frozenset[str]:
    return frozenset(truth.symbols)


def _of_farm(truth: Truth, farm: str) -> frozenset[str]:
    return frozenset(symbol.name for symbol in truth.symbols.values() if symbol.farm == farm)


def _near_farm(truth: Truth, farm: str) -> frozenset[str]:
    """Options of the United States have a farm of their own, but no notice says so."""
    return _of_farm(truth, "usopt") if farm == "usfarm" else frozenset()


def _stocks(truth: Truth) -> list[str]:
    return sorted(_of_farm(truth, "usfarm"))


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
    kinds = ("number", "utf8", "empty")
    return Fault(name="garbage", begin=tuple(f"garbage {chance.choice(kinds)}" for _ in range(chance.randint(1, 3))))


def _truncated(_: random.Random, truth: Truth) -> Fault:
    # What follows is misread until the session is given up, as no frame comes to its end.
    return Fault(
        name="garbage truncated",
        begin=("garbage truncated",),
        symbols=_all(truth),
        session=True,
        health=True,
        notice_s=SILENCE_NOTICE_S,
        alone=True,
    )


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


def _drip(chance: random.Random, truth: Truth) -> Fault:
    # So slow that everything comes late, what tells of a second fault too; a late value has no other mark of its age than the price.
    hold = chance.uniform(1, 3)
    return Fault(name="drip", begin=("drip on",), end=("drip off",), hold_s=hold, still=_all(truth), alone=True)


def _connectivity(code: str, lost: str = "1100") -> Recipe:
    def recipe(chance: random.Random, truth: Truth) -> Fault:
        hold = chance.uniform(0.5, 5)
        return Fault(name=f"{lost}, {code}", begin=(lost,), end=(code,), hold_s=hold, symbols=_all(truth), session=True, health=True)

    return recipe


def _farm(chance: random.Random, truth: Truth) -> Fault:
    farm = chance.choice(_FARMS)
    return Fault(
        name="farm-down",
        begin=(f"farm-down {farm}",),
        end=(f"farm-up {farm}",),
        hold_s=chance.uniform(0.5, 5),
        symbols=_of_farm(truth, farm),
        suspects=_near_farm(truth, farm),
        health=True,
    )


def _dead_farm(chance: random.Random, truth: Truth) -> Fault:
    # Broken and well in one breath, and the lines stay silent: only who looks whether ticks come finds out.
    farm = chance.choice(_FARMS)
    late = chance.random() < _LATE_CANCELS
    return Fault(
        name=f"dead-farm{', late-cancel' if late else ''}",
        begin=(*(["late-cancel on"] if late else []), f"dead-farm {farm}"),
        end=("late-cancel off",) if late else (),
        hold_s=3.0 if late else 0.0,
        symbols=_of_farm(truth, farm),
        suspects=_near_farm(truth, farm),
    )


def _other_farm(name: str, *, suspected: bool, broken: str, back: str) -> Recipe:
    """Notices about a farm that none of the symbols is known to come from."""

    def recipe(chance: random.Random, truth: Truth) -> Fault:
        return Fault(
            name=name,
            begin=(f"error {broken}",),
            end=(f"error {back}",),
            hold_s=chance.uniform(0.5, 4),
            suspects=_all(truth) if suspected else frozenset(),
            health=True,
        )

    return recipe


def _notice(chance: random.Random, _: Truth) -> Fault:
    # Talk that concerns nothing which the service has asked for.
    return Fault(name="error", begin=tuple(f"error {text}" for text in chance.sample(_TALK, 3)))


def _line_notice(chance: random.Random, truth: Truth) -> Fault:
    codes = (165, 399, 492, 2176, 10090, 10167)
    return Fault(name="line-error, a notice", begin=(f"line-error {chance.choice(_stocks(truth))} {chance.choice(codes)} by the way",))


def _line_error(chance: random.Random, truth: Truth) -> Fault:
    names = chance.sample(_stocks(truth), 3)
    code, status = chance.choice(((101, 429), (162, 502), (200, 404), (322, 502), (354, 403), (420, 502)))
    return Fault(
        name="line-error",
        begin=tuple(f"line-error {name} {code} refused for the time being" for name in names),
        symbols=frozenset(names),
        statuses=frozenset({status}),
        linger_s=_FAILED_LINGER_S,
    )


def _line_competing(chance: random.Random, truth: Truth) -> Fault:
    name = chance.choice(_stocks(truth))
    return Fault(name="line-error 10197", begin=(f"line-error {name} 10197 another session",), symbols=frozenset({name}))


def _limit_lines(chance: random.Random, truth: Truth) -> Fault:
    return Fault(
        name="limit lines, drop",
        begin=(f"limit lines {chance.randint(10, 50)}", "drop"),
        end=("limit lines 100",),
        hold_s=chance.uniform(1, 4),
        symbols=_all(truth),
        session=True,
        health=True,
        statuses=frozenset({429}),
        linger_s=_FAILED_LINGER_S,
    )


def _limit_rate(chance: random.Random, truth: Truth) -> Fault:
    # Fewer messages than the service sends: it is told to be slower, and thrown out the third time.
    return Fault(
        name="limit rate, drop",
        begin=(f"limit rate {chance.randint(10, 40)}", "drop"),
        end=("limit rate 50",),
        hold_s=chance.uniform(1, 4),
        symbols=_all(truth),
        session=True,
        health=True,
    )


def _occupy(chance: random.Random, truth: Truth) -> Fault:
    ids = chance.choice([CLIENT_IDS[:1], CLIENT_IDS])
    return Fault(
        name=f"occupy {'all' if ids == CLIENT_IDS else 'the first'} of the ids, drop",
        begin=(*(f"occupy {number}" for number in ids), "drop"),
        end=tuple(f"release {number}" for number in ids),
        hold_s=chance.uniform(0.5, 5),
        symbols=_all(truth),
        session=True,
        health=True,
    )


def _nightly(chance: random.Random, truth: Truth) -> Fault:
    seconds = round(chance.uniform(2, 6), 1)
    return Fault(name="nightly", begin=(f"nightly {seconds}",), hold_s=seconds, symbols=_all(truth), session=True, health=True, alone=True)


def _delayed(chance: random.Random, _: Truth) -> Fault:
    return Fault(name="delayed", begin=("delayed on",), end=("delayed off",), hold_s=chance.uniform(1, 4), delayed=True)


def _dialect(chance: random.Random, _: Truth) -> Fault:
    dialect = chance.choice(("plain", "utc"))
    return Fault(name="dialect", begin=(f"dialect {dialect}",), end=("dialect zoned",), hold_s=chance.uniform(1, 3))


def _manual(_: random.Random, truth: Truth) -> Fault:
    # A trade by hand changes positions, and nothing else.
    return Fault(name="manual", begin=(f"manual BUY 1 {_stocks(truth)[0]} MKT",))


def _competing(chance: random.Random, truth: Truth) -> Fault:
    return Fault(name="competing", begin=("competing on",), end=("competing off",), hold_s=chance.uniform(0.5, 5), symbols=_all(truth))


def _halt(chance: random.Random, truth: Truth) -> Fault:
    names = chance.sample(_stocks(truth), 3)
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
    symbol = truth.symbols[chance.choice(_stocks(truth))]
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
    ("garbage",): (_garbage, _truncated),
    ("1100", "1101"): (_connectivity("1101"),),
    ("1100", "1102"): (_connectivity("1102"),),
    ("2110", "1102"): (_connectivity("1102", "2110"),),
    ("1300",): (_reset("1300"),),
    ("oversize",): (_reset("oversize"),),
    ("restart",): (_restart,),
    ("half-open",): (_half_open,),
    ("split",): (_delivery("split"),),
    ("glue",): (_delivery("glue"),),
    ("drip",): (_drip,),
    ("farm-down", "farm-up"): (_farm,),
    ("dead-farm", "late-cancel"): (_dead_farm,),
    ("error",): (
        _notice,
        _other_farm(
            "error 2103 of an unknown farm",
            suspected=True,
            broken="2103 Market data farm connection is broken:xyfarm",
            back="2104 Market data farm connection is OK:xyfarm",
        ),
        _other_farm(
            "error 2105",
            suspected=False,
            broken="2105 HMDS data farm connection is broken:ushmds",
            back="2106 HMDS data farm connection is OK:ushmds",
        ),
        _other_farm(
            "error 2157",
            suspected=False,
            broken="2157 Sec-def data farm connection is broken:secdefil",
            back="2158 Sec-def data farm connection is OK:secdefil",
        ),
    ),
    ("line-error",): (_line_error, _line_competing, _line_notice),
    ("limit",): (_limit_lines, _limit_rate),
    ("occupy", "release"): (_occupy,),
    ("nightly",): (_nightly,),
    ("delayed",): (_delayed,),
    ("dialect",): (_dialect,),
    ("manual",): (_manual,),
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
        self.unknown = sorted(offered - used - set(ROUTINE))
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
