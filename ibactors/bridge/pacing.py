"""The order and the pace in which messages leave for the gateway.

A gateway answers more than 50 messages a second with error 100 and closes the socket at the third offence, so that everything waits here
for its turn, where it is visible and where a request that nobody wants any more can be withdrawn before it was sent.
"""

from collections import deque
from collections.abc import Callable
from typing import NoReturn

import trio


class Outbox:
    """Messages waiting to be sent: urgent ones (cancels, orders) first, then in order of arrival, at most *rate* a second."""

    def __init__(self, rate: int) -> None:
        self._urgent: deque[str] = deque()
        self._normal: deque[str] = deque()
        self._sent: deque[float] = deque(maxlen=rate)
        self._filled = trio.Event()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._normal)

    def put(self, message: str, *, urgent: bool = False) -> None:
        """Queue *message* without waiting. Bounded by its users: one message for each line, request or account."""
        (self._urgent if urgent else self._normal).append(message)
        self._filled.set()

    def withdraw(self, prefix: str) -> bool:
        """Take back the message that starts with *prefix*; False when it has left already."""
        for message in self._normal:
            if message.startswith(prefix):
                self._normal.remove(message)
                return True
        return False

    async def run(self, write: Callable[[str], None]) -> NoReturn:
        """Hand each message to *write* when its turn has come."""
        while True:
            while not len(self):
                self._filled = trio.Event()
                await self._filled.wait()
            if len(self._sent) == self._sent.maxlen:
                await trio.sleep_until(self._sent[0] + 1.0)
            # Chosen after the wait: a cancel that came meanwhile goes first, and a withdrawn request is gone.
            queue = self._urgent or self._normal
            if queue:
                self._sent.append(trio.current_time())
                write(queue.popleft())
