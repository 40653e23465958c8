"""A client with lost answers, a service that crashes and a gateway that loses, doubles and delays, against a model of what IB has.

The promise: for each token at most one order on the wire; numbers without a gap; and nothing is called what it is not.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule
from msgspec.structs import replace

from ibactors.orders import audit
from ibactors.orders import evidence as e
from ibactors.orders.draft import Step
from ibactors.orders.evidence import Evidence, Sent
from ibactors.orders.journal import Job, Journal
from ibactors.orders.keeping import save
from ibactors.orders.order import Order
from ibactors.orders.placing import Book, Existing, Intent, place, settle_send
from ibactors.orders.reader import Reader
from ibactors.orders.states import advance
from ibactors.orders.verdicts import Pass, judge
from tests.examples import examples
from tests.orders.orderkit import NOON, D, order
from tests.orders.passes import clean, execution, ground, row

pytestmark = pytest.mark.thorough

BOOK = Book(login="paper", client_id=1)
TOTAL = 10


class AtIb:
    """One order as IB has it."""

    def __init__(self, order: Order, perm_id: int) -> None:
        self.order = order
        self.perm_id = perm_id
        self.status = "Submitted"
        self.executed: list[tuple[str, int]] = []
        self.forgotten = False
        """It is over, and the gateway was restarted since: no list has it any more."""

    @property
    def filled(self) -> int:
        return sum(quantity for _, quantity in self.executed)

    def open_order(self, at: float, epoch: int, *, listed: bool) -> e.OpenOrderSeen:
        return row(self.order, at, self.status, perm_id=self.perm_id, epoch=epoch, listed=listed)

    def executions(self, at: float, epoch: int, *, listed: bool) -> list[e.ExecutionSeen]:
        return [
            execution(self.order, at, perm_id=self.perm_id, epoch=epoch, execution_id=name, quantity=D(quantity), listed=listed)
            for name, quantity in self.executed
        ]


class Orders(RuleBasedStateMachine):
    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp())
        self.at = NOON
        self.epoch = 1
        self.number = 0
        self.wire: list[str] = []
        self.ib: dict[str, AtIb] = {}
        self.on_the_way: list[Evidence] = []
        self.told = 0
        self.restarted: float | None = None
        """When the gateway was started last."""
        self._start()

    def _start(self) -> None:
        self.journal = Journal(self.path, allow_ephemeral=True)
        reader = Reader(self.journal.path)
        self.orders = {each.order_id: each for each in reader.orders()}
        reader.close()
        assert self.journal.sequence >= self.told

    def _commit(self, operation: Any) -> Any:
        (outcome,) = self.journal.commit([Job(operation)])
        assert not isinstance(outcome, Exception), outcome
        self.told = self.journal.sequence
        return outcome

    def _keep(self, step: Step) -> None:
        self.orders[step.order.order_id] = step.order
        self._commit(lambda tx: save(tx, step))

    def _apply(self, evidence: Evidence) -> None:
        for each in tuple(self.orders.values()):
            if not isinstance(evidence, e.FromIb) or evidence.order_id in {None, each.ib_order_id}:
                self._keep(advance(each, evidence))

    @rule(target=names)
    def new_name(self) -> str:
        self.number += 1
        return f"o-{self.number}"

    @rule(name=names, fate=st.sampled_from(["written", "unwritten", "withdrawn", "swallowed", "unsaved"]))
    def place(self, name: str, fate: str) -> None:
        """The client asks, for the first time or again; the service gets as far as *fate*."""
        self.at += 1
        intent = Intent(
            orders=(order(len(self.orders) + 1, name=name, created=self.at),),
            request="{}",
            fingerprint=name,
            book=BOOK,
            epoch=self.epoch,
            next_valid_id=1,
        )
        placed = self._commit(lambda tx: place(tx, intent))
        if isinstance(placed, Existing):
            assert placed.order == self.orders[placed.order.order_id]
            return
        (made,) = placed.orders
        self.orders[made.order_id] = made
        if fate == "withdrawn":
            self._keep(advance(made, e.Withdrawn(at=self.at, kind=Sent.PLACE, reason="session_changed")))
        if fate not in {"unwritten", "withdrawn"}:
            self.wire.append(made.token)
            if fate != "swallowed":
                self.ib[made.token] = AtIb(made, 9000 + len(self.ib))
                self.on_the_way.append(self.ib[made.token].open_order(self.at, self.epoch, listed=False))
            if fate != "unsaved":
                self._keep(advance(made, e.Written(at=self.at, kind=Sent.PLACE, epoch=self.epoch)))
                self._commit(lambda tx: settle_send(tx, made.order_id, Sent.PLACE, "written"))

    def _any(self, data: st.DataObject) -> AtIb:
        return self.ib[data.draw(st.sampled_from(sorted(self.ib)))]

    @precondition(lambda self: self.ib)
    @rule(data=st.data(), quantity=st.integers(1, TOTAL))
    def executes(self, data: st.DataObject, quantity: int) -> None:
        one = self._any(data)
        quantity = min(quantity, TOTAL - one.filled)
        if one.status == "Submitted" and quantity:
            one.executed.append((f"{one.perm_id}.{len(one.executed)}.01", quantity))
            one.status = "Filled" if one.filled == TOTAL else one.status
            self.on_the_way += one.executions(self.at, self.epoch, listed=False)[-1:]
            self.on_the_way.append(one.open_order(self.at, self.epoch, listed=False))

    @precondition(lambda self: self.ib)
    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        one = self._any(data)
        if one.status == "Submitted":
            one.status = "Cancelled"
            self.on_the_way.append(one.open_order(self.at, self.epoch, listed=False))

    @precondition(lambda self: any(one.executed for one in self.ib.values()))
    @rule(data=st.data())
    def corrects(self, data: st.DataObject) -> None:
        """An execution is told anew, under a higher number: the price was wrong."""
        one = data.draw(st.sampled_from([one for one in self.ib.values() if one.executed]))
        place = data.draw(st.integers(0, len(one.executed) - 1))
        name, quantity = one.executed[place]
        base, _, revision = name.rpartition(".")
        one.executed[place] = f"{base}.{int(revision) + 1:02}", quantity
        self.on_the_way.append(one.executions(self.at, self.epoch, listed=False)[place])

    @precondition(lambda self: any(one.executed for one in self.ib.values()))
    @rule(data=st.data(), amount=st.sampled_from(["1", "-0.25", "-1"]))
    def is_paid(self, data: st.DataObject, amount: str) -> None:
        """A commission comes, with a rebate or not yet; in its own time, which may be before its execution."""
        one = data.draw(st.sampled_from([one for one in self.ib.values() if one.executed]))
        name, _ = data.draw(st.sampled_from(one.executed))
        self.on_the_way.append(e.CommissionSeen(at=self.at, execution_id=name, amount=D(amount), currency="USD"))

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data(), what=st.sampled_from(["arrives", "twice", "lost"]))
    def frame(self, data: st.DataObject, what: str) -> None:
        """A frame arrives, in any order, once or twice, or never."""
        self.at += 0.1
        one = self.on_the_way.pop(data.draw(st.integers(0, len(self.on_the_way) - 1)))
        for _ in range({"arrives": 1, "twice": 2, "lost": 0}[what]):
            self._apply(replace(one, at=self.at))

    @rule(seconds=st.sampled_from([1.0, 3.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.at += seconds
        for each in tuple(self.orders.values()):
            self._keep(advance(each, e.TimePassed(at=self.at)))

    def _session_over(self) -> None:
        self.on_the_way.clear()
        self.epoch += 1
        for each in tuple(self.orders.values()):
            self._keep(advance(each, e.SessionLost(at=self.at, reason="The session ended.")))

    @rule()
    def session_ends(self) -> None:
        self._session_over()

    @rule()
    def gateway_restarts(self) -> None:
        """It forgets what is over: that is in no list any more."""
        self.at += 1
        self.restarted = self.at
        for one in self.ib.values():
            one.forgotten = one.status != "Submitted"
        self._session_over()

    @rule()
    def service_crashes(self) -> None:
        self.journal.close()
        self._start()
        self._session_over()

    def _look(self, *, complete: bool) -> Pass:
        at = self.at
        rows = [one.open_order(at, self.epoch, listed=True) for one in self.ib.values() if one.status == "Submitted"]
        done = [
            e.CompletedSeen(at=at, epoch=self.epoch, perm_id=one.perm_id, token=token, status=one.status, completed_status=one.status)
            for token, one in self.ib.items()
            if one.status != "Submitted" and not one.forgotten
        ]
        fills = [fill for one in self.ib.values() if not one.forgotten for fill in one.executions(at, self.epoch, listed=True)]
        lists: dict[str, Any] = {"open_orders": tuple(rows), "all_open_orders": tuple(rows), "executions": tuple(fills)}
        return clean(at, epoch=self.epoch, completed=tuple(done) if complete else None, **lists)

    def _reconcile(self, present: Pass, earlier: Pass | None) -> None:
        for finding in judge(tuple(self.orders.values()), present, earlier, ground(self.at, gateway_started=self.restarted)).findings:
            for evidence in finding.evidence:
                self._keep(advance(self.orders[finding.order_id], evidence))

    @rule(complete=st.booleans())
    def reconciles(self, *, complete: bool) -> None:
        """Two passes, a minute apart; what was still on its way has arrived or is lost."""
        self.on_the_way.clear()
        self.time_passes(60.0)
        first = self._look(complete=complete)
        self._reconcile(first, None)
        self.time_passes(60.0)
        self._reconcile(self._look(complete=complete), first)
        for each in self.orders.values():
            one = self.ib.get(each.token)
            if one is None:
                waits = each.written_at is None and each.doubt is None and each.verdict is None
                assert each.status in {"pending_new", "unknown", "not_received", "rejected"}
                restarted = self.restarted is not None and self.restarted > (each.written_at or each.created)
                assert waits or not complete or restarted or each.new_attempt_is_safe
            elif complete and one.forgotten:
                assert each.status in {"filled", "cancelled", "closed_unverified", "expired", "unknown"}
            elif complete:
                assert each.filled == one.filled
                if one.status == "Submitted":
                    assert not each.status.is_terminal
                elif each.status != "working" or not each.fills_pending:
                    assert each.status in {"filled", "cancelled"}

    @invariant()
    def no_order_is_on_the_wire_twice(self) -> None:
        assert len(self.wire) == len(set(self.wire))

    @invariant()
    def nothing_is_called_what_it_is_not(self) -> None:
        for each in self.orders.values():
            one = self.ib.get(each.token)
            assert each.filled <= (one.filled if one else 0)
            if each.new_attempt_is_safe:
                assert one is None
            assert {fill.commission for fill in each.fills} <= {None, D("1"), D("-0.25")}
            if each.status == "filled":
                assert one is not None
                assert one.filled == TOTAL
            if each.status == "cancelled":
                assert one is not None
                assert one.status == "Cancelled"

    def teardown(self) -> None:
        reader = Reader(self.journal.path)
        numbers: list[int] = []
        while (page := reader.entries(numbers[-1] if numbers else 0)).entries:
            numbers += [entry.sequence for entry in page.entries]
        assert numbers == list(range(1, self.journal.sequence + 1))
        assert {each.order_id: each for each in reader.orders()} == self.orders
        reader.close()
        assert audit.check(self.journal.path) == []
        self.journal.close()
        shutil.rmtree(self.path)


TestOrders = Orders.TestCase
TestOrders.settings = settings(max_examples=examples(12, 40), stateful_step_count=30, deadline=None)
