"""Normal forms of texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.normalize import (
    address_form,
    caseless,
    email_forms,
    name_form,
    name_search,
    text_form,
)


def test_forms() -> None:
    assert caseless(" Jane.Doe@Example.COM ") == "jane.doe@example.com"
    assert text_form("214  Oak St., #3") == text_form("214 oak st #3") == "214 oak st 3"
    assert text_form("🎄") != text_form("🎁")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("José Muñoz", "JOSE MUNOZ"),
        ("Jose\u0301", "José"),
        ("Łukasz Øster", "lukasz oster"),
        ("Straße", "STRASSE"),
        ("Tim O’Brien", "tim o'brien"),
        ("St. Paul", "st paul"),
        ("Jane  Doe", " jane doe "),
        ("Æon", "AEON"),
        ("Follow-up", "follow up"),
    ],
)
def test_texts_that_are_the_same(one: str, other: str) -> None:
    assert text_form(one) == text_form(other)
    assert name_form(one) == name_form(other)


@given(st.text())
def test_a_text_is_the_same_as_itself_in_capitals(text: str) -> None:
    assert name_form(text.upper().lower()) == name_form(text.upper())
    assert text_form(f" {text}  ") == text_form(text)


@pytest.mark.parametrize(
    ("field", "one", "other", "same"),
    [
        ("address_city", "St Paul", "Saint Paul", True),
        ("address_city", "Ft. Worth", "Fort Worth", True),
        ("address_city", "N. St. Paul", "North Saint Paul", True),
        ("address_city", "Montréal", "Montreal", True),
        ("address_city", "Paul", "Saint Paul", False),
        ("address_state", "Minnesota", "MN", True),
        ("address_state", "new  york", "NY", True),
        ("address_state", "N.Y.", "New York", True),
        ("address_state", "Ontario", "ON", True),
        ("address_state", "Québec", "QC", True),
        ("address_state", "Washington", "DC", False),
        ("address_state", "MN", "MO", False),
        ("address_country", "U.S.A.", "United States", True),
        ("address_country", "Canada", "CA", True),
        ("address_country", "Canada", "US", False),
        ("address_zip", "L8P 4R5", "l8p4r5", True),
        ("address_zip", "55328", "55329", False),
        ("address_street1", "118 River St.", "118 river st", True),
        ("address_street1", "12 3rd St", "123 rd St", False),
        ("address_street1", "118 St Paul", "118 Saint Paul", False),
    ],
)
def test_parts_of_addresses(field: str, one: str, other: str, same: bool) -> None:
    assert (address_form(field, one) == address_form(field, other)) is same


def test_addresses_in_an_email_field() -> None:
    whole = "ann <a@x.com>; b@x.com, mailto:c@x.com, 'd@x.com'"
    assert email_forms(whole.title()) == (whole, "a@x.com", "b@x.com", "c@x.com", "d@x.com")
    assert email_forms("O'Neil@x.com") == ("o'neil@x.com",)
    assert email_forms("none") == ("none",)


@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("Tim O’Brien", "Brien"),
        ("José Muñoz", "Jos"),
        ("Jane  Doe", "Jane"),
        ("Łi", "Łi"),
        ("李", "李"),
        ("🎄", "🎄"),
    ],
)
def test_a_name_is_searched_for_by_its_plainest_piece(name: str, search: str) -> None:
    assert name_search(name) == search
