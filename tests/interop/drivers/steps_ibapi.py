"""One function a step, in the words of ibapi; each may return what cancels the subscription again."""

# ruff: noqa: FBT003 - the driven libraries are untyped here

from __future__ import annotations

from functools import partial

from ibapi.client import EClient
from ibapi.contract import Contract
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
plain("reqMarketRule", 32)
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
