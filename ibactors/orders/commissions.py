"""Commissions that came before their execution: they name an execution and no order, and nobody promises which comes first."""

from collections import OrderedDict

from ibactors.orders.evidence import CommissionSeen

MOST = 1_000
"""Commissions that wait; beyond, the oldest goes, and the next list of executions brings it again."""


class EarlyCommissions:
    """What waits for its execution, in one session."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, CommissionSeen] = OrderedDict()

    def keep(self, seen: CommissionSeen) -> None:
        """Keep a commission whose execution no order has; the newest word on one execution stands."""
        self._waiting[seen.execution_id] = seen
        self._waiting.move_to_end(seen.execution_id)
        if len(self._waiting) > MOST:
            self._waiting.popitem(last=False)

    def take(self, execution_id: str) -> CommissionSeen | None:
        """The commission of an execution that has come now, or None."""
        return self._waiting.pop(execution_id, None)
