"""What the gateway is asked about the past: bars, sessions, ticks, the first moment, the histogram; and what IB's errors mean to that.

Bars and ticks come as fields, and `read_bars` and `read_ticks` make something of them: an answer may have thousands, too many for the step
that reads from the gateway.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ib_async.contract import Contract
from ib_async.objects import HistogramData, HistoricalSession

from ibactors.bridge import codes
from ibactors.bridge.codes import Verdict
from ibactors.bridge.contracts import float_or_none, price_of
from ibactors.bridge.quote_line import number_or_none
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import (
    CompetingSession,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    HistoryPacing,
    IbactorsError,
    InvalidRequest,
    MarketDataNotSubscribed,
    NoHistory,
)
from ibactors.model.bars import QUOTED, PriceLevel, Tick, TickKind, What
from ibactors.model.instruments import ContractInfo
from ibactors.model.times import rfc3339

TIMEOUT = 60.0
"""Seconds. A day of five-second bars was seen to take 15."""
REST = 15.0
"""Seconds for which IB is not asked again after it complained; the shortest of its windows that a caller can wait for."""
_SERVICE, _UP_TO_DATE, _TICKS, _UNPROCESSABLE, _NO_QUERY, _REAL_TIME = 162, 2188, 10187, 322, 366, 420
_TEXTS: tuple[tuple[str, type[IbactorsError]], ...] = (
    ("no data", NoHistory),
    ("no head time stamp", NoHistory),
    ("invalid step", InvalidRequest),
    ("time length exceed", InvalidRequest),
    ("no market data permissions", MarketDataNotSubscribed),
    ("different ip address", CompetingSession),
    ("query cancelled", GatewayTimeout),
    ("disconnect", GatewayDisconnected),
)
"""What 162 and 10187 mean, by what their text has in it."""

_TRADED = frozenset({What.TRADES, What.ADJUSTED_LAST, TickKind.TRADES})

Read: TypeAlias = tuple[int, tuple[float, float, float, float], float, float, float]
"""A bar: time, prices (open, high, low, close), volume, average and count."""
Raw: TypeAlias = list[str]
"""The fields of a message."""


def judge(code: int, text: str) -> IbactorsError | Verdict:
    """What an error means to a question about the past. IB uses one number, 162, for most of them."""
    lower = text.lower()
    if code in (_SERVICE, _TICKS, _REAL_TIME):
        if "pacing violation" in lower:
            return HistoryPacing(f"IB answered {code}: {text.strip()}", retry_after=round(REST), ib_code=code)
        kind = next((kind for part, kind in _TEXTS if part in lower), GatewayRefused)
        return kind(f"IB answered {code}: {text.strip()}", ib_code=code)
    if code == _UNPROCESSABLE and "simultaneous" in lower:
        return HistoryPacing(f"IB answered {code}: {text.strip()}", retry_after=1, ib_code=code)
    return codes.judge(code, text, {_UP_TO_DATE: MarketDataNotSubscribed, _NO_QUERY: GatewayTimeout})


def what_to_show(info: ContractInfo, what: What) -> str:
    """IB's word. It refuses TRADES for coins, and names what it takes instead (10299)."""
    return "AGGTRADES" if what is What.TRADES and info.sec_type == "CRYPTO" else what.upper()


def check_kind(info: ContractInfo, what: What | TickKind) -> None:
    """After IB said that there is nothing. Raises InvalidRequest where there never is anything of that kind."""
    if info.sec_type in QUOTED and what in _TRADED:
        raise InvalidRequest(
            f"IB has no {what} of {info.symbol} ({info.sec_type}).", field="what", remedy="Ask for what=midpoint, or bid_ask."
        )


def _contract(info: ContractInfo) -> Contract:
    return Contract(
        conId=info.con_id,
        symbol=info.symbol,
        secType=info.sec_type,
        exchange=info.exchange,
        currency=info.currency,
        includeExpired=info.sec_type == "FUT",  # IB knows the past of those that have expired, if asked to
    )


