"""Searches for several stages: what they find, and which requests that takes."""

import json
from typing import Any

import httpx2
import pytest
from inline_snapshot import snapshot
from mcp import Client

from rotor_mcp.sandbox import Sandbox
from rotor_mcp.sandbox.store import StoredLead
from tests.conftest import content
from tests.leads.companies import company, stored
from tests.leads.test_search import Recorder, all_leads, connect, expected, ids, outside, said, search, walk

pytestmark = pytest.mark.anyio

STAGES = ["New", "Quoted", "Won", "Lost"]


def asked(sandbox: Sandbox) -> int:
    return len(sandbox.requests)


def one_in(number: int, *stages: str, many: int = 50) -> str:
    """The stage of a lead where one lead in so many has each of these, and the others have another."""
    return stages[number % many] if number % many < len(stages) else "Old"


@pytest.mark.parametrize(
    ("size", "many", "arguments", "requests"),
    [
        (900, 50, {}, 1),  # all leads are one page
        (1_900, 50, {}, 2),
        (3_000, 50, {}, 3),  # a list for each stage would take as many
        (3_001, 50, {}, 3),  # how many there are is known from the first page; then one for each stage
        (4_000, 50, {}, 3),
        (4_000, 50, {"archived": "include"}, 3),
        (4_000, 50, {"created_from": "2026-11-22"}, 1),  # the list of all ends sooner
        (6_000, 6, {}, 3),  # exactly one page for each stage
        (6_400, 5, {}, 5),  # 1,280 of each stage: two pages
        (4_800, 4, {}, 5),  # 1,200 of each stage: as many as all
    ],
)
async def test_the_cheaper_of_all_pages_and_a_list_for_each_stage(
    size: int, many: int, arguments: dict[str, str], requests: int
) -> None:
    wanted = {"stage": ["Quoted", "Won"], **arguments}
    leads = (stored(number, stage=one_in(number, "Quoted", "Won", many=many)) for number in range(size))
    with company(leads) as sandbox:
        there = expected(await all_leads(sandbox), wanted)
        sandbox.requests.clear()
        async with connect(sandbox) as client:
            result = await search(client, **wanted, limit=2)
        assert ids(result) == [lead["id"] for lead in there[:2]]
        assert (content(result)["count"], content(result)["requests"]) == (len(there), requests)
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
                assert all(content(result)["age_seconds"] for result in results[1:]), "they are remembered"


@pytest.mark.parametrize(("size", "requests"), [(6_500, "4"), (10_000, "5")])
async def test_lists_that_are_too_long_give_way_to_the_newest_leads(size: int, requests: str) -> None:
    """Nothing is left out in silence, and the way on leads to the rest."""

    def stage(number: int) -> str:  # the newest leads, by which lists are estimated, have few of the stages
        return one_in(number, "Quoted", "Won") if number < 1_000 else STAGES[number % 4]

    with company(stored(number, stage=stage(number)) for number in range(size)) as sandbox:
        wanted: dict[str, Any] = {"stage": ["Quoted", "Won"], "limit": 100, "fields": ["name"]}
        there = [lead["id"] for lead in expected(await all_leads(sandbox), wanted)]
        async with connect(sandbox, search_requests=requests) as client:
            results = await walk(client, **wanted)
        assert [lead["id"] for result in results for lead in content(result)["leads"]] == there
        assert all(content(result)["requests"] <= int(requests) for result in results)
    assert said(results[0]).splitlines()[:2] == NEWEST[size]


NEWEST: dict[int, list[str]] = snapshot(
    {
        6500: [
            "40 leads, newest first. Today is 2026-11-22. 3 requests spent. Read up to <age> ago.",
            "Only the newest 1,000 of 6,500 leads were looked at, and counted.",
        ],
        10000: [
            "100 of 540 leads, newest first. Today is 2026-11-22. 4 requests spent. Read up to <age> ago.",
            "Only the newest 2,000 of 10,000 leads were looked at, and counted.",
        ],
    }
)


