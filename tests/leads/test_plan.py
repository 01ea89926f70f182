"""Plans hold for every lead and every wish; the few cases that need a name have a table."""

from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotor_mcp.api.models import NOTES_LIMIT, Lead, LeadFields, read_lead
from rotor_mcp.errors import NotesTooLong
from rotor_mcp.leads.compare import differences
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.matching import Ambiguity, Match, MatchedBy
from rotor_mcp.leads.plan import IDENTITY_FIELDS, Plan, add_notes, approval_token, make_plan
from rotor_mcp.leads.requests import UpsertRequest

CONTEXT = Locale(date(2026, 11, 22), ZoneInfo("America/Chicago"), "US")

NOBODY = "182bd5e5-6e1a-4fe4-a799-000000000000"

words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs", "So"]), min_size=1, max_size=12)
lines = st.lists(words, min_size=1, max_size=3).map("\n".join)
names = st.lists(st.sampled_from(["Jane", "Bob", "Doe", "J.", "Ann", "🎄"]), min_size=1, max_size=3).map(
    " ".join
)
phones = st.sampled_from(["763-555-0100", "(763) 555-0100", "7635550101", "555-0142", "call me"])
emails = st.sampled_from(["jane@example.com", "Jane@Example.com", "bob@example.net"])
tags = st.lists(st.sampled_from(["Website", "website", "plan: quarterly", "a, b", "VIP"]), max_size=4)
dates = st.sampled_from(["2026-12-01", "2026-12-01T09:30", "2026-12-01T18:00:00Z", "2027-01-15"])
FIELDS = {
    "name": names,
    "phone": phones,
    "email": emails,
    "stage": words,
    "priority": st.sampled_from(["low", "medium", "high"]),
    "projected_value": st.sampled_from([0, 299, 299.0, 1200.5]),
    "follow_up_date": dates,
    "service_type": words,
    "source": words,
    "address_street1": words,
    "address_city": words,
    "address_country": st.sampled_from(["US", "USA", "Canada"]),
    "notes": lines,
}
wishes = st.fixed_dictionaries({}, optional={**FIELDS, "tags": tags}).map(LeadFields.model_validate)
leads = st.fixed_dictionaries({"id": st.just("L1")}, optional={**FIELDS, "tags": tags}).map(read_lead)
matches: st.SearchStrategy[MatchedBy] = st.sampled_from(["id", "phone", "email", "phone and email"])


def asked(wish: LeadFields, replace_notes: bool = False) -> UpsertRequest:
    """A request for these fields. It names a lead only because every request has to."""
    fields = {name: getattr(wish, name) for name in wish.model_fields_set}
    return UpsertRequest.model_validate({"id": NOBODY, "replace_notes": replace_notes} | fields)


def carried_out(plan: Plan) -> Lead:
    """What Rotor holds after a write: fields replaced, tags merged."""
    before = plan.found.lead or Lead(id="new")
    sent = plan.fields.model_dump(exclude_unset=True)
    sent["tags"] = list(dict.fromkeys([*before.tags, *plan.fields.tags]))
    return replace(before, **sent)


@given(leads, wishes, matches)
def test_a_found_lead_keeps_its_identity_unless_somebody_approves(
    lead: Lead, wish: LeadFields, matched_by: MatchedBy
) -> None:
    plan = make_plan(asked(wish), Match(lead, matched_by), CONTEXT)
    if matched_by != "id" and plan.outcome == "updated":
        after = carried_out(plan)
        for name in set(IDENTITY_FIELDS) - {"name"}:
            assert getattr(lead, name) in (None, getattr(after, name))
        # A name may be completed: every word that was there is there, or its initial is spelled out.
        for word in (lead.name or "").casefold().replace(".", "").split():
            assert any(new.startswith(word) for new in (after.name or "").casefold().replace(".", "").split())


