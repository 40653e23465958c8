"""Order requests: place, cancel, list. What becomes of an order is the business of the gateway's order book."""

from collections.abc import Mapping

from ibactors.sim.orders import frames, layout
from ibactors.sim.orders.combo import read_legs
from ibactors.sim.orders.life import Fill, Leg, Order
from ibactors.sim.orders.rules import Refusal
from ibactors.sim.orders.ticket import Ticket, read_ticket
from ibactors.sim.orders.times import parse_moment
from ibactors.sim.request import NO_DEFINITION, Request, invalid
from ibactors.sim.requests.contracts import names_a_type
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

# Multiplied by this, numbers that follow each other lie far apart.
_SHUFFLE = 2_654_435_761
_SIDES = {"": ("",), "BUY": ("BUY",), "BOT": ("BUY",), "SELL": ("SELL", "SSHORT"), "SLD": ("SELL", "SSHORT")}


def _place(session: Session, fields: FieldReader) -> None:
    ticket = read_ticket(fields, session.version)
    legs = _legs(session, ticket)
    if not legs:
        return
    accounts = session.gateway.account_names
    account = ticket.echo["account"] or (accounts[0] if len(accounts) == 1 else "")
    if not account:
        session.orders.refuse(session, ticket.order_id, Refusal(code=435, text="You must specify an account."))
    elif account not in accounts:
        invalid(session, ticket.order_id, f"Invalid account code '{account[:40]}'.")
    elif ticket.order_id < 1:
        invalid(session, ticket.order_id, "Invalid order id")
    else:
        session.orders.place(session, ticket, legs, account)


def _legs(session: Session, ticket: Ticket) -> tuple[Leg, ...]:
    """The single instrument that an order means, or the legs of its combination; empty after an error answer."""
    spec, catalogue = ticket.spec, session.gateway.catalogue
    if not names_a_type(spec):
        invalid(session, ticket.order_id, "Please enter a valid security type")
        return ()
    if spec.sec_type == "BAG":
        legs, found = read_legs(ticket.legs, catalogue.by_con_id), []
    else:
        found = catalogue.find(spec)
        legs = (Leg(instrument=found[0]),) if len(found) == 1 else ()
    if not legs:
        text = f"The contract description specified for {spec.symbol} is ambiguous" if found else NO_DEFINITION
        session.orders.refuse(session, ticket.order_id, Refusal(code=200, text=text))
    return legs


def _cancel(session: Session, fields: FieldReader) -> None:
    fields.version()
    session.orders.cancel(session, fields.identifier())


def _global_cancel(session: Session, fields: FieldReader) -> None:
    fields.version()
    session.orders.book.cancel_all()


def _open_orders(session: Session, fields: FieldReader) -> None:
    fields.version()
    if session.client_id == 0:
        session.orders.manual.bind_present()
    list_open_orders(session, session.orders.book.register.alive(session.client_id))


def _all_open_orders(session: Session, fields: FieldReader) -> None:
    fields.version()
    list_open_orders(session, session.orders.book.register.alive())


def list_open_orders(session: Session, orders: list[Order]) -> None:
    """Send openOrder and orderStatus of each, and that these were all."""
    if session.gateway.quirks.shuffled_lists:
        orders = sorted(orders, key=lambda o: o.perm_id * _SHUFFLE % (1 << 32))
    for order in [] if session.sees_no_orders else orders:
        session.send(layout.open_order(session.version, order))
        session.send(frames.order_status(order))
    session.send(frames.open_order_end())


def _auto_open_orders(session: Session, fields: FieldReader) -> None:
    fields.version()
    wanted = fields.flag()
    if session.client_id == 0:
        session.orders.manual.bind_new(session, wanted=wanted)
    else:
        invalid(session, -1, "Only the default client (i.e 0) can auto bind orders.")


def _executions(session: Session, fields: FieldReader) -> None:
    fields.version()
    request_id = fields.identifier()
    client_id = fields.integer()
    account, since, symbol, sec_type, exchange, side = (fields.text() for _ in range(6))
    after = parse_moment(since) if since else None
    if since and after is None:
        invalid(session, request_id, f"Invalid time '{since[:40]}'")
        return
    if side not in _SIDES:
        invalid(session, request_id, f"Invalid side '{side[:40]}'")
        return

    def wanted(fill: Fill) -> bool:
        i = fill.instrument
        return (
            client_id in (0, fill.order.client_id)
            and account in ("", fill.order.account)
            and symbol in ("", i.symbol)
            and sec_type in ("", i.sec_type)
            and exchange in ("", fill.venue, fill.order.ticket.spec.exchange)
            and (not side or fill.order.ticket.action in _SIDES[side])
            and (after is None or fill.time >= after)
        )

    book = session.orders.book
    fills = [] if session.sees_no_orders else [f for f in book.fills if book.of_today(f.time) and wanted(f)]
    for fill in fills:
        session.send(frames.execution(session.version, request_id, fill, session.gateway.dialect))
    # Recorded: what they cost comes after all of them.
    for fill in fills:
        if not fill.is_summary:
            session.send(frames.commission_report(fill))
    session.send(frames.executions_end(request_id))


def _completed_orders(session: Session, fields: FieldReader) -> None:
    from_clients_only = fields.flag()
    for order in session.orders.book.finished:
        if session.sees_no_orders or (from_clients_only and not order.order_id):
            continue
        if not session.orders.book.of_today(order.completed):
            continue
        session.send(layout.completed_order(session.version, order, session.gateway.dialect))
    session.send(frames.completed_orders_end())


REQUESTS: Mapping[int, Request] = {
    3: Request(name="placeOrder", handle=_place),
    4: Request(name="cancelOrder", handle=_cancel),
    5: Request(name="reqOpenOrders", handle=_open_orders),
    7: Request(name="reqExecutions", handle=_executions),
    15: Request(name="reqAutoOpenOrders", handle=_auto_open_orders),
    16: Request(name="reqAllOpenOrders", handle=_all_open_orders),
    58: Request(name="reqGlobalCancel", handle=_global_cancel),
    99: Request(name="reqCompletedOrders", handle=_completed_orders),
}
