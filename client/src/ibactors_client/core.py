"""The calls, without a socket: each is a generator that yields what is to be sent and is given the answers, by `Client` or `AsyncClient`.

A read is sent again after a broken connection, 429, 502, 503 and 504, not before `Retry-After`, for `patience` seconds in all. What changes
something is sent again only with an id that makes the service do it at most once, and until the answer is definite.
"""

import os
import random
import time
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote as escaped

import httpx2
import msgspec

from ibactors_client.models import Bar, Bars
from ibactors_client.orders import Order
from ibactors_client.problems import ClientError, NotTheService, OutcomeUnknown, Problem, Unreachable, problem
from ibactors_client.tables import Rows

T = TypeVar("T")
Param: TypeAlias = str | int | float | bool | None
Progress: TypeAlias = Callable[[int, str], None]
"""Is told how many bars there are, and the time of the newest."""

LOST = (httpx2.NetworkError, httpx2.TimeoutException, httpx2.RemoteProtocolError, httpx2.ProxyError, httpx2.DecodingError)
"""The connection broke, or nothing came."""
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""Those of `LOST` after which not a byte has left."""
PASSING = frozenset({429, 502, 503, 504})
_SETTLED = frozenset({"order_rejected", "order_not_received", "order_not_sent", "change_rejected", "change_not_sent"})
"""Codes of problems that are what became of an order or a change, however often it was sent: where they come with the `order`.

Without it nothing was written down, and a try from before may still be on its way.
"""
_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_PACED = 10
"""How much more patience a page of the past takes: IB counts requests over ten minutes."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be sent, `after` so many seconds."""

    method: str
    path: str
    params: dict[str, str] = {}
    body: bytes | None = None
    after: float = 0.0


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, read whole."""

    status: int
    content_type: str
    retry_after: float | None
    content: bytes


Call: TypeAlias = Generator[Request, Reply, T]


def options(url: str | None, key: str | None) -> dict[str, Any]:
    """What the HTTP client is made with; IBACTORS_URL and IBACTORS_API_KEY stand in for what is not given."""
    key = key or os.environ.get("IBACTORS_API_KEY")
    return {
        "base_url": url or os.environ.get("IBACTORS_URL") or "http://127.0.0.1:8000",
        "headers": {"Authorization": f"Bearer {key}"} if key else {},
        "timeout": httpx2.Timeout(75, connect=5),
    }


def path(template: str, *names: str | int) -> str:
    """A path with names in it, each escaped whole."""
    return template.format(*(escaped(str(name), safe="") for name in names))


def parameters(values: Mapping[str, Param]) -> dict[str, str]:
    """A query without what is None."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items() if value is not None}


def reply(response: httpx2.Response) -> Reply:
    """An answer whose content was read."""
    after = response.headers.get("retry-after", "")
    return Reply(
        status=response.status_code,
        content_type=response.headers.get("content-type", ""),
        retry_after=float(after) if after.isascii() and after.isdigit() else None,
        content=response.content,
    )


def refusal(answer: Reply) -> ClientError | None:
    """What an answer raises; None where it is what was asked for."""
    if answer.content_type.startswith("application/problem+json"):
        return problem(answer.content, answer.status, answer.retry_after)
    if not 200 <= answer.status < 300:
        return NotTheService(f"The answer has the status {answer.status}, and is not one of ibactors. See whether the URL is right.")
    return None


