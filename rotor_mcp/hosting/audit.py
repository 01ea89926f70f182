"""The audit log: a line of JSON for each write. Who, which lead, which fields by name, how it ended.

It holds no values of leads: it may be kept longer than they are.
"""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from rotor_mcp.observer import Observer, Visited

logger = logging.getLogger(__name__)


class Audit(Observer):
    """A file to which lines are added, by one process or several."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            OSError: if it cannot be written to.
        """
        self._path = path
        os.close(self._open())

    def ended(self, visited: Visited) -> None:
        """Note what was written in the course of a call."""
        if not visited.writes:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = "".join(
            json.dumps(
                {
                    "time": time,
                    "caller": visited.caller,
                    "company": visited.company,
                    "tool": visited.called.what if visited.called else None,
                    "lead": write.lead_id,
                    "fields": write.fields,
                    "outcome": write.outcome,
                }
            )
            + "\n"
            for write in visited.writes
        )
        try:
            # Opened each time, so that whoever rotates the file need not tell us; whole lines, in one piece.
            handle = self._open()
            try:
                os.write(handle, lines.encode())
            finally:
                os.close(handle)
        except OSError as exc:
            what = f"{len(visited.writes)} writes could not be noted in {self._path}"
            logger.error("%s: %s", what, exc.strerror)  # noqa: TRY400 - a full disk has no traceback

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