@given(leads | st.none(), wishes, matches, st.booleans())
def test_a_plan_carried_out_leaves_nothing_to_do(
    lead: Lead | None, wish: LeadFields, matched_by: MatchedBy, replace_notes: bool
) -> None:
    plan = make_plan(asked(wish, replace_notes), Match(lead, matched_by if lead else None), CONTEXT)
    after = carried_out(plan)
    assert differences(plan.fields, after, CONTEXT) == []
    again = make_plan(asked(wish, replace_notes), Match(after, matched_by), CONTEXT)
    assert (again.outcome, again.fields.model_fields_set) == ("unchanged", set())


@given(leads, wishes, matches)
def test_tags_and_notes_are_never_lost(lead: Lead, wish: LeadFields, matched_by: MatchedBy) -> None:
    after = carried_out(make_plan(asked(wish), Match(lead, matched_by), CONTEXT))
    assert set(lead.tags) <= set(after.tags)
    assert {tag.casefold() for tag in wish.tags} <= {tag.casefold() for tag in after.tags}
    assert (after.notes or "").startswith(lead.notes or "")
    if wish.notes:
        assert " ".join(wish.notes.split()).casefold() in " ".join((after.notes or "").split()).casefold()


@given(leads, wishes)
def test_only_what_differs_is_sent(lead: Lead, wish: LeadFields) -> None:
    plan = make_plan(asked(wish), Match(lead, "id"), CONTEXT)
    for name in plan.fields.model_fields_set - {"tags"}:
        assert getattr(plan.fields, name) != getattr(lead, name)
    given = wish.model_fields_set - {"tags"}
    assert {change.field for change in plan.changes} | set(plan.unchanged) == given
    assert {tag.casefold() for tag in plan.tags_added}.isdisjoint(tag.casefold() for tag in lead.tags)


plans = st.builds(
    lambda lead, wish, matched_by, alternatives, ambiguity: make_plan(
        asked(wish), Match(lead, matched_by if lead else None, alternatives, ambiguity), CONTEXT
    ),
    leads | st.none(),
    wishes,
    matches,
    st.lists(leads, max_size=2).map(tuple),
    st.sampled_from([None, *Ambiguity]),
)


@given(plans, plans)
def test_a_token_fits_no_other_plan(one: Plan, other: Plan) -> None:
    def facts(plan: Plan) -> object:
        sent = plan.fields.model_dump(exclude_unset=True)
        return sent, plan.found.lead, plan.found.alternatives

    assume(facts(one) != facts(other))
    assert approval_token(one) != approval_token(other)


@given(plans)
def test_a_token_is_the_same_for_the_same_plan(plan: Plan) -> None:
    again = Plan(**{name: getattr(plan, name) for name in plan.__dataclass_fields__})
    assert approval_token(again) == approval_token(plan)
    assert len(approval_token(plan)) == 8


@given(leads, st.sampled_from(["stage", "notes", "value_score", "archived", "assigned_to"]))
def test_a_token_goes_stale_when_the_lead_changes(lead: Lead, field: str) -> None:
    wish = LeadFields(priority="high", name="Somebody Else")
    values: dict[str, Any] = {"archived": True, "value_score": 5.0}
    changed = replace(lead, **{field: values.get(field, "changed!")})
    plans = [make_plan(asked(wish), Match(version, "phone"), CONTEXT) for version in (lead, changed)]
    assert approval_token(plans[0]) != approval_token(plans[1])


JANE = Lead(
    id="L1",
    name="Jane Doe",
    phone="(763) 555-0100",
    email="jane@example.com",
    stage="Quoted",
    address_street1="214 Oak Street",
    address_country="US",
    projected_value=299,
    follow_up_date="2026-12-01T18:00:00Z",
    tags=["Website"],
    notes="Dog.",
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", "+1 763 555 0100"),
        ("email", "JANE@example.com"),
        ("name", "Jane"),
        ("name", "Doe, Jane"),
        ("stage", "quoted"),
        ("address_street1", "214 oak street."),
        ("address_country", "USA"),
        ("projected_value", 299.0),
        ("follow_up_date", "2026-12-01"),
        ("follow_up_date", "2026-12-01T12:00:00-06:00"),
        ("tags", ["WEBSITE"]),
        ("notes", "dog."),
    ],
)
def test_what_is_no_change(field: str, value: object) -> None:
    plan = make_plan(asked(LeadFields.model_validate({field: value})), Match(JANE, "phone"), CONTEXT)
    assert plan.outcome == "unchanged"


