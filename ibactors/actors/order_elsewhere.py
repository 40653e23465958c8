"""What was traded by nobody here, as IB tells it: with each list of executions again, of which the journal takes what is new."""

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from functools import partial

from ibactors.orders.commissions import EarlyCommissions
from ibactors.orders.elsewhere import keep_elsewhere, pay_elsewhere
from ibactors.orders.evidence import CommissionSeen, Evidence, ExecutionSeen
from ibactors.orders.fills import commission_of
from ibactors.orders.transaction import Transaction

MOST = 20_000
"""Executions that are known to be in the journal; of others it is asked."""


class Elsewhere:
    """What was heard of in one incarnation."""

    def __init__(self, early: EarlyCommissions) -> None:
        self._early = early
        self._known: OrderedDict[str, Decimal | None] = OrderedDict()
        """By execution id, with its commission."""

    def take(self, evidence: Evidence) -> Callable[[Transaction], object] | None:
        """What to write of evidence that is no order's here; None when it says nothing new."""
        match evidence:
            case ExecutionSeen() if evidence.execution_id not in self._known:
                commission = self._early.take(evidence.execution_id)
                self._note(evidence.execution_id, commission_of(commission) if commission is not None else None)
                return partial(keep_elsewhere, seen=evidence, commission=commission)
            case CommissionSeen() if evidence.execution_id in self._known:
                amount = commission_of(evidence)
                if amount is not None and amount != self._known[evidence.execution_id]:
                    self._note(evidence.execution_id, amount)
                    return partial(pay_elsewhere, seen=evidence)
        return None

    def _note(self, execution_id: str, amount: Decimal | None) -> None:
        self._known[execution_id] = amount
        self._known.move_to_end(execution_id)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
