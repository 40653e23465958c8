"""The directory of profits and losses: one actor for each account or position that somebody wants the figures of."""

from collections.abc import Callable
from functools import partial

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.directory import DirectoryActor, DirectoryRef, Room
from ibactors.actors.profit import ProfitActor, ProfitRef
from ibactors.errors import ActorDown, TooManyProfits
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.accounts import Profit, ProfitKey
from ibactors.model.instruments import Instrument

MOST_PROFITS = 500
"""Subscriptions at once. IB states no limit; each costs it a message a second."""
IDLE_WAIT = 60.0
"""Seconds for which the figures are kept current after somebody has wanted them."""
TIMEOUT, FOR_EACH = 3.0, 0.05
"""Seconds to wait for first figures, which IB sends at once, and more for each that is asked for at the same time: they leave at the
gateway's pace, 45 in 1.2 s, beside other requests."""
LONGEST = 10.0


class ProfitsRef(DirectoryRef[ProfitRef]):
    """Where the web layer asks for profit and loss."""

    def __init__(self) -> None:
        super().__init__("profits")

    def newest(self, key: ProfitKey) -> Profit | None:
        """The newest figures, if they are in memory and may be shown."""
        ref = self.running.get(key)
        return None if ref is None else ref.present

    async def profit(self, key: ProfitKey, instrument: Instrument | None = None, *, among: int = 1) -> Profit:
        """The newest figures. *instrument* is that of a position: breaks of its data concern its figures.

        *among* is how many are asked for at the same time, and says how long first ones may take.

        Raises TooManyProfits and what `ProfitRef.profit` raises.
        """
        within = min(TIMEOUT + FOR_EACH * among, LONGEST)
        try:
            return await (await self.of(key, instrument)).profit(within)
        except ActorDown:
            # Retired or crashed in this moment. Reading twice is harmless, whether or not the first request was begun.
            return await (await self.of(key, instrument)).profit(within)

    async def of(self, key: ProfitKey, instrument: Instrument | None = None) -> ProfitRef:
        """Who keeps the figures; see `profit`."""
        return await self.open(key, partial(ProfitRef, key, instrument))


class ProfitsActor(DirectoryActor[ProfitRef]):
    """One incarnation of the directory."""

    def __init__(self, ref: ProfitsRef, connection: ConnectionRef, supervisor: Supervisor) -> None:
        def builder(profit: ProfitRef) -> Callable[[], ProfitActor]:
            return lambda: ProfitActor(profit, connection, ref, idle_seconds=IDLE_WAIT)

        room = Room(most=MOST_PROFITS, idle_seconds=IDLE_WAIT)
        super().__init__(ref, supervisor, ProfitRef, builder, room, lambda why: TooManyProfits(f"Of profits and losses {why}"))
