"""Property: every cell of a file that is not blank is stored, part of what is stored, or named in the report."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import event, given
from hypothesis import strategies as st

from rotor_mcp.import_export.columns import ColumnError, match_columns
from rotor_mcp.import_export.file_report import FileReport
from rotor_mcp.import_export.formats.sheet import ReadOptions, TableError
from rotor_mcp.import_export.row_requests import RowRequests
from rotor_mcp.import_export.table import read_table

HEADERS = (
    *("Name", "Customer", "First Name", "Last Name", "Surname", "Company", "Middle Name", "Suffix"),
    *("Phone", "Main Phone #s", "Mobile", "What is your phone number?", "Email", "E-mails", "Contact"),
    *("Address", "Street", "City", "State", "Zip", "Shipping address", "Billing address"),
    *("Follow up", "Call back", "Value", "Quote", "Priority", "Stage", "Lead Source", "Tags", "Labels"),
    *("Notes", "Comments", "Archived", "Lead Owner Email", "Created", "x", "Phone", "Notes"),
)
phones = st.sampled_from(
    [
        *(
            "612-555-0101",
            "(612) 555-0102",
            "6125550103",
            "+1 612 555 0104",
            "612.555.0105 (cell)",
            "555-0106",
        ),
        *("612-555-0107 / 612-555-0108", "home 612-555-0109, work 612-555-0110", "001 612 555 0111"),
        *(
            "6.125550112E9",
            "6.12555E+09",
            "000-000-0000",
            "ask his wife",
            "612-555-0113 ask for Bob",
            "fax 6125550114",
        ),
        *(
            "Phone: (612) 555-0115 Mobile: (612) 555-0116",
            "+49 89 1234567",
            "12",
            "p:+16125550117",
            "n/a",
            "none",
        ),
    ]
)
emails = st.sampled_from(
    [
        *(
            "ann@example.com",
            "Bob <bob@x.com>",
            "a@x.com; b@x.com",
            "mailto:cy@x.com",
            "ann at example",
            "none@none.com",
        ),
        *("di@x.com (work), home@y.org", "e@x", "N/A", "<fox@x.com>", "a@x.com b@x.com"),
    ]
)
dates = st.sampled_from(
    [
        *(
            "12/1/2026",
            "31/12/2026",
            "1.2.26",
            "Dec 1, 2026",
            "1-Dec-26",
            "46357",
            "0000-00-00",
            "2026-12-01T09:30",
        ),
        *("next week", "12/1/2026 9:30 PM", "2026/12/01", "20261201", "13/13/2026", "tbd", "12-31-26"),
    ]
)
amounts = st.sampled_from(
    [
        "$1,200",
        "1.200,50 €",
        "1'200.-",
        "300",
        "$300-500",
        "free",
        "-5",
        "1200.50",
        "CHF 300",
        "tbd",
        "$1.2k",
        "(300)",
    ]
)
names = st.sampled_from(
    [
        *(
            "Ann Lee",
            "Lee, Ann",
            "Doe, Jane & John",
            "Acme, Inc.",
            "José Muñoz",
            "Ann & Bob Lee",
            "Smith, John, Jr.",
        ),
        *(
            "O'Brien",
            "Sam",
            "JosÃ©",
            "Jane Doe, DDS",
            "Tom &amp; Ann",
            "NULL",
            "Jos\ufffd",
            "Sparkle Diner LLC",
            "Lee",
        ),
    ]
)
addresses = st.sampled_from(
    [
        "214 Oak St, Delano, MN 55328",
        "9 Elm Ave",
        "Delano",
        "MN",
        "55328",
        "2134",
        "PO Box 12",
        "214 Oak St",
        "n/a",
        "12 Birch",
    ]
)
words = st.sampled_from(
    ["VIP, North", "Gate code 4711", "a | b", "hot", "Web", "New", "true", "* myContacts", "two\nlines", "7"]
)
kinds: tuple[st.SearchStrategy[str], ...] = (phones, emails, dates, amounts, names, addresses, words)
cells = st.one_of(st.just(""), st.just(""), *kinds)


def guarded(text: str, guard: str) -> str:
    match guard:
        case "formula":
            return f'="{text}"' if text and '"' not in text and "\n" not in text else text
        case "quotes":
            return f'"{text}"' if text and '"' not in text else text
        case "apostrophe":
            return f"'{text}" if text[:1].isdigit() else text
        case "invisible":
            return f"\u202a{text}\u202c" if text else text
    return text


@dataclass(frozen=True)
class File:
    """A generated file, and what stands in it."""

    data: bytes
    header: list[str]
    rows: list[list[str]]
    around: list[str]
    """Texts above and below the table."""


@st.composite
def files(draw: st.DrawFn) -> File:
    header = draw(st.lists(st.sampled_from(HEADERS), min_size=2, max_size=5))
    of_column = [draw(st.sampled_from([cells, *kinds])) for _ in header]
    rows = draw(st.lists(st.tuples(*of_column).map(list), min_size=1, max_size=4))
    guard = draw(st.sampled_from(["", "", "formula", "quotes", "apostrophe", "invisible"]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    above = draw(st.sampled_from([[], [["Leads 2026"]], [["Brightside"], ["Customer List"], [""]]]))
    below = draw(
        st.sampled_from(
            [
                [],
                [["Total", "$4,500"]],
                [["Grand Totals (3 records)"], ["Copyright 2026 Brightside"]],
                [[""], ["Wednesday, Nov 25, 2026 10:12 AM"]],
                [header],
                [["Thanks to all of you!"]],
            ]
        )
    )
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(
        [*above, header, *([guarded(cell, guard) for cell in row] for row in rows), *below]
    )
    try:
        data = text.getvalue().encode(encoding)
    except UnicodeEncodeError:
        data = text.getvalue().encode()
    if encoding == "cp1252" and not data.isascii() and "Ã" in text.getvalue():
        data = text.getvalue().encode()  # in this encoding it would be UTF-8
    around = [cell for line in [*above, *below] for cell in line if cell and line != header]
    return File(data, header, rows, around)


def letters(text: str) -> str:
    """Return the letters and digits of a text, by which it is found again."""
    return "".join(re.findall(r"[^\W_]", text.casefold()))


CONVERTED: dict[str, Callable[[str], bool]] = {
    "follow_up_date": bool,
    "projected_value": bool,
    "priority": bool,
}
"""Fields whose values are written in another form; the form of the column is in the report."""


def lost(file: File) -> Iterator[str]:
    """Yield the cells that are neither stored nor named."""
    table = read_table(file.data, "leads.csv", ReadOptions(), region="US")
    columns = match_columns(table, {}, region="US")
    requests, report = RowRequests(table, columns), FileReport(table, columns)
    made = {row.number: (row, requests.of(row)) for row in table.rows}
    for number, (_, one) in made.items():
        report.add(number, one)
    said = "\n".join(report.lines())
    everything = said + "".join(f"{one.failure} {one.reading.arguments}" for _, one in made.values())
    fields = {source.column: source.field for source in columns.sources}
    for row, one in made.values():
        stored = json.dumps(one.reading.arguments, ensure_ascii=False)
        ends = letters(f"{stored} {said} {one.failure or ''}")
        for column, cell in row.cells.items():
            if not any(map(str.isdigit, cell)) and all(letters(word) in ends for word in cell.split()):
                continue
            if all(
                letters(part)[:30] in ends
                for part in re.split(r"[,;/|\n ]" if "@" in cell else r"[,;/|\n]", cell)
            ):
                continue
            if column in columns.left_out and f"{column}: left out" in said:
                continue
            if fields.get(column) in CONVERTED and fields[column] in one.reading.arguments:
                continue
            yield f"row {row.number}, {column}: {cell!r}"
    yield from (
        f"around the table: {text!r}" for text in file.around if letters(text) not in letters(everything)
    )
    in_table = {letters(cell) for row in table.rows for cell in row.cells.values()}
    for cell in (cell for row in file.rows for cell in row if cell.strip()):
        if letters(cell) not in in_table and letters(cell)[:30] not in letters(said):
            yield f"not in the table: {cell!r}"


@given(files())
def test_every_cell_is_stored_or_named(file: File) -> None:
    try:
        missing = list(lost(file))
    except (TableError, ColumnError) as exc:
        event(type(exc).__name__)  # refused as a whole
        return
    assert missing == []
