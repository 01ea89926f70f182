"""Sends a write in a form that Rotor takes, and restores what Rotor emptied beside it.

Rotor's reference does not say what an update does to fields that it leaves out, how notes are written, and
which form a date must have. Answers are watched, and `state/known_behavior.py` keeps what they show.
"""

from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass

from rotor_mcp import dates
from rotor_mcp.api.client import WriteReply
from rotor_mcp.api.models import Lead, LeadFields
from rotor_mcp.errors import InvalidLead, OutcomeUnknown, RotorError
from rotor_mcp.leads.compare import differences
from rotor_mcp.leads.context import CallContext
from rotor_mcp.state.keyed_locks import Lease

_KEPT_BY_ALL = frozenset({"name", "stage", "tags"})
"""Fields that no plausible Rotor empties because they are left out: they are never null, or only added to."""


@dataclass(frozen=True)
class Written:
    """The reply to a write, and what is remarkable about it."""

    reply: WriteReply
    remarks: tuple[str, ...] = ()


async def write(
    call: CallContext, fields: LeadFields, lead_id: str | None, before: Lead | None, lease: Lease
) -> Written:
    """Write a lead, and put back what Rotor emptied.

    Args:
        call: in which this happens.
        fields: what shall change.
        lead_id: of the lead to update; None to create one, or to let Rotor choose.
        before: the lead as it was read; None if there is none, or the key may not read.
        lease: of the lead.

    Raises:
        LockLost: if another server has taken the lease; nothing was sent.
        OutcomeUnknown: if the reply was lost.
        RotorError: if Rotor could not be asked or refused.
    """
    before = before if lead_id is not None else None
    try:
        reply, sent = await _send(call, lambda: _fields_to_send(call, fields, before), lead_id, lease)
        call.state.recent_writes.add(before, reply.lead)
    except OutcomeUnknown as lost:
        if before is not None and lost.shown is not None:
            # It proves nothing of what was sent, but it shows what became of the other fields.
            _, lost.remarks = await restore_emptied(call, fields, before, WriteReply.read(lost.shown), lease)
        raise
    if before is None or lead_id is None:
        return Written(reply)
    if not _emptied(fields, before, reply) and reply.lead.notes in (before.notes, fields.notes):
        return Written(reply)
    restored, remarks = await restore_emptied(call, fields, before, reply, lease, sent=sent)
    return Written(restored, remarks)


async def restore_emptied(
    call: CallContext,
    fields: LeadFields,
    before: Lead,
    reply: WriteReply,
    lease: Lease,
    *,
    sent: LeadFields | None = None,
    is_read: bool = False,
) -> tuple[WriteReply, tuple[str, ...]]:
    """Put back what an update emptied. Returns the last reply, and what is remarkable about the write.

    Args:
        call: in which this happens.
        fields: what was to change.
        before: the lead as it was read before.
        reply: what Rotor shows of the lead after the write.
        lease: of the lead.
        sent: what was sent, if it is known.
        is_read: whether the reply is that of a read.
    """
    known = call.state.known
    remarks = [*_doubled_notes(call, fields, sent or fields, before, reply.lead)]
    emptied = _emptied(fields, before, reply)
    if emptied and not is_read and known.omitted_fields is None:
        emptied = await _still_empty(call, fields, before, emptied)
    if not emptied or known.omitted_fields == "kept":
        return reply, tuple(remarks)
    known.omitted_fields = "blanked"
    refused, reason = set[str](), "Rotor refused them"

    def whole() -> LeadFields:
        return _fields_to_send(call, fields, before, restoring=True, without=refused)

    try:
        try:
            reply, _ = await _send(call, whole, before.id, lease)
        except InvalidLead as exc:
            # What somebody once stored may be more than Rotor takes today.
            refused |= {name for name, _ in exc.fields} & set(emptied)
            if not refused:
                raise
            reply, _ = await _send(call, whole, before.id, lease)
        gone = refused
        call.state.recent_writes.add(before, reply.lead)
    except RotorError as exc:
        shown = exc.shown if isinstance(exc, OutcomeUnknown) else None
        gone = {*_emptied(fields, before, WriteReply.read(shown))} if shown else {*emptied}
        reason = str(exc)
    if lost := [name for name in emptied if name in gone]:
        values = "; ".join(f'{name}: "{getattr(before, name)}"' for name in lost)
        remarks.append(
            "Rotor emptied fields that were not written, and they could not be put back "
            f"({reason}). They were: {values}"
        )
    if back := ", ".join(name for name in emptied if name not in gone):
        remarks.append(f"Rotor emptied fields that were not written, and they were put back: {back}")
    return reply, tuple(remarks)


