"""Options over REST: what classes there are, one expiry with quotes and greeks, and IB's calculator."""

from collections.abc import Hashable
from dataclasses import replace
from typing import Annotated

import msgspec

from ibactors.bridge import reference
from ibactors.errors import (
    CompetingSession,
    ContractAmbiguous,
    GatewayRefused,
    InvalidRequest,
    MarketDataNotSubscribed,
    NoFreeLine,
    NoMarketData,
)
from ibactors.keys import Scope
from ibactors.model.contracts import OptionCalculation, OptionClass
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Call, Nothing, Operation, reference_data
from ibactors.web.rest.chains import ChainRow, ExpiryChain, ExpiryQuery, UnderlyingQuery, chain_of, class_of, classes_of, underlying_of
from ibactors.web.rest.contracts import PROBLEMS, ConId

_CALCULABLE = frozenset({"OPT", "FOP", "WAR"})


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """The option classes on something, one entry per class and exchange."""

    symbol: str
    under_con_id: int
    chains: tuple[OptionClass, ...]
    """Each with its expirations and strikes."""


class Calculate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An option with either its price or a volatility, and the price of the underlying."""

    con_id: ConId
    underlying_price: Annotated[float, msgspec.Meta(gt=0, le=1e9, description="Above 0.")]
    price: Annotated[float, msgspec.Meta(gt=0, le=1e9, description="Of the option; what is asked for is the volatility.")] | None = None
    volatility: (
        Annotated[float, msgspec.Meta(gt=0, le=100, description="0.3 is 30 percent; what is asked for is the option's price.")] | None
    ) = None


async def get_chain(call: Call[UnderlyingQuery, Nothing]) -> Chain:
    under = await underlying_of(call.site.contracts, call.query, call.caller.name)
    chains = await classes_of(call.site.contracts, under, call.query, call.caller.name)
    return Chain(symbol=under.symbol, under_con_id=under.con_id, chains=chains)


async def get_chain_of_expiry(call: Call[ExpiryQuery, Nothing]) -> ExpiryChain:
    site = call.site
    under = await underlying_of(site.contracts, call.query, call.caller.name)
    found = class_of(await classes_of(site.contracts, under, call.query, call.caller.name), call.query)
    return await chain_of(site, under, found, call.query, call.caller.name)


async def calculate_option(call: Call[Nothing, Calculate]) -> OptionCalculation:
    body, site = call.body, call.site
    if (body.price is None) == (body.volatility is None):
        raise InvalidRequest("One of price and volatility must be given, and not both.", field="price")
    option = await site.contracts.contract(body.con_id, caller=call.caller.name)
    if option.sec_type not in _CALCULABLE:
        raise InvalidRequest(f"{option.name} is not an option.", field="con_id", remedy="Name the con_id of an option.")
    if body.price is not None:
        spec = reference.implied_volatility(option, price=body.price, underlying_price=body.underlying_price)
    else:
        spec = reference.option_price(option, volatility=body.volatility or 0.0, underlying_price=body.underlying_price)
    rows = await site.connection.request(replace(spec, caller=call.caller.name))
    if not rows:
        raise GatewayRefused(f"The gateway calculated nothing for {option.name}.")
    return rows[0]


def _options_on(call: Call[ExpiryQuery, Nothing]) -> Hashable:
    return "options", call.query.symbol


OPERATIONS = (
    Operation(
        method="GET",
        path="/options/chain/{symbol}",
        handle=get_chain,
        asks=reference_data,
        summary="The option classes on a symbol",
        tag="Options",
        scope=Scope.READ,
        query=UnderlyingQuery,
        body=Nothing,
        returns=Chain,
        problems=(*PROBLEMS, ContractAmbiguous),
        description=(
            "Classes are never merged: SPX and SPXW, or AAPL and the adjusted 2AAPL, have expirations and strikes of their own. Not every "
            "strike of a class is listed for every expiration. Kept for an hour."
        ),
    ),
    Operation(
        method="GET",
        path="/options/chain/{symbol}/{expiry}",
        handle=get_chain_of_expiry,
        asks=_options_on,
        summary="One expiry of a class, with quotes and greeks",
        tag="Options",
        scope=Scope.READ,
        query=ExpiryQuery,
        body=Nothing,
        returns=ExpiryChain,
        rows=Rows(of=ChainRow, member="rows"),
        problems=(*PROBLEMS, ContractAmbiguous, CompetingSession, MarketDataNotSubscribed, NoFreeLine, NoMarketData),
        description=(
            "Each option has a market-data line for a moment, 4 s at most, in rounds of up to 20; some 35 options a second, which is IB's "
            "pace. A leg's `timestamp` is when its newest value arrived. `missing` are strikes of the class that are not listed for this "
            "expiry. If several classes expire on the day, `trading_class` must name one (409 lists them)."
        ),
    ),
    Operation(
        method="POST",
        path="/options/calculate",
        handle=calculate_option,
        asks=reference_data,
        summary="What IB's model makes of an option",
        tag="Options",
        scope=Scope.READ,
        query=Nothing,
        body=Calculate,
        returns=OptionCalculation,
        problems=PROBLEMS,
    ),
)
