"""Find → plan → write → make sure: what `upsert_lead` does.

Which lead is meant is decided by `identity.py`, what changes by `plan.py`; here are the requests between.
"""

from dataclasses import dataclass, replace
from typing import Literal

from rotor_mcp import dates
from rotor_mcp.call import Call
from rotor_mcp.errors import MissingScope, OutcomeUnknown, RotorError
from rotor_mcp.identity import (
    Doubt,
    Found,
    caseless,
    is_possible_phone,
    phone_form,
    phone_search,
    settle,
    settle_by_name,
    text_form,
)
from rotor_mcp.models import PAGE_LIMIT, Difference, Lead, UpsertLead, UpsertResult
from rotor_mcp.plan import Change, Plan, differences, make_plan

EXCERPT = 160
"""Characters of notes in a result; `get_lead` shows all of them."""
CANDIDATE = ("id", "name", "archived")

Outcome = Literal["created", "updated", "unchanged", "needs_confirmation", "unknown"]


async def upsert(arguments: UpsertLead, call: Call) -> UpsertResult:
    """Create or update a lead, or say why not yet.

    Raises:
        RotorError: if Rotor could not be asked or refused.
        NotesTooLongError: if the notes would not fit with those that are there.
    """
    if arguments.dry_run:
        found = await _find(arguments, call)
        return _planned(arguments, call, _plan(arguments, found, call))
    queue, rotor = call.company.queue, call.rotor
    async with queue.turn(_contact_keys(arguments, call), rotor.remaining):
        try:
            found = await _find(arguments, call)
        except MissingScope:
            return await _write_unseen(arguments, call)
        target = found.lead.id if found.lead else None
        async with queue.turn([f"id {target}"] if target else [], rotor.remaining) as waited:
            if waited and target:
                # Whoever held the lead has changed it since it was found.
                found = replace(found, lead=await rotor.get_lead(target))
            plan = _plan(arguments, found, call)
            if plan.outcome == "unchanged":
                return _result(arguments, call, plan, "unchanged", found.lead)
            approved = arguments.confirm == plan.token
            if not approved and (plan.outcome == "needs_confirmation" or arguments.confirm is not None):
                return _planned(arguments, call, plan)
            return await _write(arguments, call, plan)


def _plan(arguments: UpsertLead, found: Found, call: Call) -> Plan:
    return make_plan(arguments, found, call.context, replace_notes=arguments.replace_notes)


# Finding


async def _find(arguments: UpsertLead, call: Call) -> Found:
    """Find the lead that is meant: by id, or else by phone and e-mail, or else look for the name."""
    if arguments.id:
        return Found(await call.rotor.get_lead(arguments.id), "id")
    by_phone = await _with_phone(arguments.phone, call) if arguments.phone else []
    if not arguments.email:
        by_email = []
    elif len(by_phone) == 1 and caseless(by_phone[0].email or "") == caseless(arguments.email):
        by_email = by_phone
    else:
        by_email = await _with_email(arguments.email, call)
    if arguments.phone or arguments.email:
        return settle(by_phone, by_email, arguments.name)
    name = arguments.name or ""
    return settle_by_name(await _with_text(name, call), name)


async def _with_phone(phone: str, call: Call) -> list[Lead]:
    region = call.context.region
    wanted = phone_form(phone, region)
    leads = await _with_text(phone_search(phone, region), call)
    return [lead for lead in leads if lead.phone and phone_form(lead.phone, region) == wanted]


async def _with_email(email: str, call: Call) -> list[Lead]:
    leads = await _with_text(email, call)
    return [lead for lead in leads if caseless(lead.email or "") == caseless(email)]


async def _with_text(text: str, call: Call) -> list[Lead]:
    return (await call.rotor.list_leads(search=text, archived=True, limit=PAGE_LIMIT)).leads


def _contact_keys(arguments: UpsertLead, call: Call) -> list[str]:
    """What calls for the same person have in common."""
    keys = []
    if arguments.phone:
        keys.append(f"phone {phone_form(arguments.phone, call.context.region)}")
    if arguments.email:
        keys.append(f"email {caseless(arguments.email)}")
    if not keys and not arguments.id and arguments.name:
        keys.append(f"name {text_form(arguments.name)}")
    return keys


# Writing


