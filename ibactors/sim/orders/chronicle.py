"""The chronicle: every order that ever reached the gateway's socket, for whoever judges a client from outside.

It hears of a placeOrder before anything can go wrong with it, and forgets nothing at a restart. Two orders that are
alive under one reference, or a sum of executions that is not the change of a position, show here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from ibactors.sim.ledger import Account
from ibactors.sim.orders.life import Fill, Order
from ibactors.sim.orders.ticket import Ticket, read_ticket
from ibactors.sim.wire.frames import BadField, FieldReader

PAGE = 1000
_LONGEST = 128
Row = dict[str, object]


@dataclass(slots=True, kw_only=True)
class Record:
    """One order by its reference and its client's number for it; each of `orders` had a permanent id of its own.

    `asked` is what the first request said of it. `received` counts placeOrder requests, changes included, and `lost`
    those that came to nothing on the way.
    """

    client_id: int
    order_id: int
    ref: str
    asked: Row
    received: int = 0
    lost: int = 0
    orders: list[Order] = field(default_factory=list)

    @property
    def filled(self) -> int:
        """How much all its incarnations have bought or sold."""
        return sum(o.filled for o in self.orders)

    def row(self) -> Row:
        """What `ledger orders` tells of it."""
        newest = self.orders[-1] if self.orders else None
        row: Row = {
            "orderRef": self.ref,
            "clientId": self.client_id,
            "orderId": newest.order_id if newest is not None else self.order_id,
            "permIds": [o.perm_id for o in self.orders],
            "incarnations": len(self.orders),
            "received": self.received,
            "lost": self.lost,
            **self.asked,
            "filled": self.filled,
            "fills": [{"execId": f.exec_id, "size": f.size, "price": f.price} for o in self.orders for f in o.fills],
            "status": newest.shown_status if newest is not None else None,
            "alive": sum(not o.done for o in self.orders),
        }
        if newest is not None:
            row |= {"account": newest.account, "symbol": newest.instrument.symbol, "quantity": newest.quantity}
        return row


class Chronicle:
    """All records of one gateway since its start; `accounts` are as they are then."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._accounts = accounts
        self._before = {(a.name, h.instrument.con_id): h.size for a in accounts.values() for h in a.holdings}
        self._records: dict[tuple[int, int, str], Record] = {}

    def witness(self, client_id: int, version: int, body: bytes) -> Record | None:
        """Note a placeOrder as it came; None for one that cannot be read and for a what-if."""
        fields = FieldReader(body)
        fields.skip()
        try:
            ticket = read_ticket(fields, version)
        except BadField:
            return None
        if ticket.what_if:
            return None
        record = self._record(client_id, ticket.order_id, ticket)
        record.received += 1
        return record

    def taken(self, order: Order) -> None:
        """Note that an order lives from now on."""
        self._record(*order.key, order.ticket).orders.append(order)

    def newest(self, order_id: int) -> Order | None:
        """The order that was taken last under a number, whichever client's, alive or not."""
        found = sorted((o for r in self._records.values() for o in r.orders if o.order_id == order_id), key=lambda o: o.placed)
        return found[-1] if found else None

    def orders(self, after: int) -> Row:
        """A page of all records, oldest first."""
        rows = [r.row() for r in islice(self._records.values(), after, after + PAGE)]
        return {"orders": rows, "next": after + PAGE if after + PAGE < len(self._records) else None}

    def alive(self, after: int) -> Row:
        """The same for the records of which an order lives."""
        rows: list[Row] = []
        for number, record in enumerate(islice(self._records.values(), after, None), after):
            if len(rows) == PAGE:
                return {"alive": rows, "next": number}
            if any(not o.done for o in record.orders):
                rows.append(record.row())
        return {"alive": rows, "next": None}

    def tokens(self, after: int) -> Row:
        """A page of counts by order reference, in the order of their first appearance."""
        counts: dict[str, dict[str, int]] = {}
        for r in self._records.values():
            row = counts.setdefault(r.ref, {"received": 0, "lost": 0, "orders": 0, "alive": 0, "filled": 0})
            row["received"] += r.received
            row["lost"] += r.lost
            row["orders"] += len(r.orders)
            row["alive"] += sum(not o.done for o in r.orders)
            row["filled"] += r.filled
        page = dict(islice(counts.items(), after, after + PAGE))
        return {"tokens": page, "next": after + PAGE if after + PAGE < len(counts) else None}

    def positions(self, _: int) -> Row:
        """Of each position its size at the start and now, and the sum of the executions between."""
        executed: dict[tuple[str, int], int] = {}
        names: dict[int, str] = {}
        for fill in self._fills():
            key = (fill.order.account, fill.instrument.con_id)
            executed[key] = executed.get(key, 0) + (fill.size if fill.buys else -fill.size)
        now = {(a.name, h.instrument.con_id): h.size for a in self._accounts.values() for h in a.holdings}
        names.update((h.instrument.con_id, h.instrument.local_symbol) for a in self._accounts.values() for h in a.holdings)
        rows = [
            {
                "account": account,
                "conId": con_id,
                "symbol": names.get(con_id, ""),
                "before": self._before.get((account, con_id), 0),
                "executed": executed.get((account, con_id), 0),
                "now": now.get((account, con_id), 0),
            }
            for account, con_id in sorted({*self._before, *executed, *now})
        ]
        return {"positions": rows, "next": None}

    def _fills(self) -> Iterable[Fill]:
        """Every execution that moved a position, each in its last revision."""
        for record in self._records.values():
            for order in record.orders:
                for fills in (order.fills, *order.leg_fills):
                    yield from (f for f in fills if not f.is_summary and f.instrument.sec_type != "CASH")

    def _record(self, client_id: int, number: int, ticket: Ticket) -> Record:
        # An order that was typed in has no order id, so the caller numbers it by its permanent one.
        ref = ticket.echo["orderRef"][:_LONGEST]
        key = (client_id, number, ref)
        if key not in self._records:
            # A few short texts and not the ticket: whatever a client sends is kept for ever here.
            asked: Row = {"account": ticket.echo["account"][:_LONGEST], "symbol": ticket.spec.symbol[:_LONGEST]}
            asked |= {"action": ticket.action[:_LONGEST], "quantity": ticket.quantity}
            self._records[key] = Record(client_id=client_id, order_id=ticket.order_id, ref=ref, asked=asked)
        return self._records[key]
