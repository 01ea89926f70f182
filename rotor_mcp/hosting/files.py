"""Files that the operator may change while the server runs: tokens and keys are renewed."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")

logger = logging.getLogger(__name__)


class Watched(Generic[Content]):
    """A file that is read again when it has changed. What cannot be read leaves what was read before."""

    def __init__(self, path: Path, parse: Callable[[str], Content]) -> None:
        """Read the file.

        Raises:
            OSError: if it cannot be read.
            ValueError: if it does not hold what it should.
        """
        self._path = path
        self._parse = parse
        self._stamp = self._look()
        self._content = self._load()

    def read(self) -> Content:
        """What the file holds."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._content = self._load()
                logger.info("%s was read again", self._path)
        except (OSError, ValueError) as exc:
            logger.error("what was read before stays: %s", exc)  # noqa: TRY400 - there is no fault of ours
        return self._content

    def _load(self) -> Content:
        try:
            return self._parse(self._path.read_text("utf-8"))
        except ValueError as exc:
            raise ValueError(f"{self._path}: {exc}") from None

    def _look(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
