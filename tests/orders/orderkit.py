"""Orders and evidence for tests, short to write."""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from ibactors.orders import evidence as e
from ibactors.orders.draft import Event, Want
from ibactors.orders.order import Order
from ibactors.orders.states import advance
from ibactors.orders.terms import OrderType, Side, Terms, TimeInForce
from ibactors.orders.tokens import order_ref, token_of

ACCOUNT = "DU1234567"
NOON = 1_795_795_200.0
"""2026-11-27 16:00:00 UTC, a Friday; 11:00 in New York."""
D = Decimal


def terms(**changes: Any) -> Terms:
    base = Terms(
        account=ACCOUNT,
        con_id=265598,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        side=Side.BUY,
        quantity=D(10),
        type=OrderType.LIMIT,
        limit_price=D("228.37"),
        time_in_force=TimeInForce.DAY,
    )
    return replace(base, **changes)


def order(number: int = 13, *, name: str | None = None, of: Terms | None = None, **changes: Any) -> Order:
    client_order_id = name or f"o-{number}"
    base = Order(
        order_id=f"ord_{number:016d}",
        client_order_id=client_order_id,
        account=ACCOUNT,
        mode="paper",
        key="bot",
        token=token_of(ACCOUNT, client_order_id),
        label="test",
        terms=of or terms(),
        ib_order_id=number,
        client_id=1,
        created=NOON,
        updated=NOON,
    )
    return replace(base, **changes)


class Life:
    """An order, and the evidence that it is given, second by second."""

    def __init__(self, start: Order | None = None, *, written: bool = True) -> None:
        self.order = start or order()
        self.at = NOON
        self.epoch = 1
        self.told: list[Event] = []
        self.wants: set[Want] = set()
        if written:
            self.give(e.Written(at=self.at, kind=e.Sent.PLACE, epoch=1))

    @property
    def status(self) -> str:
        return str(self.order.status)

    @property
    def kinds(self) -> list[str]:
        return [str(event.kind) for event in self.told]

    def give(self, evidence: e.Evidence) -> "Life":
        step = advance(self.order, evidence)
        self.order = step.order
        self.told.extend(step.events)
        self.wants |= step.wants
        return self

    def later(self, seconds: float) -> "Life":
        self.at += seconds
        return self

    def tick(self, seconds: float) -> "Life":
        self.later(seconds)
        return self.give(e.TimePassed(at=self.at))

    def _from_ib(self, changes: dict[str, Any]) -> dict[str, Any]:
        o = self.order
        return {"at": self.at, "epoch": self.epoch, "order_id": o.ib_order_id, "client_id": o.client_id, "perm_id": 9_001} | changes

    def open(self, status: str = "Submitted", *, echo: Terms | None = None, seen: e.Echo | None = None, **changes: Any) -> "Life":
        shown = echo or self.order.terms
        fields = self._from_ib(changes)
        fields.setdefault("token", self.order.token)
        fields.setdefault("order_ref", order_ref(self.order.label, fields["token"]) if fields["token"] else "")
        seen = seen or e.Echo(
            con_id=shown.con_id, side=shown.side, quantity=shown.quantity, limit_price=shown.limit_price, stop_price=shown.stop_price
        )
        fields.setdefault("echo", seen)
        return self.give(e.OpenOrderSeen(status=status, **fields))

    def says(self, status: str = "Submitted", **changes: Any) -> "Life":
        return self.give(e.StatusSeen(status=status, **self._from_ib(changes)))

    def fill(self, quantity: int, execution_id: str, price: str = "228.37", **changes: Any) -> "Life":
        t = self.order.terms
        base = {"con_id": t.con_id, "sec_type": t.sec_type, "side": t.side, "time": self.at, "token": self.order.token}
        fields = self._from_ib(base | changes)
        return self.give(e.ExecutionSeen(execution_id=execution_id, quantity=D(quantity), price=D(price), **fields))

    def paid(self, execution_id: str, amount: str | None, currency: str = "USD") -> "Life":
        value = None if amount is None else D(amount)
        return self.give(e.CommissionSeen(at=self.at, execution_id=execution_id, amount=value, currency=currency))

    def error(self, code: int, text: str = "something", **changes: Any) -> "Life":
        return self.give(e.ErrorSeen(code=code, text=text, **(self._from_ib(changes) | {"perm_id": None})))

    def lost(self) -> "Life":
        self.give(e.SessionLost(at=self.at, reason="The session ended."))
        self.epoch += 1
        return self

    def change(self, change_id: str = "c1", *, write: bool = True, **changes: Any) -> "Life":
        self.give(e.ChangeAsked(at=self.at, change_id=change_id, terms=replace(self.order.terms, **changes)))
        return self.give(e.Written(at=self.at, kind=e.Sent.CHANGE, epoch=self.epoch)) if write else self

    def cancel(self, *, write: bool = True, reason: str = "") -> "Life":
        self.give(e.CancelAsked(at=self.at, by="key:bot", reason=reason))
        return self.give(e.Written(at=self.at, kind=e.Sent.CANCEL, epoch=self.epoch)) if write else self


def shows(one: Order) -> e.OpenOrderSeen:
    """IB's word that an order works."""
    seen: list[e.Evidence] = []

    class Listening(Life):
        def give(self, evidence: e.Evidence) -> Life:
            seen.append(evidence)
            return self

    Listening(one, written=False).open()
    assert isinstance(seen[0], e.OpenOrderSeen)
    return seen[0]
