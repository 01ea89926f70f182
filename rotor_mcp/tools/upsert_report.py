"""A plan and what became of it → the result of `upsert_lead`, with the warnings that matter just then."""

from rotor_mcp import dates
from rotor_mcp.api.models import Lead, LeadFields
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.matching import Ambiguity
from rotor_mcp.leads.normalize import is_possible_phone
from rotor_mcp.leads.plan import Change, Kept, Plan, Value, differences
from rotor_mcp.leads.requests import UpsertLead
from rotor_mcp.sanitize import one_line
from rotor_mcp.state.vocabulary import Kind, Unused
from rotor_mcp.tools.results import Difference, KeptField, LeadView, Outcome, UpsertResult

MAX_EXCERPT_CHARS = 160
"""Characters of notes in a result; `get_lead` shows all of them."""
CANDIDATE_FIELDS = ("id", "name", "archived")
"""The fields that tell a lead from others that could be meant, beside its phone or e-mail."""


def show(arguments: UpsertLead, call: CallContext, plan: Plan) -> UpsertResult:
    """Show a plan that is not carried out, and the token that would."""
    outcome: Outcome = plan.outcome
    stale = arguments.confirm is not None and not arguments.dry_run
    if stale:
        outcome = "needs_confirmation"
    result = tell(arguments, call, plan, outcome, plan.found.lead)
    if stale:
        result.reasons.insert(0, "the confirm token does not fit: this is not the plan that was shown")
    if plan.outcome != "unchanged":
        result.confirm = plan.token
    return result


def tell(
    arguments: UpsertLead, call: CallContext, plan: Plan, outcome: Outcome, lead: Lead | None
) -> UpsertResult:
    """Tell what a plan changes, with the warnings that matter when it does.

    Args:
        arguments: as they were given.
        call: in which this happened.
        plan: what was, or would be, written.
        outcome: what came of it.
        lead: as Rotor has it now, as far as that is known.
    """
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
        kept=[_kept(kept, call) for kept in plan.kept],
        reasons=_reasons(plan) if waits else [],
        candidates=[_candidate(rival, call) for rival in plan.found.alternatives] if waits else [],
        warnings=_warnings(arguments, call, plan, outcome),
        **call.setting(),
    )
    if happens and not arguments.dry_run:
        result.warnings += _surprises(plan, lead, call)
    return result


def _difference(change: Change, arguments: UpsertLead, call: CallContext) -> Difference:
    before, after = change.before, change.after
    if change.field == "notes":
        if before is not None and not arguments.replace_notes:
            before, after = None, f"+ {str(after)[len(str(before)) :].strip()}"
        before = None if before is None else _excerpt(str(before))
        after = _excerpt(str(after))
    else:
        before = None if before is None else _shown_value(change.field, before, call)
        after = _shown_value(change.field, after, call)
    return Difference(field=change.field, before=before, after=after)


def _shown_value(field: str, value: Value, call: CallContext) -> Value:
    if not isinstance(value, str):
        return value
    if field == "follow_up_date":
        return dates.show(value, call.context.zone, dates.follow_up)
    return one_line(value)


def _kept(kept: Kept, call: CallContext) -> KeptField:
    value, given = (_shown_value(kept.field, value, call) for value in (kept.value, kept.given))
    return KeptField(field=kept.field, value=value, given=given)


def _candidate(lead: Lead, call: CallContext) -> LeadView:
    return call.row(lead, (*CANDIDATE_FIELDS, "phone" if lead.phone else "email"))


def _excerpt(text: str) -> str:
    return (
        text if len(text) <= MAX_EXCERPT_CHARS else f"{text[:MAX_EXCERPT_CHARS]}… ({len(text):,} characters)"
    )


def _reasons(plan: Plan) -> list[str]:
    ambiguity, owner = plan.found.ambiguity, _name(plan.found.lead)
    reasons = []
    if ambiguity is Ambiguity.CONFLICT:
        other = plan.found.alternatives[-1]
        reasons.append(
            f"the phone belongs to {owner} (id {plan.target}) "
            f"and the e-mail to {_name(other)} (id {other.id})"
        )
    elif ambiguity is not None:
        reasons.append(ambiguity.value)
    if plan.replaced:
        reasons.append(
            f"this {plan.found.matched_by} belongs to {owner}, "
            f"whose {' and '.join(plan.replaced)} would be replaced"
        )
    return reasons


def _name(lead: Lead | None) -> str:
    return (lead and lead.name) or "a lead without a name"


def _warnings(arguments: UpsertLead, call: CallContext, plan: Plan, outcome: Outcome) -> list[str]:
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
    warnings += [
        f"{one_line(word.given)} is written as the company spells it: {one_line(word.written)}"
        for word in plan.respelled
    ]
    given: dict[Kind, list[str]] = {
        "stage": [str(changed["stage"])] if "stage" in changed else [],
        "source": [str(changed["source"])] if "source" in changed else [],
    }
    for kind, words in given.items():
        warnings += map(unused_word, call.state.vocabulary.unused(kind, words))
    if outcome == "needs_confirmation" and plan.found.alternatives_left_out:
        warnings.append(
            f"other leads that could be meant and are not shown: {plan.found.alternatives_left_out:,}"
        )
    if "tags" in arguments.model_fields_set and not arguments.tags:
        warnings.append("an empty list of tags changes nothing: tags can only be added")
    if blank := [name for name in arguments.blank if name in LeadFields.model_fields]:
        warnings.append(
            f"left out, because blank: {', '.join(blank)}. Rotor documents no way to clear a field"
        )
    return warnings


def _surprises(plan: Plan, lead: Lead, call: CallContext) -> list[str]:
    """What Rotor answered beyond or against what was asked."""
    surprises = []
    differing = differences(plan.fields, lead, call.context)
    if not lead.model_fields_set:
        surprises.append("Rotor's answer does not show what it stored")
    elif differing:
        surprises.append(f"Rotor's answer differs from what was sent in: {', '.join(differing)}")
    if plan.goal == "created" and plan.fields.stage is None and lead.stage:
        given = f"Rotor gave it the stage {one_line(lead.stage)}"
        if unused := call.state.vocabulary.unused("stage", [lead.stage]):
            given += f", which no other lead read lately has{_in_use(unused[0])}"
        surprises.append(given)
    return surprises


def unused_word(word: Unused) -> str:
    """Say that no lead has a stage, source or tag, and which are in use."""
    nearest = f". The nearest in use is {one_line(word.nearest)}" if word.nearest else _in_use(word)
    return f"no lead read lately has the {word.kind} {one_line(word.word)}{nearest}"


def _in_use(word: Unused) -> str:
    return f". In use: {', '.join(map(one_line, word.in_use))}" if word.in_use else ""
