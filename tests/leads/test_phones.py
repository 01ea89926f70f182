"""Phone numbers in any spelling, and the digits that are searched for."""

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotor_mcp.leads.phones import is_phone_query, parse_phones, phone_form, phone_matches

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
    searches = {parse_phones(spelling, "US").search for spelling in written}
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
    assert (phone_form(text, region), parse_phones(text, region).search) == (form, search)
    assert bool(parse_phones(text, region).forms) is possible


@given(st.text())
def test_any_text_has_a_phone_form(text: str) -> None:
    assert phone_form(text, "US") == phone_form(text, "US")
    assert parse_phones(text, "US").search or not text


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
    assert parse_phones(text, "US").forms == ("+16125550101",)


@pytest.mark.parametrize(
    "text", ["612-555-0101 / 612-555-0102", "612-555-0101, (612) 555-0102", "612 555 0101 or 612 555 0102"]
)
def test_several_numbers_in_one_text(text: str) -> None:
    assert parse_phones(text, "US").forms == ("+16125550101", "+16125550102")


@pytest.mark.parametrize(
    "text", ["unknown", "-", "+1", "n/a", "000-000-0000", "9999999999", "12345", "none", ""]
)
def test_what_is_no_number_has_no_form(text: str) -> None:
    assert parse_phones(text, "US").forms == ()
    assert not parse_phones(text, "US").forms


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
