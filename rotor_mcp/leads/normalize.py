"""Texts in forms that can be compared: names, e-mails, addresses and phone numbers. Pure.

Two spellings are the same if their forms are equal. Forms are compared and never shown or stored.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal
from unicodedata import combining, normalize

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

MAX_PHONE_CHARS = 100
"""Characters of a text in which phone numbers are looked for. A text of this length takes 1 ms at most."""
CACHED_FORMS = 4_096
"""Texts whose forms are remembered, since each is compared with many."""
LONGEST_PHONE_GROUP = 4
SHORTEST_PHONE = 7
"""Digits of a phone number without its area code. Fewer digits are a part of one."""

_PIECE_CHARS = 100
# Letters that Unicode does not take apart into a plain letter and an accent.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}  # noqa: RUF001
)
_APOSTROPHES = re.compile("(?<=\\w)['`´ʹʻʼʽ‘’‛′＇](?=\\w)")  # noqa: RUF001 - all that people type for one
_WORD = re.compile(r"[^\W_]+|[\u2600-\u27bf\U0001f000-\U0001faff]")
_BETWEEN_EMAILS = re.compile(r"[\s<>()\[\],;:\"]+")
_PHONE_QUERY = re.compile(r"(?:tel:)?[\d\s()+./\u2010-\u2015-]+(?:(?:x|ext\.?)\s*\d+)?", re.IGNORECASE)


def _normalized(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """Normalise a text in pieces: of one with many accents in a row, the time grows with the square."""
    if len(text) <= _PIECE_CHARS or text.isascii():
        return normalize(form, text)
    pieces = (text[at : at + _PIECE_CHARS] for at in range(0, len(text), _PIECE_CHARS))
    return "".join(normalize(form, piece) for piece in pieces)


@lru_cache(maxsize=CACHED_FORMS)
def caseless(text: str) -> str:
    """Return a text, such as an e-mail address, without its capitals and double blanks."""
    return " ".join(_normalized("NFC", word) for word in text.split()).casefold()


@lru_cache(maxsize=CACHED_FORMS)
def words(text: str) -> tuple[str, ...]:
    """Return the words and emoji of a text, without capitals, accents, apostrophes and punctuation."""
    text = _APOSTROPHES.sub("", text).casefold()
    if not text.isascii():
        text = _normalized("NFKD", text)
        text = text.translate(_LETTERS | {ord(char): None for char in set(text) if combining(char)})
    return tuple(_WORD.findall(text))


@lru_cache(maxsize=CACHED_FORMS)
def text_form(text: str) -> str:
    """Return a text without capitals, accents and punctuation; one of punctuation alone stays."""
    return " ".join(words(text)) or caseless(text)


def name_form(text: str) -> str:
    """Return a name without blanks too: O'Brien, O Brien and OBrien have one form."""
    return "".join(words(text)) or caseless(text)


def name_search(text: str) -> str:
    """Return the part of a name to search for: its longest piece without accents and apostrophes."""
    pieces = re.findall(r"[A-Za-z]{2,}", text) or re.findall(r"\w+", text)
    return max(pieces, key=len, default=text)


def email_forms(text: str) -> tuple[str, ...]:
    """Return the forms of a text and of all e-mail addresses in it: `Ann <a@x.com>, b@x.com` has two."""
    found = [piece for piece in _BETWEEN_EMAILS.split(text) if "@" in piece[1:-1]]
    return tuple(dict.fromkeys([caseless(text), *(caseless(piece.strip("'")) for piece in found)]))


# Phone numbers


def phone_form(text: str, region: str) -> str:
    """Return the form that all spellings of a phone number share.

    Args:
        text: the number as somebody typed it. Of several numbers the first counts.
        region: country (ISO 3166, such as US) of numbers without a country code.
    """
    forms = phone_forms(text, region)
    return forms[0] if forms else re.sub(r"\W", "", text).casefold()


def phone_forms(text: str, region: str) -> tuple[str, ...]:
    """Return the forms of all phone numbers in a text: `612-555-0101 (cell), 612-555-0102` has two.

    A text without a number that could exist, such as `unknown` or `000-000-0000`, has none.
    """
    return tuple(dict.fromkeys(map(_form, _possible_phones(text, region))))


def phone_search(text: str, region: str) -> str:
    """Return the part of a phone number to search for: its last digits, as many as all spellings share.

    These are the last group in which the number's country writes it, four digits at most. Where a country
    has no groups, or none so short, people write pairs, and it is two.
    """
    number = _first(text, region)
    if number is None or not is_possible_phone(text, region):
        return _digits(text)[-LONGEST_PHONE_GROUP:] or text
    import phonenumbers

    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    group = len(re.findall(r"\d+", written.partition(" ext")[0])[-1])
    return str(number.national_number)[-(group if group <= LONGEST_PHONE_GROUP else 2) :]


