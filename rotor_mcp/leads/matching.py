"""Matches a request to a lead: by id, phone, e-mail or name. Pure.

Rotor does not document how it compares phones; it may compare letter by letter. So a lead is found here, in
any spelling of its number, and Rotor's own matching is only the second line of defence.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from rotor_mcp.api.models import Lead
from rotor_mcp.errors import InvalidArguments
from rotor_mcp.leads.compare import same_or_shorter_name
from rotor_mcp.leads.phones import parse_phones
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.normalize import caseless, email_forms, name_form

MAX_ALTERNATIVES = 20
"""Leads with one phone, e-mail or name that are compared one by one."""

MatchedBy = Literal["id", "phone", "email", "phone and email"]


class Ambiguity(StrEnum):
    """Why it is not certain that a write would hit the right lead."""

    CONFLICT = "phone and e-mail belong to two leads"
    SHARED = "several leads share this phone or e-mail"
    SAME_NAME = "a lead of this name exists, and without phone and e-mail a new one could never be matched"


@dataclass(frozen=True)
class Match:
    """The lead that a write would hit, and those that could be meant as well."""

    lead: Lead | None = None
    """None: a new one would be created."""
    matched_by: MatchedBy | None = None
    alternatives: tuple[Lead, ...] = ()
    """The newest leads, at most `MAX_ALTERNATIVES` with the phone and as many with the e-mail."""
    ambiguity: Ambiguity | None = None
    alternatives_left_out: int = 0


def contact_keys(request: UpsertRequest, region: str) -> list[str]:
    """Return what requests for one person have in common: phone, e-mail, or without both the name.

    A phone that could not exist identifies nobody. It is refused unless a lead is given by its id: Rotor
    matches phones letter by letter, as far as is known, and two people without a phone would become one.

    Raises:
        InvalidArguments: if the phone could not exist, and there is no id.
    """
    keys = []
    if request.phone:
        if forms := parse_phones(request.phone, region).forms:
            keys.append(f"phone {forms[0]}")
        elif not request.id:
            raise InvalidArguments(
                [f"phone: no number that could exist in {region}; leave it out, or put it into the notes"]
            )
    if request.email:
        keys.append(f"email {caseless(request.email)}")
    if not keys and not request.id and request.name:
        keys.append(f"name {name_form(request.name)}")
    return keys


def request_keys(request: UpsertRequest, region: str) -> list[str]:
    """Return the keys by which a request looks for a lead: the id alone, if there is one."""
    return [f"id {request.id}"] if request.id else contact_keys(request, region)


def lead_keys(lead: Lead, region: str, kinds: Set[str]) -> list[str]:
    """Return the keys of some kinds by which a lead can be found, that of its id first."""
    keys = [f"id {lead.id}"]
    if lead.phone and "phone" in kinds:
        keys += [f"phone {form}" for form in parse_phones(lead.phone, region).forms]
    if lead.email and "email" in kinds:
        keys += [f"email {form}" for form in email_forms(lead.email)]
    if lead.name and "name" in kinds:
        keys.append(f"name {name_form(lead.name)}")
    return keys


def resolve(by_phone: Iterable[Lead], by_email: Iterable[Lead], name: str | None) -> Match:
    """Decide which lead is meant, from those that have the phone and those that have the e-mail.

    Archived leads are considered only where there is no other.
    """
    phone, email = (
        [lead for lead in found if not lead.archived] or found for found in map(list, (by_phone, by_email))
    )
    with_email = {lead.id for lead in email}
    both = [lead for lead in phone if lead.id in with_email]
    if len(both) == 1:
        return Match(both[0], "phone and email")
    if phone and email and not both:
        alternatives = (*phone[1 : MAX_ALTERNATIVES + 1], *email[:MAX_ALTERNATIVES])
        left_out = len(phone) - 1 + len(email) - len(alternatives)
        return Match(phone[0], "phone", alternatives, Ambiguity.CONFLICT, left_out)
    matched_by: MatchedBy = "phone and email" if both else "phone" if phone else "email"
    candidates = both or phone or email
    if not candidates:
        return Match()
    likely = candidates[0]
    if len(candidates) > 1 and name:
        likely = next(
            (lead for lead in candidates if lead.name and same_or_shorter_name(name, lead.name)), likely
        )
    others = [lead for lead in candidates if lead is not likely]
    return (
        _with_alternatives(likely, matched_by, others, Ambiguity.SHARED)
        if others
        else Match(likely, matched_by)
    )


def resolve_by_name(leads: Sequence[Lead], name: str) -> Match:
    """Find the leads that a new one without phone and e-mail would duplicate."""
    others = [lead for lead in leads if name_form(lead.name or "") == name_form(name)]
    return _with_alternatives(None, None, others, Ambiguity.SAME_NAME) if others else Match()


def _with_alternatives(
    lead: Lead | None, matched_by: MatchedBy | None, others: Sequence[Lead], ambiguity: Ambiguity
) -> Match:
    left_out = max(len(others) - MAX_ALTERNATIVES, 0)
    return Match(lead, matched_by, tuple(others[:MAX_ALTERNATIVES]), ambiguity, left_out)
