"""The register of orders: who has which id. Order ids are a client's own, permanent ids are the gateway's."""

import dataclasses
import random
from collections.abc import Callable

from ibactors.sim.orders.life import Order, Status


class Register:
    """All orders by client id and order id, and those that are alive apart."""

    def __init__(self, choice: random.Random) -> None:
        self.living: dict[tuple[int, int], Order] = {}
        self._all: dict[tuple[int, int], Order] = {}
        self._next_ids: dict[int, int] = {}
        self._random = choice
        self._perm_id = choice.randrange(100_000_000, 2_000_000_000)

    def next_id(self, client_id: int) -> int:
        """The lowest order id that a client may use."""
        return self._next_ids.get(client_id, 1)

    def new_perm_id(self) -> int:
        """An unused permanent id; the ids between belong to other users of the broker."""
        self._perm_id += self._random.randrange(1, 50)
        return self._perm_id

    def find(self, client_id: int, order_id: int) -> Order | None:
        """An order by its client's id for it; of two with one id the newer, unless only the other is alive."""
        found = self._all.get((client_id, order_id))
        if found is None or not found.done:
            return found
        return next((o for o in self.living.values() if o.displaced and (o.client_id, o.order_id) == (client_id, order_id)), found)

    def find_of_anybody(self, order_id: int) -> Order | None:
        """The oldest open order that some client calls by that number."""
        return next((o for o in self.alive() if o.order_id == order_id), None)

    def alive(self, client_id: int | None = None) -> list[Order]:
        """The open orders of one client or of all, oldest first; those whose id a newer one has come last."""
        orders = (o for o in self.living.values() if o.status is not Status.UNTRANSMITTED)
        return sorted((o for o in orders if client_id in (None, o.client_id)), key=lambda o: o.displaced)

    def add(self, order: Order) -> None:
        """Enter a new order; its id and all below are used from now on."""
        self._all[order.key] = self.living[order.key] = order
        self.spend(order.client_id, order.order_id)

    def spend(self, client_id: int, order_id: int) -> None:
        """Take note that an id and all below it are used, though perhaps no order has it."""
        self._next_ids[client_id] = max(self.next_id(client_id), order_id + 1)

    def set_next_id(self, client_id: int, order_id: int) -> None:
        """Let a client's ids go on from a number, whatever it has used before."""
        self._next_ids[client_id] = order_id

    def displace(self, order: Order) -> None:
        """Free the id of an order for another one; it lives on beside that."""
        before = order.key
        order.displaced = True
        for orders in (self._all, self.living):
            if orders.pop(before, None) is not None:
                orders[order.key] = order

    def forget(self, keeps: Callable[[Order], bool]) -> None:
        """Know only some of the orders from now on; ids go on above those that are left."""
        self._all = {key: o for key, o in self._all.items() if keeps(o)}
        for key in [key for key, o in self.living.items() if not keeps(o)]:
            del self.living[key]
        self._next_ids = {}
        for client_id, order_id in self._all:
            self.spend(client_id, order_id)

    def bury(self, order: Order) -> None:
        """Take note that nothing will happen to an order any more."""
        self.living.pop(order.key, None)

    def give_id(self, order: Order) -> None:
        """Make an order without an id one of client 0."""
        before = order.key
        order.ticket = dataclasses.replace(order.ticket, order_id=self.next_id(0))
        self._next_ids[0] = order.order_id + 1
        for orders in (self._all, self.living):
            if orders.pop(before, None) is not None:
                orders[order.key] = order
