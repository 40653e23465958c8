"""What every client is asked to do, and what has to come back: the questions of the conformance suite.

A step is one request kind. A driver that knows the step sends it with its library's own call, waits for
every answer (a message name of the TWS API) and every error code named here, and cancels what it started.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

# The numbers of the answers on the wire.
MESSAGES = {
    1: "tickPrice",
    2: "tickSize",
    3: "orderStatus",
    4: "errMsg",
    5: "openOrder",
    6: "acctValue",
    7: "portfolioValue",
    8: "acctUpdateTime",
    9: "nextValidId",
    10: "contractData",
    11: "execDetails",
    12: "mktDepth",
    13: "mktDepthL2",
    14: "newsBulletin",
    15: "managedAccts",
    17: "historicalData",
    19: "scannerParameters",
    20: "scannerData",
    21: "tickOptionComputation",
    45: "tickGeneric",
    46: "tickString",
    49: "currentTime",
    50: "realTimeBar",
    52: "contractDataEnd",
    53: "openOrderEnd",
    54: "acctDownloadEnd",
    55: "execDetailsEnd",
    57: "tickSnapshotEnd",
    58: "marketDataType",
    59: "commissionReport",
    61: "position",
    62: "positionEnd",
    63: "accountSummary",
    64: "accountSummaryEnd",
    67: "displayGroupList",
    71: "positionMulti",
    72: "positionMultiEnd",
    73: "accountUpdateMulti",
    74: "accountUpdateMultiEnd",
    75: "secDefOptParam",
    76: "secDefOptParamEnd",
    77: "softDollarTiers",
    78: "familyCodes",
    79: "symbolSamples",
    80: "mktDepthExchanges",
    81: "tickReqParams",
    82: "smartComponents",
    83: "newsArticle",
    84: "tickNews",
    85: "newsProviders",
    86: "historicalNews",
    87: "historicalNewsEnd",
    88: "headTimestamp",
    89: "histogramData",
    90: "historicalDataUpdate",
    93: "marketRule",
    94: "pnl",
    95: "pnlSingle",
    96: "historicalTicks",
    97: "historicalTicksBidAsk",
    98: "historicalTicksLast",
    99: "tickByTick",
    101: "completedOrder",
    102: "completedOrdersEnd",
    106: "historicalSchedule",
    107: "userInfo",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request kind. `since` is the lowest server version that has it; `slow` steps stay out of the relay runs."""

    name: str
    answers: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    since: int = 0
    slow: bool = False


def _step(name: str, *answers: str, errors: tuple[int, ...] = (), since: int = 0, slow: bool = False) -> Step:
    return Step(name=name, answers=answers, errors=errors, since=since, slow=slow)


_LINE = ("tickReqParams", "marketDataType", "tickPrice", "tickSize")

