"""Nobody who is there is missed: searches in other spellings, and what is said when nothing matches."""

from contextlib import closing
from typing import Any

import pytest
from inline_snapshot import snapshot
from mcp import Client
from mcp.types import CallToolResult

from rotor_mcp.sandbox import Sandbox
from tests.conftest import NOW, Rotor, content, text
from tests.leads.test_search import all_leads, connect, search

pytestmark = pytest.mark.anyio


def names(result: CallToolResult) -> list[str]:
    return [lead.get("name", "") for lead in content(result)["leads"]]


@pytest.fixture
def rotor(sandbox: Sandbox) -> Rotor:
    return Rotor(sandbox)


@pytest.mark.parametrize(
    "query",
    [
        "6125550142",
        "612-555-0142",
        "(612) 555-0142",
        "+1 612 555 0142",
        "001 612 555 0142",
        "1.612.555.0142",
        "tel:+16125550142",
        "555-0142",
        "612555-0142 ext. 3",
    ],
)
@pytest.mark.parametrize(
    "stored", ["(612) 555-0142", "6125550142", "612.555.0142 (cell)", "+1 612-555-0142 x3"]
)
async def test_a_phone_is_found_in_every_spelling_by_one_request(
    client: Client, rotor: Rotor, sandbox: Sandbox, query: str, stored: str
) -> None:
    await rotor.add(name="Tia Vang", phone=stored)
    sandbox.requests.clear()
    assert names(await search(client, search=query)) == ["Tia Vang"]
    assert sandbox.requests == ["GET /leads"]


async def test_a_phone_that_nobody_has(client: Client, sandbox: Sandbox) -> None:
    result = await search(client, search="6125559999")
    assert text(result) == snapshot("""\
No lead matches search "6125559999"; archived ones left out. Today is 2026-11-22. 2 requests spent.
Rotor's own search gave no match, so names, e-mails and phones were compared here as well, without accents and punctuation.\
""")
    assert sandbox.requests == ["GET /leads", "GET /leads"]


async def test_a_phone_in_pairs_is_found_by_a_further_look(client: Client, rotor: Rotor) -> None:
    await rotor.add(name="Tia Vang", phone="612 555 01 71")
    result = await search(client, search="612-555-0171")
    assert names(result) == ["Tia Vang"]


@pytest.mark.parametrize(
    ("stored", "query"),
    [
        ("José Muñoz", "Munoz"),
        ("José Muñoz", "jose munoz"),
        ("Jose Munoz", "Muñoz"),
        ("Jose\u0301 Pen\u0303a", "Peña"),  # stored in decomposed letters
        ("José Peña", "Jose\u0301"),  # asked for in decomposed letters
        ("Tim O’Brien", "O'Brien"),
        ("Tim O'Brien", "OBrien"),
        ("Zoë  Łuczak", "zoe luczak"),  # two blanks
        ("Zoë Łuczak", "Luczak, Zoe"),
        ("St. Croix Homes", "St Croix"),
        ("Smith-Jones", "Smith Jones"),
    ],
)
async def test_a_name_is_found_in_every_spelling(
    client: Client, rotor: Rotor, sandbox: Sandbox, stored: str, query: str
) -> None:
    await rotor.add(name=stored)
    sandbox.requests.clear()
    assert names(await search(client, search=query)) == [" ".join(stored.split())]
    assert len(sandbox.requests) <= 2


async def test_a_further_look_is_said(client: Client, rotor: Rotor) -> None:
    await rotor.add(name="José Muñoz")
    result = await search(client, search="Munoz", fields="name")
    assert text(result).rpartition(" · id ")[0] == snapshot("")
    assert content(result)["compared_here"] is True


async def test_a_further_look_ends_after_one_page_and_goes_on_with_the_cursor() -> None:
    with closing(Sandbox(leads=1_100, now=lambda: NOW)) as sandbox:
        oldest = (await all_leads(sandbox))[-1]["id"]
        await Rotor(sandbox).change(oldest, name="José Muñoz")
        sandbox.requests.clear()
        async with connect(sandbox) as client:
            first = await search(client, search="Munoz")
            assert text(first).partition("More:")[0] == snapshot("""\
No match so far for search "Munoz"; archived ones left out. Today is 2026-11-22. 2 requests spent.
Rotor's own search gave no match, so names, e-mails and phones were compared here as well, without accents and punctuation.
Only the newest 1,000 of 1,040 leads were looked at, and counted.
""")
            assert sandbox.requests == ["GET /leads", "GET /leads"]
            further = await search(client, search="Munoz", cursor=content(first)["cursor"])
        assert names(further) == ["José Muñoz"]


