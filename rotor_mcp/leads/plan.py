"""A lead and what is wanted of it → what a write would change, and whether it needs approval. Pure.

A lead that was only found, by phone or e-mail, is never overwritten: its name, phone, e-mail and address may
be filled in, but not replaced without approval, nor its value by 0. It keeps its source, which says where
somebody first came from, and whatever is given for many rows at once. With an id everything may change.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Literal, Protocol

from rotor_mcp import dates
from rotor_mcp.api.models import NOTES_LIMIT, Lead, LeadFields
from rotor_mcp.leads.matching import Match, same_or_shorter_name
from rotor_mcp.leads.normalize import address_form, caseless, email_forms, phone_forms
from rotor_mcp.leads.requests import UpsertLead
from rotor_mcp.state.vocabulary import Kind

ADDRESS_FIELDS = tuple(name for name in LeadFields.model_fields if name.startswith("address_"))
IDENTITY_FIELDS = ("name", "phone", "email", *ADDRESS_FIELDS)
"""The fields that say who and where somebody is."""

_SPELLED: dict[str, Kind] = {"stage": "stage", "source": "source", "tags": "tag"}
"""Fields that are written as the company spells them."""

PlannedOutcome = Literal["created", "updated", "unchanged", "needs_confirmation"]
Value = str | float


class NotesTooLongError(Exception):
    """Notes that would not fit with those that are there."""

    def __init__(self, length: int, left: int) -> None:
        super().__init__(f"{length:,} characters do not fit, {left:,} of {NOTES_LIMIT:,} are left")
        self.length = length
        self.left = left


class Spelling(Protocol):
    """How a company spells its stages, sources and tags."""

    def spelling(self, kind: Kind, word: str, except_lead: str | None = None) -> str | None:
        """Return the spelling in use by other leads than one, or None if they do not use the word."""


@dataclass(frozen=True)
class Locale:
    """What a plan depends on beside the lead: the day, and how dates, phones and words are read."""

    today: date
    zone: tzinfo
    region: str
    words: Spelling | None = None
    caller: str = ""
    """Tells apart whose approval it is: the company, and who calls."""


@dataclass(frozen=True)
class Change:
    """A field, as it is and as it would be."""

    field: str
    before: Value | None
    after: Value


@dataclass(frozen=True)
class Kept:
    """A field that a merely found lead keeps, although another value was given."""

    field: str
    value: Value
    given: Value


@dataclass(frozen=True)
class Respelled:
    """A stage, source or tag that is written as the company spells it."""

    field: str
    given: str
    written: str


@dataclass(frozen=True)
class Plan:
    """What a write would do."""

    found: Match
    changes: tuple[Change, ...]
    """Every field that would change but tags, in the values that would be sent."""
    tags_added: tuple[str, ...]
    tags_present: tuple[str, ...]
    unchanged: tuple[str, ...]
    """Fields that were given and stay as they are."""
    replaced: tuple[str, ...]
    """Fields of a merely found lead that would lose a value which only approval may replace."""
    kept: tuple[Kept, ...] = ()
    respelled: tuple[Respelled, ...] = ()
    asked: tuple[str, str] = ("", "")
    """On which day, and by whom. An approval holds for that day and that caller."""

    @property
    def outcome(self) -> PlannedOutcome:
        """What comes of it, without anybody's approval."""
        if self.found.lead is not None and not self.fields.model_fields_set:
            return "unchanged"
        if self.found.ambiguity or self.replaced:
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
        """A digest of this plan, the leads as they were read, the day and the caller. It fits no other."""
        lead, alternatives = self.found.lead, self.found.alternatives
        facts = {
            "send": self.fields.model_dump(mode="json", exclude_unset=True),
            "to": lead.model_dump(mode="json") if lead else None,
            "beside": [rival.model_dump(mode="json") for rival in alternatives],
            "asked": self.asked,
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).digest()
        return base64.b32encode(digest)[:8].decode().lower()


def plan_for(arguments: UpsertLead, found: Match, context: Locale) -> Plan:
    """Plan what a call asks for.

    Raises:
        NotesTooLongError: if the notes would pass Rotor's limit.
    """
    return make_plan(
        arguments,
        found,
        context,
        replace_notes=arguments.replace_notes,
        notes=arguments.notes_to_add,
        only_if_blank=arguments.only_if_blank,
    )


