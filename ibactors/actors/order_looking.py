"""What is read from the journal for others: pages of orders, of what happened to them, and of executions.

Reading takes its turns in the reader's thread, and none of the actor's: an order that is placed waits for no reader. Whoever follows the
journal to its end asks the same as all others who do, which is one look for all of them.
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
from ibactors.orders.order import Order
from ibactors.orders.reader import Page, Reader

T = TypeVar("T")


class Looker:
    """Looks into the journal for those who ask, in one incarnation."""

    def __init__(self, keeper: Keeper, nursery: trio.Nursery) -> None:
        self._keeper = keeper
        self._nursery = nursery
        self._pages: Shared[Page] = Shared()

    def answer(self, msg: ListEvents | TakeSnapshot | ListExecutions | ListOrders) -> None:
        """Have *msg* answered as soon as its turn has come."""
        match msg:
            case ListEvents():
                key = msg.after, msg.account, msg.order_id, msg.limit, msg.kinds, msg.since
                self._pages.join(self._nursery, "actor:orders/look", key, msg.reply, partial(self._keeper.read, _events, self._reader, msg))
            case ListOrders():
                self._look(msg, partial(self._orders, msg))
            case TakeSnapshot():
                self._look(msg, partial(self._reader.snapshot, account=msg.account))
            case ListExecutions():
                until = None if self._keeper.hears_all else time.time()
                self._look(msg, partial(self._reader.executions, msg.wanted, covered_until=until))

    @property
    def _reader(self) -> Reader:
        return self._keeper.reader

    def _look(self, msg: Ask[T], look: Callable[[], T]) -> None:
        msg.reply.defer()
        self._nursery.start_soon(self._answer, msg, look, name="actor:orders/look")

    async def _answer(self, msg: Ask[T], look: Callable[[], T]) -> None:
        if msg.reply.settled:  # whoever asked has left
            return
        try:
            msg.reply.send(await self._keeper.read(look))
        except InvalidRequest as error:
            msg.reply.fail(error)

    def _orders(self, msg: ListOrders) -> tuple[Order, ...]:
        return self._reader.orders(
            is_open=msg.is_open, account=msg.account, symbol=msg.symbol, since=msg.since, after=msg.after, limit=msg.limit
        )


def _events(reader: Reader, msg: ListEvents) -> Page:
    after = reader.sequence_of(msg.after) if msg.after else 0
    return reader.entries(after, account=msg.account, order_id=msg.order_id, kinds=msg.kinds, since=msg.since, limit=msg.limit)
