"""What a lead that was only found keeps, and how the words of a company are written."""

from contextlib import closing
from typing import Any

import pytest
from inline_snapshot import snapshot
from mcp import Client
from mcp.types import CallToolResult

from rotor_mcp.sandbox import Sandbox
from tests.conftest import JANE, NOW, Rotor, content, said, text
from tests.leads.test_search import all_leads, connect

pytestmark = pytest.mark.anyio

JANES_PHONE = "763-555-0100"


async def upsert(client: Client, **arguments: Any) -> CallToolResult:
    return await client.call_tool("upsert_lead", arguments)


@pytest.fixture
def rotor(sandbox: Sandbox) -> Rotor:
    return Rotor(sandbox)


async def test_a_found_lead_keeps_its_source(client: Client, rotor: Rotor) -> None:
    result = await upsert(client, phone=JANES_PHONE, source="Google ads", priority="high")
    assert said(result) == snapshot("""\
Updated Jane Doe (matched by phone). 2 requests spent.
  priority: medium → high
  source: stays Website quote form (given: Google ads)
  unchanged: phone
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e\
""")
    assert content(result)["kept"] == snapshot(
        [{"field": "source", "value": "Website quote form", "given": "Google ads"}]
    )
    assert (await rotor.lead(JANE))["lead_source"] == "Website quote form"
    again = await upsert(client, phone=JANES_PHONE, source="Google ads")
    assert said(again) == snapshot("""\
Nothing to change in Jane Doe (matched by phone); nothing was written. 1 request spent.
  source: stays Website quote form (given: Google ads)
  unchanged: phone
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e\
""")
    by_id = await upsert(client, id=JANE, source="Google ads")
    assert said(by_id) == snapshot("""\
Updated Jane Doe. 2 requests spent.
  source: Website quote form → Google ads
id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e\
""")
    assert (await rotor.lead(JANE))["lead_source"] == "Google ads"


async def test_a_found_lead_without_a_source_gets_one(client: Client, rotor: Rotor) -> None:
    lead = await rotor.add(name="Tia Vang", phone="612-555-0171")
    await upsert(client, phone="6125550171", source="Google ads")
    assert (await rotor.lead(lead))["lead_source"] == "Google ads"


async def test_a_value_is_not_replaced_by_0_without_approval(client: Client, rotor: Rotor) -> None:
    result = await upsert(client, phone=JANES_PHONE, projected_value=0)
    assert said(result) == snapshot("""\
Nothing was written: this phone belongs to Jane Doe, whose projected_value would be replaced. 1 request spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  projected_value: $299 → $0
  unchanged: phone
If the user approves exactly this, call again with the same arguments and confirm "<token>".\
""")
    assert (await rotor.lead(JANE))["projected_value"] == 299
    await upsert(client, phone=JANES_PHONE, projected_value=0, confirm=content(result)["confirm"])
    assert (await rotor.lead(JANE))["projected_value"] == 0
    await upsert(client, phone=JANES_PHONE, projected_value=450)
    assert (await rotor.lead(JANE))["projected_value"] == 450  # a value takes the place of 0 unasked


@pytest.mark.parametrize("who", [{"phone": JANES_PHONE}, {"id": JANE}])
async def test_what_a_gateway_fills_in_changes_nothing(
    client: Client, rotor: Rotor, who: dict[str, str]
) -> None:
    before = await rotor.lead(JANE)
    filled = {"projected_value": 0, "replace_notes": False, "dry_run": False, "priority": "", "confirm": ""}
    result = await upsert(client, **who, **filled, email="", tags=[], notes="Called back.")
    changed = {name for name, value in (await rotor.lead(JANE)).items() if value != before[name]}
    assert changed == {"notes"}
    assert "Note: left out, because blank: priority, email, projected_value." in text(result)


@pytest.mark.parametrize(
    ("given", "written"),
    [("quoted", "Quoted"), ("QUOTED", "Quoted"), ("new leads", "New Leads"), ("New leads", "New Leads")],
)
async def test_a_stage_is_written_as_the_company_spells_it(
    client: Client, rotor: Rotor, given: str, written: str
) -> None:
    lead = await rotor.add(name="Tia Vang", phone="612-555-0171", stage="Contacted")
    result = await upsert(client, phone="612-555-0171", stage=given)
    assert f"stage: Contacted → {written}\n" in text(result)
    assert f"Note: {given} is written as the company spells it: {written}." in text(result)
    assert (await rotor.lead(lead))["stage"] == written


