"""Stores the leads of one company and the daily usage of its keys in SQLite.

There is one connection and one transaction at a time: a lock serializes threads, and `BEGIN IMMEDIATE`
serializes processes that share a file. Calls block, so an event loop has to run them in a thread.
"""

import inspect
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
from rotor_mcp.behavior import ASSUMED, Behavior
from rotor_mcp.sandbox import timestamps
from rotor_mcp.sandbox.comparisons import lead_functions
from rotor_mcp.sandbox.requests import InvalidInput, LeadInput, Listing

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
  AND (:stage = '' OR same_stage(stage, :stage))
  AND (:search = '' OR found(name, :search) OR found(email, :search) OR phone_found(phone, :search))
  AND (:tags = '[]' OR any_of(tags, :tags))
"""
_NEWEST_FIRST = "ORDER BY created_at DESC, position DESC"
_BY_ID = "ORDER BY id DESC"

_WITH_ID = "id = ?"
_WITH_PHONE = {
    "literal": "phone = ?",
    "digits": "digits(phone) = digits(?)",
    "normalized": "national(phone) = national(?)",
}
_WITH_EMAIL = {"ignoring_case": "email = ? COLLATE NOCASE", "exact": "email = ?"}


_BLANKABLE = frozenset(FIELDS) & frozenset(LeadInput.__annotations__) - {"id", "name", "stage", "tags"}
"""Fields that a write can empty."""


class UnknownLead(Exception):
    """No lead has the id of a write."""


class StoredWrite(NamedTuple):
    """The result of a write."""

    lead: StoredLead
    created: bool


class Store:
    """Leads and usage of keys, in memory or in a file that several processes can use."""

    def __init__(self, file: str | Path = ":memory:", behavior: Behavior = ASSUMED) -> None:
        """Open a database, and create it if it does not exist.

        Raises:
            ValueError: if the file has another schema version.
            sqlite3.Error: if it cannot be opened or is no SQLite file.
        """
        self.behavior = behavior
        self._newest_first = _BY_ID if behavior.created_at == "unordered" else _NEWEST_FIRST
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
        for name, function in lead_functions(self.behavior).items():
            parameters = len(inspect.signature(function).parameters)
            self._db.create_function(name, parameters, function, deterministic=True)
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

    def all(self) -> list[StoredLead]:
        """Return all leads, in the order in which they were added."""
        with self._transaction("BEGIN") as db:
            return [_from_row(row) for row in db.execute("SELECT * FROM leads ORDER BY position")]

    def put(self, leads: Iterable[StoredLead]) -> None:
        """Add leads, or replace those with the same id."""
        with self._transaction() as db:
            db.executemany(_UPSERT_SQL, map(_to_row, leads))

    def get(self, lead_id: str) -> StoredLead | None:
        """Return a lead; None if there is none with this id."""
        with self._transaction("BEGIN") as db:
            return self._first_where(db, _WITH_ID, lead_id)

    def page(self, listing: Listing) -> tuple[list[StoredLead], int]:
        """Return one page of a listing, newest first, and the number of leads on all pages."""
        params = {
            "archived": listing.archived,
            "stage": listing.stage,
            "search": listing.search,
            "tags": json.dumps(listing.tags),
            "limit": listing.limit,
            # SQLite's integers have 64 bits.
            "offset": min((listing.page - 1) * listing.limit, 2**63 - 1),
        }
        with self._transaction("BEGIN") as db:
            (total,) = db.execute(f"SELECT count(*) {_LISTING_SQL}", params).fetchone()
            rows = db.execute(
                f"SELECT * {_LISTING_SQL} {self._newest_first} LIMIT :limit OFFSET :offset", params
            )
            return [_from_row(row) for row in rows], total

    def upsert(self, lead_input: LeadInput, now: datetime) -> StoredWrite:
        """Update the lead that the input identifies, or create one.

        Raises:
            UnknownLead: if no lead has the id.
            InvalidInput: if the id or the stage is unknown, and that is a fault.
        """
        with self._transaction() as db:
            found = self._find(db, lead_input)
            if found is None and "id" in lead_input:
                if self.behavior.unknown_id == "404":
                    raise UnknownLead
                if self.behavior.unknown_id == "400":
                    raise InvalidInput([("id", "Unknown lead")])
            lead = found or self._new_lead(now)
            if "stage" in lead_input:
                lead_input = lead_input | {"stage": self._stage(db, lead_input["stage"])}
            merged = self._merged(lead, lead_input) | {"id": lead["id"]}
            (row,) = db.execute(f"{_UPSERT_SQL} RETURNING *", _to_row(merged))
            return StoredWrite(_from_row(row), created=found is None)

    def _find(self, db: sqlite3.Connection, lead_input: LeadInput) -> StoredLead | None:
        """Return the lead that a write updates: by id, else by phone, else by e-mail."""
        if "id" in lead_input:
            return self._first_where(db, _WITH_ID, lead_input["id"])
        current = "archived_at IS NULL" if self.behavior.archived_match == "no" else "TRUE"
        lead = None
        if lead_input.get("phone", "").strip():  # a blank phone matches no lead
            with_phone = f"{_WITH_PHONE[self.behavior.phone_match]} AND {current}"
            lead = self._first_where(db, with_phone, lead_input["phone"])
        if lead is None and lead_input.get("email", "").strip():
            with_email = f"{_WITH_EMAIL[self.behavior.email_match]} AND {current}"
            lead = self._first_where(db, with_email, lead_input["email"])
        return lead

    def _first_where(self, db: sqlite3.Connection, condition: str, value: str) -> StoredLead | None:
        order = _NEWEST_FIRST
        if self.behavior.several_match == "oldest":
            order = order.replace("DESC", "ASC")
        query = f"SELECT * FROM leads WHERE {condition} {order} LIMIT 1"  # noqa: S608 - see _UPSERT_SQL
        row = db.execute(query, (value,)).fetchone()
        return None if row is None else _from_row(row)

    def _new_lead(self, now: datetime) -> StoredLead:
        if self.behavior.created_at == "equal":
            now = now.replace(hour=0, minute=0, second=0)
        return dict.fromkeys(FIELDS) | {
            "id": str(uuid.uuid4()),
            "name": "",
            "stage": DEFAULT_STAGE,
            "tags": [],
            # To the second, as in Rotor's examples; so the texts also sort by time.
            "created_at": timestamps.format_utc(now.replace(microsecond=0)),
        }

    def _stage(self, db: sqlite3.Connection, wanted: str) -> str:
        """Return the stage that a lead gets.

        Raises:
            InvalidInput: if it is unknown, and that is a fault.
        """
        if self.behavior.unknown_stage == "kept" or wanted == DEFAULT_STAGE:
            return wanted
        if db.execute("SELECT 1 FROM leads WHERE stage = ? LIMIT 1", (wanted,)).fetchone():
            return wanted
        if self.behavior.unknown_stage == "refused":
            raise InvalidInput([("stage", "Unknown stage")])
        return DEFAULT_STAGE

    def _merged(self, lead: StoredLead, lead_input: LeadInput) -> StoredLead:
        """Return a lead with what a write changes."""
        form = str.casefold if self.behavior.tag_case == "ignoring_case" else str
        tags: dict[str, str] = {}
        for tag in [*lead["tags"], *lead_input.get("tags", [])]:
            tags.setdefault(form(tag), tag)
        merged = lead | dict(lead_input) | {"tags": [*tags.values()]}
        if self.behavior.omitted_fields == "blanked":
            merged |= dict.fromkeys(_BLANKABLE - lead_input.keys())
        if self.behavior.notes == "appended" and lead_input.get("notes") and lead["notes"]:
            merged["notes"] = f"{lead['notes']}\n{lead_input['notes']}"
        if self.behavior.archived_match == "revived":
            merged["archived_at"] = None
        return merged

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


def _to_row(lead: StoredLead) -> dict[str, Any]:
    return lead | {name: None if lead[name] is None else json.dumps(lead[name]) for name in _JSON_COLUMNS}


def _from_row(row: sqlite3.Row) -> StoredLead:
    lead = {name: row[name] for name in FIELDS}
    return lead | {name: None if lead[name] is None else json.loads(lead[name]) for name in _JSON_COLUMNS}
