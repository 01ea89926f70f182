"""Stores the leads of one company and the daily usage of its keys in SQLite.

There is one connection and one transaction at a time: a lock serializes threads, and `BEGIN IMMEDIATE`
serializes processes that share a file. Calls block, so an event loop has to run them in a thread.
"""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rotor_mcp.api.models import LEAD_FIELDS
from rotor_mcp.sandbox import timestamps
from rotor_mcp.sandbox.requests import LeadInput, Listing

StoredLead = dict[str, Any]
"""Field → value, for every field in `FIELDS`."""

FIELDS = tuple(name for name in LEAD_FIELDS if name != "archived")
"""The stored fields of a lead, with the names of `models`. `archived` follows from `archived_at`."""

DEFAULT_STAGE = "New Leads"

_BUSY_TIMEOUT_SECONDS = 10
"""For another process that writes to the same file."""

_SCHEMA_VERSION = 1
"""A file with another version is not opened."""

_NUMERIC_COLUMNS = ("projected_value", "value_score")
"""NUMERIC columns, so that 1200 is not returned as 1200.0."""

_JSON_COLUMNS = ("location", "tags")

_SCHEMA_SQL = f"""
CREATE TABLE leads (
    position INTEGER PRIMARY KEY,
    {", ".join(f"{name} {'NUMERIC' if name in _NUMERIC_COLUMNS else 'TEXT'}" for name in FIELDS)}
);
CREATE UNIQUE INDEX leads_by_id ON leads (id);
CREATE INDEX leads_by_phone ON leads (phone);
CREATE INDEX leads_by_email ON leads (email COLLATE NOCASE);
CREATE INDEX leads_by_age ON leads (created_at, position);
CREATE TABLE usage (
    key_id TEXT, day TEXT, requests INTEGER, PRIMARY KEY (key_id, day)
);
PRAGMA user_version = {_SCHEMA_VERSION};
"""

# Names come from the model and values are bound, so no input becomes SQL.
_UPSERT_SQL = f"""
INSERT INTO leads ({", ".join(FIELDS)}) VALUES ({", ".join(f":{name}" for name in FIELDS)})
ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = :{name}" for name in FIELDS)}
"""  # noqa: S608

_LISTING_SQL = """
FROM leads
WHERE (:archived OR archived_at IS NULL)
  AND (:stage = '' OR stage = :stage)
  AND (:search = '' OR contains(name, :search) OR contains(email, :search) OR contains(phone, :search))
  AND (:tags = '[]' OR any_of(tags, :tags))
"""
_NEWEST_FIRST = "ORDER BY created_at DESC, position DESC"

_WITH_ID = "id = ?"
_WITH_PHONE = "phone = ? AND archived_at IS NULL"
_WITH_EMAIL = "email = ? COLLATE NOCASE AND archived_at IS NULL"


class StoredWrite(NamedTuple):
    """The result of a write."""

    lead: StoredLead
    created: bool


