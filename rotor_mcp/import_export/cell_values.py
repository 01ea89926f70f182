"""Converts cells, as people and spreadsheets write them, to texts that `upsert_lead` accepts.

The format of dates and amounts is detected per column, from all its cells. An ambiguous cell stays as it is:
its row is then rejected with the reason, where a guess could write a wrong value.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, auto

ReadCell = Callable[[str], list[str]]
"""A cell → its values, the preferred one first."""

_BLANK_CELLS = frozenset({"-", "--", "–", "—", ".", "n/a", "#n/a", "#ref!", "#value!", "#name?"})  # noqa: RUF001
"""Cells that are blank in every field."""

_BLANK_IN_FORMATTED_FIELDS = frozenset({"none", "null", "nil", "na", "unknown"})
"""Cells that are blank in fields with a format. In others they are values: there are people called Null, and
a stage may be called None."""

MAX_FORMATTED_CHARS = 300
"""Longer cells are not parsed."""

_FORMATTED_FIELDS = frozenset({"id", "phone", "email", "priority", "projected_value", "follow_up_date"})


@dataclass(frozen=True)
class CellReader:
    """How the cells of a column are converted."""

    read: ReadCell
    note: str = ""
    """What the preview says about the conversion."""


def choose_reader(field: str, header: str, cells: Sequence[str], region: str) -> CellReader:
    """Return how to convert the cells of a column to a field.

    If the header equals the field's name, as in our own files, the formats of other programs are not
    considered. The region (ISO 3166) decides between date formats if the cells are ambiguous.
    """
    foreign = header != field
    cells = [cell for cell in cells if len(cell) <= MAX_FORMATTED_CHARS]
    match field:
        case "tags":
            return CellReader(_foreign_tags if foreign else _tags)
        case "phone" if foreign:
            return CellReader(_without_blanks(field, lambda cell: [*map(_plain_number, _split_values(cell))]))
        case "email" if foreign:
            return CellReader(_without_blanks(field, _split_values))
        case "follow_up_date":
            return _date_reader(cells, region)
        case "projected_value":
            comma = _comma_is_decimal(cells, region)
            note = "a comma read as the decimal point" if comma else ""
            return CellReader(_without_blanks(field, lambda cell: [_amount(cell, comma)]), note)
        case "priority" if foreign:
            return CellReader(_without_blanks(field, lambda cell: [_PRIORITIES.get(cell.lower(), cell)]))
        case "address_zip" if foreign:
            return CellReader(_without_blanks(field, lambda cell: [_plain_number(cell)]))
        case _:
            return CellReader(_without_blanks(field, lambda cell: [cell]))


def _without_blanks(field: str, read: ReadCell) -> ReadCell:
    blanks = _BLANK_CELLS | _BLANK_IN_FORMATTED_FIELDS if field in _FORMATTED_FIELDS else _BLANK_CELLS

    def read_filled(cell: str) -> list[str]:
        cell = cell.strip()
        if len(cell) > MAX_FORMATTED_CHARS and field not in ("notes", "tags"):
            return [cell]  # too long for any of these: the row is rejected
        return _strip_all(read(cell)) if cell and cell.lower() not in blanks else []

    return read_filled


# Texts

_PRIORITIES = {"med": "medium", "normal": "medium"}
"""Other programs' names for Rotor's priorities. "Hot" and "urgent" have no certain equivalent."""


def _split_values(cell: str) -> list[str]:
    """Return the values of a cell. Google Contacts separates several with " ::: "."""
    return _strip_all(cell.split(" ::: "))


def _plain_number(text: str) -> str:
    """Remove what programs add to a phone or ZIP: "p:" and "z:" (Facebook), ".0" (read as a number)."""
    return re.sub(r"^[pz]:\s*|(?<=^\d{5})\.0$|(?<=^\d{10})\.0$|(?<=^\d{11})\.0$", "", text)


def _tags(cell: str) -> list[str]:
    """Return the tags of a cell of our own file: a JSON list, or separated by commas."""
    listed = _json_list(cell)
    return _strip_all(cell.split(",") if listed is None else listed)


def _foreign_tags(cell: str) -> list[str]:
    """Return the tags of a cell of another program: also quoted, or separated by semicolons or line breaks.

    A star marks the system groups of Google Contacts, such as "* myContacts", which are left out.
    """
    listed = _json_list(cell)
    if listed is not None:
        return _strip_all(listed)
    parts = _strip_all(part.strip().strip('"') for part in re.split("[,;\n]| ::: ", cell))
    return [tag for tag in parts if not tag.startswith("* ") and tag.lower() not in _BLANK_CELLS]


def _json_list(cell: str) -> list[str] | None:
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    return [str(item) for item in value] if isinstance(value, list) else None


def _strip_all(texts: Iterable[str]) -> list[str]:
    return [text.strip() for text in texts if text.strip()]


# Amounts

_CURRENCY = re.compile(
    r"^(?:US|CA|AU|NZ|C|A)?[$€£]\s*|\s*[$€£]$|^(?:USD|CAD|EUR|GBP)\s+|\s*(?:USD|CAD|EUR|GBP)$"
)
_POINT_DECIMAL = re.compile(r"\d+(?:\.\d+)?|\d{1,3}(?:[,\s]\d{3})+(?:\.\d+)?")
_COMMA_DECIMAL = re.compile(r"\d{1,3}(?:[.\s]\d{3})+,\d{1,2}|\d{1,3}(?:\.\d{3}){2,}")
_SHORT_COMMA_DECIMAL = re.compile(r"\d+,\d{1,2}")
_GROUPED_BY_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+")


def _comma_is_decimal(cells: Sequence[str], region: str) -> bool:
    """Whether a column has decimal commas. In the United States, 12,50 alone is no evidence but a typo."""
    forms = [_COMMA_DECIMAL] if region == "US" else [_COMMA_DECIMAL, _SHORT_COMMA_DECIMAL]
    return any(form.fullmatch(_bare_amount(cell)) for cell in cells for form in forms)


def _bare_amount(text: str) -> str:
    return _CURRENCY.sub("", text.strip())


def _amount(text: str, comma: bool) -> str:
    """Return an amount in Rotor's form: digits and a decimal point."""
    bare = _bare_amount(text)
    forms = [_COMMA_DECIMAL, _SHORT_COMMA_DECIMAL, _GROUPED_BY_POINTS] if comma else [_COMMA_DECIMAL]
    if any(form.fullmatch(bare) for form in forms):
        return re.sub(r"[.\s]", "", bare).replace(",", ".")
    if _POINT_DECIMAL.fullmatch(bare):
        return re.sub(r"[,\s]", "", bare)
    return text


