"""Equal questions are asked once: whoever asks while one is under way gets its answer with the others.

A `Shared` belongs to one actor and has no task of its own: each question runs as a child of the actor's incarnation, and is cancelled when
nobody waits for it any more. A refusal (IbactorsError) is everybody's answer; any other exception is a bug and crashes the actor.
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import trio

from ibactors.errors import IbactorsError
from ibactors.kernel.ref import Reply

T = TypeVar("T")


class Shared(Generic[T]):
    """The questions of one actor that are under way, by what makes them equal."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[Reply[T]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, nursery: trio.Nursery, name: str, key: Hashable, reply: Reply[T], work: Callable[[], Awaitable[T]]) -> None:
        """Have *reply* answered by what *work* returns or raises; it is begun in *nursery*, unless an equal one runs."""
        reply.defer()
        waiting = self._waiting.get(key)
        if waiting is not None:
            waiting[:] = [*(other for other in waiting if not other.settled), reply]
            return
        self._waiting[key] = [reply]
        nursery.start_soon(self._answer, key, work, name=name)

    async def _answer(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> None:
        waiting = self._waiting[key]
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_when_unwanted, key, waiting, nursery.cancel_scope)
                try:
                    answer = await work()
                except IbactorsError as exc:
                    for reply in self._closed(key, waiting):
                        reply.fail(exc)
                else:
                    for reply in self._closed(key, waiting):
                        reply.send(answer)
        finally:
            self._forget(key, waiting)

    def _closed(self, key: Hashable, waiting: list[Reply[T]]) -> list[Reply[T]]:
        """Those who wait; whoever comes from here on asks anew, as nobody joins what is being answered."""
        self._forget(key, waiting)
        return waiting

    def _forget(self, key: Hashable, waiting: list[Reply[T]]) -> None:
        if self._waiting.get(key) is waiting:
            del self._waiting[key]

    async def _cancel_when_unwanted(self, key: Hashable, waiting: list[Reply[T]], scope: trio.CancelScope) -> None:
        while (open_ones := [reply for reply in waiting if not reply.settled]) != []:
            await open_ones[0].over()
        # In the step that has found nobody: whoever came later would join a question that ends without an answer.
        self._forget(key, waiting)
        scope.cancel(reason="answered, or nobody waits for the answer")
