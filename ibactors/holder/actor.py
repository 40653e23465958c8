"""The actor that keeps the holder's connection to the bus."""

from collections.abc import Callable
from typing import Never, NoReturn

import structlog
import trio

from ibactors.actors.edge import bus_of
from ibactors.bus import wire
from ibactors.bus.link import open_link
from ibactors.errors import GatewayDisconnected
from ibactors.holder.publication import Publication
from ibactors.kernel.actor import Actor
from ibactors.kernel.backoff import Backoff
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.ref import Ref
from ibactors.web.answering import Answering
from ibactors.web.system import System

log = structlog.get_logger(__name__)


class HolderRef(Ref[Never, Never]):
    """Has no messages."""

    def __init__(self) -> None:
        super().__init__("bus")


class HolderActor(Actor[Never, Never]):
    """Keeps a connection to the bus and serves edges over it."""

    def __init__(self, ref: HolderRef, system: System, answering: Answering) -> None:
        super().__init__(ref)
        self._system = system
        self._answering = answering
        self._backoff = Backoff()

    async def run(self, mailbox: Mailbox[Never, Never]) -> None:
        self.nursery.start_soon(self._keep_link, name="actor:bus/link")
        await self.serve(mailbox)

    async def _keep_link(self) -> NoReturn:
        settings, failures = self._system.settings, 0
        while True:
            reason = "The bus was lost."
            try:
                async with open_link(bus_of(settings), "ibactors session") as link:
                    log.info("bus_up")
                    failures = 0
                    await Publication(self._system, self._answering, link, wire.Subjects(settings.bus_prefix)).run()
                    reason = link.lost or reason
            except* GatewayDisconnected as group:
                reason = str(group.exceptions[0])
            failures += 1
            if failures == 1:
                log.warning("bus_lost", reason=reason)
            await trio.sleep(self._backoff.delay(failures))


def holder_builder(ref: HolderRef, system: System, answering: Answering) -> Callable[[], HolderActor]:
    """Makes incarnations of the actor."""
    return lambda: HolderActor(ref, system, answering)
