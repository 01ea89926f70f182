"""Tables with something around them, and headers that are missing, late or said by the person."""

from typing import Any

import pytest
from inline_snapshot import snapshot

from rotor_mcp.import_export.formats.sheet import TableError
from rotor_mcp.import_export.table import Table
from tests.import_export.tables import read_table


def read(*lines: str, **options: Any) -> Table:
    return read_table("\n".join(lines).encode(), "-", **options)


def numbers(table: Table) -> list[int]:
    return [row.number for row in table.rows]


def refused(*lines: str, **options: Any) -> str:
    with pytest.raises(TableError) as caught:
        read(*lines, **options)
    return str(caught.value)


PEOPLE = ("Ann Lee,612-555-0101,ann@example.com", "Bob Roe,612-555-0102,bob@example.com")


def test_titles_above_the_header() -> None:
    table = read("Brightside,,", "Leads of 2026,,", ",,", "Name,Phone,Email", *PEOPLE)
    assert (table.columns, numbers(table)) == (("Name", "Phone", "Email"), [5, 6])
    assert table.remarks == snapshot(
        (
            'row 1 is left out, above the header: "Brightside"',
            'row 2 is left out, above the header: "Leads of 2026"',
            "row 4 names the columns",
        )
    )


def test_groups_of_columns_above_the_header() -> None:
    table = read("Person,,Home,", "Name,Phone,Street,City", "Ann,612-555-0101,1 Elm,Delano")
    assert table.columns == ("Name", "Phone", "Street", "City")
    assert table.remarks == snapshot(
        ('row 1 is left out, above the header: "Person" · "Home"', "row 2 names the columns")
    )


def test_a_header_in_words_that_are_not_known() -> None:
    assert read("Kontakt,Nummer", "Ann,612-555-0101").columns == ("Kontakt", "Nummer")
    assert read("Unsere Kunden,", "Kontakt,Nummer", "Ann,612-555-0101", "Bob,612-555-0102").columns == (
        "Kontakt",
        "Nummer",
    )


def test_a_value_of_a_row_that_is_also_a_header_is_no_header() -> None:
    table = read("Kontakt,Nummer,Wunsch", "Ann,612-555-0101,Email", "Bob,612-555-0102,Phone")
    assert (table.columns, numbers(table)) == (("Kontakt", "Nummer", "Wunsch"), [2, 3])


def test_no_header() -> None:
    assert refused(*PEOPLE) == snapshot(
        'No row names the columns: row 1 holds "Ann Lee" · "612-555-0101" · "ann@example.com". If that is a lead, say --no-header: the columns are then told by what they hold, and --map \'column 1=name\' says it where that is not enough. If another row names the columns, say --header-row and its number'
    )
    assert refused("Leads 2026,,", *PEOPLE) == snapshot(
        'No row names the columns: row 2 holds "Ann Lee" · "612-555-0101" · "ann@example.com". If that is a lead, say --no-header: the columns are then told by what they hold, and --map \'column 1=name\' says it where that is not enough. If another row names the columns, say --header-row and its number'
    )
    table = read("Leads 2026,,", *PEOPLE, header_row=0)
    assert (numbers(table), table.remarks) == ([2, 3], ('row 1 is left out, above the table: "Leads 2026"',))
    table = read(*PEOPLE, header_row=0)
    assert (table.columns, numbers(table), table.has_header) == (
        ("column 1", "column 2", "column 3"),
        [1, 2],
        False,
    )


def test_the_row_of_the_header_is_said() -> None:
    table = read("Name,Phone", "Vorname,Nummer", "Ann,612-555-0101", header_row=2)
    assert (table.columns, numbers(table), table.remarks) == snapshot(
        (
            ("Vorname", "Nummer"),
            [3],
            ('row 1 is left out, above the header: "Name" · "Phone"', "row 2 names the columns"),
        )
    )
    assert refused("Name,Phone", "", "Ann,1", header_row=2) == snapshot(
        "Row 2 (--header-row) is blank, or behind the end of the file"
    )
    assert refused("Name,Phone", header_row=7) == snapshot(
        "Row 7 (--header-row) is blank, or behind the end of the file"
    )


@pytest.mark.parametrize(
    "line",
    [
        *("Total,,", "TOTALS:,,", "Grand Total,2,", "Subtotal (2),,", "Total: 2,,", "Sum,,4"),
        *("2 records,,", "Showing 1 to 2 of 2 customers,,", "Page 1 of 3,,", "Confidential,,"),
        *("Generated on 11/25/2026,,", "© 2026 Brightside,,", "End of report,,", "Name,Phone,Email"),
    ],
)
def test_what_is_no_row(line: str) -> None:
    table = read("Name,Phone,Email", *PEOPLE, line)
    assert numbers(table) == [2, 3]
    (remark,) = table.remarks
    assert remark.startswith("row 4 is left out, ")
    assert line.partition(",")[0] in remark


@pytest.mark.parametrize(
    "line",
    [
        "Total Wine,612-555-0103,",
        "Page Miller,612-555-0104,",
        "Sam,,",
        "Total,612-555-0105,",
        "Generated Art LLC,,x@y.org",
    ],
)
def test_what_is_a_row(line: str) -> None:
    table = read("Name,Phone,Email", *PEOPLE, line, PEOPLE[0])
    assert (numbers(table), table.remarks) == ([2, 3, 4, 5], ())


def test_a_text_below_the_table() -> None:
    table = read("Name,Phone,Email", *PEOPLE, ",,", '"Wednesday, Nov 25, 2026 10:12 AM",,')
    assert (numbers(table), table.remarks) == snapshot(
        ([2, 3], ('row 5 is left out, below the table: "Wednesday, Nov 25, 2026 10:12 AM"',))
    )
    # Somebody of whom only the name is known may stand there too.
    assert numbers(read("Name,Phone,Email", *PEOPLE, ",,", "Jane Doe,,")) == [2, 3, 5]


def test_a_line_break_that_is_not_in_quotes() -> None:
    table = read("Name,Phone,Notes", "Ann,612-555-0101,Gate", "is open", "Bob,612-555-0102,x")
    assert (numbers(table), table.damaged) == snapshot(
        (
            [2, 3, 4],
            {
                3: 'the row has 1 cell, "is open", where others have 3. If it belongs to the row above, put the text with the line break into quotes there; if it is a lead, complete it'
            },
        )
    )


def test_a_test_lead_of_facebook() -> None:
    table = read(
        "full_name,email", "<test lead: dummy data for full_name>,test@fb.com", "Ann,ann@example.com"
    )
    assert (numbers(table), table.remarks) == snapshot(
        (
            [3],
            (
                'row 2 is left out, a test lead of Facebook: "<test lead: dummy data for full_name>" · "test@fb.com"',
            ),
        )
    )


def test_a_text_within_the_table_is_no_lead() -> None:
    table = read("Name,Phone,Email", PEOPLE[0], "Thank you for your business!,,", PEOPLE[1])
    assert (numbers(table), table.damaged) == snapshot(
        (
            [2, 3, 4],
            {
                3: 'the row holds only "Thank you for your business!", which reads like a text about the list. If it is a lead, add a phone or an e-mail'
            },
        )
    )
