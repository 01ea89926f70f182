"""Text from strangers, made safe to show: without characters that hide, reorder or break what is read."""

import json
import re
from collections.abc import Callable
from typing import Any
from unicodedata import category

MAX_RESULT_CHARS = 40_000
"""Characters of a result in either channel. No ordinary result has half as many."""

MIN_CUT_CHARS = 200
"""Characters below which no text of a result is cut: an id or a cursor that is cut is of no use."""

# Cc control, Cf format (zero-width, bidirectional, tag characters), Co private, Cs surrogate.
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs"})

# Characters of other categories that show nothing: fillers, joiners and the variation selectors, of which a
# run can spell out a hidden text. The last two selectors stay, because emoji need them.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0d\uffa0\U000e0000-\U000e0fff]"
)
_LINE_END = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def clean(text: str) -> str:
    """Remove control and invisible characters. Line breaks and tabs stay, as `\\n` and `\\t`."""
    # Nearly every text is fine, and to see that is much faster than to look at each character.
    if text.isascii() and text.isprintable():
        return text
    text = _INVISIBLE.sub("", text)
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    text = _LINE_END.sub("\n", text)
    hidden = {ord(char): None for char in set(text) - {"\n", "\t"} if category(char) in _HIDDEN}
    return text.translate(hidden)


def one_line(text: str) -> str:
    """Clean a text and fold it into one line."""
    return " ".join(clean(text).split())


def cap_result(text: str, value: Any = None) -> tuple[str, Any]:
    """Cut a result: its text at the end of a line, and the lists and texts of its JSON value.

    Each has about `MAX_RESULT_CHARS` at most. The text says what is left out.
    """
    if len(text) > MAX_RESULT_CHARS:
        kept = text[:MAX_RESULT_CHARS].rpartition("\n")[0] or text[:MAX_RESULT_CHARS]
        text = f"{kept}\nThe other {len(text) - len(kept):,} characters of this result are left out."
    most = MAX_RESULT_CHARS
    while len(json.dumps(value, ensure_ascii=False)) > MAX_RESULT_CHARS and most > 1:
        most //= 2
        value = _cut(value, most)
    return text, value


def _cut(value: Any, most: int) -> Any:
    match value:
        case str() if len(value) > max(most, MIN_CUT_CHARS):
            return f"{value[: max(most, MIN_CUT_CHARS)]}…"
        case list():
            return [_cut(item, most) for item in value[:most]]
        case dict():
            return {name: _cut(item, most) for name, item in value.items()}
        case _:
            return value


Replacements = tuple[tuple[str, str], ...]
"""Texts that must not be shown, and what is shown in the place of each."""


def replace_all(text: str, replacements: Replacements) -> str:
    """Replace texts that must not be shown, in their order."""
    for secret, shown in replacements:
        if secret in text:
            text = text.replace(secret, shown)
    return text


def safe_value(value: Any, replacements: Replacements) -> Any:
    """Return a JSON value that may leave this process: no text has invisible characters or a secret."""
    if isinstance(value, str):
        value = clean(value)
        return replace_all(value, replacements) if replacements else value
    if isinstance(value, list):
        return [safe_value(item, replacements) for item in value]
    if isinstance(value, dict):
        return {name: safe_value(item, replacements) for name, item in value.items()}
    return value


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Change every string in a JSON value."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_strings(item, change) for item in value]
    if isinstance(value, dict):
        return {name: map_strings(item, change) for name, item in value.items()}
    return value
