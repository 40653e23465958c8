"""What the gateway is asked about news: providers, headlines of the past, articles; and headlines and bulletins as they come in."""

import datetime as dt
from typing import Any, ClassVar, Protocol

from ib_async.contract import Contract
from ib_async.objects import NewsProvider as IbProvider

from ibactors.bridge import codes
from ibactors.bridge.answers import NEWS_PROVIDERS
from ibactors.bridge.codes import Verdict
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.subscriptions import FedSubscription, SubscriptionListener
from ibactors.bridge.texts import LONGEST_NAME, document, shown, unescaped
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import ArticleNotFound, IbactorsError, NewsNotSubscribed
from ibactors.model.instruments import ContractInfo, Instrument
from ibactors.model.news import Article, NewsProvider, PastHeadline
from ibactors.model.times import rfc3339

MOST_HEADLINES = 300
_NOT_ALLOWED, _NO_ARTICLE = 10276, 10172
_MEANINGS: dict[int, type[IbactorsError] | Verdict] = {
    _NOT_ALLOWED: NewsNotSubscribed,
    _NO_ARTICLE: ArticleNotFound,
}
_LONGEST_ID, _LONGEST_HEADLINE = 100, 1000
_LONGEST_ARTICLE = 2_000_000
"""Characters; those that are documents in base64 have some hundred thousand."""
_MOST_PROVIDERS = 200
_TEXT = 0
_BULLETINS = {1: "regular", 2: "exchange_unavailable", 3: "exchange_available"}
_HEADLINES = "mdoff,292"
"""Headlines alone: without quotes."""


def _judge(code: int, text: str) -> IbactorsError | Verdict:
    return codes.judge(code, text, _MEANINGS)


def news_providers() -> RequestSpec[tuple[NewsProvider, ...]]:
    """Whose news the login may read (messages 85 both ways), all in one row."""

    def send(client: GatewayClient, _request_id: int) -> None:
        client.reqNewsProviders()

    def rows(found: list[IbProvider]) -> tuple[NewsProvider, ...]:
        return tuple(NewsProvider(code=shown(row.code, LONGEST_NAME), name=shown(row.name)) for row in found[:_MOST_PROVIDERS])

    return RequestSpec(
        to="list its news providers", kind="news", send=send, rows={"newsProviders": rows}, name=NEWS_PROVIDERS, judge=_judge
    )


def past_headlines(con_id: int, *, providers: str, start: str, end: str, most: int, caller: str = "") -> RequestSpec[PastHeadline | bool]:
    """Headlines, the newest first, and as the last row whether there are more (messages 86 and 87); providers joined by `+`."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqHistoricalNews(request_id, con_id, providers, start, end, most, "")

    def row(_request_id: int, time: str, provider: str, article_id: str, headline: str) -> PastHeadline:
        return PastHeadline(
            time=_past_time(time),
            provider=shown(provider, LONGEST_NAME),
            article_id=shown(article_id, _LONGEST_ID),
            headline=shown(unescaped(headline), _LONGEST_HEADLINE),
        )

    def last(_request_id: int, more: bool) -> bool:  # noqa: FBT001  # ib_async's
        return more

    return RequestSpec(
        to="send headlines",
        kind="news",
        caller=caller,
        send=send,
        rows={"historicalNews": row, "historicalNewsEnd": last},
        most_rows=1000,
        judge=_judge,
    )


def article(provider: str, article_id: str) -> RequestSpec[Article]:
    """One article (messages 84 out, 83 in). Raises ArticleNotFound, NewsNotSubscribed."""

    def send(client: GatewayClient, request_id: int) -> None:
        client.reqNewsArticle(request_id, provider, article_id, "")

    def row(_request_id: int, kind: int, text: str) -> Article:
        if len(text) > _LONGEST_ARTICLE:
            raise ValueError("the article is too long")
        return Article(kind="text" if kind == _TEXT else "binary", text=document(text))

    return RequestSpec(to="send an article", kind="news", send=send, rows={"newsArticle": row}, judge=_judge)


def _past_time(text: str) -> str:
    """`2024-12-23 19:45:00.0`, in UTC. Raises ValueError."""
    return rfc3339(dt.datetime.strptime(text.partition(".")[0], "%Y-%m-%d %H:%M:%S").replace(tzinfo=dt.UTC).timestamp())


def news_time(seconds: int) -> str:
    """A time as requests for headlines have it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S.0")


