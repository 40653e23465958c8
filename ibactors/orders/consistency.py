"""Whether the members of a request fit together, as far as that needs no contract: what IB would refuse, named before it is sent."""

import re
from datetime import datetime
from decimal import Decimal

from ibactors.errors import InvalidRequest
from ibactors.orders.request import BracketBody, PlaceBody, StopLossBody
from ibactors.orders.terms import Condition, OrderType, Session, Side, TimeInForce

_PRICES = ("limit_price", "stop_price", "trail_amount", "trail_percent", "limit_offset")
_NEEDS: dict[OrderType, tuple[str, str]] = {
    OrderType.MARKET: ("", ""),
    OrderType.LIMIT: ("limit_price", ""),
    OrderType.STOP: ("stop_price", ""),
    OrderType.STOP_LIMIT: ("stop_price limit_price", ""),
    OrderType.TRAILING_STOP: ("", "trail_amount trail_percent stop_price"),
    OrderType.TRAILING_STOP_LIMIT: ("stop_price", "trail_amount trail_percent limit_price limit_offset"),
    OrderType.MARKET_ON_CLOSE: ("", ""),
    OrderType.LIMIT_ON_CLOSE: ("limit_price", ""),
    OrderType.MARKET_TO_LIMIT: ("", ""),
    OrderType.MARKET_IF_TOUCHED: ("stop_price", ""),
    OrderType.LIMIT_IF_TOUCHED: ("stop_price limit_price", ""),
    OrderType.MIDPRICE: ("", "limit_price"),
    OrderType.RELATIVE: ("", "limit_price limit_offset"),
    OrderType.PEGGED_TO_MIDPOINT: ("", "limit_price limit_offset"),
    OrderType.SNAP_TO_MIDPOINT: ("", "limit_offset"),
    OrderType.SNAP_TO_MARKET: ("", "limit_offset"),
}
"""What each type must have, and what it may have besides."""
_TRAILING = frozenset({OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT})
_AT_CLOSE = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})
_CONDITIONAL = frozenset({
    OrderType.LIMIT, OrderType.MARKET, OrderType.MIDPRICE, OrderType.RELATIVE, OrderType.SNAP_TO_MARKET, OrderType.SNAP_TO_MIDPOINT,
})  # fmt: skip
_CONDITIONS: dict[str, str] = {
    "price": "con_id exchange price above",
    "time": "time",
    "margin": "percent above",
    "execution": "symbol sec_type exchange",
    "volume": "con_id exchange volume above",
    "percent_change": "con_id exchange percent above",
}
ALGOS: dict[str, str] = {
    "Adaptive": "adaptivePriority",
    "ArrivalPx": "maxPctVol riskAversion startTime endTime allowPastEndTime forceCompletion",
    "AD": "componentSize timeBetweenOrders randomizeTime20 randomizeSize55 giveUp catchUp waitForFill activeTimeStart activeTimeEnd",
    "ClosePx": "maxPctVol riskAversion startTime forceCompletion",
    "DarkIce": "displaySize startTime endTime allowPastEndTime",
    "MinImpact": "maxPctVol",
    "PctVol": "pctVol startTime endTime noTakeLiq",
    "Twap": "startTime endTime allowPastEndTime",
    "Vwap": "maxPctVol startTime endTime allowPastEndTime noTakeLiq speedUp",
}
"""IB's strategies and their parameters (its page on algos). Others pass, with a warning that they are not checked."""
_FLAG, _WHOLE, _SHARE = "[01]", "[0-9]{1,9}", r"0?\.[0-9]{1,4}|1(\.0+)?"
_TIME, _PRIORITY, _RISK = r"([0-9]{8}[ -])?[0-9]{2}:[0-9]{2}:[0-9]{2}( .+)?", "Urgent|Normal|Patient", "Get Done|Aggressive|Neutral|Passive"
_ALGO_VALUES = {
    name: pattern
    for pattern, names in (
        (_PRIORITY, "adaptivePriority"),
        (_RISK, "riskAversion"),
        (_SHARE, "maxPctVol pctVol"),
        (_TIME, "startTime endTime activeTimeStart activeTimeEnd"),
        (_WHOLE, "componentSize timeBetweenOrders giveUp displaySize"),
        (_FLAG, "allowPastEndTime forceCompletion randomizeTime20 randomizeSize55 catchUp waitForFill noTakeLiq speedUp"),
    )
    for name in names.split()
}
_ALGO_EXAMPLES = {
    **{pattern: pattern.replace("|", ", ") for pattern in (_PRIORITY, _RISK)},
    _SHARE: "0.1",
    _TIME: "09:45:00 US/Eastern",
    _WHOLE: "100",
    _FLAG: "0 or 1",
}
_LONG_ALGOS = frozenset({"Adaptive", "AD"})


