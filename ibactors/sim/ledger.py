"""The accounts: what each holds, and every value that follows from holdings, cash and prices.

All values are computed from the market at the moment of asking and agree with each other: NetLiquidation is total cash, stock and option
value and the day's futures profit, in the base currency USD.
"""

import dataclasses
from dataclasses import dataclass

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.market import Market

BASE = "USD"
STOCK_MARGIN = 0.30
FUTURE_MARGIN = 16_500.0
_BUYING_POWER = 4
_CONSTANT_TEXTS = {
    "AccountReady": "true",
    "AccountType": "INDIVIDUAL",
    "DayTradesRemaining": "-1",
    "HighestSeverity": "0",
    "LookAheadNextChange": "0",
}

# Symbol, security type, size, average price paid. The first account holds all of these.
_HOLDINGS: tuple[tuple[str, str, int, float], ...] = (
    ("AAPL", "STK", 120, 201.8829709),
    ("MSFT", "STK", 40, 402.5512),
    ("TSLA", "STK", 50, 318.204),
    ("SPY", "STK", -30, 601.1875),
    ("KO", "STK", 300, 59.4421),
    ("ES", "FUT", 1, 5961.295),
)

Values = dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position. `cost` is per unit and, as IB has it, includes the multiplier.

    `overnight` is the size the day began with and `spent` what the day's trades have cost in all, commissions included: the day's profit
    follows from both. A position that was closed stays, with size 0, for the day.
    """

    instrument: Instrument
    size: int
    cost: float
    realized: float = 0.0
    overnight: int = 0
    spent: float = 0.0

    @property
    def multiplier(self) -> float:
        """How many units one contract is."""
        return float(self.instrument.multiplier or 1)

    @property
    def units(self) -> float:
        """Size times multiplier."""
        return self.size * self.multiplier

    def traded(self, size: int, price: float, commission: float) -> "Holding":
        """Give the position after buying `size`, or selling it when negative; commissions are part of the cost."""
        closing = min(abs(size), abs(self.size)) if size * self.size < 0 else 0
        opening = abs(size) - closing
        sign = 1 if size > 0 else -1
        fee = commission / abs(size)
        price *= self.multiplier
        realized = closing * (-sign * (price - self.cost) - fee)
        kept = abs(self.size) - closing
        total = self.cost * kept + (price + sign * fee) * opening
        return dataclasses.replace(
            self,
            size=self.size + size,
            cost=total / (kept + opening) if kept + opening else 0.0,
            realized=self.realized + realized,
            spent=self.spent + size * price + commission,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """A holding at the market's price."""

    holding: Holding
    price: float
    value: float
    unrealized: float
    daily: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything about an account at one moment; `by_currency` are the values of `$LEDGER:ALL`."""

    rows: list[Valuation]
    totals: Values
    values: Values
    by_currency: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account: its name, positions by con id and settled cash by currency."""

    name: str
    positions: dict[int, Holding]
    cash: dict[str, float]

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """All positions, those that were closed today too."""
        return tuple(self.positions.values())

    def held(self, instrument: Instrument) -> Holding:
        """The position in an instrument, perhaps of size 0."""
        return self.positions.get(instrument.con_id) or Holding(instrument=instrument, size=0, cost=0.0)

    def trade(self, instrument: Instrument, size: int, price: float, commission: float) -> float | None:
        """Book a fill, negative when sold; returns the profit it realized, None when it closed nothing."""
        if instrument.sec_type == "CASH":
            # Currencies are exchanged: a pair is not a position but two amounts of cash.
            self._pay(instrument.symbol, size)
            self._pay(instrument.currency, -size * price - commission)
            return None
        before = self.held(instrument)
        after = before.traded(size, price, commission)
        self.positions[instrument.con_id] = after
        if instrument.sec_type != "FUT":
            # A future is settled daily, its profit counts as cash from the start; all else is paid for.
            self._pay(instrument.currency, -size * price * before.multiplier - commission)
        return after.realized - before.realized if before.size * size < 0 else None

    def _pay(self, currency: str, amount: float) -> None:
        self.cash[currency] = self.cash.get(currency, 0.0) + amount


class Ledger:
    """All accounts of the login, valued with one market."""

    def __init__(self, names: tuple[str, ...], market: Market) -> None:
        self._market = market
        self.accounts = {n: self._open(n, nth) for nth, n in enumerate(names)}

    def report(self, account: Account) -> Report:
        """Value everything once, so that all figures are of the same moment."""
        rows = [self._valuation(h) for h in account.holdings]
        rates = {c: self._rate(c) for c in account.cash}
        by_currency = dict(sorted(_currencies(account, rows, rates).items()))
        totals = _totals(account, rows, rates)
        values = dict(sorted({**totals, **by_currency}.items()))
        return Report(rows=rows, totals=totals, values=values, by_currency=by_currency)

    def _open(self, name: str, nth: int) -> Account:
        # Further accounts hold fewer things in larger numbers, so that no two accounts look alike.
        chosen = _HOLDINGS if nth == 0 else _HOLDINGS[nth % len(_HOLDINGS) :][:2]
        holdings = [self._holding(*row, times=nth + 1) for row in chosen]
        cash = {BASE: 94_629.71 * (nth + 1), "EUR": 2_500.0 * (nth + 1)}
        return Account(name=name, positions={h.instrument.con_id: h for h in holdings}, cash=cash)

    def _holding(self, symbol: str, sec_type: str, size: int, paid: float, *, times: int) -> Holding:
        named = self._market.catalogue.named(symbol)
        instrument = next(i for i in named if i.sec_type == sec_type)
        cost = paid * float(instrument.multiplier or 1)
        return Holding(instrument=instrument, size=size * times, cost=cost, overnight=size * times)

    def _valuation(self, holding: Holding) -> Valuation:
        price = self._market.mark(holding.instrument)
        close = self._market.walk(holding.instrument).close_price
        value = holding.units * price
        return Valuation(
            holding=holding,
            price=price,
            value=value,
            unrealized=value - holding.size * holding.cost,
            daily=value - holding.overnight * holding.multiplier * close - holding.spent,
        )

    def _rate(self, currency: str) -> float:
        if currency == BASE:
            return 1.0
        for pair in self._market.catalogue.by_con_id.values():
            if pair.sec_type == "CASH" and {pair.symbol, pair.currency} == {currency, BASE}:
                rate = self._market.mark(pair)
                return rate if pair.currency == BASE else 1 / rate
        raise LookupError(f"no currency pair leads from {currency} to {BASE}")


