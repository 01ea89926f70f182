from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.import_export.cells.dates import DateOrder
from rotor_mcp.import_export.cells.values import CellReading, choose_reader
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.leads.validation import parse


def read(field: str, *cells: str, region: str = "US", header: str = "Column") -> tuple[list[list[str]], str]:
    chosen = choose_reader(field, cells, region, is_ours=header == field)
    return [list(chosen.read(cell).values) for cell in cells], chosen.note


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2026-12-31", "2026-12-31"),
        ("2026-12-31 09:30", "2026-12-31T09:30:00"),
        ("2026-12-31T09:30:00Z", "2026-12-31T09:30:00Z"),
        ("2026/1/5", "2026-01-05"),
        ("12/31/2026", "2026-12-31"),
        ("12-31-2026", "2026-12-31"),
        ("12.31.26", "2026-12-31"),
        ("12/31/2026 9:30 AM", "2026-12-31T09:30:00"),
        ("12/31/2026, 12:05 a.m.", "2026-12-31T00:05:00"),
        ("12/31/2026 12:05:30 PM", "2026-12-31T12:05:30"),
        ("12/31/26 21:30", "2026-12-31T21:30:00"),
        # What fits no form stays as it is.
        ("12/31/2026 21:30 PM", "12/31/2026 21:30 PM"),
        ("12/31/2026 25:00", "12/31/2026 25:00"),
        ("12/31/2026 at noon", "12/31/2026 at noon"),
        ("2/30/2026", "2/30/2026"),
        ("12/31-2026", "12/31-2026"),
        ("26-12-01", "26-12-01"),
        ("next week", "next week"),
        ("Dec 31", "Dec 31"),
    ],
)
def test_dates(cell: str, value: str) -> None:
    # The second cell settles that the month comes first.
    assert read("follow_up_date", cell, "1/31/2026")[0] == [[value], ["2026-01-31"]]


@pytest.mark.parametrize(
    ("cells", "region", "values", "how"),
    [
        (["1/2/2026"], "US", ["2026-01-02"], "1/2/2026 read as month/day/year"),
        (["1/2/2026"], "CA", ["2026-02-01"], "1/2/2026 read as day/month/year"),
        (["1/2/2026", "31/1/26"], "US", ["2026-02-01", "2026-01-31"], "1/2/2026 read as day/month/year"),
        (["1.2.2026 9:30", "1/31/26"], "GB", ["2026-01-02T09:30:00", "2026-01-31"], "1.2.2026 read as month/day/year"),
        (["1/1/2026"], "US", ["2026-01-01"], "1/1/2026 read as month/day/year"),
        (["2026-01-02", "soon"], "US", ["2026-01-02", "soon"], ""),
        (["31/1/2026", "2/28/2026", "1/1/2026"], "US", ["2026-01-31", "2026-02-28", "2026-01-01"], ""),
        (
            ["31/1/2026", "2/28/2026", "1/2/2026"],
            "US",
            ["2026-01-31", "2026-02-28", "1/2/2026"],
            "in both orders, month first and day first, so dates such as 1/2/2026 cannot be read; --dates mdy or --dates dmy decides",
        ),
        (["31/31/2026", "1/2/2026"], "US", ["31/31/2026", "2026-01-02"], "1/2/2026 read as month/day/year"),
    ],
)  # fmt: skip
def test_the_order_of_day_and_month_is_that_of_the_column(
    cells: list[str], region: str, values: list[str], how: str
) -> None:
    assert read("follow_up_date", *cells, region=region) == ([[value] for value in values], how)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1200", "1200"),
        ("$1,200.50", "1200.50"),
        ("$ 1,200", "1200"),
        ("CA$299", "299"),
        ("$1,200 USD", "1200"),
        ("1.200,50 €", "1200.50"),
        ("1 200,50 $", "1200.50"),
        ("1.200.000", "1200000"),
        ("1.125", "1.125"),
        ("12,5", "12,5"),
        ("1,20", "1,20"),
        ("1,2000", "1,2000"),
        ("-$50", "-$50"),
        ("$200-$300", "$200-$300"),
        ("about 300", "about 300"),
    ],
)
def test_amounts(cell: str, value: str) -> None:
    assert read("projected_value", cell)[0] == [[value]]


