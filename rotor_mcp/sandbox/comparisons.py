"""How the store compares leads with what is looked for, as functions of SQL."""

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from rotor_mcp.behavior import Behavior

_COUNTRY_CODE = "1"
_WORD = re.compile(r"[^\W_]+")


def lead_functions(behavior: Behavior) -> dict[str, Callable[..., Any]]:
    """Return the functions by their names in SQL."""
    fold = _without_accents if behavior.search_accents == "ignored" else str.casefold
    contains = _begins_words if behavior.search == "word_beginnings" else _contains

    def found(value: str | None, text: str) -> bool:
        return value is not None and contains(fold(value), fold(text))

    def phone_found(value: str | None, text: str) -> bool:
        wanted = _digits(text)
        by_digits = behavior.search_phone == "digits" and len(wanted) > 1
        return found(value, text) or (by_digits and wanted in _digits(value or ""))

    def same_stage(value: str | None, stage: str) -> bool:
        if behavior.stage_case == "exact" or value is None:
            return value == stage
        return value.casefold() == stage.casefold()

    def any_of(tags: str, wanted: str) -> bool:
        form = str.casefold if behavior.tag_case == "ignoring_case" else str
        return not set(map(form, json.loads(tags))).isdisjoint(map(form, json.loads(wanted)))

    return {
        "found": found,
        "phone_found": phone_found,
        "same_stage": same_stage,
        "any_of": any_of,
        "digits": lambda phone: _digits(phone or "") or None,
        "national": lambda phone: _digits(phone or "").removeprefix(_COUNTRY_CODE) or None,
    }


def _contains(value: str, text: str) -> bool:
    """LIKE would ignore case only for ASCII letters."""
    return text in value


def _begins_words(value: str, text: str) -> bool:
    words = _WORD.findall(value)
    return all(any(word.startswith(part) for word in words) for part in _WORD.findall(text))


def _without_accents(text: str) -> str:
    return "".join(
        char for char in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(char)
    )


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))
