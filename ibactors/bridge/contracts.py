"""Between ib_async's contracts and our own types, and the search for contracts."""

import math
from functools import lru_cache

from ib_async.contract import ComboLeg, Contract, ContractDetails

from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.bridge.wire import GatewayClient
from ibactors.model.accounts import Position
from ibactors.model.instruments import ContractInfo, Instrument

UNSET = 1.7e308
"""IB writes DBL_MAX for "no value"."""
_LARGEST = 1e300
_LONGEST_HOURS = 5000
"""Characters of trading hours; IB's, of six days, have some 400."""


def float_or_none(value: float) -> float | None:
    """None for the numbers that IB sends in place of a missing one."""
    return None if math.isnan(value) or abs(value) > UNSET else value


def price_of(text: str) -> float:
    """A price that must be there. Raises ValueError for none, and for what is no number."""
    price = float(text)
    if not abs(price) < _LARGEST:  # NaN, infinity, or what IB writes for none
        raise ValueError(f"{text[:30]!r} is no price")
    return price


def to_ib(instrument: Instrument) -> Contract:
    """What a request asks for. A contract id goes alone: whatever differs from what IB has would be a conflict (error 478)."""
    if instrument.sec_type is None:
        return Contract(conId=instrument.con_id, exchange=instrument.exchange)
    return Contract(
        conId=instrument.con_id,
        symbol=instrument.symbol,
        secType=instrument.sec_type.ib_name,
        lastTradeDateOrContractMonth=instrument.expiry,
        strike=instrument.strike,
        right=instrument.right,
        multiplier=instrument.multiplier,
        exchange=instrument.exchange,
        primaryExchange=instrument.primary_exchange,
        currency=instrument.currency,
        localSymbol=instrument.local_symbol,
        tradingClass=instrument.trading_class,
        secIdType=instrument.sec_id_type,
        secId=instrument.sec_id,
        comboLegs=[ComboLeg(conId=leg.con_id, ratio=leg.ratio, action=leg.side, exchange=leg.exchange) for leg in instrument.legs],
    )


def find_contracts(instrument: Instrument, *, caller: str = "") -> RequestSpec[ContractInfo]:
    """All contracts that fit (messages 9, 10, 18, 52); ContractNotFound when there is none. IB may tell one of them twice."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqContractDetails(request_id, to_ib(instrument))

    def row(_request_id: int, details: ContractDetails) -> ContractInfo:
        return contract_info(details)

    return RequestSpec(
        to=f"describe {instrument.name}",
        kind="contracts",
        caller=caller,
        send=send,
        rows={"contractDetails": row, "bondContractDetails": row},
    )


def contract_info(details: ContractDetails) -> ContractInfo:
    """What message 10 says of a contract."""
    contract = details.contract or Contract()
    return ContractInfo(
        con_id=contract.conId,
        symbol=shown(contract.symbol),
        sec_type=_shared(shown(contract.secType, LONGEST_NAME)),
        exchange=_shared(shown(contract.exchange, LONGEST_NAME)),
        primary_exchange=_shared(shown(contract.primaryExchange, LONGEST_NAME)),
        currency=_shared(shown(contract.currency, LONGEST_NAME)),
        local_symbol=shown(contract.localSymbol),
        trading_class=shown(contract.tradingClass),
        expiry=shown(contract.lastTradeDateOrContractMonth or details.maturity, LONGEST_NAME),
        strike=contract.strike,
        right=_right(contract.right),
        multiplier=shown(contract.multiplier, LONGEST_NAME),
        min_tick=details.minTick,
        long_name=shown(details.longName),
        trading_hours=_hours(details.tradingHours),
        liquid_hours=_hours(details.liquidHours),
        time_zone=_shared(shown(details.timeZoneId)),
        price_magnifier=details.priceMagnifier or 1,
        stock_type=_shared(shown(details.stockType, LONGEST_NAME)),
        size_multiplier=details.mdSizeMultiplier or 1,
    )


def _hours(text: str) -> str:
    """Trading hours as IB writes them; none where they are longer than any are."""
    return _shared(text) if len(text) <= _LONGEST_HOURS else ""


@lru_cache(maxsize=256)
def _shared(text: str) -> str:
    """The text, as one object for all contracts that say the same: thousands have one set of hours, exchange and currency."""
    return text


def position_of(account: str, contract: Contract, position: float, average_cost: float) -> Position:
    """One holding, as message 61 tells it. Raises ValueError for a strike that is no number."""
    if not math.isfinite(contract.strike):
        raise ValueError(f"{contract.strike} is no strike")
    return Position(
        account=account,
        symbol=contract.symbol,
        sec_type=contract.secType,
        currency=contract.currency,
        position=position,
        avg_cost=float_or_none(average_cost),
        con_id=contract.conId,
        exchange=contract.exchange,
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
        expiry=contract.lastTradeDateOrContractMonth,
        strike=float_or_none(contract.strike) or 0.0,
        right=contract.right,
        multiplier=contract.multiplier,
    )


def _right(text: str) -> str:
    """C, P or nothing; IB writes "0" or "?" where there is none."""
    first = text[:1].upper()
    return first if first in {"C", "P"} else ""
