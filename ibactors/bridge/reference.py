"""What the gateway is asked about contracts: details, searches, price steps, the options on something, calculations."""

from functools import lru_cache, partial
from typing import Any

import msgspec
from ib_async.contract import Contract, ContractDescription
from ib_async.contract import ContractDetails as IbDetails
from ib_async.objects import PriceIncrement as IbIncrement

from ibactors.bridge import codes
from ibactors.bridge.answers import market_rule
from ibactors.bridge.computations import calculation
from ibactors.bridge.contracts import contract_info, float_or_none, to_ib
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.texts import LONGEST_NAME, shown, unescaped
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import ContractNotFound, TooManyContracts
from ibactors.model.contracts import ContractDetails, FoundContract, OptionCalculation, OptionClass, PriceIncrement
from ibactors.model.instruments import ContractInfo, Instrument

MOST_CONTRACTS = 2000
"""Contracts that one question may bring: the whole of a class of options, or several days of it, may be ten thousand."""
MOST_CLASSES = 2000
"""Trading classes by exchange of one underlying; IB has some 20 exchanges."""
_INVALID = 321
"""What the gateway answers for an underlying that nothing is derived from."""
_LONGEST_HOURS, _LONGEST_LIST, _MOST_LISTED = 4000, 4000, 50
"""Of texts and lists in one row; IB's hours have some 300 characters, and its lists of order types 600."""
_UNSET_INTEGER = 2**31 - 1


def describe(instrument: Instrument, *, include_expired: bool = False) -> RequestSpec[ContractDetails]:
    """All contracts that fit, in full (messages 9, 10, 18, 52). IB may tell one of them twice."""
    contract = to_ib(instrument)
    contract.includeExpired = include_expired

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqContractDetails(request_id, contract)

    def row(_request_id: int, details: IbDetails) -> ContractDetails:
        return _contract_details(details)

    return RequestSpec(
        to=f"describe {instrument.name}",
        kind="contracts",
        send=send,
        rows={"contractDetails": row, "bondContractDetails": row},
        most_rows=MOST_CONTRACTS,
        too_many=TooManyContracts,
    )


def options_of(under: ContractDetails, *, exchange: str, trading_class: str, multiplier: str, expiry: str) -> RequestSpec[ContractInfo]:
    """All options of one class that expire on a day, yyyymmdd, in one request (messages 9, 10, 52)."""
    contract = Contract(
        symbol=under.symbol,
        secType="FOP" if under.sec_type == "FUT" else "OPT",
        exchange=exchange,
        currency=under.currency,
        lastTradeDateOrContractMonth=expiry,
        tradingClass=trading_class,
        multiplier=multiplier,
    )

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqContractDetails(request_id, contract)

    def row(_request_id: int, details: IbDetails) -> ContractInfo:
        # Without the texts of its hours, which are long and the same for all.
        return msgspec.structs.replace(contract_info(details), trading_hours="", liquid_hours="")

    return RequestSpec(
        to=f"list the options {trading_class} of {expiry}",
        kind="contracts",
        send=send,
        rows={"contractDetails": row},
        most_rows=MOST_CONTRACTS,
        too_many=TooManyContracts,
    )


def search(text: str) -> RequestSpec[tuple[FoundContract, ...]]:
    """What a symbol or a name begins with (messages 81, 79), all in one row; IB takes one such request a second."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqMatchingSymbols(request_id, text)

    def rows(_request_id: int, found: list[ContractDescription]) -> tuple[FoundContract, ...]:
        return tuple(_found(row) for row in found)

    return RequestSpec(to=f"search for {text!r}", kind="searches", send=send, rows={"symbolSamples": rows})


def increments(rule_id: int) -> RequestSpec[tuple[PriceIncrement, ...]]:
    """The steps of one market rule (messages 91, 93), all in one row. A gateway knows those of contracts of which it has sent details."""

    def send(client: GatewayClient, _request_id: int) -> None:
        client.reqMarketRule(rule_id)

    def rows(_rule_id: int, steps: list[IbIncrement]) -> tuple[PriceIncrement, ...]:
        if any(float_or_none(step.lowEdge) is None or float_or_none(step.increment) is None for step in steps):
            raise ValueError("a step that is no price")
        return tuple(PriceIncrement(low_edge=step.lowEdge, increment=step.increment) for step in steps)

    to, name = f"tell the market rule {rule_id}", market_rule(rule_id)
    return RequestSpec(to=to, kind="contracts", send=send, rows={"marketRule": rows}, name=name)


def option_classes(under: ContractDetails) -> RequestSpec[OptionClass]:
    """The option classes on something, by exchange (messages 78, 75, 76); no rows where it has none."""
    exchange = under.exchange if under.sec_type == "FUT" else ""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqSecDefOptParams(request_id, under.symbol, exchange, under.sec_type, under.con_id)

    def row(
        _request_id: int, exchange: str, _under: str, trading_class: str, multiplier: str, expirations: list[str], strikes: list[float]
    ) -> OptionClass:
        if any(float_or_none(strike) is None for strike in strikes):
            raise ValueError("a strike that is no price")
        return OptionClass(
            exchange=shown(exchange, LONGEST_NAME),
            trading_class=shown(trading_class, LONGEST_NAME),
            multiplier=shown(multiplier, LONGEST_NAME),
            expirations=_shared(tuple(sorted(set(expirations)))),
            strikes=_shared(tuple(sorted(set(strikes)))),
        )

    return RequestSpec(
        to=f"list the option classes on {under.symbol}",
        kind="contracts",
        send=send,
        rows={"securityDefinitionOptionParameter": row},
        most_rows=MOST_CLASSES,
        judge=partial(codes.judge, meanings={_INVALID: ContractNotFound}),
    )


def implied_volatility(option: ContractDetails, *, price: float, underlying_price: float) -> RequestSpec[OptionCalculation]:
    """The volatility that makes an option worth *price* (messages 54, 21)."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.calculateImpliedVolatility(request_id, _option(option), price, underlying_price, [])

    def cancel(client: GatewayClient, request_id: int) -> None:
        client.cancelCalculateImpliedVolatility(request_id)

    return _calculation(option, send, cancel)


