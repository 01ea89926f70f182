"""Which lead is meant: matching by id, phone, e-mail and name. Pure.

How Rotor itself compares phones is not documented; it may be letter by letter. So a lead is found here, in
any spelling of its number, and Rotor's own matching is only the second line of defence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from rotor_mcp.api.models import Lead
from rotor_mcp.leads.normalize import caseless, email_forms, is_possible_phone, name_form, phone_forms, words
from rotor_mcp.leads.requests import UpsertLead
from rotor_mcp.leads.validation import InvalidArguments

MAX_ALTERNATIVES = 20
"""Leads with one phone, e-mail or name that are looked at one by one."""

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


def same_or_shorter_name(wanted: str, stored: str) -> bool:
    """Whether a name says nothing that the stored one does not say: Jane, J. Doe or Doe, Jane for Jane Doe.

    Words may be missing and may be initials, in any order.
    """
    free, wanted_words = [*words(stored)], words(wanted)
    if not wanted_words or name_form(wanted) == name_form(stored):
        return name_form(wanted) == name_form(stored)
    for word in sorted(wanted_words, key=len, reverse=True):
        match = next((other for other in free if other == word), None) or next(
            (other for other in free if len(word) == 1 and other.startswith(word)), None
        )
        if match is None:
            return False
        free.remove(match)
    return True


def contact_keys(wanted: UpsertLead, region: str) -> list[str]:
    """What calls for the same person have in common: phone, e-mail, or with neither of them the name.

    A phone that could not exist is nobody's.
    """
    keys = []
    if wanted.phone and (forms := phone_forms(wanted.phone, region)):
        keys.append(f"phone {forms[0]}")
    if wanted.email:
        keys.append(f"email {caseless(wanted.email)}")
    if not keys and not wanted.id and wanted.name:
        keys.append(f"name {name_form(wanted.name)}")
    return keys


def check_phone(wanted: UpsertLead, region: str) -> None:
    """Refuse a phone that could not exist, unless a lead is given by its id.

    Rotor matches phones letter by letter, as far as is known: two people without a phone would become one.

    Raises:
        InvalidArguments: if there is such a phone.
    """
    if wanted.phone and not wanted.id and not is_possible_phone(wanted.phone, region):
        raise InvalidArguments(
            [f"phone: no number that could exist in {region}; leave it out, or put it into the notes"]
        )


def wanted_keys(wanted: UpsertLead, region: str) -> list[str]:
    """By what somebody is looked for: the id alone, if there is one."""
    return [f"id {wanted.id}"] if wanted.id else contact_keys(wanted, region)


def keys_of(lead: Lead, region: str) -> list[str]:
    """By what a lead can be found."""
    return [
        f"id {lead.id}",
        *(f"phone {form}" for form in (phone_forms(lead.phone, region) if lead.phone else ())),
        *(f"email {form}" for form in (email_forms(lead.email) if lead.email else ())),
        *([f"name {name_form(lead.name)}"] if lead.name else []),
    ]


def resolve(by_phone: Iterable[Lead], by_email: Iterable[Lead], name: str | None) -> Match:
    """Decide which lead is meant, from those that have the phone and those that have the e-mail.

    Archived leads are considered only where there is no other.

    Args:
        by_phone: leads with the phone that was given.
        by_email: leads with the e-mail that was given.
        name: the name that was given, which tells leads apart that share a phone.
    """
    phone, email = _alive(by_phone), _alive(by_email)
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
    likely = next((lead for lead in candidates if _is_named(lead, name)), candidates[0])
    others = [lead for lead in candidates if lead is not likely]
    return _with_alternatives(likely, matched_by, others, Ambiguity.SHARED)


def resolve_by_name(leads: Sequence[Lead], name: str) -> Match:
    """Find the leads that a new one without phone and e-mail would double."""
    others = [lead for lead in leads if name_form(lead.name or "") == name_form(name)]
    return _with_alternatives(None, None, others, Ambiguity.SAME_NAME)


def _with_alternatives(
    lead: Lead | None, by: MatchedBy | None, others: Sequence[Lead], ambiguity: Ambiguity
) -> Match:
    left_out = max(len(others) - MAX_ALTERNATIVES, 0)
    return Match(lead, by, tuple(others[:MAX_ALTERNATIVES]), ambiguity if others else None, left_out)


def _alive(leads: Iterable[Lead]) -> list[Lead]:
    found = list(leads)
    return [lead for lead in found if not lead.archived] or found


def _is_named(lead: Lead, name: str | None) -> bool:
    return bool(name and lead.name) and same_or_shorter_name(name or "", lead.name or "")
