"""Market data lines and option computations, in the words of ibapi."""

# ruff: noqa: FBT003 - the driven libraries are untyped here

from __future__ import annotations

from functools import partial

from steps_ibapi import FOUND, contract, future, step


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
