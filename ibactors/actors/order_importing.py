"""Taking over executions that IB does not list any more, from a statement.

What is known changes nothing. What is new is applied and told as if IB had told it now: of an order of ours by the token in its orderRef,
else as traded elsewhere. Nothing is sent by it, and what contradicts an order of ours is refused before anything is written.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import trio

from ibactors.actors.order_asks import Imported, ImportExecutions
from ibactors.actors.order_audit import governed
from ibactors.actors.order_keeper import Keeper
from ibactors.errors import IbactorsError, InvalidRequest
from ibactors.orders.elsewhere import keep_elsewhere, pay_elsewhere
from ibactors.orders.errors import JournalFailed
from ibactors.orders.evidence import CommissionSeen, Evidence, ExecutionSeen
from ibactors.orders.keeping import executions_were_complete
from ibactors.orders.order import Order
from ibactors.orders.statement import Traded
from ibactors.orders.transaction import Transaction

TOGETHER = 200
"""Executions that are written in one transaction, so that nobody waits long behind them."""


STATEMENT = "statement"
"""The source of what was traded elsewhere and is known by a statement alone."""


class Importer:
    """One statement at a time; each runs in a task of the actor."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._turn = trio.Lock()

    async def take(self, msg: ImportExecutions) -> None:
        """Carry out one request and settle its reply. Raises only what is a bug."""
        try:
            async with self._turn:
                msg.reply.send(await self._take(msg))
        except IbactorsError as error:
            msg.reply.fail(error)

    async def _take(self, msg: ImportExecutions) -> Imported:
        keeper, rows = self._keeper, msg.executions
        found: list[tuple[bool, Order | None]] = []
        for start in range(0, len(rows), TOGETHER):
            part = rows[start : start + TOGETHER]
            named = [(row.execution_id, row.token, row.order_id) for row in part]
            owners = await keeper.read(lambda: [keeper.reader.execution_of(*names) for names in named])  # noqa: B023  # awaited here
            for number, (row, (is_known, order_id)) in enumerate(zip(part, owners, strict=True), start + 1):
                found.append((is_known, await self._order(number, row, order_id)))
        new, touched = 0, dict.fromkeys(order.order_id for _, order in found if order is not None)
        for start in range(0, len(rows), TOGETHER):
            ours: dict[str, list[Evidence]] = {}
            others: list[Callable[[Transaction], object]] = []
            for row, (is_known, order) in zip(rows[start : start + TOGETHER], found[start : start + TOGETHER], strict=True):
                new += not is_known
                executed, paid = _evidence(row, order)
                if order is not None:
                    keeper.book.have(order)  # it may have been let go meanwhile
                    ours.setdefault(order.order_id, []).extend(each for each in (executed, paid) if each is not None)
                else:
                    others += [partial(keep_elsewhere, seen=executed, commission=paid, source=STATEMENT)]
                    others += [partial(pay_elsewhere, seen=paid)] if paid is not None else []
            self._is_written(await keeper.give_all(ours))
            await self._write(others)
        if msg.whole is not None:
            since, until = msg.whole
            await self._write([lambda tx: executions_were_complete(tx, msg.account, since, until)])
        governed("executions_imported", msg.by, rows=len(rows), new=new, account=msg.account)
        return Imported(known=len(rows) - new, new=new, order_ids=tuple(touched))

    async def _write(self, writes: Sequence[Callable[[Transaction], object]]) -> None:
        def operation(tx: Transaction) -> None:
            for write in writes:
                write(tx)

        self._is_written(await self._keeper.write(operation))

    def _is_written(self, done: bool) -> None:  # noqa: FBT001  # what a write has returned
        if not done:
            raise JournalFailed("Not all of it was written down. Send the same statement again once the journal can be written.")

    async def _order(self, number: int, row: Traded, order_id: str | None) -> Order | None:
        """The order of ours that an execution is of, in memory. Raises InvalidRequest where the order says otherwise."""
        keeper = self._keeper
        if order_id is None:
            return None
        if order_id not in keeper.book:
            found = await keeper.read(keeper.reader.order, order_id)
            if found is not None:
                keeper.book.have(found)
        order = keeper.book.get(order_id)
        if order is None:
            return None
        terms = order.terms
        fits = terms.is_combination or (row.con_id == terms.con_id and row.side is terms.side)
        if row.account != order.account or not fits:
            detail = f"Row {number}: the execution {row.execution_id} does not fit {order.order_id}, the order that it names."
            raise InvalidRequest(detail, field="statement")
        return order


def _evidence(row: Traded, order: Order | None) -> tuple[ExecutionSeen, CommissionSeen | None]:
    """What IB would have said. Its number of the order is not told, as nothing is identified by it."""
    now = time.time()
    executed = ExecutionSeen(
        at=now,
        epoch=0,
        token=None if order is None else order.token,
        listed=True,
        execution_id=row.execution_id,
        account=row.account,
        con_id=row.con_id,
        symbol=row.symbol,
        sec_type=row.sec_type,
        currency=row.currency,
        side=row.side,
        quantity=row.quantity,
        price=row.price,
        time=row.time,
        exchange=row.exchange,
    )
    if row.commission is None:
        return executed, None
    paid = CommissionSeen(
        at=now, execution_id=row.execution_id, amount=row.commission, currency=row.commission_currency, realized=row.realized
    )
    return executed, paid
