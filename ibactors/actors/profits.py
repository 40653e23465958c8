"""The directory of profits and losses: which of them run, and how many may.

It starts an actor for each account or position that somebody wants the figures of, hands out its address, and stops it when it asks to be
retired. After a crash its next incarnation finds the running ones in the supervisor's list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.profit import ProfitActor, ProfitRef
from ibactors.errors import ActorDown, TooManyProfits
from ibactors.kernel.actor import Actor
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.pool import Pool
from ibactors.kernel.ref import Ask, Ref
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.accounts import Profit, ProfitKey
from ibactors.model.instruments import Instrument

log = structlog.get_logger(__name__)

MOST_PROFITS = 500
"""Subscriptions at once. IB states no limit; each costs it a message a second."""
IDLE_WAIT = 60.0
"""Seconds for which the figures are kept current after somebody has wanted them."""
TIMEOUT = 8.0
"""Seconds to wait for the first figures: those of many positions leave at the gateway's pace, 45 in 1.2 s."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Open(Ask[ProfitRef]):
    """Somebody wants figures."""

    key: ProfitKey
    instrument: Instrument | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    """Figures are not needed any more, or are not to be had."""

    ref: ProfitRef


class ProfitsRef(Ref[Open, Retire]):
    """Where the web layer asks for profit and loss."""

    def __init__(self) -> None:
        super().__init__("profits")
        self.running: dict[ProfitKey, ProfitRef] = {}
        """Kept by the actor."""

    async def profit(self, key: ProfitKey, instrument: Instrument | None = None) -> Profit:
        """The newest figures. *instrument* is that of a position: breaks of its data concern its figures.

        Raises TooManyProfits and what `ProfitRef.profit` raises.
        """
        try:
            return await (await self._running(key, instrument)).profit()
        except ActorDown:
            # Retired or crashed in this moment. Reading twice is harmless, whether or not the first request was begun.
            return await (await self._running(key, instrument)).profit()

    async def _running(self, key: ProfitKey, instrument: Instrument | None) -> ProfitRef:
        msg = Open(key=key, instrument=instrument)
        return await self.ask(msg, msg.reply)

    def retire(self, ref: ProfitRef) -> None:
        """Ask for one to be stopped; it is not, if somebody wants it by then."""
        self.tell_newest(("retire", ref.name), Retire(ref=ref))


class ProfitsActor(Actor[Open, Retire]):
    """One incarnation of the directory."""

    mailbox_size = 1024  # one ask per position of a request; more are refused with 503

    def __init__(self, ref: ProfitsRef, connection: ConnectionRef, supervisor: Supervisor) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._pool: Pool[ProfitRef] = Pool(
            supervisor,
            ref.running,
            self._builder,
            budget=MOST_PROFITS,
            reserve=0,
            idle_seconds=IDLE_WAIT,
            stopped=_note_stop,
        )

    async def run(self, mailbox: Mailbox[Open, Retire]) -> None:
        self._pool.adopt(ProfitRef)
        await self.serve(mailbox)

    async def handle(self, msg: Open) -> None:
        make = partial(ProfitRef, msg.key, msg.instrument, timeout=TIMEOUT)
        ref = await self._pool.get(make, msg.key, privileged=True)
        if ref is None:
            msg.reply.fail(TooManyProfits(f"Profit and loss of {MOST_PROFITS} accounts and positions is wanted at this moment."))
        else:
            msg.reply.send(ref)

    def handle_newest(self, msg: Retire) -> None:
        self._pool.retire(msg.ref)

    def _builder(self, ref: ProfitRef) -> Callable[[], ProfitActor]:
        return lambda: ProfitActor(ref, self._connection, self._me, idle_seconds=IDLE_WAIT)


def _note_stop(_ref: ProfitRef, why: str) -> None:
    log.debug("profit_stopped", why=why)
