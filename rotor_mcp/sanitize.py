"""Makes untrusted text safe to show: removes characters that hide or reorder text, and limits its length."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any
from unicodedata import category

from pydantic_core import to_json

MAX_RESULT_CHARS = 40_000
"""Characters of a result's text, and of its structured content. No ordinary result has half as many."""

MIN_CUT_CHARS = 200
"""No text of a result is cut to fewer characters: a cut id or cursor would be of no use."""

# Cc control, Cf format (zero-width, bidirectional, tag characters), Co private, Cs surrogate.
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs"})

# Invisible characters of other categories: fillers, joiners and variation selectors. A sequence of them can
# encode a hidden text. The last two variation selectors stay, because emoji need them.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0d\uffa0\U000e0000-\U000e0fff]"
)
_LINE_END = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")


def clean(text: str) -> str:
    """Remove control and invisible characters. Line breaks and tabs stay, as `\\n` and `\\t`."""
    # Nearly every text passes this check, which is much faster than checking each character. No character of
    # Latin-1 is both invisible and printable.
    if text.isprintable():
        with suppress(UnicodeEncodeError):
            text.encode("latin-1")
            return text
    text = _INVISIBLE.sub("", text)
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    text = _LINE_END.sub("\n", text)
    hidden = {ord(char): None for char in set(text) - {"\n", "\t"} if category(char) in _HIDDEN}
    return text.translate(hidden)


def one_line(text: str) -> str:
    """Clean a text and join its lines into one."""
    if text.isprintable() and "  " not in text and text.isascii():  # nearly every text, as in `clean`
        return text.strip()
    return " ".join(clean(text).split())


def cut(text: str, length: int) -> str:
    """Join the lines of a text into one, as `one_line` does, and cut it to so many characters."""
    text = one_line(text)
    return text if len(text) <= length else f"{text[:length]}…"


def cap_result(text: str, value: Any = None) -> tuple[str, Any]:
    """Shorten a result to about `MAX_RESULT_CHARS`: its text, and the lists and texts of its JSON value.

    The text is cut at the end of a line, and says how much is left out.
    """
    if len(text) > MAX_RESULT_CHARS:
        kept = text[:MAX_RESULT_CHARS].rpartition("\n")[0] or text[:MAX_RESULT_CHARS]
        text = f"{kept}\nThe other {len(text) - len(kept):,} characters of this result are left out."
    limit = MAX_RESULT_CHARS
    while len(json.dumps(value, ensure_ascii=False)) > MAX_RESULT_CHARS and limit > 1:
        limit //= 2
        value = _truncate(value, limit)
    return text, value


def _truncate(value: Any, limit: int) -> Any:
    match value:
        case str() if len(value) > max(limit, MIN_CUT_CHARS):
            return f"{value[: max(limit, MIN_CUT_CHARS)]}…"
        case list():
            return [_truncate(item, limit) for item in value[:limit]]
        case dict():
            return {name: _truncate(item, limit) for name, item in value.items()}
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


_HIDING_ESCAPE = re.compile(r"\\[ubfr]")
"""Stands in JSON for a control character or a surrogate."""


def safe_result(text: str, value: Any, replacements: Replacements) -> tuple[str, Any]:
    """Return a result that may leave this process: its text and its JSON value.

    They have no invisible characters, no text that must not be shown, and the length of `cap_result`.
    """
    with suppress(ValueError):  # half of a character
        # Nearly every result passes these checks, which are much faster than looking at each of its texts.
        written = to_json([text, value]).decode()
        if (
            not _HIDING_ESCAPE.search(written)
            and clean(written) == written
            and not any(secret in written for secret in _in_json(replacements))
        ):
            return (text, value) if len(written) <= MAX_RESULT_CHARS else cap_result(text, value)
    return cap_result(*map_strings([text, value], lambda part: replace_all(clean(part), replacements)))


@lru_cache
def _in_json(replacements: Replacements) -> list[str]:
    """Return the texts that must not be shown, as they stand in JSON."""
    return [json.dumps(secret, ensure_ascii=False)[1:-1] for secret, _ in replacements]


def map_strings(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with `change` applied to every string."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_strings(item, change) for item in value]
    if isinstance(value, dict):
        return {name: map_strings(item, change) for name, item in value.items()}
    return value
