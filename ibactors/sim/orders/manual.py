"""Orders that somebody types into the gateway's own windows: they have no client and no order id until bound.

Client 0 may bind them, one by one with reqOpenOrders or all new ones with reqAutoOpenOrders; a bound order is
like one of its own. Everybody sees the unbound ones in the list of all open orders, with order id 0.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from ibactors.sim.orders.life import Leg
from ibactors.sim.orders.ticket import read_ticket
from ibactors.sim.wire.frames import FieldReader, frame

if TYPE_CHECKING:
    from ibactors.sim.gateway import Gateway
    from ibactors.sim.market.instruments import Instrument
    from ibactors.sim.orders.book import OrderBook
    from ibactors.sim.orders.life import Order
    from ibactors.sim.session import Session

_VERSION = 178
_BLANKS = 100


class ManualOrders:
    """Places orders without a client and binds them to client 0."""

    def __init__(self, gateway: Gateway, book: OrderBook) -> None:
        self._gateway = gateway
        self._book = book
        self._binders: weakref.WeakSet[Session] = weakref.WeakSet()

    def bind_new(self, session: Session, *, wanted: bool) -> None:
        """Let a session of client 0 have all orders that are typed in from now on, or no more."""
        if wanted:
            self._binders.add(session)
        else:
            self._binders.discard(session)

    def bind_present(self) -> None:
        """Give every open order that has no id one of client 0."""
        for order in self._book.register.alive(0):
            if not order.order_id:
                self._bind(order)

    def place(self, instrument: Instrument, action: str, size: int, limit: str) -> None:
        """Type in an order for the first account, `MKT` or a limit price; ValueError when it is refused."""
        kind, price = ("MKT", "") if limit == "MKT" else ("LMT", limit)
        head: list[str | int] = [0, instrument.con_id, *[""] * 11, "", "", action, size, kind, price, "", "DAY"]
        blanks: list[str | int] = [""] * _BLANKS
        # The first blanks are group, account, open or close, origin, reference, and then transmit.
        blanks[5] = "1"
        ticket = read_ticket(FieldReader(frame(*head, *blanks)[4:]), _VERSION)
        binds = any(s.client_id == 0 for s in self._binders)
        legs = (Leg(instrument=instrument),)
        self._book.place_unasked(ticket, legs, self._gateway.account_names[0], bind=self._bind if binds else None)

    def _bind(self, order: Order) -> None:
        self._book.register.give_id(order)
        for session in self._gateway.ready_sessions():
            if session.client_id == 0:
                session.send(frame(100, order.perm_id, 0, order.order_id))
