from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.sanitize import clean, map_strings, one_line


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain, é, 漢, 👍", "plain, é, 漢, 👍"),
        ("two\r\nlines\rand\ta tab", "two\nlines\nand\ta tab"),
        ("\x1b[31mred\x00\x07", "[31mred"),
        ("zero\u200bwidth, \u202eright to left, \ufeffmark", "zerowidth, right to left, mark"),
        ("a\u2028b\x85c\x0bd", "a\nb\nc\nd"),
        ("J\U000e0100\u034fane\u3164", "Jane"),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("hidden \U000e0041\U000e0042 tag characters", "hidden  tag characters"),
        ("\ud800 lone surrogate", " lone surrogate"),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@given(st.text(st.characters()))
def test_nothing_hidden_is_left(text: str) -> None:
    cleaned = clean(text)
    assert {category(char) for char in cleaned if char not in "\n\t"}.isdisjoint({"Cc", "Cf", "Cs", "Co"})
    assert clean(cleaned) == cleaned
    cleaned.encode()


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


def test_map_strings_reaches_every_value() -> None:
    assert map_strings({"a": ["x", 1, None, {"b": "y"}]}, str.upper) == {"a": ["X", 1, None, {"b": "Y"}]}
