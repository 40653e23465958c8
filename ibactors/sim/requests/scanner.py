"""The market scanner (22, 23, 24): what can be asked, and the instruments that rank first, again every half minute."""

from collections.abc import Callable, Mapping
from typing import NoReturn

import trio

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.market import Market
from ibactors.sim.request import Request, cancel_of, invalid, unprocessable
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader, frame

REPEAT_S = 30.0
_MAX_ROWS = 50
_MAX_SCANS = 10
_KIND = "scanner"
_LOCATIONS = {"STK.US.MAJOR": "Listed/NASDAQ", "STK.US": "US Stocks", "STK.NASDAQ": "NASDAQ", "STK.NYSE": "NYSE"}


def _gain(market: Market, instrument: Instrument) -> float:
    return market.mark(instrument) / market.walk(instrument).close_price - 1


# Scan code: its name on the screen, and what it ranks by, highest first.
_SCANS: dict[str, tuple[str, Callable[[Market, Instrument], float]]] = {
    "TOP_PERC_GAIN": ("Top % Gainers", _gain),
    "TOP_PERC_LOSE": ("Top % Losers", lambda market, i: -_gain(market, i)),
    "MOST_ACTIVE": ("Most Active", lambda market, i: market.walk(i).volume),
    "HOT_BY_VOLUME": ("Hot Contracts by Volume", lambda market, i: market.walk(i).volume / i.price),
    "MOST_ACTIVE_USD": ("Most Active ($)", lambda market, i: market.walk(i).volume * market.mark(i)),
}


class Scan:
    """One subscription to one ranking."""

    def __init__(self, session: Session, request_id: int, code: str, stocks: list[Instrument], rows: int) -> None:
        self.instrument = None
        self._session = session
        self._request_id = request_id
        self._rank = _SCANS[code][1]
        self._stocks = stocks
        self._rows = rows
        self._scope = trio.CancelScope()

    def end(self) -> None:
        """Stop."""
        self._scope.cancel(reason="the client cancelled its scanner")

    async def run(self) -> None:
        """Send the ranking now and every half minute."""
        with self._scope:
            await self._send_forever()

    async def _send_forever(self) -> NoReturn:
        while True:
            market = self._session.gateway.market
            ranking = sorted(self._stocks, key=lambda i: (-self._rank(market, i), i.symbol))[: self._rows]
            self._session.send_if_room(_scanner_data(self._request_id, ranking))
            await trio.sleep(REPEAT_S)


def _scanner_data(request_id: int, ranking: list[Instrument]) -> bytes:
    fields: list[str | int] = [20, 3, request_id, len(ranking)]
    for rank, i in enumerate(ranking):
        fields += [rank, i.con_id, i.symbol, i.sec_type, "", "0", "", "SMART", i.currency]
        fields += [i.local_symbol, i.market_name, i.trading_class, "", "", "", ""]
    return frame(*fields)


def _subscribe(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    rows = fields.integer(-1)
    instrument, location, code = fields.text(), fields.text(), fields.text()
    above, below = fields.number(), fields.number(1e12)
    if (_KIND, request_id) in session.streams:
        unprocessable(session, request_id, "Duplicate ticker id")
    elif code not in _SCANS or location not in _LOCATIONS or not instrument.startswith(("STK", "STOCK", "ETF")):
        text = f"Historical Market Data Service query message:no items retrieved for {instrument[:20]}/{location[:20]}/{code[:30]}"
        session.error(request_id, 165, text)
    elif rows == 0 or rows < -1:
        invalid(session, request_id, "Number of rows must be positive")
    elif sum(kind == _KIND for kind, _ in session.streams) >= _MAX_SCANS:
        session.error(request_id, 322, "Error processing request.-'bQ' : cause - Max number of scanner subscriptions has been reached")
    else:
        highest = below if below < 1e12 and below > 0 else 1e12
        primary = location.rpartition(".")[2]
        stocks = [
            i
            for i in session.gateway.catalogue.by_con_id.values()
            if i.sec_type == "STK" and primary in ("US", "MAJOR", i.primary_exchange) and _between(above, i.price, highest)
        ]
        scan = Scan(session, request_id, code, stocks, _MAX_ROWS if rows < 0 else min(rows, _MAX_ROWS))
        session.streams[_KIND, request_id] = scan
        session.start(scan.run, name=f"sim:client {session.client_id} scanner")


def _between(lowest: float, price: float, highest: float) -> bool:
    # Clients send the largest double for a bound that is not set.
    return (lowest > 1e300 or lowest <= price) and price <= highest


def _parameters(session: Session, _: FieldReader) -> None:
    session.send(frame(19, 1, _XML))


def _xml() -> str:
    locations = "".join(
        f"<Location><displayName>{name}</displayName><locationCode>{code}</locationCode></Location>" for code, name in _LOCATIONS.items()
    )
    scans = "".join(
        f"<ScanType><displayName>{name}</displayName><scanCode>{code}</scanCode><instruments>STK</instruments></ScanType>"
        for code, (name, _) in _SCANS.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ScanParameterResponse>'
        '<InstrumentList varName="instrumentList"><Instrument><name>US Stocks</name><type>STK</type></Instrument></InstrumentList>'
        f'<LocationTree varName="locationTree">{locations}</LocationTree>'
        f'<ScanTypeList varName="scanTypeList">{scans}</ScanTypeList></ScanParameterResponse>'
    )


_XML = _xml()

REQUESTS: Mapping[int, Request] = {
    22: Request(name="reqScannerSubscription", handle=_subscribe),
    23: cancel_of(_KIND, "cancelScannerSubscription"),
    24: Request(name="reqScannerParameters", handle=_parameters),
}
