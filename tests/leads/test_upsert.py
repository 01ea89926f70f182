"""Writes, as the model sees them: each outcome, each doubt, each way a reply can get lost."""

from typing import Any

import anyio
import pytest
from inline_snapshot import snapshot
from mcp import Client
from mcp.types import CallToolResult

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import CREATE_ONLY_KEY, FULL_KEY, READ_ONLY_KEY, Fault, Sandbox
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import JANE, NOW, Rotor, content, said, text
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
def rotor(sandbox: Sandbox) -> Rotor:
    return Rotor(sandbox)


async def upsert(client: Client, **arguments: Any) -> CallToolResult:
    return await client.call_tool("upsert_lead", arguments)


async def test_create(client: Client, rotor: Rotor, sandbox: Sandbox) -> None:
    result = await upsert(
        client,
        name="Dana Whitfield",
        phone="(612) 555-0142",
        email="Dana@Example.com",
        address_street1="214 Oak Street",
        follow_up_date="2026-12-01",
        projected_value="$1,200",
        tags="Website, plan: quarterly",
        notes="Gate code 4711.\nDog.",
    )
    assert said(result) == snapshot("""\
Created Dana Whitfield. 4 requests spent.
  name: Dana Whitfield
  phone: (612) 555-0142
  email: Dana@Example.com
  projected_value: $1,200
  follow_up_date: 2026-12-01
  address_street1: 214 Oak Street
  notes: Gate code 4711. Dog.
  tags: + Website, plan: quarterly
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: Rotor gave it the stage New Leads.\
""")
    structured = content(result)
    dana = structured.pop("id")
    assert structured == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 4,
            "outcome": "created",
            "name": "Dana Whitfield",
            "changes": [
                {"field": "name", "after": "Dana Whitfield"},
                {"field": "phone", "after": "(612) 555-0142"},
                {"field": "email", "after": "Dana@Example.com"},
                {"field": "projected_value", "after": 1200},
                {"field": "follow_up_date", "after": "2026-12-01"},
                {"field": "address_street1", "after": "214 Oak Street"},
                {
                    "field": "notes",
                    "after": """\
Gate code 4711.
Dog.\
""",
                },
            ],
            "tags_added": ["Website", "plan: quarterly"],
            "warnings": [
                "a new lead can make the company's automations text or e-mail the person",
                "Rotor gave it the stage New Leads",
            ],
        }
    )
    # By phone, by e-mail, and once to see how the company spells its tags.
    assert sandbox.requests == ["GET /leads", "GET /leads", "GET /leads", "POST /leads"]
    assert (await rotor.lead(dana))["follow_up_date"] == "2026-12-01T18:00:00Z"


async def test_update_a_lead_found_by_its_phone_in_another_spelling(
    client: Client, rotor: Rotor, sandbox: Sandbox
) -> None:
    result = await upsert(
        client,
        phone="763.555.0100",
        name="Jane",
        stage="Quoted",
        follow_up_date="2026-12-01T09:30",
        tags=["website", "Gutter Cleaning"],
        notes="Wants the gutters done too.",
        address_street2="Upper floor",
        address_country="USA",
    )
    assert said(result) == snapshot("""\
Updated Jane Doe (matched by phone). 2 requests spent.
  stage: New Leads → Quoted
  follow_up_date: none → 2026-12-01 09:30 (America/Chicago)
  address_street2: none → Upper floor
  notes: + 2026-11-22: Wants the gutters done too.
  tags: + Gutter Cleaning (already had Website)
  unchanged: name, phone, address_country
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage, a new tag and a follow-up date can make the company's automations text or e-mail the person.\
""")
    assert content(result) == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 2,
            "outcome": "updated",
            "id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e",
            "name": "Jane Doe",
            "matched_by": "phone",
            "changes": [
                {"field": "stage", "before": "New Leads", "after": "Quoted"},
                {"field": "follow_up_date", "after": "2026-12-01 09:30"},
                {"field": "address_street2", "after": "Upper floor"},
                {"field": "notes", "after": "+ 2026-11-22: Wants the gutters done too."},
            ],
            "tags_added": ["Gutter Cleaning"],
            "tags_present": ["Website"],
            "unchanged": ["name", "phone", "address_country"],
            "warnings": [
                "a new stage, a new tag and a follow-up date can make the company's automations text or e-mail the person"
            ],
        }
    )
    assert sandbox.requests == ["GET /leads", "POST /leads"]
    jane = await rotor.lead(JANE)
    assert (jane["name"], jane["phone"], jane["tags"]) == (
        "Jane Doe",
        "(763) 555-0100",
        ["Website", "Gutter Cleaning"],
    )
    assert jane["notes"] == snapshot("""\
Two-story house, 24 windows.
Wants inside and outside before Thanksgiving.
2026-11-22: Wants the gutters done too.\
""")


