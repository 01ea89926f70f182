"""Records the state of each row of an import in a file beside it, so that an interrupted import can continue.

A row is identified by a digest of its content, not by its number, so the file can be sorted, shortened and
corrected between two runs. The only data about people in it are the ids of their leads.

A row is recorded before it is sent, and again when it has ended. If only the first record exists, the process
ended in between, and the next run has to look the row up.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from rotor_mcp.leads.requests import UpsertRequest

DIGEST_BYTES = 32
"""Length of the digest of a row, whose text has twice as many characters."""
_SCHEMA_SQL = """
CREATE TABLE IF NOT EXISTS rows (
    company TEXT, row TEXT, ended INTEGER, ids TEXT, PRIMARY KEY (company, row)
) WITHOUT ROWID
"""


class JournalError(Exception):
    """The journal cannot be used; the text says what to do."""


class Journal:
    """The states of rows in a SQLite file, which one import at a time can use."""

    def __init__(self, file: Path | None, company: str) -> None:
        """Open a journal (None: in memory), and create it if it does not exist. Each company has its states.

        Raises:
            JournalError: if the file is in use, is no journal, or cannot be written.
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
            # A lock that is released when the process ends.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            # Records survive a crash of the process; after a power failure, rows may have to be looked up.
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
        """Close the file, so that another import can use it."""
        self._db.close()

    def is_done(self, row: str) -> bool:
        """Whether a row is known to be stored in Rotor."""
        return self._look_up(row)[0] == 1

    def candidates(self, row: str) -> set[str] | None:
        """Return the ids given to `mark_begun` for a row whose outcome is unknown; None for any other row."""
        is_done, ids = self._look_up(row)
        return set(ids) if is_done == 0 else None

    def _look_up(self, row: str) -> tuple[int | None, list[str]]:
        found = self._db.execute(
            "SELECT ended, ids FROM rows WHERE company = ? AND row = ?", (self._company, row)
        ).fetchone()
        return (int(found[0]), json.loads(found[1])) if found else (None, [])

    def mark_begun(self, rows: Iterable[str], candidates: Iterable[str] = ()) -> None:
        """Record that these rows are about to be sent.

        `candidates` are the ids of leads that could be meant too. A lead that is found later and is none of
        them is the one that this write created.
        """
        self._mark(rows, 0, candidates)

    def mark_done(self, rows: Iterable[str], lead_id: str | None) -> None:
        """Record that these rows are stored in Rotor."""
        self._mark(rows, 1, [lead_id] if lead_id else [])

    def remove(self, rows: Iterable[str]) -> None:
        """Remove the records of rows of which nothing was sent."""
        self._write("DELETE FROM rows WHERE company = ? AND row = ?", [(self._company, row) for row in rows])

    def _mark(self, rows: Iterable[str], is_done: int, ids: Iterable[str]) -> None:
        notes = [(self._company, row, is_done, json.dumps(list(ids))) for row in rows]
        self._write("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", notes)

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            with self._db:  # commits, or rolls back
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(statement, rows)
        except sqlite3.Error as exc:
            raise JournalError(f"the journal {self._file} cannot be written ({exc})") from None


def row_digest(row: UpsertRequest) -> str:
    """Return a digest of a row's content."""
    return hashlib.sha256(row.model_dump_json(exclude_defaults=True).encode()).hexdigest()
