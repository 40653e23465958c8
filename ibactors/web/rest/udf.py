"""TradingView's UDF over the same data: what its charts, and those of OpenBB Workspace, ask for.

Everything is asked of the actors behind the other routes. What goes wrong is told in UDF's own form with status 200, as its clients
read no other; the gate's refusals, such as a missing key, are problem documents here as everywhere.
"""

import time
from typing import Annotated

import msgspec
import trio

from ibactors.errors import IbactorsError
from ibactors.keys import Scope
from ibactors.web.contract import udf
from ibactors.web.contract.queries import QuotesQuery, instruments_of
from ibactors.web.operation import Answer, Call, Nothing, Operation


class ChartQuotesQuery(msgspec.Struct, frozen=True):
    """Whose quotes; what else a chart says of itself is no concern of ours."""

    symbols: Annotated[str, msgspec.Meta(min_length=1, max_length=4000, description="Symbols, separated by commas; 100 at most.")]


async def get_chart_config(_call: Call[Nothing, Nothing]) -> udf.Config:
    return udf.Config()


async def get_chart_time(_call: Call[Nothing, Nothing]) -> Answer:
    return Answer(body=f"{int(time.time())}", content_type="text/plain; charset=utf-8")


async def get_chart_quotes(call: Call[ChartQuotesQuery, Nothing]) -> udf.Quotes:
    named = instruments_of(QuotesQuery(symbols=call.query.symbols))
    call.count_symbols(len(named))
    rows: dict[str, udf.QuoteRow] = {}

    async def quote(name: str) -> None:
        try:
            encoded = await call.system.site.market.quote(named[name], caller=call.along.holder)
        except IbactorsError as exc:
            rows[name] = udf.QuoteRow(s="error", n=name, errmsg=udf.failure(exc).errmsg)
        else:
            call.system.meters.quoted(encoded)
            rows[name] = udf.quote_row(name, encoded.value)

    async with trio.open_nursery() as nursery:
        for name in named:
            nursery.start_soon(quote, name)
    return udf.Quotes(tuple(rows[name] for name in named))


OPERATIONS = (
    Operation(
        method="GET",
        path="/udf/config",
        handle=get_chart_config,
        summary="What the feed for charts can do",
        tag="Charts",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=udf.Config,
    ),
    Operation(
        method="GET",
        path="/udf/time",
        handle=get_chart_time,
        summary="The present time in Unix seconds",
        tag="Charts",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        media_type="text/plain",
    ),
    Operation(
        method="GET",
        path="/udf/quotes",
        handle=get_chart_quotes,
        refusal=udf.failure,
        summary="Quotes for a chart's watch list",
        tag="Charts",
        scope=Scope.READ,
        query=ChartQuotesQuery,
        body=Nothing,
        returns=udf.Quotes | udf.Failure,
    ),
)
