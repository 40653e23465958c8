"""The methods of both clients, from one list: a call becomes a method that returns what it ends with, or something to be awaited.

A method is written down once, in `calls.py`; the clients are what sends requests and waits.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import aclosing, closing
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, get_args, overload

from ibactors_client import calls
from ibactors_client.calls import Patience
from ibactors_client.core import Call
from ibactors_client.streams import Event, Follower

P = ParamSpec("P")
T = TypeVar("T")


class Method(Generic[P, T]):
    """A call as a method."""

    def __init__(self, call: Callable[Concatenate[Patience, P], Call[T]]) -> None:
        self._call = call
        signature = inspect.signature(call)
        returned = get_args(signature.return_annotation)[-1]  # of the generator that the call is
        self._signature = signature.replace(parameters=list(signature.parameters.values())[1:], return_annotation=returned)

    @overload
    def __get__(self, client: None, owner: object) -> Self: ...
    @overload
    def __get__(self, client: "Sync", owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: "Async", owner: object) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, client: Any, owner: object) -> Any:
        if client is None:
            return self

        def method(*arguments: P.args, **named: P.kwargs) -> Any:
            return client.run(self._call(client.patience, *arguments, **named))

        return _named(method, self._call, self._signature)


class Streamed(Generic[P]):
    """A stream as a method."""

    def __init__(self, call: Callable[P, Follower]) -> None:
        self._call = call
        self._signature = inspect.signature(call)

    @overload
    def __get__(self, client: None, owner: object) -> Self: ...
    @overload
    def __get__(self, client: "Sync", owner: object) -> Callable[P, closing[Generator[Event, None, None]]]: ...
    @overload
    def __get__(self, client: "Async", owner: object) -> Callable[P, aclosing[AsyncGenerator[Event, None]]]: ...
    def __get__(self, client: Any, owner: object) -> Any:
        if client is None:
            return self

        def method(*arguments: P.args, **named: P.kwargs) -> Any:
            return client.follow(self._call(*arguments, **named))

        return _named(method, self._call, self._signature)


def _named(method: Any, call: Any, signature: inspect.Signature) -> Any:
    """With the name, the words and the parameters that a notebook shows."""
    method.__name__, method.__doc__, method.__signature__ = call.__name__, call.__doc__, signature
    return method


class Methods:
    """What the service offers."""

    patience: Patience

    get = Method(calls.get_any)
    health = Method(calls.health)
    gateways = Method(calls.gateways)
    quote = Method(calls.quote)
    quotes = Method(calls.quotes)
    depth = Method(calls.depth)
    positions = Method(calls.positions)
    summary = Method(calls.summary)
    profit = Method(calls.profit)
    contracts = Method(calls.contracts)
    search = Method(calls.search)
    chain = Method(calls.chain)
    history = Method(calls.history)
    headlines = Method(calls.headlines)
    article = Method(calls.article)
    scan = Method(calls.scan)
    executions = Method(calls.executions)
    import_executions = Method(calls.import_executions)
    trading = Method(calls.trading)
    halt = Method(calls.halt)
    resume = Method(calls.resume)
    orders = Method(calls.orders)
    order = Method(calls.order)
    place_order = Method(calls.place_order)
    place_group = Method(calls.place_group)
    preview_order = Method(calls.preview_order)
    preview_change = Method(calls.preview_change)
    change_order = Method(calls.change_order)
    cancel_order = Method(calls.cancel_order)
    give_up_order = Method(calls.give_up_order)
    stream = Streamed(calls.stream)
    order_events = Streamed(calls.order_events)
    channels = Streamed(calls.channels)


class Sync(Methods):
    """A client that waits."""

    def run(self, call: Call[T]) -> T:
        """What a call ends with."""
        raise NotImplementedError

    def follow(self, follower: Follower) -> closing[Generator[Event, None, None]]:
        """Another stream; `follower.last_event_id` tells how far it is."""
        raise NotImplementedError


class Async(Methods):
    """A client that is awaited."""

    async def run(self, call: Call[T]) -> T:
        """What a call ends with."""
        raise NotImplementedError

    def follow(self, follower: Follower) -> aclosing[AsyncGenerator[Event, None]]:
        """Another stream; `follower.last_event_id` tells how far it is."""
        raise NotImplementedError
