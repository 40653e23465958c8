"""The order and the pace in which messages leave for the gateway.

A gateway answers more than 50 messages a second with error 100 and closes the socket at the third offence, so that everything waits here
for its turn, where it is visible and where a request that nobody wants any more can be withdrawn before it was sent. Orders and cancels go
first; the other kinds of request take turns, and within a kind the callers for whom they are, so that a burst of one kind or of one
caller, such as searches for unknown symbols, cannot starve the rest.
"""

import itertools
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import NoReturn, Protocol

import trio

RATE = 45
"""Messages a window at most; the gateway allows 50 a second."""
WINDOW = 1.2
"""Seconds over which we count. The gateway counts over one, but as it reads: a burst that it read late and the next one, read at once,
must not fall into one of its seconds."""
PAUSE = 1.0
"""Seconds of rest after a complaint."""


MOST_OPENINGS = 36
"""Messages of orders and changes that wait. At half the pace, beside others, the last of them still leaves within its two seconds."""
MOST_WAITING = 5_000
"""Requests that wait; it takes two minutes to send them."""
MOST_URGENT = 10_000
"""Messages that release something at the gateway. None of them may be lost: when there are more, the session ends, which releases all."""


_Waiting = tuple[str, int | None]
"""A message and its key."""


class Leaving(Protocol):
    """Messages that belong together, and decide in the step of the write whether they are sent."""

    @property
    def messages(self) -> Collection[str]:
        """What would be sent."""
        ...

    def leave(self) -> tuple[str, ...]:
        """The messages, to be written in this step and as one; none when it must not be sent any more."""


class Outbox:
    """Messages waiting to be sent, at most *rate* in any second."""

    def __init__(self, rate: int) -> None:
        self._urgent: deque[str] = deque()
        self._orders: deque[Leaving] = deque()
        self._cancels: deque[Leaving] = deque()
        self.on_overflow: Callable[[str], None] = _ignore
        """Called when more urgent messages wait than are kept; nothing is sent after that."""
        self._order_was_last = False
        self._kinds: dict[str, dict[str, deque[_Waiting]]] = {}
        """By kind and caller; whose turn it is comes first, and there are no empty ones."""
        self._rate = rate
        self._sent: deque[float] = deque(maxlen=rate)
        self._not_before = 0.0
        self._filled = trio.Event()
        self._write: Callable[..., None] | None = None
        """There while `run` waits for something to send."""

    def __len__(self) -> int:
        others = sum(len(waiting) for callers in self._kinds.values() for waiting in callers.values())
        return len(self._urgent) + len(self._orders) + len(self._cancels) + others

    @property
    def openings(self) -> int:
        """Messages of orders and changes that wait: a bracket is one for each member."""
        return sum(len(frame.messages) for frame in self._orders)

    @property
    def endings(self) -> int:
        """Messages that end orders and wait."""
        return len(self._cancels)

    def put(self, message: str, *, kind: str, caller: str = "", key: int | None = None, urgent: bool = False) -> None:
        """Queue *message* without waiting; kinds take turns, and callers within a kind. *key* withdraws it.

        *urgent* is for what releases something at the gateway.
        """
        if urgent:
            self._urgent.append(message)
            if len(self._urgent) > MOST_URGENT:
                self.on_overflow(f"{MOST_URGENT} messages that release something at the gateway wait to be sent.")
        else:
            self._kinds.setdefault(kind, {}).setdefault(caller, deque()).append((message, key))
        self._filled.set()

    def put_order(self, frame: Leaving, *, ends: bool = False) -> None:
        """Queue a message about an order. They go first, but take turns with the rest, so that a flood of them cannot starve a probe.

        What *ends* an order goes before what begins or changes one. It is queued only once nothing else of its own order waits.
        Where nothing at all waits, and the pace allows it, it leaves before this returns.
        """
        (self._cancels if ends else self._orders).append(frame)
        if self._write is not None and len(self) == 1 and self._due() <= trio.current_time():
            self._leave(self._write)
        else:
            self._filled.set()

    @property
    def orders(self) -> Iterable[Leaving]:
        """Messages about orders that wait."""
        return itertools.chain(self._cancels, self._orders)

    def take_orders(self, fits: Callable[[Leaving], bool]) -> list[Leaving]:
        """Take back those that *fits*: none of their bytes was or will be written."""
        taken = [frame for frame in self.orders if fits(frame)]
        self._orders = deque(frame for frame in self._orders if not fits(frame))
        self._cancels = deque(frame for frame in self._cancels if not fits(frame))
        return taken

    def withdraw(self, key: int) -> bool:
        """Take back what was put by *key*; False when it has left already. A cancel must never overtake its request."""
        for kind, callers in self._kinds.items():
            for caller, waiting in callers.items():
                for entry in waiting:
                    if entry[1] == key:
                        waiting.remove(entry)
                        self._drop_empty(kind, caller)
                        return True
        return False

    def pause(self) -> None:
        """Send nothing for a while, because the gateway complained about the pace (error 100)."""
        self._not_before = trio.current_time() + PAUSE

    async def run(self, write: Callable[..., None]) -> NoReturn:
        """Hand each message to *write* when its turn has come; several at once where they belong together."""
        while True:
            while not len(self):
                self._filled, self._write = trio.Event(), write
                try:
                    await self._filled.wait()
                finally:
                    self._write = None
            await trio.sleep_until(self._due())
            if self._due() > trio.current_time():
                continue  # what came meanwhile is more than one message
            # Chosen after the wait: a cancel that came meanwhile goes first, and a withdrawn request is gone.
            self._leave(write)

    def _leave(self, write: Callable[..., None]) -> None:
        messages = self._next()
        if messages:
            self._sent.extend([trio.current_time()] * len(messages))
            write(*messages)

    def _due(self) -> float:
        """When all messages of the frame that is next may leave; any other is one message."""
        frame = next(iter(self.orders), None)
        count = 1 if frame is None else max(1, len(frame.messages))
        over = min(len(self._sent) + count - self._rate, len(self._sent))
        return max(self._not_before, self._sent[over - 1] + WINDOW if over > 0 else 0.0)

    def _next(self) -> tuple[str, ...]:
        if not self._order_was_last and (messages := self._next_order()):
            self._order_was_last = True
            return messages
        self._order_was_last = False
        return self._next_other() or self._next_order()

    def _next_order(self) -> tuple[str, ...]:
        while self._cancels or self._orders:
            messages = (self._cancels or self._orders).popleft().leave()
            if messages:
                return messages
        return ()

    def _next_other(self) -> tuple[str, ...]:
        if self._urgent:
            return (self._urgent.popleft(),)
        if not self._kinds:
            return ()
        kind, callers = next(iter(self._kinds.items()))
        caller, waiting = next(iter(callers.items()))
        message, _ = waiting.popleft()
        # The kind and the caller whose turn it was go to the end of their lines.
        self._kinds[kind] = self._kinds.pop(kind)
        callers[caller] = callers.pop(caller)
        self._drop_empty(kind, caller)
        return (message,)

    def _drop_empty(self, kind: str, caller: str) -> None:
        if not self._kinds[kind][caller]:
            del self._kinds[kind][caller]
        if not self._kinds[kind]:
            del self._kinds[kind]


def _ignore(_reason: str) -> None:
    """Nobody listens yet."""
