import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rotor_mcp.sandbox.requests import LeadInput, Listing
from rotor_mcp.sandbox.store import FIELDS, Store, StoredLead, UnknownLead

NOW = datetime(2026, 11, 22, 18, 0, 0, 999_999, UTC)
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def store() -> Iterator[Store]:
    with closing(Store()) as store:
        yield store


def write(store: Store, minutes: int = 0, **sent: Any) -> StoredLead:
    """Write a lead that must not be refused, some minutes after `NOW`."""
    written = store.upsert(LeadInput(**sent), NOW + timedelta(minutes=minutes))  # type: ignore[typeddict-item]
    assert written is not None
    return written.lead


def archive(store: Store, lead: StoredLead) -> None:
    """What the API cannot do: a company archives leads in Rotor itself."""
    store._db.execute("UPDATE leads SET archived_at = '2026-11-22T18:00:00Z' WHERE id = ?", (lead["id"],))


def names(store: Store, **listing: Any) -> list[str]:
    return [lead["name"] for lead in store.page(Listing(**listing))[0]]


def test_a_change_of_the_fields_asks_for_a_new_version_of_the_tables() -> None:
    version_1 = (
        *("name", "phone", "email", "stage", "priority", "projected_value", "follow_up_date"),
        *("service_type", "source", "tags", "address_street1", "address_street2", "address_city"),
        *("address_state", "address_zip", "address_country", "notes"),
        *("id", "archived_at", "created_at", "assigned_to", "location", "value_score"),
    )
    assert version_1 == FIELDS


def test_a_new_lead_has_what_was_sent_and_little_else(store: Store) -> None:
    lead = write(store, name="Jane Doe", projected_value=299.0, tags=["Website"], notes="24 windows")
    assert lead == dict.fromkeys(FIELDS) | {
        "id": lead["id"],
        "name": "Jane Doe",
        "stage": "New Leads",
        "projected_value": 299,
        "tags": ["Website"],
        "notes": "24 windows",
        "created_at": "2026-11-22T18:00:00Z",
    }
    stored = store.get(lead["id"])
    assert stored == lead
    assert repr(lead["projected_value"]) == repr(stored["projected_value"]) == "299"


def test_a_text_that_looks_like_a_number_stays_a_text(store: Store) -> None:
    sent: dict[str, Any] = {"name": "1e5", "phone": "7635550102", "address_zip": "05533", "notes": "1.0"}
    lead = write(store, **sent)
    assert {name: lead[name] for name in sent} == sent


def test_a_lead_may_have_nothing(store: Store) -> None:
    lead = write(store)
    assert (lead["name"], lead["stage"], lead["tags"]) == ("", "New Leads", [])


def test_an_update_keeps_what_it_omits_replaces_what_it_holds_and_adds_tags(store: Store) -> None:
    before = write(
        store, name="Jane Doe", phone="555-0100", notes="24 windows", stage="Quoted", tags=["Website", "VIP"]
    )
    after = write(store, 5, phone="555-0100", notes="26 windows", tags=["new", "Website", "vip", "new"])
    assert after == before | {"notes": "26 windows", "tags": ["Website", "VIP", "new", "vip"]}
    assert store.get(before["id"]) == after


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ({"id": "ann"}, "ann"),
        ({"id": "ann", "phone": "555-0102", "email": "cy@example.com"}, "ann"),
        ({"phone": "555-0102"}, "bob"),
        ({"phone": "555-0102", "email": "cy@example.com"}, "bob"),
        ({"phone": "555-0199", "email": "cy@example.com"}, "cy"),
        ({"email": "cy@example.com"}, "cy"),
        ({"email": "CY@Example.COM"}, "cy"),
        ({"phone": "5550102"}, None),
        ({"phone": "555-0102 "}, None),
        ({"phone": ""}, None),
        ({"phone": " "}, None),
        ({"email": "c_@example.com"}, None),
        ({"name": "ann"}, None),
        ({}, None),
    ],
)
def test_a_write_is_about_the_lead_with_its_id_else_its_phone_else_its_email(
    store: Store, sent: dict[str, str], found: str | None
) -> None:
    ids = {
        "ann": write(store, name="ann", phone="555-0101", email="ann@example.com")["id"],
        "bob": write(store, name="bob", phone="555-0102", email="bob@example.com")["id"],
        "cy": write(store, name="cy", email="cy@example.com")["id"],
    }
    write(store, name="blank", phone="")
    write(store, name="blank", phone=" ")
    sent = sent | {"id": ids[sent["id"]]} if "id" in sent else sent
    written = store.upsert(LeadInput(**sent), NOW)  # type: ignore[typeddict-item]
    assert written is not None
    assert written.created is (found is None)
    assert {name: lead_id for name, lead_id in ids.items() if lead_id == written.lead["id"]} == (
        {found: written.lead["id"]} if found else {}
    )


