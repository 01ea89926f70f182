import codecs
import csv
import io
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from rotor_mcp.import_export.formats.formula_guard import guard, unguard
from rotor_mcp.import_export.formats.sheet import TableError
from rotor_mcp.import_export.table import Row, Table
from tests.import_export.tables import read_table

ENCODINGS = {
    "UTF-8": "utf-8",
    "UTF-8 with its mark": "utf-8-sig",
    "UTF-16": "utf-16",
    "Windows-1252": "cp1252",
}
SEPARATORS = {"commas": ",", "semicolons": ";", "tabs": "\t", "bars": "|"}
LINE_ENDS = ("\r\n", "\n", "\r")


def refused(data: bytes, name: str = "-") -> str:
    with pytest.raises(TableError) as caught:
        read_table(data, name)
    return str(caught.value)


def rows(table: Table) -> list[tuple[str, ...]]:
    return [tuple(row.cells.values()) for row in table.rows]


@pytest.mark.parametrize("line_end", LINE_ENDS, ids=["CRLF", "LF", "CR"])
@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_csv_as_spreadsheets_write_it(encoding: str, separator: str, line_end: str) -> None:
    lines = ["Name,Phone,Notes", 'Zoë,"(763) 555-0100","two; lines\nand ""more"" | \t, "', "", "Sam,,"]
    apart = SEPARATORS[separator]
    # What separates and ends lines is changed outside of the quotes alone.
    parts = line_end.join(lines).split('"')
    parts[::2] = [part.replace(",", apart) for part in parts[::2]]
    assert read_table('"'.join(parts).encode(ENCODINGS[encoding]), "leads.csv") == Table(
        columns=("Name", "Phone", "Notes"),
        rows=(
            Row(2, {"Name": "Zoë", "Phone": "(763) 555-0100", "Notes": 'two; lines\nand "more" | \t, '}),
            Row(4, {"Name": "Sam", "Phone": "", "Notes": ""}),
        ),
        format_text=f"CSV, {encoding.removesuffix(' with its mark')}, separated by {separator}",
    )


def test_utf_16_of_either_byte_order() -> None:
    text = "Name\tPhone\nZoë\t555-0142"
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        assert rows(read_table(mark + text.encode(encoding), "-")) == [("Zoë", "555-0142")]


@pytest.mark.parametrize(
    ("text", "columns", "form"),
    [
        ("Name", ("Name",), "CSV, UTF-8, separated by commas"),
        ("a,b;c", ("a", "b;c"), "CSV, UTF-8, separated by commas"),
        ("a,b;c;d", ("a,b", "c", "d"), "CSV, UTF-8, separated by semicolons"),
        ('"Name, as on\nthe door, please";Phone', ("Name, as on the door, please", "Phone"), "CSV, UTF-8, separated by semicolons"),
        ("a;b\n1,2,3,4;5", ("a", "b"), "CSV, UTF-8, separated by semicolons"),
        ("\r\n\r\na;b", ("a", "b"), "CSV, UTF-8, separated by semicolons"),
        ("sep=;\r\na,x;b", ("a,x", "b"), "CSV, UTF-8, separated by semicolons"),
        ('"SEP=\t"\na,x\tb', ("a,x", "b"), "CSV, UTF-8, separated by tabs"),
        ("sep=^\na^b", ("a", "b"), "CSV, UTF-8, separated by ^"),
        ("separated,b", ("separated", "b"), "CSV, UTF-8, separated by commas"),
        ('a,b,c,d\n1,;,"x\ny",;\n2,;,"x\ny",;', ("a", "b", "c", "d"), "CSV, UTF-8, separated by commas"),
        # Files that other programs took to be separated by commas: mholt/PapaParse 681 and 600, python/cpython 119123
        ('a;b;"c\nd,e,f\n,3"', ("a", "b", "c d,e,f ,3"), "CSV, UTF-8, separated by semicolons"),
        ("a (x, y);b (x, y)\n1;u\n2;v", ("a (x, y)", "b (x, y)"), "CSV, UTF-8, separated by semicolons"),
        ("a;b;c\n1;['3'];U\n4;['1', '2'];U", ("a", "b", "c"), "CSV, UTF-8, separated by semicolons"),
    ],
)  # fmt: skip
def test_the_separator_is_that_of_the_header(text: str, columns: tuple[str, ...], form: str) -> None:
    table = read_table(text.encode(), "-")
    assert (table.columns, table.format_text) == (columns, form)


def test_the_ending_of_the_name_settles_what_the_content_leaves_open() -> None:
    assert read_table(b"a\tb,c", "Leads.TSV").columns == ("a", "b,c")
    assert read_table(b"a\tb,c", "leads.csv").columns == ("a b", "c")
    assert read_table(b"a,b,c\td", "leads.tsv").columns == ("a", "b", "c d")
    assert refused(b'"a", "b"', "leads.jsonl") == snapshot("Line 1 is not JSON that can be read")


