"""What one API client has asked for and what it is told: handlers of requests work on this.

Nothing here waits: answers are posted to the outbox, and the connection's writer sends them.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from ibactors.sim.gateway import Gateway
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.messages import connection as messages
from ibactors.sim.orders.desk import Desk
from ibactors.sim.wire.outbox import Outbox


class Line(Protocol):
    """A market data line, as the session and the control port see it."""

    request_id: int
    instrument: Instrument

    def refresh(self) -> None:
        """Send every value."""

    def end(self) -> None:
        """Stop for good and free the line."""

    def die(self) -> None:
        """Send nothing more, though the client believes it subscribed."""

    def turn(self, *, delayed: bool) -> None:
        """Go over from live to delayed data or back."""

    def tell_competing(self) -> None:
        """Report that another session of the user has the data."""


class Repeating(Protocol):
    """A subscription that sends again, every few seconds, what has changed."""

    def repeat(self) -> None:
        """Send the changes since the last time."""


class Stream(Protocol):
    """A subscription that sends on its own until it is ended: bars, ticks by tick, depth, a scanner."""

    @property
    def instrument(self) -> Instrument | None:
        """What it is about, None for a scanner."""

    def end(self) -> None:
        """Stop for good; does nothing if it is over already."""


class Session:
    """One client that has started the API."""

    def __init__(
        self,
        gateway: Gateway,
        orders: Desk,
        outbox: Outbox,
        tasks: trio.Nursery,
        hang_up: Callable[[], None],
        reset: Callable[[], None],
        *,
        version: int,
        client_id: int,
    ) -> None:
        self.gateway = gateway
        self.orders = orders
        self.version = version
        self.client_id = client_id
        self.market_data_type = 1
        self.lines: dict[int, Line] = {}
        self.repeating: dict[tuple[str, int], Repeating] = {}
        self.streams: dict[tuple[str, int], Stream] = {}
        self.wants_bulletins = False
        self.next_search = -math.inf
        self.hang_up = hang_up
        self._reset = reset
        self.is_severed = False
        self._started = trio.current_time()
        self._outbox = outbox
        self._tasks = tasks
        self._stale: dict[int, Line] = {}

    @property
    def has_room(self) -> bool:
        """Whether the client keeps up with what is sent to it."""
        return self._outbox.has_room

    def send(self, data: bytes) -> None:
        """Post one answer frame, unless the script has other plans for it."""
        self.gateway.script.outgoing(self, data)

    def post(self, data: bytes) -> None:
        """Put a frame into the outbox, past the script."""
        if not self.is_severed:
            self.gateway.counters.sent += 1
            self._outbox.post(data)

    @property
    def sees_no_orders(self) -> bool:
        """Whether the gateway has not loaded the orders yet, and lists none to a client that came so early."""
        return trio.current_time() - self._started < self.gateway.quirks.loading_s

    def sever(self) -> None:
        """Reset the connection once what was posted is out; what is posted from now on is lost."""
        if self.is_severed:
            return
        self.is_severed = True

        async def cut() -> None:
            await self._outbox.drained()
            self._reset()

        self.start(cut, name=f"sim:client {self.client_id} severed")

    def error(self, request_id: int, code: int, text: str) -> None:
        """Post an errMsg; request id -1 is a notice about the connection."""
        self.send(messages.error(self.version, request_id, code, text))

    def send_ticks(self, line: Line, data: bytes, *, count: int) -> None:
        """Post `count` ticks of a line, or note that the line is behind when the client is slow."""
        if line.request_id in self._stale or not self._outbox.post_ticks(data):
            self._stale[line.request_id] = line
        else:
            self.gateway.counters.sent += count

    def send_if_room(self, data: bytes) -> None:
        """Post a frame of a stream, or leave it out when the client is behind: a newer one will follow."""
        if self._outbox.post_ticks(data):
            self.gateway.counters.sent += 1

    def repeat(self) -> None:
        """Let every account subscription send what has changed, unless the client is behind already."""
        if self._outbox.has_room:
            for subscription in tuple(self.repeating.values()):
                subscription.repeat()

    def catch_up(self) -> None:
        """Send the newest values of the lines that were behind."""
        stale, self._stale = self._stale, {}
        for line in stale.values():
            line.refresh()

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Call `act` after a delay unless the session has ended by then."""

        async def wait() -> None:
            await trio.sleep(delay_s)
            act()

        self.start(wait, name=f"sim:client {self.client_id} delayed answer")

    def start(self, task: Callable[[], Awaitable[None]], *, name: str) -> None:
        """Run a task until it returns or the session ends."""
        self._tasks.start_soon(task, name=name)

    def end_stream(self, kind: str, request_id: int) -> bool:
        """End a stream; returns whether there was one, as far as the client is told."""
        stream = self.streams.pop((kind, request_id), None)
        if stream is not None:
            stream.end()
        return stream is not None and not self.gateway.faults.cancels_too_late

    def lose_data(self) -> None:
        """End all lines and streams; the client is not told here."""
        for line in tuple(self.lines.values()):
            line.end()
        for stream in tuple(self.streams.values()):
            stream.end()
        self.streams.clear()
