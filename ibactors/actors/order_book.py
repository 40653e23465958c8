"""The orders in memory: all that are open and those of the last day, by everything that a frame may call them."""

from collections.abc import Iterable
from typing import Any

from ibactors.orders.evidence import CommissionSeen, Evidence, FromIb
from ibactors.orders.exposure import is_given_back
from ibactors.orders.order import Order


class Book:
    """One incarnation's. What is in it may be ahead of the disk; what is shown is not."""

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self._orders: dict[str, Order] = {}
        self._open: dict[str, Order] = {}
        self._counted: dict[str, Order] = {}
        self._highest: dict[int, int] = {}
        self._tokens: dict[str, str] = {}
        self._numbers: dict[tuple[int, int], str] = {}
        self._perm_ids: dict[int, str] = {}
        self._executions: dict[str, str] = {}
        for order in orders:
            self.put(order)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._orders

    def get(self, order_id: str) -> Order | None:
        """One of them."""
        return self._orders.get(order_id)

    def by_token(self, token: str) -> Order | None:
        """The one with a token."""
        return self._orders.get(self._tokens.get(token, ""))

    @property
    def all(self) -> tuple[Order, ...]:
        """All of them."""
        return tuple(self._orders.values())

    @property
    def counted(self) -> tuple[Order, ...]:
        """Those that limits may count. Refused and cancelled ones become many in a day, and each new order is measured by all of these."""
        return tuple(self._counted.values())

    def highest_number(self, client_id: int) -> int:
        """The highest number that one of them has with a client id; 0 for none."""
        return self._highest.get(client_id, 0)

    @property
    def open(self) -> tuple[Order, ...]:
        """Those that are not over."""
        return tuple(self._open.values())

    def over(self, before: float) -> tuple[Order, ...]:
        """Those to which nothing has happened since *before*, and nothing will; of a bracket or group none while a member is open."""
        kin = {each.order_id for order in self._open.values() for each in order.kin}
        kept = self._open.keys() | kin
        return tuple(order for order in self._orders.values() if order.updated < before and order.order_id not in kept)

    def family(self, order: Order) -> tuple[Order, ...]:
        """The members that are here of an order's bracket, parent first, or of its group; none of one that stands alone."""
        return tuple(self._orders[each.order_id] for each in order.kin if each.order_id in self._orders)

    def put(self, order: Order) -> None:
        """Take a new state."""
        name = order.order_id
        self._orders[name] = order
        if order.status.is_terminal:
            self._open.pop(name, None)
        else:
            self._open[name] = order
        if is_given_back(order):
            self._counted.pop(name, None)
        else:
            self._counted[name] = order
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
        if order.order_id not in self._orders:
            self.put(order)

    def forget(self, order: Order) -> None:
        """Let go of one that is over. What is heard of it has it read again from the journal, by its token."""
        name = order.order_id
        self._orders.pop(name, None)
        self._counted.pop(name, None)
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
            return self._orders.get(self._executions.get(evidence.execution_id, ""))
        if not isinstance(evidence, FromIb):
            return None
        number = self._numbers.get((evidence.client_id or 0, evidence.order_id or 0), "")
        if evidence.token is not None:
            return self._orders.get(self._tokens.get(evidence.token, "") or number)
        return self._orders.get(self._perm_ids.get(evidence.perm_id or 0) or number)
