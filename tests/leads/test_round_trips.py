"""How many round trips in a row a call takes: pages are read side by side where all of them are needed."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any

import pytest
from mcp import Client

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import NOW, content
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
    ],
)
async def test_a_search(arguments: dict[str, Any], rounds: int, requests: int, company: Sandbox) -> None:
    async with counted(company) as (client, trips):
        result = await client.call_tool("search_leads", arguments)
    assert not result.is_error
    assert (trips.rounds, trips.requests, content(result)["requests"]) == (rounds, requests, requests)


async def test_as_many_pages_as_a_search_may_read(company: Sandbox) -> None:
    """The cursor goes on behind them, and all leads are found once."""
    async with counted(company, search_requests="3") as (client, trips):
        first = content(await client.call_tool("search_leads", {"count_by": "source", "limit": 100}))
        assert (trips.rounds, trips.requests, first["counts_partial"]) == (2, 3, True)