@pytest.mark.parametrize("name", ["-", "leads.csv", "leads.xlsx", "leads"])
def test_otherwise_the_content_counts(name: str) -> None:
    assert read_table(b'{"a": "1"}', name).format_text == "JSON lines"
    assert read_table(b"a\n1", name).format_text == "CSV, UTF-8, separated by commas"


def test_sep_line_is_not_counted() -> None:
    assert [row.number for row in read_table(b"sep=,\r\na,b\r\n1,2", "-").rows] == [2]


def test_rows_are_counted_as_a_spreadsheet_does() -> None:
    table = read_table(b'\nName,Notes\nA,"1\n2\n3"\n\n,,\n" ", \nB,', "-")
    assert [(row.number, row.cells["Name"]) for row in table.rows] == [(3, "A"), (7, "B")]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("Phone,Phone,phone,x", ("Phone", "Phone (2)", "phone (3)", "x")),
        ("Phone,Phone (2),Phone,x", ("Phone", "Phone (2)", "Phone (3)", "x")),
        (" Name ,\u200bCell\tphone,,x", ("Name", "Cell phone", "column 3", "x")),
        ("'=Name,column 3,,x", ("=Name", "column 3", "column 3 (2)", "x")),
        ("a,b,c,\u200b", ("a", "b", "c", "column 4")),
    ],
)
def test_every_column_has_a_name_of_its_own(header: str, columns: tuple[str, ...]) -> None:
    assert read_table(f"{header}\n1,2,3,4".encode(), "-").columns == columns


def test_columns_without_header_and_data_are_dropped() -> None:
    assert read_table(b"Name,,Phone,\nSam,,555-0142,\n", "-") == Table(
        ("Name", "Phone"), (Row(2, {"Name": "Sam", "Phone": "555-0142"}),), "CSV, UTF-8, separated by commas"
    )


def test_rows_of_other_lengths() -> None:
    assert rows(read_table(b"a,b,c\n1\n1,2,3,, ,\n", "-")) == [("1", "", ""), ("1", "2", "3")]


def test_a_row_of_more_cells_than_columns_is_damaged() -> None:
    table = read_table(b"a,b\n1,2\n3,4\nJane Doe, Oak Street 1, Delano\n", "-")
    assert (table.columns, len(table.rows)) == (("a", "b"), 3)
    assert table.damaged == snapshot(
        {
            4: 'the row has 3 cells where there are 2 columns; at its end stands "Delano". Put a text that holds a separator into quotes'
        }
    )
    # Where most rows have them, a name was forgotten.
    table = read_table(b"a,b\n1,2,3\n4,5,6\n7,8\n", "-")
    assert (table.columns, rows(table), table.damaged) == (
        ("a", "b", "column 3"),
        [("1", "2", "3"), ("4", "5", "6"), ("7", "8", "")],
        {},
    )


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\r\n \r\n", b",,\n", b"{}", b"[{}]"])
def test_an_empty_file(data: bytes) -> None:
    assert refused(data) == snapshot("The file is empty. Its first line must name the columns")


def test_a_header_alone_is_a_table_without_rows() -> None:
    assert read_table(b"Name,Phone\n", "-") == Table(("Name", "Phone"), (), "CSV, UTF-8, separated by commas")


def test_quotes_that_went_wrong() -> None:
    assert refused(b'a,b\n1,2\n3,"Jane Doe\n5,6\n') == snapshot(
        "Row 3 begins a quoted cell that is never closed. Mend the row, or save the file as XLSX"
    )
    assert refused(b'a,b\n"Jane" Doe,2') == snapshot(
        "Row 2 has text behind a closing quote; a quote inside a cell is written twice. Mend the row, or save the file as XLSX"
    )
    assert refused(b'a,b\n1,"' + b"x" * 131_073 + b'"') == snapshot(
        "Row 2 has a cell longer than 131,072 characters; a closing quote may be missing. Mend the row, or save the file as XLSX"
    )
    assert len(rows(read_table(b'a,b\n1,"' + b"x" * 131_072 + b'"', "-"))[0][1]) == 131_072


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(codecs.BOM_UTF16_LE + b"N\0a", id="half a character"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", id="a picture"),
    ],
)
def test_what_is_no_text_is_refused_whole(data: bytes) -> None:
    assert refused(data) == snapshot(
        "This cannot be read as text. Give its encoding with --encoding, or open it in a spreadsheet and save it as CSV (UTF-8) or XLSX"
    )


def test_a_web_page_that_calls_itself_a_workbook() -> None:
    assert refused(b"\r\n<html><table>", "leads.xls") == snapshot(
        "This is a web page or XML. Open it in a spreadsheet and save it as CSV or XLSX"
    )


