"""Reads dates as people and spreadsheets write them. Pure.

Whether 1/2/2026 begins with the month is decided for a column from all its dates. One date of the other order
spoils its own row and not the column.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

DateOrder = Literal["mdy", "dmy", "ymd"]
"""The order of the numbers of a date: month, day, year."""

_DAY = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:,?\s+(.+))?")
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})(?:,?\s+(.+))?")
_COMPACT = re.compile(r"(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:\s*([ap])\.?m\.?)?", re.IGNORECASE)
_SERIAL = re.compile(r"([34567]\d{4})(?:\.(\d+))?")
"""Days as a spreadsheet counts them: from 1982 to 2118."""
_FIRST_SERIAL = datetime(1899, 12, 30)  # noqa: DTZ001 - a cell has no zone
_ZERO = re.compile(
    r"0{1,4}([/.-])0{1,2}\1(?:0{4}|0{2})(?:[ T][0:.]+)?|1/0/1900|12/30/1899|1899-12-3[01].*|0001-01-01.*"
)
_FIRST_YEAR = 20
"""Of this century: with hyphens, two digits of an earlier year are taken for a day."""
_ORDER_TEXTS = {"mdy": "month/day/year", "dmy": "day/month/year", "ymd": "year/month/day"}
_MAJORITY = 3
"""How many times more dates of one order than of the other decide a column."""
_MONTH_NAME = re.compile(r"[a-z]{3}", re.IGNORECASE)
_MAX_DATE_CHARS = 60


@dataclass(frozen=True)
class DateReader:
    """How the dates of a column are read."""

    read: Callable[[str], str]
    """A cell → ISO 8601; blank for a date of zeros, and the cell as it is if it cannot be read."""
    note: str
    """What the preview says about it."""


def choose_date_reader(cells: Sequence[str], region: str, order: DateOrder | None) -> DateReader:
    """Detect whether a column's dates begin with the month or the day.

    If no cell shows it, the month comes first in the United States only: Canada uses both orders. If cells
    show both, those of the rarer order are not read, and without a clear majority no ambiguous one is.

    Args:
        cells: of the column.
        region: country (ISO 3166).
        order: if it is known.
    """
    found = [day for cell in cells if (day := _numeric_date(cell.strip()))]
    shown = Counter(own for day in found if (own := _order(day)))
    order = order or _order_of_column(shown["mdy"], shown["dmy"], region)
    fitting = [day for day in found if (order is None or _order(day) in (order, None)) and _exists(day)]
    ambiguous = [day for day in fitting if _order(day) is None and day[1] != day[3]]
    note = ""
    if fitting:
        example = "{0}{1}{2}{1}{3}".format(*(ambiguous or fitting)[0].groups())
        if order:
            note = f"{example} read as {_ORDER_TEXTS[order]}"
        elif ambiguous:
            note = (
                f"in both orders, month first and day first, so dates such as {example} cannot be read; "
                "--dates mdy or --dates dmy decides"
            )
    return DateReader(lambda cell: _read(cell, order), note)


def _numeric_date(text: str) -> re.Match[str] | None:
    """Match a date of three numbers that does not begin with the year."""
    found = _DAY.fullmatch(text)
    return None if found is None or _ZERO.fullmatch(text) or _may_begin_with_year(found) else found


def _order_of_column(month_first: int, day_first: int, region: str) -> DateOrder | None:
    """Return the order that the dates of a column show, by how many show each; None if they contradict."""
    if not (month_first or day_first):
        return "mdy" if region == "US" else "dmy"
    if max(month_first, day_first) < _MAJORITY * min(month_first, day_first):
        return None
    return "mdy" if month_first > day_first else "dmy"


def _may_begin_with_year(day: re.Match[str]) -> bool:
    """Whether a date such as 26-12-01 may begin with the year: as its end, 01 would be long ago."""
    return day[2] == "-" and len(day[4]) == 2 and int(day[4]) < _FIRST_YEAR


def _exists(day: re.Match[str]) -> bool:
    """Whether one of the numbers before the year is a month, and the other a day."""
    first, second = sorted((int(day[1]), int(day[3])))
    return 1 <= first <= 12 and second <= 31


def _order(day: re.Match[str]) -> DateOrder | None:
    """Return the only order that the numbers of a date allow; None if they allow several."""
    first, second = int(day[1]), int(day[3])
    if first > 12 >= second:
        return "dmy"
    if second > 12 >= first:
        return "mdy"
    return None


def _read(cell: str, order: DateOrder | None) -> str:
    """Return a date, with or without a time, in ISO 8601; the cell if it is none, blank if it is zero."""
    text = cell.strip()
    if _ZERO.fullmatch(text):
        return ""
    if len(text) > _MAX_DATE_CHARS:
        return cell
    try:
        return _parsed(text, order) or cell
    except (ValueError, OverflowError):
        return cell


def _parsed(text: str, order: DateOrder | None) -> str | None:
    if found := _DAY.fullmatch(text):
        return _numeric(found, order)
    if found := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        year, month, day = (found[1], found[3], found[4]) if found.re is _YEAR_FIRST else found.groups()
        return _iso(year, month, day, found[5] if found.re is _YEAR_FIRST else None)
    if found := _SERIAL.fullmatch(text):
        moment = _FIRST_SERIAL + timedelta(days=float(text))
        moment = (moment + timedelta(milliseconds=500)).replace(microsecond=0)
        return moment.isoformat() if found[2] and moment.time() != datetime.min.time() else str(moment.date())
    return _with_month_name(text) if _MONTH_NAME.search(text) else None


def _numeric(found: re.Match[str], order: DateOrder | None) -> str | None:
    first, _, second, year, time = found.groups()
    if order != "ymd" and _may_begin_with_year(found):
        return None
    if order == "ymd":
        return _iso(f"20{first}", second, year, time) if len(year) == 2 and len(first) == 2 else None
    if order is None:
        order = _order(found) or ("mdy" if first == second else None)
    if order is None:
        return None
    month, day = (first, second) if order == "mdy" else (second, first)
    return _iso(f"20{year}" if len(year) == 2 else year, month, day, time)  # a follow-up is in this century


def _iso(year: str, month: str, day: str, time: str | None) -> str:
    if time is None:
        return date(int(year), int(month), int(day)).isoformat()
    return datetime(int(year), int(month), int(day), *_clock(time)).isoformat()  # noqa: DTZ001


def _with_month_name(text: str) -> str | None:
    """Read a date such as Dec 1, 2026 or 1-Dec-26 9:30 PM; None if it does not name day, month and year."""
    from dateutil import parser  # takes 10 ms, and most files do not need it

    defaults = (datetime(2000, 1, 1), datetime(2001, 2, 2))  # noqa: DTZ001 - what is not said differs
    first, second = (parser.parse(text, default=default, tzinfos=_refuse_zone) for default in defaults)
    if first != second:
        return None
    return (
        first.isoformat()
        if ":" in text or re.search(r"\d\s?[ap]m", text, re.IGNORECASE)
        else str(first.date())
    )


def _refuse_zone(name: str | None, offset: int | None) -> None:
    """Refuse a date with a time zone, such as EST. Raises ValueError; the parser calls it for every date."""
    if name is not None or offset is not None:
        raise ValueError


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
