"""What the server does with what it knows of Rotor: from the settings, or because an answer has shown it."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import fields
from typing import Any, get_args

import anyio
import pytest
from inline_snapshot import snapshot
from mcp import Client

from rotor_mcp.api.models import Lead
from rotor_mcp.behavior import ANSWERS, Behavior, read_answers
from rotor_mcp.config import ConfigError, Settings
from rotor_mcp.sandbox import Fault, Sandbox
from rotor_mcp.sandbox.store import StoredLead
from rotor_mcp.server.mcp_server import build_server
from rotor_mcp.state.known_behavior import KnownBehavior
from rotor_mcp.state.recent_writes import MAX_REMEMBERED, REMEMBERED_SECONDS, RecentWrites
from tests.behaviors.promises import ANN, JOSE, NOW, SETTINGS, company_of
from tests.conftest import text

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(behavior: str = "", assumed: str = "") -> AsyncIterator[tuple[Client, Sandbox]]:
    """A client of a server that knows something, and its Rotor."""
    with closing(company_of(Behavior.parse(behavior))) as rotor:
        settings = Settings.load(SETTINGS | {"assume": assumed})
        server = build_server(settings, transport=rotor.transport, clock=lambda: NOW)
        async with Client(server) as client:
            yield client, rotor


def stored(rotor: Sandbox, lead_id: str) -> StoredLead:
    """A lead as Rotor has it."""
    lead = rotor.store.get(lead_id)
    assert lead is not None
    return lead


async def told(client: Client, tool: str = "upsert_lead", **arguments: Any) -> str:
    return text(await client.call_tool(tool, arguments))


async def test_what_was_emptied_is_put_back_and_then_kept() -> None:
    async with opened("omitted_fields=blanked") as (client, rotor):
        assert await told(client, id=JOSE, priority="low") == snapshot("""\
Updated José Núñez. 4 requests spent.
  priority: none → low
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002
Note: Rotor emptied fields that were not written, and they were put back: phone, notes.\
""")
        assert await told(client, id=JOSE, priority="high") == snapshot("""\
Updated José Núñez. 2 requests spent.
  priority: low → high
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002\
""")
        assert stored(rotor, JOSE)["notes"] == "Call after five."


async def test_a_reply_that_shows_less_than_is_stored_is_not_taken_for_a_loss() -> None:
    """It is looked at once, and then known."""
    async with opened() as (client, rotor):
        for priority in ("low", "high"):
            shown = {"id": JOSE, "name": "José Núñez", "priority": priority, "notes": None, "phone": ""}
            rotor.faults.add(Fault(method="POST", carried_out=True, status=200, body=json.dumps(shown)))
        assert await told(client, id=JOSE, priority="low") == snapshot("""\
Updated José Núñez. 3 requests spent.
  priority: none → low
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002\
""")
        assert await told(client, id=JOSE, priority="high") == snapshot("""\
Updated José Núñez. 2 requests spent.
  priority: low → high
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002\
""")


async def test_a_reply_about_another_lead_shows_nothing_of_this_one() -> None:
    async with opened() as (client, rotor):
        body = json.dumps({"id": ANN, "name": "Ann", "phone": None, "notes": None, "priority": "low"})
        rotor.faults.add(Fault(method="POST", carried_out=True, status=200, body=body))
        assert await told(client, id=JOSE, priority="low") == snapshot("""\
Updated José Núñez. 3 requests spent.
Reading it back shows that it was written; the reply was lost (the answer names another lead).
  priority: none → low
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002\
""")
        assert rotor.requests == [f"GET /leads/{JOSE}", "POST /leads", f"GET /leads/{JOSE}"]


async def test_what_cannot_be_put_back_is_told() -> None:
    """The one who calls can enter it again: nothing is lost."""
    async with opened("omitted_fields=blanked") as (client, rotor):
        rotor.faults.add(Fault(method="POST", carried_out=True))
        rotor.faults.add(Fault(method="POST", status=500, times=2))
        assert await told(client, id=JOSE, priority="low") == snapshot("""\
Updated José Núñez. 4 requests spent.
  priority: none → low
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002
Note: Rotor emptied fields that were not written, and they could not be put back (Rotor answered 500). They were: phone: "763-555-0177"; notes: "Call after five.".\
""")


async def test_what_rotor_no_longer_takes_is_told_and_the_rest_put_back() -> None:
    async with opened("omitted_fields=blanked") as (client, rotor):
        rotor.store.put([stored(rotor, JOSE) | {"email": "jose@home", "service_type": "Windows"}])
        assert await told(client, id=JOSE, priority="low") == snapshot("""\
