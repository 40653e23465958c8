"""What clients ask of orders: the desk takes, changes and cancels them, or says why not.

Errors go to the client that asked; everything else is the business of the order book behind the desk.
"""

import dataclasses

from ibactors.sim.gateway import Client, Gateway
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.orders import conditions, frames, layout, precautions
from ibactors.sim.orders.book import OrderBook
from ibactors.sim.orders.combo import combination
from ibactors.sim.orders.floor import net_price
from ibactors.sim.orders.life import Leg, Order, Status
from ibactors.sim.orders.manual import ManualOrders
from ibactors.sim.orders.margin import odd_lot_warning
from ibactors.sim.orders.rules import Refusal, attempted_too_early, mismatch, not_cancellable, not_found, refusal, too_late
from ibactors.sim.orders.ticket import Ticket

# Fields that stay as they were when a change leaves them empty.
_CANNOT_BE_CLEARED = ("orderRef", "goodAfterTime", "discretionaryAmt")


class Desk:
    """Where the clients of one gateway hand in their orders; `book` holds what became of them."""

    def __init__(self, gateway: Gateway, *, seed: int) -> None:
        self.book = OrderBook(gateway, seed=seed)
        self.manual = ManualOrders(gateway, self.book)
        self.chronicle = self.book.chronicle
        self._gateway = gateway

    def next_id(self, client_id: int) -> int:
        """The lowest order id that a client may use."""
        return self.book.register.next_id(client_id)

    def place(self, client: Client, ticket: Ticket, legs: tuple[Leg, ...], account: str) -> None:
        """Take a new order, change the one that has the id, or answer a what-if."""
        known = self.book.register.find(client.client_id, ticket.order_id)
        instrument = combination(ticket.spec, legs) if ticket.legs else legs[0].instrument
        if instrument.sec_type == "CASH" and not ticket.quantity and ticket.echo["cashQty"]:
            # The broker computes what an amount of money buys.
            ticket = dataclasses.replace(ticket, quantity=float(int(float(ticket.echo["cashQty"]) / self._gateway.market.mark(instrument))))
        notice = self._told(ticket)
        if notice is not None and notice.code in precautions.REFUSALS:
            if known is not None and not known.done:
                # A gateway repeats the unchanged order before it says why it stays so.
                self.book.notices.state(known)
            self.refuse(client, ticket.order_id, notice)
            return
        self._take(client, ticket, legs, account, known, instrument)
        if notice is not None:
            client.error(ticket.order_id, notice.code, notice.text)

    def refuse(self, client: Client, order_id: int, wrong: Refusal) -> None:
        """Tell a client why its order is not taken; the id is used up."""
        if order_id > 0 and wrong.code not in (103, 321):
            self.book.register.spend(client.client_id, order_id)
        client.error(order_id, wrong.code, wrong.text)

    def _take(
        self, client: Client, ticket: Ticket, legs: tuple[Leg, ...], account: str, known: Order | None, instrument: Instrument
    ) -> None:
        if known is not None and not ticket.what_if:
            self._change(client, known, ticket, instrument)
            return
        parent = self.book.register.find(client.client_id, ticket.parent_id)
        order = self.book.make(client.client_id, ticket, legs, account)
        mark = net_price(order, self.book.marks(order))
        wrong = self._refusal(client, ticket, instrument, parent)
        wrong = wrong or precautions.refusal(ticket, instrument, mark, self._gateway.quirks.precautions)
        if wrong is not None:
            self.refuse(client, ticket.order_id, wrong)
            return
        order.parent = parent if ticket.parent_id else None
        if ticket.what_if:
            self._answer_what_if(client, order)
        else:
            self.book.accept(order)

    def cancel(self, client: Client, order_id: int) -> None:
        """Cancel the order that a client means, or say why not.

        The number is the client's own; where it has no such order, another client's with that number is meant.
        """
        own = self.book.register.find(client.client_id, order_id)
        order = own or self.book.register.find_of_anybody(order_id)
        if order is None:
            wrong: Refusal | None = not_found(order_id)
        elif self._gateway.quirks.cancel_answers:
            wrong = self._cancel_oddly(order, self._gateway.quirks.cancel_answers.pop(0))
        else:
            wrong = not_cancellable(order)
        if wrong is not None:
            client.error(order_id, wrong.code, wrong.text)
            return
        if order is None:
            return
        self.book.cancel(order)
        if own is None:
            client.send(frames.order_status(order, client_id=client.client_id))
            if order.done:
                client.error(order_id, 202, "Order Canceled - reason:")

    def _cancel_oddly(self, order: Order, code: int) -> Refusal | None:
        """Answer a cancel with a code that was asked for: behind 10147 and 10148 it worked all the same."""
        if code == 161:
            return attempted_too_early(order)
        self.book.end(order, told=False)
        return not_found(order.order_id) if code == 10147 else not_cancellable(order)

    def _told(self, ticket: Ticket) -> Refusal | None:
        """What a command or a preset says to this order, whatever it is; None for most."""
        quirks = self._gateway.quirks
        code = quirks.refusals.pop(0) if quirks.refusals else 0
        if code:
            return Refusal(code=code, text=precautions.REFUSALS.get(code) or precautions.WARNINGS[code])
        return precautions.PRESET_TIF if quirks.presets and not ticket.echo["tif"] else None

    def _refusal(self, client: Client, ticket: Ticket, instrument: Instrument, parent: Order | None) -> Refusal | None:
        if ticket.order_id < self.next_id(client.client_id):
            return Refusal(code=103, text="Duplicate order id")
        wrong = refusal(ticket, instrument) or conditions.refusal(ticket, self._gateway)
        if wrong is None and ticket.parent_id and (parent is None or parent.done):
            return Refusal(code=135, text=f"Can't find order with id ={ticket.parent_id}")
        return wrong

    def _change(self, client: Client, order: Order, ticket: Ticket, instrument: Instrument) -> None:
        ticket = ticket.keeping(order.ticket, _CANNOT_BE_CLEARED)
        wrong = too_late(order) or refusal(ticket, instrument)
        if wrong is None and ticket.parent_id and order.parent is not None and order.parent.done:
            # The gateway has forgotten the parent; a child on its own is changed with parent id 0.
            wrong = Refusal(code=135, text=f"Can't find order with id ={ticket.parent_id}")
        wrong = wrong or conditions.refusal(ticket, self._gateway) or mismatch(order, ticket, instrument)
        if wrong is not None:
            client.error(order.order_id, wrong.code, wrong.text)
        else:
            self.book.amend(order, ticket)

    def _answer_what_if(self, client: Client, order: Order) -> None:
        order.status = Status.PRESUBMITTED
        odd = odd_lot_warning(order.instrument, order.quantity)
        order.warning = f"Important Note: {odd}" if odd else ""
        mode = self._gateway.quirks.what_if
        if mode not in ("one", "never"):
            client.send(layout.open_order(client.version, order, priced=mode == "placeholder"))
        if mode not in ("first", "never"):
            preview = self.book.preview(order)
            if mode == "no-commission":
                preview = dataclasses.replace(preview, commission=None)
            client.send(layout.open_order(client.version, order, preview))
