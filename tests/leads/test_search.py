"""Searches: what they find, what they cost, how they go on, and what the model sees of them."""

import base64
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

import anyio
import httpx2
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import example, given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.server import serving
from rotor_mcp.server.mcp_server import build_server
from tests.commands import ROOT
from tests.conftest import NOW, content, text
from tests.waiting import until

pytestmark = pytest.mark.anyio

Row = dict[str, Any]


class Recorder(httpx2.AsyncBaseTransport):
    """The sandbox's transport; keeps the query of each request."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = sandbox.transport()
        self.queries: list[dict[str, str]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.queries.append(dict(request.url.params))
        return await self._inner.handle_async_request(request)


@asynccontextmanager
async def connect(
    sandbox: Sandbox,
    transport: Callable[[], httpx2.AsyncBaseTransport] | None = None,
    **options: str,
) -> AsyncIterator[Client]:
    """Connect to a server of our own, where a test needs other settings than most."""
    chosen = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago", **options})
    async with Client(
        build_server(chosen, transport=transport or sandbox.transport, clock=lambda: NOW)
    ) as client:
        yield client


def outside(sandbox: Sandbox) -> httpx2.AsyncClient:
    """Somebody else who uses the same company's leads."""
    return httpx2.AsyncClient(
        transport=sandbox.transport(),
        base_url="http://rotor/open-api/",
        headers={"x-api-key": FULL_KEY, "rotor-api-version": "1.1.0"},
    )


