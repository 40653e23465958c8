"""The book of all orders: how they work, fill and end, and who is told.

One book belongs to one gateway and outlives its clients' connections. Every method runs to its end without waiting; what clients learn is
posted to their sessions in the order in which a real gateway sends it.
"""

import datetime as dt
import random

from ibactors.sim.gateway import Gateway
from ibactors.sim.orders import conditions
from ibactors.sim.orders.chronicle import Chronicle
from ibactors.sim.orders.combo import combination
from ibactors.sim.orders.families import Families
from ibactors.sim.orders.fills import execute
from ibactors.sim.orders.floor import Floor, initial_stop
from ibactors.sim.orders.life import Fill, Leg, Order, Status
from ibactors.sim.orders.margin import Preview, preview, shortfall, trades
from ibactors.sim.orders.notices import Notices
from ibactors.sim.orders.register import Register
from ibactors.sim.orders.ticket import Ticket
from ibactors.sim.orders.times import expiry, next_opening, opening, parse_moment

_AT_ONCE = ("IOC", "FOK", "OPG")


class OrderBook:
    """All orders of a gateway, alive or done, by client id and order id."""

    def __init__(self, gateway: Gateway, *, seed: int) -> None:
        self.fills: list[Fill] = []
        self.finished: list[Order] = []
        self.reject_next = ""
        # Executions and completed orders before this are of an earlier day, and in no list any more.
        self.day_began = gateway.now().replace(hour=0, minute=0, second=0, microsecond=0)
        self._gateway = gateway
        self._random = random.Random(f"{seed}:orders")
        self.register = Register(self._random)
        self.notices = Notices(gateway)
        self.chronicle = Chronicle(gateway.ledger.accounts)
        self._families = Families(self.register.living)
        self.floor = Floor(gateway.market, self, self._is_out_of_reach)

    def make(self, client_id: int, ticket: Ticket, legs: tuple[Leg, ...], account: str) -> Order:
        """An order that is not in the book yet."""
        instrument = combination(ticket.spec, legs) if ticket.legs else legs[0].instrument
        order = Order(
            ticket=ticket,
            instrument=instrument,
            legs=legs,
            account=account,
            client_id=client_id,
            perm_id=self.register.new_perm_id(),
            placed=self._gateway.now(),
            leg_fills=[[] for _ in legs] if ticket.legs else [],
            hides_perm_id=self._gateway.quirks.perm_ids_late and not ticket.what_if,
        )
        if (instrument.sec_type == "CASH" and ticket.order_type == "MKT") or (ticket.order_type in ("STP", "TRAIL") and not ticket.legs):
            order.shown_limit, _ = self.floor.quote(instrument).touch(buys=order.buys)
        return order

    def preview(self, order: Order) -> Preview:
        """What an order would do to its account if it were filled now."""
        return preview(self._gateway.ledger, self._gateway.ledger.accounts[order.account], trades(order, self.marks(order)))

    def accept(self, order: Order) -> None:
        """Enter a new order, and let it work unless its account cannot afford it."""
        self.register.add(order)
        self.chronicle.taken(order)
        if order.parent is not None:
            order.parent.children.append(order)
        hangs = self._gateway.quirks.hangs
        order.hangs = hangs.pop(0) if hangs else ""
        # A child closes what its parent opens, which is not there yet.
        reason = self.reject_next or (shortfall(self.preview(order)) if order.parent is None else "")
        self.reject_next = ""
        if reason:
            self.reject(order, reason)
        elif order.ticket.transmit:
            self._transmit(order)

    def amend(self, order: Order, ticket: Ticket) -> None:
        """Let an order go on as its client wants it now."""
        if self._gateway.quirks.incarnations and self._gateway.faults.connectivity_lost:
            self.fork(order, ticket)
            return
        order.released = order.released and ticket.conditions == order.ticket.conditions
        order.ticket = ticket
        order.reduced = 0
        if order.status is not Status.UNTRANSMITTED:
            self._schedule(order)
            if order.kind.at_close:
                # Recorded: nothing comes back, and lists have the new values under this word.
                order.hangs = Status.UNTRANSMITTED.value
                return
            self.notices.state(order)
            self.work(order)
        elif ticket.transmit:
            self._transmit(order)

    def fork(self, order: Order, ticket: Ticket) -> None:
        """Make a second live order with the ids of one, as when a change met a broker that was out of reach."""
        twin = self.make(order.client_id, ticket, order.legs, order.account)
        twin.parent = order.parent
        self.register.displace(order)
        self.accept(twin)

    def cancel(self, order: Order) -> None:
        """Cancel an order; while the broker is out of reach, only promise to."""
        if not (self._gateway.faults.connectivity_lost or self._gateway.quirks.pending_cancels):
            self.end(order)
        elif not order.cancelling:
            order.cancelling, order.status = True, Status.PENDING_CANCEL
            self.notices.status(order)

    def cancel_all(self) -> None:
        """Cancel every open order of every client."""
        for order in tuple(self.register.living.values()):
            self.cancel(order)

    def end_by_broker(self, order: Order, reason: str) -> None:
        """Cancel an order as the broker or the exchange does of its own accord."""
        order.status, order.hangs = Status.PENDING_CANCEL, ""
        self.notices.status(order)
        self.end(order, words="Cancelled by System:\n", reason=reason)

    def end(self, order: Order, *, words: str = "Cancelled by Trader", reason: str = "", told: bool = True) -> None:
        """Cancel an order that is alive, and what depends on it; `told` is whether its client hears of it."""
        if order.done:
            return
        self._finish(order, Status.CANCELLED, words)
        if told:
            self.notices.cancelled(order, reason)
        for child in self._families.children(order):
            if not order.filled:
                self.end(child)
            elif child.status is not Status.UNTRANSMITTED:
                # What the parent did buy keeps its protection.
                child.reduced += max(0, child.quantity - order.filled)
                self.work(child)

    def reject(self, order: Order, reason: str) -> None:
        """Make an order inactive, as the risk checks of a broker do."""
        self._finish(order, Status.INACTIVE, "Rejected")
        self.notices.state(order)
        self.notices.error(order, 201, f"Order rejected - reason:{reason}")
        for child in self._families.children(order):
            self.end(child)

    def of_today(self, moment: dt.datetime | None) -> bool:
        """Whether something is of the present day, by the gateway's midnight or that of the command."""
        midnight = self._gateway.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return moment is not None and moment >= max(midnight, self.day_began)

    def tick(self) -> None:
        """Do what is due by the clock; called a few times a second."""
        now = self._gateway.now()
        for order in tuple(self.register.living.values()):
            if order.done or order.status is Status.UNTRANSMITTED:
                continue
            if order.cancelling:
                self.cancel(order)
            elif order.until is not None and order.until <= now:
                self.end(order, words="Expired")
            elif order.ticket.conditions and not order.released and conditions.hold(order, self._gateway, self.fills):
                self._release(order)
            elif order.held_until is not None and order.held_until <= now:
                order.held_until = None
                if order.kind.at_close:
                    self._close(order)
                else:
                    self.work(order)

    def filled(self, order: Order, size: int, prices: list[float]) -> None:
        """Book an execution, tell everybody, and let it act on the order's family."""
        fills = self.execute(order, size, prices)
        order.status = Status.SUBMITTED if order.remaining else Status.FILLED
        self.notices.executed(order, fills)
        self.notices.state(order)
        if order.remaining == 0:
            self._finish(order, Status.FILLED, f"Filled Size: {order.filled}")
            self.notices.state(order, priced=True)
        self.notices.charged(order, fills)
        self._act_on_family(order, size)

    def execute(self, order: Order, size: int, prices: list[float]) -> list[Fill]:
        """Book an execution, whatever state the order is in; nobody is told here."""
        fills = execute(self._gateway, order, size, prices, number=len(self.fills), choice=self._random)
        self.fills += fills
        return fills

    def elected(self, order: Order) -> None:
        """Tell that a stop has become a market or limit order."""
        order.status = Status.SUBMITTED
        self.notices.state(order)

    def _release(self, order: Order) -> None:
        """Let an order whose conditions are met work, or cancel it if that is what they are for."""
        order.released = True
        if order.cancelled_by_conditions:
            self.end(order)
        else:
            self.work(order)

    def _transmit(self, order: Order) -> None:
        family = [o for o in self._families.of(order) if o.status is Status.UNTRANSMITTED]
        for member in family:
            free = not (member.waits_for_parent or member.waits_for_trigger or member.ticket.conditions or self._opening(member))
            member.status = Status.SUBMITTED if free and self._gateway.quirks.submits_at_once else Status.PRESUBMITTED
            self._schedule(member)
        self.notices.transmitted(family, [self._opening(member) for member in family])
        for member in family:
            self.work(member)

    def _opening(self, order: Order) -> dt.datetime | None:
        """When the order's market opens, None when it is open or always is."""
        return opening(order, self._gateway.now()) if self._gateway.market.keeps_hours else None

    def _is_out_of_reach(self, order: Order) -> bool:
        return self._gateway.faults.connectivity_lost or self._opening(order) is not None

    def _schedule(self, order: Order) -> None:
        """Set what follows from a new or changed ticket: the stop, and when the order begins and ends."""
        now = self._gateway.now()
        order.until = expiry(order, now)
        starts = [self._opening(order), parse_moment(order.ticket.echo["goodAfterTime"])]
        if order.kind.at_close:
            order.until, starts = None, [order.until]
        elif order.ticket.tif == "OPG":
            starts.append(next_opening(order, now))
        order.held_until = max((s for s in starts if s is not None and s > now), default=None)
        if not order.triggered:
            order.stop = initial_stop(order, self.floor.quote(order.legs[0].instrument))

    def work(self, order: Order) -> None:
        """Let the market at an order that is free to work."""
        if not order.works or order.held_until is not None or order.waits_for_conditions:
            # A change of an order that worked may have put it on hold.
            self.floor.leave(order)
            return
        self.floor.enter(order)
        if order.done:
            return
        if order.ticket.tif in _AT_ONCE:
            self._end_at_once(order)
        elif order.status is Status.PRESUBMITTED and not order.waits_for_trigger:
            order.status = Status.SUBMITTED
            self.notices.state(order)
        order.rested = True

    def _close(self, order: Order) -> None:
        """Fill an order for the close at the closing price, if its limit allows that."""
        order.hangs = ""
        prices = self.marks(order)
        if self.floor.accepts(order, prices):
            self.filled(order, order.remaining, prices)
        else:
            self.end(order, words="Expired")

    def _end_at_once(self, order: Order) -> None:
        """End what could not be filled at once, in the recorded way: without 202, and a FOK as Inactive."""
        if order.ticket.tif == "FOK":
            self._finish(order, Status.INACTIVE, "Cancelled by System:\n")
            self.notices.state(order)
            return
        if order.ticket.tif == "OPG":
            self.end_by_broker(order, "At the open order can not be executed")
            return
        order.status = Status.PENDING_CANCEL
        self.notices.status(order)
        self.end(order, words="Cancelled by System:\n", told=False)
        self.notices.status(order)

    def marks(self, order: Order) -> list[float]:
        """The market's price of each leg."""
        return [self._gateway.market.mark(leg.instrument) for leg in order.legs]

    def _act_on_family(self, order: Order, size: int) -> None:
        for other in self._families.group(order):
            if order.done or order.ticket.oca_type == 1 or other.remaining <= size:
                self.end(other)
            else:
                other.reduced += size
                self.notices.state(other)
        if order.status is Status.FILLED:
            for child in self._families.children(order):
                self.notices.state(child)
                self.work(child)

    def _finish(self, order: Order, status: Status, words: str) -> None:
        order.status = status
        order.completed = self._gateway.now()
        order.completed_status = words
        self.floor.leave(order)
        self.register.bury(order)
        self.finished.append(order)