async def test_nothing_to_change(client: Client, sandbox: Sandbox) -> None:
    result = await upsert(
        client,
        phone="+1 763 555 0100",
        email="JANE.DOE@example.com",
        name="Doe, Jane",
        tags=["WEBSITE"],
        notes="Two-story house, 24 windows.",
        projected_value="299",
    )
    assert said(result) == snapshot("""\
Nothing to change in Jane Doe (matched by phone and email); nothing was written. 2 requests spent.
  unchanged: name, phone, email, projected_value, notes, tags
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e\
""")
    assert sandbox.requests == ["GET /leads", "GET /leads"]


async def test_a_fuller_name_completes_a_shorter_one(client: Client, rotor: Rotor) -> None:
    sam = await rotor.add(name="Sam", phone="612-555-0177")
    result = await upsert(client, name="Sam Rivera", phone="6125550177")
    assert (content(result)["outcome"], (await rotor.lead(sam))["name"]) == ("updated", "Sam Rivera")


async def test_a_lead_without_a_name_may_be_another_person(client: Client, rotor: Rotor) -> None:
    await rotor.add(phone="612-555-0177", email="old@example.com")
    assert said(await upsert(client, phone="6125550177", email="new@example.com")) == snapshot("""\
Nothing was written: this phone belongs to a lead without a name, whose email would be replaced. 2 requests spent. The plan for a lead without a name (matched by phone), id <id 0>:
  email: old@example.com → new@example.com
  unchanged: phone
Ask the user first whether this is that lead or somebody else. If the user approves exactly this, call again with the same arguments and confirm "<token>". If it is another person, do not confirm: add a note to this lead, or enter the person without the phone, because Rotor finds this lead by it.\
""")


async def test_who_a_found_lead_is_is_not_replaced_without_approval(
    client: Client, rotor: Rotor, sandbox: Sandbox
) -> None:
    arguments = {"name": "Bob Doe", "phone": "7635550100", "email": "bob@example.com", "stage": "Quoted"}
    refused = await upsert(client, **arguments)
    assert "POST /leads" not in sandbox.requests
    token = content(refused)["confirm"]
    approved = await upsert(client, **arguments, confirm=token)
    assert said(refused, approved) == snapshot("""\
Nothing was written: this phone belongs to Jane Doe, whose name and email would be replaced. 2 requests spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  name: Jane Doe → Bob Doe
  email: jane.doe@example.com → bob@example.com
  stage: New Leads → Quoted
  unchanged: phone
Ask the user first whether this is Jane Doe or somebody else. If the user approves exactly this, call again with the same arguments and confirm "<token>". If it is another person, do not confirm: add a note to this lead, or enter the person without the phone, because Rotor finds this lead by it.
Note: a new stage can make the company's automations text or e-mail the person.
---
Updated Bob Doe (matched by phone). 3 requests spent.
  name: Jane Doe → Bob Doe
  email: jane.doe@example.com → bob@example.com
  stage: New Leads → Quoted
  unchanged: phone
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""")
    assert {key: value for key, value in content(refused).items() if key != "confirm"} == snapshot(
        {
            "today": "2026-11-22",
            "timezone": "America/Chicago",
            "requests": 2,
            "outcome": "needs_confirmation",
            "id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e",
            "name": "Jane Doe",
            "matched_by": "phone",
            "changes": [
                {"field": "name", "before": "Jane Doe", "after": "Bob Doe"},
                {"field": "email", "before": "jane.doe@example.com", "after": "bob@example.com"},
                {"field": "stage", "before": "New Leads", "after": "Quoted"},
            ],
            "unchanged": ["phone"],
            "reasons": ["this phone belongs to Jane Doe, whose name and email would be replaced"],
            "warnings": ["a new stage can make the company's automations text or e-mail the person"],
        }
    )
    assert (await rotor.lead(JANE))["name"] == "Bob Doe"


async def test_a_token_fits_only_the_plan_that_was_shown(client: Client, rotor: Rotor) -> None:
    arguments = {"name": "Bob Doe", "phone": "7635550100"}
    token = content(await upsert(client, **arguments))["confirm"]
    other_plan = await upsert(client, name="Rob Doe", phone="7635550100", confirm=token)
    await rotor.change(JANE, stage="Won")  # somebody else changes her lead meanwhile
    stale = await upsert(client, **arguments, confirm=token)
    unneeded = await upsert(client, phone="7635550100", stage="Lost", confirm=token)
    assert said(other_plan, stale, unneeded) == snapshot("""\
Nothing was written: the confirm token does not fit: this is not the plan that was shown; this phone belongs to Jane Doe, whose name would be replaced. 1 request spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  name: Jane Doe → Rob Doe
  unchanged: phone
Ask the user first whether this is Jane Doe or somebody else. If the user approves exactly this, call again with the same arguments and confirm "<token>". If it is another person, do not confirm: add a note to this lead, or enter the person without the phone, because Rotor finds this lead by it.
---
Nothing was written: the confirm token does not fit: this is not the plan that was shown; this phone belongs to Jane Doe, whose name would be replaced. 1 request spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  name: Jane Doe → Bob Doe
  unchanged: phone
Ask the user first whether this is Jane Doe or somebody else. If the user approves exactly this, call again with the same arguments and confirm "<token>". If it is another person, do not confirm: add a note to this lead, or enter the person without the phone, because Rotor finds this lead by it.
---
Nothing was written: the confirm token does not fit: this is not the plan that was shown. 1 request spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  stage: Won → Lost
  unchanged: phone
If the user approves exactly this, call again with the same arguments and confirm "<token>".
Note: a new stage can make the company's automations text or e-mail the person.\
""")
    jane = await rotor.lead(JANE)
    assert (jane["name"], jane["stage"]) == ("Jane Doe", "Won")


