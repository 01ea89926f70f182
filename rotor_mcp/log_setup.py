"""Configures logging: to stderr, as text or JSON, with the API key redacted."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from rotor_mcp.config import Settings


class _TextFormatter(logging.Formatter):
    """Formats a record as a line of text. The key is redacted last, in tracebacks too."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


class _JsonFormatter(_TextFormatter):
    """Formats a record as a JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps({name: self._redact(value) for name, value in line.items()}, ensure_ascii=False)


def configure(settings: Settings, redact: Callable[[str], str] | None = None) -> None:
    """Log to stderr.

    Libraries log only warnings and errors: httpx2 would log each URL, and with it the phone searched for.

    Args:
        settings: with the level and the format.
        redact: removes secrets from a line; that of the settings if None.
    """
    formatter = _JsonFormatter if settings.log_format == "json" else _TextFormatter
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(redact or settings.redact))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("rotor_mcp").setLevel(settings.log_level.upper())
