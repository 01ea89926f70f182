"""The tool `upsert_lead`: creates or updates a lead.

Its arguments are `UpsertRequest`, in `leads/requests.py`.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from rotor_mcp import dates
from rotor_mcp.api.models import LEAD_ID_CHARS, Lead, LeadFields, whole_if_it_is
from rotor_mcp.leads.compare import Value, differences
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.matching import Ambiguity
from rotor_mcp.leads.phones import parse_phones
from rotor_mcp.leads.plan import IDENTITY_FIELDS, Change, approval_token
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.leads.short_ids import whole_id
from rotor_mcp.leads.upsert import Evidence, UpsertOutcome, UpsertStatus, upsert
from rotor_mcp.sanitize import one_line
from rotor_mcp.state.vocabulary import Kind
from rotor_mcp.tools.lead_view import LeadView, lead_line, view_row
from rotor_mcp.tools.phrases import capital, dollars, in_use, notes, sentence, spent, unused_word
from rotor_mcp.tools.results import Result, call_facts
from rotor_mcp.tools.tool import Tool, ToolApproval

MAX_EXCERPT_CHARS = 160
"""Characters of notes in a result; `get_lead` shows all of them."""
CANDIDATE_FIELDS = ("id", "name", "archived")
"""The fields that tell a lead from others that could be meant, beside its phone or e-mail."""


class Difference(BaseModel):
    """The change of a field. `before` is None if the field was empty or was not read."""

    field: str
    before: Value | None = None
    after: Value


class KeptField(BaseModel):
    """A field that a lead keeps, although another value was given."""

    field: str
    value: Value
    given: Value


class Write(BaseModel):
    """The changes that a write made in a lead, or would make, and what needs approval."""

    id: str | None = None
    name: SkipJsonSchema[str | None] = None
    archived: SkipJsonSchema[bool] = False
    matched_by: SkipJsonSchema[str | None] = None
    changes: list[Difference] = []
    tags_added: list[str] = []
    tags_present: SkipJsonSchema[list[str]] = []
    unchanged: SkipJsonSchema[list[str]] = []
    kept: SkipJsonSchema[list[KeptField]] = []
    reasons: list[str] = []
    evidence: SkipJsonSchema[str | None] = None
    """What shows that it was written, or what to check, where Rotor's reply does not show that."""
    candidates: list[LeadView] = []
    short_ids: Annotated[SkipJsonSchema[dict[str, str]], Field(exclude=True)] = {}
    """Ids of the candidates → as the text shows them."""
    confirm: str | None = None
    warnings: list[str] = []


class UpsertResult(Write, Result):
    """The result of `upsert_lead`."""

    outcome: UpsertStatus
    dry_run: SkipJsonSchema[bool] = False


async def upsert_lead(request: UpsertRequest, call: CallContext) -> UpsertResult:
    """Create or update a lead, or return the plan that needs approval.

    Raises:
        InvalidArguments: if the phone could not exist, or it is not certain which lead a short id means.
        NotesTooLong: if the notes do not fit with those that are there.
        RotorError: if Rotor could not be asked or refused.
    """
    if request.id and len(request.id) < LEAD_ID_CHARS:
        request = request.model_copy(update={"id": await whole_id(request.id, call)})
    outcome = await upsert(request, call)
    if outcome.status == "created" and outcome.lead and outcome.lead.id:
        await call.state.shown_ids.shorten([outcome.lead.id])
    result = upsert_result(outcome, call)
    if result.candidates:
        await shorten_candidates(result, call)
    return result


async def shorten_candidates(write: Write, call: CallContext) -> None:
    """Give the candidates of a plan short ids, for the text."""
    ids = [lead.id for lead in write.candidates if lead.id]
    write.short_ids = await call.state.shown_ids.shorten(ids)


# From the outcome to the result


def upsert_result(outcome: UpsertOutcome, call: CallContext) -> UpsertResult:
    """Return the result of an outcome, with its warnings."""
    request, plan, status = outcome.request, outcome.plan, outcome.status
    before, lead = plan.found.lead, outcome.lead or Lead(name=request.name)
    waits = status == "needs_confirmation"
    written = status in ("created", "updated") and not request.dry_run
    as_planned = outcome.evidence is Evidence.REPLY and status == plan.operation
    return UpsertResult(
        outcome=status,
        failed=status == "unknown",
        dry_run=request.dry_run,
        id=lead.id or (before.id if before else None),
        name=lead.name or (before.name if before else request.name),
        archived=lead.archived,
        matched_by=plan.found.matched_by,
        changes=[_difference(change, request, call.locale) for change in plan.changes],
        tags_added=list(plan.tags_added),
        tags_present=list(plan.tags_present),
        unchanged=list(plan.unchanged),
        kept=[
            KeptField(field=kept.field, value=value, given=given)
            for kept in plan.kept
            for value, given in [_shown_values(kept.field, (kept.value, kept.given), call.locale)]
        ],
        reasons=_reasons(outcome) if waits or outcome.lost else [],
        candidates=[
            view_row(other, call.locale, (*CANDIDATE_FIELDS, "phone" if other.phone else "email"))
            for other in (plan.found.alternatives if waits else ())
        ],
        evidence=(_evidence(outcome, call) if status == "unknown" or (written and not as_planned) else None),
        confirm=approval_token(plan) if outcome.shown_only else None,
        warnings=_warnings(outcome, lead, call),
        **call_facts(call),
    )


