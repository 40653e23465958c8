"""The past: bars that are bars, whatever their size, and the errors of a data service."""

import datetime as dt
import itertools

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from ibactors.sim import Simulator
from ibactors.sim.history.past import Past
from ibactors.sim.history.query import BadQuery, read_query
from ibactors.sim.market import hours
from ibactors.sim.market.catalogue import build_catalogue
from ibactors.sim.market.instruments import Instrument, TradingHours
from ibactors.sim.market.market import Market
from ibactors.sim.wire.datetimes import Dialect, moment, parse
from tests.sim.noon import simulator_at_noon
from tests.sim.rawclient import Bench, RawClient, contract

NOW = dt.datetime(2026, 11, 24, 17, 3, 20, tzinfo=dt.UTC)
CATALOGUE = build_catalogue(NOW.date())
AAPL = CATALOGUE.by_con_id[265598]
STOCK, PAIR = contract("AAPL"), contract("EUR", "CASH", "IDEALPRO")
COIN = contract("BTC", "CRYPTO", "PAXOS")


def market(seed: int = 1) -> Market:
    return Market(CATALOGUE, seed=seed, rate=4, now=lambda: NOW, silent=lambda _: False)


def history(
    request_id: int,
    block: tuple[str | int, ...] = STOCK,
    *,
    end: str = "",
    size: str = "1 day",
    duration: str = "5 D",
    regular: int = 1,
    what: str = "TRADES",
    date: int = 1,
    keep: int = 0,
) -> tuple[str | int, ...]:
    return (20, request_id, *block, 0, end, size, duration, regular, what, date, keep, "")


def bars_of(frame: list[str]) -> list[list[str]]:
    rows = [frame[5 + n * 8 : 13 + n * 8] for n in range(int(frame[4]))]
    assert len(frame) == 5 + 8 * len(rows)
    return rows


async def ask(client: RawClient, *fields: str | int) -> list[str]:
    await client.send(*fields)
    return (await client.until("17"))[-1]


@given(st.sampled_from([i for i in CATALOGUE.by_con_id.values() if not i.is_option]), st.integers(0, 400 * 86400))
def test_past_is_the_same_for_everybody_and_bars_contain_their_prices(instrument: Instrument, age: int) -> None:
    start = NOW - dt.timedelta(seconds=age + 60)

    async def look() -> None:
        await trio.lowlevel.checkpoint()
        pasts = [Past(market(), instrument) for _ in range(2)]
        bar, again = (p.bar(start, 60, "MIDPOINT" if instrument.sec_type == "CASH" else "TRADES") for p in pasts)
        assert bar == again
        assert bar.low <= min(bar.open, bar.close, bar.average + 1e-9 if bar.count > 0 else bar.low)
        assert max(bar.open, bar.close) <= bar.high
        assert 0.3 < bar.close / instrument.price < 3

    # The walk behind the present price needs a running clock.
    trio.run(look)


def test_neighbouring_bars_meet() -> None:
    past = Past(market(), AAPL)
    start = NOW - dt.timedelta(hours=3)
    bars = [past.bar(start + dt.timedelta(minutes=n), 60, "TRADES") for n in range(180)]
    assert all(a.close == b.open for a, b in itertools.pairwise(bars))
    assert bars[-1].close == pytest.approx(AAPL.price, rel=1e-2)


@pytest.fixture
def simulator() -> Simulator:
    return simulator_at_noon()


async def test_bar_that_is_not_over_ends_at_the_live_price(strict: Bench) -> None:
    client = await strict.client()
    await strict.control("set AAPL 260.00 260.01 260.00")
    [*_, running] = bars_of(await ask(client, *history(1, size="1 month", duration="1 M")))
    assert running[4] == "260.00"
    assert float(running[2]) >= 260


