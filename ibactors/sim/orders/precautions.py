"""Orders that a gateway stops on its own: precautionary settings, presets, and answers that a command asks for."""

from collections.abc import Callable, Mapping

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.orders.rules import Refusal, invalid_order
from ibactors.sim.orders.ticket import Ticket

_RESTRICTED = "Restriction is specified in Precautionary Settings of Global Configuration/Presets."
PRESET_TIF = Refusal(code=10349, text="Order TIF was set to DAY based on order preset.")

# Answers to a placeOrder that is not taken, with the code; a code that is in no table gets a text of its own.
REFUSALS: Mapping[int, str] = {
    110: "The price does not conform to the minimum price variation for this contract.",
    200: "No security definition has been found for the request",
    201: "Order rejected - reason:Exchange is closed.",
    203: "The security AAPL is not available or allowed for this account",
    321: invalid_order("The API interface is currently in Read-Only mode.").text,
    382: f"The following order exceeds the Percentage constraint of 3%. {_RESTRICTED}",
    383: f"The following order size exceeds the Size Limit of 500. {_RESTRICTED}",
    387: "Unsupported order type for this exchange and security type.",
    388: "Order size is smaller than the minimum requirement.",
    436: "You must specify an allocation.",
    451: f"The following order value estimate exceeds the Total Value Limit of 100,000 USD. {_RESTRICTED}",
    460: "No trading permissions.",
    10052: "Invalid time in force",
    10243: "Fractional-sized order cannot be placed via API. Please place the order using desktop application.",
    10244: "Cash Quantity cannot be used for this order",
    10255: "The 'Display Size' order attribute may not be specified for this order.",
    10268: "The 'EtradeOnly' order attribute is not supported.",
    10269: "The 'FirmQuoteOnly' order attribute is not supported.",
    10270: "The 'NbboPriceCap' order attribute is not supported.",
    10274: "The 'PostToATS' order attribute may not be specified for this order or is invalid.",
    10311: "This order will be directly routed to NASDAQ. Direct routed orders may result in higher trade fees. "
    "Restriction is specified in Precautionary Settings of Global Configuration/API.",
    10318: "This order doesn't support fractional quantity trading",
    10329: "This order will be directly routed and may be redirected. "
    "Restriction is specified in Precautionary Settings of Global Configuration/API.",
}
# The same for orders that are taken all the same.
WARNINGS: Mapping[int, str] = {
    399: "Order Message:\nWarning: Your order was repriced so as not to cross a related resting order.",
    404: "Order held while securities are located.",
    2109: "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored based on the order type and destination. "
    "PlaceOrder is now being processed.",
    2161: "Your order is subject to a price cap that is in the interest of a fair and orderly market.",
    2168: "Warning: The 'EtradeOnly' order attribute is not supported.",
    2169: "Warning: The 'FirmQuoteOnly' order attribute is not supported.",
    PRESET_TIF.code: PRESET_TIF.text,
}


def refusal(ticket: Ticket, instrument: Instrument, mark: float, limits: Mapping[str, float]) -> Refusal | None:
    """Which of the precautions that are on stops an order; `mark` is the market's price of one unit."""
    price = mark if ticket.limit is None else ticket.limit
    for name, limit in limits.items():
        wrong = PRECAUTIONS[name](ticket, instrument, price, mark, limit)
        if wrong is not None:
            return wrong
    return None


def _value(ticket: Ticket, instrument: Instrument, price: float, _: float, limit: float) -> Refusal | None:
    value = abs(ticket.quantity * price) * float(instrument.multiplier or 1)
    if value <= limit:
        return None
    text = f'The following order "ID:{ticket.order_id}" value estimate of {value:,.0f} {instrument.currency} exceeds  the '
    return Refusal(code=451, text=f"{text}Total Value Limit of {limit:,.0f} {instrument.currency}. {_RESTRICTED}")


def _size(ticket: Ticket, _: Instrument, __: float, ___: float, limit: float) -> Refusal | None:
    text = f'The following order "ID:{ticket.order_id}" size exceeds the Size Limit of {limit:g}. {_RESTRICTED}'
    return Refusal(code=383, text=text) if ticket.quantity > limit else None


def _percentage(ticket: Ticket, _: Instrument, price: float, mark: float, limit: float) -> Refusal | None:
    worse = (price - mark if ticket.action == "BUY" else mark - price) * 100
    text = f'The following order "ID:{ticket.order_id}" price exceeds the Percentage constraint of {limit:g}%. {_RESTRICTED}'
    return Refusal(code=382, text=text) if worse > limit * abs(mark) else None


def _direct(ticket: Ticket, instrument: Instrument, _: float, __: float, ___: float) -> Refusal | None:
    venue = ticket.spec.exchange
    if instrument.sec_type != "STK" or venue in ("", "SMART"):
        return None
    return Refusal(code=10311, text=REFUSALS[10311].replace("NASDAQ", venue))


PRECAUTIONS: Mapping[str, Callable[[Ticket, Instrument, float, float, float], Refusal | None]] = {
    "value": _value,
    "size": _size,
    "percentage": _percentage,
    "direct": _direct,
}
