"""One function a step, in the words of ib_async; each may return what cancels the subscription again."""

from __future__ import annotations

from functools import partial

STEPS = {}
ACCOUNT = "DU1234567"


class Driven:
    """The client under test and what its steps share."""

    def __init__(self, ib, module):
        self.ib = ib
        self.m = module
        self.stock = module.Stock("AAPL", "SMART", "USD", conId=265598)
        self.forex = module.Forex("EURUSD", conId=12087792)
        self.future = None
        self.option = None
        self.headline = None
        self.trade = None

    def line(self, contract, generic=""):
        self.ib.reqMktData(contract, generic)
        return partial(self.ib.cancelMktData, contract)


def step(name):
    """Register a step."""

    def register(function):
        STEPS[name] = function
        return function

    return register


def call(name, *args, method=None):
    """A step that is one awaited call whose result must not be empty."""

    async def run(d):
        result = await getattr(d.ib, method or f"{name}Async")(*args)
        assert result is not None, repr(result)

    STEPS[name] = run


def raw(name, *args):
    """A step that the library offers on its low-level client only."""

    def run(d):
        getattr(d.ib.client, name.split()[0])(*args)

    STEPS[name] = run


call("reqCurrentTime")
call("reqPositions")
call("reqOpenOrders")
call("reqAllOpenOrders")
call("reqExecutions")
call("reqCompletedOrders", False)  # noqa: FBT003 - the library's signature
call("reqMatchingSymbols", "AAP")
call("reqMarketRule", 32)
call("reqUserInfo")
call("reqSecDefOptParams", "AAPL", "", "STK", 265598)
raw("reqIds", 1)
raw("reqManagedAccts")
raw("reqSoftDollarTiers", 901)
raw("requestFA", 1)
raw("reqWshMetaData", 903)
raw("cancelMktData unknown", 99999)
raw("cancelOrder unknown", 99999, "")


@step("reqGlobalCancel")
def global_cancel(d):
    d.ib.reqGlobalCancel()


@step("reqFundamentalData")
def fundamental_data(d):
    d.ib.client.reqFundamentalData(902, d.stock, "ReportSnapshot", [])


@step("reqAccountUpdates")
def account_updates(d):
    d.ib.client.reqAccountUpdates(True, ACCOUNT)  # noqa: FBT003 - the library's signature


@step("reqAccountSummary")
async def account_summary(d):
    assert await d.ib.accountSummaryAsync(ACCOUNT)


@step("reqPositionsMulti")
def positions_multi(d):
    d.ib.client.reqPositionsMulti(904, ACCOUNT, "")
    return partial(d.ib.client.cancelPositionsMulti, 904)


@step("reqAccountUpdatesMulti")
def account_updates_multi(d):
    d.ib.client.reqAccountUpdatesMulti(905, ACCOUNT, "", False)  # noqa: FBT003 - the library's signature
    return partial(d.ib.client.cancelAccountUpdatesMulti, 905)


@step("reqPnL")
def pnl(d):
    d.ib.reqPnL(ACCOUNT)
    return partial(d.ib.cancelPnL, ACCOUNT)


@step("reqPnLSingle")
def pnl_single(d):
    d.ib.reqPnLSingle(ACCOUNT, "", 265598)
    return partial(d.ib.cancelPnLSingle, ACCOUNT, "", 265598)


@step("reqContractDetails")
async def details(d):
    options = await d.ib.reqContractDetailsAsync(d.m.Option("AAPL", strike=230, right="C", exchange="SMART"))
    futures = await d.ib.reqContractDetailsAsync(d.m.Future("ES", exchange="CME"))
    d.option, d.future = options[0].contract, futures[0].contract
    assert await d.ib.qualifyContractsAsync(d.m.Forex("EURUSD"))


@step("reqContractDetails unknown")
async def details_unknown(d):
    assert await d.ib.reqContractDetailsAsync(d.m.Stock("NOSUCH", "SMART", "USD")) == []


@step("reqMktData stock")
def line_of_stock(d):
    return d.line(d.stock)


@step("reqMktData future")
def line_of_future(d):
    return d.line(d.future)


@step("reqMktData forex")
def line_of_forex(d):
    return d.line(d.forex)


