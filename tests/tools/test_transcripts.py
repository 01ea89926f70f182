"""What an owner asks, and what an assistant reads: golden transcripts of whole companies."""

import json
import re
from typing import Any

import pytest
from inline_snapshot import external_file
from mcp import Client

from evals.companies import washers
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import NOW, text
from tests.leads.companies import company
from tests.tools.test_token_counts import tokens

pytestmark = pytest.mark.anyio

CONVERSATION: list[tuple[str, str, dict[str, Any]]] = [
    ("Which service brings most?", "search_leads", {"count_by": "service_type", "limit": 0}),
    ("Which source converts best?", "search_leads", {"count_by": ["source", "stage"], "limit": 0}),
    (
        "How many leads came in each month since summer?",
        "search_leads",
        {"count_by": "created_month", "created_from": "2026-06-01", "limit": 0},
    ),
    (
        "How many follow-ups on each day of next week?",
        "search_leads",
        {
            "count_by": "follow_up_day",
            "follow_up_from": "2026-11-23",
            "follow_up_to": "2026-11-29",
            "limit": 0,
        },
    ),
    ("Who is in here twice?", "search_leads", {"duplicates": True}),
    (
        "Which open leads never got a follow-up?",
        "search_leads",
        {
            "not_stage": ["Booked", "Lost", "Won"],
            "lacks": ["follow_up_date"],
            "fields": ["name", "phone"],
            "limit": 10,
        },
    ),
    (
        "Who is overdue and urgent?",
        "search_leads",
        {"overdue": True, "priority": "high", "fields": ["name", "follow_up_date"], "limit": 10},
    ),
    ("How many are quoted or contacted?", "search_leads", {"stage": ["Quoted", "Contacted"], "limit": 0}),
    ("Anything in the stage Quotd?", "search_leads", {"stage": "Quotd"}),
    ("And from the radio, or with a tag VIP?", "search_leads", {"source": "radio", "tags": ["VIP"]}),
    ("Show me the latest five.", "search_leads", {"limit": 5}),
]


@pytest.mark.parametrize("size", [160, 2_400])
async def test_the_questions_of_an_owner(size: int) -> None:
    settings = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago", "search_memory": "0"})
    transcript: list[str] = []
    with company(washers(size).leads(NOW.date())) as sandbox:
        server = build_server(settings, transport=sandbox.transport, clock=lambda: NOW)
        async with Client(server) as client:
            for said, tool, arguments in CONVERSATION:
                shown = text(await client.call_tool(tool, arguments))
                shown = re.sub(r"cursor \S+$", "cursor <cursor>", shown, flags=re.MULTILINE)
                call = f"{tool} {json.dumps(arguments)}"
                transcript.append(f"> {said}\n{call}\n[{tokens(shown)} tokens]\n{shown}\n")
    assert "\n".join(transcript) == external_file(f"../snapshots/owner-{size}.txt")
