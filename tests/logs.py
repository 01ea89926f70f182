"""What the process writes to its log, for the length of a block."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rotor_mcp import log_setup
from rotor_mcp.config import Settings


@contextmanager
def logged(
    configuration: Settings, redact: Callable[[str], str] | None = None, *, libraries: bool = False
) -> Iterator[io.StringIO]:
    """What the process writes to stderr; with `libraries`, also what other libraries would like to."""
    stderr, sys.stderr = sys.stderr, io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        log_setup.configure(configuration, redact)
        if libraries:
            root.setLevel(logging.DEBUG)
        yield sys.stderr
    finally:
        sys.stderr = stderr
        logging.basicConfig(level=level, handlers=handlers, force=True)


@contextmanager
def logged_json(log_level: str = "info", **settings: str) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Yield what returns the lines that have been written, as JSON."""
    configuration = Settings.load({"log_format": "json", "log_level": log_level, **settings})
    with logged(configuration) as stderr:
        yield lambda: [json.loads(line) for line in stderr.getvalue().splitlines()]
