"""Option computations (21): the greeks behind each price of an option, and the two calculators (54, 55)."""

from collections.abc import Iterable, Mapping

from ibactors.sim.market import greeks
from ibactors.sim.market.greeks import Greeks
from ibactors.sim.market.instruments import ContractSpec, Instrument
from ibactors.sim.market.market import Market
from ibactors.sim.market.walk import Field
from ibactors.sim.request import Request, invalid
from ibactors.sim.requests.contracts import the_one
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader, frame

# Field whose change brings it: live tick type, delayed tick type; the model's comes with the bid.
_TYPES = {Field.BID: (10, 80), Field.ASK: (11, 81), Field.LAST: (12, 82)}
_MODEL = (13, 83)
_CUSTOM = 53
_FROM_PRICES = 1
# What a gateway sends for a value that it could not compute.
_NO_VOLATILITY, _NO_DELTA, _NO_PRICE, _NO_GREEK = -1, -2, -1, -2


def computations(market: Market, option: Instrument, changed: Iterable[Field], request_id: int, *, delayed: bool) -> list[bytes]:
    """The frames that go with changed prices of an option."""
    walk = market.walk(option)
    tick = float(option.min_tick)
    prices = {Field.BID: walk.bid, Field.ASK: walk.ask, Field.LAST: walk.last}
    position = 1 if delayed else 0
    frames = []
    for field in changed:
        if field in _TYPES:
            found = _from_price(market, option, prices[field] * tick) if prices[field] > 0 else None
            frames.append(_frame(request_id, _TYPES[field][position], found))
        if field is Field.BID:
            frames.append(_frame(request_id, _MODEL[position], _from_volatility(market, option, greeks.VOLATILITY)))
    return frames


def _from_price(market: Market, option: Instrument, price: float, spot: float | None = None) -> Greeks | None:
    terms = _terms(market, option, spot)
    volatility = greeks.implied_volatility(price=price, **terms)
    return None if volatility is None else greeks.greeks(volatility=volatility, **terms)


def _from_volatility(market: Market, option: Instrument, volatility: float, spot: float | None = None) -> Greeks:
    return greeks.greeks(volatility=volatility, **_terms(market, option, spot))


def _terms(market: Market, option: Instrument, spot: float | None) -> greeks.Terms:
    underlying = market.catalogue.by_con_id[option.under_con_id]
    return {
        "spot": market.mark(underlying) if spot is None else spot,
        "strike": float(option.strike),
        "years": market.years_left(option),
        "call": option.right == "C",
    }


def _frame(request_id: int, tick_type: int, found: Greeks | None) -> bytes:
    if found is None:
        values: tuple[str | int, ...] = (_NO_VOLATILITY, _NO_DELTA, _NO_PRICE, _NO_PRICE, _NO_GREEK, _NO_GREEK, _NO_GREEK, _NO_PRICE)
    else:
        g = found
        numbers = (g.volatility, g.delta, g.price, 0.0, g.gamma, g.vega, g.theta, g.spot)
        values = tuple(f"{n:.12g}" for n in numbers)
    return frame(21, request_id, tick_type, _FROM_PRICES, *values)


def _calculate(session: Session, fields: FieldReader, *, volatility_wanted: bool) -> None:
    fields.version()
    request_id = fields.identifier()
    spec = ContractSpec.read(fields)
    given, spot = fields.number(), fields.number()
    option = the_one(session, request_id, spec)
    if option is None:
        return
    if not option.is_option or given <= 0 or spot <= 0:
        invalid(session, request_id, "An option, a positive value and a positive price of the underlying are needed")
        return
    market = session.gateway.market
    find = _from_price if volatility_wanted else _from_volatility
    session.send(_frame(request_id, _CUSTOM, find(market, option, given, spot)))


def _implied_volatility(session: Session, fields: FieldReader) -> None:
    _calculate(session, fields, volatility_wanted=True)


def _option_price(session: Session, fields: FieldReader) -> None:
    _calculate(session, fields, volatility_wanted=False)


REQUESTS: Mapping[int, Request] = {
    54: Request(name="calculateImpliedVolatility", handle=_implied_volatility),
    55: Request(name="calculateOptionPrice", handle=_option_price),
}
