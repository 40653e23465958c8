"""The past, and bars that grow, in the words of ib_async."""

from __future__ import annotations

from functools import partial

from steps_ib_async import STEPS, raw, step


async def history(d, contract, *, duration="5 D", size="1 day", what="TRADES", epoch=False, keep=False):
    return await d.ib.reqHistoricalDataAsync(
        contract, "", duration, size, what, useRTH=True, formatDate=2 if epoch else 1, keepUpToDate=keep
    )


@step("reqHistoricalData days")
async def history_days(d):
    bars = await history(d, d.stock)
    assert len(bars) == 5, bars
    assert all(b.low <= min(b.open, b.close) and b.high >= max(b.open, b.close) and b.volume > 0 for b in bars), bars


@step("reqHistoricalData minutes")
async def history_minutes(d):
    bars = await history(d, d.stock, duration="3600 S", size="5 mins", epoch=True)
    assert len(bars) in (12, 13), len(bars)
    assert [b.date for b in bars] == sorted({b.date for b in bars}), bars


@step("reqHistoricalData midpoint")
async def history_midpoint(d):
    assert (await history(d, d.forex, duration="2 D", size="1 hour", what="MIDPOINT"))[0].volume == -1


@step("reqHistoricalData updates")
async def history_updates(d):
    bars = await history(d, d.stock, duration="2 D", size="1 min", keep=True)
    assert bars
    return partial(d.ib.cancelHistoricalData, bars)


@step("reqHistoricalData schedule")
async def history_schedule(d):
    assert (await d.ib.reqHistoricalScheduleAsync(d.stock, 5)).sessions


@step("reqHistoricalData nothing")
async def history_nothing(d):
    assert not await history(d, d.forex)


raw("cancelHistoricalData unknown", 99999)


@step("reqHeadTimeStamp")
async def head_timestamp(d):
    assert (await d.ib.reqHeadTimeStampAsync(d.stock, "TRADES", useRTH=True, formatDate=1)).year == 1980


def ticks(name, what):
    async def run(d):
        found = await d.ib.reqHistoricalTicksAsync(d.stock, "", "20260612 20:00:00 UTC", 50, what, useRth=True)
        assert len(found) >= 50, found
        assert [t.time for t in found] == sorted(t.time for t in found)

    STEPS[name] = run


ticks("reqHistoricalTicks last", "TRADES")
ticks("reqHistoricalTicks quotes", "BID_ASK")
ticks("reqHistoricalTicks midpoint", "MIDPOINT")


@step("reqHistogramData")
async def histogram(d):
    assert await d.ib.reqHistogramDataAsync(d.stock, useRTH=True, period="3 days")


@step("reqRealTimeBars")
def real_time_bars(d):
    bars = d.ib.reqRealTimeBars(d.stock, 5, "TRADES", useRTH=False)
    return partial(d.ib.cancelRealTimeBars, bars)
