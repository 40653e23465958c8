"""Encoders of the answers about the past: bars, ticks, histograms, schedules."""

from collections.abc import Sequence

from ibactors.sim.wire.frames import frame

Row = tuple[str | int, ...]


def historical_data(request_id: int, start: str, end: str, rows: Sequence[Row]) -> bytes:
    """Encode historicalData (17): rows of date, open, high, low, close, volume, average, count."""
    return frame(17, request_id, start, end, len(rows), *(x for row in rows for x in row))


def historical_data_update(request_id: int, row: Row) -> bytes:
    """Encode historicalDataUpdate (90), which has the fields of a bar in an order of its own."""
    date, opened, high, low, close, volume, average, count = row
    return frame(90, request_id, count, date, opened, close, high, low, average, volume)


def head_timestamp(request_id: int, text: str) -> bytes:
    """Encode headTimestamp (88)."""
    return frame(88, request_id, text)


def histogram(request_id: int, rows: Sequence[Row]) -> bytes:
    """Encode histogramData (89): rows of price and size."""
    return frame(89, request_id, len(rows), *(x for row in rows for x in row))


def schedule(request_id: int, start: str, end: str, zone: str, rows: Sequence[Row]) -> bytes:
    """Encode historicalSchedule (106): rows of start, end and the day the session belongs to."""
    return frame(106, request_id, start, end, zone, len(rows), *(x for row in rows for x in row))


def ticks_midpoint(request_id: int, rows: Sequence[Row]) -> bytes:
    """Encode historicalTicks (96): rows of time and price; an unused field and a size of 0 go with them."""
    return _ticks(96, request_id, [(time, 0, price, 0) for time, price in rows])


def ticks_bid_ask(request_id: int, rows: Sequence[Row]) -> bytes:
    """Encode historicalTicksBidAsk (97): rows of time, attributes, bid, ask, bid size, ask size."""
    return _ticks(97, request_id, rows)


def ticks_last(request_id: int, rows: Sequence[Row]) -> bytes:
    """Encode historicalTicksLast (98): rows of time, attributes, price, size, exchange, conditions."""
    return _ticks(98, request_id, rows)


def _ticks(message: int, request_id: int, rows: Sequence[Row]) -> bytes:
    return frame(message, request_id, len(rows), *(x for row in rows for x in row), 1)