async def test_phone_and_email_of_two_leads(client: Client, rotor: Rotor, sandbox: Sandbox) -> None:
    await rotor.add(name="Bob Roe", email="bob@example.com")
    before = len(sandbox.requests)
    result = await upsert(client, phone="763-555-0100", email="bob@example.com", stage="Quoted")
    assert said(result) == snapshot("""\
Nothing was written: the phone belongs to Jane Doe (id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e) and the e-mail to Bob Roe (id <id 0>); this phone belongs to Jane Doe, whose email would be replaced. 2 requests spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  email: jane.doe@example.com → bob@example.com
  stage: New Leads → Quoted
  unchanged: phone
  also: Bob Roe · bob@example.com · id <short id 0>
Ask the user who is meant; another of these leads is updated by its id. If the user approves exactly this, call again with the same arguments and confirm "<token>". If it is another person, do not confirm: add a note to this lead, or enter the person without the phone, because Rotor finds this lead by it.
Note: a new stage can make the company's automations text or e-mail the person.\
""")
    assert sandbox.requests[before:] == ["GET /leads", "GET /leads"]


async def test_several_leads_share_a_phone(client: Client, rotor: Rotor) -> None:
    ann = await rotor.add(name="Ann Poe", phone="612-555-0188", email="ann@example.com")
    tim = await rotor.add(name="Tim Poe", phone="(612) 555-0188")
    refused = await upsert(client, phone="6125550188", name="Tim Poe", stage="Quoted")
    assert said(refused) == snapshot("""\
Nothing was written: several leads share this phone or e-mail. 1 request spent. The plan for Tim Poe (matched by phone), id <id 0>:
  stage: New Leads → Quoted
  unchanged: name, phone
  also: Ann Poe · 612-555-0188 · id <short id 1>
  also: Megan Miller · +1 (612) 555-0188 · id <short id 2>
Ask the user who is meant; another of these leads is updated by its id. If the user approves exactly this, call again with the same arguments and confirm "<token>". If it is another person, do not confirm: add a note to this lead, or enter the person without the phone, because Rotor finds this lead by it.
Note: a new stage can make the company's automations text or e-mail the person.\
""")
    assert content(refused)["id"] == tim  # the name says which is likelier
    settled = await upsert(client, phone="6125550188", email="ann@example.com", stage="Won")
    assert (content(settled)["outcome"], content(settled)["matched_by"]) == ("updated", "phone and email")
    assert ((await rotor.lead(ann))["stage"], (await rotor.lead(tim))["stage"]) == ("Won", "New Leads")


async def test_a_name_without_phone_and_email(client: Client, rotor: Rotor) -> None:
    refused = await upsert(client, name="jane doe", notes="Came by the shop.")
    created = await upsert(
        client, name="jane doe", notes="Came by the shop.", confirm=content(refused)["confirm"]
    )
    assert said(refused, created) == snapshot("""\
Nothing was written: a lead of this name exists, and without phone and e-mail a new one could never be matched. 1 request spent. The plan for jane doe (new):
  name: jane doe
  notes: Came by the shop.
  also: Jane Doe · (763) 555-0100 · id 182bd5e5
Ask the user who is meant; another of these leads is updated by its id. If the user approves exactly this, call again with the same arguments and confirm "<token>".
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.
---
Created jane doe. 2 requests spent.
  name: jane doe
  notes: Came by the shop.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.
Note: Rotor gave it the stage New Leads.\
""")
    assert len(await rotor.leads("Jane Doe")) == 2
    alone = await upsert(client, name="Zoë Núñez")
    assert content(alone)["outcome"] == "created"


