import base64
import io
import sys
import zipfile
import zlib
from collections.abc import Callable
from datetime import date, datetime, time

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from inline_snapshot import snapshot

from rotor_mcp.extras import install_hint
from rotor_mcp.import_export.formats import workbook as formats_workbook
from rotor_mcp.import_export.formats.sheet import TableError
from rotor_mcp.import_export.table import Row, Table
from tests.import_export.tables import read_table

# Written by xlwt: Name, Phone; Jane Doe, the number 7635550102.
XLS = zlib.decompress(
    base64.b85decode(
        r"""c-rk)O=uHA6#m{O+x*a^o0<x(P(s0~wHNW?rQKH4f@p|d6cOy!E-0;uMlX7?T5}WxPl}g9FJ7u%{6P<T5f4Je9t1&1^yo=Yu#jeb^Rg?c_RxTqD)TM#&D%F`X5P-cncdkp^QrR8gRTmG!5~7Yc`>v!=!jD+xUs<Ho~Ohhk8<)f{wc(wJdrIXo+e&L)Euh$uE4<k@C#<(Bd6myi)<n9X4Vk9#RrF!4+G4EJFH2fQ@m;yJ}JCG_?}ok6CM)Hb>RWFEz>c~+u6QdeiR=ydZa7~)$Svy^IkMN(1BMfiZ9=wx~+-f;%R4ceHL_wTQLisw-Gn*7M;m5(ma8)_~vDRufa-vp3(ZX)e~6%eYrleg8rrv2BzSRN`RM;z{`*-F>%0k#?M#L19h(w8)ls|t_kE$@lxcicE7_ba!<jHt6f=Ev9)X!CnUOCna9y4a!O*{;(fY$_siRZV>$bTXr^T6uJ7-gl}qq&Mb+TSNhvXYa-Z;a;j7Z>CXu^@)9gCuy}1rw*f%XU*QB(U``Ia2u(veGTUjoBKJ>V|^vT}F^4v(}QhM&4J;To*WA90>Y4lS+-M*#p#13-u_ks_?oxkl1QN!|m_xzVw8<r3kF(q8TQ=>z^J*{9*Vy{{Z@tBa<1EY%z=c>blMmrwL5DhiFE#uJ8(9qD((9qD(SZ^TzyWT%z@MnAd^bqm?>nw4q>E9&(Ee@l=*9AV9?nR#SA}%%+KO13E&=#$-PVm1_;RyF$#018~kBO$^mrsAx_&lqwX#Ke*)NKE?X8ioi{r>>C2gLF"""
    )
)

ODS_CONTENT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
<table:table table:name="Leads">
<table:table-row><table:table-cell office:value-type="string"><text:p>Name</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="string"><text:p>Jane Doe</text:p></table:table-cell></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""

ODS_MANIFEST = """<?xml version="1.0"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>
</manifest:manifest>"""


