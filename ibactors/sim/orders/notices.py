"""Who hears what about an order: every frame that goes to clients unasked leaves from here.

The client that placed an order hears of it, on whatever connection it has at the moment; without one the news is lost, as it is at a real
gateway, and the client has to ask when it is back.
"""

import datetime as dt
from collections.abc import Sequence

from ibactors.sim.gateway import Client, Gateway
from ibactors.sim.orders import frames, layout
from ibactors.sim.orders.life import TRIGGERED, Fill, Order
from ibactors.sim.orders.margin import odd_lot_warning


class Notices:
    """Sends frames about orders to the clients of a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def state(self, order: Order, *, priced: bool = False) -> None:
        """Send openOrder and orderStatus; `priced` adds the commission of the fills."""
        client = self._client_of(order)
        if client is not None:
            client.send(layout.open_order(client.version, order, priced=priced))
            client.send(frames.order_status(order))
        order.hides_perm_id = False
        if order.ticket.order_type in TRIGGERED:
            # Recorded: only the first openOrder of a stop has a limit that nobody has sent.
            order.shown_limit = None

    def status(self, order: Order) -> None:
        """Send orderStatus alone."""
        client = self._client_of(order)
        if client is not None:
            client.send(frames.order_status(order))

    def cancelled(self, order: Order, reason: str = "") -> None:
        """Send orderStatus and the error that confirms it."""
        self.status(order)
        self.error(order, 202, f"Order Canceled - reason:{reason}")

    def error(self, order: Order, code: int, text: str) -> None:
        """Send an error or a warning about an order."""
        client = self._client_of(order)
        if client is not None:
            client.error(order.order_id, code, text)

    def transmitted(self, family: Sequence[Order], openings: Sequence[dt.datetime | None]) -> None:
        """Send the first state of new orders and what is odd about them, as recorded.

        While the market is closed a gateway repeats itself: the state of a single order twice, that of a bracket's members, each of
        which is preceded by its warning, in two more rounds.
        """
        closed = any(openings)
        for order, opens in zip(family, openings, strict=True):
            if closed and len(family) > 1:
                self._warn(order, opens)
                self.state(order)
            else:
                self.state(order)
                self._warn(order, opens)
        if closed:
            for order in [*family, *family] if len(family) == 1 else [*family[1:], *family]:
                self.state(order)

    def _warn(self, order: Order, opens: dt.datetime | None) -> None:
        """Send what is odd about a new order; `opens` is when its market does, None when it is open."""
        odd = odd_lot_warning(order.instrument, order.quantity)
        if odd:
            self.error(order, 399, frames.order_message(order, odd))
        if opens is not None:
            self.error(order, 399, frames.order_message(order, frames.not_before(order, opens)))
        outside = order.ticket.echo["outsideRth"] == "1"
        ignored = order.kind.regular_only or order.ticket.order_type == "MKT" or order.ticket.tif in ("IOC", "FOK", "OPG")
        if outside and ignored and order.instrument.sec_type == "STK":
            self.error(order, 2109, frames.OUTSIDE_HOURS_IGNORED)

    def executed(self, order: Order, fills: Sequence[Fill]) -> None:
        """Send execDetails."""
        client = self._client_of(order)
        if client is not None:
            for fill in fills:
                client.send(frames.execution(client.version, frames.LIVE, fill, self._gateway.dialect))

    def charged(self, order: Order, fills: Sequence[Fill]) -> None:
        """Send commissionReport, and to everybody what the fills have changed in the account."""
        quirks = self._gateway.quirks
        charges = [f for f in fills if not f.is_summary]
        self._report(order, charges, quirks.commissions)
        if quirks.commissions != "plain" and quirks.commission_delay_s is not None:
            self._gateway.script.later(quirks.commission_delay_s, lambda: self._report(order, charges, "plain"))
        for everybody in self._gateway.everybody():
            everybody.repeat()

    def _report(self, order: Order, fills: Sequence[Fill], setting: str) -> None:
        client = self._client_of(order)
        if client is not None:
            for fill in fills:
                client.send(frames.commission_report(fill, setting=setting))

    def _client_of(self, order: Order) -> Client | None:
        # Nobody hears of an order that is bound to no client.
        return self._gateway.clients.get(order.client_id) if order.order_id else None
