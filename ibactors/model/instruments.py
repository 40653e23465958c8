"""What is traded: instruments as callers name them, contracts as IB describes them."""

import enum

import msgspec

from ibactors.model.times import Value


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
    price_magnifier: float = 1
    """Prices are so many times those in the contract's currency: 100 where they are in pence."""
    size_multiplier: float = 1
    """Sizes of ticks are to be multiplied by it: 100 where an old gateway (before server version 163) sends lots."""