def money(amount: float) -> str:
    """An amount as account messages have it."""
    return f"{amount:.2f}"


def price(amount: float) -> str:
    """A price or average cost as portfolio messages have it."""
    return f"{amount:.8f}".rstrip("0").rstrip(".")


def _sum(rows: list[Valuation], sec_type: str) -> float:
    return sum(r.value for r in rows if r.holding.instrument.sec_type == sec_type)


def _ledger_amounts(cash: float, rows: list[Valuation]) -> dict[str, float]:
    stocks, options = _sum(rows, "STK"), _sum(rows, "OPT")
    futures = sum(r.daily for r in rows if r.holding.instrument.sec_type == "FUT")
    return {
        "AccruedCash": 0.0,
        "CashBalance": cash,
        "FuturesPNL": futures,
        "FxCashBalance": 0.0,
        "NetDividend": 0.0,
        "NetLiquidationByCurrency": cash + stocks + options + futures,
        "OptionMarketValue": options,
        "RealizedPnL": sum(r.holding.realized for r in rows),
        "StockMarketValue": stocks,
        "TotalCashBalance": cash,
        "UnrealizedPnL": sum(r.unrealized for r in rows),
    }


def _labels(name: str, currency: str, rate: float) -> Values:
    return {
        ("AccountOrGroup", currency): name,
        ("Currency", currency): currency,
        ("ExchangeRate", currency): f"{rate:.7f}" if rate != 1 else "1.00",
        ("RealCurrency", currency): BASE if currency == "BASE" else currency,
    }


def _totals(account: Account, rows: list[Valuation], rates: dict[str, float]) -> Values:
    cash = sum(amount * rates[c] for c, amount in account.cash.items())
    stocks = _sum(rows, "STK")
    options = _sum(rows, "OPT")
    futures = sum(r.daily for r in rows if r.holding.instrument.sec_type == "FUT")
    liquidation = cash + stocks + options + futures
    gross = sum(abs(r.value) for r in rows if r.holding.instrument.sec_type != "FUT")
    contracts = sum(abs(r.holding.size) for r in rows if r.holding.instrument.sec_type == "FUT")
    margin = gross * STOCK_MARGIN + contracts * FUTURE_MARGIN
    free = liquidation - margin
    ratios = {
        "Cushion": f"{free / liquidation if liquidation else 0:.6f}",
        "Leverage": f"{gross / liquidation if liquidation else 0:.2f}",
    }
    amounts = _margin_amounts(liquidation, margin) | {
        "AccruedCash": 0.0,
        "AccruedDividend": 0.0,
        "Billable": 0.0,
        "GrossPositionValue": gross,
        "PreviousDayEquityWithLoanValue": liquidation - sum(r.daily for r in rows),
        "RegTEquity": liquidation - futures,
        "RegTMargin": gross / 2,
        "SettledCash": cash,
        "TotalCashValue": cash,
    }
    values = {(key, BASE): money(amount) for key, amount in amounts.items()}
    texts = {"AccountCode": account.name, **_CONSTANT_TEXTS, **ratios}
    return values | {(key, ""): text for key, text in texts.items()}


def _margin_amounts(liquidation: float, margin: float) -> dict[str, float]:
    free = liquidation - margin
    amounts = {
        "BuyingPower": max(0.0, free) * _BUYING_POWER,
        "EquityWithLoanValue": liquidation,
        "NetLiquidation": liquidation,
        "SMA": max(0.0, free),
    }
    # The simulated margin is the same now, over night and at its next change.
    for prefix in ("", "Full", "LookAhead"):
        amounts[f"{prefix}AvailableFunds"] = free
        amounts[f"{prefix}ExcessLiquidity"] = free
        amounts[f"{prefix}InitMarginReq"] = margin
        amounts[f"{prefix}MaintMarginReq"] = margin
    return amounts


def _currencies(account: Account, rows: list[Valuation], rates: dict[str, float]) -> Values:
    values: Values = {}
    total: dict[str, float] = {}
    for currency, cash in account.cash.items():
        own = [r for r in rows if r.holding.instrument.currency == currency]
        amounts = _ledger_amounts(cash, own)
        rate = rates[currency]
        values |= {(key, currency): money(amount) for key, amount in amounts.items()}
        values |= _labels(account.name, currency, rate)
        for key, amount in amounts.items():
            total[key] = total.get(key, 0.0) + amount * rate
    values |= {(key, "BASE"): money(amount) for key, amount in total.items()}
    return values | _labels(account.name, "BASE", 1.0)
