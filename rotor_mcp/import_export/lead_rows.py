"""A lead → a row of a file: cells of a CSV file, for people, or a line of JSON, for programs. Pure.

Nothing is lost on the way: what `rotor-mcp import` reads from a cell is what Rotor stores. JSON holds the
API's own values.
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
"""All fields of a lead; the long one comes last."""

BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel takes UTF-8 for the code page of the machine."""


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Write rows of cells, as RFC 4180 has it."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def json_line(lead: Lead, names: Sequence[str]) -> str:
    """Write those of the named fields that the lead has, as one line."""
    values = {name: _as_api_number(value) for name in names if (value := getattr(lead, name)) is not None}
    if due := values.get("follow_up_date"):
        values["follow_up_date"] = _with_offset(due)
    return json.dumps(values, ensure_ascii=False) + "\n"


def _with_offset(stored: str) -> str:
    """Say that a time without an offset is UTC, as it is taken to be here. Read again, it would be local."""
    try:
        moment = dates.parse(stored)
    except ValueError:
        return stored
    return f"{stored}Z" if isinstance(moment, datetime) and moment.tzinfo is None else stored


def _as_api_number(value: Any) -> Any:
    """A whole number without a fraction, as JSON has it before Python makes it a float."""
    return [_as_api_number(item) for item in value] if isinstance(value, list) else whole_if_it_is(value)


def lead_cells(lead: Lead, names: Sequence[str], zone: tzinfo) -> list[str]:
    """Write the named fields as cells; what is not known is an empty one.

    Args:
        lead: the lead.
        names: of its fields, in the order of the columns.
        zone: in which days and times are shown.
    """
    return [_cell(name, getattr(lead, name), zone) for name in names]


def _cell(name: str, value: Any, zone: tzinfo) -> str:
    match name, value:
        case _, None:
            return ""
        case _, bool():
            return "yes" if value else "no"
        case _, int() | float():  # our own digits: no guard, so that a spreadsheet can add them up
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
    """Join tags with commas; where these could not be told from one inside a tag, as a JSON list."""
    joined = ", ".join(tags)
    if joined.startswith("[") or any("," in tag for tag in tags):
        return json.dumps(tags, ensure_ascii=False)
    return joined


def _date_text(stored: str, zone: tzinfo, read: dates.ReadDate) -> str:
    """Show an instant as a day, or day and time, if that says all; else with its seconds and offset.

    A form that is not known stays as it is.
    """
    moment = read(stored, zone)
    shown = dates.show(stored, zone, read)
    if not isinstance(moment, datetime):
        return shown
    says_all = dates.instant(shown, zone).astimezone(UTC) == moment.astimezone(UTC)
    return shown if says_all else moment.isoformat()
