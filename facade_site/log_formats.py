"""How log records are written: a line for people, or an object of JSON for programs (FACADE_LOG_FORMAT)."""

import json
import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from facade_site.redaction import redact
from routing.core.grammar.printable import printable

# What every record has (and what uvicorn adds for terminals); whatever else it has, somebody gave it with `extra`.
_ALWAYS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

# What the message says already, of an event and of a request.
_IN_MESSAGE = frozenset({"event", "method", "target", "status"})


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """What was given with a record beside its message, as far as JSON has it; nothing that is empty."""
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _ALWAYS and value not in (None, "") and _is_plain(value)
    }


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(each, str | int | float) for each in value)
    return isinstance(value, str | int | float)


class LineFormatter(logging.Formatter):
    """`2026-11-25 12:00:00,000 INFO routing.events: mapping.repointed actor=alice mapping_id=3 request_id=…`"""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """The line, and any traceback after it."""
        return redact(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with what the record was given beside its message."""
        facts = {name: value for name, value in facts_of(record).items() if name not in _IN_MESSAGE}
        said = printable(super().formatMessage(record))
        return " ".join([said, *(f"{name}={_word(value)}" for name, value in facts.items())])

    def formatException(self, ei: Any) -> str:
        """The traceback, whose last line may quote what others wrote."""
        return _printable_lines(super().formatException(ei))


def _word(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    # Quoted like JSON where it would be taken for several, or for a line of its own.
    plain = text.isprintable() and not (" " in text or '"' in text or "=" in text or "\\" in text)
    return text if plain else json.dumps(printable(text), ensure_ascii=False)


def _printable_fact(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_printable_fact(each) for each in value]
    return printable(value) if isinstance(value, str) else value


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


class JsonFormatter(logging.Formatter):
    """One object a line (RFC 8259): time, level, logger, message, what was given beside it, and any traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": printable(record.getMessage()),
            **{name: _printable_fact(value) for name, value in facts_of(record).items()},
        }
        if record.exc_info:
            said["exception"] = _printable_lines(self.formatException(record.exc_info))
        if record.stack_info:
            said["stack"] = self.formatStack(record.stack_info)
        return redact(json.dumps(said, ensure_ascii=False))


class RefusalFilter(logging.Filter):
    """Takes the traceback off a request that was refused: Django's line says what and why, and nothing has failed."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        status = getattr(record, "status_code", None)
        if isinstance(status, int) and HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            record.exc_info = record.exc_text = None
        return True


#: By the names that FACADE_LOG_FORMAT takes.
LOG_FORMATS: dict[str, type[logging.Formatter]] = {"line": LineFormatter, "json": JsonFormatter}