def test_what_a_comma_means_is_decided_for_the_column() -> None:
    comma = "a comma read as the decimal point"
    assert read("projected_value", "1.200", "1.200,50", "12,5") == ([["1200"], ["1200.50"], ["12.5"]], comma)
    assert read("projected_value", "1.200", "12,50", region="DE") == ([["1200"], ["12.50"]], comma)
    assert read("projected_value", "1.200", "12,50", region="US") == ([["1.200"], ["12,50"]], "")


@pytest.mark.parametrize(
    ("field", "cell", "values"),
    [
        ("phone", "p:+17635550100", ["+17635550100"]),
        ("phone", "7635550100.0", ["7635550100"]),
        ("phone", "(763) 555-0100 ::: 555-0142", ["(763) 555-0100", "555-0142"]),
        ("phone", "p:", []),
        ("phone", "555-0100 x1.0", ["555-0100 x1"]),
        ("email", "a@b.co ::: c@d.co", ["a@b.co", "c@d.co"]),
        ("address_zip", "z:55328", ["55328"]),
        ("address_zip", "55328.0", ["55328"]),
        ("priority", "Med", ["medium"]),
        ("priority", "normal", ["medium"]),
        ("priority", "Urgent", ["Urgent"]),
        ("name", "  Jane Doe ", ["Jane Doe"]),
    ],
)
def test_what_programs_add(field: str, cell: str, values: list[str]) -> None:
    assert read(field, cell)[0] == [values]


@pytest.mark.parametrize(
    ("cell", "foreign", "ours"),
    [
        ("Website, plan: quarterly", ["Website", "plan: quarterly"], ["Website", "plan: quarterly"]),
        ('["a, b", "c; d"]', ["a, b", "c; d"], ["a, b", "c; d"]),
        ("Lead;VIP", ["Lead", "VIP"], ["Lead;VIP"]),
        ('"Customer","VIP"', ["Customer", "VIP"], ['"Customer"', '"VIP"']),
        ("* myContacts ::: Leads", ["Leads"], ["* myContacts ::: Leads"]),
        ("a\nb", ["a", "b"], ["a\nb"]),
        ("n/a", [], ["n/a"]),
        ("7", ["7"], ["7"]),
        ("[draft]", ["[draft]"], ["[draft]"]),
        (" , ", [], []),
    ],
)
def test_tags(cell: str, foreign: list[str], ours: list[str]) -> None:
    assert read("tags", cell, header="Tags")[0] == [foreign]
    assert read("tags", cell, header="tags")[0] == [ours]


@pytest.mark.parametrize("field", ["phone", "email", "address_zip"])
def test_our_own_columns_are_not_searched_for_what_others_add(field: str) -> None:
    assert read(field, "p:1 ::: 2", header=field)[0] == [["p:1 ::: 2"]]


@pytest.mark.parametrize("cell", ["", "  ", "-", "—", "N/A", "#N/A"])
def test_cells_that_hold_nothing(cell: str) -> None:
    for field in ("name", "phone", "email", "stage", "notes", "address_street2", "follow_up_date"):
        assert read(field, cell)[0] == [[]]


@pytest.mark.parametrize("cell", ["None", "null", "NA", "unknown"])
def test_words_for_nothing_count_only_where_the_field_has_a_form(cell: str) -> None:
    for field in ("id", "phone", "email", "priority", "projected_value", "follow_up_date", "address_country"):
        assert read(field, cell)[0] == [[]]
    for field in ("name", "stage", "source", "notes", "tags"):
        assert read(field, cell)[0] == [[cell]]


@given(
    st.floats(0, 1e12).map(lambda value: round(value, 2)),
    st.sampled_from(["{:,.2f}", "${:,.2f}", "{:.2f}", "{:,.2f} €"]),
    st.booleans(),
)
def test_whatever_two_decimals_an_amount_has_it_is_read(value: float, form: str, comma: bool) -> None:
    cell = form.format(value)
    if comma:
        cell = cell.translate(str.maketrans(",.", ".,"))
    ((read_value,),), _ = read("projected_value", cell, region="DE" if comma else "US")
    assert parse(UpsertRequest, {"name": "Sam", "projected_value": read_value}).projected_value == value


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.sampled_from(["US", "GB"]), st.booleans())
def test_whatever_day_a_date_is_it_is_read(day: date, region: str, short: bool) -> None:
    numbers = (day.month, day.day) if region == "US" else (day.day, day.month)
    year = f"{day.year % 100:02}" if short else day.year
    cell = f"{numbers[0]}/{numbers[1]}/{year}"
    assert read("follow_up_date", cell, region=region)[0] == [[day.isoformat()]]