def test_a_moment_is_the_same_without_its_fractions() -> None:
    stored = replace(JANE, follow_up_date="2026-12-01T15:30:12.345678Z")
    wish = LeadFields(follow_up_date="2026-12-01T09:30:12")
    assert make_plan(asked(wish), Match(stored, "id"), CONTEXT).outcome == "unchanged"


@pytest.mark.parametrize("stored", ["2026-12-01T05:00:00+05:00", "2026-12-01T00:00:00Z", "2026-12-01"])
def test_a_follow_up_as_it_is_stored_is_no_change(stored: str) -> None:
    """The first two are midnight in UTC, which stands for a day; a file may bring back what was exported."""
    lead, wish = replace(JANE, follow_up_date=stored), LeadFields(follow_up_date=stored)
    assert make_plan(asked(wish), Match(lead, "id"), CONTEXT).outcome == "unchanged"


def test_notes_with_our_own_days_in_them_are_not_added_again() -> None:
    notes = "Dog.\n2026-11-22: Gate code 4711.\n2026-11-23: Two cats."
    stored = replace(JANE, notes=notes)
    for again in (notes, "2026-11-22: gate code 4711.", "2026-12-24: Two cats."):
        assert make_plan(asked(LeadFields(notes=again)), Match(stored, "id"), CONTEXT).outcome == "unchanged"


@pytest.mark.parametrize(
    ("field", "value", "found", "by_id"),
    [
        ("name", "Jane Mary Doe", "updated", "updated"),
        ("name", "Bob Doe", "needs_confirmation", "updated"),
        ("name", "Jane", "unchanged", "updated"),
        ("phone", "763-555-0101", "needs_confirmation", "updated"),
        ("email", "bob@example.com", "needs_confirmation", "updated"),
        ("address_street1", "3 Elm Road", "needs_confirmation", "updated"),
        ("address_city", "Delano", "updated", "updated"),
        ("stage", "Won", "updated", "updated"),
        ("follow_up_date", "2026-12-01T09:00", "updated", "updated"),
        ("tags", ["VIP"], "updated", "updated"),
        ("notes", "Cat.", "updated", "updated"),
    ],
)
def test_what_is_a_change(field: str, value: object, found: str, by_id: str) -> None:
    wish = LeadFields.model_validate({field: value})
    outcomes = tuple(make_plan(asked(wish), Match(JANE, how), CONTEXT).outcome for how in ("phone", "id"))
    assert outcomes == (found, by_id)


@pytest.mark.parametrize(
    ("stored", "text", "after"),
    [
        ("", "Cat.", "2026-11-22: Cat."),
        ("Dog.", "Cat.", "Dog.\n2026-11-22: Cat."),
        ("Dog.", "Two\nlines", "Dog.\n2026-11-22: Two\nlines"),
        ("Dog.\n2026-11-20: Cat.", "Cat.", "Dog.\n2026-11-20: Cat."),
        ("2026-11-20: Two\nlines", "two\n lines", "2026-11-20: Two\nlines"),
        ("No dog.", "dog.", "No dog.\n2026-11-22: dog."),
    ],
)
def test_notes_are_added_once(stored: str, text: str, after: str) -> None:
    assert add_notes(stored, text, CONTEXT.today) == after


def test_notes_have_a_limit() -> None:
    room = NOTES_LIMIT - len("Dog.\n2026-11-22: ")
    assert len(add_notes("Dog.", "x" * room, CONTEXT.today)) == NOTES_LIMIT
    with pytest.raises(NotesTooLong, match=f"{room:,} of 2,000 are left"):
        add_notes("Dog.", "x" * (room + 1), CONTEXT.today)
