"""What can be traded here: instruments, and how a client's partial description finds them.

A request names an instrument by the twelve fields of the contract block, most of them empty. `Catalogue.find` (listing.py)
gives everything that agrees with the fields that are set; which number of
matches is an error depends on the request, so the handlers decide.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ibactors.sim.wire.frames import FieldReader

_TYPES = "STK OPT FUT CONTFUT IND FOP CASH BAG WAR BOND CMDTY NEWS FUND CRYPTO CFD IOPT"
SECURITY_TYPES = frozenset(_TYPES.split())
# The wire's old name of the NASDAQ book; clients use either.
_SAME_EXCHANGE = {"ISLAND": "NASDAQ"}
RIGHTS = {"C": "C", "CALL": "C", "P": "P", "PUT": "P", "": "", "?": "", "0": ""}


class Fate(enum.Enum):
    """What becomes of a market data request, whatever the market does."""

    TRADED = "traded"
    NOT_SUBSCRIBED = "not subscribed"
    DELAYED_ONLY = "delayed only"
    QUIET = "quiet"


class TradingHours(enum.Enum):
    """When an instrument trades: regular open and close, then those of the longer hours around them, in local time."""

    US_STOCK = ("0930", "1600", "0400", "2000")
    US_OPTION = ("0930", "1600", "0930", "1600")
    CME_INDEX = ("0830", "1600", "1700", "1600")
    FOREX = ("1715", "1700", "1715", "1700")
    CRYPTO = ("0000", "2359", "0000", "2359")
    US_INDEX = ("0830", "1500", "0830", "1500")
    US_BOND = ("2000", "1700", "2000", "1700")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One contract with everything that contractData (10) says about it, and how its market behaves."""

    con_id: int
    symbol: str
    sec_type: str
    long_name: str
    price: float
    exchanges: tuple[str, ...]
    primary_exchange: str = ""
    currency: str = "USD"
    local_symbol: str = ""
    trading_class: str = ""
    market_name: str = ""
    min_tick: str = "0.01"
    spread: int = 1
    lot: int = 100
    volatility: float = 0.0004
    multiplier: str = ""
    last_trade_date: str = ""
    last_trade_clock: str = ""
    strike: str = "0"
    right: str = ""
    contract_month: str = ""
    under_con_id: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    stock_type: str = ""
    isin: str = ""
    agg_group: int = 1
    market_rule: int = 26
    # The rules of exchanges that have another one; control commands change them.
    venue_rules: dict[str, int] = field(default_factory=dict, compare=False)
    min_size: str = "1"
    suggested_size: str = "1"
    time_zone: str = "US/Eastern"
    trading_hours: TradingHours = TradingHours.US_STOCK
    farm: str = "usfarm"
    order_types: str = "ACTIVETIM,AD,ADJUST,ALERT,DAY,GTC,IOC,LMT,MKT,STP,STPLMT,TRAIL,WHATIF"
    fate: Fate = Fate.TRADED
    has_options: bool = False
    figi: str = ""
    issuer: str = ""
    coupon: str = ""
    maturity: str = ""

    @property
    def numbers(self) -> Mapping[str, str]:
        """By which other numbers it can be found: ISIN, and from it the CUSIP of an American one, and FIGI."""
        cusip = self.isin[2:11] if self.isin.startswith("US") else ""
        return {kind: number for kind, number in (("ISIN", self.isin), ("CUSIP", cusip), ("FIGI", self.figi)) if number}

    @property
    def expiry_text(self) -> str:
        """The last trade date as contractData has it: date, time and zone where these are known."""
        if not self.last_trade_clock:
            return self.last_trade_date
        return f"{self.last_trade_date} {self.last_trade_clock} {self.time_zone}"

    @property
    def market_rules(self) -> str:
        """The market rule ids, one for each valid exchange and in their order."""
        return ",".join(str(self.rule_at(exchange)) for exchange in self.exchanges)

    def rule_at(self, exchange: str) -> int:
        """The market rule id that holds at an exchange."""
        return self.venue_rules.get(exchange, self.market_rule)

    @property
    def is_option(self) -> bool:
        """Whether its price follows from its underlying's."""
        return self.sec_type in ("OPT", "FOP", "WAR")

    @property
    def has_book(self) -> bool:
        """Whether there are bids and asks; an index is only calculated, a fund has one price a day."""
        return self.sec_type not in ("IND", "FUND")

    @property
    def has_trades(self) -> bool:
        """Whether there are last prices; the FX market of IDEALPRO reports none, nor do metals and contracts for difference."""
        return self.sec_type not in ("CASH", "CMDTY", "CFD")

    @property
    def has_volume(self) -> bool:
        """Whether trades have sizes that add up to a volume."""
        return self.has_trades and self.has_book


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractSpec:
    """The contract block of a request, as the client filled it in."""

    con_id: int
    symbol: str
    sec_type: str
    expiry: str
    strike: float
    right: str
    multiplier: str
    exchange: str
    primary_exchange: str
    currency: str
    local_symbol: str
    trading_class: str

    @classmethod
    def read(cls, fields: FieldReader) -> "ContractSpec":
        """Read the twelve contract fields."""
        return cls(
            con_id=fields.integer(),
            symbol=fields.text().strip(),
            sec_type=fields.text(),
            expiry=fields.text(),
            strike=fields.number(),
            right=fields.text().upper(),
            multiplier=fields.text(),
            exchange=fields.text(),
            primary_exchange=fields.text(),
            currency=fields.text(),
            local_symbol=fields.text(),
            trading_class=fields.text(),
        )

    def fits(self, instrument: Instrument) -> bool:
        """Whether every field that is set agrees with the instrument."""
        i = instrument
        return (
            self.con_id in (0, i.con_id)
            and self.symbol in ("", i.symbol)
            and self.sec_type in ("", i.sec_type)
            and self.currency in ("", i.currency)
            and self.local_symbol in ("", i.local_symbol)
            and self.trading_class in ("", i.trading_class)
            and self._exchange_fits(i)
            and self._derivative_fits(i)
        )

    def _exchange_fits(self, i: Instrument) -> bool:
        exchange = _SAME_EXCHANGE.get(self.exchange, self.exchange)
        primary = _SAME_EXCHANGE.get(self.primary_exchange, self.primary_exchange)
        if exchange and exchange not in i.exchanges:
            return False
        # Clients send the trading venue of a derivative as its primary exchange; only a stock's is decisive.
        return not primary or i.sec_type != "STK" or primary == i.primary_exchange

    def _derivative_fits(self, i: Instrument) -> bool:
        if self.con_id:
            return True
        return (
            (not self.expiry or i.last_trade_date.startswith(self.expiry))
            and (not self.strike or self.strike == float(i.strike))
            and RIGHTS.get(self.right, self.right) in ("", i.right)
            and (not self.multiplier or self.multiplier == (i.multiplier or "1"))
        )


def decimals(min_tick: str) -> int:
    """How many decimal places a price in steps of `min_tick` has."""
    exponent = Decimal(min_tick).as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
