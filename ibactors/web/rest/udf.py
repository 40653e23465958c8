"""TradingView's UDF over the same data: what its charts, and those of OpenBB Workspace, ask for.

Everything is asked of the actors behind the other routes. What goes wrong is told in UDF's own form with status 200, as its clients
read no other; the gate's refusals, such as a missing key, are problem documents here as everywhere.
"""

import time
from collections.abc import Hashable
from functools import partial
from itertools import islice
from typing import Annotated, Any

import msgspec
import trio
from msgspec.structs import replace

from ibactors.actors.history_questions import BarsQuestion
from ibactors.actors.site import Site
from ibactors.errors import ContractAmbiguous, ContractNotFound, GatewayRefused, IbactorsError, InvalidRequest, NoHistory
from ibactors.keys import Scope
from ibactors.model.bars import QUOTED, Bar, BarSize, What
from ibactors.model.contracts import ContractDetails
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import Instrument
from ibactors.model.quotes import Quote
from ibactors.model.times import whole
from ibactors.web.contract import charts, udf
from ibactors.web.contract.queries import InstrumentQuery, QuotesQuery, instrument_of, instruments_of
from ibactors.web.operation import Answer, Call, Nothing, Operation, reference_data

MOST_BARS = 10_000
"""Of one answer: the newest of what is asked for. Charts ask for older ones when somebody looks."""
CHART_WAIT = 20.0
"""Seconds after which a chart gets the bars that there are."""
_LAST_SECOND = 253402300799
"""The end of the year 9999."""


class ChartSearchQuery(msgspec.Struct, frozen=True):
    """What to look for; what else a chart says of itself does not concern us, here and in the other queries."""

    query: Annotated[str, msgspec.Meta(pattern=whole(r"[^\x00-\x1f\x7f]{0,64}"), description="The beginning of a symbol or name.")] = ""
    type: Annotated[str, msgspec.Meta(max_length=20, description="Only of this kind, one of the config's `symbols_types`.")] = ""
    exchange: Annotated[str, msgspec.Meta(max_length=20, description="Only listed there.")] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=100, description="Rows at most.")] = 30


class ChartSymbolQuery(msgspec.Struct, frozen=True):
    """Which instrument."""

    symbol: Annotated[str, msgspec.Meta(min_length=1, max_length=80, description="A symbol, or a contract id.")]


class ChartHistoryQuery(ChartSymbolQuery, frozen=True):
    """Which bars: those that begin in [from, to), or the last `countback` before `to`."""

    resolution: Annotated[str, msgspec.Meta(max_length=10, description="How long a bar is: one of the config's `supported_resolutions`.")]
    to: Annotated[int, msgspec.Meta(ge=0, le=_LAST_SECOND, description="Unix seconds.")]
    begin: int = msgspec.field(name="from", default=0)
    """Unix seconds; before 1970 they are negative."""
    countback: Annotated[int, msgspec.Meta(ge=0, le=10_000_000, description="How many bars; counts more than `from`.")] = 0


class ChartQuotesQuery(msgspec.Struct, frozen=True):
    """Whose quotes."""

    symbols: Annotated[str, msgspec.Meta(min_length=1, max_length=4000, description="Symbols, separated by commas; 100 at most.")]


async def get_chart_config(_call: Call[Nothing, Nothing]) -> udf.ChartConfig:
    return udf.ChartConfig()


async def get_chart_time(_call: Call[Nothing, Nothing]) -> Answer:
    return Answer(body=f"{int(time.time())}", content_type="text/plain; charset=utf-8")


async def search_chart_symbols(call: Call[ChartSearchQuery, Nothing]) -> tuple[udf.FoundSymbol, ...]:
    query = call.query
    if not query.query.strip():
        return ()
    found = await call.site.contracts.search(query.query.strip(), caller=call.along.holder)
    rows = (charts.search_row(row) for row in found if row.con_id is not None)
    wanted = (row for row in rows if query.type in {"", row.type} and query.exchange.upper() in {"", row.exchange.upper()})
    return tuple(islice(wanted, query.limit))


async def get_chart_symbol(call: Call[ChartSymbolQuery, Nothing]) -> udf.ChartSymbol:
    contract = await _contract(call, call.query.symbol)
    try:
        return charts.symbol_info(contract)
    except ValueError as exc:
        raise GatewayRefused(f"The hours of {contract.name} that the gateway sent cannot be read: {exc}.") from exc


