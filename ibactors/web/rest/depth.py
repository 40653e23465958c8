"""Books over HTTP: one look, by the same shared subscription as the stream's."""

from collections.abc import Hashable

from ibactors.actors.depth import cut
from ibactors.errors import (
    ActorDown,
    ContractAmbiguous,
    ContractNotFound,
    DepthLimit,
    DepthNotSupported,
    GatewayDisconnected,
    GatewayTimeout,
    InvalidRequest,
    MarketDataNotSubscribed,
    NoMarketData,
)
from ibactors.keys import Scope
from ibactors.model.depth import Depth
from ibactors.web.contract.books import RowCount, Smart
from ibactors.web.contract.queries import InstrumentQuery, SymbolInPath, instrument_of
from ibactors.web.operation import Call, Nothing, Operation


class DepthQuery(InstrumentQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which book, and how much of it."""

    symbol: SymbolInPath
    rows: RowCount = 5
    smart: Smart | None = None


async def get_depth(call: Call[DepthQuery, Nothing]) -> Depth:
    instrument = instrument_of(call.query.symbol, call.query)
    books, caller = call.site.books, call.along.holder
    try:
        book = await (await books.book(instrument, smart=call.query.smart, caller=caller)).book()
    except ActorDown:
        # Retired or crashed in this moment. Reading twice is harmless, whether or not the first request was begun.
        book = await (await books.book(instrument, smart=call.query.smart, caller=caller)).book()
    return cut(book, call.query.rows)


def _book_of(call: Call[DepthQuery, Nothing]) -> Hashable:
    """As of the channel."""
    return "depth", (instrument_of(call.query.symbol, call.query), call.query.smart)


OPERATIONS = (
    Operation(
        method="GET",
        path="/market/depth/{symbol}",
        handle=get_depth,
        asks=_book_of,
        summary="The book of an instrument",
        tag="Market data",
        scope=Scope.READ,
        query=DepthQuery,
        body=Nothing,
        returns=Depth,
        problems=(
            ContractNotFound,
            ContractAmbiguous,
            DepthLimit,
            DepthNotSupported,
            MarketDataNotSubscribed,
            InvalidRequest,
            NoMarketData,
            GatewayDisconnected,
            GatewayTimeout,
        ),
        description=(
            "Opens a book that is shared with the channel `depth` of `/ws/stream`, or takes the open one, which is kept for half a minute; "
            "a login has few of them (`IBACTORS_MAX_BOOKS`). A book of all exchanges takes IB 6 to 13 seconds to begin, and the answer "
            "waits for it, up to 15 seconds."
        ),
    ),
)
