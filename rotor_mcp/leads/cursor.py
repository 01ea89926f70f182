"""Where a search goes on. A cursor is opaque to its bearer and holds all there is to know: no server memory.

Rotor pages by offset over a list that grows at its head, so an offset alone would repeat leads. A cursor also
names the last lead that was dealt with; whatever stands before it has been seen.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Self
from urllib.parse import quote, unquote
from uuid import UUID

from rotor_mcp import dates
from rotor_mcp.api.models import PAGE_LIMIT, Lead
from rotor_mcp.errors import InvalidArguments
from rotor_mcp.leads.filters import SortKey
from rotor_mcp.leads.requests import SearchRequest

_OF_A_PAGE = {"cursor", "limit", "fields"}


class ApiFilters(IntEnum):
    """What Rotor is asked to filter by. The rest is compared here."""

    NOTHING = 0
    TEXT = 1
    ALL = 2
    """Text, stage and tags."""


@dataclass(frozen=True)
class ScanPosition:
    """A lead in Rotor's own order, newest first."""

    id: str
    at: int
    """When it was created, in milliseconds since 1970; 0 if that is not known."""

    @classmethod
    def of(cls, lead: Lead) -> Self:
        """Mark a lead."""
        return cls(lead.id or "", _milliseconds(lead))


@dataclass(frozen=True)
class Cursor:
    """Where to go on."""

    search: str
    """A digest of the search that this belongs to."""
    size: int
    """Leads per page of Rotor's list."""
    page: int = 1
    """The page of Rotor's list to begin with."""
    asked: ApiFilters = ApiFilters.ALL
    """What Rotor is asked to filter by."""
    seen: ScanPosition | None = None
    """The last lead of Rotor's list that is done with."""
    after: SortKey | None = None
    """The sort key of the last lead shown, where the leads from that page on are shown in another order."""
    until: str = ""
    """The id of the last of those leads; they are sorted among themselves, wherever the list is pushed to."""

    def encode(self) -> str:
        """Write it down, in few tokens: it is repeated by a model."""
        seen, after = self.seen or ScanPosition("", 0), self.after
        parts = [self.search, self.size, self.page, int(self.asked), _shorten(seen.id), seen.at]
        if after is not None:
            parts += [int(after[0]), json.dumps(after[1]), _shorten(after[2]), _shorten(self.until)]
        return "~".join(quote(str(part), safe=":") for part in parts)

    @classmethod
    def decode(cls, text: str, request: SearchRequest) -> Self:
        """Read a cursor.

        Raises:
            InvalidArguments: if it is no cursor, or belongs to another search.
        """
        try:
            search, size, page, asked, seen_id, seen_at, *rest = map(unquote, text.strip().split("~"))
            after, until = None, ""
            if rest:
                unknown, value, lead_id, until_id = rest
                after, until = (bool(int(unknown)), json.loads(value), _restore(lead_id)), _restore(until_id)
                if not isinstance(after[1], str if request.order == "name" else float):
                    raise ValueError("sorted by something else")  # noqa: TRY301
            seen = ScanPosition(_restore(seen_id), int(seen_at)) if seen_id else None
            cursor = cls(search, int(size), int(page), ApiFilters(int(asked)), seen, after, until)
        except ValueError:
            raise InvalidArguments(["cursor: not one of ours; leave it out to begin anew"]) from None
        if cursor.search != digest(request) or not (1 <= cursor.size <= PAGE_LIMIT and cursor.page >= 1):
            raise InvalidArguments(["cursor: belongs to another search; repeat that one, or leave it out"])
        return cursor


def _shorten(lead_id: str) -> str:
    """Write an id in half the tokens; what is no UUID stays as it is, behind a mark."""
    try:
        return base64.urlsafe_b64encode(UUID(lead_id).bytes).decode().rstrip("=")
    except ValueError:
        return f"!{lead_id}" if lead_id else ""


def _restore(short: str) -> str:
    if short.startswith("!") or not short:
        return short[1:]
    return str(UUID(bytes=base64.b64decode(f"{short}==", altchars=b"-_", validate=True)))


def digest(request: SearchRequest) -> str:
    """Tell searches apart by what they look for and how they sort it."""
    facts = request.model_dump_json(exclude=_OF_A_PAGE, exclude_defaults=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:6]


def unseen(leads: list[Lead], seen: ScanPosition | None) -> list[Lead]:
    """Leave out what stands before a lead that is done with, and that lead.

    Args:
        leads: a page of Rotor's list, from where that lead was or after it.
        seen: the lead; leads created since have pushed it back by their number.
    """
    if seen is None:
        return leads
    for at, lead in enumerate(leads):
        if lead.id == seen.id:
            return leads[at + 1 :]
    if not seen.at or all(_milliseconds(lead) <= seen.at for lead in leads):
        return leads  # all of these stand behind it
    return [lead for lead in leads if _milliseconds(lead) < seen.at]


def _milliseconds(lead: Lead) -> int:
    created = dates.local(lead.created_at, UTC) if lead.created_at else None
    return int(created.timestamp() * 1_000) if isinstance(created, datetime) else 0
