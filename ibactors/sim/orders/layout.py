"""The two longest messages: openOrder (5) with 131 to 136 fields and completedOrder (101).

Both follow the frames that real gateways were recorded to send. What a client left unset comes back as the gateway's own defaults: INT_MAX,
DBL_MAX, `None`, `?` or nothing, each where it belongs.
"""

from collections.abc import Sequence

from ibactors.sim.ledger import money
from ibactors.sim.orders.life import Order, Status
from ibactors.sim.orders.margin import Preview
from ibactors.sim.orders.times import GATEWAY_ZONE
from ibactors.sim.wire.datetimes import Dialect, moment
from ibactors.sim.wire.frames import UNSET_DOUBLE, UNSET_INTEGER, frame

WITHOUT_PROFILE = 177
WITH_DURATION = 158
WITH_POST_TO_ATS = 160
WITH_AUTO_CANCEL_PARENT = 162
WITH_OFFSETS = 170

_NO_PARENT = "9223372036854775807"
_SHAREHOLDER = "Not an insider or substantial shareholder"
_NO_MARGINS = (UNSET_DOUBLE,) * 9

Fields = list[str | int]


def open_order(version: int, order: Order, preview: Preview | None = None, *, priced: bool = False) -> bytes:
    """Encode openOrder (5); `preview` has a what-if order's margins, `priced` adds the commission of the fills."""
    echo = order.ticket.echo
    fields: Fields = [5, order.order_id, *_contract(order), *_terms(order, order.quantity)]
    fields += [order.client_id, order.shown_perm_id, echo["outsideRth"], echo["hidden"]]
    fields += [_plain(echo["discretionaryAmt"]), echo["goodAfterTime"]]
    fields += [f"{order.shown_perm_id}.{_revision(order)}/{order.account}/100", *_advisor(version, order)]
    fields += [*_short_sale(order), echo["auctionStrategy"] or 0, *_box(order)]
    fields += [echo["displaySize"] or UNSET_INTEGER, echo["blockOrder"], echo["sweepToFill"]]
    fields += [echo["allOrNone"], echo["minQty"], _oca_type(order), 0, 0, ""]
    fields += [order.ticket.parent_id, echo["triggerMethod"] or 0, *_volatility(order, brief=False)]
    fields += [*_trail(order), "", "", *_combo(order), *_scale(order), *_hedge(order)]
    fields += [echo["optOutSmartRouting"], *_clearing(order), *_algo(order)]
    fields += [echo["solicited"], echo["whatIf"], *_state(order, preview, priced=priced)]
    fields += [*_randomized(order), *_conditions(order)]
    fields += [echo["adjustedOrderType"] or "None", _or_unset(echo["triggerPrice"]), *_stop_and_offset(order)]
    fields += [_or_unset(echo[n]) for n in ("adjustedStopPrice", "adjustedStopLimitPrice", "adjustedTrailingAmount")]
    fields += [echo["adjustableTrailingUnit"] or 0, echo["softDollarTierName"], echo["softDollarTierValue"], ""]
    fields += [_plain(echo["cashQty"]), 1, echo["isOmsContainer"]]
    fields += [echo["discretionaryUpToLimitPrice"], echo["usePriceMgmtAlgo"]]
    if version >= WITH_DURATION:
        fields.append(echo.get("duration", ""))
    if version >= WITH_POST_TO_ATS:
        fields.append(echo.get("postToAts", ""))
    if version >= WITH_AUTO_CANCEL_PARENT:
        fields.append(echo.get("autoCancelParent", "0"))
    if version >= WITH_OFFSETS:
        fields += _offsets(order, done=False)
    return frame(*fields)


