"""Converts cells, as people and programs write them, to texts that `upsert_lead` accepts.

The formats of dates and amounts are detected per column, from all its cells. What cannot be read without
doubt stays as it is: its row then needs attention, where a guess could write a wrong value.
"""

import html
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from unicodedata import category

from rotor_mcp.import_export.cells.amounts import amount_text, comma_is_decimal
from rotor_mcp.import_export.cells.dates import DateOrder, DateReader, choose_date_reader
from rotor_mcp.import_export.cells.looks import EMAIL, PLAIN_PHONE, looks_like_phone
from rotor_mcp.import_export.cells.names import first_name_first
from rotor_mcp.import_export.formats.encoding import LOST
from rotor_mcp.leads.phones import national_text, parse_phones, phones_in
from rotor_mcp.normalize import unicode_form

MAX_FORMATTED_CHARS = 300
"""Longer cells are not parsed."""


@dataclass(frozen=True)
class CellReading:
    """What a cell says."""

    values: tuple[str, ...] = ()
    """Its values for the field, the preferred one first."""
    of_other_field: tuple[str, ...] = ()
    """E-mail addresses in a cell of phones, phones in one of e-mail addresses."""
    rest: str = ""
    """What else it says, which fits no field; the whole cell if that is needed to understand it."""
    left_out: str = ""
    """What it says and no lead needs."""
    blank_word: bool = False
    """Whether it holds a text that means nothing, such as n/a."""
    fault: str = ""
    """Why it cannot be read, and what to do. The value is then the cell."""


ReadCell = Callable[[str], CellReading]


@dataclass(frozen=True)
class CellReader:
    """How the cells of a column are converted."""

    read: ReadCell
    note: str = ""
    """What the preview says about the conversion."""
    shows_format: bool = False
    """Whether the note shows how every cell is converted, so that single cells need no remark."""


def choose_reader(
    field: str,
    cells: Sequence[str],
    region: str,
    *,
    is_ours: bool = False,
    date_order: DateOrder | None = None,
) -> CellReader:
    """Return how to convert the cells of a column to a field.

    Args:
        field: the field.
        cells: all cells of the column.
        region: country (ISO 3166) that decides what ambiguous cells mean.
        is_ours: whether the file is one of our own, where a cell holds exactly what Rotor stores.
        date_order: of numeric dates, if it is known.
    """
    cells = [cell for cell in cells if len(cell) <= MAX_FORMATTED_CHARS]
    note, shows_format = "", False
    read: ReadCell = _text
    match field:
        case "tags":
            read = _tags if is_ours else _foreign_tags
        case "phone" if not is_ours:
            read = partial(_phone, region=region)
        case "email" if not is_ours:
            read = partial(_email, region=region)
        case "follow_up_date":
            dates = choose_date_reader([_unwrap(cell, is_strict=True) for cell in cells], region, date_order)
            note, shows_format = dates.note, True
            read = partial(_date, dates=dates)
        case "projected_value":
            comma = comma_is_decimal([_unwrap(cell, is_strict=True) for cell in cells], region)
            note, shows_format = "a comma read as the decimal point" if comma else "", True
            read = partial(_amount, comma=comma)
        case "priority" if not is_ours:
            read = _priority
            shows_format = True
        case "address_zip" if not is_ours:
            read = partial(_postal_code, region=region)
        case "name" if not is_ours:
            read = _name
    if field == "tags" and is_ours:
        return CellReader(read)
    return CellReader(_prepared(field, read, is_ours=is_ours), note, shows_format)


# What stands around a value, and words that mean none