async def _write(arguments: UpsertLead, call: Call, plan: Plan) -> UpsertResult:
    try:
        written = await call.rotor.upsert_lead(plan.fields, plan.target)
    except OutcomeUnknown as lost:
        return await _make_sure(arguments, call, plan, lost)
    outcome: Outcome = "created" if written.created else "updated"
    result = _result(arguments, call, plan, outcome, written.lead)
    if outcome != plan.goal:
        result.warnings.append(
            "Rotor updated a lead that was not found beforehand; look at it with get_lead"
            if outcome == "updated"
            else "Rotor created a new lead instead of updating the one that was found"
        )
    return result


async def _write_unseen(arguments: UpsertLead, call: Call) -> UpsertResult:
    """Write with a key that may not read: Rotor's plain upsert, and what could not be checked is said."""
    plan = make_plan(arguments, Found(), call.context)
    written = await call.rotor.upsert_lead(plan.fields, arguments.id)
    result = _result(arguments, call, plan, "created" if written.created else "updated", written.lead)
    result.warnings.append(
        "this key cannot read leads, so nothing was checked: Rotor alone chose the lead"
        + ("" if written.created else ", and the fields sent replaced what it held, notes too")
    )
    return result


async def _make_sure(arguments: UpsertLead, call: Call, plan: Plan, lost: RotorError) -> UpsertResult:
    """Find out what became of a write whose reply was lost, and send it once more if that is safe."""
    seen = await _look(arguments, call, plan)
    if seen.state == "absent" and _can_be_repeated(plan):
        try:
            written = await call.rotor.upsert_lead(plan.fields, plan.target)
        except OutcomeUnknown:
            seen = await _look(arguments, call, plan)
        except RotorError as exc:
            lost = exc
        else:
            result = _result(arguments, call, plan, plan.goal, written.lead)
            result.warnings.append(f"the reply to the first try was lost ({lost}); it was sent once more")
            return result
    if seen.state == "done":
        result = _result(arguments, call, plan, plan.goal, seen.lead)
        result.warnings.append(f"the reply was lost ({lost}); reading it back shows that it was written")
        return result
    result = _result(arguments, call, plan, "unknown", plan.found.lead)
    found = "it was not there when looked for" if seen.state == "absent" else "a look did not settle it"
    result.reasons += [str(lost), found]
    result.warnings.append(f"before sending it again, check: {_check(arguments, call, plan)}")
    return result


@dataclass(frozen=True)
class _Seen:
    """What a look at Rotor says of a write whose reply was lost."""

    state: Literal["done", "absent", "unclear"]
    lead: Lead | None = None


async def _look(arguments: UpsertLead, call: Call, plan: Plan) -> _Seen:
    before = plan.found.lead
    try:
        if before is not None and before.id:
            lead = await call.rotor.get_lead(before.id)
        elif arguments.phone or arguments.email:
            found = await _find(arguments, call)
            if found.lead is None:
                return _Seen("absent")
            lead = found.lead
        else:
            known = {rival.id for rival in plan.found.rivals}
            now = settle_by_name(await _with_text(arguments.name or "", call), arguments.name or "")
            new = [lead for lead in now.rivals if lead.id not in known]
            if len(new) != 1:
                return _Seen("unclear" if new else "absent")
            lead = new[0]
    except RotorError:
        return _Seen("unclear")
    if not differences(plan.fields, lead, call.context):
        return _Seen("done", lead)
    return _Seen("absent" if lead == before else "unclear", lead)


def _can_be_repeated(plan: Plan) -> bool:
    """Whether a second copy of a write that seems absent could do no harm, should the first arrive late.

    An update by id sets the same values again. A new lead is found by Rotor under its phone or e-mail, which
    are spelled the same both times; without either there would be two.
    """
    sent = plan.fields
    return plan.goal == "updated" or sent.phone is not None or sent.email is not None


def _check(arguments: UpsertLead, call: Call, plan: Plan) -> str:
    if plan.found.lead is not None:
        return f"get_lead with id {plan.found.lead.id}"
    if arguments.phone:
        return f"search_leads with search {phone_search(arguments.phone, call.context.region)}"
    return f"search_leads with search {arguments.email or arguments.name}"


# Telling


def _planned(arguments: UpsertLead, call: Call, plan: Plan) -> UpsertResult:
    """Show a plan that is not carried out, and the token that would."""
    outcome: Outcome = plan.outcome
    stale = arguments.confirm is not None and not arguments.dry_run
    if stale:
        outcome = "needs_confirmation"
    result = _result(arguments, call, plan, outcome, plan.found.lead)
    if stale:
        result.reasons.insert(0, "the confirm token does not fit: this is not the plan that was shown")
    if plan.outcome != "unchanged":
        result.confirm = plan.token
    return result


