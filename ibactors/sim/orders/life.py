"""An order while it lives and what it leaves behind: its state, its fills, its frames' facts."""

import datetime as dt
import enum
from dataclasses import dataclass, field

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.orders.kinds import KINDS, Kind
from ibactors.sim.orders.ticket import Ticket


class Status(enum.Enum):
    """The words that orderStatus (3) and openOrder (5) use."""

    UNTRANSMITTED = "PendingSubmit"
    PRESUBMITTED = "PreSubmitted"
    SUBMITTED = "Submitted"
    FILLED = "Filled"
    PENDING_CANCEL = "PendingCancel"
    CANCELLED = "Cancelled"
    INACTIVE = "Inactive"
    # It never reached the broker, and the gateway has forgotten it; no frame ever says so.
    VANISHED = "Vanished"


_FINAL = (Status.FILLED, Status.CANCELLED, Status.INACTIVE, Status.VANISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """What a buyer of one unit buys or sells: an instrument itself, or one of several in a combination."""

    instrument: Instrument
    ratio: int = 1
    buys: bool = True

    @property
    def signed(self) -> int:
        """The ratio, negative when a buyer of the combination sells the leg."""
        return self.ratio if self.buys else -self.ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution. `realized` is None when it opened a position or made it larger.

    A combination has one fill for the whole, which costs nothing, and one for each leg.
    """

    order: "Order"
    instrument: Instrument
    buys: bool
    exec_id: str
    time: dt.datetime
    venue: str
    size: int
    price: float
    cumulated: int
    average: float
    liquidity: int
    commission: float
    currency: str
    realized: float | None

    @property
    def is_summary(self) -> bool:
        """Whether it only sums up the fills of a combination's legs."""
        return self.instrument.sec_type == "BAG"


@dataclass(slots=True, kw_only=True, eq=False)
class Order:
    """An order of one client.

    `reduced` is what its OCA group took from its size, `triggered` tells that its stop has been elected, `released` that its conditions
    were met, `cancelling` that its cancellation waits for the broker. `hangs` is the word of a state in which it was told to stay,
    `displaced` tells that a newer order has its id: two live orders of one id, after a change that met a broker out of reach.
    """

    ticket: Ticket
    instrument: Instrument
    legs: tuple[Leg, ...]
    account: str
    client_id: int
    perm_id: int
    placed: dt.datetime
    parent: "Order | None" = None
    # Filled by the book, so that nobody has to look through thousands of orders for a family.
    children: "list[Order]" = field(default_factory=list)
    status: Status = Status.UNTRANSMITTED
    triggered: bool = False
    released: bool = False
    cancelling: bool = False
    rested: bool = False
    hangs: str = ""
    displaced: bool = False
    hides_perm_id: bool = False
    price_cap: float = 0.0
    stop: float | None = None
    # A gateway shows the market's price as the limit of a market order for currency.
    shown_limit: float | None = None
    held_until: dt.datetime | None = None
    until: dt.datetime | None = None
    reduced: int = 0
    warning: str = ""
    fills: list[Fill] = field(default_factory=list)
    leg_fills: list[list[Fill]] = field(default_factory=list)
    completed: dt.datetime | None = None
    completed_status: str = ""

    @property
    def order_id(self) -> int:
        """The id that its client gave it."""
        return self.ticket.order_id

    @property
    def key(self) -> tuple[int, int]:
        """The book's key for it; an order that was typed into the gateway has no id, so its own number serves."""
        return self.client_id, -self.perm_id if self.displaced or not self.order_id else self.order_id

    @property
    def shown_status(self) -> str:
        """The word for its state that clients are told."""
        return self.hangs if self.hangs and not self.done and not self.cancelling else self.status.value

    @property
    def shown_perm_id(self) -> int:
        """Its permanent id; 0 as long as the gateway does not tell it."""
        return 0 if self.hides_perm_id else self.perm_id

    @property
    def kind(self) -> Kind:
        """How orders of its type behave."""
        return KINDS[self.ticket.order_type]

    @property
    def buys(self) -> bool:
        """Whether it adds to the position; SSHORT sells too."""
        return self.ticket.action == "BUY"

    @property
    def quantity(self) -> int:
        """How much is wanted in all."""
        return int(self.ticket.quantity) - self.reduced

    @property
    def filled(self) -> int:
        """How much has been bought or sold."""
        return self.fills[-1].cumulated if self.fills else 0

    @property
    def remaining(self) -> int:
        """How much is left to do."""
        return self.quantity - self.filled

    @property
    def average(self) -> float:
        """The average price of the fills, 0 without any."""
        return self.fills[-1].average if self.fills else 0.0

    @property
    def commission(self) -> float:
        """What the fills have cost so far."""
        return sum(f.commission for fills in (self.fills, *self.leg_fills) for f in fills)

    @property
    def done(self) -> bool:
        """Whether nothing will ever happen to it again."""
        return self.status in _FINAL

    @property
    def waits_for_parent(self) -> bool:
        """Whether it is a bracket's child whose parent has not filled."""
        return self.parent is not None and self.parent.status is not Status.FILLED and not self.parent.done

    @property
    def works(self) -> bool:
        """Whether the market can fill it."""
        return not self.done and not self.hangs and self.status is not Status.UNTRANSMITTED and not self.waits_for_parent

    @property
    def waits_for_conditions(self) -> bool:
        """Whether it is held until its conditions are met; they may also be there to cancel it."""
        return bool(self.ticket.conditions) and not self.released and not self.cancelled_by_conditions

    @property
    def cancelled_by_conditions(self) -> bool:
        """Whether its conditions end it instead of letting it work."""
        return self.ticket.echo.get("conditionsCancelOrder") == "1"

    @property
    def waits_for_trigger(self) -> bool:
        """Whether it is a stop that has not been elected."""
        return self.ticket.order_type in TRIGGERED and not self.triggered

    @property
    def why_held(self) -> str:
        """The reasons for which a gateway holds it back, as orderStatus lists them."""
        if self.done:
            return ""
        if self.hangs == Status.INACTIVE.value:
            return "locate"
        reasons = ["child"] if self.waits_for_parent else []
        return ",".join([*reasons, "trigger"] if self.waits_for_trigger else reasons)

    @property
    def limit_text(self) -> str:
        """The limit price as openOrder has it."""
        if self.ticket.order_type.startswith("SNAP"):
            # A snap order has no cap, whatever the client sent.
            return "0.0"
        shown = "0.0" if self.shown_limit is None else repr(self.shown_limit)
        return self.ticket.echo["lmtPrice"] or shown

    @property
    def oca_group(self) -> str:
        """Its group; the children of one parent are a group named by the parent's permanent id."""
        if self.ticket.echo["ocaGroup"]:
            return self.ticket.echo["ocaGroup"]
        return str(self.parent.perm_id) if self.parent is not None else ""


TRIGGERED = frozenset(name for name, kind in KINDS.items() if kind.trigger is not None)