@step("reqMktData index")
def line_of_index(d):
    return d.line(d.m.Index("SPX", "CBOE", conId=416904))


@step("reqMktData snapshot")
async def snapshot(d):
    (ticker,) = await d.ib.reqTickersAsync(d.stock)
    assert 0 < ticker.bid < ticker.ask, ticker


@step("reqMktData delayed")
def line_delayed(d):
    contract = d.m.Stock("DELAY", "SMART", "USD", conId=700000002)
    d.ib.reqMarketDataType(3)
    cancel = d.line(contract)

    def undo():
        cancel()
        d.ib.reqMarketDataType(1)

    return undo


@step("reqMktData refused")
def line_refused(d):
    d.line(d.m.Stock("NOSUB", "SMART", "USD", conId=700000001))


def tick_by_tick(name, contract, kind, before=0):
    def run(d):
        wanted = getattr(d, contract)
        d.ib.reqTickByTickData(wanted, kind, before)
        return partial(d.ib.cancelTickByTickData, wanted, kind) if contract == "stock" else None

    STEPS[name] = run


tick_by_tick("reqTickByTickData Last", "stock", "Last")
tick_by_tick("reqTickByTickData AllLast", "stock", "AllLast", 5)
tick_by_tick("reqTickByTickData BidAsk", "stock", "BidAsk")
tick_by_tick("reqTickByTickData MidPoint", "stock", "MidPoint")
tick_by_tick("reqTickByTickData refused", "forex", "Last")


def depth(d, contract, *, smart):
    ticker = d.ib.reqMktDepth(contract, 5, isSmartDepth=smart)
    number = max(n for n, t in d.ib.wrapper.reqId2Ticker.items() if t is ticker)
    # Not ib.cancelMktDepth: ib_insync's empties the book at once and fails over updates that are on their way.
    return partial(d.ib.client.cancelMktDepth, number, smart)


@step("reqMktDepth future")
def depth_of_future(d):
    return depth(d, d.future, smart=False)


@step("reqMktDepth smart")
def depth_smart(d):
    return depth(d, d.stock, smart=True)


@step("reqMktDepth refused")
def depth_refused(d):
    d.ib.reqMktDepth(d.m.Index("SPX", "CBOE", conId=416904))


call("reqMktDepthExchanges")
call("reqSmartComponents", "9c0001")
raw("reqFamilyCodes")
raw("queryDisplayGroups", 906)


@step("reqMktData option")
def line_of_option(d):
    return d.line(d.option)


@step("reqMktData generic")
def line_generic(d):
    return d.line(d.stock, "100,101,104,105,106,165,221,225,233,236,258,293,294,295,318,375,411,456,595")


@step("reqMktData news")
def line_news(d):
    return d.line(d.stock, "mdoff,292:BRFG")


@step("calculateImpliedVolatility")
async def implied_volatility(d):
    assert 0.1 < (await d.ib.calculateImpliedVolatilityAsync(d.option, 9.5, 228)).impliedVol < 1


@step("calculateOptionPrice")
async def option_price(d):
    assert (await d.ib.calculateOptionPriceAsync(d.option, 0.3, 228)).optPrice > 0


call("reqNewsProviders")
call("reqScannerParameters")


@step("reqHistoricalNews")
async def historical_news(d):
    d.headline = await d.ib.reqHistoricalNewsAsync(265598, "BRFG+DJ-N", "", "", 5)
    assert d.headline


@step("reqNewsArticle")
async def news_article(d):
    headline = d.headline[0] if isinstance(d.headline, list) else d.headline
    assert (await d.ib.reqNewsArticleAsync(headline.providerCode, headline.articleId)).articleText


@step("reqNewsBulletins")
def news_bulletins(d):
    d.ib.reqNewsBulletins(allMessages=True)
    return d.ib.cancelNewsBulletins


@step("reqScannerSubscription")
def scanner(d):
    wanted = d.m.ScannerSubscription(instrument="STK", locationCode="STK.US.MAJOR", scanCode="TOP_PERC_GAIN")
    rows = d.ib.reqScannerSubscription(wanted)
    return partial(d.ib.cancelScannerSubscription, rows)
