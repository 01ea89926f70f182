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
        self._content = parse(path.read_text("utf-8"))

    def read(self) -> Content:
        """What the file holds."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._content = self._parse(self._path.read_text("utf-8"))
                logger.info("%s was read again", self._path)
        except (OSError, ValueError) as exc:
            logger.error("%s cannot be read again, what it held stays: %s", self._path, exc)  # noqa: TRY400
        return self._content

    def _look(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