async def test_a_dry_run_writes_nothing_and_its_token_does_exactly_that(
    client: Client, sandbox: Sandbox
) -> None:
    update = await upsert(client, phone="7635550100", stage="Quoted", dry_run=True)
    create = await upsert(client, phone="6125550199", name="New", dry_run=True)
    ambiguity = await upsert(client, phone="7635550100", name="Bob Doe", dry_run=True)
    same = await upsert(client, phone="7635550100", name="Jane Doe", dry_run=True)
    assert said(update, create, ambiguity, same) == snapshot("""\
Dry run, nothing was written. This would update Jane Doe (matched by phone). 1 request spent.
  stage: New Leads → Quoted
  unchanged: phone
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
To do exactly this, call again without dry_run and with confirm "<token>".
Note: a new stage can make the company's automations text or e-mail the person.
---
Dry run, nothing was written. This would create New (new). 1 request spent.
  name: New
  phone: 6125550199
To do exactly this, call again without dry_run and with confirm "<token>".
Note: a new lead can make the company's automations text or e-mail the person.
---
Nothing was written: this phone belongs to Jane Doe, whose name would be replaced. 1 request spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  name: Jane Doe → Bob Doe
  unchanged: phone
Ask the user first whether this is Jane Doe or somebody else. If the user approves exactly this, call again with the same arguments and confirm "<token>". If it is another person, do not confirm: add a note to this lead, or enter the person without the phone, because Rotor finds this lead by it.
---
Nothing to change in Jane Doe (matched by phone); nothing was written. 1 request spent.
  unchanged: name, phone
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e\
""")
    assert "POST /leads" not in sandbox.requests
    done = await upsert(client, phone="7635550100", stage="Quoted", confirm=content(update)["confirm"])
    assert content(done)["outcome"] == "updated"


async def test_with_an_id_everything_may_change(client: Client, rotor: Rotor, sandbox: Sandbox) -> None:
    result = await upsert(
        client,
        id=JANE,
        name="Jane",
        phone="651-555-0123",
        address_city="St. Paul",
        notes="Moved.",
        replace_notes=True,
    )
    assert said(result) == snapshot("""\
Updated Jane. 2 requests spent.
  name: Jane Doe → Jane
  phone: (763) 555-0100 → 651-555-0123
  address_city: Delano → St. Paul
  notes: Two-story house, 24 windows. Wants inside and outside before Thanksgiving. → Moved.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e\
""")
    assert sandbox.requests == ["GET /leads/" + JANE, "POST /leads"]
    jane = await rotor.lead(JANE)
    assert (jane["name"], jane["phone"], jane["notes"]) == ("Jane", "651-555-0123", "Moved.")


async def test_an_archived_lead_is_seen_and_said_to_be_archived(client: Client, rotor: Rotor) -> None:
    archived = next(lead for lead in await rotor.leads("") if lead["archived"] and lead["phone"])
    result = await upsert(client, phone=archived["phone"], priority="high")
    assert content(result)["archived"] is True
    assert ", archived)" in text(result).splitlines()[0]


async def test_notes_that_do_not_fit(client: Client, rotor: Rotor) -> None:
    ann = await rotor.add(name="Ann", phone="612-555-0188", notes="x" * 1_900)
    result = await upsert(client, id=ann, notes="y" * 100)
    assert (result.is_error, text(result)) == snapshot(
        (
            True,
            "Nothing was written. notes: 100 characters do not fit, 87 of 2,000 are left, beside what is there and the date. Shorten them, or put them in the place of the old ones with replace_notes. 1 request spent.",
        )
    )
    fits = await upsert(client, id=ann, notes="y" * 87)
    assert content(fits)["outcome"] == "updated"
    assert len((await rotor.lead(ann))["notes"]) == 2_000


async def test_a_key_that_may_only_write(sandbox: Sandbox) -> None:
    server = build_server(Settings.load({"api_key": CREATE_ONLY_KEY}), transport=sandbox.transport)
    async with Client(server) as client:
        created = await upsert(client, name="Dana Whitfield", phone="555-0142")
        updated = await upsert(client, name="Dana Whitfield", phone="555-0142", stage="Quoted")
        planned = await upsert(client, name="Dana Whitfield", phone="555-0142", dry_run=True)
    assert said(created, updated, planned) == snapshot("""\
Created Dana Whitfield. 2 requests spent.
This key cannot read leads, so nothing was checked: Rotor alone chose the lead.
  name: Dana Whitfield
  phone: 555-0142
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: Rotor gave it the stage New Leads.
---
Updated Dana Whitfield. 2 requests spent.
This key cannot read leads, so nothing was checked: Rotor alone chose the lead, and the fields sent replaced what it held, notes too.
  name: Dana Whitfield
  phone: 555-0142
  stage: Quoted
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
---
This API key lacks the scope leads:read (403), and nothing was done. Whoever made it can make one with that scope in Rotor under Settings → Integrations. Entering leads with upsert_lead may still work: such keys exist, made only for creating leads. 1 request spent.\
""")


async def test_a_403_that_names_no_scope_leads_to_no_blind_write(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(method="GET", status=403, body="<h1>Blocked</h1>", content_type="text/html"))
    result = await upsert(client, phone="763-555-0100", notes="Would replace hers.")
    assert (result.is_error, text(result)) == snapshot(
        (True, "This API key may not do that (403). Nothing was done. 1 request spent.")
    )
    assert sandbox.requests == ["GET /leads"]