def _difference(change: Change, request: UpsertRequest, locale: Locale) -> Difference:
    before, after = change.before, change.after
    if change.field == "notes":
        if before is not None and not request.replace_notes:
            before, after = None, f"+ {str(after)[len(str(before)) :].strip()}"
        before = None if before is None else _excerpt(str(before))
        after = _excerpt(str(after))
    else:
        before, after = _shown_values(change.field, (before, after), locale)
    return Difference(field=change.field, before=before, after=after)


def _shown_values(field: str, values: Sequence[Any], locale: Locale) -> list[Any]:
    """Return values of a field as results show them."""
    if field == "follow_up_date":
        return [value and dates.show(value, locale.zone, dates.follow_up) for value in values]
    return [one_line(value) if isinstance(value, str) else whole_if_it_is(value) for value in values]


def _excerpt(text: str) -> str:
    return (
        text if len(text) <= MAX_EXCERPT_CHARS else f"{text[:MAX_EXCERPT_CHARS]}… ({len(text):,} characters)"
    )


def _reasons(outcome: UpsertOutcome) -> list[str]:
    """Return why nothing was written, or why the outcome is unknown."""
    if outcome.status == "unknown":
        seen = "it was not there when looked for" if outcome.absent else "a look did not settle it"
        return [str(outcome.lost), seen]
    reasons = []
    found = outcome.plan.found
    if outcome.token_refused:
        reasons.append("the confirm token does not fit: this is not the plan that was shown")
    owner = _name(found.lead)
    if found.ambiguity is Ambiguity.CONFLICT:
        other = found.alternatives[-1]
        reasons.append(
            f"the phone belongs to {owner} (id {outcome.plan.target}) "
            f"and the e-mail to {_name(other)} (id {other.id})"
        )
    elif found.ambiguity is not None:
        reasons.append(found.ambiguity.value)
    if outcome.plan.replaced:
        reasons.append(
            f"this {found.matched_by} belongs to {owner}, "
            f"whose {' and '.join(outcome.plan.replaced)} would be replaced"
        )
    return reasons


def _name(lead: Lead | None) -> str:
    return (lead and lead.name) or "a lead without a name"


def _warnings(outcome: UpsertOutcome, lead: Lead, call: CallContext) -> list[str]:
    """Return the warnings about a write, whether it was carried out or not."""
    request, plan, status = outcome.request, outcome.plan, outcome.status
    changed = {change.field: change.after for change in plan.changes}
    written = status in ("created", "updated") and not request.dry_run
    triggers = (
        ["a new lead"]
        if plan.operation == "created"
        else [
            trigger
            for happens, trigger in (
                ("stage" in changed, "a new stage"),
                (plan.tags_added, "a new tag"),
                ("follow_up_date" in changed, "a follow-up date"),
            )
            if happens
        ]
    )
    warnings: list[str] = []
    if triggers and status != "unchanged":
        happened = " and ".join(", ".join(triggers).rsplit(", ", 1))
        warnings.append(f"{happened} can make the company's automations text or e-mail the person")
    if plan.operation == "created" and not (request.phone or request.email):
        warnings.append("without phone and e-mail it cannot be matched later: the next write needs its id")
    if request.phone and not parse_phones(request.phone, call.locale.region).forms:
        warnings.append(f"this is no phone number that could exist in {call.locale.region}")
    warnings += [
        f"{one_line(word.given)} is written as the company spells it: {one_line(word.written)}"
        for word in plan.respelled
    ]
    kinds: tuple[Kind, ...] = ("stage", "source")
    for kind in kinds:
        if kind in changed:
            warnings += map(unused_word, call.state.vocabulary.unused(kind, [str(changed[kind])]))
    if status == "needs_confirmation" and plan.found.alternatives_left_out:
        warnings.append(
            f"other leads that could be meant and are not shown: {plan.found.alternatives_left_out:,}"
        )
    if "tags" in request.model_fields_set and not request.tags:
        warnings.append("an empty list of tags changes nothing: tags can only be added")
    if blank := [name for name in request.given.blank if name in LeadFields.model_fields]:
        warnings.append(
            f"left out, because blank: {', '.join(blank)}. Rotor documents no way to clear a field"
        )
    warnings += map(one_line, outcome.remarks)
    if written:
        differing = differences(plan.fields, lead, call.locale) if lead != Lead() else None
        if differing or differing is None:
            warnings.append(
                "Rotor's answer does not show what it stored"
                if differing is None
                else f"Rotor's answer differs from what was sent in: {', '.join(differing)}"
            )
        if plan.operation == "created" and plan.fields.stage is None and lead.stage:
            warnings.append(_stage_warning(lead.stage, call))
    return warnings


