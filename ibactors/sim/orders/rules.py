"""What a gateway checks before it takes an order, and the error that it answers with.

`refusal` looks at one ticket by itself, `mismatch` at a ticket that changes an order. Both give None when all is well. Codes and texts are
those of the real gateway as far as they are known.
"""

from dataclasses import dataclass

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.rules import increment
from ibactors.sim.orders.kinds import KINDS, Limit
from ibactors.sim.orders.life import Order, Status
from ibactors.sim.orders.ticket import Ticket
from ibactors.sim.orders.times import parse_moment

ACTIONS = ("BUY", "SELL", "SSHORT")
TIMES_IN_FORCE = ("DAY", "GTC", "IOC", "GTD", "FOK", "OPG")
# Real order types without a simulation; a gateway says the same of a type that the exchange does not accept.
_UNSUPPORTED = frozenset(
    "MOO,LOO,REL + LMT,REL + MKT,PEG MKT,PEG BENCH,PEG BEST,PEG STK,PEG PRIM,"
    "VOL,BOX TOP,SNAP PRIM,MKT PRT,STP PRT,LMT + MKT,VWAP,PASSV REL,AUC,"
    "PEGBENCH,PEGBEST,PEGMKT,PEGSTK,MKTPRT,STPPRT,BOXTOP".split(",")
)
_WITH_STOP = frozenset(name for name, kind in KINDS.items() if kind.trigger is not None and "TRAIL" not in name)
_WITH_LIMIT = frozenset(name for name, kind in KINDS.items() if kind.limit is Limit.OWN)
_MOST = 1e12
_NOT_ON_GRID = "The price does not conform to the minimum price variation for this contract."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an order is not taken; `cause` of a 321 is wrapped as the gateway words it."""

    code: int
    text: str


_UNSUPPORTED_HERE = Refusal(code=387, text="Unsupported order type for this exchange and security type.")


def refusal(ticket: Ticket, instrument: Instrument) -> Refusal | None:
    """The first thing that is wrong with a ticket."""
    return _wrong_size(ticket) or _wrong_kind(ticket, instrument) or _wrong_price(ticket, instrument)


def not_found(order_id: int) -> Refusal:
    """The refusal of a cancel for an order that does not exist."""
    return Refusal(code=10147, text=f"OrderId {order_id} that needs to be cancelled is not found.")


def not_cancellable(order: Order) -> Refusal | None:
    """Why an order cannot be cancelled."""
    if order.done:
        text = f"OrderId {order.order_id} that needs to be cancelled cannot be cancelled, state: {order.status.value}."
        return Refusal(code=10148, text=text)
    return attempted_too_early(order) if order.cancelling else None


def attempted_too_early(order: Order) -> Refusal:
    """The refusal of a cancel while the order's state does not allow it."""
    text = f"Cancel attempted when order is not in a cancellable state.  Order permId ={order.perm_id}"
    return Refusal(code=161, text=text)


def too_late(order: Order) -> Refusal | None:
    """Why an order that is done cannot be changed."""
    if not order.done:
        return None
    if order.status is Status.FILLED:
        return Refusal(code=104, text="Cannot modify a filled order.")
    return Refusal(code=103, text="Duplicate order id")


def mismatch(order: Order, ticket: Ticket, instrument: Instrument) -> Refusal | None:
    """What keeps a ticket from replacing that of an order."""
    before = order.ticket
    same = instrument.con_id == order.instrument.con_id and ticket.action == before.action
    if not same or ticket.legs != before.legs or ticket.echo["account"] not in ("", order.account):
        return Refusal(code=105, text="Order being modified does not match original order.")
    wrong = _revised_terms(order, ticket)
    if wrong is not None:
        return wrong
    if ticket.order_type != before.order_type and "TRAIL" in ticket.order_type + before.order_type:
        return Refusal(code=329, text="Order modify failed. Cannot change to the new order type.")
    if ticket.quantity <= order.filled:
        return invalid_order(f"The new order size is not above the {order.filled} that have been filled")
    return None


def _revised_terms(order: Order, ticket: Ticket) -> Refusal | None:
    """What an order has for good: its time in force but for DAY and GTC, its OCA group and its algo."""
    before = order.ticket
    if ticket.tif != before.tif and {ticket.tif, before.tif} != {"DAY", "GTC"}:
        return Refusal(code=462, text=f"Cannot change to the new Time in Force:{ticket.tif}.")
    if ticket.echo["ocaGroup"] not in (before.echo["ocaGroup"], order.oca_group):
        return Refusal(code=10326, text="OCA group revision is not allowed.")
    if before.echo["algoStrategy"] and not ticket.echo["algoStrategy"]:
        return Refusal(code=440, text="The algo of an order cannot be removed by a modification.")
    if ticket.echo["algoStrategy"] and not before.echo["algoStrategy"]:
        return Refusal(code=439, text="An algo cannot be added to an order by a modification.")
    return None