async def test_a_server_that_may_only_read_lists_no_tool_that_writes(sandbox: Sandbox) -> None:
    settings = Settings.load({"api_key": READ_ONLY_KEY, "read_only": "true"})
    async with Client(build_server(settings, transport=sandbox.transport)) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["search_leads", "get_lead"]
        result = await upsert(client, name="Dana")
    assert result.is_error is True
    assert sandbox.requests == []


async def test_warnings_at_the_moment_they_matter(client: Client) -> None:
    await client.call_tool("search_leads", {"limit": 100})
    result = await upsert(
        client, name="Uma", phone="612-555-0171", stage="Quotd", source="Carrier pigeon", tags=[], email=""
    )
    assert said(result) == snapshot("""\
Created Uma. 2 requests spent.
  name: Uma
  phone: 612-555-0171
  stage: Quotd
  source: Carrier pigeon
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: no lead read lately has the stage Quotd. The nearest in use is Quoted.
Note: no lead read lately has the source Carrier pigeon. In use: Website quote form, Door-to-door, Google ads, Referral Program, Nextdoor, Meta ads.
Note: an empty list of tags changes nothing: tags can only be added.
Note: left out, because blank: email. Rotor documents no way to clear a field.\
""")


@pytest.mark.parametrize("phone", ["unknown", "-", "+1", "n/a", "12345", "000-000-0000", "call the office"])
async def test_what_is_no_phone_identifies_nobody(
    client: Client, sandbox: Sandbox, rotor: Rotor, phone: str
) -> None:
    """Two people without a phone must not become one."""
    max_ = await rotor.add(name="Max Lee", phone=phone, notes="His.")
    sandbox.requests.clear()
    refused = await upsert(client, name="Ann Roe", phone=phone, email="ann@roe.com", notes="Hers.")
    assert (refused.is_error, text(refused)) == (
        True,
        "Nothing was sent.\nphone: no number that could exist in US; leave it out, or put it into the notes",
    )
    assert sandbox.requests == []
    batch = await client.call_tool(
        "upsert_leads",
        {
            "rows": [
                {"name": "Ann Roe", "phone": phone},
                {"name": "Eve Roe", "phone": phone, "email": "e@x.com"},
            ]
        },
    )
    assert content(batch)["counts"] == {"invalid": 2}
    assert (await rotor.lead(max_))["notes"] == "His."
    by_id = await upsert(client, id=max_, phone=phone, priority="high")
    assert content(by_id)["unchanged"] == ["phone"]


NOBODY = Fault(method="GET", body='{"data": [], "pagination": {"has_more": false, "total": 0}}')


async def test_rotor_finds_a_lead_that_was_not_found(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(NOBODY)
    result = await upsert(client, phone="(763) 555-0100", stage="Quoted")
    assert said(result) == snapshot("""\
Updated Jane Doe. 2 requests spent.
Rotor updated a lead that was not found beforehand; look at it with get_lead.
  phone: (763) 555-0100
  stage: Quoted
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new lead can make the company's automations text or e-mail the person.\
""")


async def test_rotor_answers_something_else_than_was_sent(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(
        Fault(method="POST", status=200, body=f'{{"id": "{JANE}", "name": "Jane Doe", "stage": "New Leads"}}')
    )
    differs = await upsert(client, id=JANE, stage="Quoted", tags=["a"])
    sandbox.faults.add(Fault(method="POST", status=200, body='{"status": "success"}'))
    silent = await upsert(client, id=JANE, stage="Quoted")
    assert said(differs, silent) == snapshot("""\
Updated Jane Doe. 5 requests spent.
The reply to the first try was lost (the answer does not tell what was stored as tags); it was sent once more.
  stage: New Leads → Quoted
  tags: + a
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage and a new tag can make the company's automations text or e-mail the person.
---
Nothing to change in Jane Doe; nothing was written. 1 request spent.
  unchanged: stage
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e\
""")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429])
async def test_what_rotor_refuses(client: Client, sandbox: Sandbox, status: int) -> None:
    sandbox.faults.add(Fault(method="POST", status=status))
    result = await upsert(client, id=JANE, stage="Quoted")
    assert (result.is_error, result.structured_content) == (True, None)
    assert text(result) == REFUSED[status]
    assert sandbox.requests == ["GET /leads/" + JANE, "POST /leads"]


REFUSED: dict[int, str] = snapshot(
    {
        400: "Rotor does not accept this, and nothing was written. email: Invalid email format. 2 requests spent.",
        401: "Rotor does not accept this API key (401). Nothing was done. A key is made in Rotor under Settings → Integrations and begins with rotor_. Enter it in the settings of this server's extension or plugin, or as ROTOR_API_KEY in the env block of its entry in the client's configuration; restart the client afterwards. 2 requests spent.",
        403: "This API key lacks the scope leads:write (403), and nothing was done. Whoever made it can make one with that scope in Rotor under Settings → Integrations. Reading with search_leads and get_lead may still work. 2 requests spent.",
        404: "Rotor has no lead with this id (404). search_leads finds leads by name, phone or e-mail; archived ones only with archived: include. 2 requests spent.",
        418: 'Rotor refused this (418); nothing was done. Rotor says: "I\'m a teapot". 2 requests spent.',
        429: "The requests of this API key are used up for today (429): Rotor allows 1,000 a day, and the company's website forms may share them. Nothing was done. Try again tomorrow. 2 requests spent.",
    }
)

