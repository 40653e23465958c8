"""What is traded: instruments as callers name them, contracts as IB describes them."""

import enum
from typing import Any, Literal

from ibactors.model.times import Value


class SecType(enum.StrEnum):
    """IB's kinds of instrument that have quotes."""

    STK = "STK"
    ETF = "ETF"
    """A stock to IB, which tells it apart by `stockType`."""
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
    BAG = "BAG"

    @property
    def ib_name(self) -> str:
        """What IB calls it."""
        return "STK" if self is SecType.ETF else self.value


class Leg(Value, frozen=True, kw_only=True):
    """One part of a combination."""

    con_id: int
    ratio: int
    side: Literal["BUY", "SELL"]
    exchange: str = "SMART"


class Instrument(Value, frozen=True, kw_only=True):
    """What a client asks for: enough to find one contract, usually no more than a symbol.

    A contract id says it all: then there is nothing else but an exchange. Different ones may mean one contract; `MarketRef` has them share
    one line.
    """

    symbol: str
    exchange: str = "SMART"
    """Empty for the one that IB names."""
    currency: str = "USD"
    """Empty for any."""
    sec_type: SecType | None = SecType.STK
    """None only with a contract id."""
    primary_exchange: str = ""
    expiry: str = ""
    """Last trade date or contract month: yyyymmdd or yyyymm."""
    strike: float = 0.0
    right: str = ""
    """C or P."""
    con_id: int = 0
    multiplier: str = ""
    trading_class: str = ""
    local_symbol: str = ""
    sec_id_type: str = ""
    """ISIN, CUSIP or FIGI: what `sec_id` is."""
    sec_id: str = ""
    legs: tuple[Leg, ...] = ()
    """The parts of a combination (BAG)."""
    exact: bool = False
    """Whether the kind was named, though it is the usual one: then the symbol is read as nothing else (`symbols.py`)."""

    @classmethod
    def of_id(cls, con_id: int, exchange: str = "") -> "Instrument":
        """What has a contract id."""
        return cls(symbol="", exchange=exchange, currency="", sec_type=None, con_id=con_id)

    @property
    def name(self) -> str:
        """Short and unique: the symbol, followed by whatever differs from a US stock; names actors and is shown in errors."""
        usual = _BY_ID if self.con_id and not self.symbol else _USUAL
        given = [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "symbol"]
        differing = [f"{name}={_text(value)}" for name, value in given if value != getattr(usual, name)]
        return ",".join([*([] if usual is _BY_ID else [self.symbol]), *differing])


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(f"{leg.con_id}:{leg.ratio}:{leg.side}:{leg.exchange}" for leg in value)
    return str(value)


_USUAL = Instrument(symbol="")
_BY_ID = Instrument.of_id(0)


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
    trading_hours: str = ""
    """As IB writes them; so are the next two. `model/markets.py` makes sense of them."""
    liquid_hours: str = ""
    time_zone: str = ""
    price_magnifier: float = 1
    """Prices are so many times those in the contract's currency: 100 where they are in pence."""
    stock_type: str = ""
    """`ETF`, `COMMON`, `ADR` and so on, of stocks."""
    size_multiplier: float = 1
    """Sizes of ticks are to be multiplied by it: 100 where an old gateway (before server version 163) sends lots."""


class Named(Value, frozen=True, kw_only=True):
    """Which instrument is meant, in IB's words; null where there is none, or where it is not known yet."""

    symbol: str | None = None
    """IB's symbol, of a derivative usually that of its underlying; while the contract is not known, what was asked for."""
    con_id: int | None = None
    sec_type: str | None = None
    exchange: str | None = None
    currency: str | None = None
    primary_exchange: str | None = None
    expiry: str | None = None
    strike: float | None = None
    right: str | None = None
    multiplier: str | None = None
    trading_class: str | None = None
    local_symbol: str | None = None


def names_of(of: Instrument | ContractInfo) -> dict[str, Any]:
    """The members of a `Named`."""
    sec_type = of.sec_type.ib_name if isinstance(of.sec_type, SecType) else of.sec_type
    return {name: (sec_type if name == "sec_type" else getattr(of, name)) or None for name in Named.__struct_fields__}
