import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rotor_mcp.identity import (
    Doubt,
    Found,
    caseless,
    is_possible_phone,
    phone_form,
    phone_search,
    same_or_shorter_name,
    settle,
    settle_by_name,
    text_form,
)
from rotor_mcp.models import Lead

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
        ("12345", "US", "+112345", "2345", False),
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
    ("wanted", "stored", "same"),
    [
        ("Jane Doe", "Jane Doe", True),
        ("jane doe", "Jane Doe", True),
        ("Doe, Jane", "Jane Doe", True),
        ("Jane", "Jane Doe", True),
        ("J. Doe", "Jane Doe", True),
        ("Jane D", "Jane Doe", True),
        ("Bob Doe", "Jane & Bob Doe", True),
        ("Jane Doe", "Jane", False),
        ("Jane Doe", "J. Doe", False),
        ("Bob Doe", "Jane Doe", False),
        ("Janet Doe", "Jane Doe", False),
        ("Jan", "Jane Doe", False),
        ("Jane Jane", "Jane Doe", False),
        ("🎄", "Jane Doe", False),
        ("🎄", "🎄", True),
    ],
)
def test_a_name_that_says_no_more(wanted: str, stored: str, same: bool) -> None:
    assert same_or_shorter_name(wanted, stored) is same


JANE = Lead(id="1", name="Jane Doe", phone="763-555-0100", email="jane@example.com")
BOB = Lead(id="2", name="Bob Doe", phone="763-555-0100")
EVE = Lead(id="3", name="Eve Roe", email="eve@example.com")
OLD = Lead(id="4", name="Old Doe", phone="763-555-0100", archived=True)


@pytest.mark.parametrize(
    ("by_phone", "by_email", "name", "found"),
    [
        ([], [], None, Found()),
        ([JANE], [], None, Found(JANE, "phone")),
        ([], [EVE], None, Found(EVE, "email")),
        ([JANE], [JANE], None, Found(JANE, "phone and email")),
        ([BOB, JANE], [JANE], None, Found(JANE, "phone and email")),
        ([JANE], [EVE], None, Found(JANE, "phone", (EVE,), Doubt.CONFLICT)),
        ([BOB, JANE], [], "Jane", Found(JANE, "phone", (BOB,), Doubt.SHARED)),
        ([BOB, JANE], [], "Carl", Found(BOB, "phone", (JANE,), Doubt.SHARED)),
        ([OLD, JANE], [], None, Found(JANE, "phone")),
        ([OLD], [], None, Found(OLD, "phone")),
    ],
)
def test_which_lead_is_meant(
    by_phone: list[Lead], by_email: list[Lead], name: str | None, found: Found
) -> None:
    assert settle(by_phone, by_email, name) == found


def test_a_name_alone() -> None:
    assert settle_by_name([JANE, BOB], "jane  DOE") == Found(rivals=(JANE,), doubt=Doubt.SAME_NAME)
    assert settle_by_name([JANE, BOB], "Jane") == Found()