async def test_bars_of_an_hour_cover_their_minutes(bench: Bench) -> None:
    client = await bench.client()
    end = "20261120 20:00:00 UTC"
    minutes = bars_of(await ask(client, *history(1, size="1 min", duration="3600 S", end=end, date=2)))
    hour = bars_of(await ask(client, *history(2, size="1 hour", duration="3600 S", end=end, date=2)))[-1]
    assert len(minutes) == 60
    assert hour[0] == minutes[0][0]
    assert (hour[1], hour[4]) == (minutes[0][1], minutes[-1][4])


async def test_old_bars_stay_as_they_are_while_the_market_moves(bench: Bench) -> None:
    client = await bench.client()
    question = history(1, size="5 mins", duration="1 D", end="20261120 20:00:00 UTC")
    before = bars_of(await ask(client, *question))
    await bench.control("set AAPL 260.00 260.01 260.00")
    assert bars_of(await ask(client, *question)) == before


async def test_daily_bars_are_weekdays_and_have_no_time(bench: Bench) -> None:
    client = await bench.client()
    frame = await ask(client, *history(1, duration="10 D", date=2))
    days = [dt.datetime.strptime(b[0], "%Y%m%d").weekday() for b in bars_of(frame)]  # noqa: DTZ007 - a day
    assert len(days) == 10
    assert all(d < 5 for d in days)


@pytest.mark.parametrize(("what", "volume"), [("TRADES", 1), ("MIDPOINT", -1), ("BID", -1), ("ASK", -1), ("BID_ASK", -1)])
async def test_only_trades_have_volume(bench: Bench, what: str, volume: int) -> None:
    client = await bench.client()
    bars = bars_of(await ask(client, *history(1, what=what)))
    assert all((int(b[5]) > 0) == (volume > 0) for b in bars)
    assert all(float(b[3]) <= float(b[1]) <= float(b[2]) for b in bars)


async def test_volumes_of_old_versions_are_lots(bench: Bench) -> None:
    new, old = await bench.client(1), await bench.client(2, "v100..157")
    shares, lots = [bars_of(await ask(c, *history(1, end="20261120 21:00:00 UTC")))[0] for c in (new, old)]
    assert int(shares[5]) // 100 == int(lots[5])


@pytest.mark.parametrize(
    ("fields", "code", "part"),
    [
        (history(1, PAIR), 162, "HMDS query returned no data: EUR.USD@IDEALPRO Trades"),
        (history(1, size="1 fortnight"), 321, "bar size setting is invalid"),
        (history(1, duration="5"), 321, "duration"),
        (history(1, duration="400 D"), 321, "must be made in years"),
        (history(1, what="GOSSIP"), 321, "what to show"),
        (history(1, end="yesterday"), 10314, "The correct format is yyyymmdd hh:mm:ss xx/xxxx"),
        (history(1, end="20261120 20:00:00 Mars/Olympus"), 10314, "time-zone entered is invalid"),
        (history(1, end="20261120 20:00:00 GMT"), 10314, "time is in UTC"),
        (history(1, what="ADJUSTED_LAST", end="20261120-20:00:00"), 321, "End Date not supported with adjusted last"),
        (history(1, contract("NOSUB")), 162, "No market data permissions for NASDAQ STK"),
        (history(1, contract("DELAY")), 2188, "requires additional subscription"),
        (history(1, size="5 secs", duration="60 S", end="20250620-15:00:00"), 162, "HMDS query returned no data: AAPL@SMART Trades"),
        (history(1, end="19790101-15:00:00"), 162, "HMDS query returned no data"),
        (history(1, keep=1, end="20261120-20:00:00"), 321, "keeps up to date"),
        (history(1, size="1 secs", duration="2001 S"), 162, "invalid step: 1"),
        (history(1, size="1 min", duration="2 M"), 162, "invalid step: 60"),
        (history(1, duration="90 Y"), 162, "Time length exceed max"),
        (history(1, duration="90000 S"), 321, "must be made in days"),
        (history(1, COIN), 10299, "Expected what to show is AGGTRADES, please use that instead of TRADES."),
        (history(1, what="AGGTRADES"), 10299, "Expected what to show is TRADES"),
        (history(1, contract("NOSUCH")), 200, "No security definition"),
        ((25, 1, 1), 366, "No historical data query found for ticker id:1"),
        ((96, 1, *STOCK, 0, "", "", 10, "TRADES", 1, 0, ""), 10187, "must be specified"),
        ((96, 1, *STOCK, 0, "", "20261120-20:00:00", 5000, "TRADES", 1, 0, ""), 10187, "between 1 and 1000"),
        ((87, 1, *PAIR, 0, 1, "TRADES", 1), 162, "No head time stamp"),
        ((88, 1, *STOCK, 0, 1, "some days"), 321, "time period"),
        ((50, 3, 1, *STOCK, 10, "TRADES", 0, ""), 321, "5 seconds"),
        ((50, 3, 1, *contract("NOSUB"), 5, "TRADES", 0, ""), 420, "No market data permissions"),
        ((50, 3, 1, *COIN, 5, "TRADES", 0, ""), 10299, "Expected what to show is AGGTRADES"),
        ((51, 1, 1), 300, "Can't find EId"),
    ],
)
async def test_what_cannot_be_had_is_an_error_with_its_reason(bench: Bench, fields: tuple[str | int, ...], code: int, part: str) -> None:
    client = await bench.client()
    await client.send(*fields)
    found, text = await client.error(1)
    assert found == code
    assert part in text


