"""What is read from the journal for others: pages of orders, of what happened to them, and of executions."""

from ibactors.actors.order_keeper import Keeper
from ibactors.actors.orders import ListEvents, ListExecutions, ListOrders
from ibactors.orders.errors import CursorGone
from ibactors.orders.fills import Fill
from ibactors.orders.order import Order
from ibactors.orders.reader import Page, Reader


async def answer_list(keeper: Keeper, msg: ListEvents | ListExecutions | ListOrders) -> None:
    """Read a page, in the reader's thread."""
    match msg:
        case ListOrders():
            found = await keeper.read(_orders, keeper.reader, msg)
            msg.reply.send(tuple(keeper.ref.shown.get(order.order_id, order) for order in found))
        case ListExecutions():
            msg.reply.send(await keeper.read(_executions, keeper.reader, msg))
        case ListEvents():
            try:
                msg.reply.send(await keeper.read(_events, keeper.reader, msg))
            except CursorGone as error:
                msg.reply.fail(error)


def _orders(reader: Reader, msg: ListOrders) -> tuple[Order, ...]:
    return reader.orders(is_open=msg.is_open, account=msg.account, after=msg.after, limit=msg.limit)


def _executions(reader: Reader, msg: ListExecutions) -> tuple[Fill, ...]:
    return reader.fills(account=msg.account, order_id=msg.order_id, since=msg.since, limit=msg.limit)


def _events(reader: Reader, msg: ListEvents) -> Page:
    after = reader.sequence_of(msg.after) if msg.after else 0
    return reader.entries(after, account=msg.account, order_id=msg.order_id, limit=msg.limit)
