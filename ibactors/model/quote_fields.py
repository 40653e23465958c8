"""What a quote has besides, for those who ask for it: figures that IB sends only when its generic ticks are asked for."""

from typing import Literal

import msgspec

from ibactors.model.times import Value, whole

Number = float | int


class Greeks(Value, frozen=True, kw_only=True):
    """What IB's model makes of an option; null where it computed nothing."""

    implied_volatility: float | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    model_price: float | None
    underlying_price: float | None


class Shortable(Value, frozen=True, kw_only=True):
    """How easily a stock is borrowed."""

    level: float | None
    """IB's: above 2.5 there are plenty, above 1.5 it may be located, below that there are none."""
    shares: Number | None
    """How many can be borrowed for selling short."""


class Auction(Value, frozen=True, kw_only=True):
    """The next auction, as it would be now."""

    price: float | None
    """The price at which it would be held."""
    volume: Number | None
    """How many shares would trade."""
    imbalance: Number | None
    """How many shares would stay unmatched."""


class Dividends(Value, frozen=True, kw_only=True):
    """A share's dividends."""

    past_year: float | None
    """Sum of the last 12 months, per share."""
    next_year: float | None
    """Sum that is expected for the next 12 months, per share."""
    next_date: str | None
    """Of the next dividend, yyyy-mm-dd."""
    next_amount: float | None
    """The next dividend, per share."""


class Volatility(Value, frozen=True, kw_only=True):
    """Of an underlying, of 30 days; 0.3 is 30 percent."""

    historical: float | None
    """Of the past."""
    implied: float | None
    """By the prices of options."""


class QuoteFields(Value, frozen=True, kw_only=True):
    """What was asked for, by anybody who shares the line; null where IB tells nothing."""

    greeks: Greeks | msgspec.UnsetType | None = msgspec.UNSET
    """Of an option, by IB's model."""
    open_interest: Number | msgspec.UnsetType | None = msgspec.UNSET
    """Contracts of an option or future that are open."""
    shortable: Shortable | msgspec.UnsetType | None = msgspec.UNSET
    """Of a stock: whether it can be borrowed."""
    mark_price: float | msgspec.UnsetType | None = msgspec.UNSET
    """What IB takes it to be worth at present."""
    auction: Auction | msgspec.UnsetType | None = msgspec.UNSET
    """Of a stock: the next auction."""
    dividends: Dividends | msgspec.UnsetType | None = msgspec.UNSET
    """Of a stock."""
    vwap: float | msgspec.UnsetType | None = msgspec.UNSET
    """Average price of the day's trades, weighted by volume."""
    volatility: Volatility | msgspec.UnsetType | None = msgspec.UNSET
    """Of an underlying of options."""
    halt: Literal["general", "volatility"] | msgspec.UnsetType | None = msgspec.UNSET
    """Why trading is halted; null where it is not."""


FIELDS = QuoteFields.__struct_fields__
FIELD_LIST = whole(f"({'|'.join(FIELDS)})(,({'|'.join(FIELDS)})){{0,{len(FIELDS) - 1}}}")
"""The form of a list of them."""
