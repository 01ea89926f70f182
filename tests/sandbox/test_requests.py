from typing import Any

import pytest

from rotor_mcp.api.models import NOTES_LIMIT, PAGE_LIMIT, SERVICE_TYPE_LIMIT, LeadFields
from rotor_mcp.sandbox import requests
from rotor_mcp.sandbox.requests import InvalidInput, LeadInput, Listing

ID = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"
NOT_TEXT = "Input should be a valid string"


def errors_in_lead(body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        requests.parse_lead(body)
    return caught.value.errors


def test_a_lead_is_written_with_the_fields_of_the_model_and_an_id() -> None:
    assert set(LeadInput.__annotations__) == {"id", *LeadFields.model_fields}


def test_what_is_sent_is_taken_as_it_is() -> None:
    sent = {
        "id": ID,
        "name": " Jane\tDoe ",
        "phone": "",
        "email": "Jane.Doe@Example.com",
        "projected_value": 299.5,
        "tags": ["Website", "in, out"],
        "notes": "n" * NOTES_LIMIT,
        "service_type": "s" * SERVICE_TYPE_LIMIT,
    }
    assert requests.parse_lead(sent) == sent


def test_ids_are_put_into_small_letters_dates_into_utc_and_unknown_fields_are_left_out() -> None:
    sent = {"id": ID.upper(), "follow_up_date": "2026-12-01T09:00:00-06:00", "archived": True, "rating": 5}
    assert requests.parse_lead(sent) == {"id": ID, "follow_up_date": "2026-12-01T15:00:00Z"}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        *((name, None, NOT_TEXT) for name in ("id", "name", "phone", "email", "stage", "source", "notes")),
        *((name, 5, NOT_TEXT) for name in ("name", "phone", "service_type", "follow_up_date", "address_zip")),
        ("id", "182bd5e5", "Invalid uuid"),
        ("id", ID.replace("-", ""), "Invalid uuid"),
        ("id", ID + "0", "Invalid uuid"),
        ("priority", "urgent", "Input should be 'low', 'medium' or 'high'"),
        ("priority", "High", "Input should be 'low', 'medium' or 'high'"),
        ("priority", None, "Input should be 'low', 'medium' or 'high'"),
        ("projected_value", None, "Input should be a valid number"),
        ("projected_value", "299", "Input should be a valid number"),
        ("projected_value", True, "Input should be a valid number"),
        ("projected_value", -1, "Input should be greater than or equal to 0"),
        ("projected_value", float("inf"), "Input should be a finite number"),
        ("follow_up_date", "next week", "Invalid date: expected RFC 3339"),
        ("follow_up_date", "", "Invalid date: expected RFC 3339"),
        ("notes", "n" * (NOTES_LIMIT + 1), "String should have at most 2000 characters"),
        ("service_type", "s" * (SERVICE_TYPE_LIMIT + 1), "String should have at most 100 characters"),
        ("tags", None, "Input should be a valid list"),
        ("tags", "Website", "Input should be a valid list"),
    ],
)
def test_a_wrong_value_is_named(field: str, value: Any, message: str) -> None:
    assert errors_in_lead({"name": "Jane Doe"} | {field: value}) == [(field, message)]


@pytest.mark.parametrize(
    "email",
    [
        *("", "jane", "jane@", "@example.com", "jane@example", "jane doe@example.com", "a@b@example.com"),
        *("jane..doe@example.com", ".jane@example.com", "jane@-example.com", "jane@example.c"),
        *("jané@example.com", "jane@example.com\n", " jane@example.com"),
    ],
)
def test_what_is_no_email_address_is_refused(email: str) -> None:
    assert errors_in_lead({"email": email}) == [("email", "Invalid email format")]


@pytest.mark.parametrize(
    "email", ["j@example.com", "jane+quote.1@mail.example-shop.co.uk", "O'HARA@EXAMPLE.ORG"]
)
def test_email_addresses_are_taken(email: str) -> None:
    assert requests.parse_lead({"email": email}) == {"email": email}


def test_every_fault_is_named() -> None:
    assert errors_in_lead({"name": None, "email": "x", "tags": ["Website", "", 3]}) == [
        ("name", NOT_TEXT),
        ("email", "Invalid email format"),
        ("tags.1", "String should have at least 1 character"),
        ("tags.2", NOT_TEXT),
    ]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"Jane", b'{"name": NaN}', b"\xff", '{"name": "é"}'.encode("utf-16")),
        *(b'{"name": "\\ud800"}', b"[" * 100_000, b'{"projected_value": 1' + b"0" * 5_000 + b"}"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        requests.parse_json(body)
    assert caught.value.errors == [("body", "Invalid JSON")]


@pytest.mark.parametrize("body", [b"null", b"[]", b"[{}]", b'"Jane"', b"5", b"true"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        requests.parse_json(body)
    assert caught.value.errors == [("body", "Input should be an object")]


def test_json_is_read() -> None:
    assert requests.parse_json('{"name": "Zoë \\ud83c\\udfe0"}'.encode()) == {"name": "Zoë 🏠"}


@pytest.mark.parametrize(
    ("query", "listing"),
    [
        ({}, Listing(archived=False, limit=50, page=1, search="", stage="", tags=())),
        ({"archived": "true", "limit": "1", "page": "7"}, Listing(archived=True, limit=1, page=7)),
        ({"archived": "false", "limit": str(PAGE_LIMIT)}, Listing(limit=1_000)),
        ({"search": " Jane ", "stage": " New Leads"}, Listing(search=" Jane ", stage=" New Leads")),
        ({"tags": "Website, plan: quarterly,,"}, Listing(tags=("Website", "plan: quarterly"))),
        ({"search": "", "stage": "", "tags": " , "}, Listing()),
        ({"sort": "name"}, Listing()),
    ],
)
def test_a_query_says_what_to_list(query: dict[str, str], listing: Listing) -> None:
    assert requests.parse_listing(query) == listing


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("archived", "yes", "Input should be true or false"),
        ("archived", "", "Input should be true or false"),
        ("limit", "0", "Input should be greater than or equal to 1"),
        ("limit", "1001", "Input should be less than or equal to 1000"),
        ("page", "0", "Input should be greater than or equal to 1"),
        *(
            (name, value, "Input should be a whole number")
            for name in ("limit", "page")
            for value in ("", "-1", "+1", " 1", "1.0", "1_0", "ten", "٣", "9" * 5_000)
        ),
    ],
)
def test_a_wrong_parameter_is_named(field: str, value: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        requests.parse_listing({"search": "Jane", field: value})
    assert caught.value.errors == [(field, message)]
