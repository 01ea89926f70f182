"""A lead and what is wanted of it → what a write would change, and whether it needs somebody's word. Pure.

A lead that was only found, by phone or e-mail, is never overwritten: its name, phone, e-mail and address may
be filled in, but not replaced without approval. With an id everything may change.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Literal

from rotor_mcp import dates
from rotor_mcp.identity import Found, caseless, phone_form, same_or_shorter_name, text_form
from rotor_mcp.inputs import UpsertLead
from rotor_mcp.models import NOTES_LIMIT, Lead, LeadFields

ADDRESS_FIELDS = tuple(name for name in LeadFields.model_fields if name.startswith("address_"))
IDENTITY_FIELDS = ("name", "phone", "email", *ADDRESS_FIELDS)
"""The fields that say who and where somebody is."""

_UNITED_STATES = frozenset({"us", "usa", "u s", "u s a", "united states", "united states of america"})

Outcome = Literal["created", "updated", "unchanged", "needs_confirmation"]
Value = str | float


class NotesTooLongError(Exception):
    """Notes that would not fit with those that are there."""

    def __init__(self, length: int, left: int) -> None:
        super().__init__(f"{length:,} characters do not fit, {left:,} of {NOTES_LIMIT:,} are left")
        self.length = length
        self.left = left


@dataclass(frozen=True)
class Context:
    """What a plan depends on beside the lead: the day, and how dates and phones are read."""

    today: date
    zone: tzinfo
    region: str


@dataclass(frozen=True)
class Change:
    """A field, as it is and as it would be."""

    field: str
    before: Value | None
    after: Value


@dataclass(frozen=True)
class Plan:
    """What a write would do."""

    found: Found
    changes: tuple[Change, ...]
    """Every field that would change but tags, in the values that would be sent."""
    tags_added: tuple[str, ...]
    tags_present: tuple[str, ...]
    unchanged: tuple[str, ...]
    """Fields that were given and stay as they are."""
    replaced: tuple[str, ...]
    """Identity fields of a merely found lead that would get another value."""

    @property
    def outcome(self) -> Outcome:
        """What comes of it, without anybody's approval."""
        if self.found.lead is not None and not self.fields.model_fields_set:
            return "unchanged"
        if self.found.doubt or self.replaced:
            return "needs_confirmation"
        return self.goal

    @property
    def goal(self) -> Literal["created", "updated"]:
        """What it would do once approved."""
        return "created" if self.found.lead is None else "updated"

    @property
    def target(self) -> str | None:
        """The id of the lead that would be updated."""
        return self.found.lead.id if self.found.lead else None

    @property
    def fields(self) -> LeadFields:
        """What would be sent: only what differs."""
        values: dict[str, object] = {change.field: change.after for change in self.changes}
        if self.tags_added:
            values["tags"] = list(self.tags_added)
        return LeadFields().model_copy(update=values)

    @property
    def token(self) -> str:
        """A digest of this plan and of the leads as they were read. It fits no other plan."""
        lead, rivals = self.found.lead, self.found.rivals
        facts = {
            "send": self.fields.model_dump(mode="json", exclude_unset=True),
            "to": lead.model_dump(mode="json") if lead else None,
            "beside": [rival.model_dump(mode="json") for rival in rivals],
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).digest()
        return base64.b32encode(digest)[:8].decode().lower()


def plan_for(arguments: UpsertLead, found: Found, context: Context) -> Plan:
    """Plan what a call asks for.

    Raises:
        NotesTooLongError: if the notes would pass Rotor's limit.
    """
    notes = arguments.notes_to_add
    return make_plan(arguments, found, context, replace_notes=arguments.replace_notes, notes=notes)


def make_plan(
    wanted: LeadFields,
    found: Found,
    context: Context,
    *,
    replace_notes: bool = False,
    notes: Sequence[str] = (),
) -> Plan:
    """Plan a write.

    Args:
        wanted: the fields that were given.
        found: the lead that they are for.
        context: the day and how things are read.
        replace_notes: put the notes in the place of those that are there, instead of adding them.
        notes: the parts of the notes, if they have several. Each is added if it is not there.

    Raises:
        NotesTooLongError: if the notes would pass Rotor's limit.
    """
    lead = found.lead or Lead()
    given = {name: getattr(wanted, name) for name in _given(wanted)}
    tags = list(dict.fromkeys(given.pop("tags", ())))
    has = {tag.casefold() for tag in lead.tags}
    added: dict[str, str] = {}
    for tag in tags:
        if tag.casefold() not in has:
            added.setdefault(tag.casefold(), tag)
    changes: list[Change] = []
    unchanged: list[str] = []
    for name, value in given.items():
        before = getattr(lead, name)
        after = value
        if name == "follow_up_date":
            after = dates.to_rotor(value, context.zone)
        elif name == "notes" and found.lead is not None and not replace_notes:
            after = before or ""
            for part in notes or [value]:
                after = add_notes(after, part, context.today)
        if is_same(name, before, after, context, exact=found.matched_by == "id"):
            unchanged.append(name)
        else:
            changes.append(Change(name, before, after))
    return Plan(
        found=found,
        changes=tuple(changes),
        tags_added=tuple(added.values()),
        tags_present=tuple(tag for tag in tags if tag.casefold() in has),
        unchanged=tuple(unchanged),
        replaced=() if found.matched_by == "id" else _replaced(changes),
    )


