"""Logs requests that were refused before they reached the MCP endpoint."""

import logging
import time

LOG_INTERVAL_SECONDS = 60.0
"""Time between two lines of one kind. Anybody can cause them, so they must not fill a disk."""
_MAX_DETAIL_CHARS = 120

logger = logging.getLogger(__name__)


class RefusalLog:
    """Logs refused requests at WARNING: the first of each kind immediately, then one line a minute.

    Kinds are a few fixed texts. Details come from requests, and are escaped and truncated.
    """

    def __init__(self, interval_seconds: float = LOG_INTERVAL_SECONDS) -> None:
        self._interval_seconds = interval_seconds
        self._logged_at: dict[str, float] = {}
        self._omitted: dict[str, int] = {}

    def note(self, kind: str, detail: str = "") -> None:
        """Log a refused request, or count it if one of its kind was logged within the interval."""
        now = time.monotonic()
        logged_at = self._logged_at.get(kind)
        if logged_at is not None and now - logged_at < self._interval_seconds:
            self._omitted[kind] = self._omitted.get(kind, 0) + 1
            return
        self._logged_at[kind] = now
        shown = f" ({detail[:_MAX_DETAIL_CHARS]!a})" if detail else ""
        omitted = self._omitted.pop(kind, 0)
        more = f"; {omitted:,} more of this kind since the last line" if omitted else ""
        logger.warning(
            "a request was refused: %s%s%s",
            kind,
            shown,
            more,
            extra={
                "event": "request_refused",
                "reason": kind,
                "detail": detail[:_MAX_DETAIL_CHARS] or None,
                "omitted": omitted or None,
            },
        )