async def test_lists_of_stages_go_on_page_by_page() -> None:
    """Each lead is found once, newest first, also those behind the first page of a stage."""
    stages = {0: "Quoted", 1: "Won", 2: "Won"}
    with company(stored(number, stage=stages.get(number % 16, "Old")) for number in range(9_600)) as sandbox:
        wanted = {"stage": ["Won", "Quoted"]}
        there = expected(await all_leads(sandbox), wanted)
        async with connect(sandbox) as client:
            result = await search(client, **wanted, limit=100, fields=["id"], count_by="stage")
        assert [lead["id"] for lead in content(result)["leads"]] == [lead["id"] for lead in there[:100]]
    assert said(result).splitlines()[:2] == snapshot(
        [
            "100 of 1,800 leads, newest first. Today is 2026-11-22. 4 requests spent.",
            "By stage: Won 1,200, Quoted 600.",
        ]
    )


async def test_a_lead_that_moves_to_another_stage_meanwhile_is_found_once() -> None:
    leads = [stored(number, stage=one_in(number, "Quoted", "Won")) for number in range(4_000)]
    with company(leads) as sandbox:
        moves = MovesMeanwhile(sandbox, leads[0])
        async with connect(sandbox, lambda: moves) as client:
            result = await search(client, stage=["Quoted", "Won"], limit=2, count_by="stage")
    assert [lead["id"] for lead in content(result)["leads"]] == [leads[0]["id"], leads[1]["id"]]
    assert said(result).splitlines()[:2] == snapshot(
        [
            "2 of 160 leads, newest first. Today is 2026-11-22. 3 requests spent.",
            "By stage: Won 81, Quoted 79.",
        ]
    )


class MovesMeanwhile(Recorder):
    """A Rotor in which somebody moves a lead to the stage Won just before those of that stage are listed."""

    def __init__(self, sandbox: Sandbox, moved: StoredLead) -> None:
        super().__init__(sandbox)
        self._sandbox, self._moved = sandbox, moved

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.params.get("stage") == "Won":
            async with outside(self._sandbox) as http:
                await http.post("leads", json={"id": self._moved["id"], "stage": "Won"})
        return await super().handle_async_request(request)


async def test_lists_of_stages_of_which_rotor_does_not_say_how_long_they_are() -> None:
    leads = (stored(number, stage=one_in(number, "Quoted", "Won", many=10)) for number in range(8_000))
    with company(leads) as sandbox:
        hides = HidesTotals(sandbox)
        async with connect(sandbox, lambda: hides, search_requests="6") as client:
            result = await search(client, stage=["Quoted", "Won"], limit=0)
            too_long = await search(client, stage=["Quoted", "Old"], limit=0)
    assert said(result) == snapshot("1,600 leads. Today is 2026-11-22. 3 requests spent.")
    assert said(too_long) == snapshot("""\
900 leads. Today is 2026-11-22. 6 requests spent. Read up to <age> ago.
Only the newest 1,000 of 8,000 leads were looked at, and counted.\
""")


class HidesTotals(Recorder):
    """A Rotor that says only of the list of all leads how long it is."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        if "stage" not in request.url.params:
            return response
        answer = json.loads(await response.aread())
        del answer["pagination"]["total"]
        return httpx2.Response(response.status_code, json=answer)


@pytest.mark.parametrize("spelling", ["won", "WON"])
async def test_a_stage_that_rotor_spells_otherwise_is_found_among_others(spelling: str) -> None:
    """A list for each stage is tried, and as that of one is empty, all leads are read."""
    leads = (stored(number, stage=one_in(number + 9, "Quoted", "Won")) for number in range(4_000))
    with company(leads) as sandbox:
        async with connect(sandbox, search_memory="0", search_requests="9") as client:
            await search(client, limit=1)  # how many leads there are is known then, and no stage
            result = await search(client, stage=["Quoted", spelling], limit=0)
        assert (content(result)["count"], content(result)["requests"]) == (160, 6)
        async with connect(sandbox) as client:  # here the first page shows how Rotor spells it
            result = await search(client, stage=["Quoted", spelling], limit=0)
        assert (content(result)["count"], content(result)["requests"]) == (160, 3)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("Quoted", ["Quoted"]),
        (["Quoted"], ["Quoted"]),
        ('["Quoted", "Won"]', ["Quoted", "Won"]),
        (["Quoted", "", None], ["Quoted"]),
        ("Sold, waiting", ["Sold, waiting"]),
        (["Sold, waiting", "won"], ["Sold, waiting", "Won"]),
        ("…", []),  # of which nothing is left to compare: not the leads without a stage
    ],
    ids=str,
)
async def test_one_text_is_one_stage(given: object, found: list[str]) -> None:
    stages = ["Quoted", "Won", "Sold, waiting", "Sold", None]
    with company(stored(number, stage=stages[number % 5]) for number in range(30)) as sandbox:
        async with connect(sandbox) as client:
            result = await search(client, stage=given, limit=50)
            assert {lead.get("stage") for lead in content(result)["leads"]} == {*found}
            rest = await search(client, not_stage=given, limit=50)
        assert {lead.get("stage") for lead in content(rest)["leads"]} == {*stages} - {*found}
        assert content(result)["count"] + content(rest)["count"] == 30


async def test_a_stage_that_nobody_has_is_said_beside_what_matches(client: Client) -> None:
    result = await search(client, stage=["Won", "Wonn"], not_stage="Lostt", limit=0)
    assert said(result) == snapshot("""\
