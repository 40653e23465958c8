"""The client for asyncio and trio."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import httpx2

from ibactors_client import calls, core
from ibactors_client.core import Call, History, Param, Progress
from ibactors_client.models import Chain, Contract, Figure, Health, Position, Quote
from ibactors_client.orders import Order, Preview, Side
from ibactors_client.problems import Problem
from ibactors_client.streams import QUIET, Event, Follower
from ibactors_client.tables import Rows

T = TypeVar("T")


class AsyncClient:
    """One service, for programs under asyncio or trio.

    `patience` is for how many seconds a read is tried again, `order_patience` for how many an order. Without `url` and `key` it takes
    IBACTORS_URL (else http://127.0.0.1:8000) and IBACTORS_API_KEY.
    """

    def __init__(
        self, url: str | None = None, *, key: str | None = None, patience: float = 30.0, order_patience: float = 60.0, **http: Any
    ) -> None:
        self._http = httpx2.AsyncClient(**core.options(url, key), **http)
        self._patience = patience
        self._order_patience = order_patience

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def health(self) -> Health:
        return await self._run(calls.health(self._patience))

    async def quote(self, symbol: str, **contract: Param) -> Quote:
        """As in `GET /market/quote/{symbol}`; so are the members of `contract`."""
        return await self._run(calls.quote(symbol, contract, self._patience))

    async def quotes(self, *symbols: str, **contract: Param) -> dict[str, Quote | Problem]:
        """What can be had, and for the rest the Problem in its place, not raised."""
        return await self._run(calls.quotes(symbols, contract, self._patience))

    async def positions(self, account: str | None = None) -> Rows[Position]:
        return await self._run(calls.positions(account, self._patience))

    async def summary(self, account: str | None = None) -> dict[str, Figure]:
        return await self._run(calls.summary(account, self._patience))

    async def contracts(self, symbol: str, **contract: Param) -> Rows[Contract]:
        return await self._run(calls.contracts(symbol, contract, self._patience))

    async def chain(self, symbol: str, **contract: Param) -> Chain:
        return await self._run(calls.chain(symbol, contract, self._patience))

    async def history(self, symbol: str, *, bar: str = "1d", progress: Progress | None = None, **query: Param) -> History:
        """All bars from `start` on, whatever number of pages that takes; without `start` one page, the newest ones.

        `query` has the parameters of `GET /history/bars/{symbol}`. `progress` is told of each page.
        """
        where = core.path("/history/bars/{}", symbol)
        return await self._run(core.history(where, {"bar": bar, **query}, self._patience, progress))

    async def orders(self, status: str = "open", account: str | None = None) -> Rows[Order]:
        return await self._run(calls.orders(status, account, self._patience))

    async def order(self, order_id: str) -> Order:
        return await self._run(calls.order(order_id, self._patience))

    async def place_order(
        self,
        instrument: str | Mapping[str, Any],
        side: Side,
        quantity: float | None,
        *,
        type: str,  # noqa: A002 (the service's word)
        time_in_force: str = "day",
        client_order_id: str | None = None,
        **terms: Any,
    ) -> Order:
        """Places it at most once, and asks until the answer is definite. Raises OutcomeUnknown where it is not, which is no failure.

        Without a `client_order_id` one is made before the first attempt; a program that must be able to ask again after its own end
        makes it with `new_order_id` and writes it down first. `terms` are those of `POST /orders`, such as `limit_price`.
        """
        body = calls.order_terms(instrument, side, quantity, type, time_in_force, terms)
        return await self._run(calls.place(body, client_order_id or calls.new_order_id(), self._order_patience))

    async def preview_order(
        self,
        instrument: str | Mapping[str, Any],
        side: Side,
        quantity: float | None,
        *,
        type: str,  # noqa: A002 (the service's word)
        time_in_force: str = "day",
        **terms: Any,
    ) -> Preview:
        """What it would do; places nothing."""
        return await self._run(calls.preview(calls.order_terms(instrument, side, quantity, type, time_in_force, terms), self._patience))

    async def change_order(self, order_id: str, *, change_id: str | None = None, **changes: Any) -> Order:
        """Makes the change at most once. Raises OutcomeUnknown as `place_order` does."""
        return await self._run(calls.change(order_id, changes, change_id or calls.new_order_id(), self._order_patience))

    async def cancel_order(self, order_id: str) -> Order:
        """Has the service cancel it, which it repeats while the order lives; see the `status` of the answer."""
        return await self._run(calls.cancel(order_id, self._order_patience))

    async def give_up_order(self, client_order_id: str) -> Order | None:
        """Cancels the order with this id; None where there is none and never will be."""
        return await self._run(calls.give_up(client_order_id, self._order_patience))

    def stream(self, *symbols: str, **contract: Param) -> aclosing[AsyncGenerator[Event, None]]:
        """Live quotes, with `Stale` as soon as they are not current, over broken connections until the block ends."""
        return self.follow(calls.quote_stream(symbols, contract))

    def order_events(self, *, account: str | None = None, after: str | None = None) -> aclosing[AsyncGenerator[Event, None]]:
        """What happens to orders, each event once; `after` is the `cursor` of the last one that is known."""
        return self.follow(calls.order_stream(account, after))

    def channels(self, *channels: str, **query: Param) -> aclosing[AsyncGenerator[Event, None]]:
        """Any channels of `GET /stream`."""
        return self.follow(Follower("/stream", {"channels": ",".join(channels), **query}))

    def follow(self, follower: Follower) -> aclosing[AsyncGenerator[Event, None]]:
        """Another stream; `follower.last_event_id` tells how far it is."""
        return aclosing(self._events(follower))

    async def _events(self, follower: Follower) -> AsyncGenerator[Event, None]:
        while True:
            request, headers = follower.request()
            pause = None
            try:
                async with self._http.stream(
                    request.method, request.path, params=request.params, headers=headers, timeout=httpx2.Timeout(QUIET, connect=5)
                ) as response:
                    if response.status_code != 200 or "event-stream" not in response.headers.get("content-type", ""):
                        await response.aread()
                        pause = follower.refused(core.reply(response))
                    else:
                        async with aclosing(response.aiter_bytes()) as chunks:
                            async for chunk in chunks:
                                for event in follower.feed(chunk):
                                    yield event  # noqa: ASYNC119 (`follow` closes it with `aclosing`)
                why = "The service ended the stream."
            except core.LOST as exc:
                why = f"The connection to the service broke: {exc!r}."
            for event in follower.broke(why):
                yield event
            await anyio.sleep(follower.pause() if pause is None else pause)

    async def _run(self, call: Call[T]) -> T:
        try:
            request = next(call)
            while True:
                if request.after:
                    await anyio.sleep(request.after)
                try:
                    answer = await self._sent(request)
                except core.LOST as exc:
                    request = call.throw(exc)
                else:
                    request = call.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _sent(self, request: core.Request) -> core.Reply:
        headers = {"Content-Type": "application/json"} if request.body is not None else {}
        response = await self._http.request(request.method, request.path, params=request.params, content=request.body, headers=headers)
        return core.reply(response)
