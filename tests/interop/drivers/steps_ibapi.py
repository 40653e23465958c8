"""One function a step, in the words of ibapi; each may return what cancels the subscription again."""

# ruff: noqa: ANN001, ANN002, ANN003, ANN202, FBT003 - the driven libraries are untyped here

from __future__ import annotations

from functools import partial

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.scanner import ScannerSubscription

STEPS = {}
ACCOUNT = "DU1234567"


def step(name, needs=None):
    """Register a step, unless this edition of ibapi lacks the call it needs."""

    def register(function):
        if hasattr(EClient, needs or name.split()[0]):
            STEPS[name] = function
        return function

    return register


def contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD", **more):
    made = Contract()
    made.symbol, made.secType, made.exchange, made.currency = symbol, sec_type, exchange, currency
    for name, value in more.items():
        setattr(made, name, value)
    return made


def future():
    return contract("", "FUT", "CME", conId=0, localSymbol=front_future())


def front_future():
    """The local symbol of the ES contract that the details step found."""
    return FOUND["ES"]


FOUND = {}


def plain(name, *args):
    """A step that is one call without a request id."""
    STEPS[name] = lambda client: getattr(client, name.split()[0])(*args) and None


plain("reqCurrentTime")
plain("reqIds", 1)
plain("reqManagedAccts")
plain("reqOpenOrders")
plain("reqAllOpenOrders")
plain("reqMarketRule", 26)
plain("reqCompletedOrders", False)
plain("requestFA", 1)


@step("reqPositions")
def positions(client):
    client.reqPositions()
    return client.cancelPositions


@step("reqAccountUpdates")
def account_updates(client):
    client.reqAccountUpdates(True, ACCOUNT)
    return partial(client.reqAccountUpdates, False, ACCOUNT)


@step("reqAccountSummary")
def account_summary(client):
    number = client.new_id()
    client.reqAccountSummary(number, "All", "NetLiquidation,BuyingPower,$LEDGER:ALL")
    return partial(client.cancelAccountSummary, number)


@step("reqPositionsMulti")
def positions_multi(client):
    number = client.new_id()
    client.reqPositionsMulti(number, ACCOUNT, "")
    return partial(client.cancelPositionsMulti, number)


@step("reqAccountUpdatesMulti")
def account_updates_multi(client):
    number = client.new_id()
    client.reqAccountUpdatesMulti(number, ACCOUNT, "", False)
    return partial(client.cancelAccountUpdatesMulti, number)


@step("reqPnL")
def pnl(client):
    number = client.new_id()
    client.reqPnL(number, ACCOUNT, "")
    return partial(client.cancelPnL, number)


@step("reqPnLSingle")
def pnl_single(client):
    number = client.new_id()
    client.reqPnLSingle(number, ACCOUNT, "", 265598)
    return partial(client.cancelPnLSingle, number)


@step("reqContractDetails")
def details(client):
    def found(_, answer):
        FOUND.setdefault(answer.contract.symbol + answer.contract.right, answer.contract.localSymbol)

    client.contractDetails = found
    client.reqContractDetails(client.new_id(), contract("AAPL", "OPT", strike=230, right="C"))
    client.reqContractDetails(client.new_id(), contract("EUR", "CASH", "IDEALPRO"))
    client.reqContractDetails(client.new_id(), contract("ES", "FUT", "CME"))


@step("reqContractDetails unknown")
def details_unknown(client):
    client.reqContractDetails(client.new_id(), contract("NOSUCH"))


@step("reqMatchingSymbols")
def matching(client):
    client.reqMatchingSymbols(client.new_id(), "AAP")


@step("reqSecDefOptParams")
def option_parameters(client):
    client.reqSecDefOptParams(client.new_id(), "AAPL", "", "STK", 265598)


@step("reqUserInfo")
def user_info(client):
    client.reqUserInfo(client.new_id())


def line(client, wanted, generic="", *, snapshot=False):
    number = client.new_id()
    client.reqMktData(number, wanted, generic, snapshot, False, [])
    return None if snapshot else partial(client.cancelMktData, number)


@step("reqMktData stock")
def line_of_stock(client):
    return line(client, contract())


@step("reqMktData future")
def line_of_future(client):
    return line(client, future())


@step("reqMktData forex")
def line_of_forex(client):
    return line(client, contract("EUR", "CASH", "IDEALPRO"))


