"""The leads that were written lately, for a Rotor whose reads do not show a write at once.

It holds what this process has written. Other servers of the company do not know of it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from rotor_mcp.api.models import Lead

REMEMBERED_SECONDS = 60.0
"""Seconds for which a read may be older than a write: searches of other CRMs are behind by up to a minute."""
MAX_REMEMBERED = 2_000


@dataclass(frozen=True)
class _Written:
    before: Lead | None
    """The lead as it was read before the write; None if it did not exist."""
    after: Lead
    """The lead as Rotor answered the write."""
    at: float


class RecentWrites:
    """Leads by their ids, before and after their last write."""

    def __init__(self) -> None:
        self._written: OrderedDict[str, _Written] = OrderedDict()

    def add(self, before: Lead | None, after: Lead) -> None:
        """Remember a write. A lead without an id is not remembered."""
        if not after.id:
            return
        now = anyio.current_time()
        earlier = self._written.pop(after.id, None)
        if earlier is not None and now - earlier.at < REMEMBERED_SECONDS:
            before = earlier.before  # reads may still show what was before the first of several writes
        self._written[after.id] = _Written(before, after, now)
        while len(self._written) > MAX_REMEMBERED:
            self._written.popitem(last=False)

    def current(self, leads: Sequence[Lead]) -> list[Lead]:
        """Return leads that were read, those as they are now that are as they were before a write of ours."""
        since = anyio.current_time() - REMEMBERED_SECONDS
        return [
            written.after
            if (written := self._written.get(lead.id or "")) and written.at > since and lead == written.before
            else lead
            for lead in leads
        ]

    def get(self, lead_id: str) -> Lead | None:
        """Return a lead that was created lately; None if there is none."""
        return next((lead for lead in self.all(created=True) if lead.id == lead_id), None)

    def all(self, *, created: bool = False) -> list[Lead]:
        """Return the leads that were written lately, as they are now; with `created`, only new ones."""
        since = anyio.current_time() - REMEMBERED_SECONDS
        return [
            written.after
            for written in self._written.values()
            if written.at > since and not (created and written.before)
        ]