@given(
    st.sampled_from(["phone", "email", "tags", "projected_value", "follow_up_date", "notes"]),
    st.lists(st.text()),
    st.sampled_from(["US", "DE"]),
)
def test_any_cell_can_be_read(field: str, cells: list[str], region: str) -> None:
    values, _ = read(field, *cells, region=region)
    assert all(value.strip() == value and value for of_cell in values for value in of_cell)


@pytest.mark.parametrize(
    ("cell", "values", "rest"),
    [
        ("612-555-0101 (cell)", ["612-555-0101"], ""),
        ("612-555-0101 home", ["612-555-0101"], ""),
        ("Phone: (612) 555-0101 Mobile: (612) 555-0102", ["(612) 555-0101", "(612) 555-0102"], ""),
        ("612-555-0101, 612-555-0102", ["612-555-0101", "612-555-0102"], ""),
        ("612.555.0101 / 612.555.0102", ["612.555.0101", "612.555.0102"], ""),
        ("612-555-0101 or 612-555-0102", ["612-555-0101", "612-555-0102"], ""),
        ("h 612-555-0101; w 612-555-0102", ["612-555-0101", "612-555-0102"], ""),
        ("001 612 555 0101", ["(612) 555-0101"], ""),
        ("+612-555-0101", ["(612) 555-0101"], ""),
        ("6.125550101E9", ["6125550101"], ""),
        ("6.125550101E+09", ["6125550101"], ""),
        ("612-555-0101 ask for Bob", ["612-555-0101"], "612-555-0101 ask for Bob"),
        ("612-555-0101, fax 612-555-0102", ["612-555-0101"], "612-555-0101, fax 612-555-0102"),
        ("612-555-0101 x12", ["612-555-0101 x12"], ""),
        ("\u202a+1 612 555 0101\u202c", ["+1 612 555 0101"], ""),
        ("６１２ ５５５ ０１０１", ["612 555 0101"], ""),
        ("+49 89 1234567", ["+49 89 1234567"], ""),
    ],
)
def test_phones(cell: str, values: list[str], rest: str) -> None:
    reading = choose_reader("phone", [cell], "US").read(cell)
    assert (list(reading.values), reading.rest, reading.fault) == (values, rest, "")


@pytest.mark.parametrize(
    "cell", ["000-000-0000", "6.12555E+09", "ask his wife", "12", "612-555", "fax 612-555-0101", "1.5E3"]
)
def test_what_is_no_phone_has_a_fault(cell: str) -> None:
    reading = choose_reader("phone", [cell], "US").read(cell)
    assert reading.values == (cell,)
    assert reading.fault


@pytest.mark.parametrize(
    ("cell", "values"),
    [
        ("a@x.com, b@x.com", ["a@x.com", "b@x.com"]),
        ("a@x.com;", ["a@x.com"]),
        ("Ann Lee <a@x.com>", ["a@x.com"]),
        ("mailto:a@x.com", ["a@x.com"]),
        ("a@x.com (work)", ["a@x.com"]),
        ("a@x.com / b@x.com", ["a@x.com", "b@x.com"]),
        ("'a@x.com'", ["a@x.com"]),
        ("o'brien@x.com", ["o'brien@x.com"]),
        ("a@x.com.", ["a@x.com"]),
        ("none@none.com", []),
        ("noemail@example.com", []),
    ],
)
def test_emails(cell: str, values: list[str]) -> None:
    assert read("email", cell)[0] == [values]


@pytest.mark.parametrize("cell", ["ann at home", "a@x", "a@@x.com", "a@x..com", "@x.com", "a@gmail,com"])
def test_what_is_no_email_has_a_fault(cell: str) -> None:
    reading = choose_reader("email", [cell], "US").read(cell)
    assert (reading.values, reading.fault) == ((cell,), "not an e-mail address such as name@example.com")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("Dec 1, 2026", "2026-12-01"),
        ("December 1st, 2026", "2026-12-01"),
        ("Tue, Dec 1 2026 9:30 PM", "2026-12-01T21:30:00"),
        ("1-Dec-26", "2026-12-01"),
        ("1 Dec 2026 at 3pm", "2026-12-01T15:00:00"),
        ("Dec 1, 2026 15:30", "2026-12-01T15:30:00"),
        ("20261201", "2026-12-01"),
        ("46357", "2026-12-01"),
        ("46357.5", "2026-12-01T12:00:00"),
        ("12-1-26", "2026-12-01"),
        ('="12/1/2026"', "2026-12-01"),
    ],
)
def test_dates_in_other_forms(cell: str, value: str) -> None:
    assert read("follow_up_date", cell)[0] == [[value]]


