"""Logging: one pipe for our events (structlog), Hypercorn's and ib_async's records, as console lines or JSON on stderr.

An event is a name and fields. Account numbers are masked on the way out, so that no call site can forget it.
"""

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import Processor, WrappedLogger

# Frames without locals: those hold account data and, during a login, credentials.
_FRAMES_ONLY = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_ACCOUNT = re.compile(r"\b(DU|DF|U|F)(\d{3,})(\d{2})\b")


def configure(log_format: str = "", *, level: int = logging.INFO) -> None:
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
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    render: list[Any] = (
        [_FRAMES_ONLY, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render, mask_accounts]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # ib_async's client logs every attempt to connect at INFO and ERROR; the connection actor logs changes of state instead.
    logging.getLogger("ib_async.client").setLevel(logging.CRITICAL)
    logging.getLogger("hypercorn.error").setLevel(logging.WARNING)


def mask_accounts(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """Replace the digits of account numbers in a finished line, traceback and all, but the last two of each."""
    return _ACCOUNT.sub(lambda match: match[1] + "*" * len(match[2]) + match[3], str(line))
