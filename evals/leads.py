"""The whole database, before and after, and whether it differs as it should."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from typing import Any

from rotor_mcp.api.models import PAGE_LIMIT
from rotor_mcp.sandbox import Sandbox, timestamps
from rotor_mcp.sandbox.requests import Listing
from rotor_mcp.sandbox.store import DEFAULT_STAGE, FIELDS, StoredLead

Leads = Mapping[str, StoredLead]
"""Id → lead, for all leads, archived ones too."""

Fits = Callable[[Any, Any], bool]
"""Whether a field that was the first is right as the second."""


class Wrong(Exception):
    """The task was not done; the text says what is wrong."""


def all_leads(rotor: Sandbox) -> Leads:
    """Read the whole database."""
    found: dict[str, StoredLead] = {}
    for page in count(1):
        stored, total = rotor.store.page(Listing(archived=True, limit=PAGE_LIMIT, page=page))
        found |= {lead["id"]: lead for lead in stored}
        if page * PAGE_LIMIT >= total:
            break
    return found


def current(leads: Leads) -> list[StoredLead]:
    """The leads that are not archived."""
    return [lead for lead in leads.values() if not lead["archived_at"]]


def follow_up_day(lead: StoredLead) -> date | None:
    """The day of a follow-up in UTC."""
    due = lead["follow_up_date"]
    return timestamps.parse_utc(due).date() if due else None


def phone_digits(text: str | None) -> str:
    """The digits of a number, without the country code of the US and Canada."""
    return re.sub(r"\D", "", text or "").removeprefix("1")


@dataclass(frozen=True)
class Changed:
    """A lead that changes: these fields so, those perhaps so, all others not at all."""

    id: str
    must: Mapping[str, Fits] = field(default_factory=dict)
    may: Mapping[str, Fits] = field(default_factory=dict)


@dataclass(frozen=True)
class Created:
    """A lead that comes into being: these fields so, those perhaps so, all others empty."""

    name: str
    must: Mapping[str, Fits] = field(default_factory=dict)
    may: Mapping[str, Fits] = field(default_factory=dict)


_MADE_BY_ROTOR = {"id", "name", "created_at"}
"""Fields that a new lead has anyway; by its name it is recognised."""


def compare(before: Leads, after: Leads, expected: Sequence[Changed | Created]) -> None:
    """See that exactly the expected leads differ, as they should.

    Raises:
        Wrong: if they do not.
    """
    changes = {each.id: each for each in expected if isinstance(each, Changed)}
    for lead_id, lead in before.items():
        _check(lead, after[lead_id], changes.get(lead_id, Changed(lead_id)), called(lead))
    waited_for = [each for each in expected if isinstance(each, Created)]
    for lead in new_leads(before, after):
        found = next((each for each in waited_for if _same_name(each.name, lead["name"])), None)
        if found is None:
            raise Wrong(f"{called(lead)} was created, which is one lead too many")
        waited_for.remove(found)
        blank = dict.fromkeys(FIELDS) | {"tags": [], "stage": DEFAULT_STAGE}
        _check(blank | {name: lead[name] for name in _MADE_BY_ROTOR}, lead, found, called(lead))
    for missing in waited_for:
        raise Wrong(f"{missing.name} was not created")


def new_leads(before: Leads, after: Leads) -> list[StoredLead]:
    """The leads that were created."""
    return [lead for lead_id, lead in after.items() if lead_id not in before]


def differences(before: Leads, after: Leads) -> Iterator[str]:
    """Say what differs, for a reader."""
    blank = dict.fromkeys(FIELDS)
    for lead_id, lead in after.items():
        was = before.get(lead_id, blank)
        told = {name: value for name, value in lead.items() if (value or None) != (was[name] or None)}
        if told:
            yield f"{called(lead)} created: {told}" if was is blank else f"{called(was)} changed: {told}"


def called(lead: StoredLead) -> str:
    """What a lead is called in a reason."""
    return str(lead["name"] or lead["phone"] or lead["email"] or lead["id"])


def _check(before: StoredLead, after: StoredLead, expected: Changed | Created, name: str) -> None:
    for at in FIELDS:
        was, now = before[at], after[at]
        if at in expected.must:
            if not expected.must[at](was, now):
                still = "still " if was is not None and was == now else ""
                raise Wrong(f"{name}: {at} is {still}{now!r}, which is not right")
        elif now != was and now not in ("", []) and not expected.may.get(at, _never)(was, now):
            raise Wrong(f"{name}: {at} was changed from {was!r} to {now!r}")
        elif was and not now:
            raise Wrong(f"{name}: {at} was emptied, it was {was!r}")


def _never(_was: object, _now: object) -> bool:
    return False


def _same_name(one: str, other: str) -> bool:
    return one.casefold().split() == other.casefold().split()


# What a field may become.


def anything(_was: object, _now: object) -> bool:
    """It does not matter."""
    return True


def equal(value: object) -> Fits:
    """This, in capitals or not."""
    wanted = value.casefold() if isinstance(value, str) else value
    return lambda _, now: (now.strip().casefold() if isinstance(now, str) else now) == wanted


def phone(digits: str) -> Fits:
    """This number in any spelling."""
    return lambda _, now: phone_digits(now) == digits


def on(*days: date) -> Fits:
    """An instant on one of these days in UTC."""
    return lambda _, now: now is not None and timestamps.parse_utc(now).date() in days


def holding(*words: str) -> Fits:
    """A text with all these words."""
    return lambda _, now: all(word.casefold() in (now or "").casefold() for word in words)


def adding(*words: str) -> Fits:
    """The text that was there, and these words with it."""

    def fits(was: str | None, now: str | None) -> bool:
        kept = _flat(was) in _flat(now)
        return kept and holding(*words)(None, now)

    return fits


def _flat(text: str | None) -> str:
    return " ".join((text or "").split())


def tagged(*added: str) -> Fits:
    """The tags that were there and these, spelled so."""
    return lambda was, now: sorted(now) == sorted({*was, *added})