async def all_leads(sandbox: Sandbox) -> list[Row]:
    """Every lead, archived ones as well, newest first, under Rotor's own names."""
    leads: list[Row] = []
    async with outside(sandbox) as http:
        while True:
            query: dict[str, str | int] = {"archived": "true", "limit": 1000, "page": len(leads) // 1000 + 1}
            answer = (await http.get("leads", params=query)).json()
            leads += answer["data"]
            if not answer["pagination"]["has_more"]:
                return leads


async def add(sandbox: Sandbox, **fields: Any) -> str:
    async with outside(sandbox) as http:
        answer = await http.post("leads", json=fields)
    assert answer.status_code == 201
    lead_id: str = answer.json()["id"]
    return lead_id


async def search(client: Client, **arguments: Any) -> CallToolResult:
    result = await client.call_tool("search_leads", arguments)
    assert not result.is_error, text(result)
    return result


def ids(result: CallToolResult) -> list[str]:
    """The leads shown: the same in both channels."""
    shown = [lead["id"] for lead in content(result)["leads"]]
    assert re.findall(r"(?:· |^)id ([0-9a-f-]{36})$", text(result), re.MULTILINE) == shown
    return shown


def said(result: CallToolResult) -> str:
    """What the model reads, with cursors as placeholders: their form is nobody's business."""
    return re.sub(r"cursor \S+$", "cursor <cursor>", text(result), flags=re.MULTILINE)


def structure(result: CallToolResult) -> dict[str, Any]:
    whole = content(result)
    return whole | ({"cursor": "<cursor>"} if "cursor" in whole else {})


async def walk(client: Client, **arguments: Any) -> list[CallToolResult]:
    """Follow the cursors to the end."""
    results = [await search(client, **arguments)]
    while cursor := content(results[-1]).get("cursor"):
        assert len(results) < 200, "this has no end"
        results.append(await search(client, **arguments, cursor=cursor))
    return results


# The same answers, worked out in another way: days as strings, one filter after the other.

CHICAGO = ZoneInfo("America/Chicago")
TODAY = "2026-11-22"
TWO_DAYS_AGO = "2026-11-20"


def chicago_day(instant: str | None) -> str:
    return datetime.fromisoformat(instant).astimezone(CHICAGO).strftime("%Y-%m-%d") if instant else ""


def expected(leads: list[Row], wanted: dict[str, Any]) -> list[Row]:  # noqa: PLR0912 - one by one
    """Filter and sort all leads, newest first, the naive way."""
    w = wanted
    archived = w.get("archived", "exclude")
    if archived != "include":
        leads = [d for d in leads if (d["archived_at"] is not None) == (archived == "only")]
    if "search" in w:
        part = w["search"].lower()
        leads = [d for d in leads if any(part in (d[n] or "").lower() for n in ("name", "email", "phone"))]
    if "stage" in w:
        leads = [d for d in leads if (d["stage"] or "").lower() == w["stage"].lower()]
    if tags := {tag.lower() for tag in w.get("tags", [])}:
        has = [(d, {tag.lower() for tag in d["tags"]}) for d in leads]
        leads = [d for d, own in has if (tags <= own if w.get("all_tags") else tags & own)]
    for bound, name in (("created", "created_at"), ("follow_up", "follow_up_date")):
        if f"{bound}_from" in w:
            leads = [d for d in leads if d[name] and chicago_day(d[name]) >= w[f"{bound}_from"]]
        if f"{bound}_to" in w:
            leads = [d for d in leads if d[name] and chicago_day(d[name]) <= w[f"{bound}_to"]]
    if w.get("overdue"):
        leads = [d for d in leads if "" < chicago_day(d["follow_up_date"]) < TODAY]
    if w.get("needs_action"):
        due = [d for d in leads if "" < chicago_day(d["follow_up_date"]) <= TODAY]
        new = [d for d in leads if not d["follow_up_date"] and chicago_day(d["created_at"]) >= TWO_DAYS_AGO]
        leads = [d for d in leads if d in due or d in new]
    if "priority" in w:
        leads = [d for d in leads if d["priority"] == w["priority"]]
    for name, stored in (("source", "lead_source"), ("service_type", "service_type")):
        if name in w:
            leads = [d for d in leads if w[name].lower() in (d[stored] or "").lower()]
    for name in ("city", "state"):
        if f"address_{name}" in w:
            leads = [
                d for d in leads if (d[f"property_{name}"] or "").lower() == w[f"address_{name}"].lower()
            ]
    if "address_zip" in w:
        leads = [d for d in leads if (d["property_zip"] or "")[: len(w["address_zip"])] == w["address_zip"]]
    for name, stored in (("assigned", "assigned_to"), ("has_phone", "phone"), ("has_email", "email")):
        if name in w:
            leads = [d for d in leads if (d[stored] not in (None, "")) is w[name]]
    if "value_from" in w:
        leads = [
            d for d in leads if d["projected_value"] is not None and d["projected_value"] >= w["value_from"]
        ]
    if "value_to" in w:
        leads = [
            d for d in leads if d["projected_value"] is not None and d["projected_value"] <= w["value_to"]
        ]
    return in_order(leads, w.get("order", "newest"))


def in_order(leads: list[Row], order: str) -> list[Row]:
    """Sort leads that come newest first; among equals the id decides, and what is not known comes last."""
    if order == "newest":
        return leads
    if order == "oldest":
        return sorted(leads, key=lambda d: (datetime.fromisoformat(d["created_at"]), d["id"]))
    name = {"follow_up": "follow_up_date", "value": "projected_value", "name": "name"}[order]
    unknown = sorted((d for d in leads if d[name] in (None, "")), key=lambda d: str(d["id"]))
    known = sorted((d for d in leads if d[name] not in (None, "")), key=lambda d: str(d["id"]))
    if order == "value":
        known.sort(key=lambda d: float(d[name]), reverse=True)
    else:
        known.sort(key=lambda d: str(d[name]).lower())
    return known + unknown


def expected_counts(leads: list[Row], by: str) -> dict[str, tuple[int, float]]:
    counts: dict[str, tuple[int, float]] = {}
    for lead in leads:
        stored = (
            lead["tags"] if by == "tag" else [lead[{"source": "lead_source"}.get(by, by)]]
        )  # a lead without a tag counts as one with the tag ""
        for name in stored or [None]:
            number, value = counts.get(name or "", (0, 0.0))
            counts[name or ""] = (number + 1, value + (lead["projected_value"] or 0))
    return counts


TAGS = ["Website", "plan: quarterly", "plan: yearly", "Referral", "exact-quote", "in, out", "nobody's"]
DAYS = st.sampled_from(
    ["2026-01-15", "2026-08-01", "2026-11-08", *(f"2026-11-{day}" for day in range(17, 26)), "2026-12-13"]
)
AMOUNTS = st.sampled_from([0, 99, 189, 299.5, 459, 850, 3200, 9999])
FILTERS: dict[str, st.SearchStrategy[Any]] = {
    "search": st.sampled_from(["a", "JA", "example.org", "01", "zzz"]),
    "stage": st.sampled_from(["Quoted", "quoted", "NEW LEADS", "Won", "lost", "No such stage"]),
    "tags": st.lists(st.sampled_from(TAGS), min_size=1, max_size=3, unique=True),
    "all_tags": st.just(True),
    "archived": st.sampled_from(["exclude", "include", "only"]),
    "created_from": DAYS,
    "created_to": DAYS,
    "follow_up_from": DAYS,
    "follow_up_to": DAYS,
    "overdue": st.booleans(),
    "needs_action": st.booleans(),
    "priority": st.sampled_from(["low", "medium", "high"]),
    "source": st.sampled_from(["referral", "ADS", "Website quote form", "o", "radio"]),
    "service_type": st.sampled_from(["washing", "Window Cleaning", "LED", "roof"]),
    "address_city": st.sampled_from(["Madison", "st. paul", "HUDSON", "Paul"]),
    "address_state": st.sampled_from(["MN", "wi", "TX"]),
    "address_zip": st.sampled_from(["55", "553", "54016", "L8P", "9"]),
    "assigned": st.booleans(),
    "value_from": AMOUNTS,
    "value_to": AMOUNTS,
    "has_phone": st.booleans(),
    "has_email": st.booleans(),
    "order": st.sampled_from(["newest", "oldest", "follow_up", "value", "name"]),
    "count_by": st.sampled_from(["stage", "source", "priority", "tag"]),
}


@st.composite
def searches(draw: st.DrawFn) -> dict[str, Any]:
    """Few filters at a time: many together match nobody, which proves little."""
    names = draw(st.lists(st.sampled_from(sorted(FILTERS)), max_size=4, unique=True))
    order = draw(st.just({}) | st.fixed_dictionaries({"order": FILTERS["order"]}))
    return {name: draw(FILTERS[name]) for name in names} | order


class Ground:
    """One company and one server for all generated searches: nobody writes, so they do not disturb another."""

    def __init__(self, portal: BlockingPortal, client: Client, leads: list[Row]) -> None:
        self.leads = leads
        self._portal = portal
        self._client = client

    def walk(self, wanted: dict[str, Any]) -> list[CallToolResult]:
        async def go() -> list[CallToolResult]:
            return await walk(self._client, **wanted)

        return self._portal.call(go)


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    moment = NOW
    with closing(Sandbox(now=lambda: moment, quota=1_000_000)) as sandbox, start_blocking_portal() as portal:
        # Sample leads are dated in the middle of the day. These are of another day in UTC than in Chicago.
        for number, days in enumerate((5, 3, 2, 1, 0)):
            moment = datetime(2026, 11, 22, 4, 30, tzinfo=UTC) - timedelta(days)
            late = {"follow_up_date": f"2026-11-{23 - number}T03:00:00Z"} if number % 2 else {}
            lead = {"phone": f"555-010{number}", "name": f"Night {number}", **late}
            portal.call(partial(add, sandbox, **lead))
        moment = NOW
        leads = portal.call(all_leads, sandbox)
        with portal.wrap_async_context_manager(connect(sandbox)) as client:
            yield Ground(portal, client, leads)


@settings(max_examples=60)
@example(wanted={"overdue": True, "order": "follow_up"}, limit=7)
@example(wanted={"needs_action": True, "count_by": "tag"}, limit=7)
@example(wanted={"tags": ["Website", "plan: quarterly"], "all_tags": True}, limit=7)
@example(wanted={"tags": ["in, out", "Website"]}, limit=7)
@example(wanted={"follow_up_from": "2026-11-21", "follow_up_to": "2026-11-22"}, limit=7)
@example(wanted={"value_from": 189, "value_to": 459, "order": "value"}, limit=50)
@given(wanted=searches(), limit=st.sampled_from([7, 50]))
def test_every_search_finds_what_a_naive_one_finds(
    ground: Ground, wanted: dict[str, Any], limit: int
) -> None:
    leads = expected(ground.leads, wanted)
    results = ground.walk(wanted | {"limit": limit})
    assert [shown for result in results for shown in ids(result)] == [lead["id"] for lead in leads]
    first = content(results[0])
    assert first["count"] == len(leads)
    by = wanted.get("count_by", "stage")
    if "value" in first:
        assert first["value"] == pytest.approx(sum(lead["projected_value"] or 0 for lead in leads))
        counts = {entry["name"]: (entry["count"], entry.get("value", 0)) for entry in first.get("counts", [])}
        wanted_counts = expected_counts(leads, by)
        if "count_by" in wanted or len(leads) > 1:  # of one lead its row says all
            assert counts == {name: pytest.approx(pair) for name, pair in wanted_counts.items()}
        numbers = [entry["count"] for entry in first.get("counts", [])]
        assert numbers == sorted(numbers, reverse=True)
    # Where Rotor alone filters, what was not read is not known; whoever asks for counts gets them.
    assert "value" in first or "count_by" not in wanted


@pytest.mark.parametrize(
    "wanted",
    [{"tags": ["website"]}, {"tags": ["website", "referral"]}, {"tags": ["website", "Referral"]}],
    ids=str,
)
def test_tags_are_found_in_other_capitals(ground: Ground, wanted: dict[str, Any]) -> None:
    found = [shown for result in ground.walk(wanted | {"limit": 50}) for shown in ids(result)]
    assert found == [lead["id"] for lead in expected(ground.leads, wanted)]


PEOPLE = st.fixed_dictionaries(
    {"name": st.sampled_from(["Ann", "ann b", "Zoë", "Jane Doe", "Émile"])},
    optional={
        "stage": st.sampled_from(["Quoted", "quoted", "Won", "New Leads"]),
        "tags": st.lists(st.sampled_from(TAGS), max_size=3, unique=True),
        "priority": st.sampled_from(["low", "medium", "high"]),
        "source": st.sampled_from(["Referral Program", "Google ads", "radio"]),
        "service_type": st.sampled_from(["Window Cleaning", "House Washing, Roof", "LED"]),
        "address_city": st.sampled_from(["Madison", "St. Paul", "madison"]),
        "address_state": st.sampled_from(["MN", "WI"]),
        "address_zip": st.sampled_from(["55328", "54016"]),
        "projected_value": AMOUNTS,
        "follow_up_date": st.datetimes(
            datetime(2026, 11, 16),  # noqa: DTZ001 - made aware in the next line
            datetime(2026, 12, 15),  # noqa: DTZ001
        ).map(lambda moment: moment.replace(microsecond=0, tzinfo=UTC).isoformat()),
    },
)


@settings(max_examples=60)
@given(
    people=st.lists(
        st.tuples(st.integers(0, 40_000), PEOPLE, st.booleans(), st.booleans()),
        max_size=12,
        unique_by=lambda person: person[0],
    ),
    wanted=searches(),
)
def test_a_search_among_generated_leads(
    people: list[tuple[int, dict[str, Any], bool, bool]], wanted: dict[str, Any]
) -> None:
    async def go() -> None:
        moment = NOW
        with closing(Sandbox(leads=0, now=lambda: moment)) as sandbox:
            for number, (minutes_ago, fields, has_phone, has_email) in enumerate(people):
                moment = NOW - timedelta(minutes=minutes_ago)
                contact = {"phone": f"612-555-01{number:02}"} if has_phone else {}
                contact |= {"email": f"p{number}@example.org"} if has_email else {}
                await add(sandbox, **fields, **contact)
            moment = NOW
            leads = expected(await all_leads(sandbox), wanted)
            async with connect(sandbox) as client:
                await search(client, order="name")  # both spellings of a stage have been met
                results = await walk(client, **wanted, limit=5)
            assert [shown for result in results for shown in ids(result)] == [lead["id"] for lead in leads]

    anyio.run(go)


async def test_a_stage_that_a_company_spells_in_two_ways_is_found_whole(sandbox: Sandbox) -> None:
    await add(sandbox, name="Lower", phone="555-0101", stage="quoted")
    wanted = {"stage": "Quoted"}
    leads = expected(await all_leads(sandbox), wanted)
    async with connect(sandbox) as client:
        # Rotor compares letter by letter, so both spellings must have been met before.
        await search(client, order="name")
        results = await walk(client, **wanted, limit=50)
    assert [shown for result in results for shown in ids(result)] == [lead["id"] for lead in leads]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"search": "jane"},
        {"stage": "Quoted"},
        {"tags": ["Website", "Referral"]},
        {"archived": "include"},
        {"search": "a", "stage": "Quoted", "tags": ["Website"], "archived": "include"},
    ],
    ids=str,
)
async def test_what_rotor_filters_alone_costs_one_request_of_the_size_shown(
    sandbox: Sandbox, wanted: dict[str, Any]
) -> None:
    recorder = Recorder(sandbox)
    async with connect(sandbox, lambda: recorder) as client:
        result = await search(client, **wanted, limit=5)
    leads = expected(await all_leads(sandbox), wanted)
    assert ids(result) == [lead["id"] for lead in leads[:5]]
    assert content(result)["count"] == len(leads)
    assert content(result)["requests"] == 1
    assert [query["limit"] for query in recorder.queries] == ["5"]


