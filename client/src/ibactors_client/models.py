"""What the service answers. Members that a newer service adds are passed over; a value that IB does not have is None. Times are UTC."""

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from ibactors_client.tables import Tabular


class Quote(Tabular, frozen=True, kw_only=True, tag="quote"):
    """`as_of` is up to when the values are known to be current; None where nobody can tell."""

    symbol: str
    con_id: int
    sec_type: str
    exchange: str
    currency: str
    primary_exchange: str | None
    expiry: str | None
    strike: float | None
    right: str | None
    multiplier: str | None
    trading_class: str | None
    local_symbol: str | None
    bid: float | None
    bid_size: float | None
    ask: float | None
    ask_size: float | None
    last: float | None
    last_size: float | None
    last_timestamp: datetime | None
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    halted: bool | None
    market: str | None
    market_data_type: str
    timestamp: datetime
    as_of: datetime | None
    fields: dict[str, Any] | None = None


class Stale(Struct, frozen=True, kw_only=True, tag="stale"):
    """What was shown of this symbol, or of this channel, is not current until the next message of it.

    With the code `client_disconnected` the client says so itself: it has lost the service. Without symbol and channel
    all of the stream is meant.
    """

    code: str
    reason: str
    since: datetime
    channel: str | None = None
    account: str | None = None
    symbol: str | None = None
    con_id: int | None = None
    sec_type: str | None = None
    exchange: str | None = None
    currency: str | None = None
    local_symbol: str | None = None


class Status(Struct, frozen=True, kw_only=True, tag="status"):
    """The session with the gateway has changed."""

    connected: bool
    phase: str
    epoch: int
    since: datetime
    reason: str | None


class StreamError(Struct, frozen=True, kw_only=True, tag="error"):
    """One symbol or channel of a stream cannot be had; the others go on."""

    code: str
    message: str
    hint: str | None = None
    symbol: str | None = None
    con_id: int | None = None
    field: str | None = None
    ib_code: int | None = None


class Gap(Struct, frozen=True, kw_only=True, tag="gap"):
    """Values that were lost and come no more; `lost` is None where nobody can know how many."""

    channel: str
    code: str
    lost: int | None
    start: datetime = field(name="from")
    end: datetime = field(name="to")


class LiveBar(Tabular, frozen=True, kw_only=True, tag="bar"):
    """A bar as it is now, or for good when it is `final`."""

    symbol: str | None
    con_id: int | None
    bar: str
    what: str
    rth: bool
    t: str
    o: float
    h: float
    l: float  # noqa: E741 (the name on the wire)
    c: float
    v: float | None
    vwap: float | None
    n: int | None
    final: bool
    backfill: bool
    sequence: int


class Position(Tabular, frozen=True, kw_only=True):
    account: str
    symbol: str
    sec_type: str = field(name="secType")
    exchange: str
    currency: str
    con_id: int = field(name="conId")
    expiry: str
    strike: float
    right: str
    multiplier: str
    local_symbol: str = field(name="localSymbol")
    trading_class: str = field(name="tradingClass")
    position: float
    avg_cost: float | None = field(name="avgCost")
    market_price: float | None = field(name="marketPrice")
    market_value: float | None = field(name="marketValue")
    market_timestamp: str | None = field(name="marketTimestamp")
    realized_pnl: float | None = field(name="realizedPNL")
    unrealized_pnl: float | None = field(name="unrealizedPNL")


class Figure(Tabular, frozen=True, kw_only=True):
    """A line of the account summary; the value is text, as IB sends it."""

    account: str
    currency: str
    value: str


class Session(Struct, frozen=True, kw_only=True):
    phase: str
    epoch: int
    since: datetime
    reason: str | None
    server_version: int | None


class GatewayState(Struct, frozen=True, kw_only=True):
    """One of several gateways, in short."""

    name: str
    default: bool
    managed: bool
    connected: bool
    phase: str
    since: datetime
    reason: str | None


class Gateway(GatewayState, frozen=True, kw_only=True):
    """One gateway, with whose accounts it has and how much of its login is in use."""

    login: str
    accounts: tuple[str, ...]
    client_id: int
    lines: int
    max_lines: int


class Health(Struct, frozen=True, kw_only=True):
    status: str
    ib_connected: bool
    reason: str | None
    session: Session
    timestamp: datetime
    gateways: tuple[GatewayState, ...] = ()
    """Where there are several."""
    simulated: bool = False
    """Whether all data are made up: the demo's."""


class Bar(Tabular, frozen=True, kw_only=True):
    """`t` is when it begins, or the day of a daily bar; `complete` is false for one that still forms."""

    t: str
    o: float
    h: float
    l: float  # noqa: E741 (the name on the wire)
    c: float
    v: float | None
    vwap: float | None
    n: int | None
    complete: bool


class Bars(Struct, frozen=True, kw_only=True):
    """One page of a series."""

    symbol: str
    con_id: int
    bar: str
    what: str
    rth: bool
    market_data_type: str | None
    complete: bool
    next_page_token: str | None
    bars: list[Bar]


class Contract(Tabular, frozen=True, kw_only=True):
    """What an instrument is; `GET /contracts` says more."""

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    primary_exchange: str | None
    expiry: str | None
    strike: float | None
    right: str | None
    multiplier: str | None
    trading_class: str | None
    local_symbol: str
    long_name: str
    min_tick: float
    time_zone: str | None
    trading_hours: str
    liquid_hours: str
    valid_exchanges: list[str]
    order_types: list[str]


class OptionClass(Struct, frozen=True, kw_only=True):
    exchange: str
    trading_class: str
    multiplier: str
    expirations: list[str]
    strikes: list[float]


class Chain(Struct, frozen=True, kw_only=True):
    symbol: str
    under_con_id: int
    chains: list[OptionClass]


class Profit(Struct, frozen=True, kw_only=True):
    """Profit and loss of an account, in its base currency."""

    account: str
    model: str | None
    currency: str | None
    daily: float | None
    unrealized: float | None
    realized: float | None
    timestamp: datetime


class FoundContract(Tabular, frozen=True, kw_only=True):
    """One row of a search."""

    con_id: int | None
    symbol: str | None
    sec_type: str
    primary_exchange: str | None
    currency: str | None
    description: str | None
    issuer_id: str | None
    derivatives: list[str]


class DepthRow(Tabular, frozen=True, kw_only=True):
    price: float
    size: float
    maker: str | None


class Depth(Struct, frozen=True, kw_only=True):
    """A whole book, the best rows first."""

    symbol: str | None
    con_id: int | None
    smart: bool
    bids: list[DepthRow]
    asks: list[DepthRow]
    timestamp: datetime


class Headline(Tabular, frozen=True, kw_only=True):
    time: str
    provider: str
    article_id: str
    headline: str


class Article(Struct, frozen=True, kw_only=True):
    """Of the kind `text` (or HTML), or `binary`, in base64."""

    kind: str
    text: str


class ScanRow(Tabular, frozen=True, kw_only=True):
    """One place of a scan; rank 0 is the first."""

    rank: int
    symbol: str | None
    con_id: int | None
    sec_type: str | None
    exchange: str | None
    currency: str | None
    local_symbol: str | None


class Message(Struct, frozen=True, kw_only=True):
    """Any other message of a stream, as it came."""

    type: str
    data: dict[str, Any]
