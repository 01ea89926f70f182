"""Leads as a workbook: what other exports lost or changed in one stays as it is."""

import io
import re
import shutil
import tempfile
import tracemalloc
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from python_calamine import CalamineWorkbook

from rotor_mcp.api.models import Lead, read_lead
from rotor_mcp.import_export import lead_workbook
from rotor_mcp.import_export.formats.formula_guard import unguard
from rotor_mcp.import_export.lead_workbook import WorkbookError, open_workbook

CHICAGO = ZoneInfo("America/Chicago")


def written(names: list[str], *leads: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    with open_workbook(file, names, CHICAGO) as write:
        write([read_lead(lead) for lead in leads])
    return file.getvalue()


def cells(workbook: bytes) -> list[list[Any]]:
    """What is in the cells, below the header."""
    return CalamineWorkbook.from_filelike(io.BytesIO(workbook)).get_sheet_by_index(0).to_python()[1:]


def part(workbook: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(workbook)) as package:
        return package.read(name).decode()


@pytest.mark.parametrize(
    ("name", "value", "cell"),
    [
        # Leading zeros, and numbers of many digits.
        ("address_zip", "01234", "01234"),
        ("phone", "0912345678", "0912345678"),
        ("phone", "00367901234567890323", "00367901234567890323"),
        ("phone", "+1 612 555 0142", "+1 612 555 0142"),
        ("name", "1E5", "1E5"),
        ("source", "2-1", "2-1"),
        ("source", "TRUE", "TRUE"),
        # Formulas and links.
        ("name", "=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("name", "@x", "@x"),
        ("name", "-x", "-x"),
        ("name", "{=1+1}", "{=1+1}"),
        ("source", "https://example.com/?a=1&b=2", "https://example.com/?a=1&b=2"),
        # An import would remove this apostrophe.
        ("name", "'=x", "''=x"),
        ("tags", ["a;'=b", "c"], "a;''=b, c"),
        ("name", "'n Sync", "'n Sync"),
        # Letters.
        ("name", "Zoë 🏠 Łukasz 王", "Zoë 🏠 Łukasz 王"),
        ("name", 'a & b < c > "d"', 'a & b < c > "d"'),
        ("name", "]]>", "]]>"),
        ("notes", " one\r\ntwo\rthree\n\n four ", "one\ntwo\nthree\n\n four"),
        ("source", "one\r\ntwo", "one\r\ntwo"),
        ("name", "a\x0b\x1b[31mb\0", "a\x0b\x1b[31mb\0"),
        ("name", "_x0041_", "_x0041_"),
        # Of these xlsxwriter alone makes something else.
        ("name", "_x0041_x0042_", "_x0041_x0042_"),
        ("name", "a_x005F_x005F_x0041_ & b", "a_x005F_x005F_x0041_ & b"),
        ("name", "<r><t>Ann</t></r>", "<r><t>Ann</t></r>"),
        ("name", "<r>&</r>", "<r>&</r>"),
        ("name", "<r></r>", "<r></r>"),
        # Dates are those of the company, and are cells of dates if that loses nothing.
        ("follow_up_date", "2026-12-01T18:00:00Z", date(2026, 12, 1)),
        ("follow_up_date", "2026-12-01T23:30:00Z", datetime.fromisoformat("2026-12-01T17:30")),
        ("follow_up_date", "2026-12-02T02:30:00Z", datetime.fromisoformat("2026-12-01T20:30")),
        ("follow_up_date", "2026-12-01T23:30:01Z", "2026-12-01T17:30:01-06:00"),
        ("follow_up_date", "2026-11-01T06:30:00Z", datetime.fromisoformat("2026-11-01T01:30")),
        ("follow_up_date", "2026-11-01T07:30:00Z", "2026-11-01T01:30:00-06:00"),
        ("follow_up_date", "2026-12-01", date(2026, 12, 1)),
        ("follow_up_date", "1900-03-01", date(1900, 3, 1)),
        ("follow_up_date", "1900-02-28", "1900-02-28"),
        ("follow_up_date", "next week", "next week"),
        ("created_at", "1899-12-31T23:30:00Z", "1899-12-31 17:30"),
        ("archived_at", "9999-12-31", date(9999, 12, 31)),
        # Numbers.
        ("projected_value", 1200, 1200.0),
        ("projected_value", 299.5, 299.5),
        ("projected_value", -5, -5.0),
        ("projected_value", 0, 0.0),
        ("projected_value", 1e15, 1e15),
        ("projected_value", 0.1 + 0.2, "0.30000000000000004"),  # a workbook of xlsxwriter has 16 digits
        ("value_score", 7.25, 7.25),
        ("archived", True, "yes"),
        ("location", [45.04, -93.79], "45.04, -93.79"),
        ("tags", [], ""),
        ("name", None, ""),
    ],
)
def test_a_cell(name: str, value: Any, cell: Any) -> None:
    assert cells(written(["id", name], {"id": "x", name: value})) == [["x", cell]]


PARTS = [
    "_x",
    "_",
    "x",
    "0041",
    "_x0041",
    "_x0041_",
    "<r>",
    "</r>",
    "'",
    "=",
    ";",
    "&",
    "a",
    "\r",
    "\x01",
    " ",
]
TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.sampled_from(PARTS)).map("".join)


@given(st.lists(TEXT, max_size=20))
@example(["_x005F_x0041_", "__x0041_x0042_x0043_", "<r>_x0041_x0042_</r>", "<r>", "</r>", "<r></r>"])
@example(["_x0041\r", "<r>\x01</r>", "\uffff"])
def test_an_import_reads_every_text_as_it_is(texts: list[str]) -> None:
    """Refused are only control characters beside what looks like XML, and what is no character."""
    odd = re.compile("[\ufffe\uffff]|(?=.*(?:<r>|_x[0-9a-fA-F]{4})).*[\0-\x1f]", re.DOTALL)
    refused = set()
    for text in filter(odd.search, texts):
        try:
            written(["source"], {"source": text})
        except WorkbookError:
            refused.add(text)
    kept = [text for text in texts if text not in refused]
    stored = [read_lead({"source": text}).source or "" for text in kept]
    rows = cells(written(["id", "source"], *({"id": "x", "source": text} for text in kept)))
    assert [unguard(cell) for _, cell in rows] == stored


@pytest.mark.parametrize(
    "lead",
    [
        {"notes": "y" * 20_000},
        {"notes": "🏠" * 16_383 + "y"},
        {"tags": ["y" * 2_000] * 16},
    ],
    ids=["notes", "emoji", "tags"],
)
def test_a_long_text_is_not_cut(lead: dict[str, Any]) -> None:
    (name,) = lead
    ((_, cell),) = cells(written(["id", name], {"id": "x"} | lead))
    assert cell in (lead[name], ", ".join(lead[name]))


@pytest.mark.parametrize(
    "lead",
    [
        {"notes": "🏠" * 16_384},
        {"tags": ["y" * 2_000] * 17},
        {"name": "\ufffe"},
        {"name": "<r>\x01</r>"},
        {"source": "_x0041_x0042_\x01"},
    ],
    ids=["emoji", "tags", "no letter", "markup", "escapes"],
)
def test_what_no_cell_holds_is_refused(lead: dict[str, Any], request: pytest.FixtureRequest) -> None:
    file = io.BytesIO()
    with pytest.raises(WorkbookError) as caught, open_workbook(file, [*lead], CHICAGO) as write:
        write([read_lead({"id": "x"} | lead)])
    assert (str(caught.value), file.getvalue()) == (REFUSED[request.node.callspec.id], b"")


REFUSED: dict[str, str] = snapshot(
    {
        "emoji": "notes of lead x: 32,768 characters, and a cell of a workbook holds 32,767. Export to CSV, or leave this field out (--fields)",
        "tags": "tags of lead x: 34,032 characters, and a cell of a workbook holds 32,767. Export to CSV, or leave this field out (--fields)",
        "no letter": "name of lead x: characters that a workbook cannot hold. Export to CSV, or leave this field out (--fields)",
        "markup": "name of lead x: characters that a workbook cannot hold. Export to CSV, or leave this field out (--fields)",
        "escapes": "source of lead x: characters that a workbook cannot hold. Export to CSV, or leave this field out (--fields)",
    }
)


def test_more_leads_than_a_sheet_has_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_workbook, "MAX_LEADS", 2)
    assert len(cells(written(["id"], {"id": "a"}, {"id": "b"}))) == 2
    with pytest.raises(WorkbookError) as caught:
        written(["id"], {"id": "a"}, {"id": "b"}, {"id": "c"})
    assert str(caught.value) == snapshot(
        "A workbook holds at most 2 leads. Export to CSV, or fewer leads at a time"
    )