async def test_a_stage_in_other_capitals_finds_its_leads(client: Client, sandbox: Sandbox) -> None:
    before = await all_leads(sandbox)
    result = await search(client, stage="qUOTED", limit=50)
    assert ids(result) == [lead["id"] for lead in expected(before, {"stage": "Quoted"})]
    # By then the server knows how it is spelled.
    result = await search(client, stage="QUOTED", limit=3)
    assert content(result)["requests"] == 1


async def walk_among_writers(
    client: Client, sandbox: Sandbox, wanted: dict[str, Any], born: dict[str, Any]
) -> None:
    """Walk while leads are created; every one that existed at the start is shown exactly once."""
    there = [lead["id"] for lead in expected(await all_leads(sandbox), wanted)]
    shown: list[str] = []
    cursor: dict[str, str] = {}
    for step in range(200):
        result = await search(client, **wanted, **cursor)
        shown += ids(result)
        if "cursor" not in content(result):
            break
        cursor = {"cursor": content(result)["cursor"]}
        for number in range(step % 4):
            await add(sandbox, phone=f"+1 612 555 {step:03}{number}", **born)
    else:
        pytest.fail("this has no end")
    times = Counter(shown)
    assert {lead: times[lead] for lead in there if times[lead] != 1} == {}


@pytest.mark.parametrize("memory", ["0", "30"])
@pytest.mark.parametrize("limit", [1, 7])
async def test_no_lead_is_lost_or_repeated_while_others_arrive(
    sandbox: Sandbox, memory: str, limit: int
) -> None:
    async with connect(sandbox, search_memory=memory) as client:
        wanted = {"stage": "Quoted", "limit": limit}
        await walk_among_writers(client, sandbox, wanted, {"name": "New", "stage": "Quoted"})


