import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rotor_mcp.api.models import (
    LEAD_FIELDS,
    MAX_READ_AMOUNT,
    MAX_READ_CHARS,
    MAX_READ_NOTES_CHARS,
    MAX_READ_TAGS,
    READ_NAMES,
    Lead,
    LeadFields,
    parse_leads,
    read_lead,
)
from rotor_mcp.leads.requests import SearchRequest, UpsertRequest
from rotor_mcp.leads.validation import parse

WRITABLE = [
    "name",
    "phone",
    "email",
    "address_street1",
    "address_street2",
    "address_city",
    "address_state",
    "address_zip",
    "address_country",
    "source",
    "stage",
    "service_type",
    "priority",
    "projected_value",
    "follow_up_date",
    "notes",
    "tags",
]
READ_ONLY = ["id", "archived", "archived_at", "assigned_to", "created_at", "location", "value_score"]


def known(lead: Lead) -> dict[str, object]:
    """The fields of a lead that are not missing."""
    return {name: value for name, value in asdict(lead).items() if value != getattr(Lead(), name)}


def test_every_field_of_the_api_and_no_other() -> None:
    assert set(LeadFields.model_fields) == set(WRITABLE)
    assert set(LEAD_FIELDS) == {*WRITABLE, *READ_ONLY}


def test_every_argument_is_described() -> None:
    for model in (UpsertRequest, SearchRequest):
        assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_the_two_families_of_names_meet() -> None:
    read = {read_name: f"read {name}" for name, read_name in READ_NAMES.items()}
    sent = {name: f"sent {name}" for name in READ_NAMES}
    expected = {name: f"read {name}" for name in READ_NAMES}
    assert known(read_lead(read)) == expected
    # A POST answers with both; the read names hold what is stored.
    assert known(read_lead(sent | read)) == expected
    assert known(read_lead(sent | dict.fromkeys(read))) == sent


def test_a_lead_is_read_with_tolerance() -> None:
    answered = {
        "id": "L1",
        "name": "Jane Doe",
        "status": "success",
        "favourite_colour": "blue",
        "phone": None,
        "email": "",
        "stage": ["not", "text"],
        "priority": "urgent",
        "projected_value": -5,
        "service_type": "x" * 101,
        "follow_up_date": "soon",
        "notes": "x" * 2_001,
        "tags": None,
        "location": "45,-93",
        "archived": None,
    }
    assert known(read_lead(answered)) == {
        "id": "L1",
        "name": "Jane Doe",
        "priority": "urgent",
        "projected_value": -5,
        "service_type": "x" * 101,
        "follow_up_date": "soon",
        "notes": "x" * 2_001,
    }


def test_an_empty_lead_is_a_lead() -> None:
    assert known(read_lead({})) == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


odd_values = (
    json_values
    | st.text(alphabet=" aB\u00e9\ud83d\U0001f600\u200b", max_size=8)
    | st.sampled_from(
        ["x" * 2_001, "High ", "low", " $1,200 ", 10**400, -1e16, 2**63, "{182BD5E5}", [""], "a, b"]
    )
    | st.lists(st.sampled_from(["x" * 2_001, " a", "", None, 7, 1.5, True, {}]), max_size=501)
)
answers = st.dictionaries(st.sampled_from([*LEAD_FIELDS, *READ_NAMES.values(), "unknown"]), odd_values)


@given(answers)
def test_whatever_rotor_answers_can_be_read(answered: dict[str, object]) -> None:
    lead = read_lead(answered)
    assert lead == read_lead(asdict(lead)), "what was read is read again as it is"
    for name, value in asdict(lead).items():
        match value:
            case str():
                assert value == value.strip() != ""
                assert len(value) <= (MAX_READ_NOTES_CHARS if name == "notes" else MAX_READ_CHARS)
            case float():
                assert abs(value) <= MAX_READ_AMOUNT
            case list() if name == "tags":
                assert len(value) <= MAX_READ_TAGS
                assert all(tag and tag == tag.strip() for tag in value)


@given(st.lists(answers | json_values, max_size=3))
def test_a_list_is_read_as_its_leads_are_one_by_one(answered: list[object]) -> None:
    body = json.dumps({"data": answered, "pagination": {"total": 1}}).encode()
    one_by_one = [read_lead(entry) for entry in json.loads(body)["data"] if isinstance(entry, dict)]
    try:
        parsed = parse_leads(body)
    except ValueError:  # half of a character, or a huge number
        parsed = json.loads(body)
    assert isinstance(parsed, dict)
    assert parsed["pagination"] == {"total": 1}
    read = [read_lead(entry) if isinstance(entry, dict) else entry for entry in parsed["data"]]
    assert [lead for lead in read if isinstance(lead, Lead)] == one_by_one


