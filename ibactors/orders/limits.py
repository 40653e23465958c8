"""The one check before an order or a change is taken: everything or nothing, in the step in which it is counted. Pure; money is Decimal.

The caller asks with the service's rules and the state of all orders, and again with the key's own rules and the key's orders.
"""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from ibactors.model.times import Value
from ibactors.orders.collar import Reference, collar_refusal
from ibactors.orders.exposure import NOTHING, counts_as_open, day_notional, notional_of, quantity_open, reduces
from ibactors.orders.order import Order
from ibactors.orders.safety import Refusal, Rules
from ibactors.orders.terms import OrderType, Side, Terms

MINUTE = 60.0


class Candidate(Value, frozen=True, kw_only=True):
    """An order that somebody wants to place, or the terms that an order should have."""

    terms: Terms
    order_id: str | None = None
    """Of the order that would be changed; it is not counted twice."""
    reference: Reference | None = None
    underlying_price: Decimal | None = None
    """For combinations and options that are sold: their own price says little of what is at stake."""
    rate: Decimal | None = None
    """Base currency for one unit of the order's currency; 1 where they are the same, None where nobody knows."""
    skip_collar: bool = False
    members: int = 1
    """Orders that come together: a bracket's children return what their parent takes, and count as open orders alone."""


class State(Value, frozen=True, kw_only=True):
    """What is there when the candidate is checked."""

    at: float
    orders: tuple[Order, ...] = ()
    """Those at stake: all that are open, and what went out of sight."""
    spent: Decimal = NOTHING
    """The notional that all others have sent within 24 hours."""
    positions: dict[tuple[str, int], Decimal] = {}  # noqa: RUF012  # msgspec copies empty defaults
    """By account and con_id."""
    placed_at: tuple[float, ...] = ()
    """When orders and changes were taken within the last minute; replays and cancels count for nothing."""
    halted: str | None = None
    deadman_expired: bool = False


class Passed(Value, frozen=True, kw_only=True):
    """The order may be taken; this is what to count it as."""

    notional: Decimal
    reference: Reference | None


class Measure(Value, frozen=True, kw_only=True):
    """What a limit would count if the order were taken."""

    name: str
    value: Decimal
    limit: Decimal | None
    """None: there is none."""
    setting: str

    @property
    def ok(self) -> bool:
        """Whether it is within the limit."""
        return self.limit is None or self.value <= self.limit


class Verdict(Value, frozen=True, kw_only=True):
    """What would become of an order if it were placed now."""

    refusal: Refusal | None
    notional: Decimal | None
    measures: tuple[Measure, ...] = ()


def verdict(candidate: Candidate, state: State, rules: Rules) -> Verdict:
    """The same as `check`, with everything that was counted, for a preview."""
    checked = check(candidate, state, rules)
    candidate = _worst(candidate)
    unit = unit_notional(candidate)
    refusal = checked if isinstance(checked, Refusal) else None
    if isinstance(unit, Refusal):
        return Verdict(refusal=refusal, notional=None)
    notional = _notional(candidate, unit)
    return Verdict(refusal=refusal, notional=notional, measures=tuple(_measures(candidate, state, rules, unit, notional)))


def check(candidate: Candidate, state: State, rules: Rules) -> Passed | Refusal:
    """Whether *candidate* may be taken."""
    candidate = _worst(candidate)
    gate = _stopped(state) or not_allowed(candidate.terms, rules) or _too_often(state, rules)
    if gate is not None:
        return gate
    skips = candidate.skip_collar and rules.limits.may_skip_collar
    if not skips and (refusal := collar_refusal(candidate.terms, candidate.reference, rules.limits)) is not None:
        return refusal if refusal.name is None else replace(refusal, setting=rules.setting(refusal.name))
    unit = unit_notional(candidate)
    if isinstance(unit, Refusal):
        return unit
    notional = _notional(candidate, unit)
    over = next((each for each in _measures(candidate, state, rules, unit, notional) if not each.ok), None)
    return _over(over) if over is not None else Passed(notional=notional, reference=candidate.reference)


def _worst(candidate: Candidate) -> Candidate:
    """The candidate at the worst price that it allows: a discretionary amount widens a limit."""
    terms = candidate.terms
    amount = Decimal(terms.extra.get("discretionaryAmt", 0))
    if not amount or terms.limit_price is None:
        return candidate
    limit = terms.limit_price + (abs(amount) if terms.side is Side.BUY else -abs(amount))
    return replace(candidate, terms=replace(terms, limit_price=limit))


def check_child(child: Candidate, rules: Rules) -> Refusal | None:
    """What stands against a child of a bracket whose parent may be taken; it is measured against its parent's price."""
    refusal = not_allowed(child.terms, rules)
    if refusal is None and not (child.skip_collar and rules.limits.may_skip_collar):
        refusal = collar_refusal(child.terms, child.reference, rules.limits)
    return refusal