LOST = {
    "dropped after": [Fault(method="POST", drop="after")],
    "dropped before": [Fault(method="POST", drop="before")],
    "500 after": [Fault(method="POST", status=500, carried_out=True)],
    "500 before": [Fault(method="POST", status=500)],
    "no JSON": [Fault(method="POST", body="<h1>?</h1>", content_type="text/html", carried_out=True)],
    "twice before": [Fault(method="POST", drop="before", times=2)],
    "before, then after": [Fault(method="POST", drop="before"), Fault(method="POST", drop="after")],
    "and no reading back": [
        Fault(method="POST", drop="after"),
        Fault(method="GET", status=429, times=2),
    ],
    "and then no quota": [Fault(method="POST", drop="before"), Fault(method="POST", status=429)],
}


@pytest.mark.parametrize("loss", LOST)
@pytest.mark.parametrize("kind", ["create", "update", "name only"])
async def test_a_lost_reply(sandbox: Sandbox, rotor: Rotor, loss: str, kind: str) -> None:
    arguments: dict[str, Any] = {
        "create": {"name": "Dana Whitfield", "phone": "555-0142", "notes": "Dog."},
        "update": {"id": JANE, "stage": "Quoted", "notes": "Dog."},
        "name only": {"name": "Dana Whitfield", "notes": "Dog."},
    }[kind]
    reads = Fault(method="GET", times=1)  # the first read is left alone: it finds the lead
    server = build_server(
        Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"}),
        transport=sandbox.transport,
        clock=lambda: NOW,
    )
    async with Client(server) as client:
        for fault in [reads, *LOST[loss]]:
            sandbox.faults.add(fault)
        result = await upsert(client, **arguments)
    sandbox.faults.clear()
    outcome = content(result)["outcome"]
    leads = await rotor.leads("Dana Whitfield") if kind != "update" else [await rotor.lead(JANE)]
    held = [lead for lead in leads if "Dog." in (lead["notes"] or "")]
    assert (said(result), result.is_error, len(held)) == TOLD[kind, loss]
    if outcome in ("created", "updated"):
        assert len(held) == 1
        assert held[0]["notes"].count("Dog.") == 1