def _stage_warning(stage: str, call: CallContext) -> str:
    """Return the warning about the stage that Rotor gave to a new lead which was sent without one."""
    unused = call.state.vocabulary.unused("stage", [stage])
    text = f"Rotor gave it the stage {one_line(stage)}"
    return f"{text}, which no other lead read lately has{in_use(unused[0])}" if unused else text


def _evidence(outcome: UpsertOutcome, call: CallContext) -> str:
    """Return the evidence that a write was done, where Rotor's reply does not show what was planned."""
    created = outcome.status == "created"
    match outcome.evidence:
        case Evidence.REPLY if outcome.status == "unknown":
            return f"before sending it again, check: {_check(outcome, call)}"
        case Evidence.REPLY if created:
            return "Rotor created a new lead instead of updating the one that was found"
        case Evidence.REPLY:
            return "Rotor updated a lead that was not found beforehand; look at it with get_lead"
        case Evidence.REPLY_TO_UNCHECKED:
            replaced = "" if created else ", and the fields sent replaced what it held, notes too"
            return f"this key cannot read leads, so nothing was checked: Rotor alone chose the lead{replaced}"
        case Evidence.REPLY_TO_SECOND:
            return f"the reply to the first try was lost ({outcome.lost}); it was sent once more"
        case Evidence.READ_BACK:
            return f"reading it back shows that it was written; the reply was lost ({outcome.lost})"


def _check(outcome: UpsertOutcome, call: CallContext) -> str:
    """Return the call that shows whether a write was done."""
    request = outcome.request
    if outcome.plan.found.lead is not None:
        return f"get_lead with id {outcome.plan.found.lead.id}"
    if request.phone:
        return f"search_leads with search {parse_phones(request.phone, call.locale.region).search}"
    return f"search_leads with search {request.email or request.name}"


# From the result to the text


def render_upsert(result: UpsertResult) -> str:
    """Return what was done, or why nothing was, and the changes."""
    waits = result.outcome == "needs_confirmation"
    shown_id = [f"id {result.id}"] if result.id and not waits else []
    return "\n".join(
        [
            _headline(result),
            *([f"{capital(result.evidence)}."] if result.evidence else ()),
            *plan_lines(result, result.timezone),
            *shown_id,
            *(_next_step(result) if result.confirm else ()),
            *notes(result.warnings),
        ]
    )


def _headline(result: UpsertResult) -> str:
    who, cost = lead_label(result), spent(result.requests)
    match result.outcome:
        case "created" | "updated" if result.dry_run:
            would = "create" if result.outcome == "created" else "update"
            return f"Dry run, nothing was written. This would {would} {who}. {cost}"
        case "created" | "updated":
            return f"{result.outcome.capitalize()} {who}. {cost}"
        case "unchanged":
            return f"Nothing to change in {who}; nothing was written. {cost}"
        case "needs_confirmation":
            which = f", id {result.id}" if result.id else ""
            return f"Nothing was written: {sentence(result.reasons)} {cost} The plan for {who}{which}:"
        case "unknown":
            done = "updated" if result.id else "created"
            return f"It is not known whether {who} was {done}: {sentence(result.reasons)} {cost}"


def lead_label(write: Write) -> str:
    """Return the name of the lead, and what it was matched by."""
    name = one_line(write.name or "") or "a lead without a name"
    if write.id is None:
        return f"{name} (new)"
    facts = [f"matched by {write.matched_by}"] if write.matched_by not in (None, "id") else []
    facts += ["archived"] if write.archived else []
    return f"{name} ({', '.join(facts)})" if facts else name


