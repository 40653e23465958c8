"""Reading executions back, and saying for when some may be missing: IB tells those of today, and nobody may have asked then."""

import base64
import binascii

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.model.times import Value
from ibactors.orders.fills import Fill
from ibactors.orders.transaction import Cell, Transaction

PAGE = 500
_EXECUTIONS = (
    "SELECT e.body, e.account, e.order_id, o.client_order_id FROM executions AS e LEFT JOIN orders AS o ON o.order_id = e.order_id"
    " WHERE (e.at, e.execution_id) > (:at, :last) AND e.at >= :since AND (:account IS NULL OR e.account = :account)"
    " AND (:order_id IS NULL OR e.order_id = :order_id)"
    " AND (:symbol IS NULL OR json_extract(e.body, '$.symbol') = :symbol)"
    " AND e.revision = (SELECT max(revision) FROM executions WHERE base = e.base) ORDER BY e.at, e.execution_id LIMIT :limit"
)
_KNOWN_SINCE = (
    "SELECT account, min(since) FROM (SELECT account, since FROM complete UNION ALL SELECT account,"
    " (SELECT created FROM orders WHERE account = a.account ORDER BY order_id LIMIT 1) FROM (SELECT DISTINCT account FROM orders) AS a)"
    " WHERE (:account IS NULL OR account = :account) GROUP BY account ORDER BY account"
)


class Executed(Value, frozen=True, kw_only=True):
    """An execution and whose it is."""

    fill: Fill
    account: str
    order_id: str | None
    client_order_id: str | None


class Gap(Value, frozen=True, kw_only=True):
    """A span within which executions of an account may be missing (Unix seconds)."""

    account: str
    since: float
    until: float


class Wanted(Value, frozen=True, kw_only=True):
    """Which executions, and from where on."""

    account: str | None = None
    order_id: str | None = None
    symbol: str | None = None
    since: float = 0.0
    token: str = ""
    limit: int = 100


class Executions(Value, frozen=True, kw_only=True):
    """A page of executions, each in its newest revision, oldest first."""

    executions: tuple[Executed, ...]
    next_token: str | None
    gaps: tuple[Gap, ...] = ()


def executions(tx: Transaction, wanted: Wanted) -> Executions:
    """A page. Raises InvalidRequest for a token that is none."""
    limit = min(wanted.limit, PAGE)
    at, last = _read_token(wanted.token)
    values: dict[str, Cell] = {
        "at": at,
        "last": last,
        "since": wanted.since,
        "account": wanted.account,
        "order_id": wanted.order_id,
        "symbol": wanted.symbol,
        "limit": limit + 1,
    }
    found = tuple(
        Executed(
            fill=msgspec.json.decode(str(body), type=Fill),
            account=str(account),
            order_id=None if order_id is None else str(order_id),
            client_order_id=None if name is None else str(name),
        )
        for body, account, order_id, name in tx.rows(_EXECUTIONS, values)
    )
    page = found[:limit]
    return Executions(executions=page, next_token=_token(page[-1].fill) if len(found) > limit else None)


def gaps(tx: Transaction, account: str | None, since: float, until: float | None) -> tuple[Gap, ...]:
    """Where executions may be missing, since *since* or since the journal knows the account, up to *until*; None: up to the last list."""
    return tuple(
        Gap(account=str(name), since=low, until=high)
        for name, known_since in tx.rows(_KNOWN_SINCE, {"account": account})
        for low, high in account_gaps(tx, str(name), max(since, float(known_since or 0)), until)
    )


def account_gaps(tx: Transaction, account: str, since: float, until: float | None) -> list[tuple[float, float]]:
    """The same of one account, from a given time on."""
    spans = tx.rows("SELECT since, until FROM complete WHERE account = ? AND until > ? ORDER BY since", (account, since))
    found, at = [], since
    for low, high in spans:
        if until is not None and at >= until:
            break
        if isinstance(low, float) and low > at:
            found.append((at, low if until is None else min(low, until)))
        at = max(at, float(high or 0))
    if until is not None and at < until:
        found.append((at, until))
    return found


def _token(fill: Fill) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((fill.time, fill.execution_id))).decode().rstrip("=")


def _read_token(token: str) -> tuple[float, str]:
    if not token:
        return -1.0, ""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=tuple[float, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise InvalidRequest("The page_token is none.", field="page_token", remedy="Send next_page_token as it came.") from None