def test_of_several_leads_with_a_phone_the_newest_is_meant(store: Store) -> None:
    write(store, 0, name="old")
    write(store, 9, name="newest")
    write(store, 5, name="between")
    with store._transaction() as db:
        db.execute("UPDATE leads SET phone = '555-0101'")
    assert write(store, 10, phone="555-0101")["name"] == "newest"


def test_an_archived_lead_is_found_by_its_id_alone_and_stays_archived(store: Store) -> None:
    lead = write(store, phone="555-0101", email="ann@example.com")
    archive(store, lead)
    assert write(store, phone="555-0101")["id"] != lead["id"]
    assert write(store, email="ann@example.com")["id"] != lead["id"]
    assert write(store, id=lead["id"], name="Ann") == lead | {
        "name": "Ann",
        "archived_at": "2026-11-22T18:00:00Z",
    }


def test_an_unknown_id_writes_nothing(store: Store) -> None:
    with pytest.raises(UnknownLead):
        store.upsert({"id": NOBODY, "name": "Ann"}, NOW)
    assert store.page(Listing()) == ([], 0)
    assert store.get(NOBODY) is None


def test_leads_are_listed_newest_first_in_pages(store: Store) -> None:
    for name, minutes in {"a": 0, "b": 2, "c": 1, "d": 1}.items():
        write(store, minutes, name=name)
    assert names(store) == ["b", "d", "c", "a"]
    assert names(store, limit=3) == ["b", "d", "c"]
    assert names(store, limit=3, page=2) == ["a"]
    assert names(store, limit=1000, page=10**18) == []
    assert store.page(Listing(limit=1))[1] == 4


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["Zoë", "Bo", "Ann"]),
        ("ANN", ["Ann"]),
        ("ann", ["Ann"]),
        ("ZOË", ["Zoë"]),
        ("EXAMPLE.com", ["Zoë", "Bo"]),
        ("0101", ["Ann"]),
        ("555-01", ["Bo", "Ann"]),
        ("555 01", []),
        ("100%", ["Bo"]),
        ("%", ["Bo"]),
        ("_", ["Bo"]),
        ("\\", []),
        ("\x00", ["Ann"]),
        ("' OR 1=1 --", []),
        ("somewhere", []),
    ],
)
def test_search_is_contained_literally_in_name_email_or_phone(
    store: Store, search: str, found: list[str]
) -> None:
    write(store, 1, name="Ann", phone="(763) 555-0101\x00", notes="somewhere")
    write(store, 2, name="Bo", phone="555-0102 100%", email="bo_B@Example.com")
    write(store, 3, name="Zoë", email="z@example.com", stage="somewhere")
    assert names(store, search=search) == found


def test_filters_narrow_a_listing_together(store: Store) -> None:
    write(store, 1, name="ann", stage="Quoted", tags=["Website", "in, out"])
    write(store, 2, name="bo", stage="quoted", tags=["website"])
    write(store, 3, name="cy", stage="Quoted", tags=["VIP", "\x00é"])
    archive(store, write(store, 4, name="dee", stage="Quoted", tags=["VIP"]))
    assert names(store) == ["cy", "bo", "ann"]
    assert names(store, archived=True) == ["dee", "cy", "bo", "ann"]
    assert names(store, stage="Quoted") == ["cy", "ann"]
    assert names(store, tags=("Website", "VIP")) == ["cy", "ann"]
    assert names(store, tags=("\x00é",)) == ["cy"]
    assert names(store, tags=("in", "out")) == []
    assert names(store, tags=("VIP",), archived=True, stage="Quoted", search="D") == ["dee"]
    _, total = store.page(Listing(stage="Quoted", limit=1))
    assert total == 2