@step("reqMktData index")
def line_of_index(client):
    return line(client, contract("SPX", "IND", "CBOE"))


def option():
    return contract("AAPL", "OPT", localSymbol=FOUND["AAPLC"])


@step("reqMktData option")
def line_of_option(client):
    return line(client, option())


@step("reqMktData generic")
def line_generic(client):
    return line(client, contract(), "100,101,104,105,106,165,221,225,233,236,258,293,294,295,318,375,411,456,595")


@step("reqMktData news")
def line_news(client):
    return line(client, contract(), "mdoff,292:BRFG")


@step("calculateImpliedVolatility")
def implied_volatility(client):
    client.calculateImpliedVolatility(client.new_id(), option(), 9.5, 228, [])


@step("calculateOptionPrice")
def option_price(client):
    client.calculateOptionPrice(client.new_id(), option(), 0.3, 228, [])


@step("reqMktData snapshot")
def snapshot(client):
    return line(client, contract(), snapshot=True)


@step("reqMktData delayed")
def line_delayed(client):
    client.reqMarketDataType(3)
    cancel = line(client, contract("DELAY"))

    def undo():
        cancel()
        client.reqMarketDataType(1)

    return undo


@step("reqMktData refused")
def line_refused(client):
    line(client, contract("NOSUB"))


@step("cancelMktData unknown")
def cancel_unknown(client):
    client.cancelMktData(99999)


def history(client, wanted, *, duration="5 D", size="1 day", what="TRADES", epoch=False, keep=False):
    number = client.new_id()
    client.reqHistoricalData(number, wanted, "", duration, size, what, 1, 2 if epoch else 1, keep, [])
    return partial(client.cancelHistoricalData, number) if keep else None


@step("reqHistoricalData days")
def history_days(client):
    history(client, contract())


@step("reqHistoricalData minutes")
def history_minutes(client):
    history(client, contract(), duration="3600 S", size="5 mins", epoch=True)


@step("reqHistoricalData midpoint")
def history_midpoint(client):
    history(client, contract("EUR", "CASH", "IDEALPRO"), duration="1 D", size="1 hour", what="MIDPOINT")


@step("reqHistoricalData updates")
def history_updates(client):
    return history(client, contract(), duration="1 D", size="1 min", keep=True)


@step("reqHistoricalData schedule")
def history_schedule(client):
    history(client, contract(), what="SCHEDULE")


@step("reqHistoricalData nothing")
def history_nothing(client):
    history(client, contract("EUR", "CASH", "IDEALPRO"))


@step("cancelHistoricalData unknown")
def cancel_history(client):
    client.cancelHistoricalData(99999)


@step("reqHeadTimeStamp")
def head_timestamp(client):
    client.reqHeadTimeStamp(client.new_id(), contract(), "TRADES", 1, 1)


def ticks(client, what):
    client.reqHistoricalTicks(client.new_id(), contract(), "", "20260612 20:00:00 UTC", 50, what, 1, True, [])


@step("reqHistoricalTicks last")
def ticks_last(client):
    ticks(client, "TRADES")


@step("reqHistoricalTicks quotes")
def ticks_quotes(client):
    ticks(client, "BID_ASK")


@step("reqHistoricalTicks midpoint")
def ticks_midpoint(client):
    ticks(client, "MIDPOINT")


@step("reqHistogramData")
def histogram(client):
    client.reqHistogramData(client.new_id(), contract(), True, "3 days")


@step("reqRealTimeBars")
def real_time_bars(client):
    number = client.new_id()
    client.reqRealTimeBars(number, contract(), 5, "TRADES", False, [])
    return partial(client.cancelRealTimeBars, number)


def tick_by_tick(kind, wanted=None, before=0):
    def start(client):
        number = client.new_id()
        client.reqTickByTickData(number, wanted or contract(), kind, before, False)
        return None if wanted else partial(client.cancelTickByTickData, number)

    return start


step("reqTickByTickData Last")(tick_by_tick("Last"))
step("reqTickByTickData AllLast")(tick_by_tick("AllLast", before=5))
step("reqTickByTickData BidAsk")(tick_by_tick("BidAsk"))
step("reqTickByTickData MidPoint")(tick_by_tick("MidPoint"))
step("reqTickByTickData refused")(tick_by_tick("Last", contract("EUR", "CASH", "IDEALPRO")))


