"""Combination orders (BAG): several legs that are bought and sold together at one net price."""

from collections.abc import Mapping

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.orders.life import Leg
from ibactors.sim.orders.ticket import Ticket

# A gateway has one con id for all combinations in a currency.
_CON_IDS = {"USD": 28812380}
_ACTIONS = ("BUY", "SELL", "SSHORT")


def read_legs(ticket: Ticket, catalogue: Mapping[int, Instrument]) -> tuple[Leg, ...]:
    """The legs of a combination's ticket; empty when one of them does not exist or makes no sense."""
    legs = []
    for con_id, ratio, action, *_ in ticket.legs:
        instrument = catalogue.get(int(con_id))
        if instrument is None or int(ratio) < 1 or action not in _ACTIONS or instrument.sec_type in ("IND", "CASH"):
            return ()
        legs.append(Leg(instrument=instrument, ratio=int(ratio), buys=action == "BUY"))
    return tuple(legs)


def combination(ticket: Ticket, legs: tuple[Leg, ...]) -> Instrument:
    """The instrument that stands for a combination in frames; its price is the net of the legs'."""
    con_id = _CON_IDS.get(legs[0].instrument.currency, 28812380)
    return Instrument(
        con_id=con_id,
        symbol=ticket.spec.symbol or legs[0].instrument.symbol,
        sec_type="BAG",
        long_name="",
        price=0.0,
        exchanges=(ticket.spec.exchange or "SMART",),
        currency=legs[0].instrument.currency,
        local_symbol=str(con_id),
        trading_class="COMB",
    )
