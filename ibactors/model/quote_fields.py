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


class Auction(Value, frozen=True, kw_only=True):
    """The next auction, as it would be now."""

    price: float | None
    volume: Number | None
    imbalance: Number | None


class Dividends(Value, frozen=True, kw_only=True):
    """A share's dividends."""

    past_year: float | None
    next_year: float | None
    next_date: str | None
    next_amount: float | None


class Volatility(Value, frozen=True, kw_only=True):
    """Of an underlying, of 30 days; 0.3 is 30 percent."""

    historical: float | None
    implied: float | None


class QuoteFields(Value, frozen=True, kw_only=True):
    """What was asked for, by anybody who shares the line; null where IB tells nothing."""

    greeks: Greeks | msgspec.UnsetType | None = msgspec.UNSET
    open_interest: Number | msgspec.UnsetType | None = msgspec.UNSET
    shortable: Shortable | msgspec.UnsetType | None = msgspec.UNSET
    mark_price: float | msgspec.UnsetType | None = msgspec.UNSET
    auction: Auction | msgspec.UnsetType | None = msgspec.UNSET
    dividends: Dividends | msgspec.UnsetType | None = msgspec.UNSET
    vwap: float | msgspec.UnsetType | None = msgspec.UNSET
    volatility: Volatility | msgspec.UnsetType | None = msgspec.UNSET
    halt: Literal["general", "volatility"] | msgspec.UnsetType | None = msgspec.UNSET
    """Why trading is halted; null where it is not."""


FIELDS = QuoteFields.__struct_fields__
FIELD_LIST = whole(f"({'|'.join(FIELDS)})(,({'|'.join(FIELDS)})){{0,{len(FIELDS) - 1}}}")
"""The form of a list of them."""
