"""What is read from the journal for others: pages of orders, of what happened to them, and of executions.

It takes turns on a connection of its own: an order that is placed, changed or looked up waits for none of it. Whoever follows the journal
to its end asks the same as all others who do, which is one look for all of them.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import trio

from ibactors.actors.order_asks import ListEvents, ListExecutions, ListOrders, TakeSnapshot
from ibactors.actors.order_keeper import Keeper
from ibactors.errors import InvalidRequest
from ibactors.kernel.ref import Ask
from ibactors.kernel.sharing import Shared
from ibactors.orders.journal_reading import Reading
from ibactors.orders.order import Order
from ibactors.orders.reader import Page, Reader

T = TypeVar("T")


class Looker:
    """Looks into the journal for those who ask, in one incarnation."""

    def __init__(self, keeper: Keeper, reading: Reading, nursery: trio.Nursery) -> None:
        self._keeper = keeper
        self._reading = reading
        self._nursery = nursery
        self._turn = trio.Lock()
        self._pages: Shared[Page] = Shared()

    def answer(self, msg: ListEvents | TakeSnapshot | ListExecutions | ListOrders) -> None:
        """Have *msg* answered as soon as its turn has come."""
        match msg:
            case ListEvents():
                key = msg.after, msg.account, msg.order_id, msg.limit, msg.kinds, msg.since
                self._pages.join(
                    self._nursery, "actor:orders/look", key, msg.reply, partial(self._reading.look, _events, self._reader, msg)
                )
            case ListOrders():
                self._look(msg, partial(self._orders, msg))
            case TakeSnapshot():
                self._look(msg, partial(self._reader.snapshot, account=msg.account))
            case ListExecutions():
                until = None if self._keeper.hears_all else time.time()
                self._look(msg, partial(self._reader.executions, msg.wanted, covered_until=until))

    @property
    def _reader(self) -> Reader:
        return self._reading.reader

    def _look(self, msg: Ask[T], look: Callable[[], T]) -> None:
        msg.reply.defer()
        self._nursery.start_soon(self._answer, msg, look, name="actor:orders/look")

    async def _answer(self, msg: Ask[T], look: Callable[[], T]) -> None:
        async with self._turn:
            if msg.reply.settled:  # whoever asked has left before the turn came
                return
            try:
                msg.reply.send(await self._reading.look(look))
            except InvalidRequest as error:
                msg.reply.fail(error)

    def _orders(self, msg: ListOrders) -> tuple[Order, ...]:
        return self._reader.orders(
            is_open=msg.is_open, account=msg.account, symbol=msg.symbol, since=msg.since, after=msg.after, limit=msg.limit
        )


def _events(reader: Reader, msg: ListEvents) -> Page:
    after = reader.sequence_of(msg.after) if msg.after else 0
    return reader.entries(after, account=msg.account, order_id=msg.order_id, kinds=msg.kinds, since=msg.since, limit=msg.limit)
