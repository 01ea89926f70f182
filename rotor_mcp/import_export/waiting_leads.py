"""Holds the leads of an export whose order is not known yet in a temporary file."""

import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Self

from rotor_mcp.api.models import PAGE_LIMIT, Lead
from rotor_mcp.leads import filters
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.requests import SortOrder


class WaitingLeads:
    """Leads that wait until all are read, in little memory."""

    def __init__(self, order: SortOrder, locale: Locale) -> None:
        # Rotor's own order is newest first, and that of the rows.
        self._sort_key = _in_order_of_rows if order == "newest" else filters.sort_key(order, locale)
        self._count = 0
        self._db = sqlite3.connect("")  # a temporary file, once it is larger than SQLite's cache
        self._db.execute("CREATE TABLE leads (is_unknown, value, id, lead)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Delete the file."""
        self._db.close()

    def __len__(self) -> int:
        return self._count

    def add(self, leads: Iterable[Lead]) -> None:
        """Add leads, in Rotor's order."""
        rows = [(*self._sort_key(lead), pickle.dumps(lead)) for lead in leads]
        self._db.executemany("INSERT INTO leads VALUES (?, ?, ?, ?)", rows)
        self._count += len(rows)

    def clear(self) -> None:
        """Remove all leads."""
        self._db.execute("DELETE FROM leads")
        self._count = 0

    def take(self) -> Iterator[list[Lead]]:
        """Yield all leads in their order, a few at a time, and remove them."""
        ordered = self._db.execute("SELECT lead FROM leads ORDER BY is_unknown, value, id, rowid")
        while rows := ordered.fetchmany(PAGE_LIMIT):
            yield [pickle.loads(packed) for (packed,) in rows]  # noqa: S301 - packed by this process
        self.clear()


def _in_order_of_rows(_: Lead) -> filters.SortKey:
    return False, 0.0, ""
