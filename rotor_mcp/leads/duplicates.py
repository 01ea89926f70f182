"""Finds leads that share a phone, in any spelling, or an e-mail, in any case. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rotor_mcp.api.models import Lead
from rotor_mcp.leads.matching import lead_keys
from rotor_mcp.leads.shared_keys import group_by_shared_keys

_CONTACTS = frozenset({"phone", "email"})


@dataclass(frozen=True)
class DuplicateGroup:
    """Leads that share a phone or an e-mail, directly or through others of the group."""

    shared: tuple[str, ...]
    """The phones and e-mails that several of them have, as the first of these spells them."""
    leads: tuple[Lead, ...]


def contact_keys_of(lead: Lead, region: str) -> tuple[str, ...]:
    """Return what a lead may share with others: its phones and e-mails in their canonical forms.

    A text that holds no number that could exist, or no e-mail address, such as `none`, is not shared.
    """
    _, *contacts = lead_keys(lead, region, _CONTACTS)
    return tuple([key for key in contacts if key.startswith("phone ") or "@" in key])


def find_duplicates(leads: Sequence[Lead], keys: Sequence[Sequence[str]]) -> list[DuplicateGroup]:
    """Return the groups of leads that share a key. `keys` has those of each lead."""
    keyed = list(zip(leads, keys, strict=True))
    return [
        DuplicateGroup(_shared(group), tuple(lead for lead, _ in group))
        for group in group_by_shared_keys(keyed, keys)
        if len(group) > 1
    ]


def _shared(group: Sequence[tuple[Lead, Sequence[str]]]) -> tuple[str, ...]:
    owners = Counter(key for _, keys in group for key in set(keys))
    shared: dict[str, str] = {}
    for lead, keys in group:
        for key in keys:
            if owners[key] > 1:
                spelling = lead.phone if key.startswith("phone ") else lead.email
                shared.setdefault(key, spelling or key)
    return tuple(dict.fromkeys(shared.values()))