async def test_tags_and_sources_are_written_as_the_company_spells_them(
    client: Client, rotor: Rotor, sandbox: Sandbox
) -> None:
    result = await upsert(
        client,
        name="Tia Vang",
        phone="612-555-0171",
        source="website QUOTE form",
        tags=["website", "Exact-quote", "brand new", "WEBSITE"],
    )
    assert said(result) == snapshot("""\
Created Tia Vang. 3 requests spent.
  name: Tia Vang
  phone: 612-555-0171
  source: Website quote form
  tags: + Website, exact-quote, brand new
id <id 0>
Note: a new lead can make the company's automations text or e-mail the person.
Note: website QUOTE form is written as the company spells it: Website quote form.
Note: website is written as the company spells it: Website.
Note: Exact-quote is written as the company spells it: exact-quote.
Note: Rotor gave it the stage New Leads.\
""")
    stored = await rotor.lead(content(result)["id"])
    assert stored["tags"] == ["Website", "exact-quote", "brand new"]
    assert stored["lead_source"] == "Website quote form"
    # By phone, once to see how the company spells, and the write; then it is known.
    assert sandbox.requests[:-1] == ["GET /leads", "GET /leads", "POST /leads"]
    sandbox.requests.clear()
    await upsert(client, phone="612-555-0171", stage="quoted")
    assert sandbox.requests == ["GET /leads", "POST /leads"]


async def test_a_stage_in_a_wrong_spelling_can_be_corrected(client: Client, rotor: Rotor) -> None:
    lead = await rotor.add(name="Tia Vang", phone="612-555-0171", stage="quoted")
    await client.call_tool("search_leads", {"limit": 100})  # the server learns the words in use
    result = await upsert(client, phone="612-555-0171", stage="Quoted")
    assert "stage: quoted → Quoted" in text(result)
    assert (await rotor.lead(lead))["stage"] == "Quoted"
    await upsert(client, id=lead, stage="QUOTED")
    assert (await rotor.lead(lead))["stage"] == "QUOTED"  # with an id, a spelling is a change like others


async def test_a_stage_that_nobody_has_is_written_and_said(client: Client) -> None:
    await client.call_tool("search_leads", {"limit": 100})
    result = await upsert(client, phone=JANES_PHONE, stage="Dreaming")
    assert text(result).splitlines()[-1] == snapshot(
        "Note: no lead read lately has the stage Dreaming. In use: New Leads, Contacted, Quoted, Won, Scheduled, Lost."
    )


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        ("Tim O'Brien", "Tim O’Brien"),
        ("Tim O’Brien", "tim obrien"),
        ("Jane Smith", "Jane  Smith"),
        ("José Muñoz", "Jose Munoz"),
        ("Jose Munoz", "José Muñoz"),
        ("Jose\u0301 Pena", "José Pena"),
    ],
)
async def test_a_name_alone_is_the_same_in_every_spelling(
    client: Client, rotor: Rotor, stored: str, given: str
) -> None:
    await rotor.add(name=stored)
    result = await upsert(client, name=given)
    assert content(result)["outcome"] == "needs_confirmation"
    assert [lead["name"] for lead in content(result)["candidates"]] == [" ".join(stored.split())]


async def test_a_name_beyond_the_newest_leads_is_found_too() -> None:
    """Only these are searched for by Rotor: one more request."""
    with closing(Sandbox(leads=1_100, now=lambda: NOW)) as large:
        oldest = (await all_leads(large))[-1]["id"]
        await Rotor(large).change(oldest, name="Tim O'Brien")
        large.requests.clear()
        async with connect(large) as client:
            result = await upsert(client, name="Tim O’Brien")
        assert [lead["id"] for lead in content(result)["candidates"]] == [oldest]
        assert large.requests == ["GET /leads", "GET /leads"]