Updated José Núñez. 5 requests spent.
  priority: none → low
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002
Note: Rotor emptied fields that were not written, and they could not be put back (Rotor refused them). They were: email: "jose@home".
Note: Rotor emptied fields that were not written, and they were put back: phone, service_type, notes.\
""")
        lead = stored(rotor, JOSE)
        assert (lead["phone"], lead["service_type"], lead["email"]) == ("763-555-0177", "Windows", None)


async def test_notes_that_are_added_are_sent_once() -> None:
    async with opened("notes=appended") as (client, rotor):
        assert await told(client, id=JOSE, notes="Second floor.") == snapshot("""\
Updated José Núñez. 2 requests spent.
  notes: + 2026-11-22: Second floor.
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002
Note: Rotor added to the notes instead of replacing them, so the earlier ones stand there twice.
Note: Rotor's answer differs from what was sent in: notes.\
""")
        assert await told(client, id=JOSE, notes="Dog.") == snapshot("""\
Updated José Núñez. 2 requests spent.
  notes: + 2026-11-22: Dog.
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002\
""")
        assert stored(rotor, JOSE)["notes"] == snapshot("""\
Call after five.
Call after five.
2026-11-22: Second floor.
2026-11-22: Dog.\
""")
    async with opened("notes=appended", "notes=appended") as (client, rotor):
        await told(client, id=JOSE, notes="Second floor.")
        assert stored(rotor, JOSE)["notes"] == snapshot("""\
Call after five.
2026-11-22: Second floor.\
""")


async def test_a_day_is_sent_where_a_time_is_refused() -> None:
    async with opened("follow_up_input=date") as (client, rotor):
        assert await told(client, id=JOSE, follow_up_date="2026-12-01") == snapshot("""\
Updated José Núñez. 3 requests spent.
  follow_up_date: none → 2026-12-01
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f002
Note: a follow-up date can make the company's automations text or e-mail the person.\
""")
        await told(client, id=ANN, follow_up_date="2026-12-02")
        assert rotor.requests[-2:] == [f"GET /leads/{ANN}", "POST /leads"]
    async with opened("follow_up_input=date", "follow_up_input=date") as (client, rotor):
        await told(client, id=JOSE, follow_up_date="2026-12-01T09:00")
        assert rotor.requests == [f"GET /leads/{JOSE}", "POST /leads"]
        assert stored(rotor, JOSE)["follow_up_date"] == "2026-12-01T00:00:00Z"


async def test_another_fault_than_the_date_is_told_as_it_is() -> None:
    async with opened() as (client, rotor):
        rotor.faults.add(Fault(method="POST", status=400))
        assert await told(client, id=JOSE, follow_up_date="2026-12-01") == snapshot(
            "Rotor does not accept this, and nothing was written. email: Invalid email format. 2 requests spent."
        )
        assert rotor.requests == [f"GET /leads/{JOSE}", "POST /leads"]


@pytest.mark.parametrize(
    ("assumed", "search", "requests"),
    [
        ("", "999-555-0000", 2),
        ("search=substring", "999-555-0000", 2),
        ("search_phone=digits", "999-555-0000", 1),
        ("search=word_beginnings", "999-555-0000", 2),
        ("", "Nobody Here", 2),
        ("search=substring", "Nobody Here", 2),
        ("search=substring,search_accents=ignored", "Nobody Here", 1),
    ],
)
async def test_what_rotor_finds_need_not_be_looked_for_here(assumed: str, search: str, requests: int) -> None:
    async with opened(assumed, assumed) as (client, rotor):
        assert "No lead" in await told(client, "search_leads", search=search)
        assert len(rotor.requests) == requests


async def test_a_phone_in_pairs_is_found_although_rotor_is_known_to_search_anywhere() -> None:
    async with opened("search=substring", "search=substring") as (client, rotor):
        rotor.store.put([stored(rotor, JOSE) | {"phone": "763 555 01 77"}])
        assert "José Núñez" in await told(client, "search_leads", search="763-555-0177")


async def test_what_a_first_try_lost_is_told_although_a_second_came_through() -> None:
    async with opened("omitted_fields=blanked,read_delay=two_reads") as (client, rotor):
        body = json.dumps({"id": JOSE, "name": "José Núñez", "priority": "low", "phone": "", "notes": None})
        rotor.faults.add(Fault(method="POST", status=200, body=body))  # proves nothing: no tags
        rotor.faults.add(Fault(method="POST", status=500, times=1))
        said = await told(client, id=JOSE, priority="low", tags=["a"])
        assert "was lost" in said
        assert 'They were: phone: "763-555-0177"; notes: "Call after five."' in said


