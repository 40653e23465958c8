"""What an order costs: commissions by security type, and the margins that a what-if order asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from ibactors.sim.ledger import FUTURE_MARGIN, STOCK_MARGIN, Account, Ledger
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.orders.life import Order

# Security type: commission per share or contract, and the minimum per order.
_RATES = {"STK": (0.005, 1.0), "FUT": (2.25, 0.0), "OPT": (0.65, 1.0)}
_FOREX_RATE, _FOREX_LEAST = 0.00002, 2.0
_MOST_OF_VALUE = 0.01
_FOREX_MARGIN = 0.025
# The smallest amount that IDEALPRO takes as a whole lot, by traded currency.
_ODD_LOTS = {"EUR": 20_000, "GBP": 17_000, "USD": 25_000}


Trade = tuple["Instrument", int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The answer to a what-if order: initial margin, maintenance margin and equity; before, change, after.

    Of some orders a gateway does not tell the commission, which is None then.
    """

    margins: tuple[float, ...]
    commission: float | None
    currency: str


def commission(instrument: Instrument, size: int, price: float) -> float:
    """The commission of a whole order of that size, in the instrument's currency."""
    value = abs(size * price) * float(instrument.multiplier or 1)
    if instrument.sec_type == "CASH":
        return round(max(_FOREX_LEAST, value * _FOREX_RATE), 6)
    rate, least = _RATES.get(instrument.sec_type, (0.0, 0.0))
    amount = max(least, rate * size)
    if instrument.sec_type == "STK":
        amount = min(amount, max(value * _MOST_OF_VALUE, 0.01))
    return round(amount, 6)


def trades(order: Order, marks: Sequence[float]) -> list[Trade]:
    """What an order would do to the account if it were filled at its own price, or else at the market's."""
    kind = order.ticket.order_type
    own = order.ticket.limit if kind in ("LMT", "STP LMT") else order.ticket.aux if kind == "STP" else None
    prices = marks if own is None or order.ticket.legs else [own]
    size = order.quantity if order.buys else -order.quantity
    return [(leg.instrument, size * leg.signed, price) for leg, price in zip(order.legs, prices, strict=True)]


def preview(ledger: Ledger, account: Account, planned: Sequence[Trade]) -> Preview:
    """What some trades would do to the account; a size is negative when sold."""
    report = ledger.report(account)
    margin = float(report.values["InitMarginReq", "USD"])
    equity = float(report.values["EquityWithLoanValue", "USD"])
    change = cost = 0.0
    for instrument, size, price in planned:
        held = account.held(instrument).size
        change += requirement(instrument, held + size, price) - requirement(instrument, held, price)
        cost += commission(instrument, abs(size), price)
    before = (margin, margin, equity)
    changes = (change, change, -cost)
    after = tuple(b + c for b, c in zip(before, changes, strict=True))
    return Preview(margins=(*before, *changes, *after), commission=cost, currency=planned[0][0].currency)


def shortfall(outcome: Preview) -> str:
    """Why an account cannot afford an order; empty when it can, or when the order lowers the margin."""
    margin, change, equity = outcome.margins[6], outcome.margins[3], outcome.margins[8]
    if change <= 0 or margin <= equity:
        return ""
    return (
        "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH LOAN VALUE "
        f"[{equity:.2f} USD] MUST EXCEED THE INITIAL MARGIN [{margin:.2f} USD]"
    )


def requirement(instrument: Instrument, size: int, price: float) -> float:
    """The margin that a position needs."""
    if instrument.sec_type == "FUT":
        return abs(size) * FUTURE_MARGIN
    share = _FOREX_MARGIN if instrument.sec_type == "CASH" else STOCK_MARGIN
    return abs(size * price) * float(instrument.multiplier or 1) * share


def odd_lot_warning(instrument: Instrument, size: int) -> str:
    """What a gateway finds odd about an order; empty for most."""
    least = _ODD_LOTS.get(instrument.symbol, 0) if instrument.sec_type == "CASH" else 0
    if abs(size) >= least:
        return ""
    text = f"Your order size is below the {instrument.symbol} {least} IdealPro minimum"
    return f"{text} and will be routed as an odd lot order."
