"""Market scans: what they can be made of, one look, and one that IB repeats every half minute."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Protocol
from xml.etree import ElementTree as ET  # see parameters_of

from ib_async.contract import TagValue
from ib_async.objects import ScannerSubscription

from ibactors.bridge import codes
from ibactors.bridge.answers import SCANNER_PARAMETERS
from ibactors.bridge.codes import Verdict
from ibactors.bridge.contracts import price_of
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.subscriptions import FedSubscription, SubscriptionListener
from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import GatewayRefused, IbactorsError, TooManyScans
from ibactors.model.news import ScanCode, ScanFilter, ScanInstrument, ScanLocation, ScannerParameters, ScanRow
from ibactors.model.times import Value

MOST_ROWS = 50
_NOTHING, _CANCELLED, _UNPROCESSABLE = 165, 162, 322
_WIDTH = 16
_LARGEST = 2**31 - 1
_MOST_LISTED = 5000


class ScanTerms(Value, frozen=True, kw_only=True):
    """What is looked for, in IB's words."""

    instrument: str
    location: str
    code: str
    above_price: float | None = None
    below_price: float | None = None
    above_volume: int | None = None
    market_cap_above: float | None = None
    market_cap_below: float | None = None
    filters: tuple[tuple[str, str], ...] = ()
    limit: int = MOST_ROWS

    @property
    def name(self) -> str:
        """Short and unique."""
        given = {name: getattr(self, name) for name in self.__struct_fields__ if name not in {"instrument", "location", "code", "filters"}}
        usual = dict.fromkeys(given) | {"limit": MOST_ROWS}
        terms = {name: value for name, value in given.items() if value != usual[name]} | dict(self.filters)
        return ":".join([self.instrument, self.location, self.code, *(f"{name}={value}" for name, value in terms.items())])


def _judge(code: int, text: str) -> IbactorsError | Verdict:
    """165 says that nothing fits or, before the rows, that more do; 162 that a scan was cancelled; and both many other things."""
    lower = text.lower()
    if code in (_NOTHING, _CANCELLED) and ("no items retrieved" in lower or "subscription cancelled" in lower):
        return Verdict.END
    if code == _NOTHING and "items retrieved" in lower:
        return Verdict.NOTICE
    if code in (_NOTHING, _CANCELLED):
        return GatewayRefused(f"IB answered with error {code}: {text.strip()}", ib_code=code)
    if code == _UNPROCESSABLE and "scanner" in lower:
        return TooManyScans(f"IB answered with error {code}: {text.strip()}", ib_code=code)
    return codes.judge(code, text)


def _send(terms: ScanTerms) -> Callable[[GatewayClient, int], None]:
    wanted = ScannerSubscription(numberOfRows=terms.limit, instrument=terms.instrument, locationCode=terms.location, scanCode=terms.code)
    given = {
        "abovePrice": terms.above_price,
        "belowPrice": terms.below_price,
        "aboveVolume": terms.above_volume,
        "marketCapAbove": terms.market_cap_above,
        "marketCapBelow": terms.market_cap_below,
    }
    for name, value in given.items():
        if value is not None:
            setattr(wanted, name, value)
    filters = [TagValue(tag, value) for tag, value in terms.filters]

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqScannerSubscription(request_id, wanted, [], filters)

    return send


def _cancel(client: GatewayClient, request_id: int) -> None:
    client.cancelScannerSubscription(request_id)


def one_scan(terms: ScanTerms, *, caller: str = "") -> RequestSpec[tuple[ScanRow, ...]]:
    """What fits now (messages 22, 20 and 23), all in one row; no row where nothing does. Raises TooManyScans."""
    return RequestSpec(
        to=f"scan for {terms.code}",
        kind="scans",
        send=_send(terms),
        raw=scan_rows,
        cancel=_cancel,
        goes_on=True,
        judge=_judge,
        caller=caller,
    )


def scan_rows(fields: list[str]) -> tuple[ScanRow, ...]:
    """The rows of message 20. Raises ValueError or IndexError."""
    count = int(fields[3])
    if not 0 <= count <= MOST_ROWS or len(fields) < 4 + count * _WIDTH:
        raise ValueError(f"{len(fields)} fields are not {count} rows of a scan")
    return tuple(_row(fields[n : n + _WIDTH]) for n in range(4, 4 + count * _WIDTH, _WIDTH))


