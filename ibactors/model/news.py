"""News and scans as values."""

from typing import Literal

from ibactors.model.instruments import Named
from ibactors.model.times import Value


class NewsProvider(Value, frozen=True, kw_only=True):
    """Who writes news that this login may read."""

    code: str
    """IB's code, such as BRFG, as headlines have it."""
    name: str
    """As people call it."""


class PastHeadline(Value, frozen=True, kw_only=True):
    """One headline of the past (TWS message 86)."""

    time: str
    """When it was published."""
    provider: str
    """IB's code of who wrote it."""
    article_id: str
    """IB's id of the article."""
    headline: str
    """IB's text."""


class Article(Value, frozen=True, kw_only=True):
    """One article (TWS message 83)."""

    kind: Literal["text", "binary"]
    """`binary` is a PDF or the like, in base64."""
    text: str
    """The article: text or HTML as its provider wrote it, or base64."""


class Headline(Named, frozen=True, kw_only=True, tag_field="type", tag="headline"):
    """A headline about an instrument, as it comes in (TWS message 84)."""

    time: str
    """When it was published."""
    provider: str
    """IB's code of who wrote it."""
    article_id: str
    """IB's id of the article."""
    headline: str
    """IB's text."""
    extra: str | None
    """What IB says besides, such as its language."""
    sequence: int
    """Counts what is told of this instrument and choice of providers, gaps too."""
    timestamp: str
    """When it arrived from the gateway."""


class Bulletin(Value, frozen=True, kw_only=True, tag_field="type", tag="bulletin"):
    """What IB tells everybody (TWS message 14)."""

    bulletin_id: int
    """IB's number of it."""
    kind: Literal["regular", "exchange_unavailable", "exchange_available", "other"]
    """What it is about, as far as IB says."""
    text: str
    """IB's text."""
    exchange: str | None
    """Where it comes from."""
    sequence: int
    """Counts the bulletins that this service has seen, gaps too."""
    timestamp: str
    """When it arrived from the gateway."""


class ScanRow(Named, frozen=True, kw_only=True):
    """One place of a scan."""

    rank: int
    """0 is the first."""
    market_name: str | None
    """IB's name of the market that the instrument is of."""
    distance: str | None
    """These three are IB's texts, which few scans have."""
    benchmark: str | None
    """IB's text."""
    projection: str | None
    """IB's text."""


class Scan(Value, frozen=True, kw_only=True, tag_field="type", tag="scan"):
    """The whole of a scan as it is now."""

    instrument: str
    """The kind of instruments that were looked through, such as STK."""
    location: str
    """Where, such as STK.US.MAJOR."""
    code: str
    """What they are ranked by, such as TOP_PERC_GAIN."""
    rows: tuple[ScanRow, ...]
    """The best first."""
    timestamp: str
    """When it arrived from the gateway."""


class ScanStale(Value, frozen=True, kw_only=True, tag_field="type", tag="stale"):
    """A scan stopped: its newest rows must not be taken for current."""

    channel: Literal["scanner"] = "scanner"
    instrument: str
    """The kind of instruments that were looked through."""
    location: str
    """Where."""
    scan: str
    """What they are ranked by."""
    code: str
    """Why its data stopped, for programs."""
    reason: str
    """The same in words."""
    since: str
    """From when on what was shown is not current."""


class ScanInstrument(Value, frozen=True, kw_only=True):
    """A kind of instruments that scans look through."""

    code: str
    """What `instrument` of a scan takes."""
    name: str
    """As TWS shows it."""


class ScanLocation(Value, frozen=True, kw_only=True):
    """Where a scan looks."""

    code: str
    """What `location` of a scan takes."""
    name: str
    """As TWS shows it."""
    instruments: tuple[str, ...]
    """The kinds of instruments that it is for."""


class ScanCode(Value, frozen=True, kw_only=True):
    """What a scan ranks by."""

    code: str
    """What `code` of a scan takes."""
    name: str
    """As TWS shows it."""
    instruments: tuple[str, ...]
    """The kinds of instruments that it is for."""


class ScanFilter(Value, frozen=True, kw_only=True):
    """What a scan may leave out: `code` is what `filters` has."""

    code: str
    """What `filters` of a scan has before the equals sign."""
    name: str
    """As TWS shows it."""
    kind: str | None
    """IB's kind of the field; null where it names none."""


class ScannerParameters(Value, frozen=True, kw_only=True):
    """All that scans can be made of."""

    instruments: tuple[ScanInstrument, ...]
    """Kinds of instruments."""
    locations: tuple[ScanLocation, ...]
    """Places to look at."""
    scans: tuple[ScanCode, ...]
    """What to rank by."""
    filters: tuple[ScanFilter, ...]
    """What may be left out."""
