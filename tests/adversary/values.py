"""Values that mean harm, for any argument, cell or field of an answer."""

from typing import Any

from tests.adversary import IS_LONG

LARGE = 60_000
"""Characters of a large text: some of them fit into the largest body that is taken."""

PATTERNS: dict[str, tuple[str, str, str]] = {
    "dots in a domain": ("a@", ".", "@"),
    "many ats": ("", "a@", ""),
    "blanks inside": ("1", " ", "1"),
    "blanks and words": ("", "a ", ""),
    "breaks": ("", "\n", "a"),
    "digits": ("", "1", ""),
    "numbers": ("", "+1 ", "612"),
    "numbers with labels": ("", "m: 612-555-0142, ", ""),
    "extensions": ("612-555-0142", " ext. 1", ""),
    "commas": ("1", ",", ""),
    "amounts": ("$", "1,", ".5"),
    "points": ("", "1.", ""),
    "opening brackets": ("", "[", ""),
    "opening braces": ("", '{"a":', ""),
    "brackets": ("", "()", ""),
    "quotes": ("", '"', ""),
    "backslashes": ("", "\\", '"'),
    "combining marks": ("a", "\u0327\u0301", ""),
    "marks of one class": ("a", "\u0301", ""),
    "Hangul": ("", "\u1112\u1161\u11ab", ""),
    "one that becomes eighteen": ("", "\ufdfa", ""),
    "capital sharp s": ("", "\u1e9e", ""),
    "dotted capital i": ("", "\u0130", ""),
    "invisible": ("", "\u200b", "a"),
    "surrogate pairs": ("", "\U0001f468\u200d", ""),
    "half a pair": ("", "\ud83d", ""),
    "controls": ("", "\x00", ""),
    "escape sequences": ("", "\x1b[8m", ""),
    "tags": ("", "<b>", ""),
    "entities": ("", "&amp;", ""),
    "dashes": ("2026-11-22", "-", ""),
    "fractions": ("2026-11-22T00:00:00.", "0", "Z"),
    "minuses": ("", "-", "1"),
    "zeros": ("0.", "0", "1"),
    "exponents": ("1e", "9", ""),
    "words": ("", "alpha beta ", ""),
    "slashes": ("", "/", ""),
    "percents": ("", "%25", ""),
    "own address": ("", "612-555-0142 jane@example.com ", ""),
}
"""By name: what a text begins with, what is repeated in it, and what it ends with."""


COSTLY = (
    "combining marks",
    "half a pair",
    "invisible",
    "numbers",
    "one that becomes eighteen",
    "own address",
    "zeros",
)
"""Patterns that took longest, or were misread, before that was mended."""


def patterns() -> tuple[str, ...]:
    """The patterns that are tried: in a longer run all of them."""
    return tuple(PATTERNS) if IS_LONG else COSTLY


def text(pattern: str, length: int) -> str:
    """Make a text of a pattern, of just this length."""
    head, body, tail = PATTERNS[pattern]
    room = length - len(head) - len(tail)
    return head + (body * (room // len(body) + 1))[:room] + tail


def shapes(size: int = 1) -> dict[str, Any]:
    """Make values that are no text, by name. `size` multiplies them."""
    nested: list[Any] = []
    for _ in range(50):
        nested = [nested]
    return {
        "list": ["a"] * (20_000 * size),
        "list of lists": [[]] * (20_000 * size),
        "list of long texts": ["x" * 300] * (200 * size),
        "different texts": [f"tag {number}" for number in range(5_000 * size)],
        "object": {f"k{number}": number for number in range(10_000 * size)},
        "objects": [{}] * (20_000 * size),
        "nested": nested,
        "large integer": 10**4_000,
        "small integer": -(10**300),
        "large float": 1.7e308,
        "tiny float": 5e-324,
        "true": True,
        "null": None,
        "never": "9999-12-31T23:59:59",
        "before time": "0001-01-01T00:00:00+14:00",
        "odd offset": "2026-11-22T00:00:00+23:59",
    }