def longer_phone_search(text: str, region: str) -> str:
    """Return four digits to search for, where fewer find too many leads."""
    number = _first(text, region)
    return (str(number.national_number) if number else _digits(text))[-LONGEST_PHONE_GROUP:] or text


def is_possible_phone(text: str, region: str) -> bool:
    """Whether a text is a number that could exist, with or without its area code."""
    return bool(_possible_phones(text, region))


def _possible_phones(text: str, region: str) -> "list[PhoneNumber]":
    import phonenumbers

    return [
        number
        for number in _parse_phones(text, region)
        if phonenumbers.is_possible_number(number) and len({*str(number.national_number)}) > 1
    ]


def is_phone_query(text: str) -> bool:
    """Whether a text that is searched for is a whole phone number, with or without its area code."""
    return _PHONE_QUERY.fullmatch(text.strip()) is not None and len(_digits(text)) >= SHORTEST_PHONE


def phone_matches(query: str, stored: str, region: str) -> bool:
    """Whether a stored phone holds the number, or the part of one, that is searched for.

    Digits are compared, so that every spelling matches. A number without its area code matches one with it.
    """
    if not _PHONE_QUERY.fullmatch(query.strip()) or len(_digits(query)) < 3:
        return False
    if len(_digits(query)) < SHORTEST_PHONE:
        return _digits(query) in _digits(stored)
    wanted, held = _digit_forms(query, region), _digit_forms(stored, region)
    return any(one in other or other in one for one in wanted for other in held)


def _digit_forms(text: str, region: str) -> set[str]:
    numbers = _parse_phones(text, region)
    forms = {str(number.national_number) for number in numbers} or {_digits(text)}
    return {form for form in forms if len(form) >= SHORTEST_PHONE}


@lru_cache(maxsize=CACHED_FORMS)
def _digits(text: str) -> str:
    return "".join(re.findall(r"\d", _normalized("NFKC", text)))


def _form(number: "PhoneNumber") -> str:
    extension = f";ext={number.extension}" if number.extension else ""
    return f"+{number.country_code}{number.national_number}{extension}"


def _first(text: str, region: str) -> "PhoneNumber | None":
    numbers = _parse_phones(text, region)
    return numbers[0] if numbers else None


def _parse_phones(text: str, region: str) -> "Sequence[PhoneNumber]":
    """Read the phone numbers in the beginning of a text, valid ones if there are any.

    Beside numbers as they should be written, these are read: numbers with words around them, several in one
    text, a national number behind a plus sign (+612-555-0101) or a zero (0612 555 0101), a country code
    behind 00 (001 612 555 0101).
    """
    return _phones_in(text[:MAX_PHONE_CHARS], region)


@lru_cache(maxsize=CACHED_FORMS)
def _phones_in(text: str, region: str) -> "tuple[PhoneNumber, ...]":
    import phonenumbers  # its tables are not needed before the first write

    whole = _parse_phone(text, region)
    if whole is not None and phonenumbers.is_valid_number(whole):
        return (whole,)
    found = [match.number for match in phonenumbers.PhoneNumberMatcher(text, region, _leniency())]
    if valid := [number for number in found if phonenumbers.is_valid_number(number)]:
        return tuple(valid)
    digits = _digits(text)
    others = [digits, *([f"+{digits[2:]}"] if digits.startswith("00") else []), digits.removeprefix("0")]
    for other in others:
        number = _parse_phone(other, region)
        if number is not None and phonenumbers.is_valid_number(number):
            return (number,)
    return tuple(found) if len(found) > 1 or whole is None else (whole,)


def _leniency() -> int:
    import phonenumbers

    possible: int = phonenumbers.Leniency.POSSIBLE
    return possible


def _parse_phone(text: str, region: str) -> "PhoneNumber | None":
    import phonenumbers

    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


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
"""Name or code of a country, without blanks → the form that all of them share."""


def address_form(field: str, text: str) -> str:
    """Return the form of a part of an address, such as `address_state`: Minnesota and MN have one form."""
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


@cache
def _states() -> dict[str, str]:
    """Name or code of a state or province of the US and Canada → its code. Blanks are left out."""
    return dict(_state_names())


def _state_names() -> Iterator[tuple[str, str]]:
    for entry in _STATES.replace("\n", " ").split(","):
        code, _, name = entry.strip().partition(" ")
        yield code.lower(), code.lower()
        yield name_form(name), code.lower()
