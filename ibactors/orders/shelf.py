"""Orders by id, with what is asked of all of them at each request kept up to date: the number of a day's orders slows nothing down."""

import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from decimal import Decimal

from ibactors.orders.exposure import DAY, NOTHING, is_at_stake, notional_sent
from ibactors.orders.order import Order, Status


class Spent:
    """The notional of orders that are over, for a day after each was created."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, str, Decimal]] = []
        """When it was created, its id and its notional, oldest first."""
        self._total = NOTHING

    def add(self, order: Order) -> None:
        """Count one, if there is anything to count."""
        row = _row(order)
        if row[2]:
            bisect.insort(self._rows, row)
            self._total += row[2]

    def remove(self, order: Order) -> None:
        """Count it no longer, unless that was long ago; *order* is as it was added."""
        row = _row(order)
        place = bisect.bisect_left(self._rows, row)
        if place < len(self._rows) and self._rows[place] == row:
            del self._rows[place]
            self._less(row[2])

    def at(self, at: float) -> Decimal:
        """What was sent within the day before *at*; what is older is forgotten."""
        old = bisect.bisect_right(self._rows, (at - DAY, "\U0010ffff"))
        for _, _, notional in self._rows[:old]:
            self._less(notional)
        del self._rows[:old]
        return self._total

    def _less(self, notional: Decimal) -> None:
        self._total = self._total - notional if self._rows else NOTHING


class Shelf(MutableMapping[str, Order]):
    """Orders by their ids."""

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self._orders: dict[str, Order] = {}
        self._open: dict[str, Order] = {}
        self._at_stake: dict[str, Order] = {}
        self._spent: dict[str, Spent] = {}
        """By key."""
        self.numbers: Counter[Status] = Counter()
        """How many have each status."""
        self.accounts: Counter[str] = Counter()
        """How many are of each account."""
        for order in orders:
            self[order.order_id] = order

    @property
    def open(self) -> Mapping[str, Order]:
        """Those that are not over."""
        return self._open

    @property
    def at_stake(self) -> Mapping[str, Order]:
        """Those that may still trade, or may have traded without our knowing: limits look at each of them."""
        return self._at_stake

    def spent(self, at: float, key: str | None = None) -> Decimal:
        """The notional within a day of all others, or of a key's."""
        return sum((spent.at(at) for name, spent in self._spent.items() if key in {None, name}), NOTHING)

    def __getitem__(self, order_id: str) -> Order:
        return self._orders[order_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._orders)

    def __len__(self) -> int:
        return len(self._orders)

    def __setitem__(self, order_id: str, order: Order) -> None:
        before = self._orders.get(order_id)
        if before is not None:
            self._discount(before)
        self._orders[order_id] = order
        self.numbers[order.status] += 1
        self.accounts[order.account] += 1
        for index, belongs in ((self._open, not order.status.is_terminal), (self._at_stake, is_at_stake(order))):
            if belongs:
                index[order_id] = order
            else:
                index.pop(order_id, None)
        if order_id not in self._at_stake:
            self._spent.setdefault(order.key, Spent()).add(order)

    def __delitem__(self, order_id: str) -> None:
        self._discount(self._orders.pop(order_id))
        self._open.pop(order_id, None)
        self._at_stake.pop(order_id, None)

    def _discount(self, order: Order) -> None:
        self.numbers[order.status] -= 1
        self.accounts[order.account] -= 1
        if order.order_id not in self._at_stake:
            self._spent[order.key].remove(order)


def _row(order: Order) -> tuple[float, str, Decimal]:
    return order.created, order.order_id, notional_sent(order)
