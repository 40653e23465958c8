"""What clients ask of orders: the desk takes, changes and cancels them, or says why not.

Errors go to the client that asked; everything else is the business of the order book behind the desk.
"""

from ibactors.sim.gateway import Client, Gateway
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.orders import conditions, layout
from ibactors.sim.orders.book import OrderBook
from ibactors.sim.orders.combo import combination
from ibactors.sim.orders.life import Leg, Order, Status
from ibactors.sim.orders.manual import ManualOrders
from ibactors.sim.orders.margin import odd_lot_warning
from ibactors.sim.orders.rules import Refusal, mismatch, not_cancellable, not_found, refusal, too_late
from ibactors.sim.orders.ticket import Ticket


class Desk:
    """Where the clients of one gateway hand in their orders; `book` holds what became of them."""

    def __init__(self, gateway: Gateway, *, seed: int) -> None:
        self.book = OrderBook(gateway, seed=seed)
        self.manual = ManualOrders(gateway, self.book)
        self._gateway = gateway

    def next_id(self, client_id: int) -> int:
        """The lowest order id that a client may use."""
        return self.book.register.next_id(client_id)

    def place(self, client: Client, ticket: Ticket, legs: tuple[Leg, ...], account: str) -> None:
        """Take a new order, change the one that has the id, or answer a what-if."""
        known = self.book.register.find(client.client_id, ticket.order_id)
        instrument = combination(ticket, legs) if ticket.legs else legs[0].instrument
        if known is not None and not ticket.what_if:
            self._change(client, known, ticket, instrument)
            return
        parent = self.book.register.find(client.client_id, ticket.parent_id)
        wrong = self._refusal(client, ticket, instrument, parent)
        if wrong is not None:
            client.error(ticket.order_id, wrong.code, wrong.text)
            return
        order = self.book.make(client.client_id, ticket, legs, account)
        order.parent = parent if ticket.parent_id else None
        if ticket.what_if:
            self._answer_what_if(client, order)
        else:
            self.book.accept(order)

    def cancel(self, client: Client, order_id: int) -> None:
        """Cancel one of the client's orders, or say why not."""
        order = self.book.register.find(client.client_id, order_id)
        wrong = not_found(order_id) if order is None else not_cancellable(order)
        if wrong is not None:
            client.error(order_id, wrong.code, wrong.text)
        elif order is not None:
            self.book.cancel(order)

    def _refusal(self, client: Client, ticket: Ticket, instrument: Instrument, parent: Order | None) -> Refusal | None:
        if ticket.order_id < self.next_id(client.client_id):
            return Refusal(code=103, text="Duplicate order id")
        wrong = refusal(ticket, instrument) or conditions.refusal(ticket, self._gateway)
        if wrong is None and ticket.parent_id and (parent is None or parent.done):
            return Refusal(code=135, text=f"Can't find order with id ={ticket.parent_id}")
        return wrong

    def _change(self, client: Client, order: Order, ticket: Ticket, instrument: Instrument) -> None:
        wrong = too_late(order) or refusal(ticket, instrument)
        wrong = wrong or conditions.refusal(ticket, self._gateway) or mismatch(order, ticket, instrument)
        if wrong is not None:
            client.error(order.order_id, wrong.code, wrong.text)
        else:
            self.book.amend(order, ticket)

    def _answer_what_if(self, client: Client, order: Order) -> None:
        order.status = Status.PRESUBMITTED
        odd = odd_lot_warning(order.instrument, order.quantity)
        order.warning = f"Important Note: {odd}" if odd else ""
        client.send(layout.open_order(client.version, order))
        client.send(layout.open_order(client.version, order, self.book.preview(order)))