def test_requests_are_counted_by_key_and_day(store: Store) -> None:
    today = date(2026, 11, 22)
    assert [store.count_request("full", today, 2) for _ in range(4)] == [True, True, False, False]
    assert store.count_request("read", today, 2)
    assert store.count_request("full", today + timedelta(1), 2)
    assert store.count_request("full", today, 3), "refused requests were counted"
    assert not store.count_request("full", date(2026, 11, 24), 0)


def test_only_an_empty_store_is_seeded(store: Store) -> None:
    first, second = (dict.fromkeys(FIELDS) | {"id": name, "name": name, "tags": []} for name in "ab")
    store.seed(lambda: [])
    store.seed(lambda: [first])
    store.seed(lambda: [second])
    assert store.page(Listing()) == ([first], 1)


def test_a_write_that_fails_leaves_no_trace_and_the_store_in_order(store: Store) -> None:
    good: StoredLead = dict.fromkeys(FIELDS) | {"id": "a", "tags": []}
    with pytest.raises(sqlite3.Error):
        store.seed(lambda: [good, good | {"id": object()}])
    assert store.page(Listing()) == ([], 0)
    assert write(store, name="Ann")["name"] == "Ann"


def test_a_file_keeps_leads_and_counts(tmp_path: Path) -> None:
    file = tmp_path / "leads.sqlite"
    today = date(2026, 11, 22)
    with closing(Store(file)) as store:
        lead = write(store, name="Jane Doe", tags=["Website"], projected_value=299.5)
        assert store.count_request("full", today, 1)
    with closing(Store(file)) as store:
        assert store.get(lead["id"]) == lead
        assert not store.count_request("full", today, 1)


def test_a_file_of_another_version_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "leads.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 7")
    with pytest.raises(ValueError, match="tables of version 7, not 1"):
        Store(file)


def test_what_is_no_sqlite_file_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("name,phone\n" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Store(file)
    assert file.read_text() == "name,phone\n" * 100


@pytest.mark.parametrize("kept", ["in memory", "in a file"])
def test_threads_that_write_the_same_phone_make_one_lead(tmp_path: Path, kept: str) -> None:
    threads, writes = 8, 25
    start = threading.Barrier(threads)
    with closing(Store(tmp_path / "leads.sqlite" if kept == "in a file" else ":memory:")) as store:

        def hammer(number: int) -> int:
            start.wait()
            results = [
                store.upsert({"phone": "555-0100", "tags": [f"{number}-{turn}"]}, NOW)
                for turn in range(writes)
            ]
            return sum(result.created for result in results if result)

        with ThreadPoolExecutor(threads) as pool:
            assert sum(pool.map(hammer, range(threads))) == 1
        leads, total = store.page(Listing())
    assert total == 1
    assert sorted(leads[0]["tags"]) == sorted(f"{n}-{t}" for n in range(threads) for t in range(writes))


def test_a_file_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    threads = 8
    start = threading.Barrier(threads)

    def open_and_close(file: Path) -> None:
        start.wait()
        Store(file).close()

    with ThreadPoolExecutor(threads) as pool:
        for turn in range(100):
            list(pool.map(open_and_close, [tmp_path / f"{turn}.sqlite"] * threads))


HAMMER = """
import sys
from datetime import UTC, datetime
from rotor_mcp.sandbox.store import Store, UnknownLead

file, number = sys.argv[1:]
store = Store(file)
created = [
    store.upsert({"phone": "555-0100", "tags": [f"{number}-{turn}"]}, datetime.now(UTC)).created
    for turn in range(50)
]
counted = [store.count_request("full", datetime(2026, 11, 22).date(), 60) for turn in range(50)]
print(sum(created), sum(counted))
store.close()
"""


def test_processes_that_write_the_same_phone_to_one_file_make_one_lead(tmp_path: Path) -> None:
    file = tmp_path / "leads.sqlite"
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", HAMMER, str(file), str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [errors for _, errors in outputs] == [""] * 4
    created, counted = zip(*(map(int, printed.split()) for printed, _ in outputs), strict=True)
    assert (sum(created), sum(counted)) == (1, 60)
    with closing(Store(file)) as store:
        leads, total = store.page(Listing())
    assert total == 1
    assert sorted(leads[0]["tags"]) == sorted(f"{n}-{t}" for n in range(4) for t in range(50))
