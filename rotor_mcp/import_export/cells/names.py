"""Puts names together as people are called: from several columns, or from `Doe, Jane`. Pure."""

import re
from collections.abc import Mapping

from rotor_mcp.import_export.header_synonyms import FIRST_NAME, LAST_NAME, NAME_PARTS
from rotor_mcp.normalize import name_form, words

_COMPANY = re.compile(
    r"\b(?:inc|llc|l\.l\.c|ltd|limited|corp|corporation|co|company|llp|lp|plc|gmbh|pc|pllc|services?|cleaning"
    r"|group|properties|property|management|church|school|hoa|association|associates|partners|trust|estate|of)\b",
    re.IGNORECASE,
)
"""Words of companies' names, in which a comma does not come before a first name."""
_MAX_GIVEN_WORDS = 4


def first_name_first(text: str) -> str:
    """Return `Jane Doe` for `Doe, Jane`; any other text as it is, a company's name among them."""
    family, comma, given = text.partition(",")
    if not comma or _COMPANY.search(text) or any(map(str.isdigit, text)):
        return text
    from nameparser import HumanName  # takes 40 ms, and most files do not need it

    name = HumanName(text)
    if not (name.first and name.last) or len(given.split()) > _MAX_GIVEN_WORDS:
        return text
    if name.first in family:  # Jane Doe, DDS
        return text
    return " ".join(filter(None, (name.title, name.first, name.middle, name.last, name.suffix)))


def full_name(full: str, parts: Mapping[str, str]) -> str:
    """Return a person's name from a full name and its parts in other columns, each of which may be blank.

    A full name is completed by the first or last name that it lacks. One that has nothing in common with the
    parts is another's, such as a company's, and stays as it is.
    """
    of_parts = " ".join(parts[part] for part in NAME_PARTS if parts.get(part))
    first, last = parts.get(FIRST_NAME, ""), parts.get(LAST_NAME, "")
    if not full:
        return of_parts if first or last else ""
    if not (first or last) or holds_name(full, of_parts):
        return full
    if set(words(full)) <= set(words(of_parts)):
        return of_parts
    lacking = [part for part in (first, last) if part and name_form(part) not in name_form(full)]
    if len(lacking) != 1 or (first and last) or _COMPANY.search(full):
        return full
    return f"{first} {full}" if first in lacking else f"{full} {last}"


def holds_name(text: str, name: str) -> bool:
    """Whether a text holds all words of a name."""
    return set(words(name)) <= set(words(text)) or name_form(name) in name_form(text)
