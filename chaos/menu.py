"""Which recipe is for which command of the control port, and the choice among them."""

import random
from collections.abc import Iterable

from chaos import data_faults, harmless_faults, patience_faults, session_faults
from chaos.faults import Fault, Recipe
from chaos.truth import Truth

_ALONE = 0.65
"""The share of faults that come alone."""
ROUTINE = {
    "stats": "tells only",
    "help": "tells only",
    "clock": "tells only",
    "tape": "tells only",
    "bars": "tells only",
    "fill": "needs an order of the client, and the service places none",
    "reject": "is about the client's next order, and the service places none",
}
"""Commands that need no recipe, and why."""


RECIPES: dict[tuple[str, ...], tuple[Recipe, ...]] = {
    ("drop",): (session_faults.drop,),
    ("refuse",): (session_faults.refuse,),
    ("mute", "unmute"): (session_faults.mute, harmless_faults.blink),
    ("garbage",): (harmless_faults.garbage, session_faults.truncated),
    ("1100", "1101"): (session_faults.connectivity("1101"),),
    ("1100", "1102"): (session_faults.connectivity("1102"),),
    ("2110", "1102"): (session_faults.connectivity("1102", "2110"),),
    ("1300",): (session_faults.reset("1300"),),
    ("oversize",): (session_faults.reset("oversize"),),
    ("restart",): (session_faults.restart,),
    ("half-open",): (session_faults.half_open,),
    ("split",): (harmless_faults.delivery("split"),),
    ("glue",): (harmless_faults.delivery("glue"),),
    ("drip",): (harmless_faults.drip,),
    ("farm-down", "farm-up"): (data_faults.farm,),
    ("dead-farm", "late-cancel"): (data_faults.dead_farm,),
    ("error",): (
        harmless_faults.notice,
        data_faults.other_farm(
            "error 2103 of an unknown farm",
            suspected=True,
            broken="2103 Market data farm connection is broken:xyfarm",
            back="2104 Market data farm connection is OK:xyfarm",
        ),
        data_faults.other_farm(
            "error 2105",
            suspected=False,
            broken="2105 HMDS data farm connection is broken:ushmds",
            back="2106 HMDS data farm connection is OK:ushmds",
        ),
        data_faults.other_farm(
            "error 2157",
            suspected=False,
            broken="2157 Sec-def data farm connection is broken:secdefil",
            back="2158 Sec-def data farm connection is OK:secdefil",
        ),
    ),
    ("line-error",): (data_faults.line_error, data_faults.line_competing, harmless_faults.line_notice),
    ("limit",): (session_faults.limit_lines, session_faults.limit_rate),
    ("occupy", "release"): (session_faults.occupy,),
    ("nightly",): (session_faults.nightly,),
    ("delayed",): (data_faults.delayed,),
    ("dialect",): (harmless_faults.dialect,),
    ("manual",): (harmless_faults.manual,),
    ("competing",): (data_faults.competing,),
    ("bulletin",): (harmless_faults.bulletin,),
    ("reset-depth",): (harmless_faults.reset_depth,),
    ("hours",): (data_faults.hours,),
    (): (patience_faults.pause,),
    ("slow",): (patience_faults.late_answers,),
    ("1100", "line-error"): (patience_faults.refusals_in_an_outage,),
    ("account-outage",): (patience_faults.account_outage,),
    ("outage",): (patience_faults.definitions_outage,),
    ("halt", "resume"): (data_faults.halt,),
    ("rate",): (data_faults.rate,),
    ("set", "free"): (data_faults.set_price,),
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