def decoded(answer: Reply, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as exc:
        raise NotTheService(f"The answer cannot be read as {kind}: {exc}. See whether client and service are of one version.") from exc


def backoff(attempt: int) -> float:
    """Seconds before another attempt, with jitter: clients that lost one service do not come back in step."""
    return min(_LONGEST_PAUSE, _PAUSE * 2.0 ** min(attempt, 8)) * random.uniform(0.5, 1.0)


def read(request: Request, patience: float) -> Call[Reply]:
    """The answer of something that changes nothing. Raises Problem, Unreachable, NotTheService."""
    deadline = time.monotonic() + patience
    attempt = 0
    while True:
        trouble: Exception
        try:
            answer = yield request
        except LOST as exc:
            trouble, pause = Unreachable(f"The service does not answer: {exc!r}."), backoff(attempt)
            trouble.__cause__ = exc
        else:
            refused = refusal(answer)
            if refused is None:
                return answer
            if answer.status not in PASSING:
                raise refused
            trouble, pause = refused, max(answer.retry_after or 0.0, backoff(attempt))
        if time.monotonic() + pause > deadline:
            raise trouble
        attempt += 1
        request = msgspec.structs.replace(request, after=pause)


def get(kind: type[T], where: str, patience: float, params: Mapping[str, Param] | None = None) -> Call[T]:
    return decoded((yield from read(Request(method="GET", path=where, params=parameters(params or {})), patience)), kind)


def once(request: Request, name: str) -> Call[Reply]:
    """The answer of something that must not be repeated. Raises Problem, Unreachable where nothing was sent, and OutcomeUnknown."""
    try:
        answer = yield request
    except _NOT_SENT as exc:
        raise Unreachable(f"There is no connection, nothing was sent: {exc!r}.") from exc
    except LOST as exc:
        raise OutcomeUnknown(name, None, "no answer came.") from exc
    if (refused := refusal(answer)) is not None:
        if isinstance(refused, Problem) and answer.status < 500:
            raise refused
        raise OutcomeUnknown(name, None, f"the answer was not definite ({refused}).")
    return answer


class _Tries:
    """What is known of a request that is sent until the answer is definite.

    Once one may have arrived without an answer, the refusal of a later one does not tell what became of the first.
    """

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.maybe_sent = False
        self.orders: list[Order] = []

    def lost(self, exc: Exception) -> Exception:
        """What to raise if this was the last try."""
        if not isinstance(exc, _NOT_SENT):
            self.maybe_sent = True
        return self.unknown("no answer came.") if self.maybe_sent else Unreachable(f"There is no connection, nothing was sent: {exc!r}.")

    def refused(self, refusal: ClientError, status: int) -> Exception:
        """What to raise if this was the last try. Raises it where it is definite."""
        if not isinstance(refusal, Problem) or status >= 500 or status == 408:
            self.maybe_sent = True
            return self.unknown(f"the answer was not definite ({refusal}).")
        if (refusal.code in _SETTLED and "order" in refusal.members) or refusal.members.get("new_client_order_id_allowed") is True:
            raise refusal
        if status == 429:
            return self.unknown(str(refusal)) if self.maybe_sent else refusal
        raise self.unknown(f"a repetition was refused ({refusal}).") if self.maybe_sent else refusal

    def under_way(self, answer: Reply, read: Callable[[Reply], list[Order]]) -> Exception:
        """What to raise if this was the last try."""
        self.maybe_sent = True
        try:
            self.orders = read(answer)
        except NotTheService:
            return self.unknown("the answer cannot be read.")
        return self.unknown(f"its status is {', '.join(order.status for order in self.orders)}.")

    def unknown(self, why: str) -> OutcomeUnknown:
        return OutcomeUnknown(self.request_id, self.orders[0] if self.orders else None, why)


def _one(answer: Reply) -> list[Order]:
    return [decoded(answer, Order)]


def surely(
    request: Request,
    request_id: str,
    patience: float,
    *,
    over: frozenset[int] = frozenset({200, 201}),
    read: Callable[[Reply], list[Order]] = _one,
) -> Call[list[Order]]:
    """Sends what has an id of its own until the answer is definite; no order where the answer is that none has the id, nor will have.

    `read` says which orders an answer tells of. `over` are the statuses of a definite answer: that a cancel is written down (202) is one,
    that an order is under way is none.
    Raises Problem and Unreachable where nothing was done, and OutcomeUnknown where that cannot be said.
    """
    deadline = time.monotonic() + patience
    tries, attempt = _Tries(request_id), 0
    while True:
        pause = backoff(attempt)
        try:
            answer = yield request
        except LOST as exc:
            trouble = tries.lost(exc)
        else:
            pause = max(pause, answer.retry_after or 0.0)
            if (refused := refusal(answer)) is not None:
                trouble = tries.refused(refused, answer.status)
            elif answer.status == 204:
                return []
            else:
                trouble = tries.under_way(answer, read)
                if answer.status in over and tries.orders:
                    return tries.orders
        if time.monotonic() + pause > deadline:
            raise trouble
        attempt += 1
        request = msgspec.structs.replace(request, after=pause)


def with_orders(call: Call[list[Order]], request_id: str) -> Call[list[Order]]:
    """A call of `surely` whose answer always has an order."""
    orders = yield from call
    if not orders:
        raise OutcomeUnknown(request_id, None, "the answer has no order.")
    return orders


def with_order(call: Call[list[Order]], request_id: str) -> Call[Order]:
    """The same for one order."""
    return (yield from with_orders(call, request_id))[0]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All bars of a range, oldest first; `complete` is false where the newest one still forms or some are missing."""

    symbol: str
    bar: str
    what: str
    complete: bool
    bars: Rows[Bar]

    def frame(self) -> Any:
        """A pandas DataFrame, the times in UTC."""
        return self.bars.frame()


def history(where: str, params: Mapping[str, Param], patience: float, progress: Progress | None) -> Call[History]:
    """Pages until there are no more, each told to `progress`.

    Without a `start` it is one page, the newest bars: the pages behind it go back in time without an end.
    """
    query = parameters(params)
    bars: Rows[Bar] = Rows()
    token: str | None = None
    while True:
        page = yield from get(Bars, where, _PACED * patience, {**query, "page_token": token})
        bars.extend(page.bars)
        if progress is not None and bars:
            progress(len(bars), bars[-1].t)
        token = page.next_page_token
        if token is None or "start" not in query:
            return History(symbol=page.symbol, bar=page.bar, what=page.what, complete=page.complete, bars=bars)
