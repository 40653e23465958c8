"""Which gateway is asked where several may be: the first that answers and has not refused it.

What one gateway refuses another may give: it has permissions, lines and paces of its own. A refusal is remembered, so that the next one is
asked first: of a permission as long as that session lasts, of what is free again soon for a moment.
"""

import math
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import trio

from ibactors.actors.site import Site
from ibactors.errors import (
    CompetingSession,
    DepthLimit,
    DepthNotSupported,
    GatewayDisconnected,
    HistoryPacing,
    IbactorsError,
    MarketDataNotSubscribed,
    NewsNotSubscribed,
    NoFreeLine,
    TicksLimit,
    TooManyBars,
    TooManyNews,
    TooManyScans,
)

T = TypeVar("T")

PERMISSIONS = (MarketDataNotSubscribed, DepthNotSupported, NewsNotSubscribed)
"""What a login may not see."""
BUDGETS = (NoFreeLine, DepthLimit, TicksLimit, TooManyBars, TooManyNews, TooManyScans, HistoryPacing)
"""What a login has no more of at the moment."""
ELSEWHERE = (*PERMISSIONS, *BUDGETS, CompetingSession, GatewayDisconnected)
"""What says nothing of another gateway."""
MOMENT = 5.0
"""Seconds for which a refusal is remembered that is no permission."""
MOST_REFUSALS = 10_000
"""That are remembered; one more has the oldest forgotten, which costs a question."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    epoch: int
    until: float


class Choices:
    """The gateways, and what each has refused."""

    def __init__(self, sites: tuple[Site, ...]) -> None:
        self.sites = sites
        self._refusals: dict[tuple[str, Hashable], _Refusal] = {}

    def order(self, what: Hashable) -> Sequence[Site]:
        """Those that may be asked for something, the best first: never none."""
        if len(self.sites) == 1:
            return self.sites
        current = [site for site in self.sites if site.session.current]
        return sorted(current, key=lambda site: self._refuses(site, what)) or self.sites[:1]

    def best(self, what: Hashable) -> Site | None:
        """Where something may go on, at once or when that gateway answers again; None where all have refused it."""
        willing = [site for site in self.sites if not self._refuses(site, what)]
        return next((site for site in willing if site.session.current), willing[0] if willing else None)

    def refused(self, site: Site, what: Hashable, error: IbactorsError) -> None:
        """Remember that a gateway has not given something."""
        self._refusals.pop((site.name, what), None)
        if len(self._refusals) >= MOST_REFUSALS:
            del self._refusals[next(iter(self._refusals))]
        until = math.inf if isinstance(error, PERMISSIONS) else trio.current_time() + MOMENT
        self._refusals[site.name, what] = _Refusal(site.session.epoch, until)

    async def ask(self, what: Hashable, question: Callable[[Site], Awaitable[T]]) -> T:
        """What the first gateway gives that does. Raises what *question* raises, and what all of them have refused it with as one."""
        refusals: dict[str, IbactorsError] = {}
        for site in self.order(what):
            try:
                return await question(site)
            except ELSEWHERE as error:
                if len(self.sites) == 1:
                    raise
                self.refused(site, what, error)
                refusals[site.name] = error
        raise joined(refusals)

    def _refuses(self, site: Site, what: Hashable) -> bool:
        refusal = self._refusals.get((site.name, what))
        return refusal is not None and refusal.epoch == site.session.epoch and trio.current_time() < refusal.until


def joined(refusals: dict[str, IbactorsError]) -> IbactorsError:
    """One error for what all gateways refused; where all have too little of something, with their budgets added up."""
    errors = list(refusals.values())
    told = next((error for error in errors if not isinstance(error, GatewayDisconnected)), errors[0])
    budgets = [error.extra["budget"] for error in errors if "budget" in error.extra]
    if len(errors) == 1 or len(budgets) < len(errors) or len({type(error) for error in errors}) > 1:
        return told
    why = " ".join(f"{name}: {error}" for name, error in refusals.items())
    return type(told)(f"No gateway has room. {why}", ib_code=told.ib_code, extra=told.extra | {"budget": added_up(budgets)})


def added_up(budgets: Sequence[object]) -> dict[str, object]:
    """Budgets of several logins as one; who uses one may use the others too."""
    each = [budget for budget in budgets if isinstance(budget, dict)]
    sums = {member: sum(budget[member] for budget in each) for member in ("limit", "used", "share", "yours")}
    return each[0] | sums | {"others": max(budget["others"] for budget in each)}
