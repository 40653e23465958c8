"""Orders that depend on each other: a bracket's parent and children, and groups of which one cancels the rest."""

from collections.abc import Mapping

from ibactors.sim.orders.life import Order


class Families:
    """Finds an order's relatives among all orders of the book."""

    def __init__(self, orders: Mapping[tuple[int, int], Order]) -> None:
        self._orders = orders

    def children(self, parent: Order) -> list[Order]:
        """The children of a parent that are not done."""
        return [o for o in parent.children if not o.done]

    def of(self, order: Order) -> list[Order]:
        """The parent first, then its children: all that is transmitted together."""
        head = order.parent or order
        return [head, *self.children(head)]

    def group(self, order: Order) -> list[Order]:
        """The other orders of the same account in the order's OCA group that are not done."""
        name = order.oca_group
        if not name:
            return []
        others = (o for o in self._orders.values() if o is not order and not o.done)
        return [o for o in others if o.oca_group == name and o.account == order.account]
