"""Formats and parses the API's timestamps: RFC 3339 in UTC, ending in Z."""

import re
from datetime import UTC, datetime
from typing import Literal

_DATE_OR_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2}))?")


def format_utc(instant: datetime) -> str:
    """Format an aware date-time. A fraction of a second is written only if it is not zero."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_as(text: str, form: Literal["z", "offset", "microseconds", "date"]) -> str:
    """Write an instant that `format_utc` has formatted in another form."""
    if form == "z":
        return text
    instant = parse_utc(text)
    match form:
        case "offset":
            return instant.isoformat()
        case "microseconds":
            return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")
        case "date":
            return str(instant.date())


def parse_utc(text: str) -> datetime:
    """Parse an RFC 3339 date-time, or a date, which means its midnight in UTC.

    Raises:
        ValueError: if the text is neither, or lies outside the years 1 to 9999.
    """
    if not _DATE_OR_DATE_TIME.fullmatch(text):
        raise ValueError("neither a date nor a date-time")
    instant = datetime.fromisoformat(text.upper())
    try:
        return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except OverflowError as exc:
        raise ValueError("outside the years that can be written") from exc
