"""Structured logs: JSON lines on standard error, or coloured text on a terminal.

No tokens, no session ids, no message text: callers log ids of things and counts. The renderers escape values, so
that nobody can write a line of their own into the log.
"""

import logging
import sys

import structlog
from aiohttp.http_exceptions import HttpProcessingError


def set_up_logs(level: str) -> None:
    """Send structlog and the standard library's loggers the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    on_terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer()
    )
    # Without local variables: they hold payloads and tokens.
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    exceptions: list[structlog.typing.Processor] = [] if on_terminal else [tracebacks]
    structlog.configure(
        processors=[*shared, *exceptions, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *exceptions, renderer],
        )
    )
    handler.addFilter(_is_ours)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Engine.IO and Socket.IO log packets, with their text, at INFO, and sids in errors: none of that may appear.
    for name in ("engineio", "socketio", "engineio.server", "socketio.server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _is_ours(record: logging.LogRecord) -> bool:
    """Leave out aiohttp's reports of malformed requests: they quote the request, which may hold a token."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)
