"""Normalizes names, e-mail addresses and postal addresses for comparison. Pure.

Two spellings are equal if their normal forms are. A normal form is never shown or stored.
`leads/phones.py` does the same for phone numbers.
"""

import re
from functools import cache, lru_cache
from typing import Literal
from unicodedata import combining, normalize

CACHED_FORMS = 4_096
"""Texts whose normal forms are cached, since each is compared with many."""

_PIECE_CHARS = 100
# Letters that Unicode does not decompose into a base letter and an accent.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}  # noqa: RUF001
)
_APOSTROPHES = re.compile("(?<=\\w)['`´ʹʻʼʽ‘’‛′＇](?=\\w)")  # noqa: RUF001 - all characters that people type for one
_WORD = re.compile(r"[^\W_]+|[\u2600-\u27bf\U0001f000-\U0001faff]")
_BETWEEN_EMAILS = re.compile(r"[\s<>()\[\],;:\"]+")


def unicode_form(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """Return a text in a normal form of Unicode.

    It is normalized in pieces: the time for many accents in a row grows with the square of their number.
    """
    if len(text) <= _PIECE_CHARS or text.isascii():
        return normalize(form, text)
    pieces = (text[at : at + _PIECE_CHARS] for at in range(0, len(text), _PIECE_CHARS))
    return "".join(normalize(form, piece) for piece in pieces)


@lru_cache(maxsize=CACHED_FORMS)
def caseless(text: str) -> str:
    """Return a text, such as an e-mail address, in lower case and without repeated spaces."""
    if not text.isascii():
        text = " ".join(unicode_form("NFC", word) for word in text.split())
    return " ".join(text.split()).casefold()


@lru_cache(maxsize=CACHED_FORMS)
def words(text: str) -> tuple[str, ...]:
    """Return the words and emoji of a text in lower case, without accents, apostrophes and punctuation."""
    text = _APOSTROPHES.sub("", text).casefold()
    if not text.isascii():
        text = unicode_form("NFKD", text)
        text = text.translate(_LETTERS | {ord(char): None for char in set(text) if combining(char)})
    return tuple(_WORD.findall(text))


@lru_cache(maxsize=CACHED_FORMS)
def text_form(text: str) -> str:
    """Return a text in lower case, without accents and punctuation, unless it is punctuation only."""
    return " ".join(words(text)) or caseless(text)


def name_form(text: str) -> str:
    """Return the form of a name, which has no spaces: O'Brien, O Brien and OBrien have one form."""
    return "".join(words(text)) or caseless(text)


def name_search(text: str) -> str:
    """Return the part of a name to search for: the longest one without accents and apostrophes."""
    pieces = re.findall(r"[A-Za-z]{2,}", text) or re.findall(r"\w+", text)
    return max(pieces, key=len, default=text)


def email_forms(text: str) -> tuple[str, ...]:
    """Return the forms of a text and of all e-mail addresses in it: `Ann <a@x.com>, b@x.com` has two."""
    if "'" not in text and not _BETWEEN_EMAILS.search(text):  # nearly every e-mail
        return (caseless(text),)
    found = [piece for piece in _BETWEEN_EMAILS.split(text) if "@" in piece[1:-1]]
    return tuple(dict.fromkeys([caseless(text), *(caseless(piece.strip("'")) for piece in found)]))


# Addresses

_CITY_WORDS = {
    "st": "saint",
    "ste": "sainte",
    "ft": "fort",
    "mt": "mount",
    "n": "north",
    "s": "south",
    "e": "east",
    "w": "west",
}
_STATES = """
AL Alabama, AK Alaska, AZ Arizona, AR Arkansas, CA California, CO Colorado, CT Connecticut, DE Delaware,
DC District of Columbia, FL Florida, GA Georgia, HI Hawaii, ID Idaho, IL Illinois, IN Indiana, IA Iowa,
KS Kansas, KY Kentucky, LA Louisiana, ME Maine, MD Maryland, MA Massachusetts, MI Michigan, MN Minnesota,
MS Mississippi, MO Missouri, MT Montana, NE Nebraska, NV Nevada, NH New Hampshire, NJ New Jersey,
NM New Mexico, NY New York, NC North Carolina, ND North Dakota, OH Ohio, OK Oklahoma, OR Oregon,
PA Pennsylvania, RI Rhode Island, SC South Carolina, SD South Dakota, TN Tennessee, TX Texas, UT Utah,
VT Vermont, VA Virginia, WA Washington, WV West Virginia, WI Wisconsin, WY Wyoming,
PR Puerto Rico, GU Guam, VI Virgin Islands, AS American Samoa, MP Northern Mariana Islands,
AB Alberta, BC British Columbia, MB Manitoba, NB New Brunswick, NL Newfoundland and Labrador,
NS Nova Scotia, NT Northwest Territories, NU Nunavut, ON Ontario, PE Prince Edward Island, QC Quebec,
SK Saskatchewan, YT Yukon
"""
_COUNTRIES = {
    "us": "us",
    "usa": "us",
    "unitedstates": "us",
    "unitedstatesofamerica": "us",
    "america": "us",
    "ca": "canada",
    "can": "canada",
    "canada": "canada",
}
"""Name or code of a country, without spaces → the common form."""


def address_form(field: str, text: str) -> str:
    """Return the form of an address field, such as `address_state`: Minnesota and MN have one form."""
    form = text_form(text)
    match field:
        case "address_city":
            return " ".join(_CITY_WORDS.get(word, word) for word in form.split())
        case "address_state":
            return _states().get(form.replace(" ", ""), form)
        case "address_country":
            return _COUNTRIES.get(form.replace(" ", ""), form)
        case "address_zip":
            return form.replace(" ", "")
    return form


def is_state(text: str) -> bool:
    """Whether a text is the name or code of a state or province of the US and Canada."""
    return name_form(text) in _states()


@cache
def _states() -> dict[str, str]:
    """Return name or code of a state or province of the US and Canada, without spaces → its code."""
    entries = (entry.split(maxsplit=1) for entry in _STATES.split(","))
    return {form: code.lower() for code, name in entries for form in (code.lower(), name_form(name))}
