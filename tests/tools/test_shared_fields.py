"""One change for many leads: fields that are given once, for ids and beside rows."""

import json
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from mcp import Client
from mcp.types import CallToolResult

from rotor_mcp.sandbox import Sandbox
from rotor_mcp.sandbox.requests import Listing
from rotor_mcp.sandbox.store import StoredLead
from tests.conftest import content, text
from tests.leads.companies import company, stored
from tests.leads.test_search import connect

pytestmark = pytest.mark.anyio

SHARED: dict[str, st.SearchStrategy[Any]] = {
    "stage": st.sampled_from(["Quoted", "Won"]),
    "priority": st.sampled_from(["low", "high"]),
    "projected_value": st.sampled_from([0, 99, 1_200]),
    "follow_up_date": st.sampled_from(["2026-12-01", "2026-12-02T09:30:00-06:00"]),
    "service_type": st.sampled_from(["Roof", "Gutters"]),
    "source": st.sampled_from(["Radio", "Home show"]),
    "tags": st.lists(st.sampled_from(["A", "B"]), min_size=1, unique=True),
    "address_street1": st.sampled_from(["1 Elm Street", "2 Oak Street"]),
    "address_street2": st.sampled_from(["Unit 1", "Unit 2"]),
    "address_city": st.sampled_from(["Delano", "Buffalo"]),
    "address_state": st.sampled_from(["MN", "WI"]),
    "address_zip": st.sampled_from(["55328", "55313"]),
    "address_country": st.sampled_from(["US", "Canada"]),
    "notes": st.sampled_from(["Met at the show.", "Two\nlines"]),
}
HELD = {**SHARED, "follow_up_date": st.just("2026-11-30T18:00:00Z"), "tags": st.just(["A", "C"])}


def stored_leads(sandbox: Sandbox) -> dict[str, StoredLead]:
    leads, _ = sandbox.store.page(Listing(archived=True, limit=1_000, page=1))
    return {lead["id"]: lead for lead in leads}


async def upsert(client: Client, **arguments: Any) -> CallToolResult:
    return await client.call_tool("upsert_leads", arguments)


@settings(max_examples=40)
@given(
    held=st.fixed_dictionaries({}, optional=HELD),
    shared=st.fixed_dictionaries({}, optional=SHARED).filter(bool),
    how=st.sampled_from(["ids", "short ids", "row with id", "phone", "email", "new"]),
)
def test_shared_fields_replace_by_id_and_only_fill_blanks_of_a_found_lead(
    held: dict[str, Any], shared: dict[str, Any], how: str
) -> None:
    lead = stored(1, phone="612-555-0101", email="ann@example.com", **held)
    other = stored(2, phone="612-555-0102", stage="New")
    rows = {
        "row with id": {"id": lead["id"]},
        "phone": {"phone": "(612) 555-0101"},
        "email": {"email": "ANN@example.com"},
        "new": {"name": "Bo", "phone": "612-555-0103"},
    }
    given_ids = {"ids": [lead["id"]], "short ids": [lead["id"][:8]]}
    arguments = {"rows": [rows[how]]} if how in rows else {"ids": given_ids[how]}

    async def go() -> dict[str, StoredLead]:
        with company([lead, other]) as sandbox:
            async with connect(sandbox) as client:
                result = await upsert(client, **arguments, **shared)
                assert not result.is_error, text(result)
            return stored_leads(sandbox)

    after = anyio.run(go)
    assert after[other["id"]] == other
    if how == "new":
        (created,) = (one for one in after.values() if one["id"] not in (lead["id"], other["id"]))
        before, now = dict.fromkeys(SHARED) | {"tags": []}, created
        assert after[lead["id"]] == lead
    else:
        before, now = lead, after[lead["id"]]
        assert len(after) == 2
    by_id = "id" in how
    for name, had in before.items():
        if name == "tags":
            assert now["tags"] == list(dict.fromkeys([*(had or []), *shared.get("tags", [])]))
        elif name == "notes" and "notes" in shared:
            assert shared["notes"] in now["notes"]
            assert (had or "") in now["notes"]
        elif name not in shared:
            assert now[name] == had or (how == "new" and name in ("id", "name", "stage", "created_at"))
        elif had is not None and not by_id:
            assert now[name] == had
        elif name == "follow_up_date":
            assert now[name].startswith("2026-12-0")
        else:
            assert now[name] == shared[name]


