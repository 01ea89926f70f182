"""Converts a lead to a row of a file: cells of CSV for people, or a line of JSON for programs. Pure.

The conversion is lossless: `rotor-mcp import` reads from a cell what Rotor stores. JSON has the API's values.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from rotor_mcp import dates
from rotor_mcp.api.models import Lead, whole_if_it_is
from rotor_mcp.import_export.formats.formula_guard import guard

COLUMNS = ("id", *(name for name in Lead.model_fields if name not in ("id", "notes")), "notes")
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
    """Return the named fields as cells, with dates and times in `zone`; missing fields are blank."""
    return [_cell(name, getattr(lead, name), zone) for name in names]


def _cell(name: str, value: Any, zone: tzinfo) -> str:
    match name, value:
        case _, None:
            return ""
        case _, bool():
            return "yes" if value else "no"
        case _, int() | float():  # no guard, so that spreadsheets read a number
            return str(whole_if_it_is(value))
        case "tags", list():
            return guard(tags_text(value))
        case "location", list():
            return guard(", ".join(str(whole_if_it_is(number)) for number in value))
        case "follow_up_date", _:
            return guard(_date_text(value, zone, dates.follow_up))
        case (("created_at" | "archived_at"), _):
            return guard(_date_text(value, zone, dates.local))
        case _:
            return guard(value)


def tags_text(tags: list[str]) -> str:
    """Return tags separated by commas, or as a JSON list if a tag contains a comma."""
    joined = ", ".join(tags)
    if joined.startswith("[") or any("," in tag for tag in tags):
        return json.dumps(tags, ensure_ascii=False)
    return joined


def _date_text(stored: str, zone: tzinfo, read: dates.ReadDate) -> str:
    """Return a timestamp as a date, or date and time, if that is lossless; else with seconds and offset.

    An unknown form stays as it is.
    """
    moment = read(stored, zone)
    shown = dates.show(stored, zone, read)
    if not isinstance(moment, datetime):
        return shown
    says_all = dates.instant(shown, zone).astimezone(UTC) == moment.astimezone(UTC)
    return shown if says_all else moment.isoformat()
