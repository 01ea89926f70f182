"""Converts a lead to a row of a file: values and cells for people, or a line of JSON for programs. Pure.

The conversion is lossless: `rotor-mcp import` reads from a cell what Rotor stores. JSON has the API's values.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from rotor_mcp import dates
from rotor_mcp.api.models import LEAD_FIELDS, Lead, whole_if_it_is
from rotor_mcp.import_export.formats.formula_guard import guard

Value = str | int | float | date | datetime
"""What a cell shows. A date-time has minutes and no offset; it is one of the time zone that was asked for."""

COLUMNS = ("id", *(name for name in LEAD_FIELDS if name not in ("id", "notes")), "notes")
"""All fields of a lead; the notes, which are long, come last."""

BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel reads UTF-8 in the machine's code page."""


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as CSV (RFC 4180)."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def json_line(lead: Lead, names: Sequence[str]) -> str:
    """Return the named fields that the lead has as a line of JSON."""
    values = {name: _as_api_number(value) for name in names if (value := getattr(lead, name)) is not None}
    if due := values.get("follow_up_date"):
        values["follow_up_date"] = _with_offset(due)
    return json.dumps(values, ensure_ascii=False) + "\n"


def _with_offset(stored: str) -> str:
    """Add "Z" to a time without an offset, which is UTC. An import would read it as local time."""
    try:
        moment = dates.parse(stored)
    except ValueError:
        return stored
    return f"{stored}Z" if isinstance(moment, datetime) and moment.tzinfo is None else stored


def _as_api_number(value: Any) -> Any:
    """Return a whole number as an integer, which Python's JSON parser had made a float."""
    return [_as_api_number(item) for item in value] if isinstance(value, list) else whole_if_it_is(value)


def lead_cells(lead: Lead, names: Sequence[str], zone: tzinfo) -> list[str]:
    """Return the named fields as cells of CSV, with dates and times in `zone`; missing fields are blank."""
    return [
        # No guard before a number, so that spreadsheets read one.
        guard(value) if isinstance(value, str) else value_text(value)
        for value in lead_values(lead, names, zone)
    ]


def lead_values(lead: Lead, names: Sequence[str], zone: tzinfo) -> list[Value]:
    """Return the named fields as values, with dates and times in `zone`; missing fields are blank texts."""
    return [_value(name, getattr(lead, name), zone) for name in names]


def value_text(value: Value) -> str:
    """Return a value as text: 2026-12-01, 2026-12-01 15:00, 1200."""
    return value.isoformat(" ", "minutes") if isinstance(value, datetime) else str(value)


def _value(name: str, value: Any, zone: tzinfo) -> Value:
    match name, value:
        case _, None:
            return ""
        case _, bool():
            return "yes" if value else "no"
        case _, float() if value.is_integer():
            return int(value)
        case _, int() | float():
            return value
        case "tags", list():
            return tags_text(value)
        case "location", list():
            return ", ".join(str(whole_if_it_is(number)) for number in value)
        case "follow_up_date", _:
            return _date_value(value, zone, dates.follow_up)
        case (("created_at" | "archived_at"), _):
            return _date_value(value, zone, dates.local)
        case _:
            return str(value)


def tags_text(tags: list[str]) -> str:
    """Return tags separated by commas, or as a JSON list if a tag contains a comma."""
    joined = ", ".join(tags)
    if joined.startswith("[") or any("," in tag for tag in tags):
        return json.dumps(tags, ensure_ascii=False)
    return joined


def _date_value(stored: str, zone: tzinfo, read: dates.ReadDate) -> Value:
    """Return a timestamp as a date, or date and time, if that is lossless; else as text with its offset.

    An unknown form stays as it is.
    """
    moment = read(stored, zone)
    if moment is None:
        return stored
    shown = dates.show(stored, zone, read)
    if isinstance(moment, datetime) and dates.instant(shown, zone).astimezone(UTC) != moment.astimezone(UTC):
        return moment.isoformat()
    return dates.parse(shown)