def completed_order(version: int, order: Order, dialect: Dialect) -> bytes:
    """Encode completedOrder (101)."""
    echo = order.ticket.echo
    # What has been filled completely has size 0 in this list.
    quantity = 0 if order.status is Status.FILLED else order.quantity
    fields: Fields = [101, *_contract(order), *_terms(order, quantity), order.perm_id]
    fields += [echo["outsideRth"], echo["hidden"], _plain(echo["discretionaryAmt"]), echo["goodAfterTime"]]
    fields += [*_advisor(version, order), *_short_sale(order), *_box(order)]
    fields += [echo["displaySize"] or UNSET_INTEGER, echo["sweepToFill"], echo["allOrNone"], echo["minQty"]]
    fields += [_oca_type(order), echo["triggerMethod"] or 0, *_volatility(order, brief=True)]
    fields += [*_trail(order), *_combo(order), *_scale(order), *_hedge(order), *_clearing(order), *_algo(order)]
    # The order list of a real gateway knows a rejected order as a cancelled one.
    status = Status.CANCELLED if order.status is Status.INACTIVE else order.status
    fields += [echo["solicited"], status.value, *_randomized(order), *_conditions(order)]
    fields += [*_stop_and_offset(order), _plain(echo["cashQty"]), 1, echo["isOmsContainer"], ""]
    fields += [order.filled, UNSET_INTEGER, echo.get("autoCancelParent", "0"), _SHAREHOLDER, 0, 0]
    fields.append(order.parent.perm_id if order.parent is not None else _NO_PARENT)
    fields.append(moment(order.completed, GATEWAY_ZONE, dialect) if order.completed is not None else "")
    fields.append(order.completed_status)
    if version >= WITH_OFFSETS:
        fields += _offsets(order, done=True)
    return frame(*fields)


def _contract(order: Order) -> Fields:
    i = order.instrument
    exchange = order.ticket.spec.exchange or i.exchanges[0]
    head: Fields = [i.con_id, i.symbol, i.sec_type, i.last_trade_date, i.strike, i.right or "?", i.multiplier]
    return [*head, exchange, i.currency, i.local_symbol, i.trading_class]


def _terms(order: Order, quantity: int) -> Fields:
    ticket, echo = order.ticket, order.ticket.echo
    fields: Fields = [ticket.action, quantity, ticket.order_type, order.limit_text, echo["auxPrice"] or "0.0"]
    fields += [ticket.tif, order.oca_group, order.account, echo["openClose"]]
    return [*fields, echo["origin"] or 0, echo["orderRef"]]


def _advisor(version: int, order: Order) -> Fields:
    echo = order.ticket.echo
    fields: Fields = [echo["faGroup"], echo["faMethod"], echo["faPercentage"]]
    if version < WITHOUT_PROFILE:
        fields.append(echo.get("faProfile", ""))
    return [*fields, echo["modelCode"], echo["goodTillDate"], echo["rule80A"], echo["percentOffset"], echo["settlingFirm"]]


def _revision(order: Order) -> int:
    """What stands behind the permanent id: recorded as 0, and 1 once a cancel has come."""
    return int(order.status in (Status.PENDING_CANCEL, Status.CANCELLED))


def _short_sale(order: Order) -> Fields:
    echo = order.ticket.echo
    return [echo["shortSaleSlot"] or 0, echo["designatedLocation"], echo["exemptCode"] or -1]


def _box(order: Order) -> Fields:
    echo = order.ticket.echo
    return [echo[n] for n in ("startingPrice", "stockRefPrice", "delta", "stockRangeLower", "stockRangeUpper")]


def _oca_type(order: Order) -> int:
    return order.ticket.oca_type or 3


def _volatility(order: Order, *, brief: bool) -> Fields:
    ticket, echo = order.ticket, order.ticket.echo
    fields: Fields = [echo["volatility"], echo["volatilityType"] or 0]
    fields += [echo["deltaNeutralOrderType"] or "None", echo["deltaNeutralAuxPrice"]]
    con_id, firm, account, intent, opens, short, slot, location = ticket.delta_neutral or ("0", "", "", "", "?", "0", "0", "")
    fields += [con_id or 0, *(() if brief else (firm, account, intent, opens or "?")), short or 0, slot or 0, location]
    return [*fields, echo["continuousUpdate"], echo["referencePriceType"] or 0]