@pytest.mark.parametrize("order", ["newest", "oldest", "value", "name"])
async def test_no_lead_is_lost_or_repeated_over_many_pages_of_rotor(order: str) -> None:
    with closing(Sandbox(leads=2500, now=lambda: NOW)) as sandbox:
        wanted = {"source": "referral", "order": order, "fields": ["stage"], "limit": 25}
        born = {"name": "Mid New", "source": "Referral Program", "projected_value": 300}
        async with connect(sandbox, search_requests="1", search_memory="0") as client:
            await walk_among_writers(client, sandbox, wanted, born)


async def test_a_search_says_how_far_it_looked() -> None:
    with closing(Sandbox(leads=2500, now=lambda: NOW)) as sandbox:
        async with connect(sandbox, search_requests="1") as client:
            wanted: dict[str, Any] = {"source": "meta", "archived": "include", "order": "value", "limit": 2}
            first = await search(client, **wanted)
            assert said(first) == snapshot("""\
2 of 149 leads, most valuable first. Today is 2026-11-22 (America/Chicago). 1 request spent.
Worth $74,238 in all. By stage: New Leads 52 ($24,752.50), Quoted 29 ($11,625), Contacted 25 ($16,891.50), none 17 ($8,849.50), Won 9 ($3,041), Lost 9 ($5,842.50), Scheduled 8 ($3,236).
Only the newest 1,000 of 2,500 leads were looked at, and counted.
Wendy Cole · 3035550132 · New Leads · $3,320 · follow up 2026-12-13 · Hamilton, ON · Permanent LED Lighting · id a344d430-4ebb-41aa-996c-c3c2ec4cc0ba
Ed Adams · New Leads · medium · $3,250 · follow up 2026-11-22 (today) · Hamilton, ON · Permanent LED Lighting · #Holiday lights · id 0c92672f-4a2b-44ff-b803-8199dd9483b7
More: the same search with cursor <cursor>\
""")
            assert structure(first) == snapshot(
                {
                    "today": "2026-11-22",
                    "timezone": "America/Chicago",
                    "requests": 1,
                    "leads": [
                        {
                            "name": "Wendy Cole",
                            "phone": "3035550132",
                            "stage": "New Leads",
                            "projected_value": 3320,
                            "follow_up_date": "2026-12-13",
                            "service_type": "Permanent LED Lighting",
                            "address_city": "Hamilton",
                            "address_state": "ON",
                            "id": "a344d430-4ebb-41aa-996c-c3c2ec4cc0ba",
                        },
                        {
                            "name": "Ed Adams",
                            "stage": "New Leads",
                            "priority": "medium",
                            "projected_value": 3250,
                            "follow_up_date": "2026-11-22",
                            "service_type": "Permanent LED Lighting",
                            "tags": ["Holiday lights"],
                            "address_city": "Hamilton",
                            "address_state": "ON",
                            "id": "0c92672f-4a2b-44ff-b803-8199dd9483b7",
                            "overdue_days": 0,
                        },
                    ],
                    "count": 149,
                    "value": 74238,
                    "counts": [
                        {"name": "New Leads", "count": 52, "value": 24752.5},
                        {"name": "Quoted", "count": 29, "value": 11625},
                        {"name": "Contacted", "count": 25, "value": 16891.5},
                        {"name": "", "count": 17, "value": 8849.5},
                        {"name": "Won", "count": 9, "value": 3041},
                        {"name": "Lost", "count": 9, "value": 5842.5},
                        {"name": "Scheduled", "count": 8, "value": 3236},
                    ],
                    "counted_by": "stage",
                    "looked_at": 1000,
                    "exist": 2500,
                    "cursor": "<cursor>",
                    "order": "value",
                    "archived": "include",
                }
            )
            # What goes on was counted before.
            second = await search(client, **wanted, cursor=content(first)["cursor"])
            assert said(second) == snapshot("""\
2 more leads, most valuable first. Today is 2026-11-22 (America/Chicago). No requests spent.
Remembered from a search up to 1 second ago.
Carlos Gupta · carlos.gupta2135@example.org · Contacted · $3,250 · follow up 2027-01-21 · Hudson, WI · Permanent LED Lighting · #plan: yearly · #Referral · id f7639405-f17f-42c1-9cec-6dba151c0571
Judy Thao · judy.thao1743@example.com · medium · $3,200 · follow up 2026-11-17 (5 days overdue) · Madison, WI · Permanent LED Lighting · id 3180ef40-18fc-4064-be0b-b08271f7bc22
More: the same search with cursor <cursor>\
""")
            # Nothing of what was looked at matches: there is still a way on.
            none = await search(client, created_to="2025-12-01", limit=1)
            assert said(none) == snapshot("""\
No match so far for created_to "2025-12-01"; archived ones left out. Today is 2026-11-22 (America/Chicago). 1 request spent.
Only the newest 1,000 of 2,369 leads were looked at, and counted.
More: the same search with cursor <cursor>\
""")
            counted = await search(client, has_email=True, limit=0)
            assert said(counted) == snapshot("""\
693 leads; archived ones left out. Today is 2026-11-22 (America/Chicago). No requests spent.
Remembered from a search up to 1 second ago.
Worth $363,518.50 in all. By stage: New Leads 235 ($143,810), Quoted 118 ($59,424.50), Contacted 115 ($59,772), none 61 ($31,433.50), Won 58 ($21,656), Scheduled 56 ($28,643.50), Lost 50 ($18,779).
Only the newest 1,000 of 2,369 leads were looked at, and counted.\
""")


