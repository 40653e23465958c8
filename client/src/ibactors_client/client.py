"""The client for scripts and notebooks."""

import time
from collections.abc import Generator
from contextlib import closing
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from ibactors_client import core
from ibactors_client.calls import Patience
from ibactors_client.core import Call
from ibactors_client.methods import Sync
from ibactors_client.streams import QUIET, Event, Follower

T = TypeVar("T")


class Client(Sync):
    """One service, for scripts and notebooks, a running event loop or not.

    `patience` is for how many seconds a read is tried again, `order_patience` for how many an order. Without `url` and `key` it takes
    IBACTORS_URL (else http://127.0.0.1:8000) and IBACTORS_API_KEY.
    """

    def __init__(
        self, url: str | None = None, *, key: str | None = None, patience: float = 30.0, order_patience: float = 60.0, **http: Any
    ) -> None:
        self._http = httpx2.Client(**core.options(url, key), **http)
        self.patience = Patience(read=patience, order=order_patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def follow(self, follower: Follower) -> closing[Generator[Event, None, None]]:
        """Another stream; `follower.last_event_id` tells how far it is."""
        return closing(self._events(follower))

    def _events(self, follower: Follower) -> Generator[Event, None, None]:
        while True:
            request, headers = follower.request()
            pause = None
            try:
                with self._http.stream(
                    request.method, request.path, params=request.params, headers=headers, timeout=httpx2.Timeout(QUIET, connect=5)
                ) as response:
                    if response.status_code != 200 or "event-stream" not in response.headers.get("content-type", ""):
                        response.read()
                        pause = follower.refused(core.reply(response))
                    else:
                        for chunk in response.iter_bytes():
                            for event in follower.feed(chunk):
                                yield event
                why = "The service ended the stream."
            except core.LOST as exc:
                why = f"The connection to the service broke: {exc!r}."
            for event in follower.broke(why):
                yield event
            time.sleep(follower.pause() if pause is None else pause)

    def run(self, call: Call[T]) -> T:
        try:
            request = next(call)
            while True:
                if request.after:
                    time.sleep(request.after)
                try:
                    answer = self._sent(request)
                except core.LOST as exc:
                    request = call.throw(exc)
                else:
                    request = call.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    def _sent(self, request: core.Request) -> core.Reply:
        headers = {"Content-Type": "application/json"} if request.body is not None else {}
        response = self._http.request(request.method, request.path, params=request.params, content=request.body, headers=headers)
        return core.reply(response)
