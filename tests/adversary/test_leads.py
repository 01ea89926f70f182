"""A page of leads, each field of which may hold anything: read, compared and shown without holding others up."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client

from rotor_mcp.api.models import PAGE_LIMIT, READ_NAMES, Lead
from rotor_mcp.api.response_body import MAX_BODY_BYTES
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.server.mcp_server import build_server
from tests.adversary import IS_LONG
from tests.adversary.judging import fault_of_call
from tests.adversary.values import patterns, shapes, text
from tests.conftest import NOW

pytestmark = pytest.mark.anyio

FIELDS = [name for name in Lead.model_fields if name not in ("id", "archived")]
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("search_leads", {"search": "jane", "stage": "Won", "source": "web", "tags": ["vip"]}),
    ("search_leads", {"search": "612-555-0142", "order": "name", "address_city": "St. Paul"}),
    (
        "search_leads",
        {"order": "follow_up", "count_by": "source", "fields": ["tags", "notes", "address_zip"]},
    ),
    ("search_leads", {"order": "value", "count_by": "tag", "limit": 50}),
    ("upsert_lead", {"name": "Jane Doe", "stage": "won", "tags": ["vip"], "dry_run": True}),
    ("upsert_lead", {"phone": "612-555-0142", "email": "jane@example.com", "stage": "won", "dry_run": True}),
    (
        "upsert_leads",
        {
            "rows": [{"name": f"Jane {row}", "phone": f"612-555-{row:04}"} for row in range(60)],
            "dry_run": True,
        },
    ),
)
COSTLY_CALLS = (CALLS[0], CALLS[2], CALLS[5])


def lead(number: int, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "name": f"Jane {number}",
        "created_at": "2026-11-20T10:00:00Z",
        **{READ_NAMES.get(name, name): _different(number, value) for name, value in values.items()},
    }


def _different(number: int, value: Any) -> Any:
    """The value of one of many leads that all have different ones of the same kind."""
    match value:
        case str():
            return value[:-6] + f"{number:06}"
        case list():
            return [_different(number, item) for item in value]
        case _:
            return value


def page(values: dict[str, Any]) -> bytes:
    """A page of as many leads as there may be, within the size that is read."""
    leads: list[dict[str, Any]] = []
    room = MAX_BODY_BYTES - 1_000
    for number in range(PAGE_LIMIT):
        leads.append(lead(number, values))
        room -= len(json.dumps(leads[-1], ensure_ascii=False).encode(errors="backslashreplace"))
        if room < 0:
            leads.pop()
            break
    answer = {"data": leads, "pagination": {"total": len(leads), "has_more": False}}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


@asynccontextmanager
async def talking_to(body: bytes) -> AsyncIterator[Client]:
    """A client of a server whose Rotor gives one answer to all requests."""
    headers = {"content-type": "application/json"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=body, headers=headers))
    settings = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago", "search_memory": "0"})
    async with Client(build_server(settings, transport=lambda: transport, clock=lambda: NOW)) as client:
        yield client


async def faults_with(body: bytes) -> dict[str, str]:
    """What is wrong with the answers to all calls, of a Rotor that gives one answer to all requests."""
    async with talking_to(body) as client:
        faults = {
            f"{tool} {arguments}"[:100]: await fault_of_call(client, tool, arguments)
            for tool, arguments in (CALLS if IS_LONG else COSTLY_CALLS)
        }
    return {call: fault for call, fault in faults.items() if fault}


async def test_ordinary_leads_are_answered() -> None:
    """So the other tests do not pass because nothing is answered."""
    answers = dict.fromkeys(FIELDS, "some words of a lead")
    async with talking_to(page(answers)) as client:
        for tool, arguments in CALLS:
            answer = await client.call_tool(tool, arguments)
            assert not answer.is_error, answer


@pytest.mark.parametrize("pattern", patterns())
async def test_leads_full_of_a_pattern(pattern: str) -> None:
    for length in (250, 2_000) if IS_LONG else (2_000,):
        values = {name: text(pattern, length) for name in FIELDS} | {"tags": [text(pattern, length)] * 4}
        assert await faults_with(page(values)) == {}


@pytest.mark.parametrize("shape", shapes())
async def test_leads_full_of_a_shape(shape: str) -> None:
    value = shapes()[shape]
    if isinstance(value, dict):
        value = dict(list(value.items())[:8])
    elif isinstance(value, list):
        value = value[:8]
    assert await faults_with(page(dict.fromkeys(FIELDS, value))) == {}


async def test_one_lead_with_all_there_is_room_for() -> None:
    tags = [f"tag {number}" for number in range(90_000)]
    assert await faults_with(page({"tags": tags, "notes": "x" * 5_000_000})) == {}