async def test_the_same_search_again_costs_nothing_and_says_its_age(client: Client, sandbox: Sandbox) -> None:
    first = await search(client, overdue=True, limit=2)
    again = await search(client, overdue=True, limit=2)
    assert (content(first)["requests"], content(again)["requests"]) == (1, 0)
    assert ids(first) == ids(again)
    assert "age_seconds" not in content(first)
    assert content(again)["age_seconds"] == 1
    assert text(again).splitlines()[:2] == snapshot(
        [
            "2 of 23 leads, newest first; archived ones left out. Today is 2026-11-22 (America/Chicago). No requests spent.",
            "Remembered from a search up to 1 second ago.",
        ]
    )
    # The leads are there: another question about them costs nothing either.
    assert content(await search(client, order="name", count_by="tag"))["requests"] == 0
    assert sandbox.requests == ["GET /leads"]


async def test_a_write_makes_a_search_read_anew(client: Client) -> None:
    before = content(await search(client, has_phone=True))["count"]
    await client.call_tool("upsert_lead", {"name": "Dana Whitfield", "phone": "612-555-0142"})
    after = content(await search(client, has_phone=True))
    assert (after["count"], after["requests"]) == (before + 1, 1)
    assert after["leads"][0]["name"] == "Dana Whitfield"


async def test_memory_ends(sandbox: Sandbox) -> None:
    async with connect(sandbox, search_memory="0.05") as client:
        await search(client)
        await anyio.sleep(0.1)
        again = content(await search(client))
    assert again["requests"] == 1
    assert "age_seconds" not in again


async def test_without_memory_nothing_is_remembered(sandbox: Sandbox) -> None:
    async with connect(sandbox, search_memory="0") as client:
        costs = [content(await search(client, overdue=True))["requests"] for _ in range(3)]
    assert costs == [1, 1, 1]


@pytest.mark.parametrize("memory", ["0", "30"])
async def test_identical_searches_at_once_share_their_requests(sandbox: Sandbox, memory: str) -> None:
    sandbox.faults.add(Fault(method="GET", delay=2, times=10))
    results: list[CallToolResult] = []
    async with connect(sandbox, search_memory=memory) as client:

        async def one() -> None:
            results.append(await search(client, overdue=True))

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(one)
    assert sandbox.requests == ["GET /leads"]
    assert sorted(content(result)["requests"] for result in results) == [0, 0, 1]
    assert ids(results[0]) == ids(results[1]) == ids(results[2]) != []