def depth(client, wanted, *, smart):
    number = client.new_id()
    client.reqMktDepth(number, wanted, 5, smart, [])
    return partial(client.cancelMktDepth, number, smart)


@step("reqMktDepth future")
def depth_of_future(client):
    return depth(client, future(), smart=False)


@step("reqMktDepth smart")
def depth_smart(client):
    return depth(client, contract(), smart=True)


@step("reqMktDepth refused")
def depth_refused(client):
    depth(client, contract("SPX", "IND", "CBOE"), smart=False)


plain("reqMktDepthExchanges")
plain("reqFamilyCodes")


@step("reqSmartComponents")
def smart_components(client):
    client.reqSmartComponents(client.new_id(), "9c0001")


@step("queryDisplayGroups")
def display_groups(client):
    client.queryDisplayGroups(client.new_id())


plain("reqNewsProviders")
plain("reqScannerParameters")


@step("reqHistoricalNews")
def historical_news(client):
    def found(_, __, provider, article, *___):
        FOUND["article"] = provider, article

    client.historicalNews = found
    client.reqHistoricalNews(client.new_id(), 265598, "BRFG+DJ-N", "", "", 5, [])


@step("reqNewsArticle")
def news_article(client):
    client.reqNewsArticle(client.new_id(), *FOUND["article"], [])


@step("reqNewsBulletins")
def news_bulletins(client):
    client.reqNewsBulletins(True)
    return client.cancelNewsBulletins


@step("reqScannerSubscription")
def scanner(client):
    number = client.new_id()
    wanted = ScannerSubscription()
    wanted.instrument, wanted.locationCode, wanted.scanCode = "STK", "STK.US.MAJOR", "TOP_PERC_GAIN"
    client.reqScannerSubscription(number, wanted, [], [])
    return partial(client.cancelScannerSubscription, number)


@step("reqSoftDollarTiers")
def soft_dollar_tiers(client):
    client.reqSoftDollarTiers(client.new_id())


@step("reqFundamentalData")
def fundamental_data(client):
    client.reqFundamentalData(client.new_id(), contract(), "ReportSnapshot", [])


@step("reqWshMetaData")
def wsh_meta_data(client):
    client.reqWshMetaData(client.new_id())


def order(action="BUY", kind="LMT", size=100, **more):
    made = Order()
    made.action, made.orderType, made.totalQuantity, made.tif = action, kind, size, "DAY"
    # 9.81 sets these two by default, and a gateway refuses orders that have them.
    made.eTradeOnly = made.firmQuoteOnly = False
    for name, value in more.items():
        setattr(made, name, value)
    return made


def place(client, wanted, number=None):
    if number is None:
        number = client.order_id
        client.order_id += 1
    client.placeOrder(number, contract(), wanted)
    return number


@step("placeOrder limit")
def order_limit(client):
    FOUND["order"] = place(client, order(lmtPrice=150))


@step("placeOrder modified")
def order_modified(client):
    place(client, order(lmtPrice=151), FOUND["order"])


@step("cancelOrder")
def cancel_order(client):
    client.cancelOrder(FOUND["order"], *order_cancel_arguments())


@step("placeOrder market")
def order_market(client):
    place(client, order(kind="MKT", size=10))


@step("placeOrder bracket")
def order_bracket(client):
    parent = place(client, order(lmtPrice=150, transmit=False))
    place(client, order("SELL", lmtPrice=300, parentId=parent, transmit=False))
    place(client, order("SELL", "STP", auxPrice=100, parentId=parent))


@step("placeOrder what-if")
def order_what_if(client):
    place(client, order(lmtPrice=150, whatIf=True))


@step("placeOrder refused")
def order_refused(client):
    place(client, order(lmtPrice=150.005))


@step("reqExecutions")
def executions(client):
    client.reqExecutions(client.new_id(), ExecutionFilter())


def order_cancel_arguments():
    """9.81 takes none, the editions after it an OrderCancel object."""
    try:
        from ibapi.order_cancel import OrderCancel  # noqa: PLC0415 - some editions have no such module
    except ImportError:
        return []
    return [OrderCancel()]


@step("cancelOrder unknown")
def cancel_order_unknown(client):
    client.cancelOrder(99999, *order_cancel_arguments())


@step("reqGlobalCancel")
def global_cancel(client):
    client.reqGlobalCancel(*order_cancel_arguments())
