"""News: providers, headlines, articles, bulletins, and headlines as ticks of a line.

Every stock gets a headline every few hours, made from its name and the hour; therefore the same question has the same answer on every run.
Articles are plain text.
"""

import datetime as dt
import zlib
from collections.abc import Iterator, Mapping

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.messages import connection as messages
from ibactors.sim.request import Request, invalid
from ibactors.sim.session import Session
from ibactors.sim.wire.datetimes import parse
from ibactors.sim.wire.frames import FieldReader, frame

_PROVIDERS = {"BRFG": "Briefing.com General Market Columns", "BRFUPDN": "Briefing.com Analyst Actions", "DJ-N": "Dow Jones News"}
_EVENTS = (
    "reports results in line with expectations",
    "names a new head of operations",
    "opens a plant ahead of schedule",
    "extends its buyback programme",
    "settles a dispute with a supplier",
    "raises its outlook for the year",
)
_HOURS_APART = 4
_MAX_HEADLINES = 300
_REACH_DAYS = 60
_PLAIN_TEXT = 0
_EXTRA = "K:n/a"
_NOT_ALLOWED = "News feed is not allowed."
_UNKNOWN_ARTICLE = "Failed to request news article:No data available"


def _headlines(instrument: Instrument, start: dt.datetime, end: dt.datetime) -> Iterator[tuple[dt.datetime, str, str, str]]:
    """Time, provider, article id and text between two moments, newest first."""
    step = _HOURS_APART * 3600
    number = int(end.timestamp()) // step
    while number * step >= start.timestamp():
        yield _headline(instrument, number)
        number -= 1


def _headline(instrument: Instrument, number: int) -> tuple[dt.datetime, str, str, str]:
    chance = zlib.crc32(f"{instrument.con_id}:{number}".encode())
    provider = list(_PROVIDERS)[chance % len(_PROVIDERS)]
    when = dt.datetime.fromtimestamp(number * _HOURS_APART * 3600, dt.UTC)
    text = f"{instrument.long_name} {_EVENTS[chance // 7 % len(_EVENTS)]}"
    return when, provider, f"{provider}${instrument.con_id:x}-{number:x}", text


def headline_tick(request_id: int, instrument: Instrument, now: dt.datetime) -> bytes:
    """Encode the newest headline as tickNews (84)."""
    when, provider, article, text = next(_headlines(instrument, now - dt.timedelta(days=1), now))
    return frame(84, request_id, int(when.timestamp() * 1000), provider, article, text, _EXTRA)


def _news_providers(session: Session, _: FieldReader) -> None:
    session.send(frame(85, len(_PROVIDERS), *(x for row in _PROVIDERS.items() for x in row)))


def _historical_news(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    con_id, wanted = fields.integer(), fields.text().replace(",", "+").split("+")
    start_text, end_text, count = fields.text(), fields.text(), fields.integer()
    instrument = session.gateway.catalogue.by_con_id.get(con_id)
    if instrument is None:
        invalid(session, request_id, f"Unknown contract id {con_id}")
        return
    if not set(wanted) & set(_PROVIDERS):
        session.error(request_id, 10276, _NOT_ALLOWED)
        return
    now = session.gateway.now()
    try:
        end = min(now, _moment(end_text)) if end_text.strip() else now
        start = _moment(start_text) if start_text.strip() else now - dt.timedelta(days=_REACH_DAYS)
    except ValueError as wrong:
        invalid(session, request_id, str(wrong))
        return
    start = max(start, now - dt.timedelta(days=_REACH_DAYS))
    found = [h for h in _headlines(instrument, start, end) if h[1] in wanted]
    limit = max(0, min(count, _MAX_HEADLINES))
    for when, provider, article, text in found[:limit]:
        session.send(frame(86, request_id, f"{when:%Y-%m-%d %H:%M:%S}.0", provider, article, text))
    session.send(frame(87, request_id, len(found) > limit))


def _moment(text: str) -> dt.datetime:
    """A moment as news requests have it, `2024-12-23 19:45:00.0`, or in any other form."""
    try:
        return dt.datetime.strptime(text.strip().partition(".")[0], "%Y-%m-%d %H:%M:%S").replace(tzinfo=dt.UTC)
    except ValueError:
        return parse(text, "UTC")


def _news_article(session: Session, fields: FieldReader) -> None:
    request_id = fields.identifier()
    provider, article = fields.text(), fields.text()
    if provider not in _PROVIDERS:
        session.error(request_id, 10276, _NOT_ALLOWED)
        return
    name, _, rest = article.partition("$")
    con_id, _, number = rest.partition("-")
    try:
        instrument = session.gateway.catalogue.by_con_id.get(int(con_id, 16))
        found = _headline(instrument, int(number, 16)) if instrument is not None and name == provider else None
    except (ValueError, OverflowError, OSError):
        found = None
    if found is None or found[2] != article:
        session.error(request_id, 10172, _UNKNOWN_ARTICLE)
        return
    when, _, _, text = found
    session.send(frame(83, request_id, _PLAIN_TEXT, f"{text}. Simulated, {when:%d %B %Y %H:%M} UTC."))


def _subscribe_bulletins(session: Session, fields: FieldReader) -> None:
    fields.version()
    every = fields.flag()
    session.wants_bulletins = True
    if every:
        for number, text in enumerate(session.gateway.bulletins, start=1):
            session.send(messages.news_bulletin(number, text))


def _cancel_bulletins(session: Session, _: FieldReader) -> None:
    session.wants_bulletins = False


REQUESTS: Mapping[int, Request] = {
    12: Request(name="reqNewsBulletins", handle=_subscribe_bulletins),
    13: Request(name="cancelNewsBulletins", handle=_cancel_bulletins),
    84: Request(name="reqNewsArticle", handle=_news_article),
    85: Request(name="reqNewsProviders", handle=_news_providers),
    86: Request(name="reqHistoricalNews", handle=_historical_news),
}
