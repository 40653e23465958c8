"""A client with lost answers, a service that crashes and a gateway that loses, doubles and delays, against a model of what IB has.

The promise: for each token at most one order on the wire; numbers without a gap; and nothing is called what it is not.
Rules steer to where a guess would do harm; `test_mutants` names errors that this machine notices.
"""

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

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
from ibactors.orders.transaction import Transaction
from ibactors.orders.verdicts import Pass, judge
from tests.examples import examples
from tests.orders.orderkit import NOON, D, order
from tests.orders.passes import clean, execution, ground, row

pytestmark = pytest.mark.thorough

BOOK = Book(login="paper", client_id=1)
TOTAL = 10
Fate = Literal["seen", "written", "unwritten", "withdrawn", "swallowed", "unsaved"]
FATES = st.sampled_from([*get_args(Fate), "seen", "seen"])
CUTS = st.sampled_from([(), (), ("open_orders", "all_open_orders"), ("completed", "executions")])
"""Lists of a pass that have no end."""


def _state(kept: Order) -> Order:
    """An order as the journal has it, without its place there."""
    return replace(kept, cursor="")


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


class Stranger(NamedTuple):
    """An order of before the ids rolled back: it has the number of one of ours, its contract and its side, and is not ours."""

    alike: Order
    perm_id: int
    executed: bool

    def open_order(self, at: float, epoch: int) -> e.OpenOrderSeen:
        return row(self.alike, at, perm_id=self.perm_id, epoch=epoch, token=None, order_ref="of another program")

    def executions(self, at: float, epoch: int) -> list[e.ExecutionSeen]:
        name = f"{self.perm_id}.0.01"
        seen = execution(self.alike, at, perm_id=self.perm_id, epoch=epoch, execution_id=name, quantity=D(1), token=None)
        return [seen] if self.executed else []


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
        self.strangers: list[Stranger] = []
        self.on_the_way: list[Evidence] = []
        self.told = 0
        self.read = 0
        """The number of the last entry that was read back."""
        self.restarted: float | None = None
        """When the gateway was started last."""
        self._start()

    def _start(self) -> None:
        self.journal = Journal(self.path, allow_ephemeral=True)
        self.reader = Reader(self.journal.path)
        self.orders = {each.order_id: _state(each) for each in self.reader.orders()}
        assert self.journal.sequence >= self.told

    def _stop(self) -> None:
        assert {each.order_id: _state(each) for each in self.reader.orders()} == self.orders
        self.reader.close()
        self.journal.close()

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

    def _next_name(self) -> str:
        self.number += 1
        return f"o-{self.number}"

    def _intent(self, name: str) -> Intent:
        self.at += 1
        asked = order(len(self.orders) + 1, name=name, created=self.at)
        return Intent(orders=(asked,), request="{}", fingerprint=name, book=BOOK, epoch=self.epoch, next_valid_id=1)

    @rule(target=names, fate=FATES)
    def asks(self, fate: Fate) -> str:
        """The client asks for an order; the service gets as far as *fate*."""
        name = self._next_name()
        self._place(name, fate)
        return name

    @rule(target=names, executed=st.booleans())
    def asks_under_a_number_that_is_taken(self, *, executed: bool) -> str:
        """The order never comes to IB, which has a stranger under its number."""
        name = self._next_name()
        self._place(name, "swallowed")
        alike = next(each for each in self.orders.values() if each.client_order_id == name)
        self.strangers.append(Stranger(alike, 7000 + len(self.strangers), executed))
        return name

    @rule(name=names, fate=FATES)
    def asks_again(self, name: str, fate: Fate) -> None:
        """The client has lost the answer."""
        self._place(name, fate)

    @rule(target=names)
    def is_refused_by_the_journal(self) -> str:
        """An operation that has taken its numbers fails, in one transaction with one that does not."""
        name = self._next_name()
        intent = self._intent(name)

        def twice(tx: Transaction) -> None:
            place(tx, intent)
            place(tx, replace(intent, orders=(replace(intent.orders[0], client_order_id="another", token="another"),)))

        failed, _ = self.journal.commit([Job(twice), Job(lambda tx: tx.note("halt", self.at, {}))])
        assert isinstance(failed, sqlite3.IntegrityError)
        self.told = self.journal.sequence
        return name

    def _place(self, name: str, fate: Fate) -> None:
        intent = self._intent(name)
        placed = self._commit(lambda tx: place(tx, intent))
        if isinstance(placed, Existing):
            assert _state(placed.order) == self.orders[placed.order.order_id]
            return
        (made,) = placed.orders
        self.orders[made.order_id] = made
        if fate == "withdrawn":
            self._keep(advance(made, e.Withdrawn(at=self.at, kind=Sent.PLACE, reason="session_changed")))
        if fate not in {"unwritten", "withdrawn"}:
            self.wire.append(made.token)
            if fate != "swallowed":
                self.ib[made.token] = AtIb(made, 9000 + len(self.ib))
                self._tell(self.ib[made.token].open_order(self.at, self.epoch, listed=False), at_once=fate == "seen")
            if fate != "unsaved":
                self._keep(advance(made, e.Written(at=self.at, kind=Sent.PLACE, epoch=self.epoch)))
                self._commit(lambda tx: settle_send(tx, made.order_id, Sent.PLACE, "written"))

    def _tell(self, *evidence: Evidence, at_once: bool) -> None:
        """Frames that the service reads at once, or that are on their way."""
        for each in evidence if at_once else ():
            self._apply(each)
        self.on_the_way += () if at_once else evidence

    def _any(self, data: st.DataObject) -> AtIb:
        return self.ib[data.draw(st.sampled_from(sorted(self.ib)))]

    @precondition(lambda self: self.ib)
    @rule(data=st.data(), quantity=st.integers(1, TOTAL), at_once=st.booleans(), wrongly=st.booleans())
    def executes(self, data: st.DataObject, quantity: int, *, at_once: bool, wrongly: bool) -> None:
        """Part of an order is executed, *wrongly* at a price that is corrected soon."""
        one = self._any(data)
        quantity = min(quantity, TOTAL - one.filled)
        if one.status == "Submitted" and quantity:
            one.executed.append((f"{one.perm_id}.{len(one.executed)}.01", quantity))
            one.status = "Filled" if one.filled == TOTAL else one.status
            told = one.executions(self.at, self.epoch, listed=False)[-1], one.open_order(self.at, self.epoch, listed=False)
            self._tell(*told, at_once=at_once)
            if wrongly:
                self._correct(one, len(one.executed) - 1, at_once=at_once)

    @precondition(lambda self: self.ib)
    @rule(data=st.data())
    def ends(self, data: st.DataObject) -> None:
        one = self._any(data)
        if one.status == "Submitted":
            one.status = "Cancelled"
            self.on_the_way.append(one.open_order(self.at, self.epoch, listed=False))

    @precondition(lambda self: any(one.executed for one in self.ib.values()))
    @rule(data=st.data(), at_once=st.booleans())
    def corrects(self, data: st.DataObject, *, at_once: bool) -> None:
        """An execution is told anew, under a higher number: the price was wrong."""
        one = data.draw(st.sampled_from([one for one in self.ib.values() if one.executed]))
        self._correct(one, data.draw(st.integers(0, len(one.executed) - 1)), at_once=at_once)

    def _correct(self, one: AtIb, place: int, *, at_once: bool) -> None:
        name, quantity = one.executed[place]
        base, _, revision = name.rpartition(".")
        one.executed[place] = f"{base}.{int(revision) + 1:02}", quantity
        self._tell(one.executions(self.at, self.epoch, listed=False)[place], at_once=at_once)

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
        self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        self.at += seconds
        for each in tuple(self.orders.values()):
            self._keep(advance(each, e.TimePassed(at=self.at)))

    def _session_over(self) -> None:
        self.on_the_way.clear()
        self.epoch += 1
        for each in tuple(self.orders.values()):
            self._keep(advance(each, e.SessionLost(at=self.at, reason="The session ended.")))

    @rule(cut=CUTS)
    def session_ends(self, cut: tuple[str, ...]) -> None:
        self._session_over()
        self._reconcile(cut)

    @rule(ends=st.booleans())
    def gateway_restarts(self, *, ends: bool) -> None:
        """It forgets what is over: that is in no list any more. What ended while it was away, nobody saw end."""
        self.at += 1
        self.restarted = self.at
        for one in self.ib.values():
            one.status = "Cancelled" if ends and one.status == "Submitted" else one.status
            one.forgotten = one.status != "Submitted"
        self._session_over()
        self._reconcile(())

    @rule()
    def service_crashes(self) -> None:
        self._stop()
        self._start()
        self._session_over()

    def _look(self, cut: tuple[str, ...]) -> Pass:
        at, epoch = self.at, self.epoch
        rows = [one.open_order(at, epoch, listed=True) for one in self.ib.values() if one.status == "Submitted"]
        rows += [one.open_order(at, epoch) for one in self.strangers]
        done = [
            e.CompletedSeen(at=at, epoch=epoch, perm_id=one.perm_id, token=token, status=one.status, completed_status=one.status)
            for token, one in self.ib.items()
            if one.status != "Submitted" and not one.forgotten
        ]
        fills = [fill for one in self.ib.values() if not one.forgotten for fill in one.executions(at, epoch, listed=True)]
        fills += [fill for one in self.strangers for fill in one.executions(at, epoch)]
        whole: dict[str, list[Any]] = {"open_orders": rows, "all_open_orders": rows, "completed": done, "executions": fills}
        lists: dict[str, Any] = {name: None if name in cut else tuple(found) for name, found in whole.items()}
        return clean(at, epoch=epoch, **lists)

    def _judge(self, present: Pass, earlier: Pass | None) -> None:
        for finding in judge(tuple(self.orders.values()), present, earlier, ground(self.at, gateway_since=self.restarted or 0.0)).findings:
            for evidence in finding.evidence:
                self._keep(advance(self.orders[finding.order_id], evidence))

    @rule(cut=CUTS)
    def reconciles(self, cut: tuple[str, ...]) -> None:
        self._reconcile(cut)

    def _reconcile(self, cut: tuple[str, ...]) -> None:
        """Two passes, a minute apart; what was still on its way has arrived or is lost."""
        self.on_the_way.clear()
        self._wait(60.0)
        first = self._look(cut)
        self._judge(first, None)
        self._wait(60.0)
        self._judge(self._look(cut), first)
        for each in self.orders.values() if not cut else ():
            self._is_known(each, self.ib.get(each.token))

    def _is_known(self, each: Order, one: AtIb | None) -> None:
        """What two whole passes leave of one order."""
        if one is None:
            waits = each.written_at is None and each.doubt is None and each.verdict is None
            restarted = self.restarted is not None and self.restarted > (each.written_at or each.created)
            assert waits or restarted or self.strangers or each.new_attempt_is_safe
        elif one.forgotten and each.seen:
            assert each.status in {"filled", "cancelled", "closed_unverified"}
        elif one.forgotten:
            assert each.status == "unknown"
        elif one.status == "Submitted":
            assert each.filled == one.filled
            assert not each.status.is_terminal
        else:
            assert each.filled == one.filled
            assert each.status in {"filled", "cancelled"} or (each.status == "working" and each.fills_pending)

    @invariant()
    def no_order_is_on_the_wire_twice(self) -> None:
        assert len(self.wire) == len(set(self.wire))

    @invariant()
    def nothing_is_called_what_it_is_not(self) -> None:
        for each in self.orders.values():
            one = self.ib.get(each.token)
            assert each.filled <= (one.filled if one else 0)
            if one is None:
                assert each.status in {"pending_new", "unknown", "not_received", "rejected"}
            elif each.status == "closed_unverified":
                assert one.status != "Submitted"
            if each.new_attempt_is_safe:
                assert one is None
            assert {fill.commission for fill in each.fills} <= {None, D("1"), D("-0.25")}
            if each.status == "filled":
                assert one is not None
                assert one.filled == TOTAL
            if each.status == "cancelled":
                assert one is not None
                assert one.status == "Cancelled"

    @invariant()
    def numbers_have_no_gap(self) -> None:
        while (page := self.reader.entries(self.read)).entries:
            assert [entry.sequence for entry in page.entries] == list(range(self.read + 1, self.read + 1 + len(page.entries)))
            self.read += len(page.entries)
        assert self.read == self.journal.sequence

    def teardown(self) -> None:
        assert audit.check(self.journal.path) == []
        self._stop()
        shutil.rmtree(self.path)


TestOrders = Orders.TestCase
TestOrders.settings = settings(max_examples=examples(12, 60), stateful_step_count=30, deadline=None)