def _notional(candidate: Candidate, unit: Decimal) -> Decimal:
    terms = candidate.terms
    return terms.cash_quantity * (candidate.rate or NOTHING) if terms.cash_quantity is not None else unit * (terms.quantity or NOTHING)


def _stopped(state: State) -> Refusal | None:
    if state.halted is not None:
        return Refusal(code="trading_halted", detail=f"Trading is halted: {state.halted}.")
    if state.deadman_expired:
        return Refusal(code="deadman_expired", detail="The key's dead man's switch went off; PUT /trading/deadman renews it.")
    return None


def not_allowed(terms: Terms, rules: Rules) -> Refusal | None:
    """Which allow-list does not have it."""
    allowed = rules.allowed
    for name, value, those in (
        ("accounts", terms.account, allowed.accounts),
        ("symbols", terms.symbol, allowed.symbols),
        ("sec_types", terms.sec_type, allowed.sec_types),
        ("types", str(terms.type), allowed.types),
    ):
        if those is not None and value not in those:
            return Refusal(
                code="order_not_allowed",
                detail=f"{value} is not on the list of {name.replace('_', ' ')}.",
                limit=",".join(sorted(those)),
                value=value,
                setting=rules.setting(name),
                name=name,
            )
    return None


def _too_often(state: State, rules: Rules) -> Refusal | None:
    taken = sum(1 for at in state.placed_at if at > state.at - MINUTE)
    most = rules.limits.per_minute
    if most is not None and taken >= most:
        detail = f"{taken} orders and changes were taken within a minute."
        return Refusal(
            code="order_rate",
            detail=detail,
            limit=Decimal(most),
            value=Decimal(taken),
            setting=rules.setting("per_minute"),
            name="per_minute",
        )
    return None


def unit_notional(candidate: Candidate) -> Decimal | Refusal:
    """What one unit is worth in the base currency: |price| x multiplier / magnifier x rate; without a rate nothing can be limited."""
    terms = candidate.terms
    if candidate.rate is None:
        return Refusal(code="no_exchange_rate", detail=f"There is no rate from {terms.currency} to the account's base currency.")
    if terms.cash_quantity is not None and terms.quantity is None:
        return NOTHING
    price: Decimal | None
    if terms.is_combination or (terms.sec_type in {"OPT", "FOP"} and terms.side is Side.SELL):
        price = candidate.underlying_price
        times = Decimal(max((leg.ratio for leg in terms.legs), default=1))
    else:
        price, times = _price(candidate), Decimal(1)
    if price is None:
        return Refusal(code="no_reference_price", detail="There is no price to tell what the order is worth.")
    return abs(price) * times * terms.multiplier / terms.price_magnifier * candidate.rate


def _price(candidate: Candidate) -> Decimal | None:
    """The worst price that is known: the limit; without one the far side of the market, or the trigger where that is worse."""
    terms, reference = candidate.terms, candidate.reference
    if terms.limit_price is not None and terms.type is not OrderType.TRAILING_STOP_LIMIT:
        return terms.limit_price
    prices = [price for price in (terms.stop_price, terms.limit_price) if price is not None]
    if reference is not None:
        prices.append(reference.ask if terms.side is Side.BUY else reference.bid)
    return max(prices, key=abs, default=None)


def _measures(candidate: Candidate, state: State, rules: Rules, unit: Decimal, notional: Decimal) -> Iterator[Measure]:
    terms, limits = candidate.terms, rules.limits
    others = [order for order in state.orders if order.order_id != candidate.order_id]
    changed = next((order for order in state.orders if order.order_id == candidate.order_id), None)
    counted = max(notional, notional_of(changed)) if changed is not None else notional
    opened = sum(1 for order in others if counts_as_open(order, state.at)) + candidate.members
    values: list[tuple[str, Decimal, Decimal | int | None]] = [
        ("order_quantity", terms.quantity or NOTHING, limits.order_quantity),
        ("order_notional", notional, limits.order_notional),
        ("day_notional", day_notional(others, state.at) + state.spent + counted, limits.day_notional),
        ("open_orders", Decimal(opened), limits.open_orders),
    ]
    position = state.positions.get((terms.account, terms.con_id), NOTHING)
    waiting = quantity_open(others, terms.account, terms.con_id, terms.side, state.at)
    if not reduces(terms, position, waiting):
        after = (terms.quantity or NOTHING) + waiting
        held = position + after if terms.side is Side.BUY else position - after
        values.append(("position_notional", max(abs(held) * unit, notional), limits.position_notional))
    for name, value, limit in values:
        yield Measure(name=name, value=value, limit=None if limit is None else Decimal(limit), setting=rules.setting(name))


def _over(measure: Measure) -> Refusal:
    return Refusal(
        code="order_limit",
        detail=f"The {measure.name.replace('_', ' ')} would be {measure.value:f}; the limit is {measure.limit}.",
        limit=measure.limit,
        value=measure.value,
        setting=measure.setting,
        name=measure.name,
    )
