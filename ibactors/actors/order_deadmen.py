"""Dead man's switches: a key that falls silent has its entries cancelled, once, and places nothing until it says that it is back.

After a start each switch has its whole time again, as nobody could have renewed it. It does not outlive the machine: day orders do.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import structlog
from msgspec.structs import replace

from ibactors.actors.order_asks import SetDeadman
from ibactors.actors.order_audit import governed
from ibactors.actors.order_cancelling import Canceller
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.orders import boot_now
from ibactors.errors import IbactorsError
from ibactors.orders.exposure import to_cancel
from ibactors.orders.halts import Deadman, deadmen, fire, unwatch, watch

log = structlog.get_logger(__name__)

Positions = Callable[[], dict[tuple[str, int], Decimal]]


class Deadmen:
    """The switches of one incarnation."""

    def __init__(self, keeper: Keeper, canceller: Canceller, positions: Positions) -> None:
        self._keeper = keeper
        self._canceller = canceller
        self._positions = positions
        self._switches: dict[str, Deadman] = {}

    async def recall(self) -> None:
        """Read them; those that have gone off stay so."""
        for switch in await self._keeper.writer.write(deadmen):
            self._switches[switch.key] = replace(switch, boot=boot_now())

    def has_gone_off(self, key: str) -> bool:
        """Whether the key may place nothing until it renews its switch."""
        switch = self._switches.get(key)
        return switch is not None and (switch.fired_at is not None or boot_now() >= switch.boot + switch.seconds)

    async def put(self, msg: SetDeadman) -> None:
        """Register, renew or remove a switch; durable when it is answered, and refused by a disk that fails."""
        switch = Deadman(key=msg.key, seconds=msg.seconds, wall=time.time(), boot=boot_now()) if msg.seconds else None
        try:
            await self._keeper.must_write(lambda tx: watch(tx, switch) if switch is not None else unwatch(tx, msg.key))
        except IbactorsError as error:
            msg.reply.fail(error)
            return
        if switch is None:
            self._switches.pop(msg.key, None)
        else:
            self._switches[msg.key] = switch
        governed("deadman_set", f"key:{msg.key}", seconds=msg.seconds)
        msg.reply.send(None)

    async def look(self) -> None:
        """Carry out what has expired. The key is blocked in the step in which it expires; cancels are intents that outlive a break."""
        for key, switch in tuple(self._switches.items()):
            if switch.fired_at is not None or boot_now() < switch.boot + switch.seconds:
                continue
            now = time.time()
            self._switches[key] = replace(switch, fired_at=now)
            governed("deadman_expired", f"key:{key}", seconds=switch.seconds)
            await self._keeper.write(partial(fire, key=key, at=now))
            book = self._keeper.book
            entries = filter(None, map(book.get, to_cancel(book.all, self._positions(), "entries", now)))
            await self._canceller.want_all((order for order in entries if order.key == key), now, "ibactors", "deadman")
