import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from rotor_mcp.api.models import NOTES_LIMIT
from rotor_mcp.sandbox import timestamps
from rotor_mcp.sandbox.edge_cases import JANE_DOE_ID
from rotor_mcp.sandbox.requests import LEAD_INPUT
from rotor_mcp.sandbox.sample_leads import sample_leads
from rotor_mcp.sandbox.store import FIELDS, StoredLead

TODAY = date(2026, 11, 22)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def leads() -> list[StoredLead]:
    return sample_leads(TODAY, 150)


def digits(lead: StoredLead) -> str:
    """The phone without its country code."""
    return re.sub(r"\D", "", lead["phone"] or "")[-10:]


def age(lead: StoredLead) -> timedelta:
    return MIDNIGHT - timestamps.parse_utc(lead["created_at"])


def test_the_same_day_has_the_same_leads(leads: list[StoredLead]) -> None:
    assert sample_leads(TODAY, 150) == leads


def test_another_day_has_the_same_leads_at_other_times(leads: list[StoredLead]) -> None:
    later = {lead["id"]: lead for lead in sample_leads(TODAY + timedelta(10), 150)}
    dates = ("created_at", "follow_up_date", "archived_at")
    for lead in leads:
        for name in dates:
            moved = lead[name] and timestamps.format_utc(timestamps.parse_utc(lead[name]) + timedelta(10))
            assert later[lead["id"]][name] == moved
        assert {n: v for n, v in later[lead["id"]].items() if n not in dates} == {
            n: v for n, v in lead.items() if n not in dates
        }


def test_fewer_leads_are_some_of_more(leads: list[StoredLead]) -> None:
    assert {lead["id"] for lead in sample_leads(TODAY, 40)} < {lead["id"] for lead in leads}
    assert sample_leads(TODAY, 0) == []
    assert len({lead["id"] for lead in sample_leads(TODAY, 3_000)}) == 3_000


def test_leads_are_complete_in_order_and_within_the_limits(leads: list[StoredLead]) -> None:
    assert len(leads) == 150
    assert leads == sorted(leads, key=lambda lead: lead["created_at"])
    for lead in leads:
        assert sorted(lead) == sorted(FIELDS)
        sent = {name: value for name, value in lead.items() if value is not None}
        assert LEAD_INPUT.validate_python(sent) == {n: sent[n] for n in sent if n in LEAD_INPUT_FIELDS}


LEAD_INPUT_FIELDS = set(LEAD_INPUT.json_schema()["properties"])


def test_nobody_can_be_reached(leads: list[StoredLead]) -> None:
    many = leads + sample_leads(TODAY, 3_000)
    assert all(re.fullmatch(r"(\d{3})?55501\d\d", digits(lead)) for lead in many if lead["phone"])
    domains = {lead["email"].partition("@")[2] for lead in many if lead["email"]}
    assert domains == {"example.com", "example.org", "example.net"}


def test_docs_can_rely_on_jane_doe(leads: list[StoredLead]) -> None:
    (jane,) = [lead for lead in leads if lead["name"] == "Jane Doe"]
    (also_jane,) = [lead for lead in sample_leads(TODAY, 3_000) if digits(lead) == "7635550100"]
    assert jane == also_jane
    assert jane == dict.fromkeys(FIELDS) | {
        "id": JANE_DOE_ID,
        "name": "Jane Doe",
        "phone": "(763) 555-0100",
        "email": "jane.doe@example.com",
        "stage": "New Leads",
        "source": "Website quote form",
        "service_type": "Window Cleaning",
        "priority": "medium",
        "projected_value": 299,
        "tags": ["Website"],
        "notes": "Two-story house, 24 windows.\nWants inside and outside before Thanksgiving.",
        "address_street1": "118 River Street",
        "address_city": "Delano",
        "address_state": "MN",
        "address_zip": "55328",
        "address_country": "US",
        "created_at": jane["created_at"],
    }
    assert leads.index(jane) >= 145


def test_dana_whitfield_is_still_to_come() -> None:
    for lead in sample_leads(TODAY, 3_000):
        assert "Dana" not in lead["name"]
        assert "Whitfield" not in lead["name"]
        assert not digits(lead).endswith("0142")
        assert lead["address_street1"] != "214 Oak Street"


def test_ages_reach_from_yesterday_to_a_year(leads: list[StoredLead]) -> None:
    assert all(timedelta(0) < age(lead) < timedelta(366) for lead in leads)
    assert sum(age(lead) < timedelta(2) for lead in leads) >= 5
    assert sum(lead["created_at"].startswith("2026-11") for lead in leads) >= 20
    assert sum(age(lead) > timedelta(180) for lead in leads) >= 20


