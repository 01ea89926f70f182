import pytest

from rotor_mcp.errors import InvalidArguments
from rotor_mcp.leads.requests import Arguments, SearchRequest, UpsertRequest
from rotor_mcp.leads.validation import nearest, parse
from rotor_mcp.tools.get_lead import GetLeadArguments
from rotor_mcp.tools.upsert_leads import UpsertLeadsArguments


def test_each_fault_is_named_without_the_value_given() -> None:
    with pytest.raises(InvalidArguments) as caught:
        parse(
            UpsertRequest,
            {
                "email": "sam at example",
                "city": "Delano",
                "lead_source": "Website",
                "colour": "blue",
                "priority": "urgent",
                "notes": "x" * 2_150,
                "projected_value": "lots",
                "name": {"first": "Sam"},
            },
        )
    assert caught.value.faults == [
        "name: must be text",
        "email: not an e-mail address such as name@example.com",
        "priority: must be 'low', 'medium' or 'high'",
        "projected_value: must be a valid number",
        "notes: 2,150 characters, at most 2,000 are allowed",
        "there is no argument city: did you mean address_city?",
        "there is no argument lead_source: did you mean source?",
        "there is no argument colour: this tool takes name, phone, email, stage, priority, projected_value, "
        "follow_up_date, service_type, source, tags, address_street1, address_street2, address_city, "
        "address_state, address_zip, address_country, notes, id, replace_notes, dry_run, confirm",
    ]


def test_what_is_missing() -> None:
    with pytest.raises(InvalidArguments) as caught:
        parse(GetLeadArguments, {"id": None})
    assert caught.value.faults == ["id is missing"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lead_source", "source"),
        ("property_zip", "address_zip"),
        ("zip", "address_zip"),
        ("phone_number", "phone"),
        ("Email", "email"),
        ("first_name", "name"),
        ("value", "projected_value"),
        ("followup_date", "follow_up_date"),
        ("lead_id", "id"),
        ("mobile", None),
    ],
)
def test_the_nearest_right_argument(name: str, meant: str | None) -> None:
    assert nearest(name, list(UpsertRequest.model_fields)) == meant


def test_a_read_name_means_nothing_to_a_tool_without_that_field() -> None:
    assert nearest("property_city", list(GetLeadArguments.model_fields)) is None


@pytest.mark.parametrize(
    ("model", "meant", "names"),
    [
        (SearchRequest, "search", "phone email name query q text keyword"),
        (SearchRequest, "has", "assigned assigned_to notes"),
        (SearchRequest, "lacks", "missing without unassigned"),
        (SearchRequest, "order", "sort sort_by order_by sortBy"),
        (SearchRequest, "count_by", "group_by aggregate breakdown"),
        (SearchRequest, "not_stage", "exclude_stage stage_not"),
        (SearchRequest, "limit", "page_size per_page max_results pageSize"),
        (UpsertLeadsArguments, "rows", "phone email name leads records"),
        (UpsertLeadsArguments, None, "q missing limit"),
        (GetLeadArguments, None, "phone missing sort_by"),
    ],
)
def test_what_callers_call_it_elsewhere(model: type[Arguments], meant: str | None, names: str) -> None:
    known = list(model.model_fields)
    assert {name: nearest(name, known) for name in names.split()} == dict.fromkeys(names.split(), meant)
