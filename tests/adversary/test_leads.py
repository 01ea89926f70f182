"""A page of leads, each field of which may hold anything: read, compared and shown without holding others up."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from inline_snapshot import snapshot
from mcp import Client

from rotor_mcp.api.models import LEAD_FIELDS, PAGE_LIMIT, READ_NAMES
from rotor_mcp.api.response_body import MAX_BODY_BYTES
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.server.mcp_server import build_server
from tests.adversary import IS_LONG
from tests.adversary.judging import fault_of_call
from tests.adversary.values import patterns, shapes, text
from tests.conftest import NOW, content
from tests.conftest import text as said

pytestmark = pytest.mark.anyio

FIELDS = [name for name in LEAD_FIELDS if name not in ("id", "archived")]
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("search_leads", {"search": "jane", "stage": "Won", "source": "web", "tags": ["vip"]}),
    ("search_leads", {"search": "612-555-0142", "order": "name", "address_city": "St. Paul"}),
    (
        "search_leads",
        {"order": "follow_up", "count_by": "source", "fields": ["tags", "notes", "address_zip"]},
    ),
    ("search_leads", {"order": "value", "count_by": ["tag", "city"], "limit": 50}),
    ("search_leads", {"duplicates": True, "has": ["notes"], "not_stage": ["won"]}),
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
COSTLY_CALLS = (CALLS[0], CALLS[2], CALLS[4], CALLS[6])
MANY_PAGES: int = Settings.model_fields["search_requests"].default
"""As many as a search reads."""


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
async def talking_to(*bodies: bytes) -> AsyncIterator[Client]:
    """A client of a server whose Rotor gives one answer to all requests, or another for each page."""
    headers = {"content-type": "application/json"}

    def answer(request: httpx2.Request) -> httpx2.Response:
        number = int(request.url.params.get("page", 1)) if len(bodies) > 1 else 1
        return httpx2.Response(200, content=bodies[number - 1], headers=headers)

    transport = httpx2.MockTransport(answer)
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


def pages_of(leads: list[dict[str, Any]]) -> list[bytes]:
    """Leads on as many full pages as they take."""
    starts = range(0, len(leads), PAGE_LIMIT)
    return [
        json.dumps(
            {
                "data": leads[start : start + PAGE_LIMIT],
                "pagination": {"total": len(leads), "has_more": start != starts[-1]},
            }
        ).encode()
        for start in starts
    ]


def phone(number: int) -> str:
    return f"612-{200 + number // 10_000}-{number % 10_000:04}"


LARGE_COMPANIES: dict[str, Callable[[int], dict[str, Any]]] = {
    "all alike": lambda _: {"email": "none@example.com", "tags": ["vip"], "notes": "Asked twice."},
    "all different": lambda number: {
        "phone": phone(number),
        "lead_source": f"source {number}",
        "property_city": f"city {number}",
        "tags": [f"tag {number}", f"tag {number + 1}"],
    },
    "each shares with the next": lambda number: {"phone": f"{phone(number)}, {phone(number + 1)}"},
    "each shares with the one before": lambda number: {"phone": f"{phone(number + 1)}, {phone(number)}"},
}


@pytest.mark.parametrize("company", LARGE_COMPANIES)
@pytest.mark.parametrize("order", ["forwards", "backwards"])
async def test_many_pages(company: str, order: str) -> None:
    numbers = range(MANY_PAGES * PAGE_LIMIT)[:: 1 if order == "forwards" else -1]
    bodies = pages_of([lead(number, {}) | LARGE_COMPANIES[company](number) for number in numbers])
    async with talking_to(*bodies) as client:
        for arguments in (
            {"count_by": ["tag", "city"], "limit": 0},
            {"count_by": ["source", "created_week"], "order": "name"},
            {"duplicates": True},
            {"duplicates": True, "has": ["notes"], "fields": ["name", "email"], "limit": 100},
        ):
            assert await fault_of_call(client, "search_leads", arguments) is None, arguments


async def test_a_group_of_duplicates_that_has_no_room() -> None:
    """It is shown in part, and its other leads are counted."""
    alike = [lead(number, {}) | LARGE_COMPANIES["all alike"](number) for number in range(2 * PAGE_LIMIT)]
    async with talking_to(*pages_of(alike)) as client:
        answer = await client.call_tool("search_leads", {"duplicates": True})
    first, shared, *lines, rest = said(answer).splitlines()
    assert (first, shared, rest) == snapshot(
        (
            "20 of 2,000 leads in 1 group that shares a phone or e-mail, newest first. Today is 2026-11-22. 2 requests spent.",
            "none@example.com:",
            "  and 1,980 more leads",
        )
    )
    assert len(lines) == len(content(answer)["leads"]) == snapshot(20)
    assert "cursor" not in content(answer)
