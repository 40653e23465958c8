"""The orders in memory: all that are open and those of the last day, by everything that a frame may call them."""

from collections.abc import Iterable
from typing import Any

from ibactors.orders.evidence import CommissionSeen, Evidence, FromIb
from ibactors.orders.order import Order
from ibactors.orders.shelf import Shelf


class Book:
    """One incarnation's. What is in it may be ahead of the disk; what is shown is not."""

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self.shelf = Shelf()
        self._highest: dict[int, int] = {}
        self._tokens: dict[str, str] = {}
        self._numbers: dict[tuple[int, int], str] = {}
        self._perm_ids: dict[int, str] = {}
        self._executions: dict[str, str] = {}
        for order in orders:
            self.put(order)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self.shelf

    def get(self, order_id: str) -> Order | None:
        """One of them."""
        return self.shelf.get(order_id)

    def by_token(self, token: str) -> Order | None:
        """The one with a token."""
        return self.shelf.get(self._tokens.get(token, ""))

    @property
    def all(self) -> tuple[Order, ...]:
        """All of them."""
        return tuple(self.shelf.values())

    def highest_number(self, client_id: int) -> int:
        """The highest number that one of them has with a client id; 0 for none."""
        return self._highest.get(client_id, 0)

    @property
    def open(self) -> tuple[Order, ...]:
        """Those that are not over."""
        return tuple(self.shelf.open.values())

    def over(self, before: float) -> tuple[Order, ...]:
        """Those to which nothing has happened since *before*, and nothing will; of a bracket or group none while a member is open."""
        kin = {each.order_id for order in self.shelf.open.values() for each in order.kin}
        kept = self.shelf.open.keys() | kin
        return tuple(order for order in self.shelf.values() if order.updated < before and order.order_id not in kept)

    def family(self, order: Order) -> tuple[Order, ...]:
        """The members that are here of an order's bracket, parent first, or of its group; none of one that stands alone."""
        return tuple(self.shelf[each.order_id] for each in order.kin if each.order_id in self.shelf)

    def put(self, order: Order) -> None:
        """Take a new state."""
        name = order.order_id
        self.shelf[name] = order
        self._highest[order.client_id] = max(self.highest_number(order.client_id), order.ib_order_id)
        self._tokens[order.token] = name
        self._numbers[order.client_id, order.ib_order_id] = name
        for each in order.incarnations:
            if each.perm_id:
                self._perm_ids[each.perm_id] = name
        for fill in order.fills:
            self._executions[fill.execution_id] = name

    def have(self, order: Order) -> None:
        """Take one as the journal has it, unless it is here."""
        if order.order_id not in self.shelf:
            self.put(order)

    def forget(self, order: Order) -> None:
        """Let go of one that is over. What is heard of it has it read again from the journal, by its token."""
        name = order.order_id
        self.shelf.pop(name, None)
        names: tuple[tuple[dict[Any, str], Iterable[object]], ...] = (
            (self._tokens, [order.token]),
            (self._numbers, [(order.client_id, order.ib_order_id)]),
            (self._perm_ids, [each.perm_id for each in order.incarnations]),
            (self._executions, [fill.execution_id for fill in order.fills]),
        )
        for known, keys in names:
            for key in keys:
                if known.get(key) == name:
                    del known[key]

    def owner(self, evidence: Evidence) -> Order | None:
        """Whose evidence it is: by token, then by permanent id, then by number. `advance` still looks whether it fits."""
        if isinstance(evidence, CommissionSeen):
            return self.shelf.get(self._executions.get(evidence.execution_id, ""))
        if not isinstance(evidence, FromIb):
            return None
        number = self._numbers.get((evidence.client_id or 0, evidence.order_id or 0), "")
        if evidence.token is not None:
            return self.shelf.get(self._tokens.get(evidence.token, "") or number)
        return self.shelf.get(self._perm_ids.get(evidence.perm_id or 0) or number)