def option_price(option: ContractDetails, *, volatility: float, underlying_price: float) -> RequestSpec[OptionCalculation]:
    """What an option is worth at a volatility, 0.3 being 30 percent (messages 55, 21)."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.calculateOptionPrice(request_id, _option(option), volatility, underlying_price, [])

    def cancel(client: GatewayClient, request_id: int) -> None:
        client.cancelCalculateOptionPrice(request_id)

    return _calculation(option, send, cancel)


def _calculation(option: ContractDetails, send: Any, cancel: Any) -> RequestSpec[OptionCalculation]:
    def row(_request_id: int, _tick_type: int, _attribute: int, *values: float) -> OptionCalculation:
        return calculation(values)

    to = f"calculate {option.local_symbol}"
    return RequestSpec(to=to, kind="contracts", send=send, cancel=cancel, rows={"tickOptionComputation": row}, single=True)


def _option(option: ContractDetails) -> Contract:
    """All of it: the calculators are older than contract ids alone."""
    return Contract(
        conId=option.con_id,
        symbol=option.symbol,
        secType=option.sec_type,
        lastTradeDateOrContractMonth=option.expiry or "",
        strike=option.strike or 0.0,
        right=option.right or "",
        multiplier=option.multiplier or "",
        exchange=option.exchange,
        currency=option.currency,
        localSymbol=option.local_symbol,
        tradingClass=option.trading_class or "",
    )


def _contract_details(details: IbDetails) -> ContractDetails:
    info = contract_info(details)
    return ContractDetails(
        con_id=info.con_id,
        symbol=info.symbol,
        sec_type=info.sec_type,
        exchange=info.exchange,
        primary_exchange=info.primary_exchange or None,
        currency=info.currency,
        local_symbol=info.local_symbol,
        trading_class=info.trading_class or None,
        expiry=info.expiry or None,
        contract_month=_text(details.contractMonth),
        strike=info.strike or None,
        right=info.right or None,
        multiplier=info.multiplier or None,
        long_name=info.long_name or shown(details.descAppend),
        stock_type=info.stock_type or None,
        industry=_text(details.industry),
        category=_text(details.category),
        subcategory=_text(details.subcategory),
        under_con_id=details.underConId or None,
        under_symbol=_text(details.underSymbol),
        under_sec_type=_text(details.underSecType),
        min_tick=info.min_tick,
        price_magnifier=info.price_magnifier,
        min_size=float_or_none(details.minSize) or None,
        size_increment=float_or_none(details.sizeIncrement) or None,
        suggested_size_increment=float_or_none(details.suggestedSizeIncrement) or None,
        order_types=_listed(details.orderTypes),
        valid_exchanges=_listed(details.validExchanges),
        market_rule_ids=tuple(int(rule) for rule in _listed(details.marketRuleIds)),
        sec_ids={shown(pair.tag, LONGEST_NAME): shown(pair.value, LONGEST_NAME) for pair in (details.secIdList or ())[:_MOST_LISTED]},
        time_zone=_text(details.timeZoneId),
        trading_hours=shown(details.tradingHours, _LONGEST_HOURS),
        liquid_hours=shown(details.liquidHours, _LONGEST_HOURS),
        coupon=float_or_none(details.coupon) or None,
        cusip=_text(details.cusip),
    )


def _found(row: ContractDescription) -> FoundContract:
    contract = row.contract or Contract()
    return FoundContract(
        con_id=contract.conId if 0 < contract.conId < _UNSET_INTEGER else None,
        symbol=_text(contract.symbol),
        sec_type=shown(contract.secType, LONGEST_NAME),
        primary_exchange=_text(contract.primaryExchange),
        currency=_text(contract.currency),
        description=_text(unescaped(contract.description)),
        issuer_id=_text(contract.issuerId),
        derivatives=tuple(shown(kind, LONGEST_NAME) for kind in row.derivativeSecTypes[:_MOST_LISTED]),
    )


def _text(text: str) -> str | None:
    return shown(text) or None


@lru_cache(maxsize=512)
def _listed(text: str) -> tuple[str, ...]:
    """A list in one text. Thousands of options of a class have the same, and it is kept once."""
    return tuple(part.strip() for part in text[:_LONGEST_LIST].split(",") if part.strip())


@lru_cache(maxsize=512)
def _shared(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same for lists: a class has the same expirations and strikes at each of twenty exchanges."""
    return values
