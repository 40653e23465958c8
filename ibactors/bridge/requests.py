"""A request to the gateway that is answered by rows and an end, or by an error."""

from typing import Any

import trio

from ibactors.errors import IbactorsError


class Request:
    """A request with one end: rows collect until the end marker, an error, or the loss of the session."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.error: IbactorsError | None = None
        self.ended = trio.Event()

    def end(self, error: IbactorsError | None = None) -> None:
        self.error = self.error or error
        self.ended.set()
