"""A terminal of a given width, and what stands on its last line."""

import os
import re
import select
import time
from types import TracebackType
from typing import Self

END = b"\0end\0"


class Terminal:
    """A pseudo-terminal: commands write to `inside`, and what they wrote is read outside."""

    def __init__(self, columns: int) -> None:
        self._outside, self.inside = os.openpty()
        self.resize(columns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.inside)
        os.close(self._outside)

    def resize(self, columns: int) -> None:
        import termios

        self.columns = columns
        termios.tcsetwinsize(self.inside, (24, columns))

    def answer(self, line: str) -> None:
        """Type a line on its keyboard."""
        self.type(f"{line}\n")

    def type(self, keys: str) -> None:
        """Type on its keyboard."""
        os.write(self._outside, keys.encode())

    def until(self, text: str, seconds: float = 20) -> str:
        """What is written from now on, until a text is there or so many seconds are over."""
        said = b""
        ends = time.monotonic() + seconds
        while text.encode() not in said and (left := ends - time.monotonic()) > 0:
            if select.select([self._outside], [], [], left)[0]:
                said += os.read(self._outside, 10_000)
        return said.decode()

    def said(self) -> str:
        """All that was written since the last time."""
        os.write(self.inside, END)
        said = b""
        while not said.endswith(END):  # what was written arrives in parts
            said += os.read(self._outside, 10_000)
        return said.removesuffix(END).decode()

    def lines(self) -> list[str]:
        """All that its last line showed since the last time. None was so long that it wrapped."""
        line, shown = "", []
        for part, control in re.findall(r"([^\r\n]*)([\r\n]|\Z)", self.said()):
            line = part + line[len(part) :]
            assert len(line) < (self.columns or 80), line
            shown.append(line.rstrip())
            if control == "\n":
                line = ""
        return shown