async def test_a_failed_reading_is_not_shared(sandbox: Sandbox) -> None:
    """Whoever waited for it asks again, and what failed is not remembered."""
    sandbox.faults.add(Fault(method="GET", delay=0.1, status=403))
    failed: list[bool] = []
    async with connect(sandbox) as client:

        async def one() -> None:
            result = await client.call_tool("search_leads", {"overdue": True})
            failed.append(result.is_error or False)

        async with anyio.create_task_group() as group:
            group.start_soon(one)
            group.start_soon(one)
    assert sorted(failed) == [False, True]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_progress_is_reported_to_a_client_that_asks(mode: str) -> None:
    reports: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        reports.append((progress, total, message))

    with closing(Sandbox(leads=2500, now=lambda: NOW)) as sandbox:
        chosen = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"})
        server = build_server(chosen, transport=sandbox.transport, clock=lambda: NOW)
        async with Client(server, mode=mode) as client:
            await client.call_tool("search_leads", {"has_phone": True, "limit": 1}, progress_callback=note)
        assert len(sandbox.requests) == 3
    assert reports == snapshot([(1, 3, "looked at 1,000 leads"), (2, 3, "looked at 2,000 leads")])


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_cancelled_search_spends_no_more_requests(mode: Literal["2026-07-28", "legacy"]) -> None:
    """Through a real pipe to a real process, which learns of it by a message of the protocol alone."""
    with closing(Sandbox(leads=4500)) as sandbox:
        async with serving(sandbox) as url:
            environment = {"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": url, "PYTHONPATH": str(ROOT)}
            started = StdioServerParameters(command=sys.executable, args=["-m", "rotor_mcp"], env=environment)
            async with Client(started, mode=mode) as client:
                sandbox.faults.add(Fault(method="GET", delay=1, times=5))

                async def note(progress: float, total: float | None, message: str | None) -> None:
                    assert (progress, total, message) == (1, 5, "looked at 1,000 leads")

                call = partial(client.call_tool, "search_leads", {"has_phone": True}, progress_callback=note)
                async with anyio.create_task_group() as group:
                    group.start_soon(call)
                    await until(lambda: len(sandbox.requests) == 2)
                    group.cancel_scope.cancel()
                await anyio.sleep(2.2)
                assert len(sandbox.requests) == 2
                # It is still there, takes nothing half read for the whole, and reads the first page only once.
                sandbox.faults.clear()
                whole = content(await search(client, has_phone=True, limit=0))
                assert (whole["requests"], whole["count"]) == (4, 737)


async def test_overdue(client: Client) -> None:
    result = await search(client, overdue=True, order="follow_up", limit=3)
    assert said(result) == snapshot("""\
3 of 23 leads, by follow-up, most overdue first; archived ones left out. Today is 2026-11-22 (America/Chicago). 1 request spent.
Worth $9,681 in all. By stage: Contacted 8 ($2,815), New Leads 4 ($3,299), none 4 ($1,307), Quoted 4 ($851), Won 1, Lost 1 ($900), Scheduled 1 ($509).
Omar Ueda · Contacted · low · $509 · follow up 2026-11-08 (14 days overdue) · Hamilton, ON · Window Cleaning, Gutter Cleaning · #Referral · #exact-quote · id ee968947-c08c-44d6-8178-67e45e92d8ef
Maria Alvarez · (612) 555-0117 · Quoted · follow up 2026-11-16 (6 days overdue) · Plymouth, MN · Gutter Cleaning · id d4bbc31d-39eb-42a7-8c91-20de3582c33c
Hank Xiong · +1 (512) 555-0195 · high · follow up 2026-11-17 (5 days overdue) · Buffalo, MN · Christmas Light Installation · #Website · id 398fa955-b21a-4f03-a1be-fa21047aa7ac
More: the same search with cursor <cursor>\
""")
    assert structure(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 1,
            "leads": [
                {
                    "name": "Omar Ueda",
                    "stage": "Contacted",
                    "priority": "low",
                    "projected_value": 509,
                    "follow_up_date": "2026-11-08",
                    "service_type": "Window Cleaning, Gutter Cleaning",
                    "tags": ["Referral", "exact-quote"],
                    "address_city": "Hamilton",
                    "address_state": "ON",
                    "id": "ee968947-c08c-44d6-8178-67e45e92d8ef",
                    "overdue_days": 14,
                },
                {
                    "name": "Maria Alvarez",
                    "phone": "(612) 555-0117",
                    "stage": "Quoted",
                    "follow_up_date": "2026-11-16",
                    "service_type": "Gutter Cleaning",
                    "address_city": "Plymouth",
                    "address_state": "MN",
                    "id": "d4bbc31d-39eb-42a7-8c91-20de3582c33c",
                    "overdue_days": 6,
                },
                {
                    "name": "Hank Xiong",
                    "phone": "+1 (512) 555-0195",
                    "priority": "high",
                    "follow_up_date": "2026-11-17",
                    "service_type": "Christmas Light Installation",
                    "tags": ["Website"],
                    "address_city": "Buffalo",
                    "address_state": "MN",
                    "id": "398fa955-b21a-4f03-a1be-fa21047aa7ac",
                    "overdue_days": 5,
                },
            ],
            "count": 23,
            "value": 9681,
            "counts": [
                {"name": "Contacted", "count": 8, "value": 2815},
                {"name": "New Leads", "count": 4, "value": 3299},
                {"name": "", "count": 4, "value": 1307},
                {"name": "Quoted", "count": 4, "value": 851},
                {"name": "Won", "count": 1},
                {"name": "Lost", "count": 1, "value": 900},
                {"name": "Scheduled", "count": 1, "value": 509},
            ],
            "counted_by": "stage",
            "cursor": "<cursor>",
            "order": "follow_up",
            "archived": "exclude",
        }
    )


