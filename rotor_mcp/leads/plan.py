"""Plans a write: what it would change in a lead, and whether that needs approval. Pure.

A lead that was only found, by phone or e-mail, is never overwritten: its name, phone, e-mail and address may
be filled in, but not replaced without approval, nor its value by 0. It keeps its source, which says where
somebody first came from, and whatever is given for many rows at once. With an id everything may change.
"""

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal

from rotor_mcp import dates
from rotor_mcp.api.models import NOTES_LIMIT, Lead, LeadFields
from rotor_mcp.errors import NotesTooLong
from rotor_mcp.leads.compare import ADDRESS_FIELDS, Value, is_same, same_or_shorter_name
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.matching import Match
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.normalize import caseless
from rotor_mcp.state.vocabulary import Kind

IDENTITY_FIELDS = ("name", "phone", "email", *ADDRESS_FIELDS)
"""The fields that say who and where somebody is."""

_PROTECTED = frozenset({*IDENTITY_FIELDS, "projected_value"})
"""Fields of which only approval may replace a value."""
_SPELLED: dict[str, Kind] = {"stage": "stage", "source": "source", "tags": "tag"}
"""Fields that are written as the company spells them."""

Operation = Literal["created", "updated"]
PlannedOutcome = Literal[Operation, "unchanged", "needs_confirmation"]


@dataclass(frozen=True)
class Change:
    """The change of one field."""

    field: str
    before: Value | None
    after: Value


@dataclass(frozen=True)
class Kept:
    """A field that a lead which was only found keeps, although another value was given."""

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
    """Fields of a lead that was only found that would lose a value which only approval may replace."""
    kept: tuple[Kept, ...]
    respelled: tuple[Respelled, ...]
    asked: tuple[str, str]
    """The day and the caller. An approval holds for that day and that caller."""
    fields: LeadFields
    """What would be sent: only what differs."""
    target: str | None
    """The id of the lead that would be updated; None if one would be created."""
    operation: Operation
    """What the write would do, once it is approved if it needs approval."""
    outcome: PlannedOutcome
    """What comes of it without anybody's approval."""


def make_plan(request: UpsertRequest, found: Match, locale: Locale) -> Plan:
    """Plan what a request asks for.

    Raises:
        NotesTooLong: if the notes would exceed Rotor's limit.
    """
    lead, by_id = found.lead or Lead(), found.matched_by == "id"
    given = {
        name: getattr(request, name) for name in LeadFields.model_fields if name in request.model_fields_set
    }
    own_tags = {caseless(tag): tag for tag in lead.tags}
    tags: dict[str, str] = {}
    for tag in given.pop("tags", ()):
        tags.setdefault(caseless(tag), tag)
    added = {
        tag: _spelled("tag", tag, lead, None, locale) for form, tag in tags.items() if form not in own_tags
    }
    how = request.given
    changes: list[Change] = []
    unchanged: list[str] = []
    kept: list[Kept] = []
    for name, value in given.items():
        before, after = getattr(lead, name), value
        if name == "follow_up_date":
            # What Rotor stores, in whatever zone it is written, is not changed into another form of it.
            after = value if value == before else dates.to_rotor(value, locale.zone, before)
        elif kind := _SPELLED.get(name):
            after = _spelled(kind, value, lead, before, locale, by_id=by_id)
        elif name == "notes" and found.lead is not None and not request.replace_notes:
            after = before or ""
            for part in how.notes or [value]:
                after = add_notes(after, part, locale.today)
        if is_same(name, before, after, locale, exact=by_id or name == "stage"):
            unchanged.append(name)
        elif before is not None and not by_id and (name == "source" or name in how.only_if_blank):
            kept.append(Kept(name, before, after))
        else:
            changes.append(Change(name, before, after))
    sent: dict[str, object] = {change.field: change.after for change in changes}
    if added:
        sent["tags"] = list(added.values())
    replaced = (
        ()
        if by_id
        else tuple(
            change.field for change in changes if change.field in _PROTECTED and _needs_approval(change)
        )
    )
    operation: Operation = "created" if found.lead is None else "updated"
    outcome: PlannedOutcome = operation
    if found.lead is not None and not sent:
        outcome = "unchanged"
    elif found.ambiguity or replaced:
        outcome = "needs_confirmation"
    spelled = [(change.field, given[change.field], change.after) for change in changes]
    spelled += [("tags", tag, written) for tag, written in added.items()]
    return Plan(
        found=found,
        changes=tuple(changes),
        tags_added=tuple(added.values()),
        tags_present=tuple(own_tags[form] for form in tags if form in own_tags),
        unchanged=tuple(unchanged),
        replaced=replaced,
        kept=tuple(kept),
        respelled=tuple(
            Respelled(field, word, str(written))
            for field, word, written in spelled
            if field in _SPELLED and word != written
        ),
        asked=(str(locale.today), locale.caller),
        fields=LeadFields().model_copy(update=sent),
        target=found.lead.id if found.lead else None,
        operation=operation,
        outcome=outcome,
    )


def approval_token(plan: Plan) -> str:
    """Return a digest of a plan, of the leads as they were read, of the day and of the caller.

    It fits no other plan: if a lead changed meanwhile, its plan has another token.
    """
    lead, alternatives = plan.found.lead, plan.found.alternatives
    facts = {
        "send": plan.fields.model_dump(mode="json", exclude_unset=True),
        "to": asdict(lead) if lead else None,
        "beside": [asdict(alternative) for alternative in alternatives],
        "asked": plan.asked,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).digest()
    return base64.b32encode(digest)[:8].decode().lower()


def _spelled(
    kind: Kind, word: str, lead: Lead, own: str | None, locale: Locale, *, by_id: bool = False
) -> str:
    """Return a stage, source or tag as the company spells it.

    If the lead has the same word already, in whatever spelling, the spelling of other leads counts. If they
    do not use it, a lead that is given by its id gets the word as it was given, and any other keeps its own.
    """
    is_own = own is not None and caseless(own) == caseless(word)
    if is_own and by_id:
        return word
    used = locale.words.spelling(kind, word, lead.id if is_own else None) if locale.words else None
    return used or (own if is_own and own is not None else word)


def _needs_approval(change: Change) -> bool:
    """Whether a lead that was only found would lose a value which only approval may replace.

    These are the fields of identity, of which a fuller name completes a shorter one, and a value that would
    become 0: programs that fill in what was left blank send 0.
    """
    if change.before is None:
        return False
    if change.field == "name":
        return not same_or_shorter_name(str(change.before), str(change.after))
    return change.field != "projected_value" or change.after == 0


def add_notes(stored: str, text: str, today: date) -> str:
    """Add a text to notes, on a line with the day. What the notes already contain is not added again.

    Raises:
        NotesTooLong: if both together would exceed Rotor's limit.
    """
    if holds_lines(stored, text):
        return stored
    begin = f"{stored}\n{today}: " if stored else f"{today}: "
    if len(begin) + len(text) > NOTES_LIMIT:
        raise NotesTooLong(len(text), max(NOTES_LIMIT - len(begin), 0), NOTES_LIMIT)
    return begin + text


_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}: ")


def holds_lines(stored: str, text: str) -> bool:
    """Whether the notes contain the lines of a text, one after the other, whatever their dates."""
    lines, wanted = ([caseless(_DAY.sub("", line)) for line in part.splitlines()] for part in (stored, text))
    return any(lines[at : at + len(wanted)] == wanted for at in range(len(lines) - len(wanted) + 1))
