"""Conditions of orders: prices, times, margin, trades, volumes and changes that must come to pass first.

A condition is its fields as they are on the wire: type, `a` or `o` for how the next one is joined, and what the type needs. `refusal`
rejects those that cannot be judged; `hold` therefore never meets one.
"""

from collections.abc import Iterable

from ibactors.sim.gateway import Gateway
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.orders.life import Fill, Order
from ibactors.sim.orders.rules import Refusal, invalid_order
from ibactors.sim.orders.ticket import Ticket
from ibactors.sim.orders.times import parse_moment

_PRICE, _TIME, _MARGIN, _EXECUTION, _VOLUME, _CHANGE = "1", "3", "4", "5", "6", "7"
_WITH_CONTRACT = (_PRICE, _VOLUME, _CHANGE)


def refusal(ticket: Ticket, gateway: Gateway) -> Refusal | None:
    """What is wrong with the conditions of an order; None when all can be judged."""
    for kind, joined, *rest in ticket.conditions:
        if joined not in ("a", "o"):
            return invalid_order(f"Invalid conjunction '{joined[:40]}' of a condition")
        if kind == _EXECUTION:
            continue
        bad = parse_moment(rest[1]) is None if kind == _TIME else _number(rest[1]) is None
        if bad:
            return invalid_order(f"Invalid value '{rest[1][:40]}' of a condition")
        if kind in _WITH_CONTRACT and _contract(rest[2], gateway) is None:
            return invalid_order(f"Invalid contract id '{rest[2][:40]}' of a condition")
    return None


def hold(order: Order, gateway: Gateway, fills: Iterable[Fill]) -> bool:
    """Whether the conditions of an order are met now; true without any."""
    met, joined = True, "a"
    for condition in order.ticket.conditions:
        this = _holds(condition, order, gateway, fills)
        met = met and this if joined == "a" else met or this
        joined = condition[1]
    return met


def _holds(condition: tuple[str, ...], order: Order, gateway: Gateway, fills: Iterable[Fill]) -> bool:
    kind, _, *rest = condition
    if kind == _EXECUTION:
        sec_type, _, symbol = rest
        later = (f.instrument for f in fills if f.time >= order.placed and f.order is not order)
        return any(i.sec_type == sec_type and i.symbol == symbol for i in later)
    above, text = rest[0] == "1", rest[1]
    if kind == _TIME:
        time = parse_moment(text)
        return time is not None and (gateway.now() >= time) == above
    value, wanted = _value(kind, rest, order, gateway), _number(text)
    if value is None or wanted is None:
        return False
    return value >= wanted if above else value <= wanted


def _value(kind: str, rest: list[str], order: Order, gateway: Gateway) -> float | None:
    if kind == _MARGIN:
        report = gateway.ledger.report(gateway.ledger.accounts[order.account])
        return 100 * float(report.values["Cushion", ""])
    instrument = _contract(rest[2], gateway)
    if instrument is None:
        return None
    mark, walk = gateway.market.mark(instrument), gateway.market.walk(instrument)
    if kind == _VOLUME:
        return walk.volume
    return mark if kind == _PRICE else 100 * (mark / walk.close_price - 1)


def _contract(text: str, gateway: Gateway) -> Instrument | None:
    number = _number(text)
    return None if number is None else gateway.catalogue.by_con_id.get(int(number))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    # No price or volume is that large; NaN fails the comparison.
    return number if abs(number) < 1e15 else None
