"""News and scans as values."""

from typing import Literal

from ibactors.model.instruments import Named
from ibactors.model.times import Value


class NewsProvider(Value, frozen=True, kw_only=True):
    """Who writes news that this login may read."""

    code: str
    name: str


class PastHeadline(Value, frozen=True, kw_only=True):
    """One headline of the past (TWS message 86)."""

    time: str
    provider: str
    article_id: str
    headline: str


class Article(Value, frozen=True, kw_only=True):
    """One article (TWS message 83)."""

    kind: Literal["text", "binary"]
    """`binary` is a PDF or the like, in base64."""
    text: str


class Headline(Named, frozen=True, kw_only=True, tag_field="type", tag="headline"):
    """A headline about an instrument, as it comes in (TWS message 84)."""

    time: str
    """When it was published."""
    provider: str
    article_id: str
    headline: str
    extra: str | None
    """What IB says besides, such as its language."""
    sequence: int
    timestamp: str
    """When it arrived from the gateway."""


class Bulletin(Value, frozen=True, kw_only=True, tag_field="type", tag="bulletin"):
    """What IB tells everybody (TWS message 14)."""

    id: int
    kind: Literal["regular", "exchange_unavailable", "exchange_available", "other"]
    text: str
    exchange: str | None
    sequence: int
    timestamp: str
    """When it arrived from the gateway."""


class ScanRow(Named, frozen=True, kw_only=True):
    """One place of a scan."""

    rank: int
    """0 is the first."""
    market_name: str | None
    distance: str | None
    """These three are IB's texts, which few scans have."""
    benchmark: str | None
    projection: str | None


class Scan(Value, frozen=True, kw_only=True, tag_field="type", tag="scan"):
    """The whole of a scan as it is now."""

    instrument: str
    location: str
    code: str
    rows: tuple[ScanRow, ...]
    timestamp: str
    """When it arrived from the gateway."""


class ScanStale(Value, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """A scan stopped: its newest rows must not be taken for current."""

    channel: Literal["scanner"] = "scanner"
    instrument: str
    location: str
    scan: str
    code: str
    reason: str
    since: str


class ScanInstrument(Value, frozen=True, kw_only=True):
    """A kind of instruments that scans look through."""

    code: str
    name: str


class ScanLocation(Value, frozen=True, kw_only=True):
    """Where a scan looks."""

    code: str
    name: str
    instruments: tuple[str, ...]


class ScanCode(Value, frozen=True, kw_only=True):
    """What a scan ranks by."""

    code: str
    name: str
    instruments: tuple[str, ...]


class ScanFilter(Value, frozen=True, kw_only=True):
    """What a scan may leave out: `code` is what `filters` has."""

    code: str
    name: str
    kind: str | None


class ScannerParameters(Value, frozen=True, kw_only=True):
    """All that scans can be made of."""

    instruments: tuple[ScanInstrument, ...]
    locations: tuple[ScanLocation, ...]
    scans: tuple[ScanCode, ...]
    filters: tuple[ScanFilter, ...]
