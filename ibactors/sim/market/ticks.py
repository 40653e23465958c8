"""Market data ticks on the wire: a change of an instrument is encoded once and fits every line on it.

The frames of two lines differ in the request id only. `Change` therefore keeps the bytes between the request ids; a line's burst is one
`join`, which is what lets one core feed thousands of lines.
"""

from collections.abc import Set as AbstractSet

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.walk import Field, PriceWalk

SIZES_IN_SHARES = 163
_SHARES_PER_LOT = 100

_PRICE, _SIZE, _GENERIC, _STRING = b"1\x006\x00", b"2\x006\x00", b"45\x006\x00", b"46\x006\x00"
# Field: message head, tick type of live data, tick type of delayed data (None: never sent delayed).
_TICKS: dict[Field, tuple[bytes, int, int | None]] = {
    Field.BID: (_PRICE, 1, 66),
    Field.BID_SIZE: (_SIZE, 0, 69),
    Field.ASK: (_PRICE, 2, 67),
    Field.ASK_SIZE: (_SIZE, 3, 70),
    Field.TIME: (_STRING, 45, 88),
    Field.LAST: (_PRICE, 4, 68),
    Field.LAST_SIZE: (_SIZE, 5, 71),
    Field.VOLUME: (_SIZE, 8, 74),
    Field.HIGH: (_PRICE, 6, 72),
    Field.LOW: (_PRICE, 7, 73),
    Field.CLOSE: (_PRICE, 9, 75),
    Field.OPEN: (_PRICE, 14, 76),
    Field.EXCHANGE: (_STRING, 84, None),
    Field.HALTED: (_GENERIC, 49, 90),
}
# A price tick repeats the size that the size tick after it has.
_SIZE_OF = {Field.BID: Field.BID_SIZE, Field.ASK: Field.ASK_SIZE, Field.LAST: Field.LAST_SIZE}
_AUTO_EXECUTABLE = 1


class Change:
    """What one step changed, encoded on demand for each kind of line that watches the instrument."""

    def __init__(self, walk: PriceWalk, fields: AbstractSet[Field]) -> None:
        self.walk = self._walk = walk
        self.fields = [f for f in Field if f in fields]
        self.size = len(self.fields)
        self._encoded: dict[tuple[bool, bool, int], list[bytes]] = {}

    def frames(self, request_id: bytes, *, delayed: bool, lots: bool) -> bytes:
        """The frames for one line; `lots` for clients below server version 163, which count in hundreds."""
        key = (delayed, lots, len(request_id))
        pieces = self._encoded.get(key)
        if pieces is None:
            pieces = self._encoded[key] = self._pieces(delayed=delayed, lots=lots, id_length=len(request_id))
        return request_id.join(pieces)

    def _pieces(self, *, delayed: bool, lots: bool, id_length: int) -> list[bytes]:
        pieces = [b""]
        for field in self.fields:
            head, live_type, delayed_type = _TICKS[field]
            tick_type = delayed_type if delayed else live_type
            if tick_type is None:
                continue
            tail = f"{tick_type}\0{self._value(field, lots=lots)}\0".encode()
            length = len(head) + id_length + len(tail)
            pieces[-1] += length.to_bytes(4, "big") + head
            pieces.append(tail)
        return pieces if len(pieces) > 1 else []

    def _value(self, field: Field, *, lots: bool) -> str:
        walk = self._walk
        match field:
            case Field.BID | Field.ASK | Field.LAST:
                price = {Field.BID: walk.bid, Field.ASK: walk.ask, Field.LAST: walk.last}[field]
                size = self._size(_SIZE_OF[field], lots=lots)
                attributes = 0 if field is Field.LAST or price < 0 else _AUTO_EXECUTABLE
                return f"{walk.text(price)}\0{size}\0{attributes}"
            case Field.HIGH | Field.LOW | Field.CLOSE | Field.OPEN:
                prices = {
                    Field.HIGH: walk.high,
                    Field.LOW: walk.low,
                    Field.CLOSE: walk.close,
                    Field.OPEN: walk.open,
                }
                return f"{walk.text(prices[field])}\x000\x000"
            case Field.TIME:
                return str(walk.time)
            case Field.EXCHANGE:
                return "Q"
            case Field.HALTED:
                return "1" if walk.halted else "0"
            case _:
                return self._size(field, lots=lots)

    def _size(self, field: Field, *, lots: bool) -> str:
        walk = self._walk
        if field is Field.LAST_SIZE and not walk.instrument.has_volume:
            # The last price of an index has an empty size on a real gateway.
            return ""
        sizes = {
            Field.BID_SIZE: walk.bid_size,
            Field.ASK_SIZE: walk.ask_size,
            Field.LAST_SIZE: walk.last_size,
            Field.VOLUME: walk.volume,
        }
        shares = sizes[field]
        return str(shares // _SHARES_PER_LOT if lots and walk.instrument.sec_type == "STK" else shares)


def size_for(version: int, instrument: Instrument, size: int) -> int:
    """A size in the unit of a client's version: stocks in lots of a hundred below 163."""
    in_lots = version < SIZES_IN_SHARES and instrument.sec_type == "STK"
    return size // _SHARES_PER_LOT if in_lots else size
