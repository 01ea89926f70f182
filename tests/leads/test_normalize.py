"""Texts in forms that can be compared, and numbers that are searched for."""

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotor_mcp.leads.normalize import (
    address_form,
    caseless,
    email_forms,
    is_phone_query,
    is_possible_phone,
    name_form,
    name_search,
    phone_form,
    phone_forms,
    phone_matches,
    phone_search,
    text_form,
)

digits = st.text("0123456789", min_size=4, max_size=4)
area_codes = st.integers(200, 999).map(str).filter(lambda code: code[1:] != "11")
exchanges = st.integers(200, 999).map(str).filter(lambda code: code[1:] != "11")


def spellings(area: str, exchange: str, line: str) -> list[str]:
    return [
        f"({area}) {exchange}-{line}",
        f"{area}-{exchange}-{line}",
        f"{area}.{exchange}.{line}",
        f"{area} {exchange} {line}",
        f"{area}{exchange}{line}",
        f"1{area}{exchange}{line}",
        f"1-{area}-{exchange}-{line}",
        f"+1 ({area}) {exchange}-{line}",
        f"+1{area}{exchange}{line}",
        f"  {area}/{exchange}-{line} ",
        f"tel:+1-{area}-{exchange}-{line}",
    ]


@given(area_codes, exchanges, digits)
def test_a_phone_is_the_same_in_every_spelling(area: str, exchange: str, line: str) -> None:
    written = spellings(area, exchange, line)
    assume(phonenumbers.is_possible_number(phonenumbers.parse(written[0], "US")))
    assert {phone_form(spelling, "US") for spelling in written} == {f"+1{area}{exchange}{line}"}
    searches = {phone_search(spelling, "US") for spelling in written}
    assert searches == {line}
    assert all(line in spelling for spelling in written)


numbers = st.tuples(area_codes, exchanges, digits)


@given(numbers, numbers)
def test_different_phones_are_different(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assume(one != other)
    assert phone_form(spellings(*one)[0], "US") != phone_form(spellings(*other)[4], "US")


@pytest.mark.parametrize(
    ("text", "region", "form", "search", "possible"),
    [
        ("555-0142", "US", "+15550142", "0142", True),
        ("763-555-0101 ext. 12", "US", "+17635550101;ext=12", "0101", True),
        ("+44 20 7946 0958", "US", "+442079460958", "0958", True),
        ("020 7946 0958", "GB", "+442079460958", "0958", True),
        ("12345", "US", "12345", "2345", False),
        ("000-000-0000", "US", "0000000000", "0000", False),
        ("+1", "US", "1", "1", False),
        ("-", "US", "", "-", False),
        ("06 12 34 56 78", "FR", "+33612345678", "78", True),
        ("+49 30 12 34 56 75", "US", "+49301234 5675".replace(" ", ""), "75", True),
        ("0412 345 678", "AU", "+61412345678", "678", True),
        ("call the office", "US", "calltheoffice", "call the office", False),
        ("?", "US", "", "?", False),
    ],
)
def test_phones_out_of_the_ordinary(text: str, region: str, form: str, search: str, possible: bool) -> None:
    assert (phone_form(text, region), phone_search(text, region)) == (form, search)
    assert is_possible_phone(text, region) is possible


@given(st.text())
def test_any_text_has_a_phone_form(text: str) -> None:
    assert phone_form(text, "US") == phone_form(text, "US")
    assert phone_search(text, "US") or not text


def test_forms() -> None:
    assert caseless(" Jane.Doe@Example.COM ") == "jane.doe@example.com"
    assert text_form("214  Oak St., #3") == text_form("214 oak st #3") == "214 oak st 3"
    assert text_form("🎄") != text_form("🎁")


@pytest.mark.parametrize(
    "text",
    [
        "612-555-0101 (cell)",
        "612-555-0101 home",
        "cell: 612.555.0101",
        "(612) 555-0101 - call after 5",
        "001 612 555 0101",
        "+612-555-0101",
        "0612 555 0101",
        "\u202a+1 612-555-0101\u202c",
        "６１２５５５０１０１",
    ],
)
def test_a_number_with_something_around_it(text: str) -> None:
    assert phone_forms(text, "US") == ("+16125550101",)


@pytest.mark.parametrize(
    "text", ["612-555-0101 / 612-555-0102", "612-555-0101, (612) 555-0102", "612 555 0101 or 612 555 0102"]
)
def test_several_numbers_in_one_text(text: str) -> None:
    assert phone_forms(text, "US") == ("+16125550101", "+16125550102")


@pytest.mark.parametrize(
    "text", ["unknown", "-", "+1", "n/a", "000-000-0000", "9999999999", "12345", "none", ""]
)
def test_what_is_no_number_has_no_form(text: str) -> None:
    assert phone_forms(text, "US") == ()
    assert not is_possible_phone(text, "US")


def test_a_number_of_another_country_stays_one() -> None:
    assert phone_form("+61 2 5550 1234", "US") == "+61255501234"
    assert phone_form("0049 30 1234567", "US") == "+49301234567"
    assert phone_form("(322) 200-0000", "US") == "+13222000000"  # not in use, and no Belgian number


@given(area_codes, exchanges, digits, st.data())
def test_a_phone_is_found_by_every_spelling_of_it(
    area: str, exchange: str, line: str, data: st.DataObject
) -> None:
    written = spellings(area, exchange, line)
    query, stored = (data.draw(st.sampled_from(written)) for _ in range(2))
    assert is_phone_query(query)
    assert phone_matches(query, stored, "US")
    assert phone_matches(f"{exchange}-{line}", stored, "US")


@given(numbers, numbers)
def test_a_phone_is_not_found_by_another(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assume(one != other)
    assert not phone_matches(spellings(*one)[0], spellings(*other)[4], "US")


@pytest.mark.parametrize(
    ("query", "stored", "found"),
    [
        ("5550142", "(612) 555-0142", True),
        ("612-555-0142", "555-0142", True),  # stored without its area code
        ("612-555-0142", "612-555-0142 ext. 7", True),
        ("612 555 01 42", "6125550142", True),
        ("0142", "612 555 01 42", True),
        ("612555", "(612) 555-0142", True),
        ("14", "612 555 01 42", False),  # too little to tell
        ("6125550142", "", False),
        ("6125550142", "call me", False),
        ("Lot 42", "612-555-4242", False),
    ],
)
def test_parts_of_phones(query: str, stored: str, found: bool) -> None:
    assert phone_matches(query, stored, "US") is found


@pytest.mark.parametrize(
    ("text", "is_query"),
    [
        ("6125550142", True),
        ("+1 (612) 555-0142", True),
        ("tel:612-555-0142", True),
        ("612-555-0142 ext 5", True),
        ("612–555–0142", True),
        ("0142", False),
        ("2026-11-25 6125550142 Jane", False),
        ("jane@example.com", False),
        ("118 River Street", False),
        ("", False),
    ],
)
def test_what_is_searched_for_as_a_phone(text: str, is_query: bool) -> None:
    assert is_phone_query(text) is is_query


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
