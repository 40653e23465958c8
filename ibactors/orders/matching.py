"""Whose a row of IB's lists is: by token, then by permanent id, then by number with contract, side and quantity. First match wins."""

from collections.abc import Iterable

from ibactors.model.times import Value
from ibactors.orders.evidence import CompletedSeen, ExecutionSeen, OpenOrderSeen
from ibactors.orders.order import Order

Row = OpenOrderSeen | CompletedSeen | ExecutionSeen


class Matched(Value, frozen=True, kw_only=True):
    """What the rows of a pass are."""

    ours: dict[str, tuple[Row, ...]]
    """By order_id, in the order in which they came."""
    foreign: tuple[Row, ...]
    """Of other clients, or entered by hand."""
    copies: tuple[OpenOrderSeen, ...]
    """With a token of ours under a number that is not: copied in TWS. Shown, never counted, never cancelled."""
    behind: frozenset[str]
    """Tokens of ours that the journal does not know: it is older than what was sent."""
    conflicts: tuple[str, ...]
    """Sentences: a row is one order's by one sign and another's by the next."""


class Index:
    """The journal's orders by everything that IB may call them."""

    def __init__(self, orders: Iterable[Order]) -> None:
        self._tokens: dict[str, Order] = {}
        self._perm_ids: dict[int, Order] = {}
        self._numbers: dict[tuple[int, int], Order] = {}
        for order in orders:
            self._tokens[order.token] = order
            self._numbers[order.client_id, order.ib_order_id] = order
            for each in order.incarnations:
                if each.perm_id:
                    self._perm_ids[each.perm_id] = order

    def match(self, rows: Iterable[Row]) -> Matched:
        """Sort *rows* out."""
        ours: dict[str, list[Row]] = {}
        foreign: list[Row] = []
        copies: list[OpenOrderSeen] = []
        behind: set[str] = set()
        conflicts: list[str] = []
        for row in rows:
            order = self._owner(row)
            if row.token is not None and row.token not in self._tokens:
                behind.add(row.token)
            if order is None:
                foreign.append(row)
            elif isinstance(row, OpenOrderSeen) and self._is_copy(row, order):
                copies.append(row)
            elif (other := self._perm_ids.get(row.perm_id or 0)) is not None and other is not order:
                conflicts.append(f"{order.order_id} by its token is {other.order_id} by the permanent id {row.perm_id}.")
            else:
                ours.setdefault(order.order_id, []).append(row)
        return Matched(
            ours={order_id: tuple(found) for order_id, found in ours.items()},
            foreign=tuple(foreign),
            copies=tuple(copies),
            behind=frozenset(behind),
            conflicts=tuple(conflicts),
        )

    def _owner(self, row: Row) -> Order | None:
        if row.token is not None:
            return self._tokens.get(row.token)
        if (order := self._perm_ids.get(row.perm_id or 0)) is not None:
            return order
        order = self._numbers.get((row.client_id or 0, row.order_id or 0))
        return order if order is not None and _looks_like(row, order) else None

    @staticmethod
    def _is_copy(row: OpenOrderSeen, order: Order) -> bool:
        """The same token under another number. Known by its permanent id it is ours: IB renumbers what client 0 binds."""
        known = {each.perm_id for each in order.incarnations}
        return (row.client_id, row.order_id) != (order.client_id, order.ib_order_id) and row.perm_id not in known


def _looks_like(row: Row, order: Order) -> bool:
    """A number alone proves nothing: ids roll back. A row that has another orderRef is somebody else's, too."""
    if isinstance(row, OpenOrderSeen) and not row.order_ref:
        return row.echo.con_id == order.terms.con_id and row.echo.side is order.terms.side and row.echo.quantity == order.terms.quantity
    return False


class ForeignOrder(Value, frozen=True, kw_only=True):
    """An open order of another client or entered by hand, as the last lists had it: nobody tells of it in between."""

    seen: OpenOrderSeen
    source: str
    at: float


def source_of(row: Row) -> str:
    """Where a foreign order comes from: `manual`, or `client:7`."""
    return f"client:{row.client_id}" if row.client_id and row.order_id else "manual"