async def test_what_rotor_alone_has_compared_is_said(sandbox: Sandbox) -> None:
    async with connect(sandbox, search_requests="1") as client:
        await Rotor(sandbox).add(name="José Muñoz")
        sandbox.requests.clear()
        assert text(await search(client, search="Munoz")) == snapshot("""\
No lead matches search "Munoz"; archived ones left out. Today is 2026-11-22. 1 request spent.
Rotor alone has compared: no request was left to look for other spellings (ROTOR_MCP_SEARCH_REQUESTS).\
""")
        assert sandbox.requests == ["GET /leads"]
        assert "rotor_alone" not in content(await search(client, search="doe"))


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_further_looks_spend_no_more_than_a_search_may(most: int) -> None:
    with closing(Sandbox(leads=3_000, quota=5_000, now=lambda: NOW)) as sandbox:
        async with connect(sandbox, search_requests=str(most)) as client:
            await search(client, search="nobody", stage="nowhere", tags=["nothing"])
        assert len(sandbox.requests) == most


async def test_a_search_with_a_stage_in_other_capitals(client: Client, rotor: Rotor) -> None:
    await rotor.add(name="José Muñoz", stage="Quoted")
    assert names(await search(client, search="munoz", stage="QUOTED")) == ["José Muñoz"]


@pytest.mark.parametrize(
    "place",
    [
        {"address_city": "St Paul"},
        {"address_city": "saint paul"},
        {"address_state": "minnesota", "address_city": "ST. PAUL"},
        {"address_zip": "551 01"},
    ],
)
async def test_a_place_is_found_in_every_spelling(
    client: Client, rotor: Rotor, place: dict[str, str]
) -> None:
    await rotor.add(name="Tia Vang", address_city="St. Paul", address_state="MN", address_zip="55101-1234")
    assert "Tia Vang" in names(await search(client, **place))


@pytest.mark.parametrize(
    "wanted",
    [
        {"stage": "New"},
        {"stage": "New Leads, Contacted"},
        {"tags": ["Webside"]},
        {"source": "Yelp"},
        {"stage": "Qualified", "source": "Yelp", "search": "doe"},
    ],
)
async def test_a_word_that_nobody_has_is_said_to_be_unknown(client: Client, wanted: dict[str, Any]) -> None:
    result = await search(client, **wanted)
    assert {str(wanted): text(result)} == {str(wanted): UNKNOWN[str(wanted)]}
    assert content(result)["unused"]


UNKNOWN: dict[str, str] = snapshot(
    {
        "{'stage': 'New'}": """\
No lead matches stage "New"; archived ones left out. Today is 2026-11-22. 2 requests spent.
No lead read lately has the stage New. In use: New Leads, Contacted, Quoted, Scheduled, Lost, Won.\
""",
        "{'stage': 'New Leads, Contacted'}": """\
No lead matches stage "New Leads, Contacted"; archived ones left out. Today is 2026-11-22. 2 requests spent.
No lead read lately has the stage New Leads, Contacted. In use: New Leads, Contacted, Quoted, Scheduled, Lost, Won.\
""",
        "{'tags': ['Webside']}": """\
No lead matches tags "Webside"; archived ones left out. Today is 2026-11-22. 2 requests spent.
No lead read lately has the tag Webside. In use: Website, Referral, plan: quarterly, plan: yearly, exact-quote, Holiday lights, in, out.\
""",
        "{'source': 'Yelp'}": """\
No lead matches source "Yelp"; archived ones left out. Today is 2026-11-22. 1 request spent.
No lead read lately has the source Yelp. In use: Website quote form, Door-to-door, Referral Program, Google ads, Nextdoor, Meta ads.\
""",
        "{'stage': 'Qualified', 'source': 'Yelp', 'search': 'doe'}": """\
No lead matches search "doe", stage "Qualified", source "Yelp"; archived ones left out. Today is 2026-11-22. 3 requests spent.
No lead read lately has the stage Qualified. In use: New Leads, Contacted, Quoted, Scheduled, Lost, Won.
No lead read lately has the source Yelp. In use: Website quote form, Door-to-door, Referral Program, Google ads, Nextdoor, Meta ads.
Rotor's own search gave no match, so names, e-mails and phones were compared here as well, without accents and punctuation.\
""",
    }
)


async def test_an_unknown_tag_is_said_beside_what_the_other_finds(client: Client) -> None:
    result = await search(client, tags=["Website", "Nowhere"], fields="name", limit=1)
    assert text(result).splitlines()[:2] == snapshot(
        [
            "1 of 25 leads. Today is 2026-11-22. 2 requests spent.",
            "No lead read lately has the tag Nowhere. In use: Website, Referral, plan: quarterly, plan: yearly, exact-quote, Holiday lights, in, out.",
        ]
    )


