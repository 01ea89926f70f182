"""The leads that were written lately, for a Rotor whose reads do not show a write at once.

It holds what this process has written. Other servers of the company do not know of it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from rotor_mcp.api.models import Lead

REMEMBERED_SECONDS = 30.0
"""Seconds for which a read may be older than a write."""
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
        earlier = self._written.pop(after.id, None)
        # Reads may still show what was before the first of several writes.
        if earlier is not None and self._counts(earlier):
            before = earlier.before
        self._written[after.id] = _Written(before, after, anyio.current_time())
        while len(self._written) > MAX_REMEMBERED:
            self._written.popitem(last=False)

    def current(self, leads: Sequence[Lead]) -> list[Lead]:
        """Return leads that were read, those as they are now that are as they were before a write of ours."""
        if not self._written:
            return [*leads]
        return [self._current(lead) for lead in leads]

    def get(self, lead_id: str) -> Lead | None:
        """Return a lead that was created lately; None if there is none."""
        written = self._written.get(lead_id)
        return written.after if written and written.before is None and self._counts(written) else None

    def all(self) -> list[Lead]:
        """Return the leads that were written lately, as they are now."""
        return [written.after for written in self._written.values() if self._counts(written)]

    def _current(self, lead: Lead) -> Lead:
        written = self._written.get(lead.id or "")
        if written is None or not self._counts(written) or lead != written.before:
            return lead
        return written.after

    @staticmethod
    def _counts(written: _Written) -> bool:
        return anyio.current_time() - written.at < REMEMBERED_SECONDS