async def test_a_new_date_keeps_the_time_of_day(client: Client, rotor: Rotor) -> None:
    lead = await rotor.add(name="Tia Vang", phone="612-555-0171", follow_up_date="2026-11-25T21:00:00Z")
    result = await upsert(client, phone="612-555-0171", follow_up_date="2026-12-03")
    assert "  follow_up_date: 2026-11-25 15:00 → 2026-12-03 15:00 (America/Chicago)\n" in text(result)
    assert (await rotor.lead(lead))["follow_up_date"] == "2026-12-03T21:00:00Z"
    again = await upsert(client, phone="612-555-0171", follow_up_date="2026-12-03")
    assert content(again)["outcome"] == "unchanged"
    noon = await upsert(client, phone="612-555-0171", follow_up_date="2026-12-03T12:00")
    assert content(noon)["outcome"] == "updated"


async def test_a_day_at_midnight_utc_is_that_day(client: Client, rotor: Rotor) -> None:
    await rotor.add(name="Tia Vang", phone="612-555-0171", follow_up_date="2026-11-25T00:00:00Z")
    same = await upsert(client, phone="612-555-0171", follow_up_date="2026-11-25")
    assert content(same)["outcome"] == "unchanged"
    later = await upsert(client, phone="612-555-0171", follow_up_date="2026-11-26")
    assert "  follow_up_date: 2026-11-25 → 2026-11-26\n" in text(later)


@pytest.mark.parametrize(
    "date", ["0001-01-01T00:00:00+14:00", "9999-12-31 23:59:59", "9999-12-31", "1899-12-31", "0001-01-01"]
)
async def test_a_date_in_no_year_of_ours_is_refused(client: Client, sandbox: Sandbox, date: str) -> None:
    result = await upsert(client, phone=JANES_PHONE, follow_up_date=date)
    assert text(result) == snapshot("""\
Nothing was sent.
follow_up_date: the year must be between 1900 and 2999\
""")
    assert sandbox.requests == []


async def test_an_address_in_another_spelling_is_no_change(client: Client) -> None:
    result = await upsert(
        client,
        phone=JANES_PHONE,
        address_state="Minnesota",
        address_country="United States",
        address_city="DELANO",
    )
    assert content(result)["outcome"] == "unchanged"


async def test_a_lead_with_two_numbers_is_found_by_each(client: Client, rotor: Rotor) -> None:
    lead = await rotor.add(name="Tia Vang", phone="612-555-0171 / 612-555-0172 (work)")
    for phone in ("(612) 555-0171", "6125550172"):
        result = await upsert(client, phone=phone, priority="high")
        assert (content(result)["id"], content(result)["unchanged"][0]) == (lead, "phone")


async def test_a_lead_with_two_addresses_is_found_by_each(
    client: Client, sandbox: Sandbox, rotor: Rotor
) -> None:
    lead = await rotor.add(name="Tia Vang", phone="612-555-0171")
    with sandbox.store._transaction() as db:  # so Rotor itself would not take it
        db.execute("UPDATE leads SET email = 'Tia <tia@x.com>; work@x.com' WHERE id = ?", (lead,))
    for email in ("TIA@x.com", "work@x.com"):
        result = await upsert(client, email=email, priority="high")
        assert (content(result)["id"], content(result)["unchanged"][0]) == (lead, "email")


async def test_two_people_in_one_plan_are_named_with_their_ids(client: Client, rotor: Rotor) -> None:
    await rotor.add(name="Eve Roe", email="eve@example.com")
    result = await upsert(client, name="Jane Doe", phone=JANES_PHONE, email="eve@example.com")
    assert said(result) == snapshot("""\
Nothing was written: the phone belongs to Jane Doe (id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e) and the e-mail to Eve Roe (id <id 0>); this phone belongs to Jane Doe, whose email would be replaced. 2 requests spent. The plan for Jane Doe (matched by phone), id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e:
  email: jane.doe@example.com → eve@example.com
  unchanged: name, phone
  also: Eve Roe · eve@example.com · id <short id 0>
Ask the user who is meant; another of these leads is updated by its id. If the user approves exactly this, call again with the same arguments and confirm "<token>". If it is another person, do not confirm: add a note to this lead, or enter the person without the phone, because Rotor finds this lead by it.\
""")