async def test_a_known_word_is_not_said_to_be_unknown(client: Client) -> None:
    result = await search(client, stage="Won", priority="high", created_to="2020-01-01", source="website")
    assert text(result) == snapshot(
        'No lead matches stage "Won", created_to "2020-01-01", priority "high", source "website"; archived ones left out. Today is 2026-11-22. 2 requests spent.'
    )
    assert "unused" not in content(result)


async def test_an_unknown_stage_in_a_company_with_one_lead() -> None:
    with closing(Sandbox(leads=0)) as sandbox:
        async with connect(sandbox) as client:
            assert text(await search(client, stage="New")) == snapshot("""\
No lead matches stage "New"; archived ones left out. Today is 2026-11-22. 2 requests spent.
No lead read lately has the stage New. In use: none.\
""")
        await Rotor(sandbox).add(name="Tia Vang", stage="Lead in")
        async with connect(sandbox) as client:
            assert text(await search(client, stage="New")) == snapshot("""\
No lead matches stage "New"; archived ones left out. Today is 2026-11-22. 2 requests spent.
No lead read lately has the stage New. In use: Lead in.\
""")


@pytest.mark.parametrize(
    "filled",
    [
        {"value_to": 0, "stage": ""},
        {"duplicates": False, "priority": "", "value_from": 0.0},
        {
            **dict.fromkeys(("stage", "source", "priority", "created_from", "cursor", "address_zip"), ""),
            **dict.fromkeys(("value_from", "value_to", "limit"), 0),
            **dict.fromkeys(("duplicates", "overdue", "needs_action", "all_tags"), False),
            "tags": [],
            "fields": [],
        },
    ],
)
async def test_what_a_gateway_fills_in_is_not_given(client: Client, filled: dict[str, Any]) -> None:
    result = await search(client, **{"search": "doe", **filled})
    assert names(result) == ["Jane Doe"]
    assert "not used, because other arguments are blank text: " in text(result)
    assert "not used" in content(result)["notice"]


async def test_zero_and_false_are_given_where_nothing_is_blank(client: Client) -> None:
    result = await search(client, search="doe", value_to=0)
    assert text(result) == snapshot("""\
No lead matches search "doe", value_to 0; archived ones left out. Today is 2026-11-22. 2 requests spent.
Rotor's own search gave no match, so names, e-mails and phones were compared here as well, without accents and punctuation.\
""")
    assert content(result)["filters"] == {"search": "doe", "value_to": 0}


async def test_null_is_no_sign_of_a_gateway(client: Client) -> None:
    """Clients with strict schemas send null for what is not meant, and 0 for what is."""
    assert names(await search(client, search="doe", stage=None, value_to=0)) == []


async def test_arguments_that_a_client_adds_are_ignored_and_mentioned(client: Client) -> None:
    added = {
        "toolCallId": "call_1",
        "sessionId": "s",
        "action": "sendMessage",
        "chatInput": "who?",
        "tool": "search_leads",
        "tool_call_id": "x",
        "requestId": 7,
    }
    result = await search(client, search="doe", **added)
    assert names(result) == ["Jane Doe"]
    assert text(result).splitlines()[-1] == snapshot(
        "Note: not arguments of this tool, ignored: toolCallId, sessionId, action, chatInput, tool, tool_call_id, requestId."
    )


async def test_leads_at_midnight_utc_are_due_on_that_day(client: Client, rotor: Rotor) -> None:
    await rotor.add(name="Tia Vang", follow_up_date="2026-11-22T00:00:00Z")
    await rotor.add(name="Mia Vang", follow_up_date="2026-11-21T00:00:00+00:00")
    due = await search(client, search="Vang", order="follow_up", fields="name,follow_up_date")
    assert [line.rpartition(" · id ")[0] for line in text(due).splitlines() if "Vang" in line] == snapshot(
        [
            "",
            "",
            "",
            "",
        ]
    )
    today = await search(client, search="Vang", follow_up_from="2026-11-22", follow_up_to="2026-11-22")
    assert names(today) == ["Tia Vang"]
    assert names(await search(client, search="Vang", overdue=True)) == ["Mia Vang"]


async def test_a_cursor_after_a_negative_whole_amount(sandbox: Sandbox) -> None:
    async with connect(sandbox) as client:
        for amount in (-5, -4, -3):
            lead = await Rotor(sandbox).add(name=f"Credit {-amount}", projected_value=1)
            _set_value(sandbox, lead, amount)
        first = await search(client, search="Credit", order="value", limit=2)
        rest = await search(client, search="Credit", order="value", limit=2, cursor=content(first)["cursor"])
    assert names(first) + names(rest) == ["Credit 3", "Credit 4", "Credit 5"]


def _set_value(sandbox: Sandbox, lead_id: str, amount: int) -> None:
    """Write what no request can: an amount that Rotor may hold from elsewhere."""
    with sandbox.store._transaction() as db:
        db.execute("UPDATE leads SET projected_value = ? WHERE id = ?", (amount, lead_id))