def check_request(body: PlaceBody, at: datetime, *, allow_non_guaranteed: bool = False) -> None:
    """Raises InvalidRequest, naming the member."""
    _quantity(body)
    _prices(body)
    _time_in_force(body, at)
    _legs(body, allow_non_guaranteed=allow_non_guaranteed)
    _algo(body)
    for position, condition in enumerate(body.conditions or ()):
        _condition(condition, f"conditions.{position}")
    if not body.conditions and (body.conditions_cancel_order or body.conditions_ignore_rth):
        _refuse("conditions", "There are no conditions.")
    if body.conditions and body.type not in _CONDITIONAL:
        _refuse("conditions", f"IB takes no conditions on orders of the type {body.type}.")
    if body.conditions_cancel_order and body.type not in {OrderType.LIMIT, OrderType.MIDPRICE}:
        _refuse("conditions_cancel_order", f"Conditions cancel limit and midprice orders only, not {body.type}.")
    if body.collar not in {None, "skip"}:
        _refuse("collar", "The only value is skip.")
    if body.trigger_method not in {None, 0, 1, 2, 3, 4, 7, 8}:
        _refuse("trigger_method", "IB's trigger methods are 0 to 4, 7 and 8.")
    if body.bracket is not None:
        _bracket(body, body.bracket)


def _refuse(field: str, message: str, remedy: str = "") -> None:
    raise InvalidRequest(message, field=field, remedy=remedy)


def _quantity(body: PlaceBody) -> None:
    if (body.quantity is None) == (body.cash_quantity is None):
        _refuse("quantity", "An order has a quantity or a cash_quantity, and not both.")
    for field in ("quantity", "cash_quantity", "trail_amount", "trail_percent"):
        value = getattr(body, field)
        if value is not None and value <= 0:
            _refuse(field, f"{field} is not above zero.")
    if body.trail_percent is not None and body.trail_percent >= Decimal(100):
        _refuse("trail_percent", "trail_percent is not below 100.")


def _prices(body: PlaceBody) -> None:
    needs, may = (set(names.split()) for names in _NEEDS[body.type])
    for field in _PRICES:
        given = getattr(body, field) is not None
        if field in needs and not given:
            _refuse(field, f"An order of the type {body.type} needs {field}.")
        if given and field not in needs | may:
            _refuse(field, f"An order of the type {body.type} has no {field}.", "Leave it out, or choose another type.")
    if body.type in _TRAILING and (body.trail_amount is None) == (body.trail_percent is None):
        _refuse("trail_amount", "A trailing order has a trail_amount or a trail_percent, and not both.")
    if body.type is OrderType.TRAILING_STOP_LIMIT and (body.limit_price is None) == (body.limit_offset is None):
        _refuse("limit_offset", "A trailing_stop_limit has a limit_price or a limit_offset, and not both.")


def _time_in_force(body: PlaceBody, at: datetime) -> None:
    tif = body.time_in_force
    if (tif is TimeInForce.GTD) != (body.good_till is not None):
        _refuse("good_till", "good_till belongs to time_in_force gtd, and gtd needs it.")
    if body.good_till is not None and body.good_till <= at:
        _refuse("good_till", "good_till is in the past.")
    if body.type in _AT_CLOSE and tif is not TimeInForce.DAY:
        _refuse("time_in_force", f"An order of the type {body.type} is for the day.", "Use day.")
    if tif is TimeInForce.OPG and body.type not in {OrderType.LIMIT, OrderType.MARKET}:
        _refuse("time_in_force", "Orders at the open are limit or market.")
    if body.session is Session.OVERNIGHT and (tif is not TimeInForce.DAY or body.type is not OrderType.LIMIT):
        _refuse("session", "Overnight IB takes limit orders for the day only.", "Use type limit and time_in_force day.")


def _legs(body: PlaceBody, *, allow_non_guaranteed: bool) -> None:
    is_bag = body.instrument.sec_type == "BAG"
    if is_bag != bool(body.legs):
        _refuse("legs", "A combination has sec_type BAG and legs; others have none.")
    legs = body.legs or []
    if is_bag and not 2 <= len(legs) <= 8:  # noqa: PLR2004  # more are not listed anywhere
        _refuse("legs", "A combination has 2 to 8 legs.")
    for position, leg in enumerate(legs):
        if not 1 <= leg.ratio <= 10_000:  # noqa: PLR2004
            _refuse(f"legs.{position}.ratio", "A ratio is 1 to 10000.")
        if leg.con_id <= 0:
            _refuse(f"legs.{position}.con_id", "A con_id is above zero.")
        if leg.open_close not in {None, "same", "open", "close"}:
            _refuse(f"legs.{position}.open_close", "open_close is same, open or close.")
    if len({leg.con_id for leg in legs}) < len(legs):
        _refuse("legs", "A contract stands in one leg only.")
    if body.guaranteed is not None and not is_bag:
        _refuse("guaranteed", "Only a combination is guaranteed or not.")
    if body.guaranteed is False and not allow_non_guaranteed:
        _refuse("guaranteed", "Combinations that are not guaranteed are off: their legs may be executed alone.")


