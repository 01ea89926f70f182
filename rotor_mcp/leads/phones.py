"""Parses phone numbers in any spelling: canonical forms, and the digits to search for. Pure.

Rotor does not document how it compares phones; it may compare letter by letter. So numbers are compared here,
with the tables of `phonenumbers`.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from rotor_mcp.normalize import CACHED_FORMS, unicode_form

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# The tables of `phonenumbers` take longer to load than all of this package: the first phone loads them.

MAX_PHONE_CHARS = 100
"""Characters of a text in which phone numbers are looked for. A text of this length takes 1 ms at most."""
CACHED_PHONES = 2_048
"""Texts whose numbers are remembered, since each is compared with many."""
MAX_PHONE_GROUP = 4
"""Digits to search for at most: the last group of a number in most countries."""
MIN_PHONE_DIGITS = 7
"""Digits of a phone number without its area code. Fewer digits are a part of one."""

_PHONE_QUERY = re.compile(r"(?:tel:)?[\d\s()+./\u2010-\u2015-]+(?:(?:x|ext\.?)\s*\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class PhoneText:
    """The phone numbers in a text."""

    text: str
    numbers: "tuple[PhoneNumber, ...]"
    """In their order; valid ones if there are any."""
    forms: tuple[str, ...]
    """The canonical form of each number that could exist, such as `+16125550101`."""

    @cached_property
    def search(self) -> str:
        """The digits to search for: the last digits, as many as all spellings of the number share.

        These are the last group in which the number's country writes it, four digits at most. Where a
        country has no groups, or none so short, people write pairs, and it is two.
        """
        if not self.forms:
            return digits_of(self.text)[-MAX_PHONE_GROUP:] or self.text
        import phonenumbers

        number = self.numbers[0]
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        group = len(re.findall(r"\d+", written.partition(" ext")[0])[-1])
        return str(number.national_number)[-(group if group <= MAX_PHONE_GROUP else 2) :]

    @property
    def beginnings(self) -> tuple[str, ...]:
        """The texts to search for where a search finds the beginnings of words only.

        These are the last group of digits, and all digits, with the country code and without: what stands in
        a stored number without blanks or signs in between is one word.
        """
        number = self.numbers[0]
        national = str(number.national_number)
        return self.search, national, f"{number.country_code}{national}"

    @property
    def longer_search(self) -> str:
        """Four digits to search for, where `search` finds too many leads."""
        digits = str(self.numbers[0].national_number) if self.numbers else digits_of(self.text)
        return digits[-MAX_PHONE_GROUP:] or self.text


@lru_cache(maxsize=CACHED_PHONES)
def parse_phones(text: str, region: str) -> PhoneText:
    """Find the phone numbers in the first `MAX_PHONE_CHARS` characters of a text.

    Beside numbers as they should be written, these are read: numbers with words around them, several in one
    text, a national number behind a plus sign (+612-555-0101) or a zero (0612 555 0101), a country code
    behind 00 (001 612 555 0101). A text without a number that could exist, such as `unknown` or
    `000-000-0000`, has no forms.

    Args:
        text: as somebody typed it.
        region: country (ISO 3166, such as US) of numbers without a country code.
    """
    import phonenumbers

    text = text[:MAX_PHONE_CHARS]
    numbers = _numbers(text, region)
    forms = (
        f"+{number.country_code}{number.national_number}"
        + (f";ext={number.extension}" if number.extension else "")
        for number in numbers
        if phonenumbers.is_possible_number(number) and len({*str(number.national_number)}) > 1
    )
    return PhoneText(text, numbers, tuple(dict.fromkeys(forms)))


def _numbers(text: str, region: str) -> "tuple[PhoneNumber, ...]":
    import phonenumbers

    whole = _parse_one(text, region)
    if whole is not None and phonenumbers.is_valid_number(whole):
        return (whole,)
    possible: int = phonenumbers.Leniency.POSSIBLE
    found = [match.number for match in phonenumbers.PhoneNumberMatcher(text, region, possible)]
    if valid := [number for number in found if phonenumbers.is_valid_number(number)]:
        return tuple(valid)
    digits = digits_of(text)
    others = [digits, *([f"+{digits[2:]}"] if digits.startswith("00") else []), digits.removeprefix("0")]
    for other in others:
        number = _parse_one(other, region)
        if number is not None and phonenumbers.is_valid_number(number):
            return (number,)
    return tuple(found) if len(found) > 1 or whole is None else (whole,)


def phones_in(text: str, region: str) -> list[str]:
    """Return the numbers in a text as they are written there, without words around them.

    A number that could not exist is none, nor one that would have to be rewritten, such as 001 612 555 0101
    or +612-555-0101.
    """
    import phonenumbers

    text = text[:MAX_PHONE_CHARS]
    whole = _parse_one(text, region)
    if whole is not None and phonenumbers.is_valid_number(whole) and _PHONE_QUERY.fullmatch(text):
        return [] if text.lstrip().startswith("00") else [text]
    possible: int = phonenumbers.Leniency.POSSIBLE
    found = [
        match
        for match in phonenumbers.PhoneNumberMatcher(text, region, possible)
        if len({*str(match.number.national_number)}) > 1
    ]
    valid = [match for match in found if phonenumbers.is_valid_number(match.number)]
    if not valid and any(map(phonenumbers.is_valid_number, _numbers(text, region))):
        return []
    return [match.raw_string for match in valid or found]


def national_text(text: str, region: str) -> str:
    """Return the first number in a text as its country writes it, with its code if it is another country."""
    import phonenumbers

    (number, *_) = parse_phones(text, region).numbers
    national = number.country_code == phonenumbers.country_code_for_region(region)
    form = (
        phonenumbers.PhoneNumberFormat.NATIONAL if national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
    return str(phonenumbers.format_number(number, form))


def _parse_one(text: str, region: str) -> "PhoneNumber | None":
    import phonenumbers

    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def phone_form(text: str, region: str) -> str:
    """Return the canonical form of the first number in a text; without one, the text's letters and digits."""
    forms = parse_phones(text, region).forms
    return forms[0] if forms else re.sub(r"\W", "", text).casefold()


@lru_cache(maxsize=CACHED_FORMS)
def digits_of(text: str) -> str:
    """Return the digits of a text, of any script, as they stand."""
    return "".join(re.findall(r"\d", unicode_form("NFKC", text)))


def is_phone_query(text: str) -> bool:
    """Whether a search text is a whole phone number, with or without its area code."""
    return _PHONE_QUERY.fullmatch(text.strip()) is not None and len(digits_of(text)) >= MIN_PHONE_DIGITS


def phone_matches(query: str, stored: str, region: str) -> bool:
    """Whether a stored phone holds the number, or the part of one, that is searched for.

    Digits are compared, so that every spelling matches. A number without its area code matches one with it.
    """
    if not _PHONE_QUERY.fullmatch(query.strip()) or len(digits_of(query)) < 3:
        return False
    if len(digits_of(query)) < MIN_PHONE_DIGITS:
        return digits_of(query) in digits_of(stored)
    wanted, held = _digit_forms(query, region), _digit_forms(stored, region)
    return any(one in other or other in one for one in wanted for other in held)


def _digit_forms(text: str, region: str) -> set[str]:
    numbers = parse_phones(text, region).numbers
    forms = {str(number.national_number) for number in numbers} or {digits_of(text)}
    return {form for form in forms if len(form) >= MIN_PHONE_DIGITS}
