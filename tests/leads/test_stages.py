"""Searches for several stages: what they find, and which requests that takes."""

from typing import Any

import pytest
from inline_snapshot import snapshot
from mcp import Client

from rotor_mcp.sandbox import Sandbox
from tests.conftest import content, text
from tests.leads.companies import company, stored
from tests.leads.test_search import all_leads, connect, expected, ids, search, walk

pytestmark = pytest.mark.anyio

STAGES = ["New", "Quoted", "Won", "Lost"]


def asked(sandbox: Sandbox) -> int:
    return len(sandbox.requests)


@pytest.mark.parametrize(
    ("size", "stages", "requests"),
    [
        (900, ["Quoted", "Won"], 1),  # all leads are one page
        (1_900, ["Quoted", "Won"], 2),
        (2_400, ["Quoted", "Won"], 3),  # how many there are is known only after the first page
        (4_800, ["Quoted", "Won"], 5),  # the first page, and 1,200 of each stage
        (4_100, ["Quoted", "Won", "Lost"], 5),
    ],
)
async def test_the_cheaper_of_all_pages_and_a_list_for_each_stage(
    size: int, stages: list[str], requests: int
) -> None:
    with company(stored(number, stage=STAGES[number % 4]) for number in range(size)) as sandbox:
        leads = expected(await all_leads(sandbox), {"stage": stages})
        sandbox.requests.clear()
        async with connect(sandbox) as client:
            result = await search(client, stage=stages, limit=2)
        assert ids(result) == [lead["id"] for lead in leads[:2]]
        assert (content(result)["count"], content(result)["requests"]) == (len(leads), requests)
        assert asked(sandbox) == requests


async def test_where_the_number_of_leads_is_known_nothing_is_read_to_find_out() -> None:
    leads = (
        stored(number, stage=STAGES[number % 50] if number % 50 < 4 else "Old") for number in range(4_000)
    )
    with company(leads) as sandbox:
        async with connect(sandbox, search_memory="0") as client:
            await search(client, limit=1)
            result = await search(client, stage=["Won", "Lost"], limit=0)
        assert (content(result)["count"], content(result)["requests"]) == (160, 2)


async def test_what_follows_is_found_by_stage_as_well() -> None:
    leads = (
        stored(number, stage=STAGES[number % 50] if number % 50 < 4 else "Old") for number in range(4_000)
    )
    with company(leads) as sandbox:
        wanted = {"stage": ["Won", "Lost"]}
        there = [lead["id"] for lead in expected(await all_leads(sandbox), wanted)]
        async with connect(sandbox) as client:
            for order in ("newest", "oldest"):
                results = await walk(client, **wanted, limit=33, order=order)
                found = [lead for result in results for lead in ids(result)]
                assert found == (there if order == "newest" else there[::-1])
                assert [len(ids(result)) for result in results] == [33, 33, 33, 33, 28]


async def test_lists_that_are_too_long_give_way_to_the_newest_leads() -> None:
    """Nothing is left out in silence, and the way on leads to the rest."""
    with company(stored(number, stage=STAGES[number % 4]) for number in range(6_500)) as sandbox:
        wanted: dict[str, Any] = {"stage": ["New", "Quoted", "Won"], "limit": 100, "fields": ["name"]}
        there = [lead["id"] for lead in expected(await all_leads(sandbox), wanted)]
        async with connect(sandbox, search_requests="4") as client:
            results = await walk(client, **wanted)
        assert [lead["id"] for result in results for lead in content(result)["leads"]] == there
        assert "Only the newest" in text(results[0])
        assert all(content(result)["requests"] <= 4 + 1 for result in results)


async def test_a_stage_that_rotor_spells_otherwise_is_found_among_others() -> None:
    def stage(number: int) -> str:
        return {0: "Quoted", 1: "follow-up"}.get(number % 100, "Old")

    with company(stored(number, stage=stage(number)) for number in range(3_000)) as sandbox:
        wanted = {"stage": ["quoted", "Follow Up"]}
        async with connect(sandbox, search_memory="0") as client:
            await client.call_tool("upsert_lead", {"name": "Another", "phone": "612-555-0100"})
            result = await search(client, **wanted, limit=0)
        assert content(result)["count"] == 60


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("Quoted", ["Quoted"]),
        (["Quoted"], ["Quoted"]),
        ('["Quoted", "Won"]', ["Quoted", "Won"]),
        (["Quoted", "", None], ["Quoted"]),
        ("Sold, waiting", ["Sold, waiting"]),
        (["Sold, waiting", "won"], ["Sold, waiting", "Won"]),
    ],
    ids=str,
)
async def test_one_text_is_one_stage(given: object, found: list[str]) -> None:
    stages = ["Quoted", "Won", "Sold, waiting", "Sold", None]
    with company(stored(number, stage=stages[number % 5]) for number in range(30)) as sandbox:
        async with connect(sandbox) as client:
            result = await search(client, stage=given, limit=50)
            assert {lead["stage"] for lead in content(result)["leads"]} == {*found}
            rest = await search(client, not_stage=given, limit=50)
        assert {lead.get("stage") for lead in content(rest)["leads"]} == {*stages} - {*found}
        assert content(result)["count"] + content(rest)["count"] == 30


async def test_a_stage_that_nobody_has_is_said_beside_what_matches(client: Client) -> None:
    result = await search(client, stage=["Won", "Wonn"], not_stage="Lostt", limit=0)
    assert text(result) == snapshot("""\
11 leads. Worth $3,039 in all. Today is 2026-11-22. 1 request spent. Read up to 1 second ago.
No lead read lately has the stage Wonn. In use: New Leads, Contacted, Quoted, Scheduled, Lost, Won.
No lead read lately has the stage Lostt. In use: New Leads, Contacted, Quoted, Scheduled, Lost, Won.\
""")