def _row(fields: list[str]) -> ScanRow:
    names = [shown(field, LONGEST_NAME) or None for field in fields]
    return ScanRow(
        rank=_whole(fields[0]),
        con_id=_whole(fields[1]),
        symbol=names[2],
        sec_type=names[3],
        expiry=names[4],
        strike=price_of(fields[5] or "0") or None,
        right=names[6],
        exchange=names[7],
        currency=names[8],
        local_symbol=names[9],
        market_name=names[10],
        trading_class=names[11],
        distance=names[12],
        benchmark=names[13],
        projection=names[14],
    )


def _whole(text: str) -> int:
    number = int(text)
    if not abs(number) <= _LARGEST:
        raise ValueError(f"{text[:20]!r} is out of range")
    return number


@dataclass(frozen=True, slots=True)
class ArrivedScan:
    """The whole of a scan, and the Unix time of its arrival."""

    rows: tuple[ScanRow, ...]
    arrived: float


class ScanListener(SubscriptionListener, Protocol):
    """Who hears of a scan; each method returns at once."""

    def told(self, value: ArrivedScan) -> None:
        """The whole of it."""


class ScanLine(FedSubscription[ScanListener]):
    """A scan that IB repeats (messages 22, 20 and 23)."""

    kind: ClassVar[str] = "scans"
    what: ClassVar[str] = "a scan"
    is_market_data: ClassVar[bool] = False

    def __init__(self, terms: ScanTerms, listener: ScanListener, *, caller: str = "") -> None:
        super().__init__(None, listener, caller=caller)
        self._send = _send(terms)
        self._rows: tuple[ScanRow, ...] | None = None

    def request(self, client: GatewayClient, request_id: int) -> None:
        self._send(client, request_id)

    def cancel(self, client: GatewayClient, request_id: int) -> None:
        _cancel(client, request_id)

    def judge(self, code: int, text: str) -> IbactorsError | Verdict:
        if code == _NOTHING and "no items retrieved" in text.lower():
            self.listener.told(ArrivedScan((), time.time()))  # nothing fits now, and something may later
            return Verdict.NOTICE
        return _judge(code, text)

    def take(self, fields: list[str]) -> None:
        self._rows = scan_rows(fields)

    def forget(self) -> None:
        self._rows = None

    def packet_done(self, arrived: float) -> None:
        self._served = True
        if self._rows is not None:
            rows, self._rows = self._rows, None
            self.listener.told(ArrivedScan(rows, arrived))


def scanner_document() -> RequestSpec[str]:
    """What scans can be made of, as XML of a megabyte or two (messages 24 and 19)."""

    def send(client: GatewayClient, _request_id: int) -> None:
        client.reqScannerParameters()

    def row(text: str) -> str:
        return text

    return RequestSpec(
        to="tell the scanner's parameters", kind="scans", send=send, rows={"scannerParameters": row}, name=SCANNER_PARAMETERS, timeout=30.0
    )


@lru_cache(maxsize=1)  # there is one document for everybody
def parameters_of(document: str) -> ScannerParameters:
    """The document's lists; takes a while, so not for the event loop. Raises GatewayRefused."""
    try:
        # Entities could grow without bound; IB's document has none, and no declaration of a type.
        if "<!doctype" in document.lower():
            raise ValueError("it declares a type")
        root = ET.fromstring(document)  # noqa: S314
        return ScannerParameters(
            instruments=tuple(
                ScanInstrument(code=_text(found, "type"), name=_text(found, "name")) for found in _found(root, "InstrumentList/Instrument")
            ),
            locations=tuple(
                ScanLocation(code=_text(found, "locationCode"), name=_text(found, "displayName"), instruments=_listed(found))
                for found in _found(root, "LocationTree", "Location")
            ),
            scans=tuple(
                ScanCode(code=_text(found, "scanCode"), name=_text(found, "displayName"), instruments=_listed(found))
                for found in _found(root, "ScanTypeList/ScanType")
            ),
            filters=tuple(
                ScanFilter(code=_text(found, "code"), name=_text(found, "displayName"), kind=found.get("type"))
                for found in _found(root, "FilterList", "AbstractField")
            ),
        )
    except (ET.ParseError, ValueError) as exc:
        raise GatewayRefused("The gateway sent scanner parameters that cannot be read.") from exc


def _found(root: ET.Element, path: str, below: str = "") -> list[ET.Element]:
    """All at a path, or all of a name below it, however deep."""
    found = [inner for outer in root.findall(path) for inner in outer.iter(below)] if below else root.findall(path)
    return found[:_MOST_LISTED]


def _text(element: ET.Element, name: str) -> str:
    return shown(element.findtext(name) or "")


def _listed(element: ET.Element) -> tuple[str, ...]:
    return tuple(part.strip() for part in (element.findtext("instruments") or "")[:4000].split(",") if part.strip())
