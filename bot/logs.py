"""Logging: structured, to standard error, without secrets. Other libraries speak from WARNING up, whatever is set."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from bot.core.secret import mask_assignments
from bot.settings import LogSettings

OWN = ("bot", "handlers")
"""Loggers that follow `log.level`. Some libraries print whole payloads below WARNING, tokens and passwords included."""
_PATHS = re.compile(r"(/s/)[\w~-]+")
_KEYS = re.compile(r"([?&]k=)[\w~-]+")


def set_up_logging(settings: LogSettings) -> None:
    """Configure structlog and the standard library's logging, once a process."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exceptions(settings),
        mask_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(quiet)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(settings)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in OWN:
        logging.getLogger(name).setLevel(settings.level)


def quiet(record: logging.LogRecord) -> bool:
    """Whether a record may pass: our own, or a warning. Holds as well for libraries that set their own level."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in OWN


def mask(text: str) -> str:
    """A text without what opens a secret page or a report, and without what stands behind a password's label."""
    return mask_assignments(_KEYS.sub(r"\1***", _PATHS.sub(r"\1***", text)))


def mask_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog's processor that masks every value of an event, at any depth."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = _masked(value)
    return event


def _masked(value: Any) -> Any:
    match value:
        case str():
            return mask(value)
        case dict():
            return {key: _masked(part) for key, part in value.items()}
        case list() | tuple():
            return [_masked(part) for part in value]
        case int() | float() | bool() | None:
            return value
        case _:
            return mask(repr(value))


def _exceptions(settings: LogSettings) -> Any:
    """Tracebacks as data or as text; never with the values of variables."""
    if settings.format == "json":
        return structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
    return structlog.processors.format_exc_info


def _renderer(settings: LogSettings) -> Any:
    if settings.format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