async def test_one_change_for_many_ids() -> None:
    days = ["2026-11-08T18:00:00Z", "2026-11-16T21:30:00Z", None]
    leads = [stored(number, name=f"Lead {number}", follow_up_date=day) for number, day in enumerate(days)]
    with company([*leads, stored(9)]) as sandbox:
        async with connect(sandbox) as client:
            found = await client.call_tool("search_leads", {"limit": 3, "fields": ["id"]})
            ids = text(found).splitlines()[2:5]
            planned = await upsert(client, ids=ids, follow_up_date="2026-11-30", dry_run=True)
            written = await upsert(client, ids=ids, follow_up_date="2026-11-30", notes="Moved.")
            again = await upsert(client, ids=", ".join(ids), follow_up_date="2026-11-30", notes="Moved.")
        after = stored_leads(sandbox)
    assert ids == ["bf428e1d", "996ad860", "59e06cf8"]
    assert text(planned) == snapshot("""\
Dry run, nothing was written. 3 leads: 3 updated. 1 request spent. To do this takes 3 more.
1 would update Lead 0: follow_up_date: 2026-11-08 → 2026-11-30
2 would update Lead 1: follow_up_date: 2026-11-16 15:30 → 2026-11-30 15:30 (America/Chicago)
3 would update Lead 2: follow_up_date: none → 2026-11-30
Note: rows 1-3: a follow-up date can make the company's automations text or e-mail the person.\
""")
    assert text(written) == snapshot("""\
3 leads: 3 updated. 4 requests spent.
1 updated Lead 0: follow_up_date: 2026-11-08 → 2026-11-30; notes: 2026-11-22: Moved.
2 updated Lead 1: follow_up_date: 2026-11-16 15:30 → 2026-11-30 15:30 (America/Chicago); notes: 2026-11-22: Moved.
3 updated Lead 2: follow_up_date: none → 2026-11-30; notes: 2026-11-22: Moved.
Note: rows 1-3: a follow-up date can make the company's automations text or e-mail the person.\
""")
    assert text(again) == snapshot("""\
3 leads: 3 unchanged. 1 request spent.
1 unchanged Lead 0
2 unchanged Lead 1
3 unchanged Lead 2\
""")
    assert content(written) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 4,
            "ids_from": 1,
            "counts": {"updated": 3},
            "rows": [
                {
                    "row": 1,
                    "outcome": "updated",
                    "name": "Lead 0",
                    "changed": "follow_up_date: 2026-11-08 → 2026-11-30; notes: 2026-11-22: Moved.",
                },
                {
                    "row": 2,
                    "outcome": "updated",
                    "name": "Lead 1",
                    "changed": "follow_up_date: 2026-11-16 15:30 → 2026-11-30 15:30 (America/Chicago); notes: 2026-11-22: Moved.",
                },
                {
                    "row": 3,
                    "outcome": "updated",
                    "name": "Lead 2",
                    "changed": "follow_up_date: none → 2026-11-30; notes: 2026-11-22: Moved.",
                },
            ],
            "warnings": [
                "rows 1-3: a follow-up date can make the company's automations text or e-mail the person"
            ],
        }
    )
    assert {lead["name"]: lead["follow_up_date"] for lead in after.values()} == snapshot(
        {
            "Lead 0": "2026-11-30T18:00:00Z",
            "Lead 1": "2026-11-30T21:30:00Z",
            "Lead 2": "2026-11-30T18:00:00Z",
            "Lead 9": None,
        }
    )


async def test_ids_beside_rows_of_the_same_and_of_other_leads() -> None:
    leads = [stored(number, phone=f"612-555-010{number}", stage="New") for number in range(4)]
    ids = [lead["id"] for lead in leads]
    with company(leads) as sandbox:
        async with connect(sandbox) as client:
            result = await upsert(
                client,
                rows=[
                    {"id": ids[0], "stage": "Lost"},  # its own value wins, also over the one for all
                    {"phone": "612 555 0101", "notes": "Called back."},
                    {"name": "Bo Ny", "phone": "612-555-0199"},
                ],
                ids=[ids[0], ids[2], ids[2][:8], "deadbeef", "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e", 7],
                stage="Won",
                priority="high",
            )
        after = stored_leads(sandbox)
    assert text(result) == snapshot("""\
9 rows: 1 created, 5 updated, 3 invalid. 6 requests spent. Row 4 is the first of the ids.
Row 7, invalid: id: no lead's id begins with deadbeef. search_leads finds leads by name, phone or e-mail; archived ones with archived: include.
Row 8, invalid: Rotor has no lead with this id (404). search_leads finds leads by name, phone or e-mail; archived ones only with archived: include.
Row 9, invalid: id: not a lead id; one looks like 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e, or short like 182bd5e5: its first 8 characters or more. search_leads finds leads by name, phone or e-mail and gives their ids.
1 updated Lead 0
4 updated with row 1: the same person
2 updated Lead 1: priority: none → high; notes: 2026-11-22: Called back.; stage: stays New (given: Won)
3 created Bo Ny
5 updated Lead 2
6 updated with row 5: the same person
Changed in rows 1, 4: stage: New → Lost; priority: none → high.
Changed in rows 5-6: stage: New → Won; priority: none → high.
Note: rows 1, 4-6: a new stage can make the company's automations text or e-mail the person.
Note: row 3: a new lead can make the company's automations text or e-mail the person.\
""")
    assert [(after[lead_id]["stage"], after[lead_id]["priority"]) for lead_id in ids] == [
        ("Lost", "high"),
        ("New", "high"),
        ("Won", "high"),
        ("New", None),
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"stage": "Won"},
        {"ids": [], "rows": [], "stage": "Won"},
        {"ids": ["182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"]},
        {"ids": ["182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"], "tags": []},
        {"ids": ["182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"], "phone": "612-555-0101"},
        {"ids": [f"{number:08x}" for number in range(60)], "rows": [{"name": "A"}] * 60, "stage": "Won"},
        {"ids": ["182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"], "follow_up_date": "next Monday"},
    ],
    ids=str,
)
async def test_what_cannot_be_written_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, arguments: dict[str, Any]
) -> None:
    result = await upsert(client, **arguments)
    assert result.is_error
    assert sandbox.requests == []
    assert text(result).splitlines()[1:] == REFUSED[str(arguments)[:60]]


