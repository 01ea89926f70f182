"""How many round trips in a row a call takes: pages are read side by side where all of them are needed."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from itertools import permutations
from typing import Any

import httpx2
import pytest
from mcp import Client

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.sample_leads import sample_leads
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import NOW, content, text
from tests.leads.test_search import add
from tests.rounds import RoundTrips

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def company() -> Iterator[Sandbox]:
    """A company of 5,000 leads."""
    with closing(Sandbox(leads=5_000, now=lambda: NOW)) as sandbox:
        yield sandbox


@asynccontextmanager
async def counted(sandbox: Sandbox, **settings: str) -> AsyncIterator[tuple[Client, RoundTrips]]:
    values = {"api_key": FULL_KEY, "timezone": "America/Chicago", "search_memory": "0"} | settings
    trips = RoundTrips(sandbox.transport)
    server = build_server(Settings.load(values), transport=lambda: trips, clock=lambda: NOW)
    async with Client(server) as client:
        yield client, trips


@pytest.mark.parametrize(
    ("arguments", "rounds", "requests"),
    [
        ({"count_by": "source", "limit": 0}, 2, 5),
        ({"order": "value", "limit": 3}, 2, 5),
        ({"duplicates": True}, 2, 5),
        ({"source": "Home show", "created_from": "2000-01-01"}, 5, 5),
        ({"limit": 20}, 1, 1),
        ({"stage": "Quoted", "limit": 20}, 1, 1),
        ({"stage": ["Quoted", "Won"]}, 2, 3),
    ],
)
async def test_a_search(arguments: dict[str, Any], rounds: int, requests: int, company: Sandbox) -> None:
    async with counted(company) as (client, trips):
        result = await client.call_tool("search_leads", arguments)
    assert not result.is_error
    assert (trips.rounds, trips.requests, content(result)["requests"]) == (rounds, requests, requests)


async def test_eighteen_pages() -> None:
    """One for the first page, and five for 17 others, four at a time."""
    with closing(Sandbox(leads=18_000, now=lambda: NOW)) as sandbox:
        async with counted(sandbox, search_requests="20") as (client, trips):
            result = await client.call_tool("search_leads", {"count_by": "stage", "archived": "include"})
    assert (trips.rounds, trips.requests) == (6, 18), text(result)


async def test_as_many_pages_as_a_search_may_read(company: Sandbox) -> None:
    async with counted(company, search_requests="3") as (client, trips):
        result = await client.call_tool("search_leads", {"order": "value", "limit": 1})
    assert (trips.rounds, trips.requests) == (2, 3)
    assert text(result).splitlines()[-1].startswith("More: the same search with cursor ")


async def test_the_lists_of_several_stages() -> None:
    """One to see how many leads there are, one for the first pages of both, two for eight others."""
    with closing(Sandbox(leads=0, now=lambda: NOW)) as sandbox:
        leads = sample_leads(NOW.date(), 16_000)
        stages = ["Quoted", "Won", "Other"]
        sandbox.store.seed(lambda: [lead | {"stage": stages[n % 3]} for n, lead in enumerate(leads)])
        async with counted(sandbox, search_requests="20") as (client, trips):
            result = await client.call_tool(
                "search_leads", {"stage": ["Quoted", "Won"], "archived": "include", "limit": 0}
            )
    assert (trips.rounds, trips.requests, content(result)["count"]) == (6, 13, 10_667), text(result)


@pytest.mark.parametrize("order", list(permutations([2, 3, 4])))
async def test_no_lead_is_lost_or_repeated_while_others_arrive_between_pages(order: tuple[int, ...]) -> None:
    """In whatever order Rotor answers: a lead that slips from a page to one read before is read again."""
    with closing(Sandbox(leads=0, now=lambda: NOW)) as sandbox:
        sandbox.store.seed(lambda: sample_leads(NOW.date(), 3_500))

        async def arrive() -> None:
            await add(sandbox, name="New")

        def in_order(requests: list[httpx2.Request]) -> list[httpx2.Request]:
            places = {str(page): place for place, page in enumerate(order)}
            return sorted(requests, key=lambda request: places.get(request.url.params["page"], -1))

        trips = RoundTrips(sandbox.transport, in_order, arrive)
        settings = Settings.load({"api_key": FULL_KEY, "timezone": "UTC", "search_requests": "20"})
        server = build_server(settings, transport=lambda: trips, clock=lambda: NOW)
        async with Client(server) as client:
            found = content(await client.call_tool("search_leads", {"archived": "include", "limit": 0}))
    assert found["count"] == 3_500  # those that were there, each once; the new ones are on the first page


JANE = {"name": "Jane Doe", "phone": "763-555-0177", "email": "jane.doe.new@example.com"}


@pytest.mark.parametrize(
    ("arguments", "rounds", "requests"),
    [
        (JANE, 2, 3),
        ({"name": "Jane Doe", "phone": "763-555-0177"}, 2, 2),
        ({"id": "00000000-0000-0000-0000-000000000000", "stage": "Quoted"}, 1, 1),
    ],
)
async def test_a_write(arguments: dict[str, Any], rounds: int, requests: int) -> None:
    with closing(Sandbox(leads=200, now=lambda: NOW)) as sandbox:
        async with counted(sandbox) as (client, trips):
            result = await client.call_tool("upsert_lead", arguments)
    assert (trips.rounds, trips.requests) == (rounds, requests), text(result)


async def test_a_batch_of_new_leads() -> None:
    """Two for reading 2,000 leads, and ten for 40 writes, four at a time."""
    rows = [{"name": f"New {n}", "phone": f"763-555-{1000 + n}"} for n in range(40)]
    with closing(Sandbox(leads=2_000, now=lambda: NOW)) as sandbox:
        async with counted(sandbox) as (client, trips):
            result = await client.call_tool("upsert_leads", {"rows": rows})
    assert (trips.rounds, trips.requests) == (12, 42), text(result)