# Dates

_DAY = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|(?<=[/.])\d{2})(?:,?\s+(.+))?")
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})(?:,?\s+(.+))?")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:\s*([ap])\.?m\.?)?", re.IGNORECASE)


class _Order(Enum):
    """Which orders of day and month the numbers of a date allow."""

    DAY_FIRST = auto()
    MONTH_FIRST = auto()
    SAME = auto()
    AMBIGUOUS = auto()


def _date_reader(cells: Sequence[str], region: str) -> CellReader:
    """Detect whether a column's dates begin with the month or the day.

    If no cell shows it, the month comes first in the United States only: Canada uses both orders.
    """
    found = [day for cell in cells if (day := _DAY.fullmatch(cell.strip()))]
    orders = {_order(day) for day in found}
    mixed = orders >= {_Order.DAY_FIRST, _Order.MONTH_FIRST}
    ambiguous = [day for day in found if _order(day) is _Order.AMBIGUOUS]
    month_first = _Order.MONTH_FIRST in orders or (_Order.DAY_FIRST not in orders and region == "US")
    note = ""
    if found:
        example = "{0}{1}{2}{1}{3}".format(*(ambiguous or found)[0].groups())
        if not mixed:
            note = f"{example} read as {'month/day/year' if month_first else 'day/month/year'}"
        elif ambiguous:
            note = f"in both orders, month first and day first, so dates such as {example} cannot be read"

    def read(cell: str) -> list[str]:
        day = _DAY.fullmatch(cell)
        if mixed and day:
            own = _order(day)
            return [cell if own is _Order.AMBIGUOUS else _date(cell, own is _Order.MONTH_FIRST) or cell]
        return [_date(cell, month_first) or cell]

    return CellReader(_without_blanks("follow_up_date", read), note)


def _order(day: re.Match[str]) -> _Order:
    first, second = int(day[1]), int(day[3])
    if first > 12 >= second:
        return _Order.DAY_FIRST
    if second > 12 >= first:
        return _Order.MONTH_FIRST
    return _Order.SAME if first == second else _Order.AMBIGUOUS


def _date(text: str, month_first: bool) -> str | None:
    """Return a date, with or without a time, in ISO 8601; None if it cannot be parsed."""
    if found := _DAY.fullmatch(text):
        first, _, second, year, time = found.groups()
        month, day = (first, second) if month_first else (second, first)
        year = f"20{year}" if len(year) == 2 else year  # a follow-up is in this century
    elif found := _YEAR_FIRST.fullmatch(text):
        year, _, month, day, time = found.groups()
    else:
        return None
    try:
        if time is None:
            return date(int(year), int(month), int(day)).isoformat()
        hour, minute, second = _clock(time)
        return datetime(int(year), int(month), int(day), hour, minute, second).isoformat()  # noqa: DTZ001
    except ValueError:
        return None


def _clock(text: str) -> tuple[int, int, int]:
    """Parse a time of day: hour, minute, second. Raises ValueError if the text is none."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise ValueError
    hour, minute, second, half = int(found[1]), int(found[2]), int(found[3] or 0), (found[4] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if half == "p" else 0)
    return hour, minute, second
