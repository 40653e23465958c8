"""Figures, positions and portfolios of accounts."""

from typing import Literal

import msgspec

from ibactors.model.times import Value


class Figure(Value, frozen=True, kw_only=True):
    """One figure of an account summary (TWS message 63); the value is IB's text."""

    value: str
    """IB's text: a number, or words for some tags."""
    currency: str
    """What the value is in; empty for what is no money."""
    account: str


class Position(Value, frozen=True, kw_only=True):
    """One holding (TWS message 61), with market figures where the gateway streams them (message 7)."""

    account: str
    symbol: str
    sec_type: str = msgspec.field(name="secType")
    currency: str
    position: float
    """How many are held; below zero they are sold short."""
    avg_cost: float | None = msgspec.field(name="avgCost")
    """Of one share or contract, multiplier included, as IB counts it; in the contract's currency."""
    con_id: int = msgspec.field(name="conId")
    exchange: str
    local_symbol: str = msgspec.field(name="localSymbol")
    trading_class: str = msgspec.field(name="tradingClass")
    expiry: str
    strike: float
    """Of an option; 0 where there is none."""
    right: str
    """C or P of an option; what IB writes where there is none."""
    multiplier: str
    """As IB writes it; empty where there is none."""
    market_price: float | None = msgspec.field(name="marketPrice", default=None)
    """Of one share or unit; null, as the next three, where the gateway has sent no figures for this quantity."""
    market_value: float | None = msgspec.field(name="marketValue", default=None)
    """Of the whole position, in the contract's currency."""
    unrealized_pnl: float | None = msgspec.field(name="unrealizedPNL", default=None)
    """Profit and loss of what is held, in the contract's currency."""
    realized_pnl: float | None = msgspec.field(name="realizedPNL", default=None)
    """Profit and loss of what was closed, by IB's count, in the contract's currency."""
    market_timestamp: str | None = msgspec.field(name="marketTimestamp", default=None)
    """When the four figures before arrived, which IB sends every few minutes; null where there are none."""


class PortfolioItem(Value, frozen=True, kw_only=True):
    """Market figures of one position (TWS message 7)."""

    account: str
    con_id: int
    position: float
    """The quantity that the figures are of."""
    timestamp: str
    """When they arrived."""
    market_price: float | None
    market_value: float | None
    unrealized_pnl: float | None
    realized_pnl: float | None


class AccountGroup(Value, frozen=True, kw_only=True):
    """A group of an adviser's accounts, in which orders are shared out by a method."""

    name: str
    """The adviser's name of it."""
    method: str
    """IB's name of how orders are shared out."""
    accounts: tuple[str, ...]
    """The numbers of its accounts."""


class AccountAlias(Value, frozen=True, kw_only=True):
    """The name that an adviser has given to an account."""

    account: str
    alias: str
    """The adviser's name of the account."""


class ModelFigure(Value, frozen=True, kw_only=True):
    """One value of an account, as far as a model goes (TWS message 73); the value is IB's text."""

    tag: str
    """IB's name of the value."""
    value: str
    """IB's text."""
    currency: str
    """What the value is in; empty for what is no money."""


class ProfitKey(Value, frozen=True, kw_only=True):
    """Whose profit and loss: an account's, as far as a model goes if one is named, or that of one of its positions."""

    account: str
    model: str = ""
    con_id: int = 0

    def __str__(self) -> str:
        return ":".join(filter(None, (self.account, self.model, str(self.con_id or ""))))


class Profit(Value, frozen=True, kw_only=True):
    """Profit and loss (TWS messages 94 and 95): an account's in its base currency, a position's in that of the contract."""

    timestamp: str
    """When IB sent the figures, which it does when one changes."""
    daily: float | None = None
    unrealized: float | None = None
    realized: float | None = None
    position: float | None = None
    """Of a position only: its size, and what it is worth."""
    value: float | None = None


class PositionProfit(Value, frozen=True, kw_only=True):
    """Profit and loss of a position, and what it is worth, in the contract's currency; null where IB has no figure."""

    currency: str
    daily: float | None
    unrealized: float | None
    realized: float | None
    """Null until something of it is sold."""
    value: float | None
    """What the position is worth."""
    timestamp: str
    """When IB sent them, which it does when one changes."""


class HeldPosition(Position, frozen=True, kw_only=True):
    """A position with its profit and loss, as far as that is known at this moment."""

    pnl: PositionProfit | None
    """Null where IB has told none of this position; `problem` says why."""
    problem: str | None
    """The code of why there is no `pnl`; null also while it has only not come yet."""


class AccountBook(Value, frozen=True, kw_only=True):
    """Everything that is known of an account."""

    account: str
    figures: dict[tuple[str, str], Figure]
    """By tag and currency; ledger tags come once for each currency and once for BASE."""
    positions: tuple[Position, ...]
    summary_timestamp: str
    """When the newest figure arrived."""
    positions_timestamp: str
    """When the newest position, or the end of their list, arrived."""

    @property
    def base_currency(self) -> str | None:
        """The currency that the summary is in."""
        return next((currency for tag, currency in self.figures if tag == "NetLiquidation" and currency not in {"", "BASE"}), None)

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
    """Figures in the base currency by IB's tag, such as NetLiquidation."""
    positions: tuple[Position, ...]
    """All that the account holds."""
    timestamp: str
    """When the newest figure or position arrived from the gateway."""


class PnlState(Value, frozen=True, kw_only=True, tag_field="type", tag="pnl"):
    """Profit and loss of an account in its base currency, or of a position in that of the contract; null where IB has no figure."""

    account: str
    model: str | None = None
    con_id: int | None = None
    """Of a position: its contract."""
    currency: str | None
    """Null while what tells it is not known."""
    daily: float | None
    unrealized: float | None
    realized: float | None
    position: float | None = None
    """Of a position: its size, and what it is worth."""
    value: float | None = None
    """What the position is worth, in the contract's currency; null of an account."""
    timestamp: str
    """When IB sent them, which it does when one changes."""


class PortfolioState(Value, frozen=True, kw_only=True, tag_field="type", tag="portfolio"):
    """All positions of one account with their profit and loss, as they are now. What is not there is not held."""

    account: str
    positions: tuple[HeldPosition, ...]
    """All that the account holds."""
    timestamp: str
    """When it was put together."""


class AccountStale(Value, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """An account's data stopped; what was shown before must not be taken for current."""

    channel: Literal["account", "pnl", "portfolio"] = "account"
    account: str
    code: str
    """Why its data stopped, for programs."""
    reason: str
    """The same in words."""
    since: str
    """From when on what was shown is not current."""
