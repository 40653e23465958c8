"""The frozen types that cross channels and the wire.

Prices are floats as IB's API gives them; what IB sends as text stays text. A value that IB has not sent is None, which is `null` in JSON;
IB's own markers for "no value" (-1 with size 0, DBL_MAX, NaN) never get this far. Times are strings in RFC 3339, UTC, microseconds.
"""

import enum
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the types below: immutable and built by keyword."""


def whole(pattern: str) -> str:
    """A regular expression that must match all of a text; `$` alone lets a final newline through."""
    return rf"^{pattern}$(?!\n)"


@lru_cache(maxsize=64)  # all lines of one packet, and all trades of one second, have the same
def rfc3339(seconds: float) -> str:
    """Unix time as text, for example `2026-11-22T14:30:00.123456Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def now() -> str:
    """The present time as text."""
    return rfc3339(time.time())


class SecType(enum.StrEnum):
    """IB's kinds of instrument that have quotes."""

    STK = "STK"
    IND = "IND"
    FUT = "FUT"
    OPT = "OPT"
    FOP = "FOP"
    CASH = "CASH"
    CFD = "CFD"
    BOND = "BOND"
    FUND = "FUND"
    CMDTY = "CMDTY"
    CRYPTO = "CRYPTO"
    CONTFUT = "CONTFUT"
    WAR = "WAR"


class Instrument(Value, frozen=True, kw_only=True):
    """What a client asks for: enough to find one contract, usually no more than a symbol. Equal instruments share one line."""

    symbol: str
    exchange: str = "SMART"
    """Empty for the one that IB names, which takes a contract id."""
    currency: str = "USD"
    sec_type: SecType = SecType.STK
    primary_exchange: str = ""
    expiry: str = ""
    """Last trade date or contract month: yyyymmdd or yyyymm."""
    strike: float = 0.0
    right: str = ""
    """C or P."""
    con_id: int = 0

    @property
    def name(self) -> str:
        """Short and unique: the symbol, followed by whatever differs from a US stock; names actors and is shown in errors."""
        fields = msgspec.structs.fields(self)
        given = [(field.name, getattr(self, field.name)) for field in fields if getattr(self, field.name) != field.default]
        return ",".join([self.symbol, *(f"{name}={value}" for name, value in given if name != "symbol")])


class ContractInfo(Value, frozen=True, kw_only=True):
    """A contract as IB describes it (TWS message 10, contractData)."""

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    primary_exchange: str
    currency: str
    local_symbol: str
    trading_class: str
    expiry: str
    strike: float
    right: str
    multiplier: str
    min_tick: float
    long_name: str


class MarketDataType(enum.StrEnum):
    """What kind of data a line delivers (TWS message 58); the order is IB's numbering from 1."""

    LIVE = "live"
    FROZEN = "frozen"
    DELAYED = "delayed"
    DELAYED_FROZEN = "delayed_frozen"

    @property
    def ib_number(self) -> int:
        """1 to 4, as in reqMarketDataType."""
        return list(MarketDataType).index(self) + 1

    @property
    def is_delayed(self) -> bool:
        """True for data 10 to 20 minutes old."""
        return self in {MarketDataType.DELAYED, MarketDataType.DELAYED_FROZEN}


class Quote(Value, frozen=True, kw_only=True, tag_field="type", tag="quote"):
    """The newest values of one market-data line. Every one of them came in the present session, after any break."""

    symbol: str
    exchange: str
    currency: str
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    close: float | None = None
    volume: float | int | None = None
    timestamp: str
    """When the newest of these values arrived from the gateway."""
    open: float | None = None
    high: float | None = None
    low: float | None = None
    bid_size: float | int | None = None
    ask_size: float | int | None = None
    last_size: float | int | None = None
    last_timestamp: str | None = None
    """Time of the last trade, to the second, as IB reports it."""
    halted: bool | None = None
    market_data_type: MarketDataType
    con_id: int
    sec_type: str

    @property
    def complete(self) -> bool:
        """True when all five values of the first set are there."""
        return None not in (self.bid, self.ask, self.last, self.close, self.volume)


class Stale(Value, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """A symbol's data stopped; what was shown before must not be taken for current."""

    symbol: str
    code: str
    reason: str
    since: str


class Figure(Value, frozen=True, kw_only=True):
    """One figure of an account summary (TWS message 63); the value is IB's text."""

    value: str
    currency: str
    account: str


class Position(Value, frozen=True, kw_only=True):
    """One holding (TWS message 61), with market figures where the gateway streams them (message 7)."""

    account: str
    symbol: str
    sec_type: str = msgspec.field(name="secType")
    currency: str
    position: float
    avg_cost: float = msgspec.field(name="avgCost")
    con_id: int = msgspec.field(name="conId")
    exchange: str
    local_symbol: str = msgspec.field(name="localSymbol")
    trading_class: str = msgspec.field(name="tradingClass")
    expiry: str
    strike: float
    right: str
    multiplier: str
    market_price: float | None = msgspec.field(name="marketPrice", default=None)
    market_value: float | None = msgspec.field(name="marketValue", default=None)
    unrealized_pnl: float | None = msgspec.field(name="unrealizedPNL", default=None)
    realized_pnl: float | None = msgspec.field(name="realizedPNL", default=None)


class PortfolioItem(Value, frozen=True, kw_only=True):
    """Market figures of one position (TWS message 7)."""

    account: str
    con_id: int
    market_price: float | None
    market_value: float | None
    unrealized_pnl: float | None
    realized_pnl: float | None


class AccountBook(Value, frozen=True, kw_only=True):
    """Everything that is known of an account."""

    account: str
    figures: dict[tuple[str, str], Figure]
    """By tag and currency; ledger tags come once for each currency and once for BASE."""
    positions: tuple[Position, ...]

    @property
    def base_currency(self) -> str | None:
        """The currency that the summary is in."""
        return next((currency for tag, currency in self.figures if tag == "NetLiquidation"), None)

    @property
    def summary(self) -> dict[str, Figure]:
        """The figures in the base currency, by tag. IB's ledger tags come once for each currency; they make up the balance instead."""
        base = self.base_currency
        ledger = {tag for tag, currency in self.figures if currency == "BASE"} - {"AccruedCash"}
        return {tag: figure for (tag, currency), figure in self.figures.items() if currency in {"", base} and tag not in ledger}


class AccountState(Value, frozen=True, kw_only=True, tag_field="type", tag="account"):
    """Summary and positions of one account, as they are now."""

    account: str
    account_summary: dict[str, Figure]
    positions: tuple[Position, ...]
    timestamp: str


class AccountStale(Value, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """An account's data stopped; what was shown before must not be taken for current."""

    channel: Literal["account"] = "account"
    account: str
    code: str
    reason: str
    since: str


class SessionPhase(enum.StrEnum):
    """Where the API session with the gateway is."""

    CONNECTING = "connecting"
    SYNCING = "syncing"
    """Up, but the first full set of account data is not in yet."""
    UP = "up"
    SILENT = "silent"
    """Up, but the gateway has sent nothing for a while and owes the answer to a probe."""
    FARM_DEGRADED = "farm_degraded"
    """Up, but one of the gateway's data farms is broken."""
    LOST = "lost"
    """The gateway answers but has lost IB: there is no data (1100, 2110)."""
    BACKING_OFF = "backing_off"
    LOGGED_OUT = "logged_out"
    """Nobody is logged in at the gateway that this service manages; the reason says what is needed or being waited for."""
    STOPPED = "stopped"


class SessionStatus(Value, frozen=True, kw_only=True):
    """The state of the API session; `epoch` counts sessions, so data belongs to the present one only if its epoch is equal."""

    phase: SessionPhase
    epoch: int
    since: str
    reason: str | None = None
    """What is wrong, in words; None while nothing is."""
    accounts: tuple[str, ...] = ()
    server_version: int | None = None

    @property
    def up(self) -> bool:
        """True while requests can be sent and data can come."""
        return self.phase in {SessionPhase.SYNCING, SessionPhase.UP, SessionPhase.SILENT, SessionPhase.FARM_DEGRADED}