def written(fill: Callable[[xlsxwriter.Workbook], object]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        fill(workbook)
    return file.getvalue()


def packed(**parts: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        for name, text in parts.items():
            package.writestr(name, text)
    return file.getvalue()


def refused(data: bytes, name: str = "leads.xlsx") -> str:
    with pytest.raises(TableError) as caught:
        read_table(data, name)
    return str(caught.value)


def sheet(workbook: xlsxwriter.Workbook, name: str, *lines: list[str]) -> xlsxwriter.worksheet.Worksheet:
    added = workbook.add_worksheet(name)
    for number, line in enumerate(lines):
        added.write_row(number, 0, line)
    return added


def every_kind_of_cell(workbook: xlsxwriter.Workbook) -> None:
    leads = sheet(workbook, "Leads", ["Text", "Number", "When", "Truth", "Error"])
    day, moment, clock = (
        workbook.add_format({"num_format": form}) for form in ("m/d/yyyy", "m/d/yy h:mm", "h:mm")
    )
    leads.write_string(1, 0, "007")
    leads.write_number(1, 1, 7635550102)
    leads.write_datetime(1, 2, date(2026, 12, 1), day)
    leads.write_boolean(1, 3, True)
    leads.write_formula(1, 4, "=1/0", None, "#DIV/0!")
    leads.write_string(3, 0, "'+1 763")
    leads.write_number(3, 1, 0.00000125)
    leads.write_datetime(3, 2, datetime(2026, 12, 1, 9, 20), moment)  # noqa: DTZ001 - a cell has no zone
    leads.write_boolean(3, 3, False)
    leads.write_string(4, 0, "two\nlines")
    leads.write_number(4, 1, -1200.5)
    leads.write_datetime(4, 2, time(9, 30), clock)
    # Times are fractions of a day, and not all of these are exact.
    leads.write_number(5, 2, 46356.99999999, moment)
    leads.write_number(6, 2, 46357.3958333, moment)


def test_cells_become_what_a_person_would_type() -> None:
    columns = ("Text", "Number", "When", "Truth", "Error")
    lines = {
        2: ("007", "7635550102", "2026-12-01", "yes", "#DIV/0!"),
        4: ("+1 763", "0.00000125", "2026-12-01T09:20:00", "no", ""),
        5: ("two\nlines", "-1200.5", "09:30:00", "", ""),
        6: ("", "", "2026-12-01", "", ""),
        7: ("", "", "2026-12-01T09:30:00", "", ""),
    }
    assert read_table(written(every_kind_of_cell), "-") == Table(
        columns,
        tuple(Row(number, dict(zip(columns, line, strict=True))) for number, line in lines.items()),
        "XLSX, sheet Leads",
    )


def test_a_table_may_begin_anywhere_and_its_rows_are_counted_from_the_top() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        leads = workbook.add_worksheet("Leads")
        leads.write_row(4, 2, ["Name", "Phone"])
        leads.write_row(6, 2, ["Sam", "555-0142"])

    assert read_table(written(fill), "-") == Table(
        ("Name", "Phone"), (Row(7, {"Name": "Sam", "Phone": "555-0142"}),), "XLSX, sheet Leads"
    )


def test_blank_columns_before_the_first_cell_are_read() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        leads = workbook.add_worksheet("Leads")
        leads.write_row(0, 2, ["Name", "Phone"])
        leads.write_string(1, 2, "Sam")
        leads.write_formula(1, 3, "=1/0", value="#DIV/0!")

    records = list(formats_workbook.read_workbook(written(fill)).records)
    assert records == [(1, ["", "", "Name", "Phone"]), (2, ["", "", "Sam", "#DIV/0!"])]


def test_the_first_sheet_with_rows_is_taken() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet(workbook, "Empty")
        sheet(workbook, "Cover", ["Home show 2026"])
        sheet(workbook, "Choices", ["Stage"], ["New"]).hide()
        workbook.add_chartsheet("Chart")
        sheet(workbook, "Leads", ["Name"], ["Sam"])
        sheet(workbook, "Later", ["Name"], ["Jane"])

    assert read_table(written(fill), "-") == Table(
        ("Name",),
        (Row(2, {"Name": "Sam"}),),
        "XLSX, sheet Leads (3 of 4)",
        remarks=snapshot(
            (
                'sheet "Choices", which is hidden, is not read (2 rows). To read it: --sheet "Choices"',
                'sheet "Later" is not read (2 rows). To read it: --sheet "Later"',
            )
        ),
    )


def test_a_header_alone_is_a_table_without_rows() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet(workbook, "Leads", ["Name"])
        sheet(workbook, "Notes", ["Thanks"])

    assert read_table(written(fill), "-") == Table(("Name",), (), "XLSX, sheet Leads (1 of 2)")


def test_an_empty_workbook() -> None:
    assert refused(written(lambda workbook: sheet(workbook, "Leads"))) == snapshot(
        "The file is empty. Its first line must name the columns"
    )


def test_old_and_free_workbooks() -> None:
    assert read_table(XLS, "leads.csv") == Table(
        ("Name", "Phone"), (Row(2, {"Name": "Jane Doe", "Phone": "7635550102"}),), "XLS, sheet Leads"
    )
    ods = packed(
        **{
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": ODS_CONTENT,
            "META-INF/manifest.xml": ODS_MANIFEST,
        }
    )
    assert read_table(ods, "-") == Table(("Name",), (Row(2, {"Name": "Jane Doe"}),), "ODS, sheet Leads")


def test_what_is_no_workbook() -> None:
    assert refused(packed(**{"Index/Document.iwa": ""}), "leads.numbers") == snapshot(
        "This is no workbook that can be read. Save it as XLSX or CSV (in Numbers: File, Export To, CSV)"
    )
    whole = written(lambda workbook: sheet(workbook, "Leads", ["Name"]))
    damaged = snapshot("The file is damaged. Save it again as XLSX or CSV")
    assert refused(whole[: len(whole) // 2]) == damaged
    unknown = snapshot("The workbook is damaged or of an unknown kind. Save it again as XLSX or CSV")
    assert refused(XLS[:600], "leads.xls") == unknown
    assert refused(packed(**{"xl/workbook.xml": "<workbook"})) == unknown


def test_a_password() -> None:
    # A locked XLSX lies in the container of XLS, under this name.
    locked = XLS.replace(
        "Workbook".encode("utf-16-le") + b"\0" * 16, "EncryptedPackage".encode("utf-16-le"), 1
    )
    assert locked != XLS
    assert refused(locked) == snapshot("The workbook has a password. Save a copy without one")


TOO_MUCH_MEMORY = (
    "To read the workbook takes too much memory: a cell far from the leads may hold something. Clear it, or save "
    "the sheet with the leads as CSV"
)


def rewritten(workbook: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The same workbook with other parts."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as before,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package,
    ):
        for name in before.namelist():
            package.writestr(name, change(name, before.read(name)))
    return file.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda _, part: part,
        lambda _, part: part.replace(b'<c r="XFD1048576" ', b"<c  r='XFD1048576' "),
        lambda _, part: part.replace(b'<c r="XFD1048576" t="s"', b'<c t="s" r="XFD1048576"'),
    ],
    ids=["as it is", "other quotes", "other order"],
)
def test_a_stray_cell_far_away_takes_no_memory_of_the_import(change: Callable[[str, bytes], bytes]) -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet(workbook, "Leads", ["Name"], ["Sam"]).write(1_048_575, 16_383, "x")

    assert refused(rewritten(written(fill), change)) == TOO_MUCH_MEMORY


@pytest.mark.slow
def test_an_ods_of_more_rows_than_are_read() -> None:
    row = (
        '<table:table-row table:number-rows-repeated="200000"><table:table-cell '
        'office:value-type="string"><text:p>Sam</text:p></table:table-cell></table:table-row>'
    )
    content = ODS_CONTENT.replace("</table:table>", f"{row}</table:table>")
    mimetype = "application/vnd.oasis.opendocument.spreadsheet"
    file = packed(**{"mimetype": mimetype, "content.xml": content, "META-INF/manifest.xml": ODS_MANIFEST})
    assert refused(file) == snapshot("The file has more than 200,000 rows. Split it into several files")


def test_a_stray_cell_that_there_is_memory_for() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet(workbook, "Leads", ["Name"], ["Sam"]).write(99_999, 199, "x")

    assert refused(written(fill)) == snapshot(
        "A sheet of the workbook reaches to row 100,000 and column 200. Clear what stands far from the leads, or save the sheet with the leads as CSV"
    )


def test_a_format_far_away_is_no_cell() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        bold = workbook.add_format({"bold": True})
        sheet(workbook, "Leads", ["Name"], ["Sam"]).write_blank(1_048_575, 16_383, None, bold)

    assert len(read_table(written(fill), "-").rows) == 1


def test_a_workbook_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats_workbook, "MAX_UNPACKED_BYTES", 1_000)
    assert refused(written(lambda workbook: sheet(workbook, "Leads", ["Name"]))) == snapshot(
        "The workbook is too large. Save the sheet with the leads as CSV"
    )


def test_without_the_package_that_reads_workbooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    assert refused(XLS) == f"Workbooks need another package: {install_hint('xlsx')}, or save the file as CSV"


def test_rows_that_are_hidden_or_filtered_out() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        leads = sheet(
            workbook,
            "Leads",
            ["Name", "Phone"],
            ["Ann", "612-555-0101"],
            ["Bob", "612-555-0102"],
            ["Cy", "1"],
        )
        leads.set_row(2, options={"hidden": True})
        leads.set_row(3, options={"hidden": True})

    table = read_table(written(fill), "-")
    assert ([row.cells["Name"] for row in table.rows], table.remarks) == snapshot(
        (
            ["Ann"],
            (
                "2 rows are hidden or filtered out in the sheet, and left out, such as row 3: Bob · 612-555-0102. To import them, show them and save the file",
            ),
        )
    )


def test_a_formula_whose_result_was_never_stored() -> None:
    def without_results(_: str, part: bytes) -> bytes:
        return part.replace(b"</f><v>0</v>", b"</f>").replace(b'<c r="D2">', b'<c r="D2" t="str">')

    def fill(workbook: xlsxwriter.Workbook) -> None:
        leads = sheet(workbook, "Leads", ["First", "Last", "Name", "Phone"], ["Ann", "Lee"])
        leads.write_formula(1, 2, '=A2&" "&B2')
        leads.write_formula(1, 3, "=VLOOKUP(A2,X:Y,2)", None, "")

    table = read_table(rewritten(written(fill), without_results), "-")
    assert [row.cells for row in table.rows] == [
        {"First": "Ann", "Last": "Lee", "Name": '=A2&" "&B2', "Phone": ""}
    ]


def test_the_sheet_that_is_said() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet(workbook, "Leads 2026", ["Name", "Phone"], ["Ann", "1"])
        sheet(workbook, "Old", ["Name", "Phone"], ["Bob", "2"])
        sheet(workbook, "Choices", ["Name"], ["Cy"]).hide()

    file = written(fill)
    names = {
        asked: read_table(file, "-", sheet=asked).rows[0].cells["Name"]
        for asked in ("leads 2026", "OLD", "2", "Choices")
    }
    assert names == {"leads 2026": "Ann", "OLD": "Bob", "2": "Bob", "Choices": "Cy"}
    with pytest.raises(TableError) as caught:
        read_table(file, "-", sheet="New")
    assert str(caught.value) == snapshot(
        "There is no sheet New (--sheet). The sheets are Leads 2026, Old, Choices"
    )
    with pytest.raises(TableError) as caught:
        read_table(b"Name,Phone", "-", sheet="1")
    assert str(caught.value) == snapshot(
        "--sheet is for workbooks, and this is a text file: it has one table"
    )


def test_the_sheet_with_known_headers_comes_before_a_text() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet(workbook, "Read me", ["How to use this"], ["Enter a lead in each row"], ["Thanks"])
        sheet(workbook, "Leads", ["Leads 2026"], [], ["Name", "Phone"], ["Ann", "612-555-0101"])

    table = read_table(written(fill), "-")
    assert (table.columns, table.format_text, table.remarks) == snapshot(
        (
            ("Name", "Phone"),
            "XLSX, sheet Leads (2 of 2)",
            (
                'sheet "Read me" is not read (3 rows). To read it: --sheet "Read me"',
                'row 1 is left out, above the header: "Leads 2026"',
                "row 3 names the columns",
            ),
        )
    )


def test_what_a_person_sees_in_a_cell() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        leads = sheet(workbook, "Leads", ["Name", "Phone", "Zip", "Follow up"])
        leads.merge_range(1, 0, 1, 3, "June")
        leads.write_string(2, 0, "Ann")
        leads.write_number(2, 1, 6125550101, workbook.add_format({"num_format": "(000) 000-0000"}))
        leads.write_number(2, 2, 2134, workbook.add_format({"num_format": "00000"}))
        leads.write_datetime(2, 3, date(2026, 12, 1), workbook.add_format({"num_format": "mmm d, yyyy"}))

    assert [tuple(row.cells.values()) for row in read_table(written(fill), "-").rows] == [
        ("June", "", "", ""),
        ("Ann", "6125550101", "2134", "2026-12-01"),
    ]
