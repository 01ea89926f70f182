"""Files of secrets that are reloaded when they change: tokens and keys are rotated while the server runs."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from rotor_mcp.private_file import check_private

MAX_STALE_SECONDS = 30.0
"""How long the last valid content is used while the file cannot be read or parsed. Editors and secret stores
replace a file in steps, so one failed read must not lock all callers out; but a token that was revoked in a
file that then became unreadable must not stay valid for longer. The time is counted from the last check that
found the content current, so after a pause without requests it may have expired immediately."""

Content = TypeVar("Content")

logger = logging.getLogger(__name__)


class FileUnavailable(Exception):
    """A file was unreadable or invalid for longer than its last valid content may be used."""


class ReloadingFile(Generic[Content]):
    """A file that is read again after each change, and after a failed read until one succeeds."""

    def __init__(
        self, path: Path, parse: Callable[[str], Content], max_stale_seconds: float = MAX_STALE_SECONDS
    ) -> None:
        """Read the file.

        Args:
            path: of the file.
            parse: converts the text of the file, or raises ValueError.
            max_stale_seconds: for which the last valid content is used while the file cannot be read.

        Raises:
            OSError: if the file cannot be read.
            ValueError: if the file is invalid, or everybody can read it.
        """
        self._path = path
        self._parse = parse
        self._max_stale_seconds = max_stale_seconds
        self._stamp = self._stat()
        self._content = self._load()
        self._current_at = time.monotonic()
        self._failing = False
        self._logged = ""

    def read(self) -> Content:
        """Return the content of the file.

        Raises:
            FileUnavailable: if it was unreadable or invalid for longer than `max_stale_seconds`.
        """
        try:
            stamp = self._stat()
            if stamp != self._stamp or self._failing:
                self._content = self._load()
                self._stamp = stamp  # after a failed read the same file is read again
                self._failing, self._logged = False, ""
                logger.info(
                    "%s was read again", self._path, extra={"event": "file_read_again", "file": self._path}
                )
            self._current_at = time.monotonic()
        except (OSError, ValueError) as exc:
            self._handle_failure(str(exc))
        return self._content

    def _handle_failure(self, reason: str) -> None:
        self._failing = True
        expired = time.monotonic() - self._current_at >= self._max_stale_seconds
        consequence = (
            "nobody in it is let in until it can be read"
            if expired
            else f"its last good content is used for {self._max_stale_seconds:g} seconds at most"
        )
        line = f"{reason}: {consequence}"
        if line != self._logged:  # the file is checked with every request
            self._logged = line
            logger.error("%s", line, extra={"event": "file_unusable", "file": self._path, "reason": reason})
        if expired:
            raise FileUnavailable(f"{self._path.name} cannot be read") from None

    def _load(self) -> Content:
        try:
            check_private(self._path)
            return self._parse(self._path.read_text("utf-8"))
        except ValueError as exc:
            raise ValueError(f"{self._path}: {exc}") from None

    def _stat(self) -> tuple[int, ...]:
        stat = self._path.stat()
        # With st_ctime_ns, because a copy may preserve st_mtime_ns.
        return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_dev, stat.st_ino
