"""What became of each row of an import, kept beside the file, so that a stopped import goes on where it was.

A row is known by a digest of what it asks for, not by its number: so a file may be sorted, shortened and
corrected between two runs. Nothing about the people is kept but the ids of their leads.

A row is noted before anything of it is sent, and again when it has ended. If only the first note is there,
the process died in between, and what became of the row has to be looked up.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from rotor_mcp.leads.requests import UpsertRequest

_SCHEMA_SQL = """
CREATE TABLE IF NOT EXISTS rows (
    company TEXT, row TEXT, ended INTEGER, ids TEXT, PRIMARY KEY (company, row)
) WITHOUT ROWID
"""


class JournalError(Exception):
    """A journal cannot be used; the text says what to do."""


class Journal:
    """The rows that were dealt with, in a SQLite file that one import at a time may use."""

    def __init__(self, file: Path | None, company: str) -> None:
        """Open a journal, and make it if there is none.

        Args:
            file: None to keep it in memory only.
            company: whose leads they are: rows written for one company are not done for another.

        Raises:
            JournalError: if the file is in use, or is no journal, or cannot be written.
        """
        self._file = file
        self._company = hashlib.sha256(company.encode()).hexdigest()
        try:
            if file is not None:
                if file.is_symlink():
                    raise JournalError(f"{file} is a symbolic link: remove it, or import a copy of the file")
                file.touch(0o600)
            self._db = sqlite3.connect(file or ":memory:", timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as exc:
            raise JournalError(f"{file} cannot be opened: {getattr(exc, 'strerror', None) or exc}") from None
        try:
            # A lock that ends with the process, however that ends.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            # What is noted survives the process; after a power failure, rows may have to be looked up.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(_SCHEMA_SQL)
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("COMMIT")
            self._db.execute("SELECT company, row, ended, ids FROM rows LIMIT 0")
        except sqlite3.Error as exc:
            self._db.close()
            if exc.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise JournalError(f"another import of this file is running: it holds {file}") from None
            raise JournalError(f"{file} cannot be used as a journal: {exc}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, for another import to go on."""
        self._db.close()

    def is_done(self, row: str) -> bool:
        """Whether what a row asks for is known to be in Rotor."""
        is_done, _ = self._look_up(row)
        return bool(is_done)

    def candidates(self, row: str) -> set[str] | None:
        """The leads that could be meant when a row began; None unless it is not known what became of it."""
        is_done, ids = self._look_up(row)
        return set(ids) if is_done == 0 else None

    def _look_up(self, row: str) -> tuple[int | None, list[str]]:
        found = self._db.execute(
            "SELECT ended, ids FROM rows WHERE company = ? AND row = ?", (self._company, row)
        ).fetchone()
        return (int(found[0]), json.loads(found[1])) if found else (None, [])

    def mark_begun(self, rows: Iterable[str], candidates: Iterable[str] = ()) -> None:
        """Note that something of these rows is about to be sent.

        Args:
            rows: the rows.
            could_be: ids of the leads that could be meant as well. Another one is new, and so this write's.
        """
        self._mark(rows, 0, candidates)

    def mark_done(self, rows: Iterable[str], lead_id: str | None) -> None:
        """Note that what these rows ask for is in Rotor."""
        self._mark(rows, 1, [lead_id] if lead_id else [])

    def remove(self, rows: Iterable[str]) -> None:
        """Note that nothing of these rows was sent."""
        self._write("DELETE FROM rows WHERE company = ? AND row = ?", [(self._company, row) for row in rows])

    def _mark(self, rows: Iterable[str], is_done: int, ids: Iterable[str]) -> None:
        notes = [(self._company, row, is_done, json.dumps(list(ids))) for row in rows]
        self._write("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", notes)

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as exc:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise JournalError(f"the journal {self._file} cannot be written ({exc})") from None


def row_digest(row: UpsertRequest) -> str:
    """Tell rows apart by what they ask for."""
    return hashlib.sha256(row.model_dump_json(exclude_defaults=True).encode()).hexdigest()