def make_plan(
    wanted: LeadFields,
    found: Match,
    context: Locale,
    *,
    replace_notes: bool = False,
    notes: Sequence[str] = (),
    only_if_blank: Set[str] = frozenset(),
) -> Plan:
    """Plan a write.

    Args:
        wanted: the fields that were given.
        found: the lead that they are for.
        context: the day and how things are read.
        replace_notes: put the notes in the place of those that are there, instead of adding them.
        notes: the parts of the notes, if they have several. Each is added if it is not there.
        only_if_blank: fields that replace no value of a lead that was only found.

    Raises:
        NotesTooLongError: if the notes would pass Rotor's limit.
    """
    lead, by_id = found.lead or Lead(), found.matched_by == "id"
    given = {name: getattr(wanted, name) for name in _given(wanted)}
    own_tags = {caseless(tag): tag for tag in lead.tags}
    tags: dict[str, str] = {}
    for tag in given.pop("tags", ()):
        tags.setdefault(caseless(tag), tag)
    new_tags = [tag for form, tag in tags.items() if form not in own_tags]
    added = {tag: _spelled("tag", tag, lead, None, context) for tag in new_tags}
    changes: list[Change] = []
    unchanged: list[str] = []
    kept: list[Kept] = []
    for name, value in given.items():
        before, after = getattr(lead, name), value
        if name == "follow_up_date":
            after = dates.to_rotor(value, context.zone, before)
        elif kind := _SPELLED.get(name):
            after = _spelled(kind, value, lead, before, context, by_id=by_id)
        elif name == "notes" and found.lead is not None and not replace_notes:
            after = before or ""
            for part in notes or [value]:
                after = add_notes(after, part, context.today)
        if is_same(name, before, after, context, exact=by_id or name == "stage"):
            unchanged.append(name)
        elif before is not None and not by_id and (name == "source" or name in only_if_blank):
            kept.append(Kept(name, before, after))
        else:
            changes.append(Change(name, before, after))
    spelled = [(change.field, given[change.field], change.after) for change in changes]
    spelled += [("tags", tag, written) for tag, written in added.items()]
    return Plan(
        found=found,
        changes=tuple(changes),
        tags_added=tuple(added.values()),
        tags_present=tuple(own_tags[form] for form in tags if form in own_tags),
        unchanged=tuple(unchanged),
        replaced=() if by_id else _replaced(changes),
        kept=tuple(kept),
        asked=(str(context.today), context.caller),
        respelled=tuple(
            Respelled(field, word, str(written))
            for field, word, written in spelled
            if field in _SPELLED and word != written
        ),
    )


def _spelled(
    kind: Kind, word: str, lead: Lead, own: str | None, context: Locale, *, by_id: bool = False
) -> str:
    """Return a stage, source or tag as the company spells it.

    If the lead has the same word already, in whatever spelling, that of other leads counts. If they do not
    use it, a lead that is given by its id gets the word as it was given, and any other keeps its own.

    Args:
        kind: of the word.
        word: as it was given.
        lead: that gets it.
        own: the word of that kind that the lead has.
        context: how the company spells.
        by_id: whether the lead was given by its id.
    """
    is_own = own is not None and caseless(own) == caseless(word)
    if is_own and by_id:
        return word
    used = context.words.spelling(kind, word, lead.id if is_own else None) if context.words else None
    return used or (own if is_own and own is not None else word)


def differences(wanted: LeadFields, lead: Lead, context: Locale) -> list[str]:
    """Name the fields in which a lead is not as it was sent."""
    has = {caseless(tag) for tag in lead.tags}
    differing = [
        name
        for name in _given(wanted)
        if name != "tags"
        and not is_same(name, getattr(lead, name), getattr(wanted, name), context, exact=True)
    ]
    if any(caseless(tag) not in has for tag in wanted.tags):
        differing.append("tags")
    return differing


def _given(wanted: LeadFields) -> list[str]:
    return [name for name in LeadFields.model_fields if name in wanted.model_fields_set]


def _replaced(changes: list[Change]) -> tuple[str, ...]:
    """Name the fields that would lose a value which only approval may replace.

    These are the fields of identity, of which a fuller name completes a shorter one, and a value that would
    become 0: programs that fill in what was left blank send 0.
    """
    return tuple(change.field for change in changes if change.before is not None and _needs_approval(change))


def _needs_approval(change: Change) -> bool:
    if change.field == "name":
        return not same_or_shorter_name(str(change.before), str(change.after))
    return change.field in IDENTITY_FIELDS or (change.field == "projected_value" and change.after == 0)


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


def is_same(name: str, before: Value | None, after: Value, context: Locale, *, exact: bool) -> bool:
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
        return address_form(name, before) == address_form(name, after)
    return caseless(before) == caseless(after)


def _same_phone(before: str, after: str, context: Locale) -> bool:
    wanted = {*phone_forms(after, context.region)}
    if not wanted:
        return caseless(before) == caseless(after)
    return wanted <= {*phone_forms(before, context.region)}


def _same_email(before: str, after: str, _: Locale) -> bool:
    return caseless(after) in email_forms(before)


def _same_moment(before: str, after: str, context: Locale) -> bool:
    """Whether two follow-ups are one: the same instant, or the same day if one has no time of day."""
    stored, sent = dates.follow_up(before, context.zone), dates.local(after, context.zone)
    if isinstance(stored, datetime) and isinstance(sent, datetime):
        return stored.replace(microsecond=0) == sent.replace(microsecond=0)  # no fractions are ever sent
    same_day = stored is not None and stored == dates.day(after, context.zone, dates.follow_up)
    # A Rotor that answers dates keeps no times: a time that was sent is then no difference.
    has_time = isinstance(sent, datetime) and sent.time() != dates.NOON
    return same_day and not (has_time and isinstance(dates.local(before, context.zone), datetime))


_SAME: dict[str, Callable[[str, str, Locale], bool]] = {
    "phone": _same_phone,
    "email": _same_email,
    "follow_up_date": _same_moment,
}
"""Fields of which one value has several spellings, whoever asks."""
