"""Recognizes by its look what a cell or a column holds: phones, e-mails, dates, amounts, ZIP codes. Pure."""

import re
from collections.abc import Sequence
from typing import Literal

from rotor_mcp.import_export.cells.addresses import split_address
from rotor_mcp.leads.phones import parse_phones

Look = Literal["phone", "email", "date", "amount", "zip", "address", "name"]

EMAIL = re.compile(r"[^\s<>()\[\],;:|\"'@]+(?:'[^\s<>()\[\],;:|\"'@]+)*@(?:[\w-]+\.)+[^\W\d_]{2,}")
"""An e-mail address within a text. A host without a dot, or a dot without a letter behind it, is none."""
PLAIN_PHONE = re.compile(r"(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-]?)[2-9]\d{2}[ .-]?\d{4}")
"""A number of the North American plan, as it is usually written."""

_MOST = 0.6
"""Share of a column's cells that must look alike."""
_MIN_PHONE_DIGITS = 7
_MAX_LOOKED_AT_CHARS = 100

_DATE = re.compile(
    r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}(?:[ T,].*)?"
    r"|(?:[a-z]{3,9},? )?[a-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}(?: .*)?"
    r"|(?:[a-z]{3,9},? )?\d{1,2}[ -][a-z]{3,9}[ -]\d{2,4}(?: .*)?",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"[$€£]\s?[\d.,\s]+|\d{1,3}(?:['\u2019]\d{3})+(?:\.[\d-]+)?|[\d.,\s]+\s?[$€£]|\d{1,3}(?:,\d{3})+(?:\.\d\d)?|\d+\.\d\d"
)
_POSTAL_CODE = re.compile(r"\d{5}(?:-\d{4})?|[a-z]\d[a-z] ?\d[a-z]\d", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d_][\w.'\u2019-]*(?:,? (?:&|[^\W\d_][\w.'\u2019-]*)){1,4}")


def looks_like_email(text: str) -> bool:
    """Whether a text contains an e-mail address."""
    return "@" in text and len(text) <= _MAX_LOOKED_AT_CHARS and EMAIL.search(text) is not None


def looks_like_phone(text: str, region: str) -> bool:
    """Whether a text is a phone number, perhaps with a few words; an e-mail address or a date is none."""
    text = text.strip()
    if PLAIN_PHONE.fullmatch(text):
        return True
    digits = sum(char.isdigit() for char in text)
    if digits < _MIN_PHONE_DIGITS or len(text) > _MAX_LOOKED_AT_CHARS or "@" in text or _DATE.fullmatch(text):
        return False
    letters = sum(char.isalpha() for char in text)
    # Without a sign of a phone, a long number is an account or an order.
    return (
        letters <= digits and bool(re.search(r"[+()./ -]", text)) and bool(parse_phones(text, region).forms)
    )


def looks_like_contact(text: str, region: str) -> bool:
    """Whether a text is or contains a way to contact somebody."""
    return looks_like_email(text) or looks_like_phone(text, region)


def looks_like_value(text: str, region: str) -> bool:
    """Whether a text is a value and not the name of a column: a contact, a date, an amount or a number."""
    text = text.strip()
    is_number = text.replace(".", "").replace(",", "").isdecimal() and len(text) > 1
    return is_number or _look_of(text, region) in ("phone", "email", "date", "amount", "zip")


def look_of_column(cells: Sequence[str], region: str) -> Look | None:
    """Return what most of some cells hold, none of them blank; None if it is nothing that is recognized."""
    looks = [_look_of(cell, region) for cell in cells]
    found = [look for look in looks if look]
    if not found:
        return None
    enough = _MOST * len(cells)
    most = max(set(found), key=found.count)
    if found.count(most) >= enough:
        return most
    phones, emails = found.count("phone"), found.count("email")
    if phones + emails >= enough:  # some wrote the one, and some the other
        return "phone" if phones > emails else "email"
    return None


def _look_of(text: str, region: str) -> Look | None:
    if len(text) > _MAX_LOOKED_AT_CHARS:
        return None
    if looks_like_email(text):
        return "email"
    if _POSTAL_CODE.fullmatch(text):
        return "zip"
    if _DATE.fullmatch(text):
        return "date"
    if looks_like_phone(text, region):
        return "phone"
    if _AMOUNT.fullmatch(text):
        return "amount"
    if region == "US" and split_address(text):
        return "address"
    return "name" if _NAME.fullmatch(text) else None
