"""Shows on the terminal how far an import or an export is, in one line that replaces itself."""

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import click

from rotor_mcp.tools.phrases import counted

_USUAL_COLUMNS = 80
"""Of a terminal that does not know its width."""
_ETA_AFTER_SECONDS = 1.0


class ProgressLine:
    """A line on standard error: leads done, requests spent, time left. It ends with the block.

    It is as wide as the terminal at most, so that it never wraps. What does not fit is left out from the end.
    """

    def __init__(
        self,
        requests: Callable[[], int],
        *,
        hidden: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show nothing if standard error is no terminal, or one that cannot replace a line (`TERM=dumb`).

        Args:
            requests: returns the requests spent.
            hidden: whether to show nothing on a terminal either.
            clock: returns the present time in seconds.
        """
        self._requests = requests
        self._clock = clock
        is_terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._is_shown = is_terminal and not hidden
        self._began = clock()
        self._length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the line."""
        self._print("")

    def show(self, done: int, total: int | None) -> None:
        """Show how many leads are done, of a total if it is known."""
        if not self._is_shown:
            return
        columns = _columns() - 1  # some terminals wrap after the last one
        line, *others = [
            counted(done, "lead") if total is None else f"{done:,}/{counted(total, 'lead')}",
            counted(self._requests(), "request"),
            *self._time_left(done, total),
        ]
        for other in others:
            if len(line) + len(other) + 2 <= columns:
                line += f", {other}"
        self._print(line[:columns])

    def _time_left(self, done: int, total: int | None) -> list[str]:
        seconds = self._clock() - self._began
        if not done or total is None or done >= total or seconds < _ETA_AFTER_SECONDS:
            return []
        minutes, seconds_left = divmod(round(seconds / done * (total - done)), 60)
        return [f"{minutes // 60}:{minutes % 60:02}:{seconds_left:02} left"]

    def _print(self, line: str) -> None:
        """Replace the line on the terminal, which may have become narrower."""
        blanks = max(min(self._length, _columns() - 1) - len(line), 0) if self._is_shown else 0
        if line or blanks:
            click.echo(f"\r{line}{' ' * blanks}\r", err=True, nl=False)
        self._length = len(line)


def _columns() -> int:
    """Return the present width of the terminal."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except OSError:
        return _USUAL_COLUMNS