def _wrong_size(ticket: Ticket) -> Refusal | None:
    if ticket.action not in ACTIONS:
        return invalid_order(f"Invalid action '{ticket.action[:40]}'")
    if ticket.quantity == 0:
        return Refusal(code=434, text="The order size cannot be zero.")
    if not 0 < ticket.quantity < _MOST:
        return invalid_order("Invalid order size")
    if ticket.quantity != int(ticket.quantity):
        text = "Fractional-sized order cannot be placed via API. Please place the order using desktop application."
        return Refusal(code=10243, text=text)
    return None


def _wrong_kind(ticket: Ticket, instrument: Instrument) -> Refusal | None:
    if instrument.sec_type == "IND":
        return Refusal(code=201, text="Order rejected - reason:The contract is not available for trading")
    if ticket.order_type in _UNSUPPORTED or (ticket.legs and ticket.order_type not in ("MKT", "LMT")):
        return _UNSUPPORTED_HERE
    if ticket.order_type not in KINDS:
        return invalid_order(f"Invalid order type '{ticket.order_type[:40]}'")
    if ticket.tif not in TIMES_IN_FORCE:
        return invalid_order(f"Invalid time in force '{ticket.tif[:40]}'")
    return _wrong_place(ticket, instrument) or _wrong_dates(ticket)


def _wrong_dates(ticket: Ticket) -> Refusal | None:
    dates = {"goodTillDate": ticket.tif == "GTD", "goodAfterTime": False}
    for name, needed in dates.items():
        text = ticket.echo[name]
        if (needed or text) and parse_moment(text) is None:
            return invalid_order(f"Invalid date, time, or time-zone entered in {name}: '{text[:40]}'")
    return None


def _wrong_place(ticket: Ticket, instrument: Instrument) -> Refusal | None:
    """What an order type or a time in force is not for."""
    kind, venue = KINDS[ticket.order_type], ticket.spec.exchange
    if (kind.sec_types and instrument.sec_type not in kind.sec_types) or (kind.smart_only and venue not in ("", "SMART")):
        return _UNSUPPORTED_HERE
    if kind.at_close and ticket.tif != "DAY":
        return Refusal(code=201, text="Order rejected - reason:Invalid time-in-force for at-the-closing order")
    if ticket.tif == "OPG" and (ticket.order_type not in ("MKT", "LMT") or instrument.sec_type == "OPT"):
        return Refusal(code=201, text="Order rejected - reason:Invalid time-in-force for this order type")
    return None


def _wrong_price(ticket: Ticket, instrument: Instrument) -> Refusal | None:
    needed = {
        "limit price": (ticket.limit, ticket.order_type in _WITH_LIMIT),
        "stop price": (ticket.aux, ticket.order_type in _WITH_STOP),
    }
    for name, (price, wanted) in needed.items():
        if not wanted:
            continue
        if price is None:
            return invalid_order(f"The {name} is missing")
        step = increment(instrument.rule_at(ticket.spec.exchange or "SMART"), price)
        if not _on_grid(price, step) or (price <= 0 and not ticket.legs):
            return Refusal(code=110, text=_NOT_ON_GRID)
    if "TRAIL" in ticket.order_type:
        return _wrong_trail(ticket, instrument)
    return None


def _wrong_trail(ticket: Ticket, instrument: Instrument) -> Refusal | None:
    amounts = [a for a in (ticket.aux, ticket.trail_percent) if a]
    if len(amounts) != 1 or amounts[0] < 0 or amounts[0] == float("inf"):
        return invalid_order("A trailing order needs either a trailing amount or a trailing percentage")
    if ticket.aux and not _on_grid(ticket.aux, float(instrument.min_tick)):
        return Refusal(code=110, text=_NOT_ON_GRID)
    has_offset = ticket.echo["lmtPriceOffset"] or (ticket.limit and ticket.trail_stop)
    if ticket.order_type == "TRAIL LIMIT" and not has_offset:
        return invalid_order("A trailing stop limit order needs a limit price offset")
    return None


def _on_grid(price: float, step: float) -> bool:
    if abs(price) > _MOST:
        return False
    steps = price / step
    return abs(steps - round(steps)) < 1e-6 * max(1.0, abs(steps))


def invalid_order(cause: str) -> Refusal:
    """The refusal of an order that makes no sense."""
    return Refusal(code=321, text=f"Error validating request.-'bQ' : cause - {cause}")
