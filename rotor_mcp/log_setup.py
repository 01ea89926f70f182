"""Log lines: on stderr, as text or JSON, and never with the API key in them."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from rotor_mcp.config import Settings


class _TextFormatter(logging.Formatter):
    """A line of text. The key is taken out last, whatever brought it there, tracebacks included."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


class _JsonFormatter(logging.Formatter):
    """A line that is one JSON object."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

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
    """Send this process's log lines to stderr.

    Libraries are held at warnings: httpx2 would log each URL, and with it the phone number searched for.

    Args:
        settings: as the person who runs it decided.
        redact: takes secrets out of a line; that of the settings if None.
    """
    formatter = _JsonFormatter if settings.log_format == "json" else _TextFormatter
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(redact or settings.redact))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("rotor_mcp").setLevel(settings.log_level.upper())
