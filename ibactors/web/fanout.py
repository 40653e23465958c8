"""From the newest value of a symbol, or of the session's status, to all clients that want it.

What changed is noted once, however many want it, and each client looks there when it is its turn to write, so that all that is new for it
leaves in one write. What one packet of the gateway brought is written at its end, in the step that has read it: no turn of the event loop
lies between the gateway's socket and the clients'. What comes from elsewhere, or takes longer, is written by a task.
"""

from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, NoReturn, Protocol, TypeVar

import trio

from ibactors.actors.symbol import Failed
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.web.meters import Meters

T = TypeVar("T")
Subject = Topic[Any]
"""Its values are `Encoded`, `Failed` when it is over, or None while there is none."""
News = Mapping[Subject, Encoded[Any]]
"""What changed, and its newest value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """For how long the fan-out writes, and rests; in seconds."""

    turn: float = 0.005
    """After that, other tasks get their turn, and the round goes on in the fan-out's own task."""
    short: float = 0.0005
    """After a round longer than this the fan-out rests. Updates that arrive meanwhile are written together, which saves server and clients
    most of the writes and reads under load."""
    rest: float = 2.0
    """How many times as long as the round the rest is."""
    longest_rest: float = 0.005
    """Each client gets so much at most of what is newer than its newest: some 200 values of a symbol a second."""
    clock: Callable[[], float] = perf_counter


_PACE = Pace()


class Client(Protocol):
    """Who wants news."""

    wanted: dict[Subject, Hashable]
    """What it wants all news of, with its own key of each; for the fan-out to change."""

    def put(self, key: Hashable, value: Failed) -> None:
        """Take what ends one of them."""

    def flush(self, news: News) -> None:
        """Write what it wants of *news*, and whatever else it has to write, as far as that takes no waiting."""

    def fail(self, error: Exception) -> None:
        """Hear that `flush` has raised *error*."""


class _Audience:
    """Who wants a subject."""

    def __init__(self) -> None:
        self.clients: dict[Client, Hashable] = {}
        self.listening = ExitStack()


class Fanout:
    """Who wants what, and what is new.

    It is the bridge's `PacketObserver`: what is published within a packet is only noted, and `packet_ended` writes it to clients, in the
    task that reads from the gateway. Everything else is written by the task of `running`.
    """

    def __init__(self, meters: Meters, pace: Pace = _PACE) -> None:
        self._meters = meters
        self._pace = pace
        self._clock = pace.clock
        self._audiences: dict[Subject, _Audience] = {}
        self._news: dict[Subject, Encoded[Any]] = {}
        self._callers: dict[Client, None] = {}
        self._round_news: dict[Subject, Encoded[Any]] = {}
        self._round: list[Client] = []
        """Whose turn it still is in this round, the next one last."""
        self._took = 0.0
        self._rests_until = 0.0
        self._collecting = False
        self._called = trio.Event()

    @contextmanager
    def listening(self, subject: Topic[T], client: Client, key: Hashable) -> Iterator[T]:
        """Have *client* flushed with each new value of *subject* inside the block, the newest only. Yields the newest value."""
        audience = self._audiences.get(subject)
        if audience is None:
            audience = self._audiences[subject] = _Audience()
            audience.listening.enter_context(subject.listening(partial(self._publish, subject)))
        audience.clients[client] = client.wanted[subject] = key
        newest = subject.value
        if subject in self._round_news and isinstance(newest, Encoded):
            self._round_news[subject] = newest  # what was new when the round began is older than what the client is given now
        try:
            yield newest
        finally:
            del audience.clients[client], client.wanted[subject]
            if not audience.clients:
                audience.listening.close()
                del self._audiences[subject]
                self._forget(subject)

    def call(self, client: Client) -> None:
        """Have *client* flush soon, though there may be no news for it."""
        self._callers[client] = None
        self._wake()

    def packet_begins(self) -> None:
        """Only note what is new from here on."""
        self._collecting = True

    def packet_ended(self) -> None:
        """Write it, as far as that takes little time; the bridge calls this in its own task."""
        self._collecting = False
        if (self._news or self._callers) and (self._round or self._clock() < self._rests_until or not self._flush_some()):
            self._called.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The task runs inside the block."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run, name="web/fanout")
            yield
            nursery.cancel_scope.cancel(reason="nobody is left to write to")

    def _publish(self, subject: Subject, update: object) -> None:
        clients = self._audiences[subject].clients
        if isinstance(update, Encoded):
            if subject in self._news:
                self._meters.skips += len(clients)
            self._news[subject] = update
            self._wake()
        elif isinstance(update, Failed):
            self._forget(subject)
            for client, key in list(clients.items()):
                client.put(key, update)

    def _forget(self, subject: Subject) -> None:
        self._news.pop(subject, None)
        self._round_news.pop(subject, None)

    def _wake(self) -> None:
        if not self._collecting:
            self._called.set()

    async def _run(self) -> NoReturn:
        while True:
            await self._called.wait()
            self._called = trio.Event()
            await trio.sleep(max(self._rests_until - self._clock(), 0.0))
            while True:
                if self._flush_some():
                    break
                await trio.lowlevel.checkpoint()
            if self._news or self._callers:  # it was a packet's round that has been ended here
                self._called.set()

    def _flush_some(self) -> bool:
        """Go on with the round, or begin one, for one turn; tells whether it is over."""
        begun = present = self._clock()
        until = begun + self._pace.turn
        if not self._round:
            self._begin_round()
        while self._round:
            client = self._round.pop()
            try:
                client.flush(self._round_news)
            except Exception as exc:  # noqa: BLE001  # whatever it is, it is about this client
                client.fail(exc)
            present = self._clock()
            if present >= until:
                break
        self._took += present - begun
        if self._round:
            return False
        if self._took > self._pace.short:
            self._rests_until = present + min(self._pace.rest * self._took, self._pace.longest_rest)
        self._took = 0.0
        return True

    def _begin_round(self) -> None:
        self._round_news, self._news = self._news, {}
        clients: dict[Client, Hashable] = dict(self._callers)
        self._callers.clear()
        for subject in self._round_news:
            clients.update(self._audiences[subject].clients)
        self._round = list(clients)
        self._round.reverse()
