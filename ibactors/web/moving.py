"""Streams go on at another gateway when theirs breaks, or refuses what another may give.

A client has been told by then that what it has is not current. What it gets next is the other gateway's, or nothing; a stream stays there
when its first gateway is back.
"""

import math
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import NoReturn, Protocol

import structlog
import trio

from ibactors.actors.site import Site
from ibactors.errors import IbactorsError
from ibactors.web.choosing import Choices

log = structlog.get_logger(__name__)

SETTLE = 0.1
"""Seconds for which a gateway may be silent before anything moves: a pause of this process breaks all of them, one after the other."""
RETRY = 2.0
"""Seconds after which what could go nowhere is tried again, while its gateway is broken."""
MOST_AT_ONCE = 100
"""That are opened elsewhere at the same time."""


class Movable(Protocol):
    """What may go on at another gateway."""

    @property
    def site(self) -> Site:
        """Where it is."""

    @property
    def what(self) -> Hashable:
        """What is asked for, as `Choices` remembers it."""

    @property
    def void(self) -> bool:
        """Whether nothing that it has told is still taken for current."""

    async def move(self, site: Site) -> None:
        """Go on there. Raises IbactorsError; then it is where it was."""

    def fail(self, error: IbactorsError) -> None:
        """It is over: nobody gives it."""


class Moves:
    """All that may move, and the task that moves it."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.moved = 0
        """How many have gone on elsewhere since the start."""
        self._followed: dict[Movable, None] = {}
        self._failed: dict[Movable, IbactorsError] = {}
        """What their gateways have refused, with what."""
        self._moving: set[Movable] = set()
        self._few = trio.CapacityLimiter(MOST_AT_ONCE)
        self._called = trio.Event()

    @contextmanager
    def following(self, one: Movable) -> Iterator[None]:
        """It is moved inside the block where it must be."""
        self._followed[one] = None
        self._call()
        try:
            yield
        finally:
            del self._followed[one]
            self._failed.pop(one, None)

    def refused(self, one: Movable, error: IbactorsError) -> None:
        """Its gateway does not give it, and another one may: see to it soon."""
        self._failed[one] = error
        self._call()

    async def run(self) -> NoReturn:
        """Move what must be moved, until cancelled."""
        with ExitStack() as listening:
            for site in self.choices.sites:
                listening.enter_context(site.connection.sessions.listening(self._call))
            async with trio.open_nursery() as nursery:
                while True:
                    with trio.move_on_after(math.inf if self._all_well else RETRY):
                        await self._called.wait()
                    self._called = trio.Event()
                    await trio.sleep(SETTLE)
                    if self._all_well:
                        continue  # it would be a look at all streams for each one that begins
                    homeless = [one for one in self._followed if one not in self._moving and self._must_move(one)]
                    if homeless:
                        log.info("streams_move", number=len(homeless), gateways=sorted({one.site.name for one in homeless}))
                    for one in homeless:
                        self._moving.add(one)
                        nursery.start_soon(self._move, one, name="web/moving one")

    @property
    def _all_well(self) -> bool:
        return not self._failed and all(site.session.current for site in self.choices.sites)

    def _call(self, _session: object = None) -> None:
        self._called.set()

    def _must_move(self, one: Movable) -> bool:
        if one in self._failed:
            return True
        if one.site.session.current or not any(site.session.current for site in self.choices.sites):
            return False
        if not one.void:
            self._call()  # its actor has yet to hear of the break
        return one.void

    async def _move(self, one: Movable) -> None:
        try:
            async with self._few:
                await self._go(one)
        finally:
            self._moving.discard(one)

    async def _go(self, one: Movable) -> None:
        tried: set[str] = set()
        while one in self._followed:
            error = self._failed.get(one)
            site = self.choices.best(one.what)
            if error is not None and (site is None or site.name in tried | {one.site.name}):
                del self._failed[one]
                one.fail(error)
                return
            if site is None or site.name in tried or (error is None and (one.site.session.current or not site.session.current)):
                return
            tried.add(site.name)
            try:
                await one.move(site)
            except IbactorsError as exc:
                self.choices.refused(site, one.what, exc)
            else:
                self._failed.pop(one, None)
                self.moved += 1
                return


@asynccontextmanager
async def moving(moves: Moves | None) -> AsyncIterator[None]:
    """What must move is moved inside the block, if there is anywhere to go."""
    async with trio.open_nursery() as nursery:
        if moves is not None:
            nursery.start_soon(moves.run, name="web/moving")
        yield
        nursery.cancel_scope.cancel(reason="nobody is left who could be moved")