def _algo(body: PlaceBody) -> None:
    if body.algo is None:
        return
    if body.time_in_force is not TimeInForce.DAY and not (body.time_in_force is TimeInForce.GTC and body.algo.strategy in _LONG_ALGOS):
        _refuse("time_in_force", f"The algo {body.algo.strategy} is for the day.")
    if body.session not in {None, Session.REGULAR} or body.good_after is not None:
        _refuse("algo", "Algos work in regular hours only, without good_after.")
    known = ALGOS.get(body.algo.strategy)
    for name, value in (body.algo.params or {}).items():
        if known is not None and name not in known.split():
            _refuse(f"algo.params.{name}", f"{body.algo.strategy} has no parameter {name}.", f"It has {', '.join(known.split())}.")
        if known is not None and not re.fullmatch(_ALGO_VALUES[name], value):
            _refuse(f"algo.params.{name}", f"{name} does not fit.", f"It is as in {_ALGO_EXAMPLES[_ALGO_VALUES[name]]}.")
    if body.algo.strategy == "Adaptive" and body.type not in {OrderType.LIMIT, OrderType.MARKET}:
        _refuse("type", "The algo Adaptive is for limit and market orders.")


def _condition(condition: Condition, field: str) -> None:
    needs = _CONDITIONS.get(condition.kind)
    if needs is None:
        _refuse(f"{field}.kind", f"{condition.kind} is not a kind of condition.", f"Kinds are {', '.join(_CONDITIONS)}.")
    for name in (needs or "").split():
        if getattr(condition, name) is None:
            _refuse(f"{field}.{name}", f"A condition of the kind {condition.kind} needs {name}.")
    if condition.time is not None and condition.time.tzinfo is None:
        _refuse(f"{field}.time", "The time has no zone.", "Write it as in 2026-12-04T21:00:00Z.")
    if condition.volume is not None and not 0 < condition.volume < 2**31:
        _refuse(f"{field}.volume", "A volume is above zero and below 2147483648.")
    if condition.kind == "margin" and condition.percent is not None and condition.percent % 1:
        _refuse(f"{field}.percent", "A margin cushion is a whole percentage.")
    if condition.trigger_method not in {None, 0, 1, 2, 3, 4, 7, 8}:
        _refuse(f"{field}.trigger_method", "IB's trigger methods are 0 to 4, 7 and 8.")
    if condition.join not in {"and", "or"}:
        _refuse(f"{field}.join", "join is and or or.")


def _bracket(body: PlaceBody, bracket: BracketBody) -> None:
    if bracket.take_profit is None and bracket.stop_loss is None:
        _refuse("bracket", "A bracket has a take_profit, a stop_loss, or both.")
    if body.time_in_force not in {TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD}:
        _refuse("time_in_force", f"A bracket cannot be {body.time_in_force}: its stop would be refused.")
    if body.oca is not None:
        _refuse("oca", "The children of a bracket are a group already.")
    if body.quantity is None:
        _refuse("quantity", "A bracket needs a quantity.")
    entry, buys = body.limit_price, body.side is Side.BUY
    if bracket.take_profit is not None and entry is not None and (bracket.take_profit.limit_price > entry) != buys:
        _refuse("bracket.take_profit.limit_price", f"The profit is not {'above' if buys else 'below'} the entry of {entry:f}.")
    if bracket.stop_loss is not None:
        _stop_loss(body, bracket.stop_loss)


def _stop_loss(body: PlaceBody, stop: StopLossBody) -> None:
    at = "bracket.stop_loss"
    trails = stop.trail_amount is not None or stop.trail_percent is not None
    if trails == (stop.stop_price is not None) or (stop.trail_amount is not None and stop.trail_percent is not None):
        _refuse(f"{at}.stop_price", "A stop loss has one of stop_price, trail_amount and trail_percent.")
    for field in ("trail_amount", "trail_percent"):
        value = getattr(stop, field)
        if value is not None and (value <= 0 or (field == "trail_percent" and value >= Decimal(100))):
            _refuse(f"{at}.{field}", f"{field} is not above zero, or no percentage.")
    if trails and stop.limit_price is not None:
        _refuse(f"{at}.limit_price", "A trailing stop loss has no limit.")
    if trails and body.type not in {OrderType.LIMIT, OrderType.STOP_LIMIT}:
        _refuse(f"{at}.trail_amount", "IB takes trailing children of limit and stop_limit orders only (its error 328).")
    entry, buys = body.limit_price, body.side is Side.BUY
    if stop.stop_price is not None and entry is not None and (stop.stop_price < entry) != buys:
        _refuse(f"{at}.stop_price", f"The stop is not {'below' if buys else 'above'} the entry of {entry:f}.")