def _cancel_bars(client: GatewayClient, request_id: int) -> None:
    client.cancelHistoricalData(request_id)


def past_bars(info: ContractInfo, *, text: str, end: str, duration: str, what: What, rth: bool) -> RequestSpec[Raw]:
    """Bars (messages 20 and 17): *text* is IB's name of the size, *end* `yyyymmdd-hh:mm:ss` or empty. Raises NoHistory for none."""

    def send(client: GatewayClient, request_id: int) -> None:
        shown = what_to_show(info, what)
        client.reqHistoricalData(request_id, _contract(info), end, duration, text, shown, int(rth), 2, False, "")  # noqa: FBT003

    return RequestSpec(
        to=f"send bars of {info.symbol}", kind="history", send=send, raw=_keep, cancel=_cancel_bars, timeout=TIMEOUT, judge=judge
    )


def read_bars(fields: Sequence[str]) -> list[Read]:
    """The bars of a piece of message 17's rows, eight fields each. Raises ValueError."""
    if len(fields) % 8:
        raise ValueError(f"{len(fields)} fields are no whole bars")
    return [
        (
            _seconds(fields[n]),
            (price_of(fields[n + 1]), price_of(fields[n + 2]), price_of(fields[n + 3]), price_of(fields[n + 4])),
            _known(number_or_none(float(fields[n + 5]))),
            _known(float_or_none(float(fields[n + 6]))),
            _known(number_or_none(float(fields[n + 7]))),
        )
        for n in range(0, len(fields), 8)
    ]


def _known(value: float | None) -> float:
    """-1 stands for what there is not, however IB says so."""
    return -1.0 if value is None else value


def _keep(fields: list[str]) -> Raw:
    return fields


def bar_fields(message: Raw) -> list[str]:
    """The rows of message 17. Raises ValueError if it has fewer than it says."""
    end = 5 + int(message[4]) * 8
    if len(message) < end:
        raise ValueError(f"{len(message)} fields are not {message[4]} bars")
    return message[5:end]


_FIRST_SECOND, _LAST_SECOND = -5_000_000_000, 253402300799 - 86400 * 366
"""The year 1811, and one before the end of 9999: other times are none."""


def _seconds(text: str) -> int:
    """Unix time, or midnight UTC of a date `yyyymmdd`; IB dates days like that whatever it is asked for. Raises ValueError."""
    if len(text) == 8:  # noqa: PLR2004
        return int(dt.datetime(int(text[:4]), int(text[4:6]), int(text[6:]), tzinfo=dt.UTC).timestamp())
    return _unix(text)


def _unix(text: str) -> int:
    seconds = int(text)
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        raise ValueError(f"{text[:20]!r} is no time")
    return seconds


def first_moment(info: ContractInfo, *, what: What, rth: bool) -> RequestSpec[int]:
    """Since when there are data, in Unix seconds (messages 87, 88). Raises NoHistory where IB does not tell."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqHeadTimeStamp(request_id, _contract(info), what_to_show(info, what), int(rth), 2)

    def cancel(client: GatewayClient, request_id: int) -> None:
        client.cancelHeadTimeStamp(request_id)

    def read(_request_id: int, text: str) -> int:
        return _seconds(text)

    rows = {"headTimestamp": read}
    return RequestSpec(
        to=f"tell the first moment of {info.symbol}", kind="history", send=send, rows=rows, cancel=cancel, timeout=TIMEOUT, judge=judge
    )


Schedule: TypeAlias = tuple[str, tuple[tuple[str, str, str], ...]]
"""A time zone, and opening, closing and date of each session in its time."""


def schedule(info: ContractInfo, *, end: str, duration: str, rth: bool) -> RequestSpec[Schedule]:
    """Sessions (messages 20 and 106). Raises NoHistory for none."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqHistoricalData(request_id, _contract(info), end, duration, "1 day", "SCHEDULE", int(rth), 1, False, "")  # noqa: FBT003

    def read(_request_id: int, _start: str, _end: str, zone: str, sessions: list[HistoricalSession]) -> Schedule:
        return zone, tuple((session.startDateTime, session.endDateTime, session.refDate) for session in sessions)

    rows = {"historicalSchedule": read}
    return RequestSpec(
        to=f"send sessions of {info.symbol}", kind="history", send=send, rows=rows, cancel=_cancel_bars, timeout=TIMEOUT, judge=judge
    )


