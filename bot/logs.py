"""Logging: structured, to standard error, without secrets. Other libraries speak from WARNING up, whatever is set."""

import logging
import re
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from typing import Any

import structlog

from bot.core.secret import mask_assignments
from bot.core.visible import visible
from bot.settings import LogSettings

OWN = ("bot", "handlers")
"""Loggers that follow `log.level`. Some libraries print whole payloads below WARNING, tokens and passwords included."""
_PATHS = re.compile(r"(/(?:s|m365)/)[\w~-]+")
_KEYS = re.compile(r"([?&](?:k|code|state|token|ticket)=)[^&\s\"']+")
_USERS = re.compile(r"(://[^/\s:@]*:)[^/\s]*(?=@)")


def of_case(case: str) -> AbstractContextManager[None]:
    """Every line that is logged within, also by tasks that are begun within, carries this case's id."""
    return structlog.contextvars.bound_contextvars(case=case)


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
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
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
    logging.captureWarnings(capture=True)  # otherwise they are lines of another form
    for name in OWN:
        logging.getLogger(name).setLevel(settings.level)


def quiet(record: logging.LogRecord) -> bool:
    """Whether a record may pass: our own, or a warning. Holds as well for libraries that set their own level."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in OWN


def mask(text: str) -> str:
    """A text without what opens a page or a database and what stands behind a password's label, every sign visible."""
    for pattern in (_PATHS, _KEYS, _USERS):
        text = pattern.sub(r"\1***", text)
    return "\n".join(visible(line) for line in mask_assignments(text).split("\n"))


def mask_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog's processor that masks every value of an event, at any depth; none can look like a line of its own."""
    for key, value in event.items():
        if not key.startswith("_"):
            event[key] = _masked(value)
    if isinstance(event.get("event"), str):
        event["event"] = event["event"].replace("\n", "\\n")
    if isinstance(event.get("exception"), str):
        event["exception"] = event["exception"].replace("\n", "\n    ")
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
