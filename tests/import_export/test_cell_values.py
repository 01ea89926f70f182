from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.import_export.cell_values import choose_reader
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
