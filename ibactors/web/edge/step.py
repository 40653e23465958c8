"""Runs an application in the task that has read the request, and tells when it first waits."""

from collections.abc import Callable, Coroutine, Generator
from types import TracebackType


class Step(Generator[object, object, None]):
    """Awaits a coroutine, with a call to *on_wait* each time that it waits, until that returns True.

    What never waits costs nothing more than a call. Task trees look through it, as it shows the coroutine's frame for its own.
    """

    def __init__(self, coroutine: Coroutine[object, object, None], on_wait: Callable[[], bool]) -> None:
        self._coroutine = coroutine
        self._on_wait: Callable[[], bool] | None = on_wait

    def __await__(self) -> Generator[object, object, None]:
        return self

    def send(self, value: object) -> object:
        waiting_for = self._coroutine.send(value)
        self._tell()
        return waiting_for

    def throw(self, kind: type[BaseException] | BaseException, _value: object = None, _traceback: TracebackType | None = None, /) -> object:
        waiting_for = self._coroutine.throw(kind if isinstance(kind, BaseException) else kind())
        self._tell()
        return waiting_for

    def __getattr__(self, name: str) -> object:
        """Of `cr_frame` and `cr_await`, by which trio finds what a task waits for, the coroutine's."""
        return getattr(self._coroutine, name)

    def _tell(self) -> None:
        if self._on_wait is not None and self._on_wait():
            self._on_wait = None
