"""A terminal of a given width, and what stands on its last line."""

import os
import re


def opened_terminal(columns: int) -> tuple[int, int]:
    """The screen, where it is read what stands on the terminal, and the terminal, which a command writes to."""
    import termios

    screen, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    return screen, terminal


def lines_of(said: str, columns: int) -> list[str]:
    """All that the last line of a terminal showed. None was so long that it wrapped."""
    line, shown = "", []
    for part, control in re.findall(r"([^\r\n]*)([\r\n]|\Z)", said):
        line = part + line[len(part) :]
        assert len(line) < columns, line
        shown.append(line.rstrip())
        if control == "\n":
            line = ""
    return shown
