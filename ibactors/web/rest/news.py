"""News over REST: who writes it, headlines of the past, articles; bulletins."""

import datetime as dt
from collections.abc import Hashable
from typing import Annotated, Any

import msgspec
import trio

from ibactors.actors.site import Site
from ibactors.bridge.news import MOST_HEADLINES, article, news_providers, news_time, past_headlines
from ibactors.errors import (
    ActorDown,
    ArticleNotFound,
    ContractAmbiguous,
    ContractNotFound,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    InvalidRequest,
    MailboxFull,
    NewsNotSubscribed,
)
from ibactors.keys import Scope
from ibactors.model.news import Article, Bulletin, NewsProvider, PastHeadline
from ibactors.model.times import whole
from ibactors.web.contract.providers import Providers, joined
from ibactors.web.contract.queries import InstrumentQuery, SymbolInPath, instrument_of
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.rest.quotes import RFC3339

HOUR = 3600.0
_PROBLEMS = (NewsNotSubscribed, ActorDown, GatewayDisconnected, GatewayRefused, GatewayTimeout, MailboxFull, InvalidRequest)
_Time = Annotated[str, msgspec.Meta(pattern=whole(RFC3339), description="Date, time and offset: 2026-11-22T15:10:02Z.")]


class NewsProviders(msgspec.Struct, frozen=True, kw_only=True):
    """Whose news the login may read."""

    providers: tuple[NewsProvider, ...]
    """As IB lists them."""


class HeadlinesQuery(InstrumentQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Headlines about one instrument."""

    symbol: SymbolInPath
    providers: Providers | None = None
    start: _Time | None = None
    end: _Time | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_HEADLINES, description="1 to 300.")] = 100


class Headlines(msgspec.Struct, frozen=True, kw_only=True):
    """Headlines, the newest first."""

    con_id: int
    symbol: str
    headlines: tuple[PastHeadline, ...]
    """The newest first."""
    more: bool
    """Whether there are older ones in that time: ask again with the last one's `time` as `end`."""


class ArticleQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One article."""

    provider: Annotated[
        str, msgspec.Meta(pattern=whole("[A-Za-z0-9_-]{1,20}"), description="The provider's code, as a headline has it.", examples=["BRFG"])
    ]
    article_id: Annotated[str, msgspec.Meta(pattern=whole("[A-Za-z0-9$._:-]{1,100}"), description="As a headline has it.")]


class Bulletins(msgspec.Struct, frozen=True, kw_only=True):
    """What IB has told everybody."""

    bulletins: tuple[Bulletin, ...]
    """The newest first: those of the day, and older ones that the service has seen."""


async def get_providers(call: Call[Nothing, Nothing]) -> NewsProviders:
    return NewsProviders(providers=await _providers(call.site, call.along.holder))


async def get_headlines(call: Call[HeadlinesQuery, Nothing]) -> Headlines:
    query, holder = call.query, call.along.holder
    found = await call.site.contracts.details(instrument_of(query.symbol, query), caller=holder)
    if len({contract.con_id for contract in found}) > 1:
        candidates = [{"con_id": contract.con_id, "exchange": contract.exchange} for contract in found[:50]]
        raise ContractAmbiguous(f"{len(found)} contracts fit {query.symbol}.", extra={"candidates": candidates})
    providers = joined(query.providers) or "+".join(row.code for row in await _providers(call.site, holder))
    spec = past_headlines(
        found[0].con_id,
        providers=providers,
        start=_moment("start", query.start),
        end=_moment("end", query.end),
        most=query.limit,
        caller=holder,
    )
    rows = await call.site.connection.request(spec)
    return Headlines(
        con_id=found[0].con_id,
        symbol=found[0].symbol,
        headlines=tuple(row for row in rows if isinstance(row, PastHeadline)),
        more=True in [row for row in rows if isinstance(row, bool)],
    )


async def get_article(call: Call[ArticleQuery, Nothing]) -> Article:
    query = call.query
    name, spec = f"article {query.provider} {query.article_id}", article(query.provider.upper(), query.article_id)
    rows = await call.site.contracts.answer(name, spec, lifetime=HOUR, caller=call.along.holder)
    if not rows:
        raise ArticleNotFound("IB sent no such article.")
    return rows[0]


async def get_bulletins(call: Call[Nothing, Nothing]) -> Bulletins:
    site = call.site
    session = site.connection.sessions.value
    if not session.current:
        raise GatewayDisconnected(session.reason or "There is no session with the gateway.")
    await trio.lowlevel.checkpoint()
    return Bulletins(bulletins=tuple(reversed(site.bulletins.known)))


async def _providers(site: Site, holder: str) -> tuple[NewsProvider, ...]:
    rows = await site.contracts.answer("news providers", news_providers(), lifetime=HOUR, caller=holder)
    return rows[0] if rows else ()


def _moment(field: str, text: str | None) -> str:
    if text is None:
        return ""
    try:
        return news_time(int(dt.datetime.fromisoformat(text.upper().replace(" ", "+")).timestamp()))
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{text!r} is no time of any calendar.", field=field) from None


def _providers_asked(_call: object) -> str:
    return "news providers"


def _news_of(call: Call[Any, Nothing]) -> Hashable:
    return "news", call.query


OPERATIONS = (
    Operation(
        method="GET",
        path="/news/providers",
        handle=get_providers,
        asks=_providers_asked,
        summary="Whose news the login may read",
        tag="News",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=NewsProviders,
        problems=_PROBLEMS,
    ),
    Operation(
        method="GET",
        path="/news/headlines/{symbol}",
        handle=get_headlines,
        asks=_news_of,
        summary="Headlines about one instrument",
        tag="News",
        scope=Scope.READ,
        query=HeadlinesQuery,
        body=Nothing,
        returns=Headlines,
        rows=Rows(of=PastHeadline, member="headlines"),
        problems=(ContractNotFound, ContractAmbiguous, *_PROBLEMS),
    ),
    Operation(
        method="GET",
        path="/news/articles/{provider}/{article_id}",
        handle=get_article,
        asks=_news_of,
        summary="One article",
        tag="News",
        scope=Scope.READ,
        query=ArticleQuery,
        body=Nothing,
        returns=Article,
        problems=(ArticleNotFound, *_PROBLEMS),
    ),
    Operation(
        method="GET",
        path="/news/bulletins",
        handle=get_bulletins,
        summary="What IB tells everybody",
        tag="News",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=Bulletins,
        rows=Rows(of=Bulletin, member="bulletins"),
        problems=(GatewayDisconnected,),
        description="Such as that an exchange does not work. The channel `bulletins` of the stream tells each as it comes in.",
    ),
)