def past_ticks(info: ContractInfo, *, start: str, end: str, count: int, kind: TickKind, rth: bool) -> RequestSpec[Raw]:
    """At most *count* ticks from *start* on or up to *end*, and the rest of the last second (messages 96 to 98)."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqHistoricalTicks(request_id, _contract(info), start, end, count, kind.upper(), int(rth), False, "")  # noqa: FBT003

    return RequestSpec(to=f"send ticks of {info.symbol}", kind="history", send=send, raw=_keep, timeout=TIMEOUT, judge=judge)


def read_ticks(message: Raw) -> list[tuple[int, Tick]]:
    """The second and the values of each tick of a message 96, 97 or 98. Raises ValueError or IndexError."""
    width, read = _TICKS_BY_MESSAGE[message[0]]
    count = int(message[2])
    if len(message) < 4 + count * width:
        raise ValueError(f"{len(message)} fields are not {count} ticks")
    return [read(message[n : n + width]) for n in range(3, 3 + count * width, width)]


def _midpoint(fields: Sequence[str]) -> tuple[int, Tick]:
    at = _unix(fields[0])
    return at, Tick(t=rfc3339(at), price=price_of(fields[2]))


def _bid_ask(fields: Sequence[str]) -> tuple[int, Tick]:
    at, mask = _unix(fields[0]), int(fields[1])
    tick = Tick(
        t=rfc3339(at),
        bid=price_of(fields[2]),
        ask=price_of(fields[3]),
        bid_size=number_or_none(float(fields[4])),
        ask_size=number_or_none(float(fields[5])),
        ask_past_high=bool(mask & 1),
        bid_past_low=bool(mask & 2),
    )
    return at, tick


def _trade(fields: Sequence[str]) -> tuple[int, Tick]:
    at, mask = _unix(fields[0]), int(fields[1])
    tick = Tick(
        t=rfc3339(at),
        price=price_of(fields[2]),
        size=number_or_none(float(fields[3])),
        exchange=shown(fields[4], LONGEST_NAME),
        conditions=shown(fields[5], LONGEST_NAME),
        past_limit=bool(mask & 1),
        unreported=bool(mask & 2),
    )
    return at, tick


_TICKS_BY_MESSAGE: dict[str, tuple[int, Callable[[Sequence[str]], tuple[int, Tick]]]] = {
    "96": (4, _midpoint),
    "97": (6, _bid_ask),
    "98": (6, _trade),
}


def histogram(info: ContractInfo, *, period: str, rth: bool) -> RequestSpec[tuple[PriceLevel, ...]]:
    """How much was traded at which price (messages 88 out, 89 in); *period* in IB's words, such as `3 days`."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqHistogramData(request_id, _contract(info), int(rth), period)

    def cancel(client: GatewayClient, request_id: int) -> None:
        client.cancelHistogramData(request_id)

    def read(_request_id: int, levels: list[HistogramData]) -> tuple[PriceLevel, ...]:
        if any(float_or_none(level.price) is None for level in levels):
            raise ValueError("a level without its price")
        return tuple(PriceLevel(price=level.price, size=level.count) for level in levels)

    return RequestSpec(
        to=f"send the histogram of {info.symbol}",
        kind="history",
        send=send,
        rows={"histogramData": read},
        cancel=cancel,
        timeout=TIMEOUT,
        judge=judge,
    )
