"""The client for asyncio and trio."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import httpx2

from ibactors_client import core
from ibactors_client.calls import Patience
from ibactors_client.core import Call
from ibactors_client.methods import Async
from ibactors_client.streams import QUIET, Event, Follower

T = TypeVar("T")


class AsyncClient(Async):
    """One service, for programs under asyncio or trio.

    `patience` is for how many seconds a read is tried again, `order_patience` for how many an order. Without `url` and `key` it takes
    IBACTORS_URL (else http://127.0.0.1:8000) and IBACTORS_API_KEY.
    """

    def __init__(
        self, url: str | None = None, *, key: str | None = None, patience: float = 30.0, order_patience: float = 60.0, **http: Any
    ) -> None:
        self._http = httpx2.AsyncClient(**core.options(url, key), **http)
        self.patience = Patience(read=patience, order=order_patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

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

    async def run(self, call: Call[T]) -> T:
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
