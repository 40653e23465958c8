"""`extra`: further fields of IB's Order by IB's own names (Order class of its reference). Open on purpose, by a table of known names."""

import enum
from decimal import Decimal

from ibactors.errors import InvalidRequest


class Kind(enum.Enum):
    """What a field takes."""

    FLAG = "true or false"
    WHOLE = "a whole number"
    NUMBER = "a number"
    TEXT = "a text"


def _kind(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


KNOWN: dict[str, Kind] = {
    **_kind(
        Kind.FLAG,
        "allOrNone blockOrder continuousUpdate discretionaryUpToLimitPrice hidden imbalanceOnly notHeld"
        " optOutSmartRouting randomizePrice randomizeSize routeMarketableToBbo scaleRandomPercent solicited sweepToFill"
        " usePriceMgmtAlgo isPeggedChangeAmountDecrease",
    ),
    **_kind(
        Kind.WHOLE,
        "adjustableTrailingUnit auctionStrategy basisPointsType displaySize duration exemptCode"
        " minCompeteSize minQty minTradeQty origin referenceContractId referencePriceType refFuturesConId scaleInitFillQty"
        " scaleInitLevelSize scaleInitPosition scalePriceAdjustInterval scaleSubsLevelSize shortSaleSlot volatilityType",
    ),
    **_kind(
        Kind.NUMBER,
        "adjustedStopLimitPrice adjustedStopPrice adjustedTrailingAmount basisPoints competeAgainstBestOffset delta"
        " discretionaryAmt midOffsetAtHalf midOffsetAtWhole peggedChangeAmount percentOffset referenceChangeAmount scalePriceAdjustValue"
        " scalePriceIncrement startingPrice stockRangeLower stockRangeUpper stockRefPrice triggerPrice volatility",
    ),
    **_kind(
        Kind.TEXT,
        "activeStartTime activeStopTime adjustedOrderType autoCancelDate designatedLocation"
        " extOperator manualOrderTime mifid2DecisionAlgo mifid2DecisionMaker mifid2ExecutionAlgo mifid2ExecutionTrader"
        " openClose referenceExchangeId rule80A",
    ),
}

UNCOUNTED = frozenset(
    "deltaNeutralAuxPrice deltaNeutralConId deltaNeutralOpenClose deltaNeutralOrderType deltaNeutralShortSale deltaNeutralShortSaleSlot"
    " dontUseAutoPriceForHedge hedgeParam hedgeType scaleAutoReset scaleProfitOffset scaleTable".split()
)
"""Fields that have IB send further orders by itself, which no limit counts and no token marks."""
OURS = frozenset(
    "orderId clientId permId parentId parentPermId orderRef transmit whatIf account advancedErrorOverride autoCancelParent isOmsContainer"
    " filledQuantity overridePercentageConstraints faGroup faProfile faMethod faPercentage modelCode clearingAccount clearingIntent"
    " settlingFirm deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent algoId shareholder".split()
)
"""Fields that could undo what makes an order safe, or move it to another account."""
DEPRECATED = {"eTradeOnly": 10268, "firmQuoteOnly": 10269, "nbboPriceCap": 10270, "postToAts": 10274}
"""Fields that IB refuses, with the code that it would answer."""
HAVE_NAMES = {
    "action": "side",
    "totalQuantity": "quantity",
    "cashQty": "cash_quantity",
    "orderType": "type",
    "lmtPrice": "limit_price",
    "auxPrice": "stop_price, trail_amount or limit_offset",
    "lmtPriceOffset": "limit_offset",
    "trailStopPrice": "stop_price",
    "trailingPercent": "trail_percent",
    "triggerMethod": "trigger_method",
    "tif": "time_in_force",
    "goodTillDate": "good_till",
    "goodAfterTime": "good_after",
    "outsideRth": "session",
    "ocaGroup": "oca.group",
    "ocaType": "oca.type",
    "algoStrategy": "algo.strategy",
    "algoParams": "algo.params",
    "conditions": "conditions",
    "conditionsCancelOrder": "conditions_cancel_order",
    "conditionsIgnoreRth": "conditions_ignore_rth",
}
"""Fields that the request has under names of its own; set twice they could contradict."""


def read_extra(given: dict[str, object]) -> dict[str, bool | int | str]:
    """The fields as they are kept: numbers as text, so that none is rounded. Raises InvalidRequest for what is not known."""
    return {name: _value(name, value) for name, value in sorted(given.items())}


def _value(name: str, value: object) -> bool | int | str:
    field = f"extra.{name}"
    if name in OURS:
        raise InvalidRequest(f"{name} is set by ibactors alone.", field=field, remedy="Leave it out.")
    if name in UNCOUNTED:
        raise InvalidRequest(f"{name} has IB send further orders, which no limit counts.", field=field, remedy="Place them as orders.")
    if name in DEPRECATED:
        raise InvalidRequest(f"IB does not take {name} any more (its error {DEPRECATED[name]}).", field=field, remedy="Leave it out.")
    if name in HAVE_NAMES:
        raise InvalidRequest(f"{name} has a member of its own.", field=field, remedy=f"Use {HAVE_NAMES[name]}.")
    kind = KNOWN.get(name)
    if kind is None:
        raise InvalidRequest(
            f"{name} is not a field of an order that ibactors knows.", field=field, remedy="Names are IB's, as in displaySize."
        )
    match kind, value:
        case Kind.FLAG, bool():
            return value
        case Kind.TEXT, str():
            return value
        case Kind.WHOLE, int() if not isinstance(value, bool) and abs(value) < 2**31:
            return value
        case Kind.NUMBER, int() if not isinstance(value, bool):
            return str(value)
        case Kind.NUMBER, Decimal():
            return f"{value:f}"
    raise InvalidRequest(f"{name} takes {kind.value}.", field=field)


def as_sent(name: str, value: bool | int | str) -> bool | int | str | Decimal:  # noqa: FBT001  # one value of a field
    """A kept value as the encoder takes it: it compares some numbers."""
    return Decimal(value) if KNOWN[name] is Kind.NUMBER and isinstance(value, str) else value
