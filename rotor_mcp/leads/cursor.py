"""Encodes where a search continues, as an opaque cursor without state on the server.

Rotor pages by offset over a list that grows at its head, so an offset alone would repeat leads. A cursor also
contains the last lead that was processed; leads before it were seen.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from operator import ge
from typing import Self
from urllib.parse import quote, unquote
from uuid import UUID

from rotor_mcp import dates
from rotor_mcp.api.models import PAGE_LIMIT, Lead
from rotor_mcp.errors import InvalidArguments
from rotor_mcp.leads.filters import SortKey
from rotor_mcp.leads.requests import SearchRequest

_OF_A_PAGE = {"cursor", "limit", "fields", "count_by"}
"""Arguments that may differ when a search continues."""
_TO_THE_SECOND = len("2026-12-01T15:00:00")


class ApiFilters(IntEnum):
    """The filters that are sent to Rotor. The others are applied here."""

    NOTHING = 0
    TEXT = 1
    ALL = 2
    """Text, tags, and the stage if one is asked for: Rotor filters by one."""
    EACH_STAGE = 3
    """One stage at a time, a list for each."""


@dataclass(frozen=True)
class ScanPosition:
    """The position of a lead in Rotor's order, newest first."""

    id: str
    at: int
    """Time of creation in milliseconds since 1970; 0 if unknown."""

    @classmethod
    def of(cls, lead: Lead) -> Self:
        """Return the position of a lead."""
        return cls(lead.id or "", created_ms(lead))


@dataclass(frozen=True)
class Cursor:
    """Where a search continues."""

    search: str
    """A digest of the search that the cursor belongs to."""
    size: int
    """Leads per page of Rotor's list."""
    page: int = 1
    """The page of Rotor's list to read first."""
    api_filters: ApiFilters = ApiFilters.ALL
    """The filters that are sent to Rotor."""
    seen: ScanPosition | None = None
    """The last lead of Rotor's list that was processed."""
    after: SortKey | None = None
    """The sort key of the last lead shown, if the leads from that page on are sorted."""
    until: str = ""
    """The id of the last of the sorted leads: only these are sorted, also after new leads move them back."""
    shown: int = 0
    """Leads shown before."""
    count: int | None = None
    """All matching leads, as counted in the first result; None if unknown."""

    def encode(self) -> str:
        """Return the cursor as text, in few tokens, because a model repeats it."""
        seen, after = self.seen or ScanPosition("", 0), self.after
        parts = [self.search, self.size, self.page, int(self.api_filters), self.shown]
        parts += ["" if self.count is None else self.count, _shorten(seen.id), seen.at]
        if after is not None:
            parts += [int(after[0]), json.dumps(after[1]), _shorten(after[2]), _shorten(self.until)]
        return "~".join(quote(str(part), safe=":") for part in parts)

    @classmethod
    def decode(cls, text: str, request: SearchRequest) -> Self:
        """Parse the cursor of a search.

        Raises:
            InvalidArguments: if the text is not a cursor, or belongs to another search.
        """
        try:
            search, size, page, api_filters, shown, count, seen_id, seen_at, *rest = map(
                unquote, text.split("~")
            )
            after, until = None, ""
            if rest:
                unknown, value, lead_id, until_id = rest
                after, until = (bool(int(unknown)), json.loads(value), _restore(lead_id)), _restore(until_id)
                if not isinstance(after[1], str if request.sorted_by == "name" else float):
                    raise ValueError("sorted by something else")  # noqa: TRY301
            seen = ScanPosition(_restore(seen_id), int(seen_at)) if seen_id else None
            cursor = cls(
                search=search,
                size=int(size),
                page=int(page),
                api_filters=ApiFilters(int(api_filters)),
                seen=seen,
                after=after,
                until=until,
                shown=int(shown),
                count=int(count) if count else None,
            )
        except ValueError:
            raise InvalidArguments(["cursor: not one of ours; leave it out to begin anew"]) from None
        if cursor.search != digest(request) or not (1 <= cursor.size <= PAGE_LIMIT and cursor.page >= 1):
            raise InvalidArguments(["cursor: belongs to another search; repeat that one, or leave it out"])
        return cursor


def _shorten(lead_id: str) -> str:
    """Encode an id in half the tokens; anything but a UUID is kept, after an exclamation mark."""
    try:
        return base64.urlsafe_b64encode(UUID(lead_id).bytes).decode().rstrip("=")
    except ValueError:
        return f"!{lead_id}" if lead_id else ""


def _restore(short: str) -> str:
    if short.startswith("!") or not short:
        return short[1:]
    return str(UUID(bytes=base64.b64decode(f"{short}==", altchars=b"-_", validate=True)))


def digest(request: SearchRequest) -> str:
    """Return a digest of the filters and the order of a search, whatever its page shows."""
    facts = request.model_dump_json(exclude=_OF_A_PAGE, exclude_defaults=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:6]


def is_in_order(leads: Sequence[Lead]) -> bool:
    """Whether leads are listed newest first, to the second."""
    times = [lead.created_at[:_TO_THE_SECOND] for lead in leads if lead.created_at]
    return all(map(ge, times, times[1:]))


def unseen(leads: list[Lead], seen: ScanPosition | None, *, in_order: bool = True) -> list[Lead]:
    """Return the leads after one that was processed.

    Args:
        leads: a page of Rotor's list that begins at or after the former place of that lead.
        seen: that lead. Each lead created since has moved it back by one place.
        in_order: whether Rotor lists the newest first. If not, only the lead itself tells the place.
    """
    if seen is None:
        return leads
    for at, lead in enumerate(leads):
        if lead.id == seen.id:
            return leads[at + 1 :]
    if not in_order or not seen.at:
        return leads  # all of these are after it
    newest = next((created for lead in leads if (created := created_ms(lead))), 0)
    # Leads of one second may be listed in any order.
    if newest // 1_000 < seen.at // 1_000 or all(created_ms(lead) <= seen.at for lead in leads):
        return leads
    return [lead for lead in leads if created_ms(lead) < seen.at]


def created_ms(lead: Lead) -> int:
    """Return the time of creation in milliseconds since 1970; 0 if it is unknown."""
    try:
        created = dates.parse(lead.created_at or "")
    except ValueError:
        return 0
    if not isinstance(created, datetime):
        return 0
    return int((created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp() * 1_000)
