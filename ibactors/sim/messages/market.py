"""Encoders of market data besides ticks themselves: what frames a line, bars, ticks by tick, depth of the book."""

from collections.abc import Sequence

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.wire.frames import frame


def real_time_bar(request_id: int, epoch_s: int, prices: Sequence[str], volume: int, average: str, count: int) -> bytes:
    """Encode realTimeBar (50); `prices` are open, high, low and close."""
    return frame(50, 3, request_id, epoch_s, *prices, volume, average, count)


def tick_last(request_id: int, kind: int, epoch_s: int, price: str, size: int, exchange: str) -> bytes:
    """Encode tickByTick (99) of a trade; kind 1 is Last, 2 is AllLast."""
    return frame(99, request_id, kind, epoch_s, price, size, 0, exchange, "")


def tick_bid_ask(request_id: int, epoch_s: int, bid: str, ask: str, bid_size: int, ask_size: int) -> bytes:
    """Encode tickByTick (99) of a quote."""
    return frame(99, request_id, 3, epoch_s, bid, ask, bid_size, ask_size, 0)


def tick_midpoint(request_id: int, epoch_s: int, price: str) -> bytes:
    """Encode tickByTick (99) of a middle."""
    return frame(99, request_id, 4, epoch_s, price)


def depth(request_id: int, position: int, operation: int, side: int, price: str, size: int) -> bytes:
    """Encode mktDepth (12): operation 0 inserts, 1 updates, 2 deletes; side 0 is ask, 1 is bid."""
    return frame(12, 1, request_id, position, operation, side, price, size)


def depth_of_venue(request_id: int, position: int, venue: str, operation: int, side: int, price: str, size: int, *, smart: bool) -> bytes:
    """Encode mktDepthL2 (13), which names the venue or market maker."""
    return frame(13, 1, request_id, position, venue, operation, side, price, size, smart)


def snapshot_end(request_id: int) -> bytes:
    """Encode tickSnapshotEnd (57)."""
    return frame(57, 1, request_id)


def market_data_type(request_id: int, kind: int) -> bytes:
    """Encode marketDataType (58): 1 live, 2 frozen, 3 delayed, 4 delayed frozen."""
    return frame(58, 1, request_id, kind)


def no_quote(request_id: int, tick_type: int) -> bytes:
    """Encode tickPrice (1) for a bid or ask that does not exist."""
    return frame(1, 6, request_id, tick_type, "-1.00", 0, 0)


def price(request_id: int, tick_type: int, text: str, size: int) -> bytes:
    """Encode tickPrice (1) with its size, for what no walk has; shares, so of server version 163 or later."""
    return frame(1, 6, request_id, tick_type, text, size, 0)


def tick_parameters(request_id: int, min_tick: str, exchange_map: str) -> bytes:
    """Encode tickReqParams (81); 3 means that every kind of snapshot is permitted."""
    return frame(81, request_id, min_tick, exchange_map, 3)


def reroute(request_id: int, stock: Instrument, *, book: bool = False) -> bytes:
    """Encode rerouteMktDataReq (91) or rerouteMktDepthReq (92): where the data of a contract for difference are."""
    return frame(92 if book else 91, request_id, stock.con_id, stock.primary_exchange or stock.exchanges[0])