_BLANK_CELLS = frozenset(
    (
        *("-", "--", "---", "–", "—", ".", "n/a", "\\n", "undefined"),  # noqa: RUF001 - a dash that people type
        *("#n/a", "#ref!", "#value!", "#name?", "#div/0!", "#null!", "#num!", "#error!"),
        *("(blank)", "(none)", "(null)", "<null>", "[null]", "[object object]"),
        *("not provided", "not given", "not available", "not applicable"),
    )
)
"""Cells that are blank in every field, also in brackets: errors of spreadsheets, and what programs write."""
_BLANK_SPELLINGS = frozenset({"NULL", "NaN"})
"""The same, in this spelling alone: there are people called Null and Nan."""
_BLANK_IN_ADDRESSES = frozenset({"none", "null", "nil", "na", "n.a.", "unknown", "tbd"})
_BLANK_IN_FORMATTED_FIELDS = _BLANK_IN_ADDRESSES | frozenset(
    (
        *("nan", "tba", "?", "??", "???", "x", "xx", "xxx", "empty", "not known"),
        *("no phone", "no number", "no email", "no e-mail", "no mail", "no date", "no zip"),
    )
)
"""Cells that are blank in fields with a format. In others they are values: a stage may be called None."""
_FORMATTED_FIELDS = frozenset(
    {"none", "null", "nil", "na", "n.a.", "nan", "unknown", "tbd", "tba", "?", "??", "???", "x", "xx", "xxx"}
    | {"no phone", "no number", "no email", "no e-mail", "no mail", "no date", "no zip", "not known", "empty"}
)
"""Cells that are blank in fields with a format. In others they are values: a stage may be called None."""
_BLANK_IN_ADDRESSES = frozenset({"none", "null", "nil", "na", "n.a.", "unknown", "tbd"})
_FORMATTED_FIELDS = frozenset(
    {"id", "phone", "email", "priority", "projected_value", "follow_up_date", "address_zip"}
)
_LONG_FIELDS = frozenset({"notes", "tags"})

