"""What this server leaves behind in situations that are known to go wrong, and what their judges find wrong."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult

from bench.compare.results import FILE, load
from bench.outcomes.situation import End, Situation, Verdict, all_leads, bad, good, play
from bench.outcomes.situations import (
    HOUSEHOLD,
    INVISIBLE,
    LOST_REPLY,
    LOST_REPLY_WITH_PHONE,
    MISNAMED,
    NEW_NAME,
    NOTES,
    REPEATED,
    SITUATIONS,
    SPELLING,
    TWO_LEADS,
    USED_UP,
)
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, requests
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import JANE, NOW

TOOLS = {"upsert": "upsert_lead", "get": "get_lead"}

HELD: list[tuple[Situation, Verdict]] = [
    (HOUSEHOLD, good("Jane stays; nothing written")),
    (SPELLING, good("one Jane, updated")),
    (TWO_LEADS, good("nothing written")),
    (NOTES, good("added to earlier notes")),
    (MISNAMED, good("refused; nothing written")),
    (LOST_REPLY, good("one lead")),
    (LOST_REPLY_WITH_PHONE, good("one lead, written once")),
    (REPEATED, good("written once")),
    (INVISIBLE, good("taken out")),
    (USED_UP, good("one request")),
    (NEW_NAME, bad("not done: asks first")),
]


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
@pytest.mark.parametrize(("situation", "verdict"), HELD, ids=lambda value: getattr(value, "title", ""))
async def test_what_this_server_leaves_behind(situation: Situation, verdict: Verdict, mode: Any) -> None:
    with closing(situation.sandbox()) as rotor:
        server = build_server(Settings.load({"api_key": FULL_KEY}), transport=rotor.transport)
        async with Client(server, mode=mode) as client:

            async def ask(tool: str, arguments: dict[str, Any]) -> CallToolResult:
                return await client.call_tool(TOOLS[tool], arguments)

            assert situation.judge(await play(situation, rotor, ask)) == verdict


def test_the_results_say_the_same() -> None:
    written = load(FILE.read_text("utf-8")).outcomes
    assert {title: verdicts["rotor-mcp"] for title, verdicts in written.items()} == {
        situation.title: verdict for situation, verdict in HELD
    }
    assert [situation for situation, _ in HELD] == [*SITUATIONS]


@dataclass(frozen=True)
class Other:
    """Another end: what was written, asked and shown."""

    situation: Situation
    verdict: Verdict
    writes: tuple[dict[str, Any], ...] = ()
    requests: tuple[str, ...] = ()
    shown: str = ""


POST = "POST /leads"
ERIN = {"name": "Erin Fox"}
DANA = {"name": "Dana Whitfield"}

OTHERS = [
    Other(HOUSEHOLD, bad("Jane Doe's lead is Bob's now"), (HOUSEHOLD.arguments,)),
    Other(HOUSEHOLD, bad("Jane Doe's lead is Bob's now"), ({"id": JANE, "service_type": "Gutters"},)),
    Other(HOUSEHOLD, good("Bob has a lead of his own"), ({"name": "Bob Doe"},)),
    Other(SPELLING, bad("a second Jane Doe"), (SPELLING.arguments,)),
    Other(SPELLING, bad("not updated")),
    Other(TWO_LEADS, bad("Tom Becker overwritten"), (TWO_LEADS.arguments,)),
    Other(TWO_LEADS, bad("Priya Raman overwritten"), ({"email": "priya.raman@example.com", "stage": "Won"},)),
    Other(TWO_LEADS, bad("a third lead"), ({"name": "Priya Raman"},)),
    Other(NOTES, bad("earlier notes are gone"), (NOTES.arguments,)),
    Other(NOTES, bad("the line is missing")),
    Other(MISNAMED, bad("entered without the city"), (DANA,)),
    Other(MISNAMED, bad("entered without the city"), (DANA | {"address_city": "Delano"}, DANA)),
    Other(MISNAMED, good("entered with the city"), (DANA | {"address_city": "Delano"},)),
    Other(LOST_REPLY, bad("no lead")),
    Other(LOST_REPLY, bad("two leads"), (ERIN, ERIN)),
    Other(LOST_REPLY_WITH_PHONE, bad("no lead"), (), (POST,)),
    Other(LOST_REPLY_WITH_PHONE, bad("two leads"), (ERIN, ERIN), (POST, POST)),
    Other(LOST_REPLY_WITH_PHONE, bad("one lead, written twice"), (ERIN,), (POST, "GET /leads", POST)),
    Other(REPEATED, bad("not updated"), (), (POST,)),
    Other(REPEATED, bad("written twice"), (REPEATED.arguments,), (POST, POST)),
    Other(INVISIBLE, bad("the notes are missing"), shown="Jane Doe"),
    Other(INVISIBLE, bad("the model gets them"), shown=str((INVISIBLE.lead or {}).get("notes"))),
    Other(USED_UP, bad("3 requests"), (), (POST, POST, POST)),
    Other(USED_UP, bad("0 requests")),
    Other(NEW_NAME, good("done at once"), (NEW_NAME.arguments,)),
    Other(NEW_NAME, bad("something else is written"), ({"name": "Jane Miller"},)),
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: f"{other.situation.title}: {other.verdict.words}")
def test_what_else_may_come_of_it(other: Other) -> None:
    with closing(other.situation.sandbox()) as rotor:
        before = all_leads(rotor)
        for body in other.writes:
            assert rotor.store.upsert(requests.parse_lead(body), NOW)
        end = End(before, all_leads(rotor), other.requests, other.shown)
    assert other.situation.judge(end) == other.verdict


def test_every_judge_finds_something_wrong() -> None:
    assert {other.situation.title for other in OTHERS if not other.verdict.good} == {
        situation.title for situation in SITUATIONS
    }