async def test_a_phone_in_one_word_is_found_where_it_is_known_that_its_end_is_not() -> None:
    spelled = {"phone": "763-555-0155", "name": "Pat Orr"}
    async with opened("search=word_beginnings", "search=word_beginnings") as (client, rotor):
        assert await told(client, **spelled) == snapshot("""\
Nothing to change in Pat Orr (matched by phone); nothing was written. 3 requests spent.
  unchanged: name, phone
id 0d9f3c1a-7b52-4c1e-9d54-2b7c0a51f006\
""")
        assert rotor.requests == ["GET /leads"] * 3


async def test_a_lead_that_reads_do_not_show_yet_is_not_entered_twice() -> None:
    async with opened("read_delay=two_reads") as (client, rotor):
        count = len(rotor.store.all())
        await told(client, name="Eve Stone", email="eve@example.com")
        again = await told(client, name="Eve Stone", email="Eve@Example.com")
        assert again.startswith("Nothing to change in Eve Stone (matched by email); nothing was written.")
        assert len(rotor.store.all()) == count + 1


@pytest.mark.parametrize(
    ("arguments", "count"), [({"count_by": ["stage"]}, 2), ({"search": "an"}, 2), ({"overdue": True}, 0)]
)
async def test_a_rotor_that_answers_the_same_page_for_ever_is_left(
    arguments: dict[str, Any], count: int
) -> None:
    """It tells nothing of pages, and knows none."""
    leads = [{"id": ANN, "name": "Ann", "tags": []}, {"id": JOSE, "name": "José", "tags": []}]
    async with opened() as (client, rotor):
        rotor.faults.add(Fault(body=json.dumps({"data": leads}), times=20))
        result = await client.call_tool("search_leads", arguments)
        assert (result.structured_content or {})["count"] == count
        assert len(rotor.requests) <= 4


def test_what_a_later_read_shows_counts() -> None:
    async def main() -> None:
        writes = RecentWrites()
        before, after = Lead(id=ANN, notes="a"), Lead(id=ANN, notes="a\nb")
        writes.add(before, after)
        assert writes.current([before, Lead(id=JOSE)]) == [after, Lead(id=JOSE)]
        by_others = Lead(id=ANN, notes="c")
        assert writes.current([by_others]) == [by_others]
        writes.add(after, last := Lead(id=ANN, notes="a\nb\nc"))
        assert writes.current([before]) == [last]
        assert writes.get(ANN) is None
        writes.add(None, new := Lead(id=JOSE))
        assert (writes.get(JOSE), writes.all()) == (new, [last, new])

    anyio.run(main)


def test_what_was_written_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1_000.0
    monkeypatch.setattr(anyio, "current_time", lambda: moment)
    writes, lead = RecentWrites(), Lead(id=ANN)
    writes.add(None, lead)
    moment += REMEMBERED_SECONDS - 1
    assert (writes.all(), writes.get(ANN)) == ([lead], lead)
    moment += 1
    assert (writes.all(), writes.get(ANN), writes.current([lead])) == ([], None, [lead])
    writes.add(Lead(id=ANN, notes="since"), lead)  # what was before the first one no longer counts
    assert writes.current([Lead(id=ANN, notes="since")]) == [lead]


def test_so_many_writes_are_remembered() -> None:
    async def main() -> list[Lead]:
        writes = RecentWrites()
        for number in range(MAX_REMEMBERED + 1):
            writes.add(None, Lead(id=str(uuid.UUID(int=number))))
        writes.add(None, Lead(name="without an id"))
        return writes.all()

    ids = [uuid.UUID(lead.id).int for lead in anyio.run(main)]
    assert ids == [*range(1, MAX_REMEMBERED + 1)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("notes", "must be NAME=ANSWER, or the name of a report: No such file or directory"),
        ("notes=", "must answer notes with one of these: replaced, appended"),
        ("note=appended", "must name questions, and note is none of these: auth_test, "),
        ("notes=appended,notes=replaced", "must answer notes once"),
        (".", "must be NAME=ANSWER, or the name of a report: Is a directory"),
        ("pyproject.toml", "must be NAME=ANSWER, or the name of a report: this file is none"),
    ],
)
def test_what_cannot_be_assumed_is_said(given: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings.load({"assume": given})
    assert str(caught.value).startswith(f"ROTOR_MCP_ASSUME: {said}")


def test_answers_are_read() -> None:
    assert read_answers(" notes = appended , search=substring,") == {
        "notes": "appended",
        "search": "substring",
    }


def test_what_rotor_shows_outweighs_what_was_assumed() -> None:
    known = KnownBehavior(notes="appended")
    known.assume({"notes": "replaced", "search": "substring", "id_case": "upper"})
    assert known == KnownBehavior(notes="appended", search="substring")


def test_what_is_known_has_the_answers_of_the_questions() -> None:
    answers = {each.name: get_args(get_args(each.type)[0]) for each in fields(KnownBehavior)}
    assert {name: ANSWERS[name] for name in answers} == answers
