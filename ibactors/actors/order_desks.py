"""The desks of sessions that the keeper listens to: from before anything is put on one until its last word is taken in.

What is put on a desk that nobody listens to would never be told of. So whoever puts something there calls `hear` in the same step.
"""

from collections.abc import Awaitable, Callable

import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.orders import OrdersRef
from ibactors.bridge.evidence_log import Entry
from ibactors.bridge.order_desk import OrderDesk
from ibactors.orders.evidence import Written

TOGETHER = 256
"""Entries that are taken in one step."""
SOON = 0.01
"""Seconds for which a frame that was written waits for its answer, to be noted with it."""


class Desks:
    """Those that this incarnation listens to."""

    def __init__(self, ref: OrdersRef, connection: ConnectionRef) -> None:
        self.intake = trio.Lock()
        """Held while evidence is taken in."""
        self._ref = ref
        self._connection = connection
        self._heard: list[OrderDesk] = []
        self._arrived = trio.Event()

    @property
    def up(self) -> OrderDesk | None:
        """The desk of the session that is up, once this incarnation listens to it."""
        desk = self._connection.desk
        return desk if desk is not None and desk.alive and desk in self._heard else None

    def attend(self) -> None:
        """Listen to the session that is up now. What a predecessor has left there is withdrawn first."""
        desk = self._connection.desk
        if desk is not None and desk not in self._heard:
            desk.withdraw_all("orders_restarted")
            self._ref.meet(desk)
            self.hear(desk)

    def hear(self, desk: OrderDesk) -> None:
        """Listen to *desk*, of which the last word may have been taken in: what is put there after its end is taken back."""
        if desk not in self._heard:
            self._heard.append(desk)
            desk.log.listen(self._wake)

    def _wake(self) -> None:
        self._arrived.set()

    async def arrival(self) -> None:
        """Wait until something was told; for a moment longer if IB's answer to it, which comes soon, is then the same commit."""
        await self._arrived.wait()
        self._arrived = trio.Event()
        if all(isinstance(entry.evidence, Written) for desk in self._heard for entry in desk.log.peek(TOGETHER)):
            with trio.move_on_after(SOON):
                await self._arrived.wait()

    async def drain(self, apply: Callable[[list[Entry]], Awaitable[None]]) -> None:
        """Have all applied that has been told so far, in its order."""
        async with self.intake:
            for desk in tuple(self._heard):
                while entries := desk.log.peek(TOGETHER):
                    await apply(list(entries))
                    desk.log.done(len(entries))
                if desk.closed and not desk.log.peek(1):
                    self._heard.remove(desk)

    def withdraw_openings(self, reason: str) -> None:
        """Take back, for good, what waits and would open an order."""
        for desk in self._heard:
            desk.withdraw_openings(reason)
