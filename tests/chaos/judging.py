"""Judging a run: everything that is stored, or was sent, against what the calls said."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rotor_mcp.api.models import READ_NAMES
from tests.chaos.people import Person
from tests.chaos.playing import CLAIMS, DOUBTFUL, Called, Read, Sent
from tests.chaos.values import SCALARS, norm

OUTCOMES = frozenset({*CLAIMS, *DOUBTFUL, "needs_confirmation", "invalid", "not_sent", "error"})


def audit(
    people: Sequence[Person], leads: Sequence[dict[str, Any]], called: Sequence[Called]
) -> Iterator[str]:
    """Name everything that is stored against what the calls said."""
    for lead in leads:
        if sum(person.is_in(lead) for person in people) != 1:
            yield f"a lead is nobody's, or two people's: {lead}"
    for person in people:
        mine = [one for one in called if one.step.person == person]
        for violation in _audit_person(person, [lead for lead in leads if person.is_in(lead)], mine):
            yield f"{person.name} ({person.kind}): {violation}"


def _audit_person(person: Person, leads: list[dict[str, Any]], called: list[Called]) -> Iterator[str]:
    for one in called:
        yield from _audit_step(one)
    claims = [one for one in called if one.outcome in CLAIMS]
    doubts = [one for one in called if one.outcome in DOUBTFUL and one.step.is_to_be_written]
    # A row that is one write with another says so.
    created = sum(one.outcome == "created" and "same_as" not in one.content for one in called)
    if created > 1 or (claims and not doubts and not created):
        yield f"was created {created} times"
    if len(leads) > 1:
        yield f"has {len(leads)} leads"
    elif leads:
        yield from _audit_notes(leads[0], claims, doubts)
        yield from _audit_tags(leads[0], claims, doubts)
        for name in SCALARS:
            yield from _audit_scalar(name, leads[0], claims, doubts)
        if leads[0]["name"] != person.name and any(
            one.step.arguments.get("name") == person.name for one in claims
        ):
            yield f"the full name was told, and is not kept: {leads[0]['name']}"
    elif claims:
        yield "has no lead"


def _audit_step(one: Called) -> Iterator[str]:
    """Whether a call speaks of everything that it was given, and of the right kind of trouble."""
    step = one.step
    if one.outcome not in OUTCOMES:
        yield f"{step.arguments} ended as {one.outcome}: {one.text}"
    if (one.outcome == "needs_confirmation") > step.stranger:
        yield f"was asked about for no reason: {one.text}"
    if step.stranger and one.outcome in (*CLAIMS, "unknown"):
        yield f"somebody else's name was accepted: {one.text}"
    if step.clashing and one.outcome not in ("invalid", "cancelled", "error", "not shown"):
        yield f"rows that disagree ended as {one.outcome}: {one.text}"
    if (one.outcome == "invalid") > step.clashing:
        yield f"was refused for no reason: {one.text}"
    if one.outcome == "error" and "of its own" in one.text:
        yield one.text
    if one.outcome in CLAIMS and not one.in_batch:
        yield from _audit_words(one.content, step.arguments)


def _audit_words(said: dict[str, Any], given: dict[str, Any]) -> Iterator[str]:
    changed = {change["field"]: change["after"] for change in said.get("changes", [])}
    kept = {field["field"]: field["value"] for field in said.get("kept", [])}
    if {*changed, *kept, *said.get("unchanged", [])} != given.keys() - {"tags"}:
        yield f"{given} was asked for, and it speaks of {said}"
    if kept.keys() - {"source"} or any(norm(name, kept[name]) == norm(name, given[name]) for name in kept):
        yield f"{given} was asked for, and for no reason {kept} was kept"
    named = {tag.casefold() for tag in (*said.get("tags_added", []), *said.get("tags_present", []))}
    if named - {tag.casefold() for tag in given.get("tags", [])}:
        yield f"{given} was asked for, and it speaks of {said}"
    for name, after in changed.items():
        if norm(name, after) != norm(name, given.get(name)):
            yield f"{name} was given as {given.get(name)!r} and claimed as {after!r}"


def _audit_notes(lead: dict[str, Any], claims: list[Called], doubts: list[Called]) -> Iterator[str]:
    told = {one.step.arguments["notes"] for one in claims if "notes" in one.step.arguments}
    maybe = {one.step.arguments["notes"] for one in doubts if "notes" in one.step.arguments}
    lines = Counter(norm("notes", line) for line in (lead["notes"] or "").splitlines())
    for note in told - lines.keys():
        yield f"note {note} was claimed and is lost"
    for note in lines.keys() - told - maybe:
        yield f"note {note} is there, and no call says so"
    for note, times in lines.items():
        if times > 1:
            yield f"note {note} is there {times} times"


def _audit_tags(lead: dict[str, Any], claims: list[Called], doubts: list[Called]) -> Iterator[str]:
    in_batches = [one for one in claims if one.in_batch]  # which of their tags are new is not told in numbers
    told = {tag.casefold() for one in claims for tag in one.step.arguments.get("tags", [])}
    maybe = {tag.casefold() for one in doubts + in_batches for tag in one.step.arguments.get("tags", [])}
    added = Counter(tag.casefold() for one in claims for tag in one.content.get("tags_added", []))
    there = Counter(tag.casefold() for tag in lead["tags"])
    for tag in told - there.keys():
        yield f"tag {tag} was claimed and is lost"
    for tag in there.keys() - set(added) - maybe:
        yield f"tag {tag} is there, and no call says that it added it"
    for tag, times in there.items():
        if times > 1:
            yield f"tag {tag} is there in {times} forms"
    for tag, times in added.items():
        if times > 1:
            yield f"tag {tag} was added {times} times"


def _audit_scalar(
    name: str, lead: dict[str, Any], claims: list[Called], doubts: list[Called]
) -> Iterator[str]:
    """Whether the claimed changes of a field can be one history, from nothing to what is stored.

    Put one after the other, each begins with the value that another one left. So a value is given up by a
    change, or left at the end, as often as it was written; more often only if a doubtful call wrote it too.
    Two changes that both begin with the same one mean that one was lost. Of an updated row of a batch it is
    not judged what it replaced: that stands in its text alone. So it may have written all that it asked for.
    """
    maybe = Counter(norm(name, one.step.arguments[name]) for one in doubts if name in one.step.arguments)
    written = Counter({norm(name, None): 1})
    gone = Counter({norm(name, lead[READ_NAMES.get(name, name)]): 1})
    kept = set()
    for one in claims:
        asked = one.step.arguments
        for change in one.content.get("changes", []):
            if change["field"] == name:
                gone[norm(name, change.get("before"))] += 1
                written[norm(name, change["after"])] += 1
        if one.in_batch and name in asked:
            if one.outcome == "created" and not one.step.paired:
                gone[norm(name, None)] += 1
                written[norm(name, asked[name])] += 1
            elif one.outcome == "unchanged" and name not in ("name", "source"):  # a source may be kept
                kept.add(norm(name, asked[name]))
            else:
                maybe[norm(name, asked[name])] += 1
        if name in one.content.get("unchanged", []) and name != "name":  # Ann is in Ann Lee
            kept.add(norm(name, asked[name]))
        kept.update(
            norm(name, field["value"]) for field in one.content.get("kept", []) if field["field"] == name
        )
    for value, times in gone.items():
        if times > written[value] + maybe[value]:
            yield (
                f"{name} {value!r} was replaced or is left {times} times, and written {written[value]} times "
                f"for sure and {maybe[value]} times perhaps"
            )
    for value in kept - written.keys() - maybe.keys():
        yield f"{name} {value!r} was said to be there already, and nobody wrote it"


def blind_repeats(log: Sequence[Sent | Read]) -> Iterator[str]:
    """Name the writes that went out again without a look, or although the look showed that they were done.

    Each write can text a customer, so it is not enough that the lead ends up right. Who reads all leads has
    looked for everybody.
    """
    last: dict[str, list[Read]] = {}
    for entry in log:
        if isinstance(entry, Read):
            for looks in last.values():
                looks.append(entry)
            continue
        body = entry.body
        key = json.dumps(body, sort_keys=True)
        if key in last:
            asked = {body.get("id"), body.get("phone", "")[-4:], body.get("email")} - {None, ""} | {""}
            looks = [
                look
                for look in last[key]
                if look.asked in asked or body.get("id") in [lead["id"] for lead in look.leads]
            ]
            if not looks:
                yield f"sent again without a look: {body}"
            elif "notes" in body and any(
                lead["notes"] == body["notes"] and body.get("id") in (None, lead["id"])
                for look in looks
                for lead in look.leads
            ):
                yield f"sent again although it was seen to be done: {body}"
        last[key] = []