async def _still_empty(call: CallContext, fields: LeadFields, before: Lead, emptied: list[str]) -> list[str]:
    """Return which fields are empty that a reply to a write showed so: it need not show all that is stored.

    A read that does not show the write tells nothing. Then the reply counts.
    """
    try:
        lead = await call.api.get_lead(before.id or "")
    except RotorError:
        return emptied
    if differences(fields, lead, call.locale):
        return emptied
    still = [name for name in emptied if getattr(lead, name) in (None, [])]
    if not still:
        call.state.known.omitted_fields = "kept"
    return still


async def _send(
    call: CallContext, body: Callable[[], LeadFields], lead_id: str | None, lease: Lease
) -> tuple[WriteReply, LeadFields]:
    """Write what `body` returns: with a date in the place of a time if Rotor refuses the time.

    Returns the reply, and what was sent.
    """
    known, sent = call.state.known, body()
    try:
        return await call.write(sent, lead_id, lease), sent
    except InvalidLead as exc:
        only_date = {name for name, _ in exc.fields} <= {"follow_up_date"}
        if not only_date or sent.follow_up_date is None:
            raise
        known.follow_up_input = "date"
        if (as_date := body()) == sent:
            raise
        try:
            return await call.write(as_date, lead_id, lease), as_date
        except InvalidLead:
            known.follow_up_input = None
            raise exc from None


def _fields_to_send(
    call: CallContext,
    fields: LeadFields,
    before: Lead | None,
    *,
    restoring: bool = False,
    without: Set[str] = frozenset(),
) -> LeadFields:
    """Return what is sent so that the lead becomes what is wanted, as far as Rotor's behavior is known."""
    known, zone = call.state.known, call.locale.zone
    sent = {name: getattr(fields, name) for name in fields.model_fields_set}
    adds_notes = known.notes == "appended"
    if before is not None:
        if known.omitted_fields == "blanked":
            kept = LeadFields.model_fields.keys() - _KEPT_BY_ALL - sent.keys() - without
            # Notes that would be added to themselves are left out, and put back where they were emptied.
            kept -= {"notes"} if adds_notes and not restoring else set()
            sent |= {name: value for name in kept if (value := getattr(before, name)) is not None}
            if "follow_up_date" in kept and before.follow_up_date:
                with suppress(ValueError):  # in no known form, it is sent as it was read
                    sent["follow_up_date"] = dates.to_rotor(
                        before.follow_up_date, zone, before.follow_up_date
                    )
        earlier = before.notes or ""
        if adds_notes and earlier and "notes" in fields.model_fields_set:
            sent["notes"] = str(fields.notes).removeprefix(earlier).strip()
    if sent.get("follow_up_date") and known.follow_up_input == "date":
        sent["follow_up_date"] = dates.show_day(str(sent["follow_up_date"]), zone, dates.follow_up)
    return LeadFields().model_copy(update=sent)


def _emptied(fields: LeadFields, before: Lead, reply: WriteReply) -> list[str]:
    """Return the fields that were not sent, that had a value, and that the reply shows without one."""
    return [
        name
        for name in LeadFields.model_fields
        if name not in fields.model_fields_set
        and name in reply.told
        and getattr(before, name) not in (None, [])
        and getattr(reply.lead, name) in (None, [])
    ]


def _doubled_notes(
    call: CallContext, fields: LeadFields, sent: LeadFields, before: Lead, after: Lead
) -> list[str]:
    """Return a remark if Rotor added the notes that were sent to those that the lead had.

    Args:
        call: in which this happens.
        fields: what was to change.
        sent: what was sent.
        before: the lead before the write.
        after: the lead after it.
    """
    earlier, added, stored = before.notes or "", sent.notes or "", after.notes or ""
    if stored in (added, fields.notes) or not (earlier and added):
        return []
    if not (stored.startswith(earlier) and stored.endswith(added)):
        return []
    call.state.known.notes = "appended"
    remark = "Rotor added to the notes instead of replacing them"
    return [f"{remark}, so the earlier ones stand there twice" if added.startswith(earlier) else remark]