def test_files_that_somebody_clears_away_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = io.BytesIO()
    opened = open_workbook(file, ["id"], CHICAGO)
    opened.__enter__()([Lead(id="x")])
    for folder in tmp_path.iterdir():
        shutil.rmtree(folder)
    with pytest.raises(FileNotFoundError):
        opened.__exit__(None, None, None)
    assert file.getvalue() == b""


def test_the_sheet_has_a_header_that_stays_filters_and_columns_as_wide_as_what_they_hold() -> None:
    workbook = written(["name", "notes", "follow_up_date"], {"name": "Ann", "follow_up_date": "2026-12-01"})
    sheet = part(workbook, "xl/worksheets/sheet1.xml")
    assert sheet.partition("<sheetData>")[0].partition("<sheetViews>")[2] == snapshot(
        '<sheetView tabSelected="1" workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/><cols><col min="1" max="1" width="24.7109375" customWidth="1"/><col min="2" max="2" width="60.7109375" customWidth="1"/><col min="3" max="3" width="18.7109375" customWidth="1"/></cols>'
    )
    assert sheet.partition("<sheetData>")[2] == snapshot(
        '<row r="1"><c r="A1" s="1" t="inlineStr"><is><t>name</t></is></c><c r="B1" s="1" t="inlineStr"><is><t>notes</t></is></c><c r="C1" s="1" t="inlineStr"><is><t>follow_up_date</t></is></c></row><row r="2"><c r="A2" s="2" t="inlineStr"><is><t>Ann</t></is></c><c r="C2" s="3"><v>46357</v></c></row></sheetData><autoFilter ref="A1:C2"/><pageMargins left="0.7" right="0.7" top="0.75" bottom="0.75" header="0.3" footer="0.3"/><ignoredErrors><ignoredError sqref="A1:XFD1048576" numberStoredAsText="1"/></ignoredErrors></worksheet>'
    )
    styles = part(workbook, "xl/styles.xml")
    assert styles.partition("<numFmts")[2].partition("<fonts")[0] == snapshot(
        ' count="2"><numFmt numFmtId="164" formatCode="@"/><numFmt numFmtId="165" formatCode="yyyy-mm-dd"/></numFmts>'
    )
    assert styles.partition("<cellXfs")[2].partition("<cellStyles")[0] == snapshot(
        ' count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/><xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    )
    assert part(written(["name"]), "xl/worksheets/sheet1.xml").count("<row") == 1


def test_memory_does_not_grow_with_the_leads() -> None:
    """Rows that are written are in a file, and not kept."""
    page = [read_lead({"id": "x", "notes": f"{number} " * 50}) for number in range(1_000)]
    with open_workbook(io.BytesIO(), ["id", "notes"], CHICAGO) as write:
        tracemalloc.start()
        write(page)
        first, _ = tracemalloc.get_traced_memory()
        for _ in range(4):
            write(page)
        last, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert last - first < 50_000
