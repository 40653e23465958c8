"""One thread's event loop for thousands of sockets: selectors, without the cost of a task per socket."""

import selectors
import socket
import time
from collections.abc import Callable


class Loop:
    """Callbacks by socket."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._parked: dict[socket.socket, Callable[[int], None]] = {}

    def add(self, stream: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        self._selector.register(stream, events, callback)

    def set(self, stream: socket.socket, events: int) -> None:
        """Wait for other events; 0 for none."""
        if stream in self._parked:
            if events:
                self._selector.register(stream, events, self._parked.pop(stream))
            return
        key = self._selector.get_key(stream)
        if not events:
            self._parked[stream] = self._selector.unregister(stream).data
        elif key.events != events:
            self._selector.modify(stream, events, key.data)

    def remove(self, stream: socket.socket) -> None:
        if self._parked.pop(stream, None) is None:
            self._selector.unregister(stream)

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Turn for some seconds, or until something is true; tells whether it became so."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if until is not None and until():
                return True
            for key, events in self._selector.select(min(left, 0.05)):
                if key.fileobj.fileno() >= 0:
                    key.data(events)
        return False