def plan_lines(write: Write, timezone: str) -> list[str]:
    """Return a line for each change, for what stays, and for each other lead that could be meant."""
    lines = change_texts(write, timezone)
    unchanged = [*write.unchanged, *(["tags"] if write.tags_present and not write.tags_added else [])]
    if unchanged:
        lines.append(f"unchanged: {', '.join(unchanged)}")
    lines += (
        f"also: {lead_line(lead, write.short_ids.get(lead.id or '', lead.id))}" for lead in write.candidates
    )
    return [f"  {line}" for line in lines]


def change_texts(write: Write, timezone: str) -> list[str]:
    """Return a text for each field that changes."""
    lines = [f"{change.field}: {_change_text(change, write, timezone)}" for change in write.changes]
    if write.tags_added:
        had = f" (already had {', '.join(write.tags_present)})" if write.tags_present else ""
        lines.append(one_line(f"tags: + {', '.join(write.tags_added)}{had}"))
    for kept in write.kept:
        value, given = (
            dollars(float(one)) if kept.field == "projected_value" else one
            for one in (kept.value, kept.given)
        )
        lines.append(f"{kept.field}: stays {value} (given: {given})")
    return lines


def _change_text(change: Difference, write: Write, timezone: str) -> str:
    before, after = change.before, str(change.after)
    match change.field:
        case "notes":
            before, after = None if before is None else one_line(str(before)), one_line(after)
        case "projected_value":
            before = None if before is None else dollars(float(before))
            after = dollars(float(change.after))
        case "follow_up_date" if ":" in after:
            after = f"{after} ({timezone})"
    if before is not None:
        return f"{before} → {after}"
    # Where no lead was found beforehand, what was there before is not known to be nothing.
    return after if write.matched_by is None or change.field == "notes" else f"none → {after}"


def _next_step(result: UpsertResult) -> list[str]:
    """Return how to carry out a plan that was only shown."""
    if result.dry_run and result.outcome != "needs_confirmation":
        return [f'To do exactly this, call again without dry_run and with confirm "{result.confirm}".']
    again = f'call again with the same arguments and confirm "{result.confirm}"'
    if result.candidates:
        ask = "Ask the user who is meant; another of these leads is updated by its id. "
    elif _may_be_another_person(result):
        name = one_line(result.name or "") or "that lead"
        ask = f"Ask the user first whether this is {name} or somebody else. "
    else:
        ask = ""
    steps = f"{ask}If the user approves exactly this, {again}."
    if _may_be_another_person(result):
        steps += (
            " If it is another person, do not confirm: add a note to this lead, or enter the person without "
            f"the {(result.matched_by or '').replace('and', 'and the')}, because Rotor finds this lead by it."
        )
    return [steps]


def _may_be_another_person(result: UpsertResult) -> bool:
    """Whether the lead was found by phone or e-mail, and the plan changes its identity."""
    return result.matched_by not in (None, "id") and (
        bool(result.candidates) or any(change.field in IDENTITY_FIELDS for change in result.changes)
    )


# Approval by the person


def approval_question(result: UpsertResult) -> str | None:
    """Return the question to the person about a plan that needs approval; None if it needs none."""
    if result.outcome != "needs_confirmation" or result.dry_run or result.confirm is None:
        return None
    which = f", id {result.id}" if result.id else ""
    return "\n".join(
        [
            f"{sentence(result.reasons)} Go ahead?",
            f"{lead_label(result)}{which}:",
            *plan_lines(result, result.timezone),
            *notes(result.warnings),
        ]
    )


def declined(result: UpsertResult) -> UpsertResult:
    """Return a plan that the person was asked about and did not approve."""
    reasons = ["the person was asked and did not approve", *result.reasons]
    return result.model_copy(update={"reasons": reasons, "confirm": None})


def unanswered(result: UpsertResult) -> UpsertResult:
    """Return a plan that the client was to show to the person, but brought no answer to."""
    warnings = [
        "the client was to ask the user and brought no answer: ask in the conversation",
        *result.warnings,
    ]
    return result.model_copy(update={"warnings": warnings})


UPSERT_LEAD = Tool(
    name="upsert_lead",
    title="Enter or update a lead",
    description=(
        "Creates a lead, or updates the one with this id, phone (any spelling) or e-mail. Returns each "
        "change. In a lead found by phone or e-mail it replaces no name, "
        "contact or address, nor a value by 0: it returns the plan and a token to confirm. The source "
        "stays. It can make Rotor text or e-mail the person. Costs 2 requests, 3 with phone and e-mail."
    ),
    arguments=UpsertRequest,
    result=UpsertResult,
    run=upsert_lead,
    render=render_upsert,
    read_only=False,
    always_load=True,
    approval=ToolApproval(approval_question, declined, unanswered),
)
