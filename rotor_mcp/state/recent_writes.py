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
MAX_VERSIONS = 8
"""Earlier versions of a lead that are remembered."""


@dataclass(frozen=True)
class _Written:
    earlier: tuple[Lead, ...]
    """The lead as it was before, at different times."""
    after: Lead
    """The lead as Rotor answered the write."""
    at: float
    was_there: bool
    """Whether the lead was there before the first of its writes."""


class RecentWrites:
    """Leads by their ids, before and after their last write."""

    def __init__(self) -> None:
        self._written: OrderedDict[str, _Written] = OrderedDict()

    def add(self, before: Lead | None, after: Lead) -> None:
        """Remember a write. A lead without an id is not remembered."""
        if not after.id:
            return
        now = anyio.current_time()
        versions, was_there = (() if before is None else (before,)), before is not None
        last = self._written.pop(after.id, None)
        if last is not None and now - last.at < REMEMBERED_SECONDS:
            # Reads may still show what was before the first of several writes, or between two.
            versions, was_there = (*last.earlier, last.after, *versions)[-MAX_VERSIONS:], last.was_there
        self._written[after.id] = _Written(versions, after, now, was_there)
        while len(self._written) > MAX_REMEMBERED:
            self._written.popitem(last=False)

    def current(self, leads: Sequence[Lead]) -> list[Lead]:
        """Return leads that were read, those as they are now that are as they were before a write of ours."""
        if not self._written:
            return list(leads)
        since = anyio.current_time() - REMEMBERED_SECONDS
        return [
            written.after
            if (written := self._written.get(lead.id or ""))
            and written.at > since
            and lead in written.earlier
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
            if written.at > since and not (created and written.was_there)
        ]
