"""The audit log: a line of JSON for each write. Who, which lead, which fields by name, how it ended.

It holds no values of leads: it may be kept longer than they are. A write that cannot be noted does not end
the call: the log says how many there were, once a minute.
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
"""Between two lines in the log about writes that could not be noted."""

_NON_BLOCKING = getattr(os, "O_NONBLOCK", 0)
"""A named pipe that nobody reads must not hold up the server."""

logger = logging.getLogger(__name__)


class Audit(EventListener):
    """A file to which lines are added, by one process or several."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            OSError: if it cannot be written to.
        """
        self._path = path
        self._missed = 0
        """Writes that could not be noted, and were not reported yet."""
        self._failure = ""
        self._reported_at = -math.inf
        self._line_is_cut = False
        os.close(self._open())

    def call_finished(self, finished: CallFinished) -> None:
        """Note what was written in the course of a call."""
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
        """Add lines to the file.

        Raises:
            OSError: if not all of them could be written.
        """
        # Opened each time, so that whoever rotates the file need not tell us; whole lines, in one piece.
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
        logger.error("%d writes could not be noted in %s: %s", self._missed, self._path, self._failure)
        self._missed, self._reported_at = 0, time.monotonic()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NON_BLOCKING, 0o600)
