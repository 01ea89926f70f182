"""Every argument of every tool with every kind of value: an answer in words, within its length, at once."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest
from mcp import Client

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.mcp_server import DEFINITIONS, build_server
from tests.adversary.judging import fault_of_call
from tests.adversary.values import LARGE, PATTERNS, patterns, shapes, text
from tests.conftest import JANE, NOW

pytestmark = pytest.mark.anyio

TOOLS: dict[str, list[str]] = {
    tool["name"]: list(tool["inputSchema"]["properties"]) for tool in json.loads(DEFINITIONS.read_bytes())
}
PERSON = {"name": "Jane Doe", "phone": "(763) 555-0100"}
NEEDED: dict[str, dict[str, Any]] = {
    "upsert_lead": PERSON,
    "upsert_leads": {"rows": [PERSON]},
    "search_leads": {},
    "get_lead": {"id": JANE},
}
FIELDS = TOOLS["upsert_lead"]
LIMITS = {"notes": 2_000, "service_type": 100, "cursor": 2_000}
"""Characters that an argument may have; others may have 300."""


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a server whose quota is never used up."""
    settings = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"})
    with closing(Sandbox(quota=10**9, now=lambda: NOW)) as rotor:
        server = build_server(settings, transport=rotor.transport, clock=lambda: NOW)
        async with Client(server) as connected:
            yield connected


def values(argument: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns():
        value = text(pattern, LIMITS.get(argument, 300))
        yield pattern, value
        if argument in ("tags", "fields"):
            yield f"list of {pattern}", [f"{number}{value[4:]}" for number in range(100)]
    yield "too long", text("dots in a domain", LARGE)
    yield "list of too long", [text("words", LARGE)] * 10
    yield from shapes().items()


@pytest.mark.parametrize(
    ("tool", "argument"), [(tool, argument) for tool, arguments in TOOLS.items() for argument in arguments]
)
async def test_an_argument(client: Client, tool: str, argument: str) -> None:
    faults = {
        name: await fault_of_call(client, tool, {**NEEDED[tool], argument: value})
        for name, value in values(argument)
    }
    assert {name: fault for name, fault in faults.items() if fault} == {}


@pytest.mark.parametrize("pattern", patterns())
async def test_all_fields_of_all_rows(client: Client, pattern: str) -> None:
    rows = [
        {name: f"{number}{text(pattern, LIMITS.get(name, 300))}"[: LIMITS.get(name, 300)] for name in FIELDS}
        for number in range(100)
    ]
    readable = ("name", "phone", "stage", "source", "tags", "address_city", "address_state", "notes")
    persons = [{name: row[name] for name in readable} for row in rows]
    for given in (rows, persons, [{**person, "phone": PERSON["phone"]} for person in persons]):
        assert await fault_of_call(client, "upsert_leads", {"rows": given, "dry_run": True}) is None


@pytest.mark.parametrize("shape", shapes())
async def test_a_field_of_a_row(client: Client, shape: str) -> None:
    rows = [{**PERSON, field: shapes()[shape]} for field in FIELDS]
    assert await fault_of_call(client, "upsert_leads", {"rows": rows}) is None


def whole_calls() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Calls in which no argument by itself is odd."""
    many = {f"unknown_{number}": number for number in range(25_000)}
    for tool in TOOLS:
        yield tool, "unknown arguments", {**NEEDED[tool], **many}
        yield tool, "names that are nearly known", {f"phone{number}": "1" for number in range(50)}
        yield tool, "long names", {text(pattern, 300): "1" for pattern in PATTERNS}
    yield "upsert_leads", "unknown arguments of a row", {"rows": [{**PERSON, **many}]}
    yield "upsert_leads", "unknown arguments of all rows", {"rows": [{"nmae": "A", "x": 1, "y": 2}] * 100}
    yield "upsert_leads", "more rows than may be", {"rows": [{"name": "A"}] * 20_000}
    yield "upsert_leads", "rows that are none", {"rows": ["A"] * 20_000}
    yield "upsert_leads", "one person in all rows", {"rows": [PERSON] * 100}
    notes = [{**PERSON, "notes": f"{number} {'x' * 1_990}"} for number in range(100)]
    yield "upsert_leads", "long notes in all rows", {"rows": notes}
    persons = [{"name": f"A {row}", "phone": f"612-555-{row:04}"} for row in range(100)]
    yield "upsert_leads", "different persons", {"rows": persons}
    tags = [{**person, "tags": [f"t{tag}" for tag in range(100)]} for person in persons]
    yield "upsert_leads", "tags in all rows", {"rows": tags}


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [pytest.param(tool, given, id=f"{tool}: {name}") for tool, name, given in whole_calls()],
)
async def test_a_whole_call(client: Client, tool: str, arguments: dict[str, Any]) -> None:
    assert await fault_of_call(client, tool, arguments) is None