async def get_chart_history(call: Call[ChartHistoryQuery, Nothing]) -> udf.ChartHistory | udf.NoChartData:
    query = call.query
    size = udf.RESOLUTIONS.get(query.resolution if query.resolution[:1].isdigit() else f"1{query.resolution}")
    if size is None:
        raise InvalidRequest("The resolution is not known.", field="resolution", remedy=f"Accepted: {', '.join(udf.RESOLUTIONS)}.")
    contract = await _contract(call, query.symbol)
    question = BarsQuestion(
        instrument=Instrument.of_id(contract.con_id),
        bar=BarSize(size),
        what=What.MIDPOINT if contract.sec_type in QUOTED else What.TRADES,
        rth=charts.has_regular_hours(contract.sec_type),
        start=None if query.countback else max(query.begin, 0),
        end=query.to if query.to < time.time() else None,
        limit=min(query.countback or MOST_BARS, MOST_BARS),
        descending=True,
    )
    try:
        bars = await _bars(call, question)
        if bars:
            return charts.history(bars)
        before = replace(question, start=None, end=question.start, limit=1)
        older = await _bars(call, before) if question.start else []
    except NoHistory:
        older = []
    return udf.NoChartData(next_time=older[-1].at) if older else udf.NoChartData()


async def _bars(call: Call[ChartHistoryQuery, Nothing], question: BarsQuestion) -> list[Bar]:
    """The newest of the bars that are asked for, oldest first: as many as come within the time that a chart waits."""
    bars: list[Bar] = []
    deadline = trio.current_time() + CHART_WAIT
    while True:
        wait = max(deadline - trio.current_time(), 0.1)
        page = await call.site.history.bars(question, caller=call.along.holder, wait=wait)
        bars = [*page.rows, *bars]
        missing = question.limit - len(bars)
        if page.next_page_token is None or missing <= 0 or trio.current_time() >= deadline:
            return bars
        question = replace(question, page_token=page.next_page_token, limit=missing)


async def _contract(call: Call[Any, Nothing], symbol: str) -> ContractDetails:
    """The one contract that a chart means. Raises ContractAmbiguous, and what looking for it raises.

    Charts also ask for the `full_name` of a search, which is the exchange that lists it, a colon and the symbol.
    """
    listed, _, name = symbol.strip().upper().rpartition(":")
    found = await call.site.contracts.details(instrument_of(name, InstrumentQuery()), caller=call.along.holder)
    if listed:
        found = tuple(contract for contract in found if listed in {contract.primary_exchange, contract.exchange})
    if not found:
        raise ContractNotFound(f"No {name} is listed at {listed}.")
    if len(found) > 1:
        raise ContractAmbiguous(f"{len(found)} contracts fit {symbol}: {', '.join(contract.name for contract in found[:10])}.")
    return found[0]


async def _quoted(instrument: Instrument, holder: str, site: Site) -> Encoded[Quote]:
    return await site.market.quote(instrument, caller=holder)


async def get_chart_quotes(call: Call[ChartQuotesQuery, Nothing]) -> udf.ChartQuotes:
    named = instruments_of(QuotesQuery(symbols=call.query.symbols))
    call.count_symbols(len(named))
    rows: dict[str, udf.ChartQuoteRow] = {}

    async def quote(name: str) -> None:
        try:
            instrument = named[name] if ":" not in name else Instrument.of_id((await _contract(call, name)).con_id)
            quoted = partial(_quoted, instrument, call.along.holder)
            encoded = await call.system.choices.ask(("quotes", instrument), quoted)
        except IbactorsError as exc:
            rows[name] = udf.ChartQuoteRow(s="error", n=name, errmsg=charts.failure(exc).errmsg)
        else:
            call.system.meters.quoted(encoded)
            rows[name] = charts.quote_row(name, encoded.value)

    async with trio.open_nursery() as nursery:
        for name in named:
            nursery.start_soon(quote, name)
    return udf.ChartQuotes(tuple(rows[name] for name in named))


def _chart_of(call: Call[ChartHistoryQuery, Nothing]) -> Hashable:
    return "chart", call.query.symbol


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
        returns=udf.ChartConfig,
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
        path="/udf/search",
        handle=search_chart_symbols,
        asks=reference_data,
        refusal=charts.failure,
        summary="Find symbols for a chart",
        tag="Charts",
        scope=Scope.READ,
        query=ChartSearchQuery,
        body=Nothing,
        returns=tuple[udf.FoundSymbol, ...] | udf.ChartFailure,
    ),
    Operation(
        method="GET",
        path="/udf/symbols",
        handle=get_chart_symbol,
        asks=reference_data,
        refusal=charts.failure,
        summary="What a chart must know of a symbol: its session, zone and price steps",
        tag="Charts",
        scope=Scope.READ,
        query=ChartSymbolQuery,
        body=Nothing,
        returns=udf.ChartSymbol | udf.ChartFailure,
    ),
    Operation(
        method="GET",
        path="/udf/history",
        handle=get_chart_history,
        asks=_chart_of,
        refusal=charts.failure,
        summary="Bars for a chart",
        tag="Charts",
        scope=Scope.READ,
        query=ChartHistoryQuery,
        body=Nothing,
        returns=udf.ChartHistory | udf.NoChartData | udf.ChartFailure,
    ),
    Operation(
        method="GET",
        path="/udf/quotes",
        handle=get_chart_quotes,
        refusal=charts.failure,
        summary="Quotes for a chart's watch list",
        tag="Charts",
        scope=Scope.READ,
        query=ChartQuotesQuery,
        body=Nothing,
        returns=udf.ChartQuotes | udf.ChartFailure,
    ),
)
