import json
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.sanitize import MAX_RESULT_CHARS, cap_result, clean, map_strings, one_line, safe_result


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


def test_a_result_of_any_size_is_cut() -> None:
    text = "\n".join(f"line {number}" for number in range(10_000))
    capped = cap_result(text)[0]
    kept, _, last = capped.rpartition("\n")
    assert text.startswith(f"{kept}\n")
    assert len(kept) <= MAX_RESULT_CHARS
    assert last == f"The other {len(text) - len(kept):,} characters of this result are left out."
    assert cap_result(text[:MAX_RESULT_CHARS])[0] == text[:MAX_RESULT_CHARS]
    assert len(cap_result("x" * 1_000_000)[0]) < MAX_RESULT_CHARS + 100


@given(
    st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_a_small_value_is_not_cut(value: Any) -> None:
    assert cap_result("", value)[1] == value


@pytest.mark.parametrize(
    "value",
    [
        {"tags": ["tag"] * 50_000},
        {"notes": "x" * 1_000_000},
        {"leads": [{"tags": ["x" * 1_000] * 100} for _ in range(100)]},
        {"errors": [{"field": "a" * 300, "message": "b" * 300}] * 3_000},
    ],
    ids=lambda value: next(iter(value)),
)
def test_a_value_of_any_size_is_cut(value: dict[str, Any]) -> None:
    capped = cap_result("", value)[1]
    assert len(json.dumps(capped)) <= 2 * MAX_RESULT_CHARS
    assert capped.keys() == value.keys()
    assert (
        cap_result("", capped)[1] == capped or len(json.dumps(cap_result("", capped)[1])) <= MAX_RESULT_CHARS
    )


SECRETS = (("rotor_a_1", "<key>"), ('pass"word\\', "<password>"), ("Zoë", "<name>"))
json_texts = st.text() | st.sampled_from(
    ["rotor_a_1", 'x pass"word\\ y', "Zoë", "Zo\u200bë", "\x07", "\ud83d", "x" * 300]
)


@given(
    st.lists(json_texts, max_size=3).map("".join),
    st.lists(st.dictionaries(st.text(max_size=3), json_texts), max_size=3),
)
def test_no_result_has_what_must_not_be_shown(text: str, values: list[dict[str, str]]) -> None:
    shown, value = safe_result(text, values, SECRETS)
    texts = [shown, *(part for one in value for part in one.values())]
    assert [
        part for part in texts if clean(part) != part or any(secret in part for secret, _ in SECRETS)
    ] == []


def test_a_result_without_secrets_is_what_it_was() -> None:
    text, value = "Two lines:\n\tZoe · 1,200 € → “sold”", {"name": 'Jane "JD" \\ Doe', "tags": ["a", 1, None]}
    assert safe_result(text, value, SECRETS) == (text, value)