REFUSED: dict[str, list[str]] = snapshot(
    {
        "{}": ["arguments: give at least one row, or ids with the fields that these leads get"],
        "{'stage': 'Won'}": ["arguments: give at least one row, or ids with the fields that these leads get"],
        "{'ids': [], 'rows': [], 'stage': 'Won'}": [
            "arguments: give at least one row, or ids with the fields that these leads get"
        ],
        "{'ids': ['182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e']}": [
            "arguments: give beside ids at least one field that these leads get, such as follow_up_date"
        ],
        "{'ids': ['182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e'], 'tags': []": [
            "arguments: give beside ids at least one field that these leads get, such as follow_up_date"
        ],
        "{'ids': ['182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e'], 'phone': '": [
            "there is no argument phone: did you mean rows?"
        ],
        "{'ids': ['00000000', '00000001', '00000002', '00000003', '00": [
            "arguments: 120 rows and ids are given, at most 100 are allowed in one call"
        ],
        "{'ids': ['182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e'], 'follow_up": [
            "follow_up_date: not a date such as 2026-12-01, nor a date-time such as 2026-12-01T09:30"
        ],
    }
)


async def test_notes_for_all_that_do_not_fit_beside_those_of_a_row(client: Client) -> None:
    rows = [
        {"name": "Ann", "phone": "612-555-0101", "notes": "x" * 1_500},
        {"name": "Bo", "phone": "612-555-0102"},
    ]
    result = await upsert(client, rows=rows, notes="y" * 1_500)
    assert text(result) == snapshot("""\
2 rows: 1 created, 1 invalid. 2 requests spent.
Row 1, invalid: notes: with those for all rows more than 2,000 characters; shorten one of them.
2 created Bo
Note: row 2: a new lead can make the company's automations text or e-mail the person.
Note: row 2: Rotor gave it the stage New Leads.\
""")


async def test_a_held_row_is_confirmed_in_its_row_whatever_is_given_for_all(client: Client) -> None:
    jane = {"phone": "(763) 555-0100", "name": "Bob Doe"}
    held = await upsert(client, rows=[jane], stage="Quoted")
    (row,) = content(held)["attention"]
    assert row["outcome"] == "needs_confirmation"
    done = await upsert(client, rows=[{**jane, "confirm": row["confirm"]}], stage="Quoted")
    assert content(done)["counts"] == {"updated": 1}
    assert text(done) == snapshot("""\
1 row: 1 updated. 2 requests spent.
1 updated Bob Doe: name: Jane Doe → Bob Doe; stage: stays New Leads (given: Quoted)\
""")


async def test_one_item_with_several_ids_is_no_id(client: Client, sandbox: Sandbox) -> None:
    both = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e, 398fa955-b21a-4f03-a1be-fa21047aa7ac"
    refused = await upsert(client, ids=[both], stage="Won")
    assert (refused.is_error, sandbox.requests) == (True, [])
    for text_of_two in (both, both.replace(",", "\n"), json.dumps(both.split(", "))):
        taken = await upsert(client, ids=text_of_two, stage="Won", dry_run=True)
        assert content(taken)["counts"] == {"updated": 2}


async def test_as_many_ids_as_one_call_takes(client: Client, sandbox: Sandbox) -> None:
    ids = [f"{number:08x}-0000-4000-8000-000000000001" for number in range(101)]
    faults = [
        text(await upsert(client, stage="Won", **arguments)).splitlines()[1:]
        for arguments in (
            {"ids": ids},
            {"ids": ids[:100], "rows": [{"id": ids[100]}]},
            {"ids": "a " * 5_000},
            {"ids": "a " * 5_000 + "a"},
        )
    ]
    assert faults == snapshot(
        [
            ["ids: 101 are given, at most 100 are allowed"],
            ["arguments: 101 rows and ids are given, at most 100 are allowed in one call"],
            ["arguments: 5,000 rows and ids are given, at most 100 are allowed in one call"],
            ["ids: 10,001 characters, at most 10,000 are allowed"],
        ]
    )
    assert sandbox.requests == []
    taken = await upsert(client, ids=ids[:99], rows=[{"id": ids[99]}], stage="Won", dry_run=True)
    assert text(taken).splitlines()[0] == snapshot(
        "Dry run, nothing was written. 100 rows: 100 invalid. 1 request spent. Row 2 is the first of the ids. To do this takes 0 more."
    )
