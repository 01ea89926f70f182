"""Find → plan → write → make sure: what `upsert_lead` does.

Which lead is meant is decided by `identity.py` from what `directory.py` read, what changes by `plan.py`; here
are the requests between.
"""

from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import anyio

from rotor_mcp.api.models import Lead, LeadFields
from rotor_mcp.errors import MissingScope, OutcomeUnknown, RotorError
from rotor_mcp.events import WriteEvent
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.lookup import PLAN_TTL_SECONDS, Lookup, find
from rotor_mcp.leads.matching import Match, check_phone, contact_keys
from rotor_mcp.leads.normalize import phone_search
from rotor_mcp.leads.plan import Plan, differences, plan_for
from rotor_mcp.leads.requests import UpsertLead
from rotor_mcp.tools import upsert_report
from rotor_mcp.tools.results import Outcome, UpsertResult


async def upsert(arguments: UpsertLead, call: CallContext, finding: Lookup | None = None) -> UpsertResult:
    """Create or update a lead, or say why not yet.

    Args:
        arguments: of the tool.
        call: in which this happens.
        finding: who is meant, if that was found out already. Where it may no longer hold, it is found anew.

    Raises:
        InvalidArguments: if the phone could not exist.
        RotorError: if Rotor could not be asked or refused.
        NotesTooLongError: if the notes would not fit with those that are there.
    """
    queue, rotor, region = call.state.locks, call.rotor, call.context.region
    check_phone(arguments, region)
    if arguments.dry_run:
        finding = finding or await find(arguments, rotor, region)
        await learn_words([arguments], call)
        return upsert_report.show(arguments, call, plan_for(arguments, finding.found, call.context))
    async with queue.hold(contact_keys(arguments, region), rotor.remaining) as person_left:
        if finding is None or _is_out_of_date(finding, person_left):
            try:
                finding = await find(arguments, rotor, region)
            except MissingScope as exc:
                if exc.scope is None or finding is not None:
                    raise  # the key can read: something else stands in the way, a blind write is no answer
                plan = plan_for(arguments, Match(), call.context)
                return await _written(_write_unseen(arguments, call, plan), call, plan)
        found, target = finding.found, finding.found.lead and finding.found.lead.id
        async with queue.hold([f"id {target}"] if target else [], rotor.remaining) as lead_left:
            if target and finding.read_at <= max(lead_left, anyio.current_time() - PLAN_TTL_SECONDS):
                # It was read long ago, or another call, by another of its keys, has changed it since.
                found = replace(found, lead=await rotor.get_lead(target))
            await learn_words([arguments], call)
            plan = plan_for(arguments, found, call.context)
            if plan.outcome == "unchanged":
                return upsert_report.tell(arguments, call, plan, "unchanged", found.lead)
            approved = arguments.confirm == plan.token
            if not approved and (plan.outcome == "needs_confirmation" or arguments.confirm is not None):
                return upsert_report.show(arguments, call, plan)
            return await _written(_write(arguments, call, plan), call, plan)


async def learn_words(leads: Iterable[UpsertLead], call: CallContext) -> None:
    """See how the company spells the stages and tags of leads that are to be written: 1 request at most.

    Where Rotor cannot be asked, they are written as they were given.
    """
    if any(map(call.state.vocabulary.may_spell_otherwise, leads)):
        with suppress(RotorError):
            await call.learn_words()


def _is_out_of_date(finding: Lookup, person_left: float) -> bool:
    """Whether somebody else could be meant by now.

    Args:
        finding: who was meant.
        person_left: when another call for the same person ended. It makes no id mean another lead.
    """
    too_old = anyio.current_time() - PLAN_TTL_SECONDS
    if finding.found.matched_by != "id":
        too_old = max(too_old, person_left)
    return finding.asked_at <= too_old or (bool(finding.found.alternatives) and finding.read_at <= too_old)


# Writing