def _result(
    arguments: UpsertLead, call: Call, plan: Plan, outcome: Outcome, lead: Lead | None
) -> UpsertResult:
    """Tell what a plan changes, with the warnings that matter when it does."""
    lead = lead or Lead(name=arguments.name)
    before = plan.found.lead
    waits, happens = outcome == "needs_confirmation", outcome in ("created", "updated")
    result = UpsertResult(
        outcome=outcome,
        dry_run=arguments.dry_run,
        id=lead.id or (before.id if before else None),
        name=lead.name or (before.name if before else arguments.name),
        archived=lead.archived,
        matched_by=plan.found.matched_by,
        changes=[_difference(change, arguments, call) for change in plan.changes],
        tags_added=list(plan.tags_added),
        tags_present=list(plan.tags_present),
        unchanged=list(plan.unchanged),
        reasons=_reasons(plan) if waits else [],
        candidates=[call.row(rival, CANDIDATE) for rival in plan.found.rivals] if waits else [],
        warnings=_warnings(arguments, call, plan, outcome),
        **call.setting(),
    )
    if happens and not arguments.dry_run:
        result.warnings += _surprises(plan, lead, call)
    return result


def _difference(change: Change, arguments: UpsertLead, call: Call) -> Difference:
    before, after = change.before, change.after
    if change.field == "follow_up_date":
        zone = call.context.zone
        before = None if before is None else dates.show(str(before), zone)
        after = dates.show(str(after), zone)
    elif change.field == "notes":
        if before is not None and not arguments.replace_notes:
            before, after = None, f"+ {str(after)[len(str(before)) :].strip()}"
        before = None if before is None else _excerpt(str(before))
        after = _excerpt(str(after))
    return Difference(field=change.field, before=before, after=after)


def _excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]}… ({len(text):,} characters)"


def _reasons(plan: Plan) -> list[str]:
    lead, doubt = plan.found.lead, plan.found.doubt
    owner = lead.name if lead and lead.name else "a lead without a name"
    reasons = []
    if doubt is Doubt.CONFLICT:
        other = plan.found.rivals[-1].name or "a lead without a name"
        reasons.append(f"the phone belongs to {owner} and the e-mail to {other}")
    elif doubt is not None:
        reasons.append(doubt.value)
    if plan.replaced:
        reasons.append(
            f"this {plan.found.matched_by} belongs to {owner}, "
            f"whose {' and '.join(plan.replaced)} would be replaced"
        )
    return reasons


def _warnings(arguments: UpsertLead, call: Call, plan: Plan, outcome: Outcome) -> list[str]:
    """What should be known of a plan, whether it was carried out or not."""
    warnings = []
    region = call.context.region
    changed = {change.field: change.after for change in plan.changes}
    if outcome != "unchanged" and (
        plan.goal == "created" or plan.tags_added or {"stage", "follow_up_date"} & changed.keys()
    ):
        warnings.append(
            "new leads, stages, tags and follow-up dates can start the company's automations, "
            "which may text or e-mail the person"
        )
    if plan.goal == "created" and not (arguments.phone or arguments.email):
        warnings.append("without phone and e-mail it cannot be matched later: the next write needs its id")
    if arguments.phone and not is_possible_phone(arguments.phone, region):
        warnings.append(f"this is no phone number that could exist in {region}")
    for name in ("stage", "source"):
        if name in changed:
            unused, nearest = call.company.vocabulary.unused(name, str(changed[name]))
            if unused:
                hint = f"; the nearest in use is {nearest}" if nearest else ""
                warnings.append(f"no lead read lately has the {name} {changed[name]}{hint}")
    if "tags" in arguments.model_fields_set and not arguments.tags:
        warnings.append("an empty list of tags changes nothing: tags can only be added")
    if arguments.blank:
        left_out = ", ".join(arguments.blank)
        warnings.append(f"left out, because blank: {left_out}. Rotor documents no way to clear a field")
    return warnings


def _surprises(plan: Plan, lead: Lead, call: Call) -> list[str]:
    """What Rotor answered beyond or against what was asked."""
    surprises = []
    differing = differences(plan.fields, lead, call.context)
    if not lead.model_fields_set:
        surprises.append("Rotor's answer does not show what it stored")
    elif differing:
        surprises.append(f"Rotor's answer differs from what was sent in: {', '.join(differing)}")
    if plan.goal == "created" and plan.fields.stage is None and lead.stage:
        surprises.append(f"Rotor gave it the stage {lead.stage}")
    return surprises