@pytest.mark.parametrize(
    ("field", "given", "taken"),
    [
        ("tags", "Website, plan: quarterly", ["Website", "plan: quarterly"]),
        ("tags", '["Website", "a, b"]', ["Website", "a, b"]),
        ("tags", ["a, b"], ["a, b"]),
        ("tags", "[draft]", ["[draft]"]),
        ("tags", ["", " a ", None], ["a"]),
        ("projected_value", "299", 299),
        ("projected_value", "$1,200.50", 1200.5),
        ("priority", " High", "high"),
        ("phone", 7635550100, "7635550100"),
        ("address_zip", 55328, "55328"),
        ("email", " jane@example.com ", "jane@example.com"),
        ("id", '"{182BD5E5-6E1A-4FE4-A799-AA6D9A6AB26E}"', "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"),
        ("follow_up_date", "2026-12-01T09:30", "2026-12-01T09:30"),
        ("notes", "x" * 2_000, "x" * 2_000),
    ],
)
def test_slightly_wrong_values_whose_meaning_is_certain(field: str, given: object, taken: object) -> None:
    assert getattr(UpsertRequest.model_validate({"name": "Sam", field: given}), field) == taken


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("tags", [7.5, {}]),
        ("projected_value", "about 300"),
        ("projected_value", "1,20"),
        ("projected_value", -1),
        ("projected_value", "NaN"),
        ("priority", "urgent"),
        ("email", "jane at example.com"),
        ("id", "Jane Doe"),
        ("follow_up_date", "next week"),
        ("notes", "x" * 2_001),
        ("service_type", "x" * 101),
        ("archived", True),
        ("lead_source", "Website"),
    ],
)
def test_values_that_are_refused(field: str, given: object) -> None:
    with pytest.raises(ValidationError):
        UpsertRequest.model_validate({"name": "Sam", field: given})


def test_half_a_character_does_not_empty_a_field() -> None:
    lead = read_lead(
        {"id": "L1", "notes": "Dog \ud83d, cat.", "tags": ["VIP", "\udc00"], "projected_value": "?"}
    )
    assert known(lead) == {
        "id": "L1",
        "notes": "Dog \ufffd, cat.",
        "tags": ["VIP", "\ufffd"],
    }


@pytest.mark.parametrize("blank", ["\x1f", " \x1c\x1d", "\u00a0\u2003"])
def test_what_is_blank_in_python_is_missing(blank: str) -> None:
    answered = {"name": blank, "stage": f"{blank}Won{blank}", "tags": [blank, f"VIP{blank}"]}
    parsed = parse_leads(json.dumps({"data": [answered]}).encode())
    assert isinstance(parsed, dict)
    (listed,) = [read_lead(entry) if isinstance(entry, dict) else entry for entry in parsed["data"]]
    assert known(read_lead(answered)) == known(listed) == {"stage": "Won", "tags": ["VIP"]}


def test_an_id_without_a_visible_character_is_none() -> None:
    assert known(read_lead({"id": "\u200b\x00", "name": "Sam"})) == {"name": "Sam"}


def test_a_list_nested_too_deep_is_a_tag() -> None:
    assert UpsertRequest.model_validate({"name": "Sam", "tags": "[" * 100_000}).tags == ["[" * 100_000]


def test_somebody_must_be_meant() -> None:
    with pytest.raises(ValidationError, match="give at least a phone"):
        UpsertRequest.model_validate({"stage": "Quoted", "phone": ""})


def test_null_and_blank_are_not_given() -> None:
    arguments = parse(UpsertRequest, {"name": "Sam", "email": "", "phone": None, "notes": " \n"})
    assert arguments.model_dump(exclude_defaults=True) == {"name": "Sam"}
    assert arguments.given.blank == ("email", "phone", "notes")


def test_fields_that_do_not_exist_cannot_be_shown() -> None:
    assert SearchRequest.model_validate({"fields": "name, created_at"}).fields == ["name", "created_at"]
    with pytest.raises(ValidationError, match="there is no field colour; there are name, phone"):
        SearchRequest.model_validate({"fields": ["colour"]})


def test_a_refused_value_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        UpsertRequest.model_validate({"email": "not-for-the-log"})
    assert "not-for-the-log" not in str(caught.value)