async def _written(writing: Awaitable[UpsertResult], call: CallContext, plan: Plan) -> UpsertResult:
    """Write, and tell how that ended, whatever became of it."""
    lead_id, outcome = plan.target, "cancelled"
    try:
        result = await writing
        lead_id, outcome = result.id or lead_id, result.outcome
    except RotorError as exc:
        outcome = type(exc).__name__
        raise
    finally:
        fields = tuple(name for name in LeadFields.model_fields if name in plan.fields.model_fields_set)
        call.wrote(WriteEvent(lead_id, fields, outcome))
    return result


async def _write(arguments: UpsertLead, call: CallContext, plan: Plan) -> UpsertResult:
    try:
        written = await call.rotor.upsert_lead(plan.fields, plan.target)
    except OutcomeUnknown as lost:
        return await _make_sure(arguments, call, plan, lost)
    outcome: Outcome = "created" if written.created else "updated"
    result = upsert_report.tell(arguments, call, plan, outcome, written.lead)
    if outcome != plan.goal:
        result.warnings.insert(
            0,
            "Rotor updated a lead that was not found beforehand; look at it with get_lead"
            if outcome == "updated"
            else "Rotor created a new lead instead of updating the one that was found",
        )
    return result


async def _write_unseen(arguments: UpsertLead, call: CallContext, plan: Plan) -> UpsertResult:
    """Write with a key that may not read: Rotor's plain upsert, and what could not be checked is said."""
    written = await call.rotor.upsert_lead(plan.fields, arguments.id)
    result = upsert_report.tell(
        arguments, call, plan, "created" if written.created else "updated", written.lead
    )
    result.warnings.insert(
        0,
        "this key cannot read leads, so nothing was checked: Rotor alone chose the lead"
        + ("" if written.created else ", and the fields sent replaced what it held, notes too"),
    )
    return result


async def _make_sure(arguments: UpsertLead, call: CallContext, plan: Plan, lost: RotorError) -> UpsertResult:
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
            result = upsert_report.tell(arguments, call, plan, plan.goal, written.lead)
            result.warnings.insert(0, f"the reply to the first try was lost ({lost}); it was sent once more")
            return result
    if seen.state == "done":
        result = upsert_report.tell(arguments, call, plan, plan.goal, seen.lead)
        result.warnings.insert(0, f"reading it back shows that it was written; the reply was lost ({lost})")
        return result
    result = upsert_report.tell(arguments, call, plan, "unknown", plan.found.lead)
    found = "it was not there when looked for" if seen.state == "absent" else "a look did not settle it"
    result.reasons += [str(lost), found]
    result.warnings.insert(0, f"before sending it again, check: {_check(arguments, call, plan)}")
    return result


@dataclass(frozen=True)
class _Seen:
    """What a look at Rotor says of a write whose reply was lost."""

    state: Literal["done", "absent", "unclear"]
    lead: Lead | None = None


async def _look(arguments: UpsertLead, call: CallContext, plan: Plan) -> _Seen:
    before = plan.found.lead
    try:
        if before is not None and before.id:
            lead = await call.rotor.get_lead(before.id)
        elif (now := (await find(arguments, call.rotor, call.context.region)).found).lead is not None:
            lead = now.lead
        elif arguments.phone or arguments.email:
            return _Seen("absent")
        else:
            known = {rival.id for rival in plan.found.alternatives}
            new = [lead for lead in now.alternatives if lead.id not in known]
            if (
                len(new) != 1 or now.alternatives_left_out
            ):  # of many, one that seems new may only have moved up
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


def _check(arguments: UpsertLead, call: CallContext, plan: Plan) -> str:
    if plan.found.lead is not None:
        return f"get_lead with id {plan.found.lead.id}"
    if arguments.phone:
        return f"search_leads with search {phone_search(arguments.phone, call.context.region)}"
    return f"search_leads with search {arguments.email or arguments.name}"
