"""What an order would do, without placing it: IB's margins and commission, the limits' verdict, the market that it is measured against."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from quart import request

from ibactors.actors.order_asks import PreviewChange, Previewed
from ibactors.keys import Scope
from ibactors.model.times import Value, rfc3339
from ibactors.orders import errors as e
from ibactors.orders.evidence import Figures
from ibactors.orders.limits import Measure
from ibactors.orders.prices import Adjusted
from ibactors.orders.reading import read_body
from ibactors.orders.request import ChangeBody, PlaceBody, check_change
from ibactors.orders.safety import Refusal
from ibactors.orders.terms import Terms
from ibactors.web.contract.orders import InstrumentShown
from ibactors.web.contract.references import ReferenceShown, reference_shown
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.rest.order_changes import revision_of
from ibactors.web.rest.orders import PLACING, TAKING, OrderQuery, check_ours, orders_of

_NEVER = frozenset({
    e.OrderLimit, e.PriceCollar, e.ClientOrderIdReused, e.ClientOrderIdTaken, e.ClientOrderIdVoid, e.OrderRejected, e.OrderNotReceived,
    e.OrderNotSent, e.PreviewRequired,
})  # fmt: skip
"""What only placing answers; a preview tells it as its verdict."""


class OrderTerms(Value, frozen=True, kw_only=True):
    """An order as it would be sent."""

    account: str
    instrument: InstrumentShown
    """What would be traded."""
    side: str
    quantity: Decimal | None
    type: str
    """Type of the order, such as `limit`."""
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    limit_offset: Decimal | None
    time_in_force: str
    good_till: str | None
    session: str
    """Hours that it may trade in: `regular`, `extended` or `overnight`."""


class Margin(Value, frozen=True, kw_only=True):
    """The account's figures before the order, their change and after it; null where IB has not told them."""

    initial: Figures
    """What a position takes to be opened."""
    maintenance: Figures
    """What it takes to be kept."""
    equity_with_loan: Figures
    """IB's equity with loan value."""
    currency: str | None
    """The account's base currency."""


class CommissionShown(Value, frozen=True, kw_only=True):
    """What IB expects it to cost: an amount, or the least and the most."""

    amount: Decimal | None
    """Null where IB tells a range, or nothing."""
    min: Decimal | None
    """The least that it may be."""
    max: Decimal | None
    """The most that it may be."""
    currency: str | None


class LimitShown(Value, frozen=True, kw_only=True):
    """What a limit would count with this order."""

    name: str
    """What is limited."""
    value: Decimal
    """What would be counted, this order included."""
    limit: Decimal | None
    """null: there is none."""
    ok: bool
    """Whether it is within the limit."""
    setting: str
    """Where the limit is set."""


class RefusalShown(Value, frozen=True, kw_only=True):
    """Why placing it now would be refused."""

    code: str
    """The code of the problem that placing would be answered with."""
    detail: str
    """Why, in words."""
    limit: Any
    """What is allowed, where a limit is the reason."""
    value: Any
    """What was counted against it."""
    setting: str | None
    """Where the limit is set."""


class PreviewShown(Value, frozen=True, kw_only=True):
    """What an order would do."""

    preview_token: str | None
    """For the member of the same name of POST /orders; null where placing would be refused."""
    valid_until: str | None
    """Until when the token is taken."""
    allowed: bool
    """Whether placing it now would be taken."""
    refusal: RefusalShown | None
    """Null where placing would be taken."""
    order: OrderTerms
    """Of a bracket the parent."""
    adjusted: dict[str, Adjusted]
    """Prices that were put on the tick, by member."""
    margin: Margin
    """By IB."""
    commission: CommissionShown
    """By IB."""
    notional: Decimal | None
    """In the account's base currency, as the limits count it."""
    limits: tuple[LimitShown, ...]
    """What each limit would count."""
    quote: ReferenceShown | None
    """What the price is measured against; null where there is none."""
    warnings: tuple[str, ...]
    """Of the service and of IB, in words."""
    complete: bool
    """Whether IB has told the margins."""
    incomplete_reason: str | None
    """Why there are no margins; null where there are."""


async def preview_order(call: Call[Nothing, PlaceBody]) -> PreviewShown:
    return _shown(await orders_of(call).preview(call.body, call.caller.name))


