"""Files that the operator may change while the server runs: tokens and keys are renewed."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

MAX_STALE_SECONDS = 30.0
"""How long the last good content is used while the file cannot be read or parsed. Editors and secret stores
replace a file in steps, so one failed reading must not lock everybody out; but a token that was revoked in a
file that then became unreadable must not stay valid for longer than this. It is counted from the last time
that the content was seen to be current, so after a time without requests it may be over at once."""

Content = TypeVar("Content")

logger = logging.getLogger(__name__)


class FileUnavailable(Exception):
    """A file has been unreadable or invalid for longer than its last good content may be used."""


class ReloadingFile(Generic[Content]):
    """A file that is read again when it has changed, and after a failed reading until it can be read."""

    def __init__(
        self, path: Path, parse: Callable[[str], Content], max_stale_seconds: float = MAX_STALE_SECONDS
    ) -> None:
        """Read the file.

        Args:
            path: of the file.
            parse: turns its text into what it holds; raises ValueError if it cannot.
            max_stale_seconds: seconds for which the last good content is used after a reading failed.

        Raises:
            OSError: if it cannot be read.
            ValueError: if it does not hold what it should.
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
        """Return what the file holds.

        Raises:
            FileUnavailable: if it has been unreadable or invalid for too long.
        """
        try:
            stamp = self._stat()
            if stamp != self._stamp or self._failing:
                self._content = self._load()
                self._stamp = stamp  # only now: after a failed reading the same file is read again
                self._failing, self._logged = False, ""
                logger.info("%s was read again", self._path)
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
        if line != self._logged:  # the file is looked at with every request
            self._logged = line
            logger.error("%s", line)
        if expired:
            raise FileUnavailable(f"{self._path.name} cannot be read") from None

    def _load(self) -> Content:
        try:
            return self._parse(self._path.read_text("utf-8"))
        except ValueError as exc:
            raise ValueError(f"{self._path}: {exc}") from None

    def _stat(self) -> tuple[int, ...]:
        stat = self._path.stat()
        # The time of the last change of its state, too: a copy may keep the time of the last writing.
        return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_dev, stat.st_ino