def _trail(order: Order) -> Fields:
    stop = "" if order.stop is None or order.ticket.trail_stop is None else repr(order.stop)
    return [stop, order.ticket.echo["trailingPercent"]]


def _combo(order: Order) -> Fields:
    ticket = order.ticket
    described = ",".join(f"{leg[0]}|{leg[1] if leg[2] == 'BUY' else '-' + leg[1]}" for leg in ticket.legs)
    fields: Fields = [described, len(ticket.legs), *(x for leg in ticket.legs for x in leg)]
    fields += [len(ticket.leg_prices), *ticket.leg_prices]
    return [*fields, len(ticket.routing) // 2, *ticket.routing]


def _scale(order: Order) -> Fields:
    echo = order.ticket.echo
    fields: Fields = [echo["scaleInitLevelSize"] or UNSET_INTEGER, echo["scaleSubsLevelSize"] or UNSET_INTEGER]
    return [*fields, echo["scalePriceIncrement"], *order.ticket.scale]


def _hedge(order: Order) -> Fields:
    echo = order.ticket.echo
    return [echo["hedgeType"], echo["hedgeParam"]] if echo["hedgeType"] else [""]


def _clearing(order: Order) -> Fields:
    ticket, echo = order.ticket, order.ticket.echo
    present = int(bool(ticket.hedged_against))
    return [echo["clearingAccount"], echo["clearingIntent"] or "IB", echo["notHeld"], present, *ticket.hedged_against]


def _algo(order: Order) -> Fields:
    ticket = order.ticket
    if not ticket.echo["algoStrategy"]:
        return [""]
    return [ticket.echo["algoStrategy"], len(ticket.algo) // 2, *ticket.algo]


def _state(order: Order, preview: Preview | None, *, priced: bool) -> Fields:
    if preview is not None:
        margins = [money(m) for m in preview.margins]
        cost = "" if preview.commission is None else repr(preview.commission)
        return [order.shown_status, *margins, cost, "", "", preview.currency, order.warning]
    commission: Fields = [repr(order.commission), "", "", order.instrument.currency] if priced else [""] * 4
    return [order.shown_status, *_NO_MARGINS, *commission, order.warning]


def _randomized(order: Order) -> Fields:
    echo = order.ticket.echo
    return [echo["randomizeSize"], echo["randomizePrice"], *order.ticket.benchmark]


def _conditions(order: Order) -> Fields:
    ticket = order.ticket
    if not ticket.conditions:
        return [0]
    flat = [x for condition in ticket.conditions for x in condition]
    return [len(ticket.conditions), *flat, ticket.echo["conditionsIgnoreRth"], ticket.echo["conditionsCancelOrder"]]


def _stop_and_offset(order: Order) -> Fields:
    return [_or_unset(_stop(order)), _or_unset(order.ticket.echo["lmtPriceOffset"])]


def _stop(order: Order) -> str:
    """The stop price a gateway makes up: the order's own, or one currency unit worse than the limit."""
    ticket = order.ticket
    if order.stop is not None:
        return repr(order.stop)
    limit = ticket.limit if ticket.order_type == "LMT" and not ticket.legs else order.shown_limit
    return "" if limit is None else repr(limit + (1 if order.buys else -1))


def _offsets(order: Order, *, done: bool) -> Sequence[str]:
    echo = order.ticket.echo
    is_stock = order.instrument.sec_type == "STK" and not done
    size, offset = ("100", "0.02") if is_stock else ("", "")
    return (
        echo.get("minTradeQty", ""),
        echo.get("minCompeteSize") or size,
        echo.get("competeAgainstBestOffset") or offset,
        echo.get("midOffsetAtWhole", ""),
        echo.get("midOffsetAtHalf", ""),
    )


def _or_unset(text: str) -> str:
    return text or UNSET_DOUBLE


def _plain(text: str) -> str:
    return text.removesuffix(".0") or "0"
