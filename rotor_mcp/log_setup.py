"""Configures logging: to stderr, as text or JSON, with secrets redacted and hostile characters escaped."""

import json
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from traceback import format_tb

from rotor_mcp.config import LogLevel, Settings
from rotor_mcp.log_events import event_of, fields_of

MAX_FIELD_CHARS = 200
MAX_MESSAGE_CHARS = 1_000
MAX_TRACEBACK_CHARS = 4_000
"""Of a long traceback the end is kept. Docker divides lines at 16 KB, which ordinary ones do not reach."""
_EXACT_INTEGERS = 2**53
"""Larger whole numbers are not exact in most programs that read JSON, and become texts."""

Redact = Callable[[str], str]

logger = logging.getLogger(__name__)


class _TextFormatter(logging.Formatter):
    """Formats a record as a line for people. Secrets are redacted last, in tracebacks too.

    Only a line of the log begins at the margin: line breaks in a message are escaped, and a traceback is
    indented.
    """

    def __init__(self, redact: Redact) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        record.message = _escape(_cut(self._redact(_message_of(record)), MAX_MESSAGE_CHARS))
        record.asctime = self.formatTime(record)
        lines = [self.formatMessage(record)]
        lines += [f"  {_escape(line)}" for line in self._redact(_traceback_of(record)).splitlines()]
        return "\n".join(lines)


class _JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object on one line, in printable ASCII."""

    def __init__(self, redact: Redact) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        message, fields, traceback = _message_of(record), fields_of(record), _traceback_of(record)
        # Nearly no line holds a secret. Hundreds of them may be known, so each text is not looked through.
        everything = "\n".join([message, traceback, *_texts(list(fields.values()))])
        redact = _unchanged if self._redact(everything) == everything else self._redact
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": event_of(record),
            "message": _whole_characters(_cut(redact(message), MAX_MESSAGE_CHARS)),
            **{name: _json_value(value, redact) for name, value in fields.items()},
        }
        if traceback:
            line["traceback"] = _whole_characters(redact(traceback)[-MAX_TRACEBACK_CHARS:])
        return json.dumps(line).replace("\x7f", r"\u007f")


def _json_value(value: object, redact: Redact) -> object:
    if isinstance(value, (list, tuple)):
        return [_json_value(item, redact) for item in value]
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) <= _EXACT_INTEGERS):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return round(value, 1)
    return _whole_characters(_cut(redact(_as_text(value)), MAX_FIELD_CHARS))


def _texts(value: object) -> Iterator[str]:
    """Yield the texts of a value, and of the items of a list."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif not isinstance(value, (bool, int, float)):
        yield _as_text(value)


def _unchanged(text: str) -> str:
    return text


def _message_of(record: logging.LogRecord) -> str:
    """Return the message of a record. A library can log one that does not fit its arguments."""
    try:
        return record.getMessage()
    except Exception:
        return f"{record.msg} (its arguments do not fit)"


def _traceback_of(record: logging.LogRecord) -> str:
    """Return the traceback of a record without the texts of exceptions, which can hold values of a lead."""
    exc = record.exc_info[1] if record.exc_info else None
    return "\n".join(_traceback_lines(exc, set())) if exc is not None else ""


def _traceback_lines(exc: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(exc))
    before = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    others = [*([before] if before else []), *(exc.exceptions if isinstance(exc, BaseExceptionGroup) else [])]
    for other in others:
        if id(other) not in seen:
            yield from _traceback_lines(other, seen)
            yield "which led to:"
    for part in format_tb(exc.__traceback__):
        yield from part.splitlines()
    yield type(exc).__qualname__


def _as_text(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to write a whole number of thousands of digits
        return "a long number"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _escape(text: str) -> str:
    """Escape characters that end a line, control a terminal, or hide or reorder text."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _whole_characters(text: str) -> str:
    """Replace halves of characters: many programs refuse JSON that has some."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def configure(
    settings: Settings, redact: Redact | None = None, *, default_level: LogLevel = "warning"
) -> None:
    """Log to stderr.

    Libraries log only warnings and errors: httpx2 would log each URL, and with it the phone searched for.

    Args:
        settings: with the level and the format.
        redact: removes secrets from a line; that of the settings if None.
        default_level: the level if the settings have none.
    """
    formatter = _JsonFormatter if settings.log_format == "json" else _TextFormatter
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(redact or settings.redact))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("rotor_mcp").setLevel((settings.log_level or default_level).upper())


def warn_of_key(settings: Settings) -> None:
    """Log what is wrong with the Rotor key of the settings, or unusual about it."""
    if settings.key_trouble:
        logger.warning(
            "%s", settings.key_trouble, extra={"event": "key_missing", "reason": settings.key_trouble}
        )
    elif settings.key_warning:
        logger.warning(
            "%s", settings.key_warning, extra={"event": "key_unusual", "reason": settings.key_warning}
        )


def log_at_once(theirs: logging.Logger, message: str, *args: object, extra: Mapping[str, object]) -> None:
    """Log a line from a signal handler, which may have interrupted the writing of another one.

    The streams of Python refuse to be entered twice, so this writes past them.
    """
    if not theirs.isEnabledFor(logging.INFO):
        return
    record = theirs.makeRecord(theirs.name, logging.INFO, "", 0, message, args, None, extra=dict(extra))
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            with suppress(OSError, ValueError):  # it is closed
                os.write(handler.stream.fileno(), f"{handler.format(record)}\n".encode())
