"""Whatever Rotor answers: every call is answered in words, within its requests, and claims only what was proven."""

from typing import Any

import anyio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp.types import CallToolResult

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.server.mcp_server import build_server
from tests.adversary import EXAMPLES
from tests.adversary.judging import fault_of_answer
from tests.adversary.rotor import LEAD_ID, Reply, Rotor, replies
from tests.conftest import NOW, text

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("upsert_lead", {"name": "Jane Doe", "phone": "612-555-0142", "notes": "CallSummary", "stage": "won"}),
    ("upsert_lead", {"name": "Jane Doe", "email": "jane@example.com", "tags": ["vip"]}),
    ("upsert_lead", {"name": "Jane Doe"}),
    ("upsert_lead", {"id": LEAD_ID, "follow_up_date": "2026-12-01"}),
    ("upsert_leads", {"rows": [{"name": f"J {row}", "phone": f"612-555-{row:04}"} for row in range(40)]}),
    (
        "upsert_leads",
        {"rows": [{"id": LEAD_ID, "priority": "high"}, {"name": "Bo", "email": "b@example.com"}]},
    ),
    ("search_leads", {"search": "jane"}),
    ("search_leads", {"overdue": True, "order": "follow_up", "count_by": "tag"}),
    ("search_leads", {"stage": "won", "tags": ["vip"], "limit": 5}),
    ("get_lead", {"id": LEAD_ID}),
)
BUDGETS = {"upsert_lead": 12, "upsert_leads": 100, "search_leads": 25, "get_lead": 3}
"""Requests that a call may spend, sent again ones among them."""
CLAIMS = frozenset({"created", "updated"})


def claims(answer: CallToolResult) -> bool:
    """Whether an answer says that something was written."""
    content = answer.structured_content or {}
    rows = [content, *content.get("rows", []), *content.get("attention", [])]
    return not content.get("dry_run") and any(row.get("outcome") in CLAIMS for row in rows)


async def faults(tool: str, arguments: dict[str, Any], reads: list[Reply], writes: list[Reply]) -> list[str]:
    rotor = Rotor(reads, writes)
    # With two seconds to go, what is sent again is sent at once.
    configuration = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago", "timeout": "2"})
    server = build_server(configuration, transport=rotor.transport, clock=lambda: NOW)
    async with Client(server) as client:
        answer = await client.call_tool(tool, arguments)
    found = [fault] if (fault := fault_of_answer(answer)) else []
    if len(rotor.requests) > BUDGETS[tool]:
        found.append(f"spent {len(rotor.requests)} requests")
    if claims(answer) and not rotor.proves():
        found.append(f"claims what is not proven: {text(answer)}")
    return found


NOBODY = Reply("list", 200, {}, None)
several = st.lists(replies, min_size=1, max_size=4)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from(CALLS), several, several)
@example(CALLS[0], [NOBODY], [Reply("drawn", 200, {}, {})])
@example(CALLS[0], [NOBODY], [Reply("drawn", 201, {}, {"status": "error"})])
@example(CALLS[4], [Reply("empty list that never ends", 200, {}, 10**9)], [NOBODY])
@example(CALLS[7], [Reply("list that never ends", 200, {}, None)], [NOBODY])
def test_whatever_rotor_answers(
    call: tuple[str, dict[str, Any]], reads: list[Reply], writes: list[Reply]
) -> None:
    assert anyio.run(faults, *call, reads, writes) == []


def test_what_is_proven_is_claimed() -> None:
    """So the other test does not pass because nothing is ever claimed."""

    async def write() -> list[str | None]:
        said = []
        for tool, arguments in (CALLS[0], CALLS[1]):
            rotor = Rotor([NOBODY], [Reply("stored", 201, {}, None)])
            server = build_server(Settings.load({"api_key": FULL_KEY}), transport=rotor.transport)
            async with Client(server) as client:
                answer = await client.call_tool(tool, arguments)
            assert rotor.proves()
            said.append((answer.structured_content or {}).get("outcome"))
        return said

    assert anyio.run(write) == ["created", "created"]
