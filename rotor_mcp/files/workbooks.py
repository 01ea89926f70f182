"""A workbook (XLSX, XLS, ODS) → a table: the first sheet that can be seen and holds rows.

Cells become the text that a person would type for them.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from rotor_mcp.files.cells import unguard
from rotor_mcp.files.tables import Record, Table, TableError, number_text, tabulate, truth_text
from rotor_mcp.sanitize import one_line

if TYPE_CHECKING:
    from python_calamine import CalamineWorkbook

UNPACKED_LIMIT = 300_000_000
"""Bytes of a workbook's parts, unpacked."""
CELLS_LIMIT = 10_000_000
"""Cells of a sheet, from its first to the last that holds anything."""

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # the part in which Excel keeps a locked XLSX
_CELL = re.compile(rb'<(?:\w+:)?c r="([A-Z]{1,3})(\d{1,7})"[^>]*(?<!/)>')


def read(data: bytes) -> Table:
    """Read a workbook.

    Raises:
        TableError: if it cannot be read, or what reads it is not installed.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise TableError(
            "Workbooks need one package more: pip install 'rotor-mcp[xlsx]'. Or save the file as CSV"
        ) from None
    kind = _kind(data)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            sheet, records, of = _first_filled(workbook)
    except CalamineError:
        raise TableError(
            "The workbook is damaged or of an unknown kind. Save it again as XLSX or CSV"
        ) from None
    return tabulate(records, f"{kind}, sheet {one_line(sheet)}{of}")


def _kind(data: bytes) -> str:
    if not data.startswith(b"PK"):
        if _ENCRYPTED in data:
            raise TableError("The workbook has a password. Save a copy without one")
        return "XLS"
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = package.namelist()
            if "xl/workbook.xml" in names:
                _check_size(package)
                return "XLSX"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        raise TableError("The file is damaged. Save it again as XLSX or CSV") from None
    if "content.xml" in names:
        return "ODS"
    raise TableError(
        "This is no workbook that can be read. Save it as XLSX or CSV (in Numbers: File, Export To, CSV)"
    )


def _check_size(package: zipfile.ZipFile) -> None:
    """Refuse a workbook that would take all memory.

    A sheet is read as a full grid. One stray cell in its last corner makes that grid end the process.
    """
    parts = [part for part in package.infolist() if part.filename.endswith(".xml")]
    if sum(part.file_size for part in parts) > UNPACKED_LIMIT:
        raise TableError("The workbook is too large. Save the sheet with the leads as CSV")
    for part in parts:
        if part.filename.startswith("xl/worksheets/"):
            width = height = 0
            for column, row in _CELL.findall(package.read(part)):
                width, height = max(width, _column_number(column)), max(height, int(row))
            if width * height > CELLS_LIMIT:
                raise TableError(
                    f"A sheet of the workbook reaches to row {height:,} and column {width:,}. "
                    "Clear what stands far from the leads, or save the sheet with the leads as CSV"
                )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _first_filled(workbook: "CalamineWorkbook") -> tuple[str, list[Record], str]:
    """The first sheet with rows below a header, else the first with anything; and which of how many it is."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    seen = [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
    ]
    found: tuple[str, list[Record], str] = ("", [], "")
    for place, name in enumerate(seen, start=1):
        records = list(_records(workbook, name))
        if len(records) > len(found[1]):
            found = (name, records, f" ({place} of {len(seen)})" if len(seen) > 1 else "")
        if len(records) > 1:
            break
    return found


def _records(workbook: "CalamineWorkbook", name: str) -> Iterator[Record]:
    grid = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    for number, cells in enumerate(grid, start=1):
        texts = [_text(cell) for cell in cells]
        if any(text.strip() for text in texts):
            yield number, texts


def _text(cell: object) -> str:
    """The text of a cell. Cells with an error arrive blank."""
    match cell:
        case str():
            # Not only CSV: a CSV of ours that was opened in a spreadsheet and saved as XLSX keeps the guard.
            return unguard(cell)
        case bool():
            return truth_text(cell)
        case int() | float():
            return number_text(cell)
        case datetime():
            moment = (cell + timedelta(milliseconds=500)).replace(microsecond=0)  # it was a fraction of a day
            at_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
            return moment.date().isoformat() if at_midnight else moment.isoformat()
        case date():
            return cell.isoformat()
        case _:
            return str(cell)