class Store:
    """Leads and usage of keys, in memory or in a file that several processes can use."""

    def __init__(self, file: str | Path = ":memory:") -> None:
        """Open a database, and create it if it does not exist.

        Raises:
            ValueError: if the file has another schema version.
            sqlite3.Error: if it cannot be opened or is no SQLite file.
        """
        self._lock = threading.Lock()
        self._db = sqlite3.connect(
            file, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._open()
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.create_function("contains", 2, _contains, deterministic=True)
        self._db.create_function("any_of", 2, _any_of, deterministic=True)
        self._enable_wal()
        with self._transaction() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA_SQL.split(";"):
                    db.execute(statement)
            elif version != _SCHEMA_VERSION:
                raise ValueError(f"the sandbox's file has tables of version {version}, not {_SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the database. Leads in memory are lost."""
        with self._lock:
            self._db.close()

    def seed(self, leads: Callable[[], Iterable[StoredLead]]) -> None:
        """Add leads if the store has none."""
        with self._transaction() as db:
            if db.execute("SELECT 1 FROM leads LIMIT 1").fetchone() is None:
                db.executemany(_UPSERT_SQL, map(_to_row, leads()))

    def get(self, lead_id: str) -> StoredLead | None:
        """Return a lead; None if there is none with this id."""
        with self._transaction("BEGIN") as db:
            return _newest_where(db, _WITH_ID, lead_id)

    def page(self, listing: Listing) -> tuple[list[StoredLead], int]:
        """Return one page of a listing, newest first, and the number of leads on all pages."""
        params = {
            "archived": listing.archived,
            "stage": listing.stage,
            "search": listing.search.casefold(),
            "tags": json.dumps(listing.tags),
            "limit": listing.limit,
            # SQLite's integers have 64 bits.
            "offset": min((listing.page - 1) * listing.limit, 2**63 - 1),
        }
        with self._transaction("BEGIN") as db:
            (total,) = db.execute(f"SELECT count(*) {_LISTING_SQL}", params).fetchone()
            rows = db.execute(f"SELECT * {_LISTING_SQL} {_NEWEST_FIRST} LIMIT :limit OFFSET :offset", params)
            return [_from_row(row) for row in rows], total

    def upsert(self, lead_input: LeadInput, now: datetime) -> StoredWrite | None:
        """Update the lead that the input identifies, or create one. Returns None if its id is unknown."""
        with self._transaction() as db:
            found = _find_lead(db, lead_input)
            if found is None and "id" in lead_input:
                return None
            lead = found or _new_lead(now)
            lead |= lead_input | {"tags": list(dict.fromkeys(lead["tags"] + lead_input.get("tags", [])))}
            (row,) = db.execute(f"{_UPSERT_SQL} RETURNING *", _to_row(lead))
            return StoredWrite(_from_row(row), created=found is None)

    def count_request(self, key_id: str, day: date, quota: int) -> bool:
        """Count a request of a key. Returns False, and does not count, if the day's quota is spent."""
        with self._transaction() as db:
            counter = (key_id, day.isoformat())
            db.execute("INSERT INTO usage VALUES (?, ?, 0) ON CONFLICT DO NOTHING", counter)
            return bool(
                db.execute(
                    "UPDATE usage SET requests = requests + 1 WHERE key_id = ? AND day = ? AND requests < ?",
                    (*counter, quota),
                ).rowcount
            )

    def _enable_wal(self) -> None:
        """Turn on write-ahead logging: readers never wait. Only a power failure can lose the last writes."""
        deadline = time.monotonic() + _BUSY_TIMEOUT_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as exc:
                # SQLite does not apply the timeout when several processes open the file at once.
                if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self._db.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        with self._lock, self._db:  # commits, or rolls back
            self._db.execute(begin)
            yield self._db


def _new_lead(now: datetime) -> StoredLead:
    return dict.fromkeys(FIELDS) | {
        "id": str(uuid.uuid4()),
        "name": "",
        "stage": DEFAULT_STAGE,
        "tags": [],
        # To the second, as in Rotor's examples; so the texts also sort by time.
        "created_at": timestamps.format_utc(now.replace(microsecond=0)),
    }


def _find_lead(db: sqlite3.Connection, lead_input: LeadInput) -> StoredLead | None:
    """Return the lead that a write updates: by id, else by phone, else by e-mail."""
    if "id" in lead_input:
        return _newest_where(db, _WITH_ID, lead_input["id"])
    lead = None
    if lead_input.get("phone", "").strip():  # a blank phone matches no lead
        lead = _newest_where(db, _WITH_PHONE, lead_input["phone"])
    if lead is None and "email" in lead_input:
        lead = _newest_where(db, _WITH_EMAIL, lead_input["email"])
    return lead


def _newest_where(db: sqlite3.Connection, condition: str, value: str) -> StoredLead | None:
    query = f"SELECT * FROM leads WHERE {condition} {_NEWEST_FIRST} LIMIT 1"  # noqa: S608 - see _UPSERT_SQL
    row = db.execute(query, (value,)).fetchone()
    return None if row is None else _from_row(row)


def _to_row(lead: StoredLead) -> dict[str, Any]:
    return lead | {name: None if lead[name] is None else json.dumps(lead[name]) for name in _JSON_COLUMNS}


def _from_row(row: sqlite3.Row) -> StoredLead:
    lead = {name: row[name] for name in FIELDS}
    return lead | {name: None if lead[name] is None else json.loads(lead[name]) for name in _JSON_COLUMNS}


def _contains(value: str | None, part: str) -> bool:
    """SQL function: case-insensitive search, since LIKE ignores case only for ASCII letters."""
    return value is not None and part in value.casefold()


def _any_of(tags: str, wanted: str) -> bool:
    """SQL function: whether two JSON lists have a common element."""
    return not set(json.loads(tags)).isdisjoint(json.loads(wanted))