TOLD: dict[tuple[str, str], tuple[str, bool, int]] = snapshot(
    {
        ("create", "dropped after"): (
            """\
Created Dana Whitfield. 3 requests spent.
Reading it back shows that it was written; the reply was lost (the connection was cut before the answer was there).
  name: Dana Whitfield
  phone: 555-0142
  notes: Dog.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: Rotor gave it the stage New Leads.\
""",
            False,
            1,
        ),
        ("create", "dropped before"): (
            """\
Created Dana Whitfield. 4 requests spent.
The reply to the first try was lost (the connection was cut before the answer was there); it was sent once more.
  name: Dana Whitfield
  phone: 555-0142
  notes: Dog.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: Rotor gave it the stage New Leads.\
""",
            False,
            1,
        ),
        ("create", "500 after"): (
            """\
Created Dana Whitfield. 3 requests spent.
Reading it back shows that it was written; the reply was lost (Rotor answered 500).
  name: Dana Whitfield
  phone: 555-0142
  notes: Dog.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: Rotor gave it the stage New Leads.\
""",
            False,
            1,
        ),
        ("create", "500 before"): (
            """\
Created Dana Whitfield. 4 requests spent.
The reply to the first try was lost (Rotor answered 500); it was sent once more.
  name: Dana Whitfield
  phone: 555-0142
  notes: Dog.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: Rotor gave it the stage New Leads.\
""",
            False,
            1,
        ),
        ("create", "no JSON"): (
            """\
Created Dana Whitfield. 3 requests spent.
Reading it back shows that it was written; the reply was lost (the answer is not Rotor's JSON (text/html)).
  name: Dana Whitfield
  phone: 555-0142
  notes: Dog.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: Rotor gave it the stage New Leads.\
""",
            False,
            1,
        ),
        ("create", "twice before"): (
            """\
It is not known whether Dana Whitfield (new) was created: the connection was cut before the answer was there; it was not there when looked for. 5 requests spent.
Before sending it again, check: search_leads with search 0142.
  name: Dana Whitfield
  phone: 555-0142
  notes: Dog.
Note: a new lead can make the company's automations text or e-mail the person.\
""",
            True,
            0,
        ),
        ("create", "before, then after"): (
            """\
Created Dana Whitfield. 5 requests spent.
Reading it back shows that it was written; the reply was lost (the connection was cut before the answer was there).
  name: Dana Whitfield
  phone: 555-0142
  notes: Dog.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: Rotor gave it the stage New Leads.\
""",
            False,
            1,
        ),
        ("create", "and no reading back"): (
            """\
It is not known whether Dana Whitfield (new) was created: the connection was cut before the answer was there; a look did not settle it. 3 requests spent.
Before sending it again, check: search_leads with search 0142.
  name: Dana Whitfield
  phone: 555-0142
  notes: Dog.
Note: a new lead can make the company's automations text or e-mail the person.\
""",
            True,
            1,
        ),
        ("create", "and then no quota"): (
            """\
It is not known whether Dana Whitfield (new) was created: Rotor answered 429; it was not there when looked for. 4 requests spent.
Before sending it again, check: search_leads with search 0142.
  name: Dana Whitfield
  phone: 555-0142
  notes: Dog.
Note: a new lead can make the company's automations text or e-mail the person.\
""",
            True,
            0,
        ),
        ("update", "dropped after"): (
            """\
Updated Jane Doe. 3 requests spent.
Reading it back shows that it was written; the reply was lost (the connection was cut before the answer was there).
  stage: New Leads → Quoted
  notes: + 2026-11-22: Dog.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""",
            False,
            1,
        ),
        ("update", "dropped before"): (
            """\
Updated Jane Doe. 4 requests spent.
The reply to the first try was lost (the connection was cut before the answer was there); it was sent once more.
  stage: New Leads → Quoted
  notes: + 2026-11-22: Dog.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""",
            False,
            1,
        ),
        ("update", "500 after"): (
            """\
Updated Jane Doe. 3 requests spent.
Reading it back shows that it was written; the reply was lost (Rotor answered 500).
  stage: New Leads → Quoted
  notes: + 2026-11-22: Dog.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""",
            False,
            1,
        ),
        ("update", "500 before"): (
            """\
Updated Jane Doe. 4 requests spent.
The reply to the first try was lost (Rotor answered 500); it was sent once more.
  stage: New Leads → Quoted
  notes: + 2026-11-22: Dog.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""",
            False,
            1,
        ),
        ("update", "no JSON"): (
            """\
Updated Jane Doe. 3 requests spent.
Reading it back shows that it was written; the reply was lost (the answer is not Rotor's JSON (text/html)).
  stage: New Leads → Quoted
  notes: + 2026-11-22: Dog.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""",
            False,
            1,
        ),
        ("update", "twice before"): (
            """\
It is not known whether Jane Doe was updated: the connection was cut before the answer was there; it was not there when looked for. 5 requests spent.
Before sending it again, check: get_lead with id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e.
  stage: New Leads → Quoted
  notes: + 2026-11-22: Dog.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""",
            True,
            0,
        ),
        ("update", "before, then after"): (
            """\
Updated Jane Doe. 5 requests spent.
Reading it back shows that it was written; the reply was lost (the connection was cut before the answer was there).
  stage: New Leads → Quoted
  notes: + 2026-11-22: Dog.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""",
            False,
            1,
        ),
        ("update", "and no reading back"): (
            """\
It is not known whether Jane Doe was updated: the connection was cut before the answer was there; a look did not settle it. 3 requests spent.
Before sending it again, check: get_lead with id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e.
  stage: New Leads → Quoted
  notes: + 2026-11-22: Dog.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""",
            True,
            1,
        ),
        ("update", "and then no quota"): (
            """\
It is not known whether Jane Doe was updated: Rotor answered 429; it was not there when looked for. 4 requests spent.
Before sending it again, check: get_lead with id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e.
  stage: New Leads → Quoted
  notes: + 2026-11-22: Dog.
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e
Note: a new stage can make the company's automations text or e-mail the person.\
""",
            True,
            0,
        ),
        ("name only", "dropped after"): (
            """\
Created Dana Whitfield. 3 requests spent.
Reading it back shows that it was written; the reply was lost (the connection was cut before the answer was there).
  name: Dana Whitfield
  notes: Dog.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.
Note: Rotor gave it the stage New Leads.\
""",
            False,
            1,
        ),
        ("name only", "dropped before"): (
            """\
It is not known whether Dana Whitfield (new) was created: the connection was cut before the answer was there; it was not there when looked for. 3 requests spent.
Before sending it again, check: search_leads with search Dana Whitfield.
  name: Dana Whitfield
  notes: Dog.
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.\
""",
            True,
            0,
        ),
        ("name only", "500 after"): (
            """\
Created Dana Whitfield. 3 requests spent.
Reading it back shows that it was written; the reply was lost (Rotor answered 500).
  name: Dana Whitfield
  notes: Dog.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.
Note: Rotor gave it the stage New Leads.\
""",
            False,
            1,
        ),
        ("name only", "500 before"): (
            """\
It is not known whether Dana Whitfield (new) was created: Rotor answered 500; it was not there when looked for. 3 requests spent.
Before sending it again, check: search_leads with search Dana Whitfield.
  name: Dana Whitfield
  notes: Dog.
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.\
""",
            True,
            0,
        ),
        ("name only", "no JSON"): (
            """\
Created Dana Whitfield. 3 requests spent.
Reading it back shows that it was written; the reply was lost (the answer is not Rotor's JSON (text/html)).
  name: Dana Whitfield
  notes: Dog.
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.
Note: Rotor gave it the stage New Leads.\
""",
            False,
            1,
        ),
        ("name only", "twice before"): (
            """\
It is not known whether Dana Whitfield (new) was created: the connection was cut before the answer was there; it was not there when looked for. 3 requests spent.
Before sending it again, check: search_leads with search Dana Whitfield.
  name: Dana Whitfield
  notes: Dog.
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.\
""",
            True,
            0,
        ),
        ("name only", "before, then after"): (
            """\
It is not known whether Dana Whitfield (new) was created: the connection was cut before the answer was there; it was not there when looked for. 3 requests spent.
Before sending it again, check: search_leads with search Dana Whitfield.
  name: Dana Whitfield
  notes: Dog.
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.\
""",
            True,
            0,
        ),
        ("name only", "and no reading back"): (
            """\
It is not known whether Dana Whitfield (new) was created: the connection was cut before the answer was there; a look did not settle it. 3 requests spent.
Before sending it again, check: search_leads with search Dana Whitfield.
  name: Dana Whitfield
  notes: Dog.
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.\
""",
            True,
            1,
        ),
        ("name only", "and then no quota"): (
            """\
It is not known whether Dana Whitfield (new) was created: the connection was cut before the answer was there; it was not there when looked for. 3 requests spent.
Before sending it again, check: search_leads with search Dana Whitfield.
  name: Dana Whitfield
  notes: Dog.
Note: a new lead can make the company's automations text or e-mail the person.
Note: without phone and e-mail it cannot be matched later: the next write needs its id.\
""",
            True,
            0,
        ),
    }
)


