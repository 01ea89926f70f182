"""Text from strangers, made safe to show: without characters that hide, reorder or break what is read."""

from collections.abc import Callable
from typing import Any
from unicodedata import category

# Cc control, Cf format (zero-width, bidirectional, tag characters), Co private, Cs surrogate, Zl and Zp
# separators that some programs take for a line's end.
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def clean(text: str) -> str:
    """Remove control and invisible characters. Line breaks and tabs stay, as `\\n` and `\\t`."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in text if char in "\n\t" or category(char) not in _HIDDEN)


def one_line(text: str) -> str:
    """Clean a text and fold it into one line."""
    return " ".join(clean(text).split())


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Change every string in a JSON value."""
    match value:
        case str():
            return change(value)
        case list():
            return [map_strings(item, change) for item in value]
        case dict():
            return {name: map_strings(item, change) for name, item in value.items()}
        case _:
            return value