def differences(wanted: LeadFields, lead: Lead, context: Context) -> list[str]:
    """Name the fields in which a lead is not as it was sent."""
    has = {tag.casefold() for tag in lead.tags}
    differing = [
        name
        for name in _given(wanted)
        if name != "tags"
        and not is_same(name, getattr(lead, name), getattr(wanted, name), context, exact=True)
    ]
    if any(tag.casefold() not in has for tag in wanted.tags):
        differing.append("tags")
    return differing


def _given(wanted: LeadFields) -> list[str]:
    return [name for name in LeadFields.model_fields if name in wanted.model_fields_set]


def _replaced(changes: list[Change]) -> tuple[str, ...]:
    """Name the identity fields that would lose a value. A fuller name completes a shorter one."""
    return tuple(
        change.field
        for change in changes
        if change.field in IDENTITY_FIELDS
        and change.before is not None
        and not (change.field == "name" and same_or_shorter_name(str(change.before), str(change.after)))
    )


def add_notes(stored: str, text: str, today: date) -> str:
    """Add a text to notes, on a line with the day. What is already there is not added twice.

    Raises:
        NotesTooLongError: if both together would pass Rotor's limit.
    """
    if holds_lines(stored, text):
        return stored
    begin = f"{stored}\n{today}: " if stored else f"{today}: "
    if len(begin) + len(text) > NOTES_LIMIT:
        raise NotesTooLongError(len(text), max(NOTES_LIMIT - len(begin), 0))
    return begin + text


_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}: ")


def holds_lines(stored: str, text: str) -> bool:
    """Whether these lines stand in the notes, one after the other, under whatever day."""
    lines, wanted = ([caseless(_DAY.sub("", line)) for line in part.splitlines()] for part in (stored, text))
    return any(lines[at : at + len(wanted)] == wanted for at in range(len(lines) - len(wanted) + 1))


def is_same(name: str, before: Value | None, after: Value, context: Context, *, exact: bool) -> bool:
    """Whether a field that holds `before` need not be written to hold `after`.

    Args:
        name: of the field.
        before: what it holds; None if nothing.
        after: what it should hold; of a date, as it would be sent.
        context: how dates and phones are read.
        exact: whether names, addresses and texts differ already in spelling.
    """
    if before is None:
        return False
    if isinstance(before, (int, float)) or isinstance(after, (int, float)):
        return before == after
    same = _SAME.get(name)
    if same is not None:
        return same(before, after, context)
    if exact or name == "notes":
        return before == after
    if name == "name":
        return same_or_shorter_name(after, before)
    if name in ADDRESS_FIELDS:
        forms = {text_form(before), text_form(after)}
        return len(forms) == 1 or (name == "address_country" and forms <= _UNITED_STATES)
    return caseless(before) == caseless(after)


def _same_phone(before: str, after: str, context: Context) -> bool:
    return phone_form(before, context.region) == phone_form(after, context.region)


def _same_email(before: str, after: str, _: Context) -> bool:
    return caseless(before) == caseless(after)


def _same_moment(before: str, after: str, context: Context) -> bool:
    """Equal instants, and for a date any moment of that day."""
    stored, sent = dates.local(before, context.zone), dates.local(after, context.zone)
    if isinstance(stored, datetime) and isinstance(sent, datetime) and sent.time() != dates.NOON:
        return stored.replace(microsecond=0) == sent.replace(microsecond=0)  # no fractions are ever sent
    return stored is not None and dates.day(before, context.zone) == dates.day(after, context.zone)


_SAME: dict[str, Callable[[str, str, Context], bool]] = {
    "phone": _same_phone,
    "email": _same_email,
    "follow_up_date": _same_moment,
}
"""Fields of which one value has several spellings, whoever asks."""