_NOTHING = CellReading()
_APOSTROPHE = re.compile(r"'[\d+(=]")
_FORMULA_TEXT = re.compile(r'="((?:[^"]|"")*)"')
_MARKUP = re.compile(r"&(?:amp|quot|apos|lt|gt|nbsp|#\d{2,5}|#x[0-9a-f]{2,4});", re.IGNORECASE)
_REORDERING = re.compile("[\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Invisible characters that mean nothing in a text. Joiners (ZWJ) are part of emoji and of scripts."""


def _prepared(field: str, read: ReadCell, *, is_ours: bool) -> ReadCell:
    """Return `read` behind what is done for cells of all fields."""
    blanks = _BLANK_CELLS
    if field in _FORMATTED_FIELDS:
        blanks |= _BLANK_IN_FORMATTED_FIELDS
    elif field.startswith("address_"):
        blanks |= _BLANK_IN_ADDRESSES
    is_strict = field in _FORMATTED_FIELDS

    def read_prepared(cell: str) -> CellReading:
        cell = cell.strip()
        if len(cell) > MAX_FORMATTED_CHARS and field not in _LONG_FIELDS:
            return CellReading((cell,))  # too long for any of these: the row is rejected
        text = cell if is_ours else _unwrap(cell, is_strict=is_strict)
        if not text:
            return _NOTHING
        if (
            text.lower() in blanks
            or text.lower().strip("[]()<>{}") in blanks
            or (text in _BLANK_SPELLINGS and not is_ours)
        ):
            return CellReading(blank_word=True)
        if not is_ours and (fault := _general_fault(text)):
            return CellReading((cell,), fault=fault)
        return read(text)

    return read_prepared


def _general_fault(text: str) -> str:
    if LOST in text:
        return "holds a letter that was lost when the file was written or cut; write it anew"
    if text.startswith("=") and len(text) > 1:
        return "is a formula and not its result; open the file in a spreadsheet, and save it again"
    return ""


def _unwrap(cell: str, *, is_strict: bool) -> str:
    """Remove what programs put around a value: ="…", quotes, an apostrophe, invisible characters, markup.

    Args:
        cell: the cell.
        is_strict: whether the value has a format, in which no invisible character can mean anything.
    """
    text = cell.strip()
    if found := _FORMULA_TEXT.fullmatch(text):
        text = found[1].replace('""', '"').strip()
    elif len(text) > 2 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    if _APOSTROPHE.match(text):
        text = text[1:]
    if not text.isascii():
        if is_strict:
            text = unicode_form("NFKC", "".join(char for char in text if category(char) != "Cf")).strip()
        text = _whole_letters(_REORDERING.sub("", text)).replace("\u00a0", " ").strip()
    if "&" in text and _MARKUP.search(text):
        text = html.unescape(text).replace("\u00a0", " ").strip()
    return text


def _whole_letters(text: str) -> str:
    """Undo that UTF-8 was read in another encoding: `JosÃ©` is José."""
    return _ftfy()(text)


@cache
def _ftfy() -> Callable[[str], str]:
    import ftfy  # takes 30 ms, and most files do not need it

    return ftfy.fix_encoding


def _strip_all(texts: Iterable[str]) -> list[str]:
    return [text.strip() for text in texts if text.strip()]


# Texts

_PRIORITIES = {"med": "medium", "normal": "medium"}
"""Other programs' names for Rotor's priorities. "Hot" and "urgent" have no certain equivalent."""


def _text(cell: str) -> CellReading:
    return CellReading((cell,))


def _name(cell: str) -> CellReading:
    return CellReading((first_name_first(cell),))


def _priority(cell: str) -> CellReading:
    return CellReading((_PRIORITIES.get(cell.lower(), cell),))


def _amount(cell: str, comma: bool) -> CellReading:
    amount = amount_text(cell, comma)
    try:
        float(amount)
    except ValueError:
        return CellReading((cell,), fault="not one amount such as 1200.50; a range has to be decided")
    return CellReading((amount,))


def _date(cell: str, dates: DateReader) -> CellReading:
    date = dates.read(cell)
    return CellReading((date,)) if date else CellReading(blank_word=True)


def _tags(cell: str) -> CellReading:
    """Read the tags of a cell of our own file: a JSON list, or separated by commas."""
    listed = _json_list(cell)
    return CellReading(tuple(_strip_all(cell.split(",") if listed is None else listed)))


def _foreign_tags(cell: str) -> CellReading:
    """Read the tags of a cell of another program: also quoted, or separated by semicolons, bars or lines.

    A star marks the system groups of Google Contacts, such as "* myContacts", which are left out.
    """
    listed = _json_list(cell)
    parts = (
        listed
        if listed is not None
        else [part.strip().strip('"') for part in re.split(r"[,;\n|]| ::: ", cell)]
    )
    tags = [tag for tag in _strip_all(parts) if tag.lower() not in _BLANK_CELLS]
    groups = [tag for tag in tags if tag.startswith("* ")]
    return CellReading(tuple(tag for tag in tags if tag not in groups), left_out=", ".join(groups))


def _json_list(cell: str) -> list[str] | None:
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return [str(item) for item in value] if isinstance(value, list) else None


_ZIP_CHARS = 5


def _postal_code(cell: str, region: str) -> CellReading:
    """Read a ZIP code, also one that was taken for a number: 2134, 55328.0, or that ends in a hyphen."""
    code = re.sub(r"^z:\s*|(?<=^\d{3})\.0+$|(?<=^\d{4})\.0+$|(?<=^\d{5})\.0+$|\s*-$", "", cell)
    if region == "US" and code.isdecimal() and 3 <= len(code) < _ZIP_CHARS:
        code = code.zfill(_ZIP_CHARS)
    return CellReading((code,))


# Ways to contact somebody

_SCIENTIFIC = re.compile(r"\+?(\d)(?:[.,](\d+))?E\+?(\d{1,2})", re.IGNORECASE)
_BETWEEN_PHONES = re.compile(r"\s*(?:[;|\n]| ::: |\bor\b|\band\b|&|,|/(?=.*\d{4}))\s*", re.IGNORECASE)
_LABEL = re.compile(
    r"\b(?:cell(?:ular)?|mobile?|mob|home|house|work|office|business|main|primary|other|phone|telephone|tel|direct"
    r"|landline|personal|e-?mail|mail|call|text|number|no|ph|[chwmpo])\b\.?",
    re.IGNORECASE,
)
_FAX = re.compile(r"\bfax\b|\bf:", re.IGNORECASE)
_NO_EMAIL = re.compile(r"(?:none|no-?e?-?mail|na|nomail|noaddress|unknown|null)@.*", re.IGNORECASE)
_MAX_NUMBER_DIGITS = 11


def _phone(cell: str, region: str) -> CellReading:
    """Read the phone numbers of a cell: with labels, several, or as a spreadsheet stores numbers."""
    emails = _emails_in(cell) if "@" in cell else ()
    if emails:
        cell = _without(cell, emails)
        if not any(map(str.isdigit, cell)):
            return CellReading(of_other_field=emails)
    text = re.sub(r"^p:\s*|(?<=^\d{10})\.0+$|(?<=^\d{11})\.0+$", "", cell)
    if PLAIN_PHONE.fullmatch(text) or not text:
        return CellReading((text,)) if text else CellReading(blank_word=True)
    if found := _SCIENTIFIC.fullmatch(text):
        return _scientific(cell, found)
    numbers: list[str] = []
    rest: list[str] = []
    for part in _strip_all(_BETWEEN_PHONES.split(text)):
        found_numbers = [] if _FAX.search(part) else phones_in(part, region)
        numbers += found_numbers
        if _words_beside(part, found_numbers):
            rest.append(part)
    if not numbers:
        if parse_phones(text, region).forms and not _FAX.search(text):
            return CellReading((national_text(text, region),), of_other_field=emails)
        return CellReading((cell,), fault="no phone number that could exist; correct it or leave it blank")
    return CellReading(tuple(dict.fromkeys(numbers)), emails, rest=cell if rest else "")


def _scientific(cell: str, found: re.Match[str]) -> CellReading:
    digits, places = found[1] + (found[2] or ""), int(found[3])
    if len(digits.rstrip("0")) - 1 <= places < _MAX_NUMBER_DIGITS + 2 and len(digits) - 1 == places:
        return CellReading((digits,))
    return CellReading(
        (cell,),
        fault="digits of this number are lost; format the column as text and enter it again",
    )


def _words_beside(part: str, numbers: Sequence[str]) -> bool:
    """Whether a text says more than phone numbers and what kind they are."""
    for number in numbers:
        part = part.replace(number, " ")
    return any(char.isalnum() for char in _LABEL.sub("", part))


def _email(cell: str, region: str) -> CellReading:
    """Read the e-mail addresses of a cell: several, or with a name before them."""
    found = _emails_in(cell)
    real = tuple(address for address in found if not _NO_EMAIL.fullmatch(address))
    beside = _without(cell, found)
    phones = _phone(beside, region) if looks_like_phone(beside, region) else CellReading()
    if not real and (phones.fault or not phones.values):
        if found:
            return CellReading(blank_word=True)
        return CellReading((cell,), fault="not an e-mail address such as name@example.com")
    numbers = () if phones.fault else phones.values
    return CellReading(real, numbers, rest=cell if phones.rest or "@" in beside else "")


def _emails_in(text: str) -> tuple[str, ...]:
    found = dict.fromkeys(address.removeprefix("mailto:") for address in EMAIL.findall(text))
    return tuple(address for address in found if ".." not in address and not address.startswith("."))


def _without(text: str, parts: Iterable[str]) -> str:
    """Return a text without some of its parts, and without what separated them."""
    for part in parts:
        text = text.replace(part, " ")
    return text.strip(" ,;/|<>")
