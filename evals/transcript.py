"""What happened in a run, a JSON object on each line."""

import json
from pathlib import Path
from typing import Any


class Transcript:
    """A file that is written as things happen, so that a run that breaks off leaves what it had."""

    def __init__(self, file: Path) -> None:
        """Begin it, in the place of an older one."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("", "utf-8")
        self._file = file

    def note(self, what: str, **facts: Any) -> None:
        """Add a line."""
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"what": what, **facts}, ensure_ascii=False, default=str) + "\n")