async def test_calls_for_the_same_person_queue_up(client: Client, rotor: Rotor) -> None:
    spellings = ["(612) 555-0142", "612-555-0142", "6125550142", "+1 612 555 0142", "612.555.0142"]
    results: list[CallToolResult] = []

    async def write(number: int) -> None:
        results.append(
            await upsert(
                client, name="Dana", phone=spellings[number % 5], notes=f"Note {number}.", tags=[f"t{number}"]
            )
        )

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(write, number)
    assert sorted(content(result)["outcome"] for result in results) == ["created", *["updated"] * 19]
    (dana,) = await rotor.leads("0142")
    assert sorted(dana["tags"]) == sorted(f"t{number}" for number in range(20))
    for number in range(20):
        assert dana["notes"].count(f"Note {number}.") == 1


async def test_calls_by_phone_and_by_id_for_one_lead_lose_nothing(client: Client, rotor: Rotor) -> None:
    async with anyio.create_task_group() as group:
        for number in range(10):
            how = {"id": JANE} if number % 2 else {"phone": "763-555-0100"}
            group.start_soon(lambda n, how: upsert(client, notes=f"Note {n}.", **how), number, how)
    notes = (await rotor.lead(JANE))["notes"]
    assert [notes.count(f"Note {number}.") for number in range(10)] == [1] * 10


async def test_a_lead_that_was_changed_since_it_was_found_is_read_again(
    client: Client, sandbox: Sandbox, rotor: Rotor
) -> None:
    sandbox.faults.add(Fault(method="GET", path="/leads", delay=0.3, carried_out=True))
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: upsert(client, phone="763-555-0100", notes="Slow."))
        await until(lambda: sandbox.requests)  # the slow one has looked
        await upsert(client, id=JANE, notes="Quick.")
    notes = (await rotor.lead(JANE))["notes"]
    assert notes.endswith("2026-11-22: Quick.\n2026-11-22: Slow.")


async def test_calls_for_different_people_do_not_wait(client: Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(method="POST", delay=2))
    done: list[str] = []

    async def write(name: str, phone: str) -> None:
        await upsert(client, name=name, phone=phone)
        done.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(write, "slow", "612-555-0101")
        await until(lambda: "POST /leads" in sandbox.requests)
        group.start_soon(write, "quick", "612-555-0102")
    assert done == ["quick", "slow"]


async def test_a_cancelled_call_leaves_its_write_whole(
    client: Client, sandbox: Sandbox, rotor: Rotor
) -> None:
    sandbox.faults.add(Fault(method="POST", delay=0.3))
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: upsert(client, name="Dana", phone="612-555-0142"))
        await until(lambda: "POST /leads" in sandbox.requests)
        group.cancel_scope.cancel()
    again = await upsert(client, name="Dana", phone="6125550142", stage="Quoted")
    assert content(again)["outcome"] == "updated"
    assert len(await rotor.leads("0142")) == 1
