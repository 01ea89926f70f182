"""The audit log: a line of JSON for each write, with caller, lead, names of fields and outcome.

It contains no values of leads, because it may be kept longer than they are. A write that cannot be recorded
does not fail the call: the server log reports how many there were, once a minute.
"""

import errno
import json
import logging
import math
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from rotor_mcp.events import CallFinished, EventListener

REPORT_INTERVAL_SECONDS = 60.0
"""Seconds between two log lines about writes that could not be recorded."""

_NON_BLOCKING = getattr(os, "O_NONBLOCK", 0)
"""Keeps a named pipe without a reader from blocking the server."""

logger = logging.getLogger(__name__)


class Audit(EventListener):
    """Appends to the audit file, which several processes may share."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            OSError: if it cannot be written to.
        """
        self._path = path
        self._missed = 0
        """Writes that could not be recorded, and are not reported yet."""
        self._failure = ""
        self._reported_at = -math.inf
        self._line_is_cut = False
        os.close(self._open())

    def call_finished(self, finished: CallFinished) -> None:
        """Record the writes of a call."""
        if not finished.writes:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = "".join(
            json.dumps(
                {
                    "time": now,
                    "caller": finished.caller,
                    "company": finished.company,
                    "tool": finished.summary.operation if finished.summary else None,
                    "lead": write.lead_id,
                    "fields": write.fields,
                    "outcome": write.outcome,
                }
            )
            + "\n"
            for write in finished.writes
        )
        try:
            self._append(lines.encode())
        except OSError as exc:
            self._missed += len(finished.writes)
            self._failure = exc.strerror or type(exc).__name__
            if time.monotonic() - self._reported_at >= REPORT_INTERVAL_SECONDS:
                self._report()
        else:
            if self._missed:
                self._report()

    def _append(self, lines: bytes) -> None:
        """Append lines to the file.

        Raises:
            OSError: if not all of them could be written.
        """
        # Opened each time, so that the file can be rotated; one `write`, so that lines stay whole.
        handle = self._open()
        try:
            data = b"\n" + lines if self._line_is_cut else lines
            written = os.write(handle, data)
            self._line_is_cut = written < len(data)
            if self._line_is_cut:
                raise OSError(errno.ENOSPC, "only a part of the lines could be written")
        finally:
            os.close(handle)

    def _report(self) -> None:
        logger.error(
            "%d writes could not be noted in %s: %s",
            self._missed,
            self._path,
            self._failure,
            extra={
                "event": "audit_incomplete",
                "writes": self._missed,
                "file": self._path,
                "reason": self._failure,
            },
        )
        self._missed, self._reported_at = 0, time.monotonic()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NON_BLOCKING, 0o600)