async def test_counted_by_source(client: Client) -> None:
    result = await search(client, created_from="2026-11-18", count_by="source", limit=2)
    assert said(result) == snapshot("""\
2 of 19 leads, newest first; archived ones left out. Today is 2026-11-22 (America/Chicago). 1 request spent.
Worth $16,916.50 in all. By source: Door-to-door 5 ($4,365.50), Referral Program 4 ($4,790), Website quote form 3 ($747), none 3 ($3,200), Google ads 2 ($614), Meta ads 1, Nextdoor 1 ($3,200).
Leo Xiong · +1 (612) 555-0154 · New Leads · $349 · Hudson, WI · Pressure Washing · #Holiday lights · id 51d4e280-90ca-47e5-83ec-9dc33bc393a9
Jane Doe · (763) 555-0100 · New Leads · medium · $299 · Delano, MN · Window Cleaning · #Website · id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
More: the same search with cursor <cursor>\
""")
    assert structure(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 1,
            "leads": [
                {
                    "name": "Leo Xiong",
                    "phone": "+1 (612) 555-0154",
                    "stage": "New Leads",
                    "projected_value": 349,
                    "service_type": "Pressure Washing",
                    "tags": ["Holiday lights"],
                    "address_city": "Hudson",
                    "address_state": "WI",
                    "id": "51d4e280-90ca-47e5-83ec-9dc33bc393a9",
                },
                {
                    "name": "Jane Doe",
                    "phone": "(763) 555-0100",
                    "stage": "New Leads",
                    "priority": "medium",
                    "projected_value": 299,
                    "service_type": "Window Cleaning",
                    "tags": ["Website"],
                    "address_city": "Delano",
                    "address_state": "MN",
                    "id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e",
                },
            ],
            "count": 19,
            "value": 16916.5,
            "counts": [
                {"name": "Door-to-door", "count": 5, "value": 4365.5},
                {"name": "Referral Program", "count": 4, "value": 4790},
                {"name": "Website quote form", "count": 3, "value": 747},
                {"name": "", "count": 3, "value": 3200},
                {"name": "Google ads", "count": 2, "value": 614},
                {"name": "Meta ads", "count": 1},
                {"name": "Nextdoor", "count": 1, "value": 3200},
            ],
            "counted_by": "source",
            "cursor": "<cursor>",
            "archived": "exclude",
        }
    )


async def test_only_a_count(client: Client) -> None:
    assert said(await search(client, limit=0)) == snapshot(
        "139 leads; archived ones left out. Today is 2026-11-22 (America/Chicago). 1 request spent."
    )
    result = await search(client, needs_action=True, limit=0)
    assert said(result) == snapshot("""\
45 leads; archived ones left out. Today is 2026-11-22 (America/Chicago). 1 request spent.
Worth $15,608.50 in all. By stage: New Leads 14 ($6,990), Contacted 12 ($3,479.50), Quoted 6 ($1,491), none 5 ($1,307), Scheduled 4 ($1,342), Lost 2 ($999), Won 2.\
""")
    assert structure(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 1,
            "leads": [],
            "count": 45,
            "value": 15608.5,
            "counts": [
                {"name": "New Leads", "count": 14, "value": 6990},
                {"name": "Contacted", "count": 12, "value": 3479.5},
                {"name": "Quoted", "count": 6, "value": 1491},
                {"name": "", "count": 5, "value": 1307},
                {"name": "Scheduled", "count": 4, "value": 1342},
                {"name": "Lost", "count": 2, "value": 999},
                {"name": "Won", "count": 2},
            ],
            "counted_by": "stage",
            "archived": "exclude",
        }
    )


async def test_some_fields(client: Client) -> None:
    fields = ["name", "created_at", "source", "notes", "archived"]
    result = await search(client, stage="Won", fields=fields, limit=3)
    assert said(result) == snapshot("""\
3 of 11 leads, newest first; archived ones left out. Today is 2026-11-22 (America/Chicago). 1 request spent.
name: Nina Castillo · created_at: 2026-11-08 · id dfe1b60f-2fc6-492d-a097-722513ec65d6
name: Tina Fisher · created_at: 2026-11-04 · source: Door-to-door · notes: Hard water stains on the south side. · id 1f3b0191-1a42-4159-be68-b8bcf6782412
name: Ed Baker · created_at: 2026-10-31 · id 6bd53aaf-786e-403d-b1d6-c979bea0944f
More: the same search with cursor <cursor>\
""")
    assert structure(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 1,
            "leads": [
                {
                    "name": "Nina Castillo",
                    "id": "dfe1b60f-2fc6-492d-a097-722513ec65d6",
                    "created_at": "2026-11-08",
                },
                {
                    "name": "Tina Fisher",
                    "source": "Door-to-door",
                    "notes": "Hard water stains on the south side.",
                    "id": "1f3b0191-1a42-4159-be68-b8bcf6782412",
                    "created_at": "2026-11-04",
                },
                {
                    "name": "Ed Baker",
                    "id": "6bd53aaf-786e-403d-b1d6-c979bea0944f",
                    "created_at": "2026-10-31",
                },
            ],
            "count": 11,
            "cursor": "<cursor>",
            "archived": "exclude",
        }
    )


