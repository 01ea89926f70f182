"""Wraps text between words at the width of the terminal. Text for a file or a pipe stays as it is."""

import os
import textwrap
from typing import TextIO

MIN_COLUMNS = 40
"""Lines become no shorter, however narrow the terminal is."""
_USUAL_COLUMNS = 80
"""Of a terminal that does not know its width."""
_INDENT = "    "


def text_columns(stream: TextIO | None) -> int | None:
    """Return how many columns a line can take on a terminal; None if the stream is none, or closed."""
    if stream is None or not stream.isatty():
        return None
    try:
        columns = os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    except OSError:
        columns = _USUAL_COLUMNS
    # Some terminals wrap after the last column.
    return max(columns - 1, MIN_COLUMNS)


def fit(text: str, stream: TextIO | None) -> str:
    """Return a text with its lines wrapped to the terminal that a stream is, indented further."""
    columns = text_columns(stream)
    return text if columns is None else "\n".join(wrap(line, columns) for line in text.split("\n"))


def wrap(line: str, columns: int, indent: str | None = None) -> str:
    """Return a line in several, none longer than so many columns. A character counts as one column.

    `indent` is that of the further lines, by default four more blanks than the line itself has.
    """
    if indent is None:
        indent = " " * (len(line) - len(line.lstrip(" "))) + _INDENT
    lines = textwrap.wrap(
        line, columns, subsequent_indent=indent, break_on_hyphens=False, replace_whitespace=False
    )
    return "\n".join(lines)