@pytest.mark.parametrize(
    "cell", ["0000-00-00", "00/00/0000", "1/0/1900", "0000-00-00 00:00:00", "12/30/1899"]
)
def test_dates_of_zeros_are_blank(cell: str) -> None:
    reading = choose_reader("follow_up_date", [cell], "US").read(cell)
    assert (reading.values, reading.blank_word) == ((), True)


@pytest.mark.parametrize(
    "cell",
    ["Dec 1", "Dec 2026", "12", "Monday", "call Dec 1 2026", "Dec 32, 2026", "461", "Dec 1, 2026 9:30 EST"],
)
def test_dates_that_say_too_little(cell: str) -> None:
    assert read("follow_up_date", cell)[0] == [[cell]]


def test_one_odd_date_spoils_its_own_row() -> None:
    cells = ["1/2/2026", "1/31/2026", "2/28/2026", "3/30/2026", "31/12/2026"]
    values, note = read("follow_up_date", *cells)
    assert values == [["2026-01-02"], ["2026-01-31"], ["2026-02-28"], ["2026-03-30"], ["31/12/2026"]]
    assert note == "1/2/2026 read as month/day/year"


@pytest.mark.parametrize(
    ("order", "value"),
    [("mdy", "2027-01-02"), ("dmy", "2027-02-01"), ("ymd", "1/2/2027"), (None, "2027-01-02")],
)
def test_the_order_that_the_person_says(order: DateOrder | None, value: str) -> None:
    chosen = choose_reader("follow_up_date", ["1/2/2027"], "US", date_order=order)
    assert chosen.read("1/2/2027").values == (value,)
    assert choose_reader("follow_up_date", [], "US", date_order="ymd").read("26-12-01").values == (
        "2026-12-01",
    )


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *(
            ("1'200.50", "1200.50"),
            ("CHF 1’234.50", "1234.50"),
            ("$1,234.-", "1234"),
            ("1 200.50", "1200.50"),
        ),
        *(
            ("R$ 1.234,56", "1234.56"),
            ("300 USD", "300"),
            ("£1,200", "1200"),
            (".50", ".50"),
            ("1,20,000", "120000"),
        ),
        *(("300 dollars", "300"), ("kr 1 200", "1200"), ('="300"', "300")),
    ],
)
def test_amounts_of_other_countries(cell: str, value: str) -> None:
    assert read("projected_value", cell)[0] == [[value]]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("2134", "02134"),
        ("2134.0", "02134"),
        ("'02134", "02134"),
        ("55328-", "55328"),
        ("$300.00", "$300.00"),
        ("601", "00601"),
        ("H2X 1K9", "H2X 1K9"),
    ],
)
def test_zip_codes(cell: str, code: str) -> None:
    assert read("address_zip", cell)[0] == [[code]]
    assert read("address_zip", cell, region="CA")[0] == [
        [code if not code.startswith("0") or cell[0] == "'" else cell.removesuffix(".0")]
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('="Ann Lee"', "Ann Lee"),
        ('"Ann Lee"', "Ann Lee"),
        ("'Ann Lee'", "Ann Lee"),
        ("O'Brien", "O'Brien"),
        ("'Okina", "'Okina"),
        ("Ann\u200b Lee", "Ann Lee"),
        ("Ann\u00a0Lee", "Ann Lee"),
        ("👩\u200d🔧 Ann", "👩\u200d🔧 Ann"),
        ("MuÃ±oz", "Muñoz"),
        ("Oâ€™Brien", "O’Brien"),
        ("Zoë", "Zoë"),
        ("Tom &amp; Ann", "Tom & Ann"),
        ("AT&T", "AT&T"),
    ],
)
def test_what_stands_around_a_text(cell: str, value: str) -> None:
    assert read("stage", cell)[0] == [[value]]


@pytest.mark.parametrize("cell", ["[not provided]", "(blank)", "NULL", "NaN", "#REF!", "undefined", "\\N"])
def test_what_programs_write_for_nothing(cell: str) -> None:
    for field in ("name", "phone", "stage", "address_city", "projected_value"):
        assert choose_reader(field, [cell], "US").read(cell) == CellReading(blank_word=True)