class NewsListener(SubscriptionListener, Protocol):
    """Who hears of headlines or bulletins; each method returns at once."""

    def told(self, value: dict[str, Any]) -> None:
        """The members of one, with `timestamp`."""


class NewsLine(FedSubscription[NewsListener]):
    """Headlines about one instrument, as they come in (messages 1, 2 and 84). It takes a market-data line."""

    kind: ClassVar[str] = "news"
    what: ClassVar[str] = "a headline"

    def __init__(
        self,
        contract: ContractInfo,
        listener: NewsListener,
        *,
        providers: str,
        origin: Instrument,
        proven: bool = False,
        caller: str = "",
    ) -> None:
        super().__init__(origin, listener, proven=proven, caller=caller)
        self._contract = Contract(conId=contract.con_id, exchange=contract.exchange)
        self._providers = providers
        self._new: list[dict[str, Any]] = []

    def request(self, client: GatewayClient, request_id: int) -> None:
        wanted = f"{_HEADLINES}:{self._providers}" if self._providers else _HEADLINES
        client.reqMktData(request_id, self._contract, wanted, snapshot=False, regulatorySnapshot=False, mktDataOptions=[])

    def cancel(self, client: GatewayClient, request_id: int) -> None:
        client.cancelMktData(request_id)

    def judge(self, code: int, text: str) -> IbactorsError | Verdict:
        return _judge(code, text)

    def take(self, fields: list[str]) -> None:
        self._new.append(
            {
                "time": rfc3339(int(fields[2]) / 1000),
                "provider": shown(fields[3], LONGEST_NAME),
                "article_id": shown(fields[4], _LONGEST_ID),
                "headline": shown(unescaped(fields[5]), _LONGEST_HEADLINE),
                "extra": shown(fields[6]) or None,
            }
        )

    def forget(self) -> None:
        self._new.clear()

    def packet_done(self, arrived: float) -> None:
        self._served = True
        new, self._new = self._new, []
        for members in new:
            self.listener.told(members | {"timestamp": rfc3339(arrived)})


class BulletinLine(FedSubscription[NewsListener]):
    """Bulletins: those of the day, and each as it comes in (messages 12, 13 and 14). There is one such subscription for a session."""

    kind: ClassVar[str] = "news"
    what: ClassVar[str] = "a bulletin"
    unnumbered: ClassVar[str | None] = "14"

    def __init__(self, listener: NewsListener) -> None:
        super().__init__(None, listener)
        self._new: list[dict[str, Any]] = []

    def request(self, client: GatewayClient, _request_id: int) -> None:
        client.reqNewsBulletins(allMsgs=True)

    def cancel(self, client: GatewayClient, _request_id: int) -> None:
        client.cancelNewsBulletins()

    def take(self, fields: list[str]) -> None:
        self._new.append(
            {
                "bulletin_id": int(fields[2]),
                "kind": _BULLETINS.get(int(fields[3]), "other"),
                "text": shown(unescaped(fields[4]), _LONGEST_HEADLINE),
                "exchange": shown(fields[5], LONGEST_NAME) or None,
            }
        )

    def forget(self) -> None:
        """What has been told is not taken back by a break."""

    def packet_done(self, arrived: float) -> None:
        self._served = True
        new, self._new = self._new, []
        for members in new:
            self.listener.told(members | {"timestamp": rfc3339(arrived)})
