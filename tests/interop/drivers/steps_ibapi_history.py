"""The past, and bars that grow, in the words of ibapi."""

# ruff: noqa: FBT003 - the driven libraries are untyped here

from __future__ import annotations

from functools import partial

from steps_ibapi import contract, step


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
    history(client, contract("EUR", "CASH", "IDEALPRO"), duration="2 D", size="1 hour", what="MIDPOINT")


@step("reqHistoricalData updates")
def history_updates(client):
    return history(client, contract(), duration="2 D", size="1 min", keep=True)


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