async def preview_change(call: Call[OrderQuery, ChangeBody]) -> PreviewShown:
    check_ours(call.query.order_id)
    check_change(call.body, datetime.now(UTC))
    revision = revision_of(request.headers.get("If-Match"))
    asked = PreviewChange(order_id=call.query.order_id, body=call.body, key=call.caller.name, revision=revision)
    return _shown(await orders_of(call).preview_change(asked))


def _shown(found: Previewed) -> PreviewShown:
    answer, refusal = found.answer, found.verdict.refusal
    return PreviewShown(
        preview_token=found.token,
        valid_until=None if found.valid_until is None else rfc3339(found.valid_until),
        allowed=refusal is None,
        refusal=None if refusal is None else _refusal(refusal),
        order=_terms(found.assessed.members[0].terms),
        adjusted=found.assessed.adjusted,
        margin=Margin(
            initial=answer.initial,
            maintenance=answer.maintenance,
            equity_with_loan=answer.equity_with_loan,
            currency=found.margin_currency,
        ),
        commission=CommissionShown(
            amount=answer.commission, min=answer.commission_min, max=answer.commission_max, currency=answer.commission_currency
        ),
        notional=found.verdict.notional,
        limits=tuple(map(_limit, found.verdict.measures)),
        quote=None if found.reference is None else reference_shown(found.reference),
        warnings=(*found.assessed.warnings, *answer.warnings),
        complete=answer.incomplete is None,
        incomplete_reason=answer.incomplete,
    )


def _terms(terms: Terms) -> OrderTerms:
    return OrderTerms(
        account=terms.account,
        instrument=InstrumentShown(
            con_id=terms.con_id, symbol=terms.symbol, sec_type=terms.sec_type, exchange=terms.exchange, currency=terms.currency
        ),
        side=terms.side,
        quantity=terms.quantity,
        type=terms.type,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price,
        trail_amount=terms.trail_amount,
        trail_percent=terms.trail_percent,
        limit_offset=terms.limit_offset,
        time_in_force=terms.time_in_force,
        good_till=None if terms.good_till is None else rfc3339(terms.good_till.timestamp()),
        session=terms.session,
    )


def _refusal(refusal: Refusal) -> RefusalShown:
    return RefusalShown(code=refusal.code, detail=refusal.detail, limit=refusal.limit, value=refusal.value, setting=refusal.setting)


def _limit(measure: Measure) -> LimitShown:
    return LimitShown(name=measure.name, value=measure.value, limit=measure.limit, ok=measure.ok, setting=measure.setting)


def _read(data: bytes) -> PlaceBody:
    return read_body(data, PlaceBody)


def _read_change(data: bytes) -> ChangeBody:
    return read_body(data, ChangeBody)


OPERATIONS = (
    Operation(
        method="POST",
        path="/orders/preview",
        handle=preview_order,
        summary="What an order would do, without placing it",
        description=(
            "Takes the body of POST /orders. IB is asked with a what-if order, which it never executes; a refusal of the limits is told as "
            "the verdict. A preview without `complete` has no margins: IB sometimes never answers."
        ),
        tag="Orders",
        scope=Scope.TRADE,
        query=Nothing,
        body=PlaceBody,
        read=_read,
        returns=PreviewShown,
        problems=(*(error for error in PLACING if error not in _NEVER), e.PreviewRejected),
    ),
    Operation(
        method="POST",
        path="/orders/{order_id}/preview",
        handle=preview_change,
        summary="What an order would do after a change, without changing it",
        description=(
            "Takes the body of PATCH /orders/{order_id}. The limits judge the change; IB is asked what an order with the new terms would "
            "do, beside the one that is there: its margins count both."
        ),
        tag="Orders",
        scope=Scope.TRADE,
        query=OrderQuery,
        body=ChangeBody,
        read=_read_change,
        headers={"If-Match": "The revision that the order must have, in double quotes."},
        returns=PreviewShown,
        problems=(
            *(error for error in TAKING if error not in _NEVER),
            *(e.OrderIdsExhausted, e.OrderNotFound, e.OrderNotOurs, e.OrderNotChangeable, e.RevisionChanged, e.PreviewRejected),
        ),
    ),
)