STEPS = (
    _step("reqCurrentTime", "currentTime"),
    _step("reqIds", "nextValidId"),
    _step("reqManagedAccts", "managedAccts"),
    _step("reqPositions", "position", "positionEnd"),
    _step("reqAccountUpdates", "acctValue", "portfolioValue", "acctUpdateTime", "acctDownloadEnd"),
    _step("reqAccountSummary", "accountSummary", "accountSummaryEnd"),
    _step("reqPositionsMulti", "positionMulti", "positionMultiEnd"),
    _step("reqAccountUpdatesMulti", "accountUpdateMulti", "accountUpdateMultiEnd"),
    _step("reqPnL", "pnl"),
    _step("reqPnLSingle", "pnlSingle"),
    _step("reqContractDetails", "contractData", "contractDataEnd"),
    _step("reqContractDetails unknown", errors=(200,)),
    _step("reqMatchingSymbols", "symbolSamples"),
    _step("reqMarketRule", "marketRule"),
    _step("reqSecDefOptParams", "secDefOptParam", "secDefOptParamEnd"),
    _step("reqUserInfo", "userInfo", since=167),
    _step("reqMktData stock", *_LINE, "tickString", "tickGeneric"),
    _step("reqMktData future", *_LINE),
    _step("reqMktData forex", *_LINE),
    _step("reqMktData index", "tickPrice"),
    _step("reqMktData option", *_LINE, "tickOptionComputation"),
    _step("reqMktData generic", "tickPrice", "tickSize", "tickString", "tickGeneric"),
    _step("reqMktData news", "tickNews"),
    _step("calculateImpliedVolatility", "tickOptionComputation"),
    _step("calculateOptionPrice", "tickOptionComputation"),
    _step("reqMktData snapshot", "tickPrice", "tickSnapshotEnd"),
    _step("reqMktData delayed", "tickPrice", "marketDataType", errors=(10167,)),
    _step("reqMktData refused", errors=(354,)),
    _step("cancelMktData unknown", errors=(300,)),
    _step("reqHistoricalData days", "historicalData"),
    _step("reqHistoricalData minutes", "historicalData"),
    _step("reqHistoricalData midpoint", "historicalData"),
    _step("reqHistoricalData updates", "historicalData", "historicalDataUpdate"),
    _step("reqHistoricalData schedule", "historicalSchedule", since=165),
    _step("reqHistoricalData nothing", errors=(162,)),
    _step("cancelHistoricalData unknown", errors=(366,)),
    _step("reqHeadTimeStamp", "headTimestamp"),
    _step("reqHistoricalTicks last", "historicalTicksLast"),
    _step("reqHistoricalTicks quotes", "historicalTicksBidAsk"),
    _step("reqHistoricalTicks midpoint", "historicalTicks"),
    _step("reqHistogramData", "histogramData"),
    _step("reqRealTimeBars", "realTimeBar", slow=True),
    _step("reqTickByTickData Last", "tickByTick"),
    _step("reqTickByTickData AllLast", "historicalTicksLast", "tickByTick"),
    _step("reqTickByTickData BidAsk", "tickByTick"),
    _step("reqTickByTickData MidPoint", "tickByTick"),
    _step("reqTickByTickData refused", errors=(10189,)),
    _step("reqMktDepth future", "mktDepth"),
    _step("reqMktDepth smart", "mktDepthL2"),
    _step("reqMktDepth refused", errors=(10092,)),
    _step("reqMktDepthExchanges", "mktDepthExchanges"),
    _step("reqSmartComponents", "smartComponents"),
    _step("reqFamilyCodes", "familyCodes"),
    _step("queryDisplayGroups", "displayGroupList"),
    _step("reqNewsProviders", "newsProviders"),
    _step("reqHistoricalNews", "historicalNews", "historicalNewsEnd"),
    _step("reqNewsArticle", "newsArticle"),
    _step("reqNewsBulletins", "newsBulletin"),
    _step("reqScannerParameters", "scannerParameters"),
    _step("reqScannerSubscription", "scannerData"),
    _step("reqSoftDollarTiers", "softDollarTiers"),
    _step("requestFA", errors=(321,)),
    _step("reqFundamentalData", errors=(430,)),
    _step("reqWshMetaData", errors=(10276,), since=161),
    _step("placeOrder limit", "openOrder", "orderStatus"),
    _step("placeOrder modified", "openOrder", "orderStatus"),
    _step("reqOpenOrders", "openOrder", "orderStatus", "openOrderEnd"),
    _step("reqAllOpenOrders", "openOrder", "orderStatus", "openOrderEnd"),
    _step("cancelOrder", "orderStatus", errors=(202,)),
    _step("placeOrder market", "openOrder", "orderStatus", "execDetails", "commissionReport"),
    _step("placeOrder bracket", "openOrder", "orderStatus"),
    _step("placeOrder what-if", "openOrder"),
    _step("placeOrder refused", errors=(110,)),
    _step("reqExecutions", "execDetails", "commissionReport", "execDetailsEnd"),
    _step("reqCompletedOrders", "completedOrder", "completedOrdersEnd"),
    _step("cancelOrder unknown", errors=(10147,)),
    _step("reqGlobalCancel", "orderStatus", errors=(202,)),
)


def as_json(steps: tuple[Step, ...]) -> list[dict[str, object]]:
    """The steps as the drivers read them."""
    return [asdict(s) for s in steps]
