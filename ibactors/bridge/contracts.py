"""Between ib_async's contracts and our own types, and the search for contracts."""

from ib_async.contract import Contract, ContractDetails

from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.wire import GatewayClient
from ibactors.model.accounts import Position
from ibactors.model.instruments import ContractInfo, Instrument


def to_ib(instrument: Instrument) -> Contract:
    """What a request asks for."""
    return Contract(
        conId=instrument.con_id,
        symbol=instrument.symbol,
        secType=instrument.sec_type.value,
        lastTradeDateOrContractMonth=instrument.expiry,
        strike=instrument.strike,
        right=instrument.right,
        exchange=instrument.exchange,
        primaryExchange=instrument.primary_exchange,
        currency=instrument.currency,
    )


def find_contracts(instrument: Instrument) -> RequestSpec[ContractInfo]:
    """All contracts that fit (messages 9, 10, 18, 52); ContractNotFound when there is none. IB may tell one of them twice."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqContractDetails(request_id, to_ib(instrument))

    def row(_request_id: int, details: ContractDetails) -> ContractInfo:
        return contract_info(details)

    return RequestSpec(
        to=f"describe {instrument.name}", kind="contracts", send=send, rows={"contractDetails": row, "bondContractDetails": row}
    )


def contract_info(details: ContractDetails) -> ContractInfo:
    """What message 10 says of a contract."""
    contract = details.contract or Contract()
    return ContractInfo(
        con_id=contract.conId,
        symbol=contract.symbol,
        sec_type=contract.secType,
        exchange=contract.exchange,
        primary_exchange=contract.primaryExchange,
        currency=contract.currency,
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
        expiry=contract.lastTradeDateOrContractMonth,
        strike=contract.strike,
        right=contract.right,
        multiplier=contract.multiplier,
        min_tick=details.minTick,
        long_name=details.longName,
    )


def position_of(account: str, contract: Contract, position: float, average_cost: float) -> Position:
    """One holding, as message 61 tells it."""
    return Position(
        account=account,
        symbol=contract.symbol,
        sec_type=contract.secType,
        currency=contract.currency,
        position=position,
        avg_cost=average_cost,
        con_id=contract.conId,
        exchange=contract.exchange,
        local_symbol=contract.localSymbol,
        trading_class=contract.tradingClass,
        expiry=contract.lastTradeDateOrContractMonth,
        strike=contract.strike,
        right=contract.right,
        multiplier=contract.multiplier,
    )