def test_follow_ups_are_overdue_today_to_come_and_missing(leads: list[StoredLead]) -> None:
    def when(lead: StoredLead) -> str:
        day = (lead["follow_up_date"] or "none")[:10]
        return (
            day
            if day == "none"
            else "overdue"
            if day < "2026-11-22"
            else "today"
            if day == "2026-11-22"
            else "later"
        )

    counts = Counter(map(when, leads))
    assert min(counts[kind] for kind in ("overdue", "today", "later", "none")) >= 5, counts
    assert all(lead["follow_up_date"] > lead["created_at"] for lead in leads if lead["follow_up_date"])


def test_about_ten_are_archived_after_they_were_created(leads: list[StoredLead]) -> None:
    archived = [lead for lead in leads if lead["archived_at"]]
    assert 8 <= len(archived) <= 12
    assert all(
        lead["created_at"] < lead["archived_at"] < timestamps.format_utc(MIDNIGHT) for lead in archived
    )


def test_everything_is_missing_somewhere_and_given_somewhere(leads: list[StoredLead]) -> None:
    for name in set(FIELDS) - {"id", "name", "created_at"}:
        assert any(lead[name] for lead in leads), name
        assert any(not lead[name] for lead in leads), name


def test_stages_sources_services_and_tags_are_those_of_a_company(leads: list[StoredLead]) -> None:
    assert {lead["stage"] for lead in leads} == {
        *("New Leads", "Contacted", "Quoted", "Scheduled", "Won", "Lost", None)
    }
    assert {
        "Website quote form",
        "Referral Program",
        "Meta ads",
        "Google ads",
        "Door-to-door",
        "Nextdoor",
    } <= {lead["source"] for lead in leads}
    services = {lead["service_type"] for lead in leads}
    assert {"Window Cleaning", "Permanent LED Lighting", "House Washing, Pressure Washing"} <= services
    assert {"Website", "exact-quote", "plan: quarterly"} <= {tag for lead in leads for tag in lead["tags"]}
    assert {lead["address_country"] for lead in leads} == {"US", "USA", "Canada", None}


def test_households_share_a_phone(leads: list[StoredLead]) -> None:
    by_phone = Counter(lead["phone"] for lead in leads if lead["phone"] and not lead["archived_at"])
    (shared,) = [phone for phone, count in by_phone.items() if count > 1]
    household = [lead for lead in leads if lead["phone"] == shared]
    assert sorted(lead["name"] for lead in household) == ["Luis Alvarez", "Maria Alvarez"]
    assert len({lead["address_street1"] for lead in household}) == 1


def test_some_are_there_twice_with_the_phone_in_another_spelling(leads: list[StoredLead]) -> None:
    spellings: dict[str, set[str]] = {}
    for lead in leads:
        if lead["phone"]:
            spellings.setdefault(digits(lead), set()).add(lead["phone"])
    assert [found for found in spellings.values() if len(found) > 1] == [
        {"7635550102", "763.555.0102"},
        {"763-555-0101", "+1 (763) 555-0101"},
    ]


def test_two_are_called_sam_and_cannot_be_matched(leads: list[StoredLead]) -> None:
    sams = [lead for lead in leads if lead["name"] == "Sam"]
    assert [(lead["phone"], lead["email"]) for lead in sams] == [(None, None)] * 2


def test_some_have_a_phone_for_a_name_or_no_name_or_no_area_code(leads: list[StoredLead]) -> None:
    assert sum(lead["name"] == lead["phone"] for lead in leads) == 1
    assert sum(lead["name"] == "" for lead in leads) == 1
    assert sum(len(digits(lead)) == 7 for lead in leads) == 1


def test_a_whole_address_stands_in_one_line(leads: list[StoredLead]) -> None:
    lines = [
        lead["address_street1"] for lead in leads if lead["address_street1"] and not lead["address_city"]
    ]
    assert sorted(lines) == [
        "4412 Birch Lane, Buffalo, MN 55313, USA",
        "77 Harbour Street, Hamilton, ON L8P 1A1, Canada",
    ]


@pytest.mark.parametrize(
    "part",
    [
        "<script>",
        "Ignore all previous instructions",
        "\U0001fa9f",
        "\"it's",
        "\u200b",
        "\x1b[31m",
        "\x00",
        "\r\n",
        "\t",
    ],
)
def test_notes_hold_what_strangers_write(leads: list[StoredLead], part: str) -> None:
    assert any(part in (lead["notes"] or "") for lead in leads)


def test_some_notes_are_long_and_many_have_several_lines(leads: list[StoredLead]) -> None:
    assert max(len(lead["notes"] or "") for lead in leads) in range(NOTES_LIMIT - 50, NOTES_LIMIT + 1)
    assert sum("\n" in (lead["notes"] or "") for lead in leads) >= 30


def test_a_tag_holds_a_comma(leads: list[StoredLead]) -> None:
    assert [tag for lead in leads for tag in lead["tags"] if "," in tag] == ["in, out"]
