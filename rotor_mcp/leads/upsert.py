"""Creates or updates a lead: finds it, plans the write, writes, and verifies the outcome.

`lookup.py` reads the leads that could be meant, `matching.py` decides which one is, and `plan.py` decides
what changes.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

import anyio

from rotor_mcp.api.client import WriteReply
from rotor_mcp.api.models import Lead, LeadFields
from rotor_mcp.errors import MissingScope, OutcomeUnknown, RotorError
from rotor_mcp.events import WriteEvent
from rotor_mcp.leads.compare import differences
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.lookup import PLAN_TTL_SECONDS, Lookup, look_up
from rotor_mcp.leads.matching import Match, contact_keys
from rotor_mcp.leads.plan import Plan, PlannedOutcome, approval_token, make_plan
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.leads.writing import restore_emptied, write
from rotor_mcp.state.keyed_locks import Lease

UpsertStatus = Literal[PlannedOutcome, "unknown"]


class Evidence(Enum):
    """What shows that a write was done."""

    REPLY = auto()
    """Rotor's reply."""
    REPLY_TO_UNCHECKED = auto()
    """Rotor's reply to a write with a key that may not read: Rotor alone chose the lead."""
    REPLY_TO_SECOND = auto()
    """Rotor's reply to a second request; the reply to the first was lost."""
    READ_BACK = auto()
    """A read; the reply was lost."""


@dataclass(frozen=True)
class UpsertOutcome:
    """The outcome of a request to create or update a lead."""

    request: UpsertRequest
    plan: Plan
    status: UpsertStatus
    lead: Lead | None = None
    """As Rotor has it now, as far as that is known."""
    shown_only: bool = False
    """Whether the plan was only shown: it can be approved by its token."""
    token_refused: bool = False
    """Whether the request had a token that does not fit this plan."""
    evidence: Evidence = Evidence.REPLY
    lost: str | None = None
    """Why the reply to the write was lost, if it was."""
    remarks: tuple[str, ...] = ()
    """What Rotor did beside what was asked for."""
    absent: bool = False
    """Of an unknown outcome: whether the write was not there when it was looked for."""

    @property
    def lead_id(self) -> str | None:
        """The id of the lead."""
        return self.lead.id if self.lead and self.lead.id else self.plan.target


async def upsert(request: UpsertRequest, call: CallContext, lookup: Lookup | None = None) -> UpsertOutcome:
    """Create or update a lead, or return the plan that needs approval.

    Args:
        request: what to write.
        call: in which this happens.
        lookup: the lead that is meant, if it was looked up already. It is looked up again where it may have
            changed.

    Raises:
        InvalidArguments: if the phone could not exist.
        NotesTooLong: if the notes do not fit with those that are there.
        RotorError: if Rotor could not be asked or refused.
    """
    region = call.locale.region
    keys = contact_keys(request, region)
    if request.dry_run:
        lookup = lookup or await look_up(request, call.api, region, call.state.known)
        await learn_words([request], call)
        return show(request, make_plan(request, lookup.match, call.locale))
    async with call.state.locks.hold(keys, call.api.deadline) as lease:
        if lookup is None or _is_out_of_date(lookup, lease.released_at):
            try:
                lookup = await look_up(request, call.api, region, call.state.known)
            except MissingScope as exc:
                if exc.scope is None or lookup is not None:
                    raise  # the key can read: another refusal does not justify an unchecked write
                plan = make_plan(request, Match(), call.locale)
                return await _write(request, call, plan, lease, checked=False)
        match = lookup.match
        if match.lead is not None and match.lead.id:
            # Another call, with another key of this lead, may have changed it since it was read.
            changed_at = await lease.extend([f"id {match.lead.id}"], call.api.deadline)
            if lookup.read_at <= max(changed_at, anyio.current_time() - PLAN_TTL_SECONDS):
                match = replace(match, lead=await call.api.get_lead(match.lead.id))
        await learn_words([request], call)
        plan = make_plan(request, match, call.locale)
        if plan.outcome == "unchanged":
            return UpsertOutcome(request, plan, "unchanged", match.lead)
        needs_token = request.confirm is not None or plan.outcome == "needs_confirmation"
        if needs_token and request.confirm != approval_token(plan):
            return show(request, plan)
        return await _write(request, call, plan, lease)


def show(request: UpsertRequest, plan: Plan) -> UpsertOutcome:
    """Return a plan that is not carried out."""
    refused = request.confirm is not None and not request.dry_run
    status: UpsertStatus = "needs_confirmation" if refused else plan.outcome
    return UpsertOutcome(
        request, plan, status, plan.found.lead, shown_only=plan.outcome != "unchanged", token_refused=refused
    )


async def learn_words(requests: Iterable[UpsertRequest], call: CallContext) -> None:
    """Learn how the company spells the stages and tags that are to be written: at most 1 request.

    Where Rotor cannot be asked, they are written as they were given.
    """
    if any(map(call.state.vocabulary.may_spell_otherwise, requests)):
        with suppress(RotorError):
            await call.learn_words()


def _is_out_of_date(lookup: Lookup, released_at: float) -> bool:
    """Whether another lead could be meant by now."""
    oldest = anyio.current_time() - PLAN_TTL_SECONDS
    valid_since = oldest if lookup.match.matched_by == "id" else max(oldest, released_at)
    return lookup.asked_at <= valid_since or (
        bool(lookup.match.alternatives) and lookup.read_at <= valid_since
    )


