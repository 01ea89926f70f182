"""Reads that show a write only after some others, as those of a database that is copied to another do."""

import threading
from functools import cached_property

from rotor_mcp.sandbox.requests import Listing
from rotor_mcp.sandbox.store import Store, StoredLead

READS_BEHIND = 2
"""Reads after a write that do not show it."""


class DelayedReads:
    """A copy of a store. What other processes write to the same file is not copied."""

    def __init__(self, store: Store) -> None:
        """Read from a copy of a store, which is made at the first read."""
        self._store = store
        self._lock = threading.Lock()
        self._written: list[tuple[int, StoredLead]] = []
        """Leads, and how many reads have still to come before they are shown."""

    @cached_property
    def copy(self) -> Store:
        """The leads that reads show."""
        copy = Store(behavior=self._store.behavior)
        copy.seed(self._store.all)
        return copy

    def get(self, lead_id: str) -> StoredLead | None:
        """Return a lead; None if there is none with this id."""
        lead = self.copy.get(lead_id)
        self._count_read()
        return lead

    def page(self, listing: Listing) -> tuple[list[StoredLead], int]:
        """Return one page of a listing, newest first, and the number of leads on all pages."""
        found = self.copy.page(listing)
        self._count_read()
        return found

    def write(self, lead: StoredLead) -> None:
        """Show a lead after `READS_BEHIND` reads."""
        with self._lock:
            self._written.append((READS_BEHIND, lead))

    def close(self) -> None:
        """Close the copy, if there is one."""
        if copy := self.__dict__.get("copy"):
            copy.close()

    def _count_read(self) -> None:
        with self._lock:
            waiting = [(reads - 1, lead) for reads, lead in self._written]
            self.copy.put(lead for reads, lead in waiting if not reads)
            self._written = [(reads, lead) for reads, lead in waiting if reads]
