"""Orders that come by no connection: of other programs, and those that somebody types into the gateway's windows.

The latter have no client and no order id until bound.

Client 0 may bind them, one by one with reqOpenOrders or all new ones with reqAutoOpenOrders; a bound order is like one of its own.
Everybody sees the unbound ones in the list of all open orders, with order id 0.
"""

import weakref

from ibactors.sim.gateway import Client, Gateway
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.orders.book import OrderBook
from ibactors.sim.orders.life import Leg, Order
from ibactors.sim.orders.rules import refusal
from ibactors.sim.orders.ticket import read_ticket
from ibactors.sim.wire.frames import FieldReader, frame

_VERSION = 178
_BLANKS = 100


class ManualOrders:
    """Places orders without a client and binds them to client 0."""

    def __init__(self, gateway: Gateway, book: OrderBook) -> None:
        self._gateway = gateway
        self._book = book
        self._binders: weakref.WeakSet[Client] = weakref.WeakSet()

    def bind_new(self, client: Client, *, wanted: bool) -> None:
        """Bind all orders that are typed in from now on to client 0, or stop binding them."""
        if wanted:
            self._binders.add(client)
        else:
            self._binders.discard(client)

    def bind_present(self) -> None:
        """Bind every open order without an id to client 0."""
        for order in self._book.register.alive(0):
            if not order.order_id:
                self._bind(order)

    def place(self, instrument: Instrument, action: str, size: int, limit: str, *, client_id: int = 0, ref: str = "") -> None:
        """Place an order for the first account, `MKT` or a limit price; ValueError when it is refused.

        Client 0 has none: it types. Any other client has the next of its ids, whether or not it is connected.
        """
        kind, price = ("MKT", "") if limit == "MKT" else ("LMT", limit)
        order_id = self._book.register.next_id(client_id) if client_id else 0
        head: list[str | int] = [order_id, instrument.con_id, *[""] * 11, "", "", action, size, kind, price, "", "DAY"]
        blanks: list[str | int] = [""] * _BLANKS
        # The first blanks are group, account, open or close, origin, reference, and then transmit.
        blanks[4:6] = [ref, "1"]
        ticket = read_ticket(FieldReader(frame(*head, *blanks)[4:]), _VERSION)
        binds = not client_id and self._gateway.clients.get(0) in self._binders
        legs = (Leg(instrument=instrument),)
        wrong = refusal(ticket, instrument)
        if wrong is not None:
            raise ValueError(wrong.text)
        order = self._book.make(client_id, ticket, legs, self._gateway.account_names[0])
        if binds:
            self._bind(order)
        self._book.accept(order)

    def _bind(self, order: Order) -> None:
        self._book.register.give_id(order)
        client = self._gateway.clients.get(0)
        if client is not None:
            client.send(frame(100, order.perm_id, 0, order.order_id))
