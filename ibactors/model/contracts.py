"""Reference data: what IB says of a contract, of its price steps, and of the options on it."""

from ibactors.model.times import Value


class ContractDetails(Value, frozen=True, kw_only=True):
    """All that IB says of a contract (TWS messages 10 and 18); null where it says nothing."""

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    primary_exchange: str | None
    currency: str
    local_symbol: str
    trading_class: str | None
    expiry: str | None
    """Last trade date, yyyymmdd; of a bond its maturity."""
    contract_month: str | None
    """Month of delivery, yyyymm."""
    strike: float | None
    right: str | None
    """C or P."""
    multiplier: str | None
    long_name: str
    """The name of the company or product."""
    stock_type: str | None
    """COMMON, ETF, ADR, …"""
    industry: str | None
    """IB's classification, from the widest to the narrowest, as the next two."""
    category: str | None
    """Within the industry."""
    subcategory: str | None
    """Within the category."""
    under_con_id: int | None
    under_symbol: str | None
    """IB's symbol of the underlying."""
    under_sec_type: str | None
    """IB's kind of the underlying."""
    min_tick: float
    """The smallest step of any of its price ranges; the steps in force are those of its market rule."""
    price_magnifier: float
    """Prices are in this fraction of the currency's unit: 100 for a quote in pence."""
    min_size: float | None
    """The least quantity of an order."""
    size_increment: float | None
    """Quantities are multiples of it."""
    suggested_size_increment: float | None
    """The step that IB suggests for quantities."""
    order_types: tuple[str, ...]
    """IB's codes of order types and attributes."""
    valid_exchanges: tuple[str, ...]
    """IB's names of the exchanges where it can be traded."""
    market_rule_ids: tuple[int, ...]
    """One for each of the valid exchanges, in their order."""
    sec_ids: dict[str, str]
    """Other numbers by kind: ISIN, CUSIP, …"""
    time_zone: str | None
    """Of the hours, as IB names it."""
    trading_hours: str
    """IB's text; `/contracts/{con_id}/hours` reads it."""
    liquid_hours: str
    """The regular hours, in the same form."""
    coupon: float | None
    """Of a bond, in percent."""
    cusip: str | None
    """Of a bond."""

    @property
    def name(self) -> str:
        """As people call it."""
        return f"{self.local_symbol or self.symbol} ({self.con_id})"


class FoundContract(Value, frozen=True, kw_only=True):
    """One row of a search (TWS message 79)."""

    con_id: int | None
    """Null for an issuer of bonds, which is not a contract."""
    symbol: str | None
    sec_type: str
    primary_exchange: str | None
    currency: str | None
    description: str | None
    """The name of the company or issuer."""
    issuer_id: str | None
    """IB's id of an issuer of bonds."""
    derivatives: tuple[str, ...]
    """Kinds of instrument that are derived from it."""


class PriceIncrement(Value, frozen=True, kw_only=True):
    """The step of prices from a price on (TWS message 93)."""

    low_edge: float
    """From this price on."""
    increment: float
    """Prices are multiples of it."""


class OptionClass(Value, frozen=True, kw_only=True):
    """The options of one trading class at one exchange (TWS message 75). Not every strike is listed for every expiration."""

    exchange: str
    trading_class: str
    multiplier: str
    expirations: tuple[str, ...]
    """yyyymmdd, the next one first."""
    strikes: tuple[float, ...]
    """Strike prices, the lowest first."""


class OptionCalculation(Value, frozen=True, kw_only=True):
    """What IB's model makes of an option (TWS message 21); null for what it has not computed."""

    implied_volatility: float | None
    """Annual; 0.3 is 30 percent."""
    option_price: float | None
    """Of the option, per unit of the underlying."""
    underlying_price: float | None
    present_value_of_dividends: float | None
    """Of the dividends that are expected until the option expires, by IB's model."""
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None


class OptionLeg(Value, frozen=True, kw_only=True):
    """One option of a chain: its quote, what IB's model makes of it, and when that came. Null for what did not come in time."""

    con_id: int
    local_symbol: str
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    """The last traded price."""
    close: float | None = None
    """The close of the day before."""
    bid_size: float | int | None = None
    ask_size: float | int | None = None
    volume: float | int | None = None
    """Contracts that were traded on the day."""
    open_interest: float | int | None = None
    """Contracts that are open, from the day before."""
    implied_volatility: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    """Per day."""
    vega: float | None = None
    model_price: float | None = None
    underlying_price: float | None = None
    """What the model took for the price of the underlying."""
    market_data_type: str | None = None
    timestamp: str | None = None
    """When the newest of these values arrived from the gateway; null when none did."""
    problem: str | None = None
    """The code of what IB answered in place of data."""
