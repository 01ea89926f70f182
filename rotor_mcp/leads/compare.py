"""Compares two values of a field by their meaning. Pure."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from rotor_mcp import dates
from rotor_mcp.api.models import Lead, LeadFields
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.phones import parse_phones
from rotor_mcp.normalize import address_form, caseless, email_forms, name_form, words

Value = str | float

ADDRESS_FIELDS = tuple(name for name in LeadFields.model_fields if name.startswith("address_"))


def is_same(name: str, before: Value | None, after: Value, locale: Locale, *, exact: bool) -> bool:
    """Whether a field that holds `before` need not be written to hold `after`.

    Args:
        name: of the field.
        before: what it holds; None if nothing.
        after: what it should hold; a date in the form in which it would be sent.
        locale: how dates and phones are read.
        exact: whether names, addresses and texts differ already in spelling.
    """
    if before == after or not isinstance(before, str) or not isinstance(after, str):
        return before == after
    if comparator := _COMPARATORS.get(name):
        return comparator(before, after, locale, exact)
    return not exact and caseless(before) == caseless(after)


def _same_name(before: str, after: str, _: Locale, exact: bool) -> bool:
    return before == after if exact else same_or_shorter_name(after, before)


def _same_address(name: str, before: str, after: str, _: Locale, exact: bool) -> bool:
    return before == after if exact else address_form(name, before) == address_form(name, after)


def _same_notes(before: str, after: str, _: Locale, _exact: bool) -> bool:
    return before == after


def _same_phone(before: str, after: str, locale: Locale, _exact: bool) -> bool:
    wanted = parse_phones(after, locale.region).forms
    if not wanted:
        return caseless(before) == caseless(after)
    return {*wanted} <= {*parse_phones(before, locale.region).forms}


def _same_email(before: str, after: str, _: Locale, _exact: bool) -> bool:
    return caseless(after) in email_forms(before)


def _same_moment(before: str, after: str, locale: Locale, _exact: bool) -> bool:
    """Whether two follow-ups are one: the same instant, or the same day if one has no time of day."""
    stored, sent = dates.follow_up(before, locale.zone), dates.local(after, locale.zone)
    if isinstance(stored, datetime) and isinstance(sent, datetime):
        return stored.replace(microsecond=0) == sent.replace(microsecond=0)  # no fractions are ever sent
    same_day = stored is not None and stored == dates.day(after, locale.zone, dates.follow_up)
    # A Rotor that answers dates keeps no times: a time that was sent is then no difference.
    has_time = isinstance(sent, datetime) and sent.time() != dates.NOON
    return same_day and not (has_time and isinstance(dates.local(before, locale.zone), datetime))


_COMPARATORS: dict[str, Callable[[str, str, Locale, bool], bool]] = {
    "name": _same_name,
    "phone": _same_phone,
    "email": _same_email,
    "follow_up_date": _same_moment,
    "notes": _same_notes,
    **{name: partial(_same_address, name) for name in ADDRESS_FIELDS},
}
"""Field → how two texts of it are compared. Other fields are compared as texts."""


def same_or_shorter_name(wanted: str, stored: str) -> bool:
    """Whether a name says nothing that the stored one does not say: Jane, J. Doe or Doe, Jane for Jane Doe.

    Words may be missing and may be initials, in any order.
    """
    free, wanted_words = [*words(stored)], words(wanted)
    if not wanted_words or name_form(wanted) == name_form(stored):
        return name_form(wanted) == name_form(stored)
    for word in sorted(wanted_words, key=len, reverse=True):
        match = next((other for other in free if other == word), None) or next(
            (other for other in free if len(word) == 1 and other.startswith(word)), None
        )
        if match is None:
            return False
        free.remove(match)
    return True


def differences(wanted: LeadFields, lead: Lead, locale: Locale) -> list[str]:
    """Return the fields in which a lead differs from what was sent, in the order of the fields."""
    has = {caseless(tag) for tag in lead.tags}
    differing = [
        name
        for name in LeadFields.model_fields
        if name in wanted.model_fields_set
        and name != "tags"
        and not is_same(name, getattr(lead, name), getattr(wanted, name), locale, exact=True)
    ]
    if any(caseless(tag) not in has for tag in wanted.tags):
        differing.append("tags")
    return differing