JSON_ROW = '{"name": "Zoë", "phone": 7635550100, "value": 12.0, "rate": 1e-07, "vip": true, "old": false, "tags": ["a, b", "c", null, 1], "x": null, "none": []}'  # fmt: skip
JSON_CELLS = {
    "name": "Zoë",
    "phone": "7635550100",
    "value": "12",
    "rate": "0.0000001",
    "vip": "yes",
    "old": "no",
    "tags": '["a, b", "c", "1"]',
    "x": "",
    "none": "",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json(encoding: str) -> None:
    lines = f'{JSON_ROW}\r\n\n{{"name": "\'=Sam", "city": "Delano"}}'
    columns = (*JSON_CELLS, "city")
    sam = dict.fromkeys(columns, "") | {"name": "'=Sam", "city": "Delano"}
    assert read_table(lines.encode(encoding), "-") == Table(
        columns, (Row(1, JSON_CELLS | {"city": ""}), Row(3, sam)), "JSON lines"
    )
    listed = f' [\n{JSON_ROW},\n{{}}, {{"name": "\'=Sam", "city": "Delano"}}]'
    assert read_table(listed.encode(encoding), "leads.csv") == Table(
        columns, (Row(1, JSON_CELLS | {"city": ""}), Row(3, sam)), "JSON"
    )


def test_json_names_that_differ_in_capitals() -> None:
    assert rows(read_table(b'{"Phone": "1", "phone": "2"}', "-")) == [("1", "2")]
    assert read_table(b'{"Phone": "1", "phone": "2"}', "-").columns == ("Phone", "phone (2)")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1}\n{"a": {"b": 1}}', snapshot("Line 2 holds an object inside an object. Bring its values to the top level")),
        ('{"a": [["b"]]}', snapshot("Line 1 holds an object inside an object. Bring its values to the top level")),
        ('[{"a": {}}]', snapshot("Entry 1 of the list holds an object inside an object. Bring its values to the top level")),
        ('{"a": 1}\n\n{"a": Jane}', snapshot("Line 3 is not JSON that can be read")),
        ('{"a": 1}\n["Jane"]', snapshot('Line 2 is not a JSON object, such as {"name": "Jane Doe"}')),
        ('[{"a": 1}, "Jane"]', snapshot("Entry 2 of the list is not a JSON object")),
        ('[{"a": 1}', snapshot("The file is not JSON that can be read")),
        ('[{"a": 1},]', snapshot("The file is not JSON that can be read")),
        ('[{"a": 1} {"a": 2}]', snapshot("The file is not JSON that can be read")),
        ('[{"a": 1}] [{"a": 2}]', snapshot("The file is not JSON that can be read")),
        ('[{"a": "\\ud800"}]', snapshot("The file is not JSON that can be read")),
        ("[]", snapshot("The file is empty. Its first line must name the columns")),
        ('{"a": "\\ud800"}', snapshot("Line 1 is not JSON that can be read")),
        ('{"a": ' + "[" * 100_000, snapshot("Line 1 is not JSON that can be read")),
    ],
)  # fmt: skip
def test_json_that_is_no_table(text: str, words: str) -> None:
    assert refused(text.encode(), "leads.jsonl") == words


cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(
    table=st.integers(2, 5).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), max_size=5)
    ),
    encoding=st.sampled_from(list(ENCODINGS.values())),
    separator=st.sampled_from(list(SEPARATORS.values())),
    line_end=st.sampled_from(LINE_ENDS),
)
def test_whatever_a_csv_file_holds_is_read_back(
    table: list[list[str]], encoding: str, separator: str, line_end: str
) -> None:
    columns = [f"Title {number}" for number in range(len(table[0]) if table else 2)]
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=separator,
        lineterminator=line_end,
        # For other line ends, Python leaves a cell with a line break bare.
        quoting=csv.QUOTE_MINIMAL if line_end == "\r\n" else csv.QUOTE_ALL,
    )
    writer.writerows([columns, *([guard(value) for value in line] for line in table)])
    try:
        data = text.getvalue().encode(encoding)
        # One byte a letter is guessed by what it could be; `formats/test_encoding.py` has the guesses.
        symbols = "¢£¥€©®°½×÷±²³µ"
        assume(encoding != "cp1252" or all(char.isascii() or char in symbols for char in text.getvalue()))
        assume(encoding != "cp1252" or data.isascii() or not _is_utf_8(data))
    except UnicodeEncodeError:
        assume(False)
    filled = [tuple(line) for line in table if any(value.strip() for value in line)]
    assert rows(read_table(data, "-")) == filled


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(st.binary() | st.text().map(str.encode), st.sampled_from(["-", "a.csv", "a.jsonl", "a.xlsx"]))
def test_any_bytes_are_a_table_or_an_error_of_ours(data: bytes, name: str) -> None:
    try:
        table = read_table(data, name)
    except TableError:
        return
    assert all(tuple(row.cells) == table.columns for row in table.rows)
    assert len({column.casefold() for column in table.columns}) == len(table.columns)


formula_like = st.text(st.sampled_from("'=+-@\t\r\n＝＋－＠aé1 ;;\u200b\ufeff")) | st.text()


@given(formula_like)
def test_guarded_cells_are_harmless_and_lose_nothing(text: str) -> None:
    assert unguard(guard(text)) == text
    assert unguard(text) == text or text.startswith("'") or ";'" in text
    # What a spreadsheet sees: invisible characters are not there, and semicolons may end a cell.
    for cell in re.sub("[\u200b\ufeff ]", "", guard(text)).split(";"):
        assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))
