"""Combinations (BAG): several legs that are bought and sold together at one net price."""

from collections.abc import Iterable, Mapping, Sequence

from ibactors.sim.market.instruments import ContractSpec, Instrument
from ibactors.sim.orders.life import Leg

# A gateway has one con id for all combinations in a currency.
_CON_IDS = {"USD": 28812380}
_ACTIONS = ("BUY", "SELL", "SSHORT")


def read_legs(rows: Iterable[Sequence[str]], catalogue: Mapping[int, Instrument]) -> tuple[Leg, ...]:
    """The legs of a combination; empty when one of them does not exist or makes no sense. A row begins with con id, ratio and action."""
    legs = []
    for con_id, ratio, action, *_ in rows:
        instrument = catalogue.get(int(con_id))
        if instrument is None or int(ratio) < 1 or action not in _ACTIONS or instrument.sec_type in ("IND", "CASH"):
            return ()
        legs.append(Leg(instrument=instrument, ratio=int(ratio), buys=action == "BUY"))
    return tuple(legs)


def combination(spec: ContractSpec, legs: tuple[Leg, ...]) -> Instrument:
    """The instrument that stands for a combination in frames; its price is the net of the legs'."""
    con_id = _CON_IDS.get(legs[0].instrument.currency, 28812380)
    return Instrument(
        con_id=con_id,
        symbol=spec.symbol or legs[0].instrument.symbol,
        sec_type="BAG",
        long_name="",
        price=0.0,
        exchanges=(spec.exchange or "SMART",),
        currency=legs[0].instrument.currency,
        local_symbol=str(con_id),
        trading_class="COMB",
    )
