"""Converts dates between Rotor's form (RFC 3339 date-times) and days in the company's time zone.

Rotor's reference does not say which forms of `follow_up_date` it accepts. Its responses hold RFC 3339
date-times, so these are sent: in UTC and to the second, the form that the strictest parsers accept.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache, partial

Clock = Callable[[], datetime]

utc_now: Clock = partial(datetime.now, UTC)
"""Returns the present moment."""

NOON = time(12)
YEARS = range(1900, 3000)
"""Years that a date to be written may have. Outside of them, some time zones cannot convert a date."""
CACHED_FOLLOW_UPS = 4_096
"""Follow-ups whose days are remembered: many leads have the same, and each is compared and shown."""
_DATE_CHARS = len("2026-12-01")


def parse(text: str) -> date | datetime:
    """Parse an ISO 8601 date or date-time.

    Raises:
        ValueError: if it is neither.
    """
    return date.fromisoformat(text) if len(text) <= _DATE_CHARS else datetime.fromisoformat(text)


def instant(text: str, zone: tzinfo, time_of_day: time = NOON) -> datetime:
    """Return the instant that a date or a date-time means in `zone`.

    Args:
        text: ISO 8601 date or date-time. A date-time without an offset is one of `zone`.
        zone: the company's time zone.
        time_of_day: of a date.

    Raises:
        ValueError: if the text is neither a date nor a date-time.
    """
    value = parse(text)
    if not isinstance(value, datetime):
        return datetime.combine(value, time_of_day, zone)
    return value if value.tzinfo else value.replace(tzinfo=zone)


def to_rotor(text: str, zone: tzinfo, before: str | None = None) -> str:
    """Return the follow-up that is sent for a date or a date-time.

    A date keeps the time of day of the lead's present follow-up. Without one it is sent as noon in `zone`, so
    that no time zone of the US or Canada shows it a day early. Midnight with the offset UTC is taken for a
    date. A time in another zone that equals midnight UTC is sent one second later, because midnight UTC would
    be read as a date.

    Args:
        text: ISO 8601 date or date-time, of a year in `YEARS`.
        zone: the company's time zone.
        before: the lead's follow-up, as Rotor returned it.

    Raises:
        ValueError: if the text is neither a date nor a date-time.
    """
    stored = follow_up(before, zone) if before else None
    value = parse(text)
    if isinstance(value, datetime) and value.utcoffset() == timedelta() and value.time() == time.min:
        text = str(value.date())
    moment = instant(text, zone, stored.time() if isinstance(stored, datetime) else NOON).astimezone(UTC)
    if moment.time() == time.min:
        moment += timedelta(seconds=1)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def local(text: str, zone: tzinfo) -> date | datetime | None:
    """Return a date-time of Rotor as a date-time in `zone`, a date as a date; None if the form is unknown."""
    try:
        value = parse(text)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(zone)
    except (ValueError, OverflowError):
        return None
    return value


@lru_cache(maxsize=CACHED_FOLLOW_UPS)
def follow_up(text: str, zone: tzinfo) -> date | datetime | None:
    """Return a follow-up of Rotor: a date-time in `zone`, or a date if it has no time of day.

    Midnight UTC and midnight in `zone` count as no time of day, since clients store dates so. Returns None if
    the form is unknown.
    """
    value = local(text, zone)
    if isinstance(value, datetime):
        for moment in (value.astimezone(UTC), value):
            if moment.time() == time.min:
                return moment.date()
    return value


ReadDate = Callable[[str, tzinfo], date | datetime | None]
"""How a date-time of Rotor is read: `local` or `follow_up`."""


def day(text: str, zone: tzinfo, read: ReadDate = local) -> date | None:
    """Return the calendar day in `zone` of a date-time of Rotor; None if the form is unknown."""
    value = read(text, zone)
    return value.date() if isinstance(value, datetime) else value


def show(text: str, zone: tzinfo, read: ReadDate = local) -> str:
    """Return a date-time of Rotor as text: the day, and the time unless it is noon. Unknown forms stay."""
    value = read(text, zone)
    if value is None:
        return text
    if not isinstance(value, datetime) or value.time() == NOON:
        return value.isoformat()[: len("2026-12-01")]
    return value.isoformat(" ")[: len("2026-12-01 15:00")]


def show_day(text: str, zone: tzinfo, read: ReadDate = local) -> str:
    """Return the day of a date-time of Rotor as text. Unknown forms stay."""
    known = day(text, zone, read)
    return text if known is None else str(known)