# Writing


async def _write(
    request: UpsertRequest, call: CallContext, plan: Plan, lease: Lease, *, checked: bool = True
) -> UpsertOutcome:
    """Carry out a plan, and report the write to the listeners however it ends.

    Unless `checked`, the key may not read, and Rotor's own matching chooses the lead.
    """
    lead_id, status = plan.target, "cancelled"
    try:
        try:
            target = plan.target if checked else request.id
            done = await write(call, plan.fields, target, plan.found.lead, lease)
        except OutcomeUnknown as lost:
            if not checked:
                raise
            outcome = await _make_sure(request, call, plan, lease, lost)
        else:
            evidence = Evidence.REPLY if checked else Evidence.REPLY_TO_UNCHECKED
            reply, known = done.reply, call.state.known
            if reply.created:
                known.write_status = "by_outcome"
            says_so = plan.operation == "updated" or known.write_status == "by_outcome"
            created = reply.created or (not says_so and _seems_new(reply, plan))
            outcome = UpsertOutcome(
                request,
                plan,
                "created" if created else "updated",
                reply.lead,
                evidence=evidence,
                remarks=done.remarks,
            )
        lead_id, status = (outcome.lead.id if outcome.lead else None) or lead_id, outcome.status
    except RotorError as exc:
        status = exc.outcome
        raise
    finally:
        fields = tuple(name for name in LeadFields.model_fields if name in plan.fields.model_fields_set)
        call.wrote(WriteEvent(lead_id, fields, status))
    return outcome


def _seems_new(reply: WriteReply, plan: Plan) -> bool:
    """Whether a lead shows nothing but what was sent, and a stage.

    It is how a new lead is told from one that was there by a Rotor that answers 200 to all writes.
    """
    others = LeadFields.model_fields.keys() - plan.fields.model_fields_set - {"stage"}
    return all(getattr(reply.lead, name) in (None, []) for name in others)


async def _make_sure(
    request: UpsertRequest, call: CallContext, plan: Plan, lease: Lease, lost: OutcomeUnknown
) -> UpsertOutcome:
    """Find out what became of a write whose reply was lost, and send it once more if that is safe."""
    seen = await _read_back(request, call, plan)
    if seen.state == "absent" and _can_be_repeated(plan):
        try:
            done = await write(call, plan.fields, plan.target, plan.found.lead, lease)
        except OutcomeUnknown as again:
            lost.remarks += again.remarks
            seen = await _read_back(request, call, plan)
        except RotorError as exc:
            lost = OutcomeUnknown(exc.reason, remarks=lost.remarks)
        else:
            return UpsertOutcome(
                request,
                plan,
                plan.operation,
                done.reply.lead,
                evidence=Evidence.REPLY_TO_SECOND,
                remarks=(*lost.remarks, *done.remarks),
                lost=str(lost),
            )
    before, remarks = plan.found.lead, lost.remarks
    if before is not None and plan.target and seen.lead is not None and seen.state != "absent":
        shown = WriteReply(created=False, lead=seen.lead, told=frozenset(LeadFields.model_fields))
        restored, more = await restore_emptied(call, plan.fields, before, shown, lease, is_read=True)
        remarks += more
        seen = replace(seen, lead=restored.lead)
    if seen.state == "done":
        return UpsertOutcome(
            request,
            plan,
            plan.operation,
            seen.lead,
            evidence=Evidence.READ_BACK,
            lost=str(lost),
            remarks=remarks,
        )
    return UpsertOutcome(
        request, plan, "unknown", before, lost=str(lost), absent=seen.state == "absent", remarks=remarks
    )


@dataclass(frozen=True)
class _ReadBack:
    """What a read shows about a write whose reply was lost."""

    state: Literal["done", "absent", "unclear"]
    lead: Lead | None = None


async def _read_back(request: UpsertRequest, call: CallContext, plan: Plan) -> _ReadBack:
    before = plan.found.lead
    try:
        if before is not None and before.id:
            lead = await call.api.get_lead(before.id)
        elif (
            now := (await look_up(request, call.api, call.locale.region, call.state.known)).match
        ).lead is not None:
            lead = now.lead
        elif request.phone or request.email:
            return _ReadBack("absent")
        else:
            known = {alternative.id for alternative in plan.found.alternatives}
            new = [lead for lead in now.alternatives if lead.id not in known]
            # Among more alternatives than are kept, one that seems new may only have moved up.
            if len(new) != 1 or now.alternatives_left_out:
                return _ReadBack("unclear" if new else "absent")
            lead = new[0]
    except RotorError:
        return _ReadBack("unclear")
    if not differences(plan.fields, lead, call.locale):
        return _ReadBack("done", lead)
    return _ReadBack("absent" if lead == before else "unclear", lead)


def _can_be_repeated(plan: Plan) -> bool:
    """Whether a second copy of a write that seems absent does no harm, should the first arrive late.

    An update by id sets the same values again. A new lead is found by Rotor under its phone or e-mail, which
    are spelled the same both times; without either there would be two.
    """
    sent = plan.fields
    return plan.operation == "updated" or sent.phone is not None or sent.email is not None
