"""Dates as Rotor keeps them (RFC 3339 instants) and as people mean them (days in the company's time zone).

Rotor's reference does not say which forms of `follow_up_date` it accepts. Its answers are RFC 3339
date-times, so that is what is sent: in UTC and to the second, the form that the strictest parser takes.
"""

from datetime import UTC, date, datetime, time, tzinfo

NOON = time(12)
_LONGEST_DATE = len("2026-12-01")


def parse(text: str) -> date | datetime:
    """Read an ISO 8601 date or date-time.

    Raises:
        ValueError: if it is neither.
    """
    return date.fromisoformat(text) if len(text) <= _LONGEST_DATE else datetime.fromisoformat(text)


def to_rotor(text: str, zone: tzinfo) -> str:
    """Turn a date or date-time into the instant that is sent.

    A date is sent as its noon in `zone`, so that no time zone in reach shows it a day early. A date-time
    without an offset is taken to be in `zone`.
    """
    value = parse(text)
    if not isinstance(value, datetime):
        value = datetime.combine(value, NOON)
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def local(text: str, zone: tzinfo) -> date | datetime | None:
    """Read what Rotor answered as a date or a date-time in `zone`; None if it is in no form we know."""
    try:
        value = parse(text)
        if isinstance(value, datetime):
            return value.replace(tzinfo=value.tzinfo or UTC).astimezone(zone)
    except (ValueError, OverflowError):
        return None
    return value


def day(text: str, zone: tzinfo) -> date | None:
    """The calendar day in `zone` of what Rotor answered; None if it is in no form we know."""
    value = local(text, zone)
    return value.date() if isinstance(value, datetime) else value


def show(text: str, zone: tzinfo) -> str:
    """Show what Rotor answered: the day, and the time unless it is noon; unknown forms as they are."""
    value = local(text, zone)
    if value is None:
        return text
    if not isinstance(value, datetime) or value.time() == NOON:
        return value.strftime("%Y-%m-%d")
    return value.strftime("%Y-%m-%d %H:%M")


def show_day(text: str, zone: tzinfo) -> str:
    """Show the day of what Rotor answered; unknown forms as they are."""
    known = day(text, zone)
    return text if known is None else str(known)