async def test_archived_only(client: Client) -> None:
    result = await search(client, archived="only", limit=2)
    assert said(result) == snapshot("""\
2 of 11 leads, newest first; archived ones only. Today is 2026-11-22 (America/Chicago). 1 request spent.
Worth $9,349.50 in all. By stage: none 3 ($1,149.50), Won 2 ($850), Contacted 2 ($6,450), Lost 2, Scheduled 1 ($900), Quoted 1.
651-555-0144 · 651-555-0144 · archived · id 31a09e84-0b5a-4f78-85db-970f01baec75
Quinn Quist · quinn.quist76@example.com · Won · medium · $850 · follow up 2026-11-22 (today) · Madison, WI · Christmas Light Installation · #Website · #plan: quarterly · archived · id 3c08af57-b35c-4c43-bf63-fcd5b7bc7024
More: the same search with cursor <cursor>\
""")
    assert structure(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 1,
            "leads": [
                {
                    "name": "651-555-0144",
                    "phone": "651-555-0144",
                    "id": "31a09e84-0b5a-4f78-85db-970f01baec75",
                    "archived": True,
                },
                {
                    "name": "Quinn Quist",
                    "email": "quinn.quist76@example.com",
                    "stage": "Won",
                    "priority": "medium",
                    "projected_value": 850,
                    "follow_up_date": "2026-11-22",
                    "service_type": "Christmas Light Installation",
                    "tags": ["Website", "plan: quarterly"],
                    "address_city": "Madison",
                    "address_state": "WI",
                    "id": "3c08af57-b35c-4c43-bf63-fcd5b7bc7024",
                    "archived": True,
                    "overdue_days": 0,
                },
            ],
            "count": 11,
            "value": 9349.5,
            "counts": [
                {"name": "", "count": 3, "value": 1149.5},
                {"name": "Won", "count": 2, "value": 850},
                {"name": "Contacted", "count": 2, "value": 6450},
                {"name": "Lost", "count": 2},
                {"name": "Scheduled", "count": 1, "value": 900},
                {"name": "Quoted", "count": 1},
            ],
            "counted_by": "stage",
            "cursor": "<cursor>",
            "archived": "only",
        }
    )


async def test_nobody(client: Client) -> None:
    result = await search(client, address_city="Atlantis", count_by="tag")
    assert said(result) == snapshot(
        'No lead matches address_city "Atlantis"; archived ones left out. Today is 2026-11-22 (America/Chicago). 1 request spent.'
    )
    assert structure(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 1,
            "leads": [],
            "count": 0,
            "value": 0,
            "archived": "exclude",
            "filters": {"address_city": "Atlantis"},
        }
    )


async def test_past_the_end(client: Client, sandbox: Sandbox) -> None:
    """What was still to come when the cursor was given may be gone by the time it is used."""
    first = await search(client, stage="Won", limit=1)
    cursor = content(first)["cursor"]
    with sandbox.store._transaction() as db:
        db.execute("DELETE FROM leads WHERE id <> ?", ids(first))
    result = await search(client, stage="Won", limit=1, cursor=cursor)
    assert said(result) == snapshot(
        "No further lead; archived ones left out. Today is 2026-11-22 (America/Chicago). 1 request spent."
    )
    assert structure(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 1,
            "leads": [],
            "count": 1,
            "continues": True,
            "archived": "exclude",
            "filters": {"stage": "Won"},
        }
    )


@pytest.mark.parametrize("order", ["newest", "value"])
async def test_a_long_result_is_cut_and_goes_on(client: Client, order: str) -> None:
    results = await walk(client, limit=100, order=order)
    shown = [lead for result in results for lead in ids(result)]
    assert len(shown) == len(set(shown)) == 139
    assert len(results) > 2
    for result in results:
        rows = content(result)["leads"]
        # Commas and line ends between the rows are not worth counting.
        assert sum(len(line) for line in text(result).splitlines() if " · " in line) < 10_500
        assert len(httpx2.Request("POST", "http://rotor", json=rows).content) < 10_500
    assert len(ids(results[0])) > 20


@pytest.mark.parametrize(
    "cursor",
    [
        "page 2",
        "2",
        "é",
        "%%%%",
        base64.urlsafe_b64encode(b"not JSON").decode(),
        base64.urlsafe_b64encode(b'{"search": "x"}').decode(),
        base64.urlsafe_b64encode(b'{"search": "x", "size": 7, "more": 1}').decode(),
    ],
)
async def test_what_is_no_cursor_is_refused_without_a_request(
    client: Client, sandbox: Sandbox, cursor: str
) -> None:
    result = await client.call_tool("search_leads", {"cursor": cursor})
    assert result.is_error
    assert text(result) == snapshot("""\
Nothing was sent.
cursor: not one of ours; leave it out to begin anew\
""")
    assert sandbox.requests == []


async def test_a_cursor_of_another_search_is_refused_without_a_request(
    client: Client, sandbox: Sandbox
) -> None:
    cursor = content(await search(client, stage="Quoted", limit=2))["cursor"]
    for other in ({}, {"stage": "Won"}, {"stage": "Quoted", "order": "name"}):
        result = await client.call_tool("search_leads", {**other, "cursor": cursor})
        assert result.is_error
        assert text(result) == snapshot("""\
Nothing was sent.
cursor: belongs to another search; repeat that one, or leave it out\
""")
    assert sandbox.requests == ["GET /leads"]
    # How much is shown of each lead, and how many of them, may change on the way.
    onward = await search(client, stage="Quoted", limit=5, fields=["name"], cursor=cursor)
    leads = expected(await all_leads(sandbox), {"stage": "Quoted"})
    assert ids(onward) == [lead["id"] for lead in leads[2 : 2 + len(ids(onward))]] != []