11 leads. Worth $3,039 in all. Today is 2026-11-22. 1 request spent. Read up to <age> ago.
No lead read lately has the stage Wonn. In use: New Leads, Contacted, Quoted, Scheduled, Lost, Won.
No lead read lately has the stage Lostt. In use: New Leads, Contacted, Quoted, Scheduled, Lost, Won.\
""")


async def test_what_was_read_lately_does_not_lead_astray() -> None:
    """The leads of one stage were read last, which tells nothing of how many have another."""
    leads = (
        stored(number, stage=STAGES[number % 50] if number % 50 < 4 else "Old") for number in range(8_000)
    )
    with company(leads) as sandbox:
        async with connect(sandbox, search_memory="0") as client:
            spent = [
                content(await search(client, stage=["Won", "Quoted"], limit=0))["requests"] for _ in range(3)
            ]
            other = content(await search(client, stage=["Old", "Won"], limit=0))
    assert spent == [3, 2, 2]
    assert (other["requests"], other["count"]) == (
        5,
        4_700,
    )  # the newest 5,000 leads: more have it than can be read


async def test_an_unknown_stage_takes_nothing_from_the_others_in_a_large_company() -> None:
    leads = (stored(number, stage="Won" if number % 50 == 0 else "Old") for number in range(8_000))
    with company(leads) as sandbox:
        async with connect(sandbox, search_memory="0") as client:
            result = await search(client, stage=["Won", "Nope"], limit=0)
    assert said(result) == snapshot("""\
160 leads. Today is 2026-11-22. 3 requests spent.
No lead read lately has the stage Nope. In use: Old, Won.
Rotor alone has compared: no request was left to look for other spellings (ROTOR_MCP_SEARCH_REQUESTS).\
""")


async def test_without_a_cache_no_more_requests_are_spent_than_allowed() -> None:
    with company(stored(number, stage=STAGES[number % 4]) for number in range(6_500)) as sandbox:
        async with connect(sandbox, search_memory="0") as client:
            result = await search(client, stage=["New", "Quoted", "Won"], limit=0)
    assert said(result) == snapshot("""\
3,000 leads. Today is 2026-11-22. 5 requests spent.
Only the newest 4,000 of 6,500 leads were looked at, and counted.\
""")


async def test_a_tag_that_a_match_has_is_in_use_however_many_leads_were_read_since() -> None:
    """The words of 2,000 leads are known, the last ones read; the match is not among them."""
    leads = [stored(0, tags=["VIP"], stage="Won"), *(stored(number) for number in range(1, 2_900))]
    with company(leads) as sandbox:
        async with connect(sandbox) as client:
            result = await search(client, tags=["vip"], order="oldest", fields=["name"])
            again = await search(client, tags=["VIP", "None"], has=["stage"], fields=["name"])
    assert said(result).splitlines()[1:] == ["name", "Lead 0"]
    assert said(again).splitlines()[1:] == snapshot(
        ["No lead read lately has the tag None. In use: VIP.", "name", "Lead 0"]
    )
