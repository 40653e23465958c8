"""The actor behind `contracts.py`: answers from memory, or asks the connection once for all who want the same.

It holds nothing that IB would not tell again. What it keeps is bounded in rows, the least recently used going first.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.contracts import ContractsRef, Look, Question
from ibactors.errors import ContractNotFound, IbactorsError
from ibactors.kernel.actor import Actor
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.sharing import Shared
from ibactors.kernel.turns import Turns
from ibactors.model.news import Article

MOST_ROWS = 20_000
"""Rows that are kept, each question counting as one more: some 20 MB of details."""
MOST_UNKNOWN = 1000
"""Questions that IB could not answer, of which each is kept for a moment."""
UNKNOWN_LIFETIME = 10.0
"""Seconds. Long enough for a client that tries again in a loop, short enough for one that waits for a listing."""
SEARCH_PAUSE = 1.0
MOST_SEARCHES, MOST_SEARCHES_EACH = 100, 20
"""That wait for their turn; more are refused with 503. Nobody waits longer than `Ref.ask_limit` anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    answer: tuple[Any, ...] | IbactorsError
    until: float
    weight: int


class Cache:
    """Answers by question, for a time, and in all at most *most* rows."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self.weight = 0

    def get(self, key: Hashable) -> tuple[Any, ...] | IbactorsError | None:
        """The answer, if it still holds."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.until <= trio.current_time():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.answer

    def put(self, key: Hashable, answer: tuple[Any, ...] | IbactorsError, lifetime: float) -> None:
        """Keep it, in place of what was used longest ago."""
        self._drop(key)
        weight = 1 + (sum(map(_weight, answer)) if isinstance(answer, tuple) else 0)
        self._entries[key] = _Entry(answer=answer, until=trio.current_time() + lifetime, weight=weight)
        self.weight += weight
        while self.weight > self._most:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.weight -= entry.weight


def _weight(row: object) -> int:
    """In rows of a usual size, a thousand octets."""
    return 1 + (len(row.text) // 1000 if isinstance(row, Article) else 0)


class ContractsActor(Actor[Look, None]):
    """One incarnation: it begins with an empty memory."""

    mailbox_size = 1024  # one ask per request in the web layer; more are refused with 503

    def __init__(self, ref: ContractsRef, connection: ConnectionRef) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._known = Cache(MOST_ROWS)
        self._unknown = Cache(MOST_UNKNOWN)
        self._shared: Shared[tuple[Any, ...]] = Shared()
        self._searches = Turns("contracts", pause=SEARCH_PAUSE, most=MOST_SEARCHES, most_each=MOST_SEARCHES_EACH)

    async def run(self, mailbox: Mailbox[Look, None]) -> None:
        self.nursery.start_soon(self._searches.run, name=f"actor:{self.ref.name}/searches")
        await self.serve(mailbox)

    async def handle(self, msg: Look) -> None:
        key = msg.question.key
        answer = self._known.get(key)
        if answer is None:
            answer = self._unknown.get(key)
        if isinstance(answer, IbactorsError):
            msg.reply.fail(answer)
        elif answer is not None:
            msg.reply.send(answer)
        else:
            self._shared.join(
                self.nursery,
                f"actor:{self.ref.name}/{msg.question.specs[-1].to}",
                key,
                msg.reply,
                lambda: self._ask(msg.question, msg.caller),
            )

    async def _ask(self, question: Question, caller: str) -> tuple[Any, ...]:
        if question.in_turn:
            await self._searches.turn(caller)
        rows: tuple[Any, ...] = ()
        try:
            for spec in question.specs:
                rows = await self._connection.request(replace(spec, caller=caller))
        except ContractNotFound as exc:
            self._unknown.put(question.key, exc, UNKNOWN_LIFETIME)
            raise
        self._known.put(question.key, rows, question.lifetime if rows else UNKNOWN_LIFETIME)
        self._me.kept = self._known.weight
        return rows


def contracts_builder(ref: ContractsRef, connection: ConnectionRef) -> Callable[[], ContractsActor]:
    """Makes incarnations of the actor."""
    return lambda: ContractsActor(ref, connection)
