"""Logging: one pipe for our events (structlog), Hypercorn's and ib_async's records, as console lines or JSON on stderr.

An event is a name and fields. Account numbers are masked on the way out, so that no call site can forget it.
"""

import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from ibactors.inside.tracebacks import render, trace_of
from ibactors.limits import Rate, RateLimit

_ACCOUNT = re.compile(r"(?<![A-Z0-9])(D?[UFI][A-Z]{0,2}|d?u[a-z]?)(\d{3,})(\d{2})([A-Z]{0,2})(?![A-Za-z0-9])")
"""U1234567, DU1234567, DUH123456, FA1234567, I1234567, U1234567C, …

A small letter before it may be the end of an escape sequence, as in a line of JSON.
"""
LINES = Rate(5.0, 200)
"""Lines of one event."""
_FLOODING = frozenset({"debug", "info", "warning"})
_CAUSED_BY_OTHERS = ("ibactors.bridge", "ibactors.actors", "ibactors.web")
_CHANGES = ("ibactors.actors.connection_actor", "ibactors.actors.gateway")


def configure(log_format: str = "", *, level: str = "info") -> None:
    """Set up logging for the process; *log_format* is `console`, `json` or empty for whichever fits stderr."""
    as_json = log_format == "json" or (not log_format and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, Floods(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    render: list[Any] = (
        [_structured_exception, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False, exception_formatter=_write_exception)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render, mask_accounts]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # ib_async's client logs every attempt to connect at INFO and ERROR; the connection actor logs changes of state instead.
    logging.getLogger("ib_async.client").setLevel(logging.CRITICAL)
    logging.getLogger("hypercorn.error").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.INFO)
    # trio-asyncio logs what fails in a callback and raises it as well: whoever supervises the loop tells of it, once.
    logging.getLogger("asyncio").filters = [lambda record: not record.getMessage().startswith("Exception in callback")]


class Floods:
    """Lets each event of what others may cause pass so often only, so that no gateway and no client can fill a disk.

    What was left out is counted in the next line of that event, as `left_out`. Errors pass, and the audit log, which bounds itself.
    """

    def __init__(self, rate: Rate = LINES, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = RateLimit(rate)
        self._clock = clock
        self._left_out: Counter[str] = Counter()

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        name = str(event.get("event"))
        if method not in _FLOODING or not str(event.get("logger", "")).startswith(_CAUSED_BY_OTHERS):
            return event
        if not self._limit.take(name, self._clock()).allowed:
            self._left_out[name] += 1
            raise structlog.DropEvent
        left_out = self._left_out.pop(name, 0)
        return {**event, "left_out": left_out} if left_out else event


def show_errors() -> None:
    """Log errors only, until `show_changes`: for a command that is about to say itself how things are."""
    logging.getLogger().setLevel(logging.ERROR)


def show_changes() -> None:
    """Log what is wrong, and what changes the state of the session or of the login."""
    logging.getLogger().setLevel(logging.WARNING)
    for name in _CHANGES:
        logging.getLogger(name).setLevel(logging.INFO)


def mask_accounts(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """Replace the digits of account numbers in a finished line, traceback and all, but the last two of each."""
    return masked(str(line))


def masked(text: str) -> str:
    """The text with all digits of account numbers but the last two replaced."""
    return _ACCOUNT.sub(lambda match: match[1] + "*" * len(match[2]) + match[3] + match[4], text)


def _structured_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """In a JSON line an exception is an object: type, message, notes, frames without locals, causes, members of a group."""
    given = event.pop("exc_info", None)
    exception = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(exception, BaseException):
        event["exception"] = msgspec.to_builtins(trace_of(exception))
    return event


def _write_exception(output: TextIO, exc_info: ExcInfo) -> None:
    output.write("\n" + render(trace_of(exc_info[1])).rstrip())