async def test_updates_follow_until_cancelled_and_grow_one_bar(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("rate 50")
    await ask(client, *history(1, size="1 hour", duration="2 D", regular=0, keep=1))
    first, second = await client.find("90", "1"), await client.find("90", "1")
    assert len(first) == 10
    assert int(second[9]) >= int(first[9])
    await client.send(25, 1, 1)
    assert (await client.error(1)) == (162, "Historical Market Data Service error message:API historical data query cancelled: 1")
    assert not [f for f in await client.synchronise() if f[0] == "90"]


async def test_updates_end_with_the_connection_to_the_broker_and_the_next_request_has_the_gap(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("rate 50")
    await ask(client, *history(1, size="1 hour", duration="2 D", regular=0, keep=1))
    await client.find("90", "1")
    await bench.control("1100")
    assert await client.error(1) == (10182, "Failed to request live updates (disconnected).")
    await bench.control("1102")
    assert not [f for f in await client.synchronise() if f[0] == "90"]
    await ask(client, *history(1, size="1 hour", duration="2 D", regular=0, keep=1))
    await client.find("90", "1")


@pytest.mark.parametrize("when", ["00010101-00:00:00", "00010101 00:00:00 Asia/Tokyo", "19691231-23:59:59", "99991231-23:59:59"])
async def test_moments_at_the_ends_of_the_calendar_have_an_answer(bench: Bench, when: str) -> None:
    client = await bench.client()
    await client.send(*history(1, end=when))
    for start, end in ((when, ""), ("", when)):
        await client.send(96, 2, *STOCK, 0, start, end, 5, "TRADES", 1, 0, "")
    answers: list[str] = []
    while len(answers) < 3:
        frame = await client.frame()
        if frame[0] in ("17", "98") or (frame[0] == "4" and frame[2] in ("1", "2") and frame[3] != "2174"):
            answers.append(frame[0])


async def test_pages_of_ticks_have_every_tick_once(bench: Bench) -> None:
    client = await bench.client()
    pages: list[tuple[str, ...]] = []
    second = dt.datetime(2025, 11, 26, 20, 59, tzinfo=dt.UTC)
    while len(pages) < 1500:
        await client.send(96, 1, *STOCK, 0, f"{second:%Y%m%d-%H:%M:%S}", "", 200, "TRADES", 1, 0, "")
        row = (await client.find("98", "1"))[3:-1]
        page = [tuple(row[n : n + 6]) for n in range(0, len(row), 6)]
        pages += page
        second = dt.datetime.fromtimestamp(int(page[-1][0]) + 1, dt.UTC)
    await client.send(96, 2, *STOCK, 0, "20251126-20:59:00", "", 1000, "TRADES", 1, 0, "")
    row = (await client.find("98", "2"))[3:-1]
    assert [tuple(row[n : n + 6]) for n in range(0, len(row), 6)][:1000] == pages[:1000]
    # The closing bell of Wednesday is followed by Friday's opening: Thursday is Thanksgiving.
    assert {dt.datetime.fromtimestamp(int(p[0]), dt.UTC).day for p in pages} == {26, 28}


async def test_schedule_leaves_out_weekends_and_holidays_and_has_half_days(bench: Bench) -> None:
    client = await bench.client()
    await client.send(*history(1, end="20251201-23:00:00", duration="4 D", what="SCHEDULE"))
    found = await client.find("106", "1")
    assert found[4:6] == ["US/Eastern", "4"]
    assert found[9:15] == ["20251126-09:30:00", "20251126-16:00:00", "20251126", "20251128-09:30:00", "20251128-13:00:00", "20251128"]


async def test_ticks_fill_whole_seconds_forward_and_backward(bench: Bench) -> None:
    client = await bench.client()
    await client.send(96, 1, *STOCK, 0, "20261120-15:00:00", "", 20, "TRADES", 1, 0, "")
    forward = (await client.find("98", "1"))[3:-1]
    await client.send(96, 2, *STOCK, 0, "", "20261120-15:00:00", 20, "TRADES", 1, 0, "")
    backward = (await client.find("98", "2"))[3:-1]
    times = [[int(t) for t in ticks[::6]] for ticks in (forward, backward)]
    turn = int(dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC).timestamp())
    assert all(20 <= len(t) <= 22 and t == sorted(t) for t in times)
    assert times[0][0] >= turn > times[1][-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20250708 02:35:00 America/New_York", "20250708-06:35:00"),
        ("20250708 02:35:00 US/Eastern", "20250708-06:35:00"),
        ("20250708 02:35:00 EST", "20250708-06:35:00"),
        ("20250708-02:35:00", "20250708-02:35:00"),
        ("20250708 02:35:00", "20250708-06:35:00"),
        ("20250708  02:35:00", "20250708-06:35:00"),
        ("20250708 2:35 UTC", "20250708-02:35:00"),
    ],
)
def test_dates_are_read_in_every_form(text: str, expected: str) -> None:
    assert moment(parse(text, "US/Eastern"), "US/Eastern", Dialect.UTC) == expected


def test_dates_are_written_in_three_dialects() -> None:
    texts = [moment(NOW, "US/Eastern", d) for d in Dialect]
    assert texts == ["20261124  12:03:20", "20261124 12:03:20 US/Eastern", "20261124-17:03:20"]


def test_sessions_of_a_future_open_on_the_evening_before() -> None:
    found = hours.days_back(TradingHours.CME_INDEX, "US/Central", NOW, 2, regular=False)
    assert [d.isoformat() for d, _ in found] == ["2026-11-23", "2026-11-24"]
    assert found[0][1][0] == dt.datetime(2026, 11, 22, 23, tzinfo=dt.UTC)
    assert hours.is_open(TradingHours.CME_INDEX, "US/Central", NOW)
    assert not hours.is_open(TradingHours.US_STOCK, "US/Eastern", dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC))


@pytest.mark.parametrize("duration", ["0 D", "", "5 X", "-1 D", "1.5 D", "99999999 D"])
def test_durations_that_are_none_are_refused(duration: str) -> None:
    with pytest.raises(BadQuery):
        read_query(end=NOW, size="1 day", duration=duration, regular=True)
