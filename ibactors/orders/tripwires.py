"""IBACTORS_HALT_AFTER: when the service halts trading by itself, because something happens too often to be chance."""

from collections import deque
from collections.abc import Collection

from ibactors.model.halting import HaltAfter


class Tripwires:
    """Counts, for one incarnation; each answers with the reason to halt, or None."""

    def __init__(self, rules: HaltAfter) -> None:
        self._rules = rules
        self._rejected: deque[float] = deque(maxlen=max(rules.rejects, 1))
        self._told: frozenset[str] = frozenset()
        """Unknown orders for which trading was halted before: whoever resumed it knows of them."""
        self._twice: set[str] = set()

    def rejected(self, at: float) -> str | None:
        """IB has refused an order."""
        most, within = self._rules.rejects, self._rules.seconds
        self._rejected.append(at)
        if not most or len(self._rejected) < most or self._rejected[0] < at - within:
            return None
        self._rejected.clear()
        return f"rejects: IB refused {most} orders within {within:g} s (IBACTORS_HALT_AFTER)"

    def unknown(self, order_ids: Collection[str]) -> str | None:
        """These are unknown after a whole reconciliation."""
        most, present = self._rules.unknown, frozenset(order_ids)
        news, self._told = present - self._told, self._told & present
        if not most or len(present) < most or not news:
            return None
        self._told = present
        return f"unknown: {len(present)} orders are unknown after IB's lists were read (IBACTORS_HALT_AFTER)"

    def duplicate(self, order_ids: Collection[str]) -> str | None:
        """IB has two living orders of each of these."""
        most = self._rules.duplicate
        self._twice |= set(order_ids)
        if not most or len(self._twice) < most or not order_ids:
            return None
        return f"duplicate_at_broker: IB has two orders of {', '.join(sorted(order_ids)[:5])} (IBACTORS_HALT_AFTER)"
